"""The market as the indicator bar before saw it: breadth, BTC's trend, the entry gate."""

from __future__ import annotations

from kernel import codes
from kernel.jit import device, part
from kernel.params import Params
from kernel.records import Bools, Columns, Floats, Market, Records


@device
def breadth(member: Bools, emas: tuple[Floats, Floats], marks: Records, t: int) -> float:
    """Share of the universe, 0 to 100, whose fast EMA was above the slow one before row `t`.

    Members with two bars and more count, by their latest values; 50 if there are none.  `emas`
    are (fast, slow).
    """
    fast, slow = emas
    above = 0
    known = 0
    for s in range(marks.shape[0]):
        if member[t, s] and marks[s].bar_count >= 2:
            known += 1
            if fast[t, s] > slow[t, s]:
                above += 1
    return 100.0 * above / known if known > 0 else 50.0


@device
def btc_state(close_px: Floats, ema_slow: Floats, bar_count: int, where: tuple[int, int]) -> int:
    """Whether BTC closed above its slow EMA before a row; unknown before its first bar.

    `where` is (row, column of BTC).
    """
    t, s = where
    if bar_count < 1:
        return codes.BTC_UNKNOWN
    if close_px[t, s] > ema_slow[t, s]:
        return codes.BTC_BULLISH
    return codes.BTC_BEARISH


@device
def gate_is_shut(
    bar_count: int, breadth_now: float, btc: tuple[float, float, float], params: Params
) -> bool:
    """True if the market is too mixed or too calm for any entry.

    `btc` is (ADX, ATR, close); while BTC has had fewer than two bars `gate_fail_open` decides.
    """
    if bar_count < 2:
        return not params.gate_fail_open
    if params.gate_breadth_low <= breadth_now <= params.gate_breadth_high:
        return True
    adx, atr, close = btc
    if adx < params.gate_btc_adx_min:
        return True
    return atr < params.gate_btc_atr_min_frac * close


@device
def reads_breadth(params: Params) -> bool:
    """True if some rule asks for the breadth."""
    if params.enable_regime_filter or params.enable_auto_reverse:
        return True
    return bool(params.enable_gate)


@part
def market_before(
    market: Market, columns: Columns, params: Params, marks: Records, t: int
) -> tuple[int, float, int]:
    """(BTC's trend, breadth, entries shut) before row `t`; they hold until the next row.

    `marks` hold the bars that each symbol has had by then.
    """
    s = market.btc_index
    at = max(s, 0)
    bar_count = marks[at].bar_count if s >= 0 else 0
    close_px = columns.close_px
    trend = btc_state(close_px, columns.ema_slow, bar_count, (t, at))
    share = 50.0
    if reads_breadth(params):
        share = breadth(market.member, (columns.ema_fast, columns.ema_slow), marks, t)
    shut = 0
    if params.enable_gate:
        btc = (columns.adx[t, at], columns.atr[t, at], close_px[t, at])
        shut = 1 if gate_is_shut(bar_count, share, btc, params) else 0
    return trend, share, shut
