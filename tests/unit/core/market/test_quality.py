"""Gaps and outliers."""

from __future__ import annotations

import numpy as np
import pytest

from core.market.bars import HOUR_MS
from core.market.quality import Gaps, find_gaps, find_outliers, find_rate_outliers


@pytest.mark.parametrize(
    ("hours", "gaps"),
    [
        ([0], Gaps(0, 0, 0)),
        ([0, 1, 2], Gaps(0, 0, 0)),
        ([0, 2, 3, 7], Gaps(2, 4, 3)),
        ([5, 6, 100], Gaps(1, 93, 93)),
    ],
)
def test_a_gap_is_more_than_one_interval_between_two_bars(hours: list[int], gaps: Gaps) -> None:
    assert find_gaps(np.array(hours, np.int64) * HOUR_MS, HOUR_MS) == gaps


def calm_bars(count: int = 200) -> np.ndarray:
    """Bars that move half a percent each."""
    moves = 1.0 + 0.005 * np.where(np.arange(count) % 2, 1.0, -1.0)
    close = 100.0 * np.cumprod(moves)
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return np.stack([opened, high, low, close, np.ones(count)], axis=1)


def test_a_wick_far_outside_is_an_outlier_and_is_named() -> None:
    bars = calm_bars()
    bars[120, 2] *= 0.7
    ts_ms = np.arange(len(bars), dtype=np.int64) * HOUR_MS

    found = find_outliers(ts_ms, bars, HOUR_MS)

    assert (found.count, found.move_max_index) == (1, 120)
    assert found.move_frac_max == pytest.approx(0.3, abs=0.01)


def test_a_move_within_either_limit_is_no_outlier() -> None:
    ts_ms = np.arange(200, dtype=np.int64) * HOUR_MS
    still = np.full((200, 5), 100.0)
    still[50, 1] = 109.0  # far more than 20 sigmas of nothing, yet below ten percent
    wild = calm_bars()
    wild[:, 1] *= 1.09  # every bar is like this

    assert find_outliers(ts_ms, still, HOUR_MS).count == 0
    assert find_outliers(ts_ms, wild, HOUR_MS).count == 0


def test_a_jump_over_a_gap_is_not_judged() -> None:
    bars = calm_bars(20)
    bars[10:, :4] *= 2.0
    ts_ms = np.arange(20, dtype=np.int64) * HOUR_MS

    assert find_outliers(ts_ms, bars, HOUR_MS).count == 1
    ts_ms[10:] += HOUR_MS
    assert find_outliers(ts_ms, bars, HOUR_MS).count == 0
    assert find_outliers(ts_ms[:1], bars[:1], HOUR_MS).move_max_index == -1


def test_a_funding_rate_beyond_two_percent_an_hour_stands_out() -> None:
    rates = np.full(100, 1.25e-5)
    rates[7] = -0.03

    found = find_rate_outliers(rates)

    assert (found.count, found.move_max_index) == (1, 7)
