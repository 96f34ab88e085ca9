"""Intervals, the aligned block, and what a cut leaves of it."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from core.market.bars import (
    HOUR_MS,
    INTERVALS,
    LATE_BARS_MAX,
    BarBlock,
    block_from_rows,
    interval_to_ms,
    nearest,
)
from tests.candle_rows import START_MS, record, rows_of

LATE_AND_ENDED = [
    *(record("BTC", hour) for hour in (0, 1, 2, 4)),
    *(record("ETH", hour) for hour in (0, 1)),
    *(record("SOL", hour) for hour in (2, 4)),
]


def test_all_fourteen_intervals_of_the_venue_are_known() -> None:
    assert " ".join(INTERVALS) == "1m 3m 5m 15m 30m 1h 2h 4h 8h 12h 1d 3d 1w 1M"


@pytest.mark.parametrize(("interval", "says"), [("1M", "no fixed length"), ("1hr", "not one of")])
def test_an_interval_without_a_length_is_refused(interval: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        interval_to_ms(interval)


def test_the_timeline_is_the_union_of_open_times() -> None:
    block = block_from_rows(rows_of(LATE_AND_ENDED), "1h", synthetic=False)

    assert ((block.ts_open_ms - START_MS) // HOUR_MS).tolist() == [0, 1, 2, 4]
    assert block.present.T.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]]
    assert block.bar_count == len(LATE_AND_ENDED)
    assert block.close_px.flags.c_contiguous
    assert (block.close_px[~block.present] == 0.0).all()


def bars_until(btc_hours: int) -> BarBlock:
    """BTC to the end, ETH for two hours, SOL to one hour before the end."""
    bars = [record("BTC", hour) for hour in range(btc_hours)]
    bars += [record("ETH", hour) for hour in (0, 1)]
    bars += [record("SOL", hour) for hour in range(btc_hours - 1)]
    return block_from_rows(rows_of(bars), "1h", synthetic=False)


def test_a_symbol_that_stops_well_before_the_store_does_has_ended() -> None:
    count = 2 + LATE_BARS_MAX + 1

    assert bars_until(count).last_bar_index.tolist() == [count, 1, count]
    assert bars_until(count - 1).last_bar_index.tolist() == [count - 1] * 3


def test_a_cut_keeps_the_bars_that_had_closed() -> None:
    block = block_from_rows(rows_of(LATE_AND_ENDED), "1h", synthetic=False)

    cut = block.cut(START_MS + 2 * HOUR_MS)

    assert len(cut.ts_open_ms) == 2
    assert cut.symbols == block.symbols
    assert block.cut(START_MS + 2 * HOUR_MS - 1).ts_open_ms.tolist() == [START_MS]
    assert len(block.cut(START_MS).ts_open_ms) == 0


def test_a_cut_does_not_make_a_symbol_look_ended() -> None:
    block = bars_until(9)

    assert block.cut(START_MS + 1 * HOUR_MS).last_bar_index.tolist() == [1, 1, 1]
    assert block.cut(START_MS + 3 * HOUR_MS).last_bar_index.tolist() == [3, 1, 3]


def test_the_hash_names_what_is_there_and_not_where_it_lies() -> None:
    rows = rows_of(LATE_AND_ENDED)
    block = block_from_rows(rows, "1h", synthetic=False, path="a")

    assert block_from_rows(rows, "1h", synthetic=False, path="b").sha256 == block.sha256
    assert block_from_rows(rows, "1h", synthetic=True).sha256 != block.sha256
    assert block.cut(START_MS + HOUR_MS).sha256 != block.sha256
    assert block.cut(START_MS + 9 * HOUR_MS) is block


def test_an_unknown_symbol_is_refused_with_the_nearest_name() -> None:
    block = block_from_rows(rows_of(LATE_AND_ENDED), "1h", synthetic=False)

    assert block.columns_of(["SOL", "BTC"]).tolist() == [2, 0]
    with pytest.raises(InputError) as caught:
        block.columns_of(["BTC", "btcc"])
    assert caught.value.what == "symbol 'btcc' has no bars in this store"
    assert caught.value.hint == "did you mean BTC?"


def test_nearest_names_come_whatever_their_case() -> None:
    assert nearest("kpepe", ["PEOPLE", "kPEPE", "BTC"])[0] == "kPEPE"
    assert nearest("zzz", ["BTC"]) == ()


def test_a_block_of_one_bar_is_whole() -> None:
    block = block_from_rows(rows_of([record()]), "1h", synthetic=False)

    np.testing.assert_array_equal(block.high_px, [[2.0]])
    assert block.last_bar_index.tolist() == [1]
