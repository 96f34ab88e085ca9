"""What was done in a run is kept, whoever ends first and however it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.artifacts.manifest import record_command, running_command
from core.artifacts.tree import open_run, read_artifact, write_artifact
from core.clock import ManualClock
from core.errors import InputError, RefusedError, Terminated
from schemas.artifact import RunMetadata
from tests.unit.core.artifacts.probe import Probe

CLOCK = ManualClock(1_767_323_045_678)
RECORDER = """
import sys; from pathlib import Path
from core.artifacts.manifest import record_command
from core.artifacts.tree import open_run
from core.clock import SystemClock
run = open_run(Path(sys.argv[1]), SystemClock(), "latest")
for number in range(10):
    record_command(run, sys.argv[2], [str(number)], [], 0, SystemClock())
"""


def test_commands_that_end_at_once_are_all_recorded(tmp_path: Path) -> None:
    run = open_run(tmp_path, CLOCK, None)

    recorders = [
        subprocess.Popen([sys.executable, "-c", RECORDER, str(tmp_path), name]) for name in "ab"
    ]

    assert [recorder.wait() for recorder in recorders] == [0, 0]
    _, body = read_artifact(run.metadata_path, RunMetadata)
    for name in "ab":
        told = [record.argv for record in body.commands if record.command == name]
        assert told == [(str(number),) for number in range(10)]


def test_outputs_are_recorded_as_seen_from_the_run(tmp_path: Path) -> None:
    run = open_run(tmp_path, CLOCK, None)
    outputs = [run.path("reports", "x.json"), tmp_path / "stores" / "candles_1h.sqlite"]

    record_command(run, "fetch", ["--store", "stores"], outputs, 0, CLOCK)

    _, body = read_artifact(run.metadata_path, RunMetadata)
    assert body.commands[0].outputs == (
        "reports/x.json",
        "../../../stores/candles_1h.sqlite",
    )


def test_one_synthetic_artifact_marks_the_run(tmp_path: Path) -> None:
    with running_command(tmp_path, CLOCK, None, command="probe", argv=[]) as running:
        path = write_artifact(
            running.run, Probe(number=1.0), name="x", sources=[], synthetic=True, clock=CLOCK
        )
        running.outputs.append(path)

    record_command(running.run, "other", [], [], 0, CLOCK)

    envelope, _ = read_artifact(running.run.metadata_path, RunMetadata)
    assert envelope.synthetic


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (InputError("x"), 3),
        (RefusedError("x"), 1),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
        (ValueError("x"), 70),
    ],
)
def test_a_command_that_fails_is_recorded_with_its_code(
    tmp_path: Path, error: BaseException, exit_code: int
) -> None:
    def fail() -> None:
        with running_command(tmp_path, CLOCK, None, command="probe", argv=["a"]):
            raise error

    with pytest.raises(type(error)):
        fail()

    run = open_run(tmp_path, CLOCK, "latest")
    _, body = read_artifact(run.metadata_path, RunMetadata)
    assert [record.exit_code for record in body.commands] == [exit_code]


def test_two_commands_at_work_in_one_run_are_refused(tmp_path: Path) -> None:
    with (
        running_command(tmp_path, CLOCK, None, command="sweep", argv=[]) as running,
        pytest.raises(RefusedError, match="is in use by process"),
        running_command(tmp_path, CLOCK, running.run.run_id, command="sweep", argv=[]),
    ):
        pass


def test_a_record_that_cannot_be_written_does_not_hide_the_first_error(tmp_path: Path) -> None:
    def fail() -> None:
        with running_command(tmp_path, CLOCK, None, command="probe", argv=[]) as running:
            running.run.metadata_path.mkdir()
            raise InputError("the first error")

    with pytest.raises(InputError, match="the first error"):
        fail()
