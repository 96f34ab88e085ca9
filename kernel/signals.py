"""Signals: which side, how sure, by which entry mode; and what turns or stops one."""

from __future__ import annotations

from typing import Final

from kernel import codes
from kernel.gates import gates_hold, trend_side
from kernel.jit import device
from kernel.params import Params
from kernel.records import Snapshot

COUNTER_TREND_GATES: Final = codes.GATE_RANGING | codes.GATE_ANOMALY | codes.GATE_EXTENSION
"""Gates that the two weaker modes share with the standard one, volume apart."""

Signal = tuple[int, int, int, float]
"""(side, confidence, entry mode, ADX threshold that let it in; 0 without one)."""

NO_SIGNAL: Final[Signal] = (codes.FLAT, codes.CONFIDENCE_LOW, codes.MODE_NONE, 0.0)


@device
def rsi_limit(side: int, snap: Snapshot, params: Params) -> float:
    """RSI that a standard entry must pass; it bends from weak to strong as ADX grows."""
    low = params.entry_min_adx
    high = params.tp_and_momentum_adx_strong_above
    if high <= low:
        high = low + 1.0
    weight = min(max((snap.adx - low) / (high - low), 0.0), 1.0)
    weak = params.tp_and_momentum_rsi_long_weak
    strong = params.tp_and_momentum_rsi_long_strong
    if side == codes.SHORT:
        weak = params.tp_and_momentum_rsi_short_weak
        strong = params.tp_and_momentum_rsi_short_strong
    return weak + weight * (strong - weak)


@device
def macd_allows(side: int, hist: float, run: float, params: Params) -> bool:
    """True if the MACD histogram, or its run of moves, speaks for `side` in the declared way."""
    if params.entry_macd_mode == codes.MACD_ACCEL:
        return side * run > 0.0
    if params.entry_macd_mode == codes.MACD_SIGN:
        return side * hist > 0.0
    return True


@device
def was_behind(side: int, prev_close_px: float, prev_ema_fast: float) -> bool:
    """True if the previous close had not passed the fast EMA towards `side`."""
    return side * (prev_close_px - prev_ema_fast) <= 0.0


@device
def drifts(side: int, slow_slope_frac: float, params: Params) -> bool:
    """True if the slow EMA slopes towards `side` steeply enough."""
    return side * slow_slope_frac >= params.entry_slow_drift_min_slope_frac


@device
def stoch_allows(side: int, snap: Snapshot, params: Params) -> bool:
    """True if the stochastic RSI is not at the extreme on the far side."""
    if not params.use_stoch_rsi_filter:
        return True
    if side == codes.LONG:
        return snap.stoch_k < params.stoch_rsi_block_long_above
    return snap.stoch_k > params.stoch_rsi_block_short_below


@device
def standard_signal(snap: Snapshot, failures: int, floor: float, params: Params) -> Signal:
    """Trend entry: all gates, price beyond the fast EMA, RSI, MACD, stochastic RSI and BTC."""
    nothing = (codes.FLAT, codes.CONFIDENCE_LOW, codes.MODE_NONE, 0.0)
    if failures & codes.GATES_STANDARD:
        return nothing
    side = trend_side(snap, params)
    if side == codes.FLAT or side * (snap.close_px - snap.ema_fast) <= 0.0:
        return nothing
    if side * (snap.rsi - rsi_limit(side, snap, params)) <= 0.0:
        return nothing
    if failures & (codes.GATE_BTC_LONG if side == codes.LONG else codes.GATE_BTC_SHORT):
        return nothing
    if not macd_allows(side, snap.macd_hist, float(snap.macd_run), params):
        return nothing
    if not stoch_allows(side, snap, params):
        return nothing
    confidence = codes.CONFIDENCE_MEDIUM
    if snap.volume > snap.vol_sma * params.entry_high_conf_volume_mult:
        confidence = codes.CONFIDENCE_HIGH
    return side, confidence, codes.MODE_STANDARD, floor


