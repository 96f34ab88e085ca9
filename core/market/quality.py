"""What is odd about stored rows: gaps, outliers, bars without volume.  Pure.

Nothing is repaired here.  A gap is a stretch between two rows of one symbol that are more than
one interval apart; what lies before a symbol's first row is a late listing, not a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.market.bars import Bools, Floats, Ints

# A bar is an outlier when its close, high or low is further from the close of the bar just before
# it than both limits allow.  The first is in robust standard deviations of the symbol's own close
# to close moves (1.4826 x median absolute deviation), which the outlier itself cannot inflate; the
# second keeps symbols that hardly move, where that deviation is near zero, from being all outliers.
OUTLIER_SIGMAS = 20.0
OUTLIER_MOVE_FRAC = 0.10
MAD_TO_SIGMA = 1.4826

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)

# Why a row of a source cannot be stored, in the order in which the reasons are looked for.
REASONS = ("unnamed", "misaligned", "not_finite", "not_positive", "crossed_ohlc")
REASON_TEXT = {
    "unnamed": "no usable symbol or time",
    "misaligned": "time off the interval's grid",
    "not_finite": "a value is missing, NaN or infinite",
    "not_positive": "a price at or below zero, or volume below zero",
    "crossed_ohlc": "crossed OHLC",
}


@dataclass(frozen=True)
class Gaps:
    """Gaps of one symbol: how many, how many rows are missing in all and in the longest."""

    count: int
    missing_bars: int
    longest_bars: int


@dataclass(frozen=True)
class Outliers:
    """Outlying bars of one symbol, and the largest move of any bar with where it happened.

    The index is -1 when no bar follows directly on another.
    """

    count: int
    move_frac_max: float
    move_max_index: int


def broken_bars(bars: Floats) -> tuple[Bools, Bools, Bools]:
    """Which bars have a value that is not finite, not positive, or a crossed OHLC."""
    body = bars[:, [OPEN, CLOSE]]
    not_finite = np.asarray(~np.isfinite(bars).all(axis=1))
    not_positive = np.asarray((bars[:, :VOLUME].min(axis=1) <= 0.0) | (bars[:, VOLUME] < 0.0))
    crossed = np.asarray((bars[:, HIGH] < body.max(axis=1)) | (bars[:, LOW] > body.min(axis=1)))
    return not_finite, not_positive, crossed


def find_gaps(ts_ms: Ints, interval_ms: int) -> Gaps:
    """Gaps in the ascending times of one symbol."""
    missing = np.diff(ts_ms) // interval_ms - 1
    missing = missing[missing > 0]
    return Gaps(len(missing), int(missing.sum()), int(missing.max(initial=0)))


def find_outliers(ts_ms: Ints, bars: Floats, interval_ms: int) -> Outliers:
    """Outliers among one symbol's bars; a bar after a gap has no bar before it to be judged by."""
    follows = np.flatnonzero(np.diff(ts_ms) == interval_ms) + 1
    if not len(follows):
        return Outliers(0, 0.0, -1)
    before_px = bars[follows - 1, CLOSE]
    moves = np.abs(bars[follows][:, [HIGH, LOW, CLOSE]] / before_px[:, None] - 1.0)
    close_moves = bars[follows, CLOSE] / before_px - 1.0
    spread = np.median(np.abs(close_moves - np.median(close_moves)))
    limit = max(OUTLIER_MOVE_FRAC, OUTLIER_SIGMAS * MAD_TO_SIGMA * float(spread))
    largest = moves.max(axis=1)
    worst = int(np.argmax(largest))
    return Outliers(int((largest > limit).sum()), float(largest[worst]), int(follows[worst]))


def find_rate_outliers(rates: Floats) -> Outliers:
    """Outliers among one symbol's funding rates: further from the median than both limits allow."""
    if not len(rates):
        return Outliers(0, 0.0, -1)
    away = np.abs(rates - np.median(rates))
    limit = max(OUTLIER_RATE_FRAC, OUTLIER_SIGMAS * MAD_TO_SIGMA * float(np.median(away)))
    worst = int(np.argmax(away))
    return Outliers(int((away > limit).sum()), float(away[worst]), worst)


# The venue caps a funding payment at 4 % an hour; half of that is far outside of normal.
OUTLIER_RATE_FRAC = 0.02
