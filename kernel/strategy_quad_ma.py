"""Four means in line: with the trend while fast, middle, slow and trend mean stand in strict order.

The triple crossover of the textbooks (Murphy 1999, chapter 9) with one more, long mean.  A position
is entered on the bar that completes the order and left when the two fastest means lose it.
"""

from __future__ import annotations

from typing import Final

from kernel import codes
from kernel.features import MEAN_KINDS, OwnSeries
from kernel.jit import device
from kernel.params import Params
from kernel.records import Snapshot
from kernel.signals import NO_SIGNAL, Signal

MODE: Final = codes.ENTRY_MODES.index("quad_ma")
SERIES_FIELDS: Final = (
    "quad_ma_fast_window_bars",
    "quad_ma_middle_window_bars",
    "quad_ma_slow_window_bars",
    "quad_ma_trend_window_bars",
    "quad_ma_ma_kind",
)


def own_series(params: Params) -> OwnSeries:
    """The four means, the fastest first."""
    kind = MEAN_KINDS[int(params.quad_ma_ma_kind)]
    return (
        (kind, int(params.quad_ma_fast_window_bars), 0, 0),
        (kind, int(params.quad_ma_middle_window_bars), 0, 0),
        (kind, int(params.quad_ma_slow_window_bars), 0, 0),
        (kind, int(params.quad_ma_trend_window_bars), 0, 0),
    )


@device
def ordered_side(fast: float, middle: float, slow: float, trend: float) -> int:
    """LONG if each mean lies above the next slower one, SHORT if below it, else FLAT."""
    if fast > middle and middle > slow and slow > trend:
        return codes.LONG
    if fast < middle and middle < slow and slow < trend:
        return codes.SHORT
    return codes.FLAT


@device
def signal(snap: Snapshot, params: Params) -> Signal:
    """The side of an order that was not there at the symbol's previous bar."""
    side = ordered_side(snap.aux_1, snap.aux_2, snap.aux_3, snap.aux_4)
    before = ordered_side(snap.prev_aux_1, snap.prev_aux_2, snap.prev_aux_3, snap.prev_aux_4)
    if side == codes.FLAT or side == before:
        return NO_SIGNAL
    return side, int(params.quad_ma_confidence), MODE, 0.0


@device
def exit_signal(side: int, snap: Snapshot, params: Params) -> bool:  # noqa: ARG001
    """True if the fast mean no longer lies beyond the middle one on the position's side."""
    return side * (snap.aux_1 - snap.aux_2) <= 0.0