@device
def pullback_signal(snap: Snapshot, failures: int, params: Params) -> Signal:
    """Price recrosses the fast EMA in the direction of the trend."""
    nothing = (codes.FLAT, codes.CONFIDENCE_LOW, codes.MODE_NONE, 0.0)
    if failures & (COUNTER_TREND_GATES | codes.GATE_VOLUME):
        return nothing
    threshold = params.entry_pullback_min_adx
    if snap.adx < threshold:
        return nothing
    side = trend_side(snap, params)
    if side == codes.FLAT or side * (snap.close_px - snap.ema_fast) <= 0.0:
        return nothing
    if not was_behind(side, snap.prev_close_px, snap.prev_ema_fast):
        return nothing
    if failures & (codes.GATE_BTC_LONG if side == codes.LONG else codes.GATE_BTC_SHORT):
        return nothing
    if params.entry_pullback_require_macd_sign and side * snap.macd_hist <= 0.0:
        return nothing
    if side == codes.LONG and snap.rsi < params.entry_pullback_rsi_long_min:
        return nothing
    if side == codes.SHORT and snap.rsi > params.entry_pullback_rsi_short_max:
        return nothing
    return side, int(params.entry_pullback_confidence), codes.MODE_PULLBACK, threshold


@device
def slow_drift_signal(snap: Snapshot, failures: int, params: Params) -> Signal:
    """Price on the right side of a slow EMA that slopes steadily."""
    nothing = (codes.FLAT, codes.CONFIDENCE_LOW, codes.MODE_NONE, 0.0)
    if failures & (COUNTER_TREND_GATES | codes.GATE_VOLUME):
        return nothing
    threshold = params.entry_slow_drift_min_adx
    if snap.adx < threshold:
        return nothing
    side = trend_side(snap, params)
    if side == codes.FLAT or side * (snap.close_px - snap.ema_slow) <= 0.0:
        return nothing
    if failures & (codes.GATE_BTC_LONG if side == codes.LONG else codes.GATE_BTC_SHORT):
        return nothing
    if not drifts(side, snap.slow_slope_frac, params):
        return nothing
    if params.entry_slow_drift_require_macd_sign and side * snap.macd_hist <= 0.0:
        return nothing
    if side == codes.LONG and snap.rsi < params.entry_slow_drift_rsi_long_min:
        return nothing
    if side == codes.SHORT and snap.rsi > params.entry_slow_drift_rsi_short_max:
        return nothing
    return side, codes.CONFIDENCE_LOW, codes.MODE_SLOW_DRIFT, threshold


@device
def held_to_gates(found: Signal, failures: int) -> Signal:
    """`found`, or nothing if a gate of a standard entry or BTC's gate of its side failed."""
    if failures & codes.GATES_STANDARD:
        return NO_SIGNAL
    if failures & (codes.GATE_BTC_LONG if found[0] == codes.LONG else codes.GATE_BTC_SHORT):
        return NO_SIGNAL
    return found


@device
def side_of_rule(side: int, params: Params) -> int:
    """Side that the rule had signalled for a position of `side`; FLAT if that is not known.

    With `enable_auto_reverse` the turn hung on the breadth of the entry's bar.
    """
    if params.enable_auto_reverse:
        return codes.FLAT
    return -side if params.reverse_entry_signal else side


@device
def transformed_side(side: int, snap: Snapshot, params: Params) -> tuple[int, bool]:
    """(side after reversal and regime, blocked by the regime filter)."""
    reverse = bool(params.reverse_entry_signal)
    if params.enable_auto_reverse:
        reverse = (
            params.auto_reverse_breadth_low <= snap.breadth <= params.auto_reverse_breadth_high
        )
    if reverse:
        side = -side
    if not params.enable_regime_filter:
        return side, False
    if side == codes.SHORT and snap.breadth > params.block_short_breadth_above:
        return codes.FLAT, True
    if side == codes.LONG and snap.breadth < params.block_long_breadth_below:
        return codes.FLAT, True
    return side, False


@device
def ssf_allows(side: int, snap: Snapshot, params: Params) -> bool:
    """True if the MACD histogram has the sign of the side, or the filter is off."""
    if not params.enable_ssf_filter or not gates_hold(params):
        return True
    return side * snap.macd_hist > 0.0


@device
def reef_allows(side: int, snap: Snapshot, params: Params) -> bool:
    """True if RSI is not at an extreme on the entry's side, or the filter is off."""
    if not params.enable_reef_filter or not gates_hold(params):
        return True
    weak = snap.adx < params.reef_adx_threshold
    if side == codes.LONG:
        limit = params.reef_long_rsi_block_above if weak else params.reef_long_rsi_extreme_above
        return snap.rsi <= limit
    limit = params.reef_short_rsi_block_below if weak else params.reef_short_rsi_extreme_below
    return snap.rsi >= limit
