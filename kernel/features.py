"""From bars to the columns that decisions read: which series a strategy needs, and filling them.

A series is (kind, window, window, window).  Its values stand in a bank `X[series, T+1, S]`: row 0
is what was known before the first bar (0 at a cold start), row t+1 is bar t, and a symbol without a
bar keeps its last value.  So `X[k, t, s]` at bar t is the value at the symbol's own previous bar.
Equal series of many strategies are computed once.
"""

from __future__ import annotations

from typing import Final

from kernel import indicators as ind
from kernel.jit import device, loop
from kernel.params import Params
from kernel.records import Bools, Columns, Floats

KIND_NONE: Final = 0
KIND_CLOSE: Final = 1
KIND_EMA: Final = 2
KIND_MACD_HIST: Final = 3
KIND_MACD_RUN: Final = 4
KIND_ATR: Final = 5
KIND_ATR_AVG: Final = 6
KIND_ADX: Final = 7
KIND_RSI: Final = 8
KIND_STOCH_K: Final = 9
KIND_BAND_RATIO: Final = 10
KIND_VOLUME_MEAN: Final = 11
KIND_SLOW_SLOPE: Final = 12
KIND_PLUS_DI: Final = 13
KIND_MINUS_DI: Final = 14
KIND_BAND_MEAN: Final = 15
KIND_BAND_HALF: Final = 16

SLOT_COUNT: Final = len(Columns._fields)
"""A slot is the place of a series in `Columns`."""

Series = tuple[int, int, int, int]
NO_SERIES: Final[Series] = (KIND_NONE, 0, 0, 0)

OwnSeries = tuple[Series, Series, Series, Series]
"""What a strategy has in its own four slots, `aux_1` to `aux_4`."""
NO_OWN_SERIES: Final[OwnSeries] = (NO_SERIES, NO_SERIES, NO_SERIES, NO_SERIES)

MEAN_KINDS: Final = (KIND_EMA, KIND_BAND_MEAN)
"""Kind of a mean of closes by its word: ema, sma."""

SHARED_SERIES_FIELDS: Final = (
    "rsi_window_bars",
    "stoch_rsi_window_bars",
    "stoch_rsi_smooth_bars",
    "atr_window_bars",
    "atr_avg_window_bars",
    "ema_fast_window_bars",
    "ema_slow_window_bars",
    "ema_macro_window_bars",
    "slow_drift_slope_window_bars",
    "vol_trend_window_bars",
    "vol_sma_window_bars",
    "adx_window_bars",
    "bb_window_bars",
    "bb_width_avg_window_bars",
    "require_macro_alignment",
    "enable_funding_headwind_exit",
    "entry_ave_enabled",
    "use_stoch_rsi_filter",
    "require_volume_confirmation",
    "entry_enable_slow_drift_entries",
)
"""Every parameter that `shared_series` reads."""


def shared_series(params: Params) -> tuple[Series, ...]:
    """The series of the rules that all strategies share, in the order of `Columns`.

    A series that no rule reads is NO_SERIES.
    """
    stoch = (
        KIND_STOCH_K,
        int(params.rsi_window_bars),
        int(params.stoch_rsi_window_bars),
        int(params.stoch_rsi_smooth_bars),
    )
    atr_avg = (KIND_ATR_AVG, int(params.atr_window_bars), int(params.atr_avg_window_bars), 0)
    slope = (
        KIND_SLOW_SLOPE,
        int(params.ema_slow_window_bars),
        int(params.slow_drift_slope_window_bars),
        0,
    )
    short = (KIND_VOLUME_MEAN, int(params.vol_trend_window_bars), 0, 0)
    macro = (KIND_EMA, int(params.ema_macro_window_bars), 0, 0)
    reads_macro = params.require_macro_alignment or params.enable_funding_headwind_exit
    return (
        (KIND_CLOSE, 0, 0, 0),
        (KIND_EMA, int(params.ema_fast_window_bars), 0, 0),
        (KIND_EMA, int(params.ema_slow_window_bars), 0, 0),
        macro if reads_macro else NO_SERIES,
        (KIND_MACD_HIST, 0, 0, 0),
        (KIND_MACD_RUN, 0, 0, 0),
        (KIND_ATR, int(params.atr_window_bars), 0, 0),
        atr_avg if params.entry_ave_enabled else NO_SERIES,
        (KIND_ADX, int(params.adx_window_bars), 0, 0),
        (KIND_RSI, int(params.rsi_window_bars), 0, 0),
        stoch if params.use_stoch_rsi_filter else NO_SERIES,
        (KIND_BAND_RATIO, int(params.bb_window_bars), int(params.bb_width_avg_window_bars), 0),
        (KIND_VOLUME_MEAN, int(params.vol_sma_window_bars), 0, 0),
        short if params.require_volume_confirmation else NO_SERIES,
        slope if params.entry_enable_slow_drift_entries else NO_SERIES,
    )


