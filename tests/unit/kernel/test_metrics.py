"""Drawdown and daily returns of a curve, against the same figures taken from the whole of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.metrics import DAY_MS, curve_stats
from kernel.records import STATS

HOUR_MS = 3_600_000
MIDNIGHT_MS = 19_676 * DAY_MS


def stats_of(
    ts_close_ms: list[int], equity_usd: list[float], start_usd: float = 100.0
) -> np.record:
    """Stats of a curve."""
    stats = np.zeros(1, STATS)
    curve_stats(np.array(ts_close_ms, np.int64), np.array(equity_usd), start_usd, stats[0])
    return stats[0]


@given(
    steps_h=st.lists(st.integers(1, 60), min_size=1, max_size=60),
    moves=st.lists(st.floats(0.7, 1.4), min_size=60, max_size=60),
    offset_h=st.integers(0, 23),
)
def test_a_curves_figures_equal_their_definitions(
    steps_h: list[int], moves: list[float], offset_h: int
) -> None:
    ts = (MIDNIGHT_MS + (offset_h + np.cumsum(steps_h)) * HOUR_MS).tolist()
    equity = 100.0 * np.cumprod(moves[: len(ts)])

    stats = stats_of(ts, equity.tolist())

    curve = np.concatenate([[100.0], equity])
    peaks = np.maximum.accumulate(curve)
    last_of_day = {(t - 1) // DAY_MS: value for t, value in zip(ts, equity, strict=True)}
    first, last = min(last_of_day), max(last_of_day)
    for day in range(first, last):  # a day without a close keeps the equity of the day before
        last_of_day.setdefault(day + 1, last_of_day[day])
    daily = np.array([100.0, *(last_of_day[day] for day in range(first, last + 1))])
    returns = daily[1:] / daily[:-1] - 1.0
    assert stats["drawdown_max_usd"] == pytest.approx((peaks - curve).max())
    assert stats["drawdown_max_frac"] == pytest.approx(((peaks - curve) / peaks).max())
    assert stats["day_count"] == len(returns)
    assert stats["return_daily_mean"] == pytest.approx(returns.mean(), abs=1e-12)
    assert stats["return_daily_std"] == pytest.approx(returns.std(), abs=1e-7)
    downside = np.sqrt((np.minimum(returns, 0.0) ** 2).mean())
    assert stats["downside_daily_std"] == pytest.approx(downside, abs=1e-12)
    assert (stats["equity_end_usd"], stats["bar_count"]) == (equity[-1], len(ts))
    assert stats["net_pnl_usd"] == pytest.approx(equity[-1] - 100.0)


def test_a_close_at_midnight_belongs_to_the_day_that_ends() -> None:
    stats = stats_of([MIDNIGHT_MS - HOUR_MS, MIDNIGHT_MS], [101.0, 102.0])
    next_day = stats_of([MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS], [101.0, 102.0])

    assert stats["day_count"] == 1
    assert next_day["day_count"] == 2


def test_sharpe_is_the_mean_over_the_deviation_of_days() -> None:
    stats = stats_of([MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS], [110.0, 99.0])

    assert stats["sharpe_daily"] == pytest.approx(0.0, abs=1e-12)
    assert stats["return_daily_std"] == pytest.approx(0.1)


@pytest.mark.parametrize("equity_usd", [[101.0], [100.0, 100.0, 100.0]])
def test_too_little_gives_a_sharpe_of_zero(equity_usd: list[float]) -> None:
    ts = [MIDNIGHT_MS + k * DAY_MS for k in range(len(equity_usd))]

    assert stats_of(ts, equity_usd)["sharpe_daily"] == 0.0


def test_a_lost_account_returns_nothing_more() -> None:
    ts = [MIDNIGHT_MS + k * DAY_MS for k in range(3)]

    stats = stats_of(ts, [-10.0, -20.0, -20.0])

    assert stats["return_daily_mean"] == pytest.approx(-1.1 / 3)
    assert stats["drawdown_max_frac"] == pytest.approx(1.2)
