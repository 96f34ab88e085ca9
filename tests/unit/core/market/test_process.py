"""The process behind the made-up market, rule by rule."""

from __future__ import annotations

import numpy as np
import pytest

from core.market.bars import DAY_MS, HOUR_MS
from core.market.process import (
    DRIFT_SIGMA_FRAC,
    JUMP_SIGMAS_MAX,
    JUMPS_PER_HOUR,
    MINUTES,
    REGIME_HOURS,
    advance,
    first_state,
    funding_rate_1h,
)
from core.market.seasons import HOUR_SIGMA, HOUR_VOLUME, hour_sigma, hour_volume, is_weekend
from core.market.synthetic import START_MS, MarketSpec, traits_of
from core.market.traits import SECTOR_COUNT


@pytest.mark.parametrize(
    ("premium_frac", "rate_1h"),
    [
        (0.0, 0.0000125),
        (0.0006, 0.0000125),
        (-0.0004, 0.0000125),
        (0.0007, 0.0000250),
        (-0.0005, 0.0),
        (-0.0013, -0.0001),
        (0.5, 0.04),
        (-0.5, -0.04),
    ],
)
def test_the_rate_of_a_premium_is_the_venue_s(premium_frac: float, rate_1h: float) -> None:
    assert funding_rate_1h(np.array([premium_frac]))[0] == rate_1h


def test_the_rate_of_an_hour_is_that_of_its_minutes_mean_premium() -> None:
    traits = traits_of(MarketSpec(seed=4))
    hours, _ = advance(traits, first_state(traits), 200)

    mean = (hours.close_px / hours.oracle_px - 1.0).mean(axis=1)
    assert np.allclose(hours.premium_1h_frac, mean, atol=1e-9)
    assert np.allclose(hours.rate_1h, funding_rate_1h(mean), atol=2e-10)
    assert len(np.unique(hours.rate_1h)) > 100


def test_minutes_hang_together() -> None:
    traits = traits_of(MarketSpec(seed=5))
    hours, after = advance(traits, first_state(traits), 300)
    opened, closed = hours.open_px.reshape(-1, 12), hours.close_px.reshape(-1, 12)

    assert (opened[1:] == closed[:-1]).all()
    assert (after.px == closed[-1]).all()
    assert after.hour == 300
    assert (hours.low_px <= np.minimum(hours.open_px, hours.close_px)).all()
    assert (hours.high_px >= np.maximum(hours.open_px, hours.close_px)).all()
    assert (hours.volume_lots == np.rint(hours.volume_lots)).all()
    assert hours.volume_lots.min() >= 1.0
    assert (np.diff(hours.ts_open_ms.ravel()) == 60_000).all()


def test_an_edge_adds_a_steady_drift_and_changes_nothing_else() -> None:
    calm, steered = (traits_of(MarketSpec(seed=6, edge=edge)) for edge in (0.0, 1.0))
    without, state_0 = advance(calm, first_state(calm), 400)
    with_it, state_1 = advance(steered, first_state(steered), 400)

    added = with_it.close_px / with_it.open_px - without.close_px / without.open_px
    expected = DRIFT_SIGMA_FRAC / MINUTES * (calm.beta * calm.sigma_1h[0])
    own = DRIFT_SIGMA_FRAC / MINUTES * calm.sigma_1h[1 + SECTOR_COUNT :]
    assert np.ptp(added, axis=1).max() < 1e-12
    assert np.allclose(np.abs(added[:, 0]).max(axis=0), expected + own, atol=1e-12)
    assert (np.abs(added).min(axis=(0, 1)) > 0.0).all()
    assert (state_0.wildness == state_1.wildness).all()
    assert (state_0.trend_left_hours == state_1.trend_left_hours).all()


def test_regimes_last_as_long_as_they_say() -> None:
    traits = traits_of(MarketSpec(seed=7, edge=1.0))
    hours, _ = advance(traits, first_state(traits), 3_000)
    flat = traits_of(MarketSpec(seed=7, edge=0.0))
    without, _ = advance(flat, first_state(flat), 3_000)
    # BTC's drift is the market's plus its own, which is much smaller.
    sign = np.sign(
        hours.close_px[:, 0, 0] / hours.open_px[:, 0, 0]
        - without.close_px[:, 0, 0] / without.open_px[:, 0, 0]
    )

    turns = np.flatnonzero(np.diff(sign)) + 1
    assert 8 <= len(turns) <= 3_000 // REGIME_HOURS[0]
    assert np.diff(turns).min() >= REGIME_HOURS[0]


def test_jumps_are_rare_large_and_even() -> None:
    traits = traits_of(MarketSpec(seed=8, symbol_count=50, edge=0.0))
    hours, _ = advance(traits, first_state(traits), 2_000)
    minute = (hours.close_px / hours.open_px - 1.0).reshape(-1, 50)
    usual = minute.std(axis=0)

    large = np.abs(minute) > 15.0 * usual
    sides = np.sign(minute[large])
    own_expected = 2_000 * 50 * JUMPS_PER_HOUR
    assert 0.5 * own_expected < large.sum() < 6.0 * own_expected
    assert abs(sides.mean()) < 0.5
    assert np.abs(minute).max() < 0.5
    assert JUMP_SIGMAS_MAX * traits.sigma_1h.max() < 0.5


def test_seasons_have_a_mean_of_one_and_a_weekend() -> None:
    assert len(HOUR_SIGMA) == len(HOUR_VOLUME) == 24
    assert abs(sum(HOUR_SIGMA) / 24 - 1.0) < 0.01
    assert abs(sum(HOUR_VOLUME) / 24 - 1.0) < 0.01
    days = [is_weekend(START_MS + day * DAY_MS) for day in range(7)]
    assert days == [False, False, False, True, True, False, False]  # 2025-01-01 is a Wednesday
    monday, saturday = START_MS + 5 * DAY_MS, START_MS + 3 * DAY_MS
    assert hour_sigma(monday + 14 * HOUR_MS) == 1.24
    assert hour_sigma(saturday + 14 * HOUR_MS) == pytest.approx(1.24 * 0.84)
    assert hour_volume(monday + 15 * HOUR_MS + 1) == 1.46


def test_volatility_follows_its_season() -> None:
    traits = traits_of(MarketSpec(seed=9, symbol_count=30, edge=0.0))
    hours, _ = advance(traits, first_state(traits), 24 * 120)
    moves = np.abs(hours.close_px / hours.open_px - 1.0).mean(axis=(1, 2)).reshape(-1, 24)

    profile = (moves / moves.mean(axis=1, keepdims=True)).mean(axis=0)
    assert np.corrcoef(profile, HOUR_SIGMA)[0, 1] > 0.7
