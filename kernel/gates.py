"""Gates: may a signal be acted on at all, and how strong must the trend be."""

from __future__ import annotations

from typing import Final

from kernel import codes
from kernel.jit import device
from kernel.params import Params
from kernel.records import Snapshot

TMC_ADX_SLOPE: Final = 0.5
TMC_ADX_CAP: Final = 25.0
"""While ADX climbs this fast, the trend is young and the ADX limit is at most the cap."""


@device
def gates_hold(params: Params) -> bool:
    """True if the gates and filters that are switched on bind the chosen strategy."""
    is_trend = params.entry_strategy == codes.STRATEGY_TREND
    return is_trend or bool(params.apply_trend_gates)


@device
def adx_floor(snap: Snapshot, params: Params) -> float:
    """ADX that a standard entry must exceed: the declared one, capped, then scaled."""
    floor = params.entry_min_adx
    if snap.adx_slope > TMC_ADX_SLOPE:
        floor = min(floor, TMC_ADX_CAP)
    stretched = snap.atr_avg > 0.0 and (snap.atr / snap.atr_avg > params.entry_ave_atr_ratio_above)
    if params.entry_ave_enabled and stretched:
        floor *= params.entry_ave_adx_mult
    return floor


@device
def is_ranging(snap: Snapshot, params: Params) -> bool:
    """True if enough votes call the market a range and no slow drift speaks against it."""
    if not params.enable_ranging_filter:
        return False
    votes = 0
    if snap.adx < params.ranging_adx_below:
        votes += 1
    if snap.bb_width_ratio < params.ranging_bb_width_ratio_below:
        votes += 1
    if params.ranging_rsi_low < snap.rsi < params.ranging_rsi_high:
        votes += 1
    if votes < params.ranging_min_votes_count:
        return False
    drifting = (
        params.entry_enable_slow_drift_entries
        and abs(snap.slow_slope_frac) >= params.entry_slow_drift_min_slope_frac
    )
    return not drifting


@device
def is_anomalous(snap: Snapshot, params: Params) -> bool:
    """True if price jumped from the previous close or away from the fast EMA."""
    if not params.enable_anomaly_filter:
        return False
    jump = 0.0
    if snap.prev_close_px > 0.0:
        jump = abs(snap.close_px - snap.prev_close_px) / snap.prev_close_px
    return (
        jump > params.anomaly_price_change_above_frac
        or ema_fast_dist_frac(snap) > params.anomaly_ema_fast_dev_above_frac
    )


@device
def ema_fast_dist_frac(snap: Snapshot) -> float:
    """Distance of the close from the fast EMA, as a fraction of the EMA."""
    if snap.ema_fast <= 0.0:
        return 0.0
    return abs(snap.close_px - snap.ema_fast) / snap.ema_fast


@device
def volume_confirms(snap: Snapshot, params: Params) -> bool:
    """True if volume is above its mean, or its short mean is; or both, as declared."""
    if not params.require_volume_confirmation:
        return True
    above = snap.volume > snap.vol_sma
    rising = snap.vol_short > snap.vol_sma
    if params.volume_either_suffices:
        return above or rising
    return above and rising


@device
def btc_agrees(side: int, snap: Snapshot, params: Params) -> bool:
    """True if BTC's trend of the previous bar does not forbid `side` on this symbol."""
    if not params.require_btc_alignment or snap.flags & codes.SYMBOL_IS_BTC:
        return True
    if snap.btc_state == codes.BTC_UNKNOWN:
        return True
    wanted = codes.BTC_BULLISH if side == codes.LONG else codes.BTC_BEARISH
    return snap.btc_state == wanted or snap.adx > params.entry_btc_adx_override


@device
def is_extended(snap: Snapshot, params: Params) -> bool:
    """True if price ran too far from the fast EMA."""
    too_far = ema_fast_dist_frac(snap) > params.entry_ema_fast_dist_max_frac
    return bool(params.enable_extension_filter) and too_far


@device
def adx_stalls(snap: Snapshot, params: Params) -> bool:
    """True if ADX neither rises nor is so high that it need not."""
    low = snap.adx_slope <= 0.0 and snap.adx <= params.adx_rising_saturation
    return bool(params.require_adx_rising) and low


@device
def gate_failures(snap: Snapshot, floor: float, params: Params) -> int:
    """Bits `codes.GATE_*` of every gate that fails; `floor` is `adx_floor`.

    None fails for a strategy that is not held to them.
    """
    failures = 0
    if not gates_hold(params):
        return failures
    if is_ranging(snap, params):
        failures |= codes.GATE_RANGING
    if is_anomalous(snap, params):
        failures |= codes.GATE_ANOMALY
    if is_extended(snap, params):
        failures |= codes.GATE_EXTENSION
    if not volume_confirms(snap, params):
        failures |= codes.GATE_VOLUME
    if adx_stalls(snap, params):
        failures |= codes.GATE_ADX_NOT_RISING
    if snap.adx <= floor:
        failures |= codes.GATE_ADX_LOW
    if not btc_agrees(codes.LONG, snap, params):
        failures |= codes.GATE_BTC_LONG
    if not btc_agrees(codes.SHORT, snap, params):
        failures |= codes.GATE_BTC_SHORT
    return failures


@device
def trend_side(snap: Snapshot, params: Params) -> int:
    """LONG, SHORT or FLAT by the order of the EMAs, the macro one included if declared."""
    if snap.ema_fast > snap.ema_slow:
        if params.require_macro_alignment and snap.ema_slow <= snap.ema_macro:
            return codes.FLAT
        return codes.LONG
    if snap.ema_fast < snap.ema_slow:
        if params.require_macro_alignment and snap.ema_slow >= snap.ema_macro:
            return codes.FLAT
        return codes.SHORT
    return codes.FLAT
