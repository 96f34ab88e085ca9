"""The trial ledger only grows, and a ledger that does not add up halts whoever asks it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from core.errors import HaltError, InputError
from core.statistics import Sample
from core.store.ledger import TrialLedger, TrialLine, count_trials, overlapping

LINE = TrialLine(
    run_id="20260101T000000Z-00000001",
    made_at="2026-01-01T00:00:00Z",
    purpose="search",
    venue="hyperliquid",
    interval="1h",
    symbols=("BTC", "ETH"),
    start_ms=1_000,
    end_ms=2_000,
    spec_sha256="a" * 64,
    row_count=100,
    sharpe_mean=0.01,
    sharpe_variance=0.0004,
)

APPENDER = """
import sys
from dataclasses import replace
from pathlib import Path
from core.store.ledger import TrialLedger
from test_ledger import LINE
for number in range(int(sys.argv[2])):
    with TrialLedger.open(Path(sys.argv[1])) as ledger:
        ledger.append(replace(LINE, run_id=f"{sys.argv[3]}-{number}"))
    print(number, flush=True)
"""


def ledger_path(root: Path) -> Path:
    return root / "state" / "ledger.sqlite"


def filled(root: Path, count: int = 3) -> Path:
    with TrialLedger.open(root) as ledger:
        for number in range(count):
            ledger.append(replace(LINE, run_id=f"run-{number}"))
    return ledger_path(root)


def appender(root: Path, count: int, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(root), str(count), name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), "."])},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_lines_come_back_as_they_went_in(tmp_path: Path) -> None:
    other = replace(LINE, run_id="b", purpose="judge", symbols=("kPEPE",), sharpe_mean=-1 / 3)

    with TrialLedger.open(tmp_path) as ledger:
        assert ledger.append(LINE)
        assert ledger.append(other)

    with TrialLedger.open(tmp_path) as ledger:
        assert ledger.lines() == [LINE, other]


def test_only_the_owner_reads_it(tmp_path: Path) -> None:
    path = filled(tmp_path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_trials_are_counted_once(tmp_path: Path) -> None:
    with TrialLedger.open(tmp_path) as ledger:
        assert ledger.append(LINE)
        assert not ledger.append(LINE)
        assert not ledger.append(replace(LINE, made_at="2027-01-01T00:00:00Z"))
        assert ledger.append(replace(LINE, run_id="another run tries again"))
        assert ledger.append(replace(LINE, end_ms=3_000))

        assert count_trials(ledger.lines()).count == 300


def test_a_sweep_that_was_stopped_and_taken_up_counts_its_rows_once(tmp_path: Path) -> None:
    with TrialLedger.open(tmp_path) as ledger:
        assert ledger.append(replace(LINE, row_count=40))
        assert ledger.append(LINE)
        assert not ledger.append(replace(LINE, row_count=60))

        assert count_trials(ledger.lines()) == Sample(100, 0.01, pytest.approx(0.0004))


def test_judging_one_configuration_again_in_another_run_is_no_new_trial(tmp_path: Path) -> None:
    judged = replace(LINE, purpose="judge", row_count=1)
    with TrialLedger.open(tmp_path) as ledger:
        assert ledger.append(judged)
        assert not ledger.append(replace(judged, run_id="another"))
        assert ledger.append(replace(judged, spec_sha256="b" * 64))


def test_a_search_of_no_rows_leaves_no_line(tmp_path: Path) -> None:
    with TrialLedger.open(tmp_path) as ledger:
        assert not ledger.append(replace(LINE, row_count=0))
        assert ledger.lines() == []


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({}, True),
        ({"symbols": ("SOL", "ETH")}, True),
        ({"symbols": ("SOL",)}, False),
        ({"venue": "synthetic"}, False),
        ({"interval": "4h"}, True),
        ({"start_ms": 1_999, "end_ms": 5_000}, True),
        ({"start_ms": 2_000, "end_ms": 5_000}, False),
        ({"start_ms": 0, "end_ms": 1_000}, False),
        ({"start_ms": 0, "end_ms": 1_001}, True),
    ],
)
def test_trials_count_that_share_a_symbol_and_an_instant(
    change: dict[str, object], counts: bool
) -> None:
    line = replace(LINE, **change)  # type: ignore[arg-type]

    found = overlapping([line], venue="hyperliquid", symbols=("ETH",), window=(1_000, 2_000))

    assert found == ([line] if counts else [])


def test_counts_add_up_and_spreads_pool() -> None:
    lines = [
        replace(LINE, row_count=1, sharpe_mean=1.0, sharpe_variance=0.0),
        replace(LINE, run_id="b", row_count=3, sharpe_mean=5.0, sharpe_variance=0.0),
    ]

    assert count_trials(lines) == Sample(4, 4.0, 3.0)


@pytest.mark.parametrize("statement", ["DELETE FROM trials", "UPDATE trials SET row_count = 1"])
def test_no_line_is_changed_or_removed(tmp_path: Path, statement: str) -> None:
    path = filled(tmp_path)
    connection = apsw.Connection(str(path))

    with pytest.raises(apsw.ConstraintError, match="only grows"):
        connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials SET row_count = 1 WHERE id = 2",
        "UPDATE trials SET symbols = 'none' WHERE id = 1",
        "DELETE FROM trials WHERE id = 1",
        "DELETE FROM trials WHERE id = 2",
        "DROP TABLE trials",
    ],
)
def test_a_ledger_changed_behind_our_back_halts(tmp_path: Path, statement: str) -> None:
    path = filled(tmp_path)
    connection = apsw.Connection(str(path))
    connection.execute("DROP TRIGGER trials_never_change; DROP TRIGGER trials_never_go")
    connection.execute(statement)
    connection.close()

    with pytest.raises(HaltError, match="damaged") as caught:
        TrialLedger.open(tmp_path)

    assert caught.value.exit_code == 5
    assert "backup" in caught.value.hint


@pytest.mark.parametrize("junk", [b"not a database at all, but long enough" * 40, b"\0" * 8192])
def test_a_file_that_is_no_ledger_halts(tmp_path: Path, junk: bytes) -> None:
    path = ledger_path(tmp_path)
    path.parent.mkdir()
    path.write_bytes(junk)

    with pytest.raises(HaltError, match="damaged"):
        TrialLedger.open(tmp_path)


def test_a_torn_page_halts(tmp_path: Path) -> None:
    path = filled(tmp_path, 200)
    data = bytearray(path.read_bytes())
    data[8192:12288] = os.urandom(4096)
    path.write_bytes(data)

    with pytest.raises(HaltError, match="damaged"):
        TrialLedger.open(tmp_path)


def test_a_ledger_of_another_program_halts(tmp_path: Path) -> None:
    path = ledger_path(tmp_path)
    path.parent.mkdir()
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE other (x)")
    connection.close()

    with pytest.raises(HaltError, match="damaged"):
        TrialLedger.open(tmp_path)


def test_a_newer_ledger_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 2)
    connection.close()

    with pytest.raises(InputError, match="schema version 2, this perpkit knows 1"):
        TrialLedger.open(tmp_path)


def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file is in the way")

    with pytest.raises(InputError, match="cannot be written"):
        TrialLedger.open(tmp_path)


def test_two_programs_at_once_lose_no_line(tmp_path: Path) -> None:
    programs = [appender(tmp_path, 15, name) for name in ("one", "two")]
    for program in programs:
        program.communicate(timeout=60)
        assert program.returncode == 0

    with TrialLedger.open(tmp_path) as ledger:
        assert len(ledger.lines()) == 30


def test_a_line_that_was_reported_survives_a_kill(tmp_path: Path) -> None:
    for attempt, wanted in enumerate((0, 2, 5)):
        with appender(tmp_path / str(attempt), 1_000, "killed") as program:
            assert program.stdout is not None
            reported = [program.stdout.readline() for _ in range(wanted + 1)]
            program.kill()
            program.wait()
            reported += program.stdout.readlines()

        with TrialLedger.open(tmp_path / str(attempt)) as ledger:
            kept = len(ledger.lines())
        assert kept >= len([line for line in reported if line.endswith("\n")])
