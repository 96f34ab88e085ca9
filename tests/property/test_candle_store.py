"""The store gives back what it was given, whatever the order, and a kill never tears an ingest."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import ManualClock
from core.errors import InputError
from core.market.bars import HOUR_MS, block_from_rows
from core.store import candles
from core.store.series import IngestCounts, Origin
from pipelines.rows import read_rows
from tests.candle_rows import (
    START_MS,
    Record,
    random_records,
    record,
    records_of,
    rows_of,
    write_csv,
)

REPOSITORY = Path(__file__).resolve().parents[2]
CLOCK = ManualClock(START_MS + 10_000 * HOUR_MS)
ORIGIN = Origin("test", "0" * 64)
seeds = st.integers(0, 2**32 - 1)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder per example, as hypothesis runs many examples in one test."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def from_file(place: Path, records: list[Record]) -> IngestCounts:
    found = read_rows(write_csv(place / "bars.csv", records), "candles", HOUR_MS, CLOCK.now_ms())
    return candles.ingest(place / "store", "1h", found.rows, ORIGIN, CLOCK)


@settings(max_examples=40)
@given(seeds)
def test_what_is_loaded_is_what_the_file_held(seed: int) -> None:
    records = random_records(seed)
    with folder() as place:
        from_file(place, records)

        assert records_of(candles.load_rows(place / "store", "1h").rows) == records
        block = candles.load(place / "store", "1h")
        assert block.sha256 == block_from_rows(rows_of(records), "1h", synthetic=False).sha256


@settings(max_examples=30)
@given(seeds, st.randoms(use_true_random=False))
def test_neither_order_nor_repeats_nor_portions_matter(seed: int, chance: random.Random) -> None:
    records = random_records(seed)
    with folder() as place:
        shuffled = [*records, *chance.sample(records, len(records) // 3)]
        chance.shuffle(shuffled)
        cut = chance.randrange(len(shuffled) + 1)
        portions = [part for part in (shuffled[:cut], shuffled[cut:]) if part]

        counts = [from_file(place, part) for part in portions]

        assert sum(count.inserted for count in counts) == len(records)
        assert records_of(candles.load_rows(place / "store", "1h").rows) == records


@settings(max_examples=20)
@given(seeds)
def test_a_second_ingest_finds_all_and_writes_nothing(seed: int) -> None:
    records = random_records(seed)
    with folder() as place:
        from_file(place, records)
        before = (place / "store" / "candles_1h.sqlite").read_bytes()

        assert from_file(place, records) == IngestCounts(0, len(records), 0)

        assert (place / "store" / "candles_1h.sqlite").read_bytes() == before


@settings(max_examples=30)
@given(seeds, st.integers(0, 50))
def test_a_cut_is_the_block_of_the_bars_that_had_closed(seed: int, hours: int) -> None:
    records = random_records(seed)
    end_ms = START_MS + hours * HOUR_MS
    closed = [bar for bar in records if bar[1] + HOUR_MS <= end_ms]
    whole = block_from_rows(rows_of(records), "1h", synthetic=False)

    cut = whole.cut(end_ms)

    assert cut.bar_count == len(closed)
    assert (cut.ts_open_ms + HOUR_MS <= end_ms).all()
    assert (cut.last_bar_index <= len(cut.ts_open_ms)).all()
    assert cut.cut(end_ms - HOUR_MS).sha256 == whole.cut(end_ms - HOUR_MS).sha256


INGEST = """
import sys
from pathlib import Path
from core.clock import ManualClock
from core.store import candles
from core.store.series import Origin
from tests.candle_rows import record, rows_of

rows = rows_of([record(name, hour) for name in ("BTC", "ETH") for hour in range(10, 15_010)])
print("ready", flush=True)
candles.ingest(Path(sys.argv[1]), "1h", rows, Origin("t", "0" * 64), ManualClock(1))
"""
ADDED_COUNT = 30_000


def killed_ingest(store: Path, wait_s: float) -> bool:
    """Whether an ingest in another process was killed before it ended."""
    process = subprocess.Popen(
        [sys.executable, "-c", INGEST, str(store)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("has_bars", [True, False])
def test_a_kill_leaves_the_store_as_it_was_or_as_it_is_after(
    tmp_path: Path, has_bars: bool
) -> None:
    old = [record("BTC", hour) for hour in range(5)] if has_bars else []
    kills = 0
    for attempt, wait_s in enumerate((0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.09)):
        store = tmp_path / str(attempt)
        if old:
            candles.ingest(store, "1h", rows_of(old), ORIGIN, CLOCK)

        kills += killed_ingest(store, wait_s)

        count = store_count(store)
        assert count in (len(old), len(old) + ADDED_COUNT)
        more = candles.ingest(store, "1h", rows_of([record("SOL", 9)]), ORIGIN, CLOCK)
        assert more.inserted == 1
        assert store_count(store) == count + 1
    assert kills >= 2


def store_count(store: Path) -> int:
    """Bars in the store; 0 also when there is none yet."""
    try:
        return candles.load(store, "1h").bar_count
    except InputError as error:
        if "does not exist" in error.what or "no bars" in error.what:
            return 0
        raise
