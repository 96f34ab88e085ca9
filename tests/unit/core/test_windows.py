"""Search, purge and holdout never touch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError, RefusedError
from core.expansion import with_values
from core.market.bars import HOUR_MS
from core.windows import (
    cut_slices,
    cut_windows,
    longest_window_bars,
    overlaps,
    refuse_overlap,
)
from schemas.strategy import Strategy

START_MS = 1_700_006_400_000


def hours(count: int) -> np.ndarray:
    return START_MS + HOUR_MS * np.arange(count, dtype=np.int64)


def test_the_holdout_is_the_last_quarter_and_the_purge_lies_before_it() -> None:
    cut = cut_windows(
        hours(1000), HOUR_MS, start_ms=None, end_ms=None, holdout_frac=0.25, purge_bars=200
    )

    assert cut.search_start_ms == START_MS
    assert cut.search_bar_count == 550
    assert cut.search_end_ms == START_MS + 550 * HOUR_MS
    assert cut.holdout_start_ms == START_MS + 750 * HOUR_MS
    assert cut.holdout_bar_count == 250
    assert cut.holdout_end_ms == cut.data_end_ms == START_MS + 1000 * HOUR_MS


def test_start_and_end_bound_all_of_it() -> None:
    cut = cut_windows(
        hours(1000),
        HOUR_MS,
        start_ms=START_MS + 100 * HOUR_MS + 1,
        end_ms=START_MS + 902 * HOUR_MS - 1,
        holdout_frac=0.5,
        purge_bars=10,
    )

    assert cut.data_start_ms == START_MS + 101 * HOUR_MS
    assert cut.data_end_ms == START_MS + 901 * HOUR_MS
    assert (cut.search_bar_count, cut.holdout_bar_count) == (390, 400)


@given(
    count=st.integers(1, 400),
    frac=st.floats(0.001, 0.9),
    purge=st.integers(0, 50),
    holes=st.sets(st.integers(0, 399), max_size=100),
)
def test_whatever_is_asked_no_bar_is_both_searched_and_held_out(
    count: int, frac: float, purge: int, holes: set[int]
) -> None:
    ts_open = np.delete(hours(count), sorted(hole for hole in holes if hole < count))
    try:
        cut = cut_windows(
            ts_open, HOUR_MS, start_ms=None, end_ms=None, holdout_frac=frac, purge_bars=purge
        )
    except InputError:
        assert len(ts_open) - np.ceil(len(ts_open) * frac) - purge < 1
        return

    closes = ts_open + HOUR_MS
    searched = (ts_open >= cut.search_start_ms) & (closes <= cut.search_end_ms)
    held = (ts_open >= cut.holdout_start_ms) & (closes <= cut.holdout_end_ms)
    assert int(searched.sum()) == cut.search_bar_count
    assert int(held.sum()) == cut.holdout_bar_count
    assert cut.holdout_bar_count >= frac * len(ts_open)
    between = (closes > cut.search_end_ms) & (ts_open < cut.holdout_start_ms)
    assert int(between.sum()) == purge
    assert not (searched & held).any()


def test_too_few_bars_are_refused_with_the_sum() -> None:
    with pytest.raises(InputError) as caught:
        cut_windows(
            hours(250), HOUR_MS, start_ms=None, end_ms=None, holdout_frac=0.25, purge_bars=200
        )

    assert caught.value.what == (
        "250 bars are too few: the holdout takes 63, the purge 200, and 0 are left to search"
    )


def test_a_start_after_the_end_is_refused() -> None:
    with pytest.raises(InputError, match="its start is"):
        cut_windows(hours(9), HOUR_MS, start_ms=5, end_ms=5, holdout_frac=0.25, purge_bars=0)


def test_the_longest_window_counts_the_values_of_axes() -> None:
    strategy = with_values(Strategy(), {"indicators.ema_macro_window_bars": 120})
    axis = ("indicators.bb_window_bars", (20, 300))

    assert longest_window_bars(strategy, ()) == 120
    assert longest_window_bars(strategy, [axis, ("trade.stop_loss_atr", (900.0,))]) == 300


@given(count=st.integers(1, 200), slices=st.integers(1, 12))
def test_slices_tile_the_window_in_parts_that_differ_by_one_bar(count: int, slices: int) -> None:
    ts_open = hours(count)
    end_ms = START_MS + count * HOUR_MS
    if count < slices:
        with pytest.raises(InputError, match="too few"):
            cut_slices(ts_open, HOUR_MS, start_ms=START_MS, end_ms=end_ms, count=slices)
        return

    parts = cut_slices(ts_open, HOUR_MS, start_ms=START_MS, end_ms=end_ms, count=slices)

    lengths = [(end - start) // HOUR_MS for start, end in parts]
    assert parts[0][0] == START_MS
    assert parts[-1][1] == end_ms
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert max(lengths) - min(lengths) <= 1


def test_windows_that_only_touch_do_not_overlap() -> None:
    assert not overlaps((0, 10), (10, 20))
    assert overlaps((0, 11), (10, 20))
    assert overlaps((5, 6), (0, 100))


def test_a_holdout_that_was_searched_is_refused_with_both_windows() -> None:
    refuse_overlap((100, 200), (0, 100), searched_by="run 7")

    with pytest.raises(RefusedError) as caught:
        refuse_overlap((100, 200), (0, 101), searched_by="run 7")

    assert caught.value.at == "holdout 100 to 200 ms, run 7 searched 0 to 101 ms"
