"""Indicator values per bar as a table, for comparison with other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.bank import fill_bank
from core.market.bars import BarBlock
from kernel import features as f
from kernel.indicators import STOCH_NEUTRAL
from kernel.params import Params
from kernel.strategies import own_series

if TYPE_CHECKING:
    import polars as pl

Floats = npt.NDArray[np.float64]
STOCH_D_BARS = 3
"""Smoothing of the stochastic RSI's D line, which no rule reads."""


def indicator_frame(block: BarBlock, params: Params) -> pl.DataFrame:
    """One row per symbol and bar: close, every indicator with the strategy's windows, and slopes.

    Columns carry their units; `vol_trend` is 1 while the short mean volume is above the long one.
    A strategy beside the trend family has its own series in `aux_1` to `aux_4`.
    """
    import polars as pl

    series = _series(params)
    bank = fill_bank(block, tuple(sorted(set(series.values()))))
    at = dict(zip(series, bank.slots_of([(one,) for one in series.values()]), strict=True))
    frames = []
    for s, symbol in enumerate(block.symbols):
        rows = np.flatnonzero(block.present[:, s])
        now = {name: bank.values[k][rows + 1, s] for name, k in at.items()}
        before = {name: bank.values[at[name]][rows, s] for name in ("adx", "atr_px")}
        frames.append(_symbol_frame(symbol, block.ts_open_ms[rows], now, before, params))
    return pl.concat(frames)


def _series(params: Params) -> dict[str, f.Series]:
    """Every indicator of the table as a series."""
    adx, atr = int(params.adx_window_bars), int(params.atr_window_bars)
    bands = int(params.bb_window_bars)
    stoch = (int(params.stoch_rsi_window_bars), int(params.stoch_rsi_smooth_bars))
    slow = int(params.ema_slow_window_bars)
    return {
        "close_px": (f.KIND_CLOSE, 0, 0, 0),
        "ema_fast_px": (f.KIND_EMA, int(params.ema_fast_window_bars), 0, 0),
        "ema_slow_px": (f.KIND_EMA, slow, 0, 0),
        "ema_macro_px": (f.KIND_EMA, int(params.ema_macro_window_bars), 0, 0),
        "macd_hist_px": (f.KIND_MACD_HIST, 0, 0, 0),
        "atr_px": (f.KIND_ATR, atr, 0, 0),
        "atr_avg_px": (f.KIND_ATR_AVG, atr, int(params.atr_avg_window_bars), 0),
        "adx": (f.KIND_ADX, adx, 0, 0),
        "plus_di": (f.KIND_PLUS_DI, adx, 0, 0),
        "minus_di": (f.KIND_MINUS_DI, adx, 0, 0),
        "rsi": (f.KIND_RSI, int(params.rsi_window_bars), 0, 0),
        "stoch_rsi_k": (f.KIND_STOCH_K, int(params.rsi_window_bars), *stoch),
        "bb_mean_px": (f.KIND_BAND_MEAN, bands, 0, 0),
        "bb_half_px": (f.KIND_BAND_HALF, bands, 0, 0),
        "bb_width_ratio": (f.KIND_BAND_RATIO, bands, int(params.bb_width_avg_window_bars), 0),
        "vol_sma": (f.KIND_VOLUME_MEAN, int(params.vol_sma_window_bars), 0, 0),
        "vol_short": (f.KIND_VOLUME_MEAN, int(params.vol_trend_window_bars), 0, 0),
        "slow_slope_frac": (f.KIND_SLOW_SLOPE, slow, int(params.slow_drift_slope_window_bars), 0),
        **{f"aux_{k}": one for k, one in enumerate(own_series(params), 1) if one != f.NO_SERIES},
    }


def _symbol_frame(
    symbol: str,
    ts_open_ms: npt.NDArray[np.int64],
    now: dict[str, Floats],
    before: dict[str, Floats],
    params: Params,
) -> pl.DataFrame:
    """The rows of one symbol; `before` holds values at its previous bar."""
    import polars as pl

    half, mean = now.pop("bb_half_px"), now.pop("bb_mean_px")
    short = now.pop("vol_short")
    window = int(params.stoch_rsi_window_bars)
    return pl.DataFrame(
        {
            "symbol": np.full(len(ts_open_ms), symbol),
            "ts_open_ms": ts_open_ms,
            **now,
            "adx_slope": now["adx"] - before["adx"],
            "atr_slope_px": now["atr_px"] - before["atr_px"],
            "stoch_rsi_d": stoch_d(now["stoch_rsi_k"], window),
            "bb_upper_px": mean + half,
            "bb_lower_px": mean - half,
            "bb_width_frac": 2.0 * half / now["close_px"],
            "vol_trend": (short > now["vol_sma"]).astype(np.int64),
        }
    )


def stoch_d(k_line: Floats, window: int) -> Floats:
    """Mean of the last three K values since K exists; the neutral value before that."""
    out = np.full(len(k_line), STOCH_NEUTRAL)
    first = window - 1
    for row in range(first, len(k_line)):
        out[row] = k_line[max(first, row - STOCH_D_BARS + 1) : row + 1].mean()
    return out
