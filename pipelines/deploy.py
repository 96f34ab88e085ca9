"""Deploy: a judged configuration into a lane, or the one before back into it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.files import stored_hash
from core.artifacts.hashing import sha256_hex
from core.artifacts.manifest import RunningCommand, running_command
from core.artifacts.tree import Run, find_run, find_runs, read_artifact, write_artifact
from core.clock import Clock, utc_iso
from core.config import LoadedStrategy, load_strategy
from core.errors import InputError, RefusedError, UsageError
from core.lanes import Lane, begin, end, lane_of, read_file, settle
from core.lock import hold
from kernel.jit import kernel_id
from schemas.artifact import Source
from schemas.deployment import Action, DeploymentEvent, LaneChange
from schemas.validation import GateReport

Note = Callable[[str], None]


@dataclass(frozen=True)
class DeployRequest:
    """What the command line asked for; a rollback names no configuration."""

    lane: str
    root: Path
    by: str
    config: Path | None = None
    gate_report: Path | None = None
    rollback: bool = False
    reason: str = ""
    dry_run: bool = False
    run_id: str | None = None


@dataclass(frozen=True)
class Wanted:
    """What is to be in the lane, checked: its bytes and identity, and what it rests on."""

    data: bytes
    config_id: str
    sources: tuple[Source, ...]
    gate_report_hash: str | None
    synthetic: bool

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return sha256_hex(self.data)


@dataclass(frozen=True)
class DeployResult:
    """The lane's file and what became of it; `event` is None when nothing was changed."""

    strategy: Path
    event: Path | None
    action: Action
    before_config_id: str | None
    after_config_id: str
    changed: bool


def run(request: DeployRequest, clock: Clock, note: Note) -> DeployResult:
    """The lane as it is after the change, or would be with `dry_run`.

    Raises RefusedError without a passing gate report that fits the configuration and today's
    decision rules, when there is nothing to roll back to, and when another command changes the
    lane; UsageError for a request that contradicts itself.
    """
    lane = lane_of(request.root, request.lane)
    _check_request(request)
    action: Action = "rollback" if request.rollback else "deploy"
    judged = None if request.rollback else judged_config(request.config, request.gate_report)
    if request.rollback and not lane.change.exists():
        previous_config(lane, request.root)  # refuse before a run is opened for nothing
    if request.dry_run:
        wanted = judged or previous_config(lane, request.root)
        before_id = _identity(lane.strategy, note)
        note(f"dry run: nothing is changed in lane {lane.name}")
        changed = read_file(lane.strategy) != wanted.data
        return DeployResult(lane.strategy, None, action, before_id, wanted.config_id, changed)
    with (
        running_command(
            request.root, clock, request.run_id, command="deploy", argv=sys.argv[1:]
        ) as running,
        hold(lane.lock, what=f"lane {lane.name}"),
    ):
        _settle(lane, running, clock, note)
        wanted = judged or previous_config(lane, request.root)
        before_id = _identity(lane.strategy, note)
        if read_file(lane.strategy) == wanted.data:
            note(f"lane {lane.name} holds this configuration already")
            return DeployResult(
                lane.strategy, None, action, before_id, wanted.config_id, changed=False
            )
        change = _change(lane, request, wanted, before_id, action, running.run, clock)
        begin(lane, change, wanted.data)
        event = _log(change, running, clock)
        end(lane)
    return DeployResult(lane.strategy, event, action, before_id, wanted.config_id, changed=True)


def judged_config(config: Path | None, gate_report: Path | None) -> Wanted:
    """The configuration, which a passing gate report must vouch for."""
    assert config is not None
    loaded = load_strategy(config)
    data = read_file(config)
    if data is None or sha256_hex(data) != loaded.source_sha256:
        raise InputError("the file changed while it was read", at=str(config), hint="try again")
    _refuse_unjudged_sections(config, loaded)
    if gate_report is None:
        raise RefusedError(
            "nothing is deployed without a passing gate report",
            at=str(config),
            hint=f"`perpkit validate {config}` writes one; name it with --gate-report",
        )
    if not gate_report.is_file():
        raise InputError(
            "there is no such gate report",
            at=str(gate_report),
            hint="`perpkit validate` names the report of each candidate: gates/ID.json in its run",
        )
    try:
        envelope, report = read_artifact(gate_report, GateReport)
    except InputError as error:
        raise RefusedError(error.what, at=error.at, hint=error.hint) from error
    failed = [check.name for check in report.checks if not check.passed]
    if failed or not report.passed:
        raise RefusedError(
            f"the gate report refuses this configuration: {', '.join(failed)}",
            at=str(gate_report),
            hint="deploy one that passed; `perpkit show` prints the report",
        )
    if report.config_id != loaded.config_id:
        raise RefusedError(
            "the gate report is about another configuration",
            at=f"{gate_report}: config_id {report.config_id[:12]}, {config} has "
            f"{loaded.config_id[:12]}",
            hint="give the report that `validate` wrote for this very configuration",
        )
    if envelope.kernel_id != kernel_id():
        raise RefusedError(
            "the gate report was made by other decision rules",
            at=f"{gate_report}: kernel_id {envelope.kernel_id[:12]}, today's is {kernel_id()[:12]}",
            hint="validate again with this version",
        )
    sources = (
        Source(path=str(config), sha256=loaded.source_sha256),
        Source(path=str(gate_report), sha256=envelope.content_hash),
    )
    return Wanted(data, loaded.config_id, sources, envelope.content_hash, envelope.synthetic)


