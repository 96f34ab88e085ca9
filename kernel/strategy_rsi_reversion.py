"""RSI reversion: against an extreme of the RSI, once the RSI has come back from it.

The index and its levels are those of Wilder (1978); the filter by a long mean, which takes longs
above it and shorts below it alone, is that of Connors and Alvarez (2009).
"""

from __future__ import annotations

from typing import Final

from kernel import codes
from kernel.features import KIND_BAND_MEAN, KIND_RSI, NO_SERIES, OwnSeries
from kernel.jit import device
from kernel.params import Params
from kernel.records import Snapshot
from kernel.signals import NO_SIGNAL, Signal

MODE: Final = codes.ENTRY_MODES.index("rsi_reversion")
SERIES_FIELDS: Final = ("rsi_reversion_window_bars", "rsi_reversion_trend_window_bars")


def own_series(params: Params) -> OwnSeries:
    """The RSI, and the plain mean of the trend filter if it is on."""
    trend = (KIND_BAND_MEAN, int(params.rsi_reversion_trend_window_bars), 0, 0)
    filtered = params.rsi_reversion_trend_window_bars > 0
    rsi = (KIND_RSI, int(params.rsi_reversion_window_bars), 0, 0)
    return rsi, trend if filtered else NO_SERIES, NO_SERIES, NO_SERIES


@device
def returning_side(rsi: float, prev_rsi: float, params: Params) -> int:
    """LONG if RSI came back up to oversold at this bar, SHORT if down to overbought, else FLAT."""
    if prev_rsi < params.rsi_reversion_oversold and rsi >= params.rsi_reversion_oversold:
        return codes.LONG
    if prev_rsi > params.rsi_reversion_overbought and rsi <= params.rsi_reversion_overbought:
        return codes.SHORT
    return codes.FLAT


@device
def signal(snap: Snapshot, params: Params) -> Signal:
    """The side of a return that the filter allows.

    At a symbol's first bar there is no previous RSI, so nothing returned.
    """
    side = returning_side(snap.aux_1, snap.prev_aux_1, params)
    if side == codes.FLAT or snap.prev_close_px <= 0.0:
        return NO_SIGNAL
    filtered = params.rsi_reversion_trend_window_bars > 0
    if filtered and side * (snap.close_px - snap.aux_2) <= 0.0:
        return NO_SIGNAL
    return side, int(params.rsi_reversion_confidence), MODE, 0.0


@device
def exit_signal(side: int, snap: Snapshot, params: Params) -> bool:
    """True if RSI has reached the middle again."""
    return side * (snap.aux_1 - params.rsi_reversion_middle) >= 0.0
