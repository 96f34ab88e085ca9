"""What decisions see of one symbol at one instant."""

from __future__ import annotations

from kernel import codes
from kernel.jit import device
from kernel.records import Columns, Market, Snapshot


@device
def take_snapshot(
    snap: Snapshot, bar: tuple[float, float, int], columns: Columns, t: int, s: int
) -> None:
    """Fill `snap` with symbol `s` at row `t`; what it has of the instant is the caller's.

    `bar` is (volume, funding rate, the symbol's flags).
    """
    take_held_series(snap, (bar[1], bar[2]), columns, t, s)
    now = t + 1
    snap.volume = bar[0]
    snap.prev_ema_fast = columns.ema_fast[t, s]
    snap.atr_avg = columns.atr_avg[now, s]
    snap.stoch_k = columns.stoch_k[now, s]
    snap.vol_sma = columns.vol_sma[now, s]
    snap.vol_short = columns.vol_short[now, s]
    snap.slow_slope_frac = columns.slow_slope_frac[now, s]


@device
def take_held_series(
    snap: Snapshot, of: tuple[float, int], columns: Columns, t: int, s: int
) -> None:
    """Fill `snap` as far as exits, and what is done about a known signal, read it.

    `of` is (funding rate, the symbol's flags).
    """
    now = t + 1
    snap.prev_close_px = columns.close_px[t, s]
    snap.funding_rate_1h = of[0]
    snap.flags = of[1]
    snap.ema_fast = columns.ema_fast[now, s]
    snap.ema_slow = columns.ema_slow[now, s]
    snap.ema_macro = columns.ema_macro[now, s]
    snap.macd_hist = columns.macd_hist[now, s]
    snap.macd_run = int(columns.macd_run[now, s])
    snap.atr = columns.atr[now, s]
    snap.atr_slope = snap.atr - columns.atr[t, s]
    snap.adx = columns.adx[now, s]
    snap.adx_slope = snap.adx - columns.adx[t, s]
    snap.rsi = columns.rsi[now, s]
    snap.bb_width_ratio = columns.bb_width_ratio[now, s]


@device
def take_own_series(snap: Snapshot, columns: Columns, t: int, s: int) -> None:
    """Fill `snap` with the own series of a strategy beside the trend family, which has none."""
    now = t + 1
    snap.aux_1 = columns.aux_1[now, s]
    snap.aux_2 = columns.aux_2[now, s]
    snap.aux_3 = columns.aux_3[now, s]
    snap.aux_4 = columns.aux_4[now, s]
    snap.prev_aux_1 = columns.aux_1[t, s]
    snap.prev_aux_2 = columns.aux_2[t, s]
    snap.prev_aux_3 = columns.aux_3[t, s]
    snap.prev_aux_4 = columns.aux_4[t, s]


@device
def see_instant(
    snap: Snapshot, market: Market, state: tuple[int, float], where: tuple[int, int]
) -> None:
    """Give a snapshot the prices of an instant, and the market's state: (BTC's trend, breadth).

    `where` is (instant, symbol).  Where no bar to be judged closes, high and low are the close.
    """
    k, s = where
    prices = market.exit_kind[k, s] != codes.BAR_NONE
    px = market.mark_px[k + 1, s]
    snap.ts_ms = market.ts_close_ms[k]
    snap.close_px = px
    snap.high_px = market.high_px[k, s] if prices else px
    snap.low_px = market.low_px[k, s] if prices else px
    snap.btc_state = state[0]
    snap.breadth = state[1]
