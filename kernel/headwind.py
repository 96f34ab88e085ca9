"""Funding headwind: how deep a losing position that pays funding may sink before it is let go.

The limit starts from the size of the rate, is worn down by time and volatility, and is widened by
every sign that the trade may still come good.
"""

from __future__ import annotations

from typing import Final

from kernel import codes
from kernel.jit import device
from kernel.records import Position, Snapshot

HOUR_MS: Final = 3_600_000

RATE_EXTREME: Final = 1e-4
RATE_HIGH: Final = 6e-5
RATE_RAISED: Final = 4e-5
RATE_FELT: Final = 2e-5
RATE_SMALL: Final = 1e-5
LIMIT_EXTREME_ATR: Final = 0.15
LIMIT_HIGH_ATR: Final = 0.25
LIMIT_RAISED_ATR: Final = 0.4
LIMIT_FELT_ATR: Final = 0.6
LIMIT_USUAL_ATR: Final = 0.8
LIMIT_SMALL_ATR: Final = 0.95

WILD_ATR_RATIO: Final = 1.2
WILD_MULT: Final = 0.6
PATIENCE_HOURS: Final = 1.0
DECAY_HOURS: Final = 11.0
DECAYED_MIN_ATR: Final = 0.35
TREND_ADX: Final = 25.0
TREND_MIN_ATR: Final = 0.75
IMPROVING_MULT: Final = 1.5
IMPROVING_MIN_ATR: Final = 0.5
STRONG_ADX: Final = 35.0
STRONG_MULT: Final = 1.4
CONFIDENT_MULT: Final = 1.25
MACRO_MULT: Final = 1.3
ALL_THREE_MULT: Final = 1.5
QUIET_ATR_FRAC: Final = 0.002
QUIET_MULT: Final = 1.25
OVERSOLD_RSI: Final = 35.0
OVERBOUGHT_RSI: Final = 65.0
STRETCHED_MULT: Final = 1.3
SATURATED_ADX: Final = 45.0
SATURATED_MULT: Final = 1.6
CLIMBING_ADX_SLOPE: Final = 1.0
CLIMBING_MULT: Final = 1.4
HIGH_ADX: Final = 40.0
HIGH_ADX_MULT: Final = 1.25
FADING_MULT: Final = 0.75


@device
def rate_limit_atr(rate: float) -> float:
    """Adverse move, in entry ATRs, that a rate per hour of this size allows by itself."""
    if rate > RATE_EXTREME:
        return LIMIT_EXTREME_ATR
    if rate > RATE_HIGH:
        return LIMIT_HIGH_ATR
    if rate > RATE_RAISED:
        return LIMIT_RAISED_ATR
    if rate > RATE_FELT:
        return LIMIT_FELT_ATR
    return LIMIT_SMALL_ATR if rate < RATE_SMALL else LIMIT_USUAL_ATR


@device
def worn_limit_atr(limit: float, position: Position, snap: Snapshot, atr_px: float) -> float:
    """The limit after volatility and time: hours beyond the first wear it down to a floor."""
    if snap.atr > WILD_ATR_RATIO * atr_px:
        limit *= WILD_MULT
    hours = (snap.ts_ms - position.ts_entry_ms) / HOUR_MS
    if hours > PATIENCE_HOURS:
        left = max(0.0, 1.0 - (hours - PATIENCE_HOURS) / DECAY_HOURS)
        limit = max(limit * left, DECAYED_MIN_ATR)
    return limit


@device
def hoped_limit_atr(limit: float, position: Position, snap: Snapshot) -> float:
    """The limit after the signs that the trend is still ours: EMAs, MACD, ADX, confidence, macro.

    A macro EMA of 0 is unknown and says nothing.
    """
    side = position.side
    improving = side * snap.macd_run > 0
    confident = position.confidence == codes.CONFIDENCE_HIGH
    macro = snap.ema_macro > 0.0 and side * (snap.close_px - snap.ema_macro) > 0.0
    if side * (snap.ema_fast - snap.ema_slow) > 0.0 and snap.adx > TREND_ADX:
        limit = max(limit, TREND_MIN_ATR)
    if improving:
        limit = max(limit * IMPROVING_MULT, IMPROVING_MIN_ATR)
    if snap.adx > STRONG_ADX:
        limit *= STRONG_MULT
    if confident:
        limit *= CONFIDENT_MULT
    if macro:
        limit *= MACRO_MULT
    if improving and macro and confident:
        limit *= ALL_THREE_MULT
    return limit


@device
def eased_limit_atr(limit: float, position: Position, snap: Snapshot) -> float:
    """The limit after quiet, stretched and saturated markets, and after a trend that fades."""
    if snap.atr / snap.close_px < QUIET_ATR_FRAC:
        limit *= QUIET_MULT
    stretched = snap.rsi < OVERSOLD_RSI
    if position.side == codes.SHORT:
        stretched = snap.rsi > OVERBOUGHT_RSI
    if stretched:
        limit *= STRETCHED_MULT
    if snap.adx > SATURATED_ADX:
        limit *= SATURATED_MULT
    if snap.adx_slope > CLIMBING_ADX_SLOPE:
        limit *= CLIMBING_MULT
    if snap.adx > HIGH_ADX:
        limit *= HIGH_ADX_MULT
    if snap.adx_slope < 0.0:
        limit *= FADING_MULT
    return limit


@device
def headwind_limit_atr(position: Position, snap: Snapshot, atr_px: float) -> float:
    """How far, in entry ATRs, a position that pays this funding may sink."""
    limit = rate_limit_atr(abs(snap.funding_rate_1h))
    limit = worn_limit_atr(limit, position, snap, atr_px)
    limit = hoped_limit_atr(limit, position, snap)
    return eased_limit_atr(limit, position, snap)


@device
def headwind_exceeded(position: Position, snap: Snapshot, profit: float, atr_px: float) -> bool:
    """True if the position pays funding, is underwater and has sunk beyond its limit.

    `profit` is the open profit in entry ATRs, `atr_px` the entry ATR.  Only losers are judged, so
    the factors that reward a profit never act and are left out.
    """
    if position.side * snap.funding_rate_1h <= 0.0 or profit >= 0.0:
        return False
    return -profit > headwind_limit_atr(position, snap, atr_px)
