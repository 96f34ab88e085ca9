"""Moving-average crossover: in the direction in which the fast mean crosses the slow one.

The dual crossover of the textbooks (Murphy 1999, chapter 9); with means of 50 and 200 the golden
and the death cross.  The opposite cross turns the position around, as any opposite signal does.
"""

from __future__ import annotations

from typing import Final

from kernel import codes
from kernel.features import MEAN_KINDS, NO_SERIES, OwnSeries
from kernel.jit import device
from kernel.params import Params
from kernel.records import Snapshot
from kernel.signals import NO_SIGNAL, Signal

MODE: Final = codes.ENTRY_MODES.index("ma_crossover")
SERIES_FIELDS: Final = (
    "ma_crossover_fast_window_bars",
    "ma_crossover_slow_window_bars",
    "ma_crossover_ma_kind",
)


def own_series(params: Params) -> OwnSeries:
    """Fast and slow mean."""
    kind = MEAN_KINDS[int(params.ma_crossover_ma_kind)]
    return (
        (kind, int(params.ma_crossover_fast_window_bars), 0, 0),
        (kind, int(params.ma_crossover_slow_window_bars), 0, 0),
        NO_SERIES,
        NO_SERIES,
    )


@device
def crossed_side(gap_px: float, prev_gap_px: float) -> int:
    """Side to which fast minus slow changed its sign since the previous bar, or FLAT."""
    if gap_px > 0.0 and prev_gap_px <= 0.0:
        return codes.LONG
    if gap_px < 0.0 and prev_gap_px >= 0.0:
        return codes.SHORT
    return codes.FLAT


@device
def signal(snap: Snapshot, params: Params) -> Signal:
    """The side of a cross, on its bar alone."""
    side = crossed_side(snap.aux_1 - snap.aux_2, snap.prev_aux_1 - snap.prev_aux_2)
    if side == codes.FLAT:
        return NO_SIGNAL
    return side, int(params.ma_crossover_confidence), MODE, 0.0
