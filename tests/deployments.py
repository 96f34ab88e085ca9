"""Strategies with gate reports to deploy, and a lane that is killed at every file operation.

As a program it prints one JSON line per kill: `python -m tests.deployments FOLDER`. The tests run
it so, because a process that is to be forked and killed must have no threads of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.hashing import content_hash, sha256_file
from core.artifacts.tree import find_runs, open_run, read_artifact, write_artifact
from core.clock import ManualClock, SystemClock
from core.config import load_strategy, strategy_yaml
from core.expansion import with_values
from core.gates import check
from pipelines.deploy import DeployRequest, run
from schemas.artifact import Envelope, Source
from schemas.deployment import DeploymentEvent
from schemas.strategy import Strategy
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
    strategy = with_values(Strategy(), {"trade.stop_loss_atr": stop_loss_atr})
    config.write_text(strategy_yaml(strategy, comment=f"strategy {name}"))
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


def kill_at_each_operation(folder: Path) -> None:
    """Deploy and roll back, killed before the 1st, 2nd, 3rd ... file operation until none is left.

    One JSON line per kill: what the lane held before, right after the kill, and after the next
    command settled it.
    """
    first = judged(folder, "first", stop_loss_atr=1.0)
    second = judged(folder, "second", stop_loss_atr=2.0)
    third = judged(folder, "third", stop_loss_atr=3.0)
    for action in ("deploy", "rollback"):
        for nth in range(1, KILLS_MAX):
            root = folder / f"{action}-{nth}"
            change(deploy_request(root, first))
            change(deploy_request(root, second))
            request = (
                deploy_request(root, third) if action == "deploy" else rollback_request(root)
            )
            ended = _killed_at(nth, lambda request=request: change(request))
            wanted, other = (third, first) if action == "deploy" else (first, second)
            _tell(root, action, nth, after_kill=_state(root))
            change(deploy_request(root, second if action == "deploy" else wanted))
            _tell(root, action, nth, settled=_state(root), event_count=len(events(root)))
            if ended:
                break


def _killed_at(nth: int, work: Callable[[], None]) -> bool:
    """Do `work` in a child that kills itself before its nth file operation; True if it ended."""
    child = os.fork()
    if child == 0:
        _kill_before(nth)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        assert os.waitstatus_to_exitcode(status) == 0
        return True
    assert os.WTERMSIG(status) == signal.SIGKILL
    return False


def _kill_before(nth: int) -> None:
    left = nth

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate"):
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