def memory_length(series: Series) -> int:
    """Numbers that one symbol's memory of a series takes."""
    kind, first, second, third = series
    head = ind.RING_HEAD
    lengths = {
        KIND_NONE: 1,
        KIND_CLOSE: 1,
        KIND_EMA: 2,
        KIND_MACD_HIST: 8,
        KIND_MACD_RUN: 8,
        KIND_ATR: 4,
        KIND_ATR_AVG: 4 + head + second,
        KIND_ADX: 12,
        KIND_RSI: 4,
        KIND_STOCH_K: 4 + head + second + head + third,
        KIND_BAND_RATIO: head + first + head + second,
        KIND_VOLUME_MEAN: head + first,
        KIND_SLOW_SLOPE: 2 + head + second,
        KIND_PLUS_DI: 12,
        KIND_MINUS_DI: 12,
        KIND_BAND_MEAN: head + first,
        KIND_BAND_HALF: head + first,
    }
    return lengths[kind]


@device
def series_next(  # noqa: C901  one branch per kind, and nothing else
    kind: int,
    windows: tuple[int, int, int],
    memory: Floats,
    bar: tuple[float, float, float, float],
) -> float:
    """Value of a series at one bar; `bar` is (high, low, close, volume)."""
    high, low, close, volume = bar
    first, second, third = windows
    if kind == KIND_EMA:
        return ind.ema_next(memory, first, close)
    if kind == KIND_ATR:
        return ind.atr_next(memory, first, high, low, close)
    if kind == KIND_ATR_AVG:
        return ind.atr_avg_next(memory, first, second, high, low, close)
    if kind == KIND_ADX:
        return ind.adx_next(memory, first, high, low, close)
    if kind == KIND_RSI:
        return ind.rsi_next(memory, first, close)
    if kind == KIND_STOCH_K:
        return ind.stoch_k_next(memory, first, second, third, close)
    if kind == KIND_BAND_RATIO:
        return ind.band_ratio_next(memory, first, second, close)
    if kind == KIND_VOLUME_MEAN:
        return ind.mean_next(memory, first, volume)
    if kind == KIND_SLOW_SLOPE:
        return ind.ema_slope_next(memory, first, second, close)
    if kind == KIND_MACD_HIST:
        return ind.macd_next(memory, close)
    if kind == KIND_MACD_RUN:
        ind.macd_next(memory, close)
        return memory[7]
    if kind == KIND_PLUS_DI:
        ind.adx_next(memory, first, high, low, close)
        return memory[10]
    if kind == KIND_MINUS_DI:
        ind.adx_next(memory, first, high, low, close)
        return memory[11]
    if kind == KIND_BAND_MEAN:
        return ind.band_next(memory, first, close)[0]
    if kind == KIND_BAND_HALF:
        return ind.band_next(memory, first, close)[1]
    return close if kind == KIND_CLOSE else 0.0


@loop
def fill_series(
    kind: int,
    windows: tuple[int, int, int],
    bars: tuple[Floats, Floats, Floats, Floats, Bools],
    memory: Floats,
    column: Floats,
) -> None:
    """Fill `column[1:, :]` of one series from (high, low, close, volume, present), all `[T, S]`.

    `column[0]` holds what was known before; `memory[S, :]` is advanced to the last bar.
    """
    high, low, close, volume, present = bars
    for t in range(close.shape[0]):
        for s in range(close.shape[1]):
            if present[t, s]:
                bar = (high[t, s], low[t, s], close[t, s], volume[t, s])
                column[t + 1, s] = series_next(kind, windows, memory[s], bar)
            else:
                column[t + 1, s] = column[t, s]
