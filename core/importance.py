"""Which axes of a search decide its objective: shares of the variance of its ranks. Pure.

The share of an axis alone is the variance of the mean ranks of its levels over the variance of all
ranks: the first-order term of the functional ANOVA over the rows as they lie.  What levels explain
by chance is taken off: share = 1 - (1 - SSB / SST) (n - 1) / (n - k) for n rows on k levels
(epsilon squared; Kelley 1935), so that an axis without effect has 0 whatever its number of levels.
The share of a pair is the same over the cells of both axes.  What it has beyond the two shares
alone is the interaction, where it is more than chance gives: CHANCE_SIGMAS times `chance_sigma`,
as a part of what the two leave over.

Ranks rather than values, so that a few rows far out do not decide everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.landscape import CodedAxis
from kernel.records import Floats

CHANCE_SIGMAS: Final = 4.0
"""So many, since the best of up to a hundred partners is looked for."""


@dataclass(frozen=True)
class Importance:
    """One axis: its share alone, and what it explains more together with its best partner.

    Fractions of the variance of ranks; None where the rows cannot tell: no more rows than levels,
    or one value of the objective everywhere.
    """

    path: str
    alone_frac: float | None
    partner: str | None
    partner_frac: float | None

    @property
    def total_frac(self) -> float:
        """Both together, 0 where unknown: what axes are ordered by."""
        return (self.alone_frac or 0.0) + (self.partner_frac or 0.0)


def importance(axes: Sequence[CodedAxis], values: Floats) -> list[Importance]:
    """One entry per axis, the most important first; equals stay in the order of `axes`."""
    centred = ranks_of(values)
    centred -= centred.mean() if len(centred) else 0.0
    alone = [adjusted_share(centred, axis.codes, len(axis.labels)) for axis in axes]
    extra: list[dict[int, float]] = [{} for _ in axes]
    for i, first in enumerate(axes):
        for j in range(i + 1, len(axes)):
            second = axes[j]
            cell = first.codes.astype(np.int64) * len(second.labels) + second.codes
            both = adjusted_share(centred, cell, len(first.labels) * len(second.labels))
            one, other = alone[i], alone[j]
            if both is not None and one is not None and other is not None:
                # Below 0 is chance, which must not come back as something that they do together.
                apart = max(one, 0.0) + max(other, 0.0)
                more = both - apart
                noise = max(1.0 - apart, 0.0) * chance_sigma(
                    len(values), int(np.count_nonzero(np.bincount(cell)))
                )
                extra[i][j] = extra[j][i] = more if more > CHANCE_SIGMAS * noise else 0.0
    found = [_entry(axes, k, alone[k], extra[k]) for k in range(len(axes))]
    return sorted(found, key=lambda each: -each.total_frac)


def _entry(
    axes: Sequence[CodedAxis], at: int, alone: float | None, extra: dict[int, float]
) -> Importance:
    partner = max(extra, key=lambda other: extra[other]) if extra else None
    more = None if partner is None else _share(extra[partner])
    return Importance(
        path=axes[at].path,
        alone_frac=None if alone is None else _share(alone),
        partner=axes[partner].path if partner is not None and more else None,
        partner_frac=more,
    )


def _share(value: float) -> float:
    """At least 0; less is chance, and so is less than rounding."""
    return value if value > 1e-9 else 0.0


def adjusted_share(centred: Floats, codes: np.ndarray, level_count: int) -> float | None:
    """Share of the squares of `centred`, whose mean is 0, between the levels; below 0 by chance."""
    counts = np.bincount(codes, minlength=level_count)
    sums = np.bincount(codes, weights=centred, minlength=level_count)
    filled = counts > 0
    rows, levels = len(centred), int(filled.sum())
    total = float(np.square(centred).sum())  # a dot product would start threads each time
    if total <= 0.0 or (levels > 1 and rows <= levels):
        return None
    if levels <= 1:
        return 0.0
    between = float((sums[filled] ** 2 / counts[filled]).sum())
    return 1.0 - (1.0 - between / total) * (rows - 1) / (rows - levels)


def chance_sigma(rows: int, levels: int) -> float:
    """Standard deviation of the share of `levels` that have no effect on the ranks of `rows`."""
    return math.sqrt(2.0 * (levels - 1) / ((rows + 1) * (rows - levels)))


def ranks_of(values: Floats) -> Floats:
    """Rank of each value from 1 on; equal values share the mean of their ranks."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = ((2 * last - counts + 1) / 2.0)[place]
    return ranks
