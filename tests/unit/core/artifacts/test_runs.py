"""Runs are opened, joined and found again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.artifacts.runs import Run, find_run, find_runs, open_run, resolve_artifact
from core.clock import ManualClock
from core.errors import InputError

CLOCK = ManualClock(1_767_323_045_678)


def test_a_new_run_is_named_by_its_time_and_lies_under_its_day(tmp_path: Path) -> None:
    run = open_run(tmp_path, CLOCK, None)

    assert re.fullmatch(r"20260102T030405Z-[0-9a-f]{8}", run.run_id)
    assert run.dir == tmp_path / "artifacts" / "2026-01-02" / f"run_{run.run_id}"
    assert run.dir.is_dir()


def test_runs_opened_in_one_instant_differ(tmp_path: Path) -> None:
    opened = {open_run(tmp_path, CLOCK, None).run_id for _ in range(20)}

    assert {run.run_id for run in find_runs(tmp_path)} == opened
    assert len(opened) == 20


def test_a_run_is_joined_by_its_id_on_any_later_day(tmp_path: Path) -> None:
    run = open_run(tmp_path, CLOCK, None)
    later = ManualClock(CLOCK.now_ms() + 3 * 86_400_000)

    for text in (run.run_id, f"run_{run.run_id}", run.run_id[:-3], "latest"):
        assert open_run(tmp_path, later, text) == run


def test_an_unknown_run_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing was run here yet"):
        open_run(tmp_path, CLOCK, "x")
    run = open_run(tmp_path, CLOCK, None)

    with pytest.raises(InputError, match="there is no run") as caught:
        open_run(tmp_path, CLOCK, f"{run.run_id[:-1]}q")

    assert run.run_id in caught.value.hint


def test_a_beginning_that_fits_two_runs_is_refused(tmp_path: Path) -> None:
    open_run(tmp_path, CLOCK, None)
    open_run(tmp_path, CLOCK, None)

    with pytest.raises(InputError, match="fits 2 runs"):
        open_run(tmp_path, CLOCK, "2026")


@pytest.mark.parametrize("text", ["", "run_", "..", "../x"])
def test_a_text_that_is_no_id_opens_nothing(tmp_path: Path, text: str) -> None:
    open_run(tmp_path, CLOCK, None)

    with pytest.raises(InputError):
        open_run(tmp_path, CLOCK, text)


def test_a_root_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match="cannot be written"):
        open_run(tmp_path / "file", CLOCK, None)


def test_a_root_whose_name_no_file_system_takes_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too long"):
        open_run(tmp_path / ("x" * 300), CLOCK, None)


def test_files_folders_and_ids_are_resolved(tmp_path: Path) -> None:
    run = open_run(tmp_path, CLOCK, None)
    path = run.path("reports", "x.json")
    path.parent.mkdir()
    path.touch()
    run.metadata_path.touch()

    assert resolve_artifact(tmp_path, str(path)) == path
    for text in (run.run_id, str(run.dir), str(run.metadata_path)):
        found = resolve_artifact(tmp_path, text)
        assert isinstance(found, Run)
        assert found.dir == run.dir


def test_a_mistyped_file_is_answered_with_the_nearest(tmp_path: Path) -> None:
    run = open_run(tmp_path, CLOCK, None)
    path = run.path("reports", "btc.json")
    path.parent.mkdir()
    path.touch()

    with pytest.raises(InputError) as caught:
        resolve_artifact(tmp_path, str(path.with_name("btx.json")))

    assert caught.value.hint == f"the nearest is {path}"


def test_runs_of_one_second_stand_in_the_order_in_which_they_were_opened(tmp_path: Path) -> None:
    opened = [open_run(tmp_path, ManualClock(1_767_323_045_000 + ms), None) for ms in (7, 90, 800)]

    assert [run.run_id for run in find_runs(tmp_path)] == [run.run_id for run in opened]
    assert find_run(tmp_path, "latest") == opened[-1]
