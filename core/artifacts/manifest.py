"""What was done in a run: one line per command, safe when two commands end at once."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.artifacts.files import envelope_of, is_synthetic, read_artifact, write_envelope
from core.artifacts.runs import Run, open_run
from core.clock import Clock, utc_iso
from core.errors import EXIT_BUG, EXIT_INTERRUPTED, EXIT_TERMINATED, PerpkitError, Terminated
from core.lock import hold
from schemas.artifact import CommandRecord, RunMetadata

RUN_LOCK = ".run.lock"
METADATA_LOCK = ".run_metadata.lock"
METADATA_WAIT_S = 30.0


@dataclass
class RunningCommand:
    """A command that has its run to itself; append to `outputs` what it makes."""

    run: Run
    outputs: list[Path] = field(default_factory=list)
    exit_code: int = 0


@contextmanager
def running_command(
    root: Path, clock: Clock, run_id: str | None, *, command: str, argv: Sequence[str]
) -> Iterator[RunningCommand]:
    """Open or join a run, keep other commands out of it, and record how the block ended.

    Raises RefusedError when another command is at work in the run.  Set `exit_code` for an end
    that is not an error (1 when a gate refused); errors and signals record their own.
    """
    run = open_run(root, clock, run_id)
    with hold(run.dir / RUN_LOCK, what=f"run {run.run_id}"):
        running = RunningCommand(run)
        try:
            yield running
        except BaseException as error:
            running.exit_code = _exit_code(error)
            # On a full disk the record cannot be written either: the first error says why.
            with suppress(PerpkitError):
                _record(running, command, argv, clock)
            raise
        _record(running, command, argv, clock)


def _record(running: RunningCommand, command: str, argv: Sequence[str], clock: Clock) -> None:
    record_command(running.run, command, list(argv), running.outputs, running.exit_code, clock)


def record_command(
    run: Run,
    command: str,
    argv: list[str],
    outputs: list[Path],
    exit_code: int,
    clock: Clock,
) -> Path:
    """Path of the run's metadata, to which this command was added.

    One synthetic output marks the whole run for good.
    """
    record = CommandRecord(
        command=command,
        argv=tuple(argv),
        ended_at=utc_iso(clock.now_ms()),
        exit_code=exit_code,
        perpkit=importlib.metadata.version("perpkit"),
        outputs=tuple(_relative(run, path) for path in outputs),
    )
    path = run.metadata_path
    with hold(run.dir / METADATA_LOCK, what="the run's metadata", wait_s=METADATA_WAIT_S):
        earlier: tuple[CommandRecord, ...] = ()
        synthetic = any(is_synthetic(output) for output in outputs if output.suffix == ".json")
        if path.exists():
            envelope, body = read_artifact(path, RunMetadata)
            earlier, synthetic = body.commands, synthetic or envelope.synthetic
        changed = RunMetadata(commands=(*earlier, record))
        envelope = envelope_of(run, changed, sources=(), synthetic=synthetic, clock=clock)
        write_envelope(path, envelope, RunMetadata)
    return path


def _relative(run: Run, path: Path) -> str:
    """`path` as seen from the run's folder, so that a tree can be moved whole."""
    return Path(os.path.relpath(path.absolute(), run.dir.absolute())).as_posix()


def _exit_code(error: BaseException) -> int:
    if isinstance(error, PerpkitError):
        return error.exit_code
    if isinstance(error, Terminated):
        return EXIT_TERMINATED
    return EXIT_INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_BUG
