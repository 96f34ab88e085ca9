"""Funding headwind: which losing position that pays funding is let go, and how deep it may sink."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernel import codes
from kernel.headwind import HOUR_MS, headwind_exceeded
from kernel.records import POSITION, SNAPSHOT

NEUTRAL = {
    "close_px": 100.0,
    "ema_fast": 100.0,
    "ema_slow": 100.0,
    "atr": 1.0,
    "adx": 20.0,
    "rsi": 50.0,
    "funding_rate_1h": 3e-5,
}


def limit_atr(
    side: int = codes.LONG, *, hours: float = 0.5, high: bool = False, **bar: float
) -> Any:
    """Depth in ATRs at which the exit begins, found by halving; the entry ATR is 1."""
    snap = np.zeros(1, SNAPSHOT)[0]
    position = np.zeros(1, POSITION)[0]
    values = NEUTRAL | bar
    for name, value in values.items():
        setattr(snap, name, value)
    snap.ts_ms = int(hours * HOUR_MS)
    position.side = side
    position.confidence = codes.CONFIDENCE_HIGH if high else codes.CONFIDENCE_MEDIUM
    low, deep = 0.0, 50.0
    for _ in range(60):
        middle = (low + deep) / 2.0
        if headwind_exceeded(position, snap, -middle, 1.0):
            deep = middle
        else:
            low = middle
    return deep


@pytest.mark.parametrize(
    ("rate", "limit"),
    [
        (2e-4, 0.15),
        (1e-4, 0.25),
        (6e-5, 0.4),
        (4e-5, 0.6),
        (2e-5, 0.8),
        (1e-5, 0.8),
        (9e-6, 0.95),
    ],
)
def test_the_limit_follows_the_rate(rate: float, limit: float) -> None:
    assert limit_atr(funding_rate_1h=rate) == pytest.approx(limit)
    assert limit_atr(codes.SHORT, funding_rate_1h=-rate) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("bar", "limit"),
    [
        ({"atr": 1.21}, 0.6 * 0.6),
        ({"hours": 6.5}, 0.35),
        ({"hours": 2.1, "funding_rate_1h": 1.5e-5}, 0.8 * 0.9),
        ({"hours": 40.0}, 0.35),
        ({"ema_fast": 101.0, "adx": 26.0}, 0.75),
        ({"macd_run": 1}, 0.9),
        ({"macd_run": 1, "funding_rate_1h": 2e-4}, 0.5),
        ({"macd_run": -1}, 0.6),
        ({"adx": 36.0}, 0.6 * 1.4),
        ({"adx": 41.0}, 0.6 * 1.4 * 1.25),
        ({"adx": 46.0}, 0.6 * 1.4 * 1.6 * 1.25),
        ({"high": True}, 0.6 * 1.25),
        ({"ema_macro": 99.0}, 0.6 * 1.3),
        ({"high": True, "ema_macro": 99.0, "macd_run": 2}, 0.9 * 1.25 * 1.3 * 1.5),
        ({"atr": 0.19}, 0.6 * 1.25),
        ({"rsi": 34.0}, 0.6 * 1.3),
        ({"rsi": 66.0}, 0.6),
        ({"adx_slope": 1.1}, 0.6 * 1.4),
        ({"adx_slope": -0.1}, 0.6 * 0.75),
    ],
)
def test_time_and_volatility_wear_the_limit_and_hope_widens_it(
    bar: dict[str, Any], limit: float
) -> None:
    assert limit_atr(**bar) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("side", "rate", "profit"),
    [
        (codes.LONG, 0.0, -5.0),
        (codes.LONG, -1e-3, -5.0),
        (codes.SHORT, 1e-3, -5.0),
        (codes.LONG, 1e-3, 0.0),
        (codes.LONG, 1e-3, 3.0),
    ],
)
def test_who_is_paid_or_not_losing_stays(side: int, rate: float, profit: float) -> None:
    snap = np.zeros(1, SNAPSHOT)[0]
    position = np.zeros(1, POSITION)[0]
    for name, value in (NEUTRAL | {"funding_rate_1h": rate}).items():
        setattr(snap, name, value)
    position.side = side

    assert not headwind_exceeded(position, snap, profit, 1.0)