def previous_config(lane: Lane, root: Path) -> Wanted:
    """What the lane held before, if a deployment with a gate report put it there."""
    data = read_file(lane.previous)
    if data is None or data == read_file(lane.strategy):
        raise RefusedError(
            f"lane {lane.name} has nothing to roll back to",
            at=str(lane.previous),
            hint="a lane keeps the configuration before the present one, once it was changed",
        )
    loaded = load_strategy(lane.previous)
    source = Source(path=str(lane.previous), sha256=loaded.source_sha256)
    gate_report_hash, synthetic = _deployed_on(lane, root, sha256_hex(data))
    if gate_report_hash is None:
        raise RefusedError(
            "what the lane held before was never judged: no deployment of these bytes is on record",
            at=str(lane.previous),
            hint="validate it and deploy it with its gate report, or deploy another one",
        )
    return Wanted(data, loaded.config_id, (source,), gate_report_hash, synthetic)


def _deployed_on(lane: Lane, root: Path, sha256: str) -> tuple[str | None, bool]:
    """(gate report's content hash, synthetic) of the newest event that deployed these bytes."""
    for run in reversed(find_runs(root)):
        paths = (run.dir / DeploymentEvent.folder).glob(f"deploy-{lane.name}-*.json")
        for path in sorted(paths, reverse=True):
            try:
                envelope, event = read_artifact(path, DeploymentEvent)
            except InputError:  # a way back must not hang on an old file that is damaged
                continue
            if event.lane == lane.name and event.after_sha256 == sha256:
                return event.gate_report_hash, envelope.synthetic
    return None, False


def _check_request(request: DeployRequest) -> None:
    if request.rollback and (request.config is not None or request.gate_report is not None):
        raise UsageError(
            "a rollback takes no configuration and no gate report",
            at="--rollback",
            hint=f"perpkit deploy --lane {request.lane} --rollback",
        )
    if not request.rollback and request.config is None:
        raise UsageError(
            "no configuration was given",
            at="deploy",
            hint=f"perpkit deploy CONFIG --lane {request.lane} --gate-report FILE, or --rollback",
        )


def _refuse_unjudged_sections(config: Path, loaded: LoadedStrategy) -> None:
    """Refuse a file whose live section trades by other values than those that were judged."""
    if load_strategy(config, live=True).config_id != loaded.config_id:
        raise RefusedError(
            "the file's live section changes values that no gate has judged",
            at=f"{config}: live",
            hint="move them to `global` and validate again",
        )


def _settle(lane: Lane, running: RunningCommand, clock: Clock, note: Note) -> None:
    """Finish what an earlier command was killed in."""
    change = settle(lane)
    if change is None:
        return
    event = _log(change, running, clock)
    end(lane)
    note(f"finished the {change.event.action} of {change.event.at}, which was cut short: {event}")


def _change(
    lane: Lane,
    request: DeployRequest,
    wanted: Wanted,
    before_id: str | None,
    action: Action,
    run: Run,
    clock: Clock,
) -> LaneChange:
    now_ms = clock.now_ms()
    before = read_file(lane.strategy)
    event = DeploymentEvent(
        lane=lane.name,
        action=action,
        at=utc_iso(now_ms),
        by=request.by,
        reason=request.reason,
        before_config_id=before_id,
        after_config_id=wanted.config_id,
        before_sha256=None if before is None else sha256_hex(before),
        after_sha256=wanted.sha256,
        gate_report_hash=wanted.gate_report_hash,
    )
    return LaneChange(
        run_id=run.run_id,
        event_name=f"{event.action}-{lane.name}-{now_ms}-{event.after_config_id[:12]}",
        synthetic=wanted.synthetic,
        sources=wanted.sources,
        event=event,
    )


def _log(change: LaneChange, running: RunningCommand, clock: Clock) -> Path:
    """The event's artifact, in the run that made the change; written once, whoever writes it."""
    run = running.run
    if change.run_id != run.run_id:
        try:
            run = find_run(run.root, change.run_id)
        except InputError:  # that run's folder is gone: the event goes into this one
            run = running.run
    path = run.path(change.event.folder, f"{change.event_name}.json")
    if not stored_hash(path):
        write_artifact(
            run,
            change.event,
            name=change.event_name,
            sources=change.sources,
            synthetic=change.synthetic,
            clock=clock,
        )
    running.outputs.append(path)
    return path


def _identity(path: Path, note: Note) -> str | None:
    """Identity of the deployed configuration; None when there is none or it cannot be read."""
    if read_file(path) is None:
        return None
    try:
        return load_strategy(path).config_id
    except InputError as error:
        note(f"the deployed file cannot be read and is replaced: {error.what} ({error.at})")
        return None
