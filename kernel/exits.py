"""Exits: stop loss, trailing stop, targets, smart exits, judged on the close in a fixed order."""

from __future__ import annotations

from typing import Final

from kernel import codes, strategies
from kernel.headwind import headwind_exceeded
from kernel.jit import device
from kernel.params import Params
from kernel.records import Position, Snapshot

ATR_FALLBACK_FRAC: Final = 0.005
"""Share of price that stands in for an entry ATR of 0."""

UNDERWATER_STOP_MULT: Final = 0.8
STRONG_ADX: Final = 40.0
STRONG_PROFIT_ATR: Final = 0.5
STRONG_STOP_MULT: Final = 1.15
SATURATED_ADX: Final = 45.0
SATURATED_STOP_MULT: Final = 1.1

TRAIL_FLOOR_ATR: Final = 0.5
TRAIL_TREND_FLOOR_ATR: Final = 0.7
TRAIL_TREND_RSI_LONG: Final = 60.0
TRAIL_TREND_RSI_SHORT: Final = 40.0
TRAIL_WIDE_BANDS_RATIO: Final = 1.2
TRAIL_WIDE_BANDS_MULT: Final = 1.25
TRAIL_TIGHTEN_PROFIT_ATR: Final = 2.0
TRAIL_HOLD_ADX: Final = 35.0
TRAIL_ATR_RISING_MULT: Final = 0.75
TRAIL_TIGHT_MULT: Final = 0.5
TRAIL_WEAK_ADX: Final = 25.0
TRAIL_WEAK_MULT: Final = 0.7

WEAK_CROSS_FRAC: Final = 0.001
WEAK_CROSS_ADX: Final = 25.0
STAGNATION_ATR_RATIO: Final = 0.7
TSME_ADX: Final = 50.0
TSME_RUN_BARS: Final = 2
MMDE_PROFIT_ATR: Final = 1.5
MMDE_ADX: Final = 35.0
MMDE_RUN_BARS: Final = 3


@device
def entry_atr_px(position: Position) -> float:
    """ATR at entry in USD, or its stand-in."""
    if position.entry_atr_px > 0.0:
        return position.entry_atr_px
    return ATR_FALLBACK_FRAC * position.avg_px


@device
def profit_atr(position: Position, snap: Snapshot) -> float:
    """Open profit at the close, in entry ATRs."""
    return position.side * (snap.close_px - position.avg_px) / entry_atr_px(position)


@device
def is_glitch(snap: Snapshot, params: Params) -> bool:
    """True if the close jumped so far from the previous one that no exit should trust it."""
    if not params.enable_glitch_guard or snap.prev_close_px <= 0.0:
        return False
    jump = abs(snap.close_px - snap.prev_close_px)
    if jump / snap.prev_close_px > params.glitch_price_dev_frac:
        return True
    return snap.atr > 0.0 and jump > params.glitch_atr_mult * snap.atr


@device
def stop_px(position: Position, snap: Snapshot, profit: float, params: Params) -> float:
    """Price of the hard stop now; arms the breakeven stop, which then stays armed.

    `profit` here and below is `profit_atr`, computed once a bar.
    """
    side = position.side
    atr = entry_atr_px(position)
    mult = params.stop_loss_atr
    if snap.adx_slope < 0.0 and side * (snap.close_px - position.avg_px) < 0.0:
        mult *= UNDERWATER_STOP_MULT
    if snap.adx > STRONG_ADX and profit > STRONG_PROFIT_ATR:
        mult *= STRONG_STOP_MULT
    if snap.adx > SATURATED_ADX:
        mult *= SATURATED_STOP_MULT
    stop = position.avg_px - side * atr * mult
    if not params.enable_breakeven_stop:
        return stop
    if side * (snap.close_px - position.avg_px) >= params.breakeven_start_atr * atr:
        position.breakeven_armed = 1
    if position.breakeven_armed == 0:
        return stop
    raised = position.avg_px + side * params.breakeven_buffer_atr * atr
    return max(stop, raised) if side == codes.LONG else min(stop, raised)


@device
def trail_distance_atr(position: Position, snap: Snapshot, profit: float, params: Params) -> float:
    """Distance of the trailing stop from the close, in entry ATRs."""
    declared = params.trailing_distance_atr
    low_conf = params.trailing_distance_low_conf_atr
    if position.confidence == codes.CONFIDENCE_LOW and low_conf > 0.0:
        declared = low_conf
    distance = declared
    if params.enable_vol_buffered_trailing and snap.bb_width_ratio > TRAIL_WIDE_BANDS_RATIO:
        distance = declared * TRAIL_WIDE_BANDS_MULT
    if profit > TRAIL_TIGHTEN_PROFIT_ATR:
        distance = declared * TRAIL_TIGHT_MULT
        if snap.atr_slope > 0.0:
            distance = declared * TRAIL_ATR_RISING_MULT
        if snap.adx > TRAIL_HOLD_ADX and snap.adx_slope > 0.0:
            distance = declared
    elif snap.adx < TRAIL_WEAK_ADX:
        distance = declared * TRAIL_WEAK_MULT
    floor = TRAIL_FLOOR_ATR
    if position.side == codes.LONG and snap.rsi > TRAIL_TREND_RSI_LONG:
        floor = TRAIL_TREND_FLOOR_ATR
    if position.side == codes.SHORT and snap.rsi < TRAIL_TREND_RSI_SHORT:
        floor = TRAIL_TREND_FLOOR_ATR
    return max(distance, floor)


