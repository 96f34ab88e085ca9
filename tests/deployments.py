"""Strategies with gate reports to deploy, and a lane that is killed at every file operation.

As a program it prints one JSON line per kill: `python -m tests.deployments FOLDER ACTION`. The tests
run it so, because a process that is to be forked must have no threads.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.hashing import content_hash, sha256_file
from core.artifacts.tree import find_runs, open_run, read_artifact, write_artifact
from core.clock import ManualClock, SystemClock
from core.config import load_strategy
from core.gates import check
from pipelines.deploy import DeployRequest, run
from schemas.artifact import Envelope, Source
from schemas.deployment import DeploymentEvent
from schemas.validation import GateReport, Gates, HoldoutMetrics, HoldoutSlice

CLOCK = ManualClock(1_767_323_045_678)
LANE = "paper"
KILLS_MAX = 400
"""More file operations than one deployment makes; reaching it means that it never ends."""


@dataclass(frozen=True)
class Judged:
    """A strategy file and its gate report."""

    config: Path
    gate_report: Path
    config_id: str

    @property
    def sha256(self) -> str:
        """Hash of the strategy file."""
        return sha256_file(self.config)


def judged(root: Path, name: str, *, stop_loss_atr: float, passed: bool = True) -> Judged:
    """A strategy that differs from others by its stop, and a verdict on it."""
    config = root / f"{name}.yaml"
    root.mkdir(parents=True, exist_ok=True)
    config.write_text(
        f"kind: strategy\nversion: 1\nglobal: {{trade: {{stop_loss_atr: {stop_loss_atr}}}}}\n"
    )
    loaded = load_strategy(config)
    report = GateReport(
        config_id=loaded.config_id,
        rank=None,
        spec_sha256=None,
        passed=passed,
        checks=(check("position_count", 40 if passed else 4, ">=", 30),),
        interval="1h",
        symbols=("BTC",),
        initial_equity_usd=10_000.0,
        holdout_start_ms=0,
        holdout_end_ms=3_600_000,
        slices=(HoldoutSlice(start_ms=0, end_ms=3_600_000, pnl_usd=1.0),),
        trial_count=1,
        trial_sharpe_variance=0.0,
        sharpe_expected_best=0.0,
        gates=Gates(kind="gates", version=1),
        holdout=(HoldoutMetrics(slippage_bps=20.0, metrics={"net_pnl_usd": 1.0}),),
        null_reasons={},
    )
    source = Source(path=str(config), sha256=loaded.source_sha256)
    path = write_artifact(
        open_run(root, CLOCK, None),
        report,
        name=loaded.config_id,
        sources=[source],
        synthetic=True,
        clock=CLOCK,
    )
    return Judged(config, path, loaded.config_id)


def forged(path: Path, **changes: object) -> Path:
    """A copy of an artifact with other fields in its envelope and a content hash that fits them."""
    raw = json.loads(path.read_text()) | changes
    envelope = Envelope.model_validate(raw)
    raw["content_hash"] = content_hash(
        kind=envelope.kind,
        version=envelope.version,
        kernel_id=envelope.kernel_id,
        synthetic=envelope.synthetic,
        source_hashes=[source.sha256 for source in envelope.sources],
        body=envelope.body,
    )
    copy = path.with_name(f"forged-{path.name}")
    copy.write_text(json.dumps(raw))
    return copy


def deploy_request(root: Path, item: Judged) -> DeployRequest:
    """What puts the item into the lane."""
    return DeployRequest(
        lane=LANE, root=root, by="ann", config=item.config, gate_report=item.gate_report
    )


def rollback_request(root: Path) -> DeployRequest:
    """What brings the one before back."""
    return DeployRequest(lane=LANE, root=root, by="ann", rollback=True)


def change(request: DeployRequest) -> None:
    """Carry out a request, saying nothing."""
    run(request, SystemClock(), lambda _: None)


def events(root: Path) -> list[DeploymentEvent]:
    """All events of a root, oldest run first."""
    return [
        read_artifact(path, DeploymentEvent)[1]
        for run_ in find_runs(root)
        for path in sorted((run_.dir / "logs").glob("*.json"))
    ]


def held(root: Path, items: dict[str, Judged]) -> dict[str, str]:
    """Which item each file of the lane is, `none` where there is no file, `torn` if it is neither."""
    names = {item.sha256: name for name, item in items.items()}
    found = {}
    for name in ("strategy", "previous"):
        path = root / "lanes" / LANE / f"{name}.yaml"
        found[name] = names.get(sha256_file(path), "torn") if path.exists() else "none"
    return found


def kill_at_each_operation(folder: Path, action: str) -> Iterator[dict[str, object]]:
    """Change a lane, killed before its 1st, 2nd, 3rd ... file operation until none is left.

    The lane holds `second`, and `first` before that; it is given `third`, or rolled back. Yields
    what the lane held right after the kill and after the next command, and how many events of
    whole changes there are then.
    """
    items = {
        name: judged(folder / "judged", name, stop_loss_atr=stop)
        for name, stop in (("first", 1.0), ("second", 2.0), ("third", 3.0))
    }
    template = folder / "template"
    change(deploy_request(template, items["first"]))
    change(deploy_request(template, items["second"]))
    for nth in range(1, KILLS_MAX):
        root = folder / str(nth)
        shutil.copytree(template, root)
        request = (
            deploy_request(root, items["third"]) if action == "deploy" else rollback_request(root)
        )
        ended = _killed_at(nth, root, request)
        killed = held(root, items)
        change(deploy_request(root, items[killed["strategy"]]))
        yield {
            "nth": nth,
            "ended": ended,
            "killed": killed,
            "settled": held(root, items),
            "events": [event.after_config_id for event in events(root)],
            "left": sorted(path.name for path in (root / "lanes" / LANE).iterdir()),
        }
        if ended:
            return


def _killed_at(nth: int, root: Path, request: DeployRequest) -> bool:
    """Carry out the request in a child that dies before its nth operation; True if it ended."""
    child = os.fork()
    if child == 0:
        _die_before(nth, (f"{root}/lanes/", "/logs/"))
        change(request)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code == 0


def _die_before(nth: int, places: tuple[str, ...]) -> None:
    """Kill this process before its nth operation on a file in one of the places."""
    left = nth

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate"):
            return
        if any(place in str(argument) for argument in arguments[:2] for place in places):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    for line in kill_at_each_operation(Path(sys.argv[1]), sys.argv[2]):
        print(json.dumps(line), flush=True)  # noqa: T201
