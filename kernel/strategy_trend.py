"""The trend family: three entry modes along the EMAs, of which the first that fires wins."""

from __future__ import annotations

from kernel import codes, gates, signals
from kernel.jit import device
from kernel.params import Params
from kernel.records import Columns, Snapshot


@device
def may_fire(columns: Columns, params: Params, t: int, s: int) -> bool:
    """False only if no entry mode can fire at row `t`; it spares a sweep the full judgement.

    Each mode is asked for what is cheap and seldom true; the two adjustments of the standard
    ADX floor are taken at their lowest.
    """
    now = t + 1
    fast = columns.ema_fast[now, s]
    slow = columns.ema_slow[now, s]
    if fast == slow:
        return False
    side = codes.LONG if fast > slow else codes.SHORT
    close = columns.close_px[now, s]
    adx = columns.adx[now, s]
    if side * (close - fast) > 0.0:
        if standard_may_fire(columns, params, (t, s, side), adx):
            return True
        if params.entry_enable_pullback_entries and adx >= params.entry_pullback_min_adx:
            prev_close = columns.close_px[t, s]
            if signals.was_behind(side, prev_close, columns.ema_fast[t, s]):
                return True
    if not params.entry_enable_slow_drift_entries or adx < params.entry_slow_drift_min_adx:
        return False
    if side * (close - slow) <= 0.0:
        return False
    return signals.drifts(side, columns.slow_slope_frac[now, s], params)


@device
def standard_may_fire(
    columns: Columns, params: Params, where: tuple[int, int, int], adx: float
) -> bool:
    """False only if the standard mode cannot fire; `where` is (row, symbol, side of the EMAs)."""
    t, s, side = where
    lowest = min(params.entry_min_adx, gates.TMC_ADX_CAP)
    if params.entry_ave_enabled:
        lowest *= min(params.entry_ave_adx_mult, 1.0)
    if adx <= lowest:
        return False
    must_rise = params.require_adx_rising and adx <= params.adx_rising_saturation
    if must_rise and adx <= columns.adx[t, s]:
        return False
    hist = columns.macd_hist[t + 1, s]
    return signals.macd_allows(side, hist, columns.macd_run[t + 1, s], params)


@device
def signal(snap: Snapshot, failures: int, floor: float, params: Params) -> signals.Signal:
    """First signal of standard, pullback, slow drift; side FLAT if none fires."""
    found = signals.standard_signal(snap, failures, floor, params)
    if found[0] == codes.FLAT and params.entry_enable_pullback_entries:
        found = signals.pullback_signal(snap, failures, params)
    if found[0] == codes.FLAT and params.entry_enable_slow_drift_entries:
        found = signals.slow_drift_signal(snap, failures, params)
    return found
