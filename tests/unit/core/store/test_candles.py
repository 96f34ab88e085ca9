"""The candle store: what goes in comes out, closed bars stay, and every fault has three lines."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import apsw
import numpy as np
import pytest

from core.clock import ManualClock
from core.errors import InputError, RefusedError
from core.market.bars import Rows
from core.store import candles, funding, sqlite
from core.store.series import IngestCounts, Origin
from tests.candle_rows import START_MS, Record, record, records_of, rows_of

REPOSITORY = Path(__file__).resolve().parents[4]
CLOCK = ManualClock(1_767_323_045_678)
RECORDED = Origin("test", "0" * 64)
SYNTHETIC = Origin("seed 1", "1" * 64, synthetic=True)
BARS = [record("BTC", 0), record("BTC", 1, 1.2), record("ETH", 1)]


def ingest(store: Path, records: list[Record], origin: Origin = RECORDED) -> IngestCounts:
    return candles.ingest(store, "1h", rows_of(records), origin, CLOCK)


def stored(store: Path) -> list[Record]:
    return records_of(candles.load_rows(store, "1h").rows)


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path))
    found = connection.execute(sql).fetchall()
    connection.close()
    return found


def test_a_second_ingest_changes_nothing(tmp_path: Path) -> None:
    assert ingest(tmp_path, BARS) == IngestCounts(inserted=3, unchanged=0, revised=0)
    before = query(tmp_path / "candles_1h.sqlite", "SELECT * FROM ingests")

    assert ingest(tmp_path, BARS) == IngestCounts(inserted=0, unchanged=3, revised=0)
    assert query(tmp_path / "candles_1h.sqlite", "SELECT * FROM ingests") == before
    assert stored(tmp_path) == BARS


def test_symbols_that_come_later_are_sorted_in(tmp_path: Path) -> None:
    ingest(tmp_path, [record("ETH", 0), record("SOL", 0)])
    ingest(tmp_path, [record("BTC", 2), record("ETH", 1)])

    block = candles.load(tmp_path, "1h")

    assert block.symbols == ("BTC", "ETH", "SOL")
    assert block.present.T.tolist() == [[0, 0, 1], [1, 1, 0], [1, 0, 0]]
    assert stored(tmp_path) == sorted(stored(tmp_path))


def test_the_hash_does_not_depend_on_the_order_of_arrival(tmp_path: Path) -> None:
    ingest(tmp_path / "a", BARS)
    for bar in reversed(BARS):
        ingest(tmp_path / "b", [bar])

    first, second = (candles.load(tmp_path / name, "1h") for name in "ab")

    assert first.sha256 == second.sha256
    assert first.path != second.path


def test_a_closed_bar_does_not_change_without_a_reason(tmp_path: Path) -> None:
    ingest(tmp_path, BARS)

    with pytest.raises(InputError) as caught:
        ingest(tmp_path, [record("BTC", 1, 1.3), record("BTC", 2)])

    assert "BTC 2025-01-01T01:00:00Z close_px 1.2 -> 1.3" in caught.value.what
    assert "--revise" in caught.value.hint
    assert stored(tmp_path) == BARS


def test_a_revision_keeps_the_old_values_and_the_reason(tmp_path: Path) -> None:
    ingest(tmp_path, BARS)

    counts = ingest(
        tmp_path,
        [record("BTC", 0), record("BTC", 1, 1.3), record("BTC", 2)],
        Origin("again", "2" * 64, revise_reason="the venue corrected it"),
    )

    assert counts == IngestCounts(inserted=1, unchanged=1, revised=1)
    assert stored(tmp_path)[1] == record("BTC", 1, 1.3)
    found = query(
        tmp_path / "candles_1h.sqlite",
        "SELECT name, ts_open_ms, old_close_px, new_close_px, at_ms, source, reason FROM revisions"
        " JOIN ingests ON ingests.id = ingest_id JOIN symbols ON symbols.id = symbol_id",
    )
    at_ms = CLOCK.now_ms()
    wanted = ("BTC", record("BTC", 1)[1], 1.2, 1.3, at_ms, "again", "the venue corrected it")
    assert found == [wanted]


def test_recorded_and_synthetic_bars_never_meet(tmp_path: Path) -> None:
    ingest(tmp_path / "real", BARS)
    ingest(tmp_path / "made", BARS, SYNTHETIC)

    assert candles.load(tmp_path / "made", "1h").synthetic
    assert not candles.load(tmp_path / "real", "1h").synthetic
    with pytest.raises(InputError, match="never mixed"):
        ingest(tmp_path / "real", [record("SOL")], SYNTHETIC)
    with pytest.raises(InputError, match="never mixed"):
        ingest(tmp_path / "made", [record("SOL")])
    with pytest.raises(InputError, match="never mixed"):
        candles.ingest(tmp_path / "made", "4h", rows_of([record("SOL")]), RECORDED, CLOCK)


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    ingest(tmp_path, BARS)

    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_store_in_a_folder_that_cannot_be_written_can_be_read(tmp_path: Path) -> None:
    ingest(tmp_path, BARS)
    tmp_path.chmod(0o500)
    try:
        assert stored(tmp_path) == BARS
    finally:
        tmp_path.chmod(0o700)


def test_a_broken_bar_is_refused_by_the_store_itself(tmp_path: Path) -> None:
    crossed = ("BTC", START_MS, 1.0, 0.9, 0.5, 1.0, 1.0)

    with pytest.raises(apsw.ConstraintError):
        ingest(tmp_path, [record("BTC", 5), crossed])


def damaged(store: Path, how: str) -> None:
    path = store / "candles_1h.sqlite"
    match how:
        case "no folder":
            store.rmdir()
        case "a file":
            store.rmdir()
            store.write_text("x")
        case "another interval":
            candles.ingest(store, "4h", rows_of(BARS[:1]), RECORDED, CLOCK)
        case "no bytes":
            path.write_bytes(b"")
        case "no database":
            path.write_bytes(b"this is text, and enough of it to be a header" * 30)
        case "no store":
            apsw.Connection(str(path)).execute("CREATE TABLE mine(a)")
        case "newer":
            ingest(store, BARS)
            query(path, "UPDATE meta SET value = '2' WHERE key = 'schema_version'")
        case "renamed":
            candles.ingest(store, "4h", rows_of(BARS[:1]), RECORDED, CLOCK)
            (store / "candles_4h.sqlite").rename(path)
        case "funding":
            funding.ingest(
                store, Rows(("BTC",), np.zeros(1, int), np.zeros(1, int), np.ones((1, 2))),
                RECORDED, CLOCK,
            )  # fmt: skip
            (store / "funding.sqlite").rename(path)


@pytest.mark.parametrize(
    ("how", "what", "at"),
    [
        ("no folder", "the store folder does not exist", "store"),
        ("a file", "this is a file, not a store folder", "store"),
        ("empty", "the store has no bars of interval 1h", "it holds no interval at all"),
        ("another interval", "the store has no bars of interval 1h", "it holds 4h"),
        ("no bytes", "the store holds no bars yet", "candles_1h.sqlite"),
        ("no database", "damaged or not an SQLite database", "candles_1h.sqlite"),
        ("no store", "not a perpkit store", "candles_1h.sqlite"),
        ("newer", "schema version 2, this program knows 1", "candles_1h.sqlite"),
        ("renamed", "the file holds interval 4h, not 1h", "candles_1h.sqlite"),
        ("funding", "the file holds funding rates, not bars", "candles_1h.sqlite"),
    ],
)
def test_a_store_that_cannot_be_read_says_why_and_what_helps(
    tmp_path: Path, how: str, what: str, at: str
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    damaged(store, how)

    with pytest.raises(InputError) as caught:
        candles.load(store, "1h")

    assert what in caught.value.what
    assert at in caught.value.at
    assert caught.value.hint


def test_a_damaged_page_is_an_input_error(tmp_path: Path) -> None:
    ingest(tmp_path, [record("BTC", hour) for hour in range(500)])
    path = tmp_path / "candles_1h.sqlite"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))

    with pytest.raises(InputError, match="damaged"):
        candles.load(tmp_path, "1h")


def test_a_second_writer_is_refused_after_its_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(tmp_path, BARS)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 10)
    other = apsw.Connection(str(tmp_path / "candles_1h.sqlite"))
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(RefusedError, match="another command is writing"):
            ingest(tmp_path, [record("SOL")])
        assert stored(tmp_path) == BARS
    finally:
        other.close()
    assert ingest(tmp_path, [record("SOL")]).inserted == 1


FULL_DISK = """
import resource, sys
from pathlib import Path
from core.clock import ManualClock
from core.errors import InputError
from core.store import candles
from core.store.series import Origin
from tests.candle_rows import record, rows_of

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rows = rows_of([record("SOL", hour) for hour in range(20_000)])
try:
    candles.ingest(Path(sys.argv[1]), "1h", rows, Origin("t", "0" * 64), ManualClock(1))
except InputError as error:
    print(error.what)
    sys.exit(error.exit_code)
"""


def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    ingest(tmp_path, BARS)

    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )

    assert done.returncode == 3, done.stderr
    assert "cannot be read or written" in done.stdout
    assert stored(tmp_path) == BARS


def test_funding_rates_keep_their_missing_premium(tmp_path: Path) -> None:
    rows = Rows(
        symbols=("BTC", "ETH"),
        symbol_index=np.array([0, 0, 1]),
        ts_ms=np.array([0, 3_600_000, 0]),
        values=np.array([[1e-5, np.nan], [2e-5, 3e-4], [-1e-5, np.nan]]),
    )

    assert funding.ingest(tmp_path, rows, RECORDED, CLOCK).inserted == 3
    assert funding.ingest(tmp_path, rows, RECORDED, CLOCK).unchanged == 3
    found = funding.load(tmp_path).rows
    assert found.symbols == rows.symbols
    np.testing.assert_array_equal(found.values, rows.values)


def test_a_store_without_funding_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no funding rates"):
        funding.load(tmp_path)
