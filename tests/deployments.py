"""Strategies with gate reports to deploy, and a lane that is killed at every file operation.

As a program, `python -m tests.deployments FOLDER ACTION COUNT`, it prints one JSON line per kill.
The tests run it so, because a process that is to be forked must have no threads.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.hashing import content_hash, sha256_file
from core.artifacts.tree import find_runs, open_run, read_artifact, write_artifact
from core.clock import ManualClock, SystemClock, monotonic_s, sleep_s
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
    """All events of a root, oldest first; their names end in the instant and the config id."""
    paths = [path for run_ in find_runs(root) for path in (run_.dir / "logs").glob("*.json")]
    ordered = sorted(paths, key=lambda path: int(path.stem.split("-")[-2]))
    return [read_artifact(path, DeploymentEvent)[1] for path in ordered]


def held(root: Path, items: dict[str, Judged]) -> dict[str, str]:
    """Which item each file of the lane is; `none` where there is no file, `torn` if it is none."""
    names = {item.sha256: name for name, item in items.items()}
    found = {}
    for name in ("strategy", "previous"):
        path = root / "lanes" / LANE / f"{name}.yaml"
        found[name] = names.get(sha256_file(path), "torn") if path.exists() else "none"
    return found


def kills(folder: Path, action: str, count: int) -> Iterator[dict[str, object]]:
    """Change a lane and be killed in the midst of it, again and again.

    With `count` 0 before its 1st, 2nd, 3rd ... file operation, until none is left; otherwise
    `count` times at instants spread over the time that the change takes. The lane holds `second`,
    and `first` before that; it is given `third`, or rolled back. Yields what the lane held right
    after the kill and after the next command, and which whole changes were logged then.
    """
    items = {
        name: judged(folder / "judged", name, stop_loss_atr=stop)
        for name, stop in (("first", 1.0), ("second", 2.0), ("third", 3.0))
    }
    names = {item.config_id: name for name, item in items.items()}
    template = folder / "template"
    change(deploy_request(template, items["first"]))
    change(deploy_request(template, items["second"]))
    takes_s = _time_s(template, folder / "timed", lambda root: _request(root, action, items))
    for nth in range(1, (count or KILLS_MAX) + 1):
        root = folder / str(nth)
        shutil.copytree(template, root)
        delay_s = takes_s * nth / count if count else None
        ended = _killed(root, _request(root, action, items), nth, delay_s)
        killed = held(root, items)
        change(deploy_request(root, items[killed["strategy"]]))
        yield {
            "ended": ended,
            "killed": killed,
            "settled": held(root, items),
            "logged": [names[event.after_config_id] for event in events(root)],
            "left": sorted(path.name for path in (root / "lanes" / LANE).iterdir()),
        }
        if ended and not count:
            return


def _request(root: Path, action: str, items: dict[str, Judged]) -> DeployRequest:
    return deploy_request(root, items["third"]) if action == "deploy" else rollback_request(root)


def _time_s(template: Path, root: Path, request_of: Callable[[Path], DeployRequest]) -> float:
    shutil.copytree(template, root)
    started_s = monotonic_s()
    change(request_of(root))
    return monotonic_s() - started_s


def _killed(root: Path, request: DeployRequest, nth: int, delay_s: float | None) -> bool:
    """Carry out the request in a child that is killed; True if it ended before that.

    Without a delay it kills itself before its nth operation on a file of the lane or its logs.
    """
    child = os.fork()
    if child == 0:
        if delay_s is None:
            _die_before(nth, (f"{root}/lanes/", "/logs/"))
        change(request)
        os._exit(0)
    if delay_s is not None:
        sleep_s(delay_s)
        os.kill(child, signal.SIGKILL)
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
    for line in kills(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])):
        print(json.dumps(line), flush=True)  # noqa: T201