@device
def tighten(position: Position, level: float) -> None:
    """Move the trailing stop to `level` if that is tighter, or if there is none yet."""
    none_yet = position.trail_px == 0.0
    if none_yet or position.side * (level - position.trail_px) > 0.0:
        position.trail_px = level


@device
def trailing_stop_hit(position: Position, snap: Snapshot, profit: float, params: Params) -> bool:
    """Advance the trailing stop, then tell whether the close lies at or beyond it."""
    start = params.trailing_start_atr
    low_conf = params.trailing_start_low_conf_atr
    if position.confidence == codes.CONFIDENCE_LOW and low_conf > 0.0:
        start = low_conf
    if profit >= start:
        distance = trail_distance_atr(position, snap, profit, params)
        tighten(position, snap.close_px - position.side * entry_atr_px(position) * distance)
    if position.trail_px == 0.0:
        return False
    return position.side * (snap.close_px - position.trail_px) <= 0.0


@device
def take_profit_atr(snap: Snapshot, params: Params) -> float:
    """Multiple of the full target: the declared one, or by trend strength if that is on."""
    if not params.enable_dynamic_tp:
        return params.take_profit_atr
    if snap.adx > params.tp_and_momentum_adx_strong_above:
        return params.tp_and_momentum_take_profit_strong_atr
    if snap.adx < params.tp_and_momentum_adx_weak_below:
        return params.tp_and_momentum_take_profit_weak_atr
    return params.take_profit_atr


@device
def target_px(position: Position, mult: float) -> float:
    """Price at `mult` entry ATRs of profit."""
    return position.avg_px + position.side * entry_atr_px(position) * mult


@device
def target_reached(position: Position, px: float, mult: float) -> bool:
    """True if the price lies at or beyond `mult` entry ATRs of profit."""
    return position.side * (px - target_px(position, mult)) >= 0.0


@device
def take_profit_exit(
    position: Position, px: float, full: float, params: Params
) -> tuple[int, float, float]:
    """(reason, fraction of size, multiple) of the first and the full target that `px` reached.

    REASON_NONE if there is none; `full` is the multiple of the full one.  A part that would leave
    less than the least notional is not taken; the full target then decides.  With both targets at
    one level the rest is left to the stops.
    """
    if params.enable_partial_tp and position.tp1_taken == 0:
        first = params.partial_tp_atr if params.partial_tp_atr > 0.0 else full
        if target_reached(position, px, first):
            if params.partial_tp_frac >= 1.0:
                return codes.REASON_TAKE_PROFIT, 1.0, first
            rest_usd = position.size * (1.0 - params.partial_tp_frac) * px
            if rest_usd >= params.partial_tp_min_notional_usd:
                return codes.REASON_TAKE_PROFIT_PARTIAL, params.partial_tp_frac, first
    if params.enable_partial_tp and position.tp1_taken == 1 and params.partial_tp_atr <= 0.0:
        return codes.REASON_NONE, 0.0, 0.0
    if target_reached(position, px, full):
        return codes.REASON_TAKE_PROFIT, 1.0, full
    return codes.REASON_NONE, 0.0, 0.0


@device
def trend_broke(position: Position, snap: Snapshot) -> bool:
    """True if the EMAs crossed against the position, a weak cross in a trend excepted."""
    if position.side * (snap.ema_fast - snap.ema_slow) >= 0.0:
        return False
    gap = abs(snap.ema_fast - snap.ema_slow) / snap.ema_slow
    return not (gap < WEAK_CROSS_FRAC and snap.adx > WEAK_CROSS_ADX)


@device
def exhaustion_adx(position: Position, params: Params) -> float:
    """ADX below which the trend counts as exhausted; 0 for never."""
    from_entry = params.trend_exhaustion_source == codes.EXHAUSTION_ENTRY_THRESHOLD
    if from_entry and position.entry_adx_threshold > 0.0:
        return position.entry_adx_threshold
    low_conf = params.trend_exhaustion_low_conf_adx_below
    if position.confidence == codes.CONFIDENCE_LOW and low_conf > 0.0:
        return low_conf
    return params.trend_exhaustion_adx_below


