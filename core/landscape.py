"""An objective over the axes of a search: levels, cells of two axes, rows to draw. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.market.chance import raw_words, units
from kernel.records import Floats, Ints

Codes = npt.NDArray[np.uint16]

LEVELS_MAX: Final = 24
"""Distinct numbers of an axis that keep a level each; more are joined into bins."""
BINS_MAX: Final = 12
NOT_ACTING: Final = "not acting"
"""Level of the rows in which an axis has no value, since its gate is closed."""
HEAD_ROWS: Final = 4_096
QUANTILE_ROWS: Final = 50_000
SAMPLE_SEED: Final = 1


@dataclass(frozen=True)
class CodedAxis:
    """One axis over all rows: `codes[row]` is the place of the row's level in `labels`."""

    path: str
    codes: Codes
    labels: tuple[str, ...]
    is_binned: bool = False

    def at(self, rows: Ints) -> CodedAxis:
        """The same axis over some of its rows, in their order."""
        return CodedAxis(self.path, self.codes[rows], self.labels, self.is_binned)


@dataclass(frozen=True)
class Cells:
    """Rows by the levels of two axes, the first one down; NaN where there is no row."""

    counts: Ints
    median: Floats
    best: Floats


def bin_count(rows: int) -> int:
    """Bins of an axis with many values: the cube root of the rows, from 3 to BINS_MAX.

    So a cell of two axes holds about as many rows as an axis has bins.
    """
    return min(BINS_MAX, max(3, round(float(np.cbrt(rows)))))


def code_numbers(path: str, values: Floats) -> CodedAxis:
    """An axis of numbers by size; NaN is a row without one.

    More than LEVELS_MAX numbers are joined into bins of about equally many rows.
    """
    missing = np.isnan(values)
    known = values[~missing] if missing.any() else values
    levels = _few(known)
    if levels is None:
        found, labels = _binned(known)
    else:
        found = np.searchsorted(levels, known).astype(np.uint16)
        labels = [f"{level:g}" for level in levels.tolist()]
    if len(known) == len(values):
        return CodedAxis(path, found, tuple(labels), levels is None)
    codes = np.full(len(values), len(labels), np.uint16)
    codes[~missing] = found
    return CodedAxis(path, codes, (*labels, NOT_ACTING), levels is None)


def _few(known: Floats) -> Floats | None:
    """The distinct numbers, ascending; None when there are more than LEVELS_MAX.

    Without sorting all of them: each round adds at least one that was not seen before.
    """
    levels: Floats = np.unique(known[:HEAD_ROWS])
    while 0 < len(levels) <= LEVELS_MAX:
        places = np.minimum(np.searchsorted(levels, known), len(levels) - 1)
        strange = known[levels[places] != known]
        if len(strange) == 0:
            return levels
        levels = np.union1d(levels, strange[:HEAD_ROWS])
    return None if len(levels) else levels


def _binned(known: Floats) -> tuple[Codes, list[str]]:
    """The bin of each number, and the bins' labels; no bin is empty."""
    bins = bin_count(len(known))
    seen = known[spread_rows(len(known), QUANTILE_ROWS)]
    cuts = np.unique(np.quantile(seen, np.arange(1, bins) / bins, method="inverted_cdf"))
    # A cut is a number of the axis and begins a bin; at the least number there is nothing below.
    cuts = cuts[cuts > known.min()]
    codes = np.searchsorted(cuts, known, side="right").astype(np.uint16)
    inside = [known[codes == k] for k in range(len(cuts) + 1)]
    return codes, [_spelled(float(part.min()), float(part.max())) for part in inside]


def _spelled(first: float, last: float) -> str:
    return f"{first:g}" if first == last else f"{first:.4g} to {last:.4g}"


def cells_of(first: CodedAxis, second: CodedAxis, values: Floats) -> Cells:
    """Count, median and largest of `values` in each cell of two axes; `values` must ascend."""
    shape = (len(first.labels), len(second.labels))
    cell = first.codes.astype(np.uint32) * np.uint32(shape[1]) + second.codes
    if shape[0] * shape[1] <= np.iinfo(np.uint16).max:
        cell = cell.astype(np.uint16)  # which numpy sorts by counting, ten times as fast
    order = np.argsort(cell, kind="stable")
    counts = np.bincount(cell, minlength=shape[0] * shape[1])
    filled = counts > 0
    starts = (np.cumsum(counts) - counts)[filled]
    sizes = counts[filled]
    median, best = np.full((2, len(counts)), np.nan)
    low = values[order[starts + (sizes - 1) // 2]]
    high = values[order[starts + sizes // 2]]
    median[filled] = low + (high - low) / 2.0
    best[filled] = values[order[starts + sizes - 1]]
    return Cells(counts.reshape(shape), median.reshape(shape), best.reshape(shape))


def spread_rows(count: int, wanted: int) -> Ints:
    """`wanted` of `count` places, one by chance out of each of as many equal stretches.

    A fixed stride would meet the same level again and again where levels repeat.  The chance is
    the same every time.
    """
    if wanted >= count:
        return np.arange(count)
    edges = np.arange(wanted + 1) * count // wanted
    shares = units(raw_words(SAMPLE_SEED, 0, 0, wanted))
    rows: Ints = edges[:-1] + (shares * np.diff(edges)).astype(np.int64)
    return rows


def best_and_spread(count: int, best: int, rest: int) -> Ints:
    """Places to draw out of `count` in ascending order: the last `best`, and `rest` before them."""
    if count <= best + rest:
        return np.arange(count)
    return np.concatenate([spread_rows(count - best, rest), np.arange(count - best, count)])