@device
def rsi_exit_limit(position: Position, profit: float, params: Params) -> float:
    """RSI beyond which a position is overextended; it tightens with profit."""
    low_conf = position.confidence == codes.CONFIDENCE_LOW
    small = profit < params.rsi_exit_switch_atr
    if position.side == codes.LONG:
        limit = params.rsi_exit_long_above if small else params.rsi_exit_long_profit_above
        own = params.rsi_exit_long_profit_low_conf_above
        if small:
            own = params.rsi_exit_long_low_conf_above
        return own if low_conf and own > 0.0 else limit
    limit = params.rsi_exit_short_below if small else params.rsi_exit_short_profit_below
    own = params.rsi_exit_short_profit_low_conf_below
    if small:
        own = params.rsi_exit_short_low_conf_below
    return own if low_conf and own > 0.0 else limit


@device
def rsi_overextended(position: Position, snap: Snapshot, profit: float, params: Params) -> bool:
    """True if RSI is at an extreme in the position's favour."""
    if not params.enable_rsi_overextension_exit:
        return False
    return position.side * (snap.rsi - rsi_exit_limit(position, profit, params)) > 0.0


@device
def momentum_exit(position: Position, snap: Snapshot, profit: float, params: Params) -> int:
    """Reason of the exits on a strong trend whose momentum runs against us, or REASON_NONE."""
    run = position.side * snap.macd_run
    if snap.adx > TSME_ADX and profit >= params.tsme_min_profit_atr:
        fading = snap.adx_slope < 0.0 or not params.tsme_require_adx_falling
        if fading and run <= -TSME_RUN_BARS:
            return codes.REASON_TSME
    if profit > MMDE_PROFIT_ATR and snap.adx > MMDE_ADX and run <= -MMDE_RUN_BARS:
        return codes.REASON_MMDE
    return codes.REASON_NONE


@device
def trend_exits_hold(params: Params) -> bool:
    """True if the smart exits of the trend family bind the chosen strategy."""
    is_trend = params.entry_strategy == codes.STRATEGY_TREND
    return is_trend or bool(params.apply_trend_exits)


@device
def trend_exit(position: Position, snap: Snapshot, params: Params) -> int:
    """Reason of the first exit on a trend that broke, ended or fell asleep, or REASON_NONE."""
    side = position.side
    if trend_broke(position, snap):
        return codes.REASON_TREND_BREAKDOWN
    if snap.adx < exhaustion_adx(position, params):
        return codes.REASON_TREND_EXHAUSTION
    has_macro = params.require_macro_alignment and snap.ema_macro > 0.0
    if has_macro and side * (snap.close_px - snap.ema_macro) < 0.0:
        return codes.REASON_EMA_MACRO
    underwater = side * (snap.close_px - position.avg_px) < 0.0
    calm = snap.atr < STAGNATION_ATR_RATIO * entry_atr_px(position)
    if calm and underwater and not snap.flags & codes.SYMBOL_IS_PAXG:
        return codes.REASON_STAGNATION
    return codes.REASON_NONE


@device
def smart_exit(position: Position, snap: Snapshot, profit: float, params: Params) -> int:
    """Reason of the first smart exit that fires, or REASON_NONE; the strategy's own comes first."""
    if strategies.exit_signal(position, snap, params):
        return codes.REASON_SIGNAL_EXIT
    with_trend = trend_exits_hold(params)
    if with_trend:
        reason = trend_exit(position, snap, params)
        if reason != codes.REASON_NONE:
            return reason
    headwind = headwind_exceeded(position, snap, profit, entry_atr_px(position))
    if params.enable_funding_headwind_exit and headwind:
        return codes.REASON_FUNDING_HEADWIND
    if with_trend:
        reason = momentum_exit(position, snap, profit, params)
        if reason != codes.REASON_NONE:
            return reason
    if rsi_overextended(position, snap, profit, params):
        return codes.REASON_RSI_OVEREXTENSION
    return codes.REASON_NONE


@device
def exit_decision(
    position: Position, snap: Snapshot, params: Params, cooling: bool
) -> tuple[int, float]:
    """(reason, fraction of size to close) at this close; REASON_NONE to hold.

    While `cooling`, only the hard stop acts.  The order is fixed: stop loss, trailing stop,
    targets, smart exits.
    """
    if is_glitch(snap, params):
        return codes.REASON_NONE, 0.0
    profit = profit_atr(position, snap)
    if position.side * (snap.close_px - stop_px(position, snap, profit, params)) <= 0.0:
        return codes.REASON_STOP_LOSS, 1.0
    if cooling:
        return codes.REASON_NONE, 0.0
    if trailing_stop_hit(position, snap, profit, params):
        return codes.REASON_TRAILING_STOP, 1.0
    full = take_profit_atr(snap, params)
    reason, fraction, _ = take_profit_exit(position, snap.close_px, full, params)
    if reason != codes.REASON_NONE:
        return reason, fraction
    return smart_exit(position, snap, profit, params), 1.0
