"""Longer bars out of shorter ones.  Pure.

Only whole ones: a bar of which any part is missing is left out and counted, since its open, close
or volume would be a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.errors import InputError
from core.market.bars import DAY_MS, Rows, interval_to_ms
from core.market.quality import CLOSE, HIGH, LOW, OPEN, VOLUME


@dataclass(frozen=True)
class Resampled:
    """The longer bars, and how many were left out of each symbol because a part is missing."""

    rows: Rows
    left_out: dict[str, int]


def parts_per_bar(source: str, target: str) -> int:
    """How many bars of `source` make one of `target`.

    Raises InputError unless `target` is a whole multiple, and for bars over a day, which begin
    where the venue chooses.
    """
    source_ms, target_ms = interval_to_ms(source), interval_to_ms(target)
    if target_ms <= source_ms or target_ms % source_ms:
        raise InputError(
            f"{target} bars cannot be made of {source} bars",
            at=f"{target} is not a whole multiple of {source}",
            hint="take a shorter --interval that is stored, such as --interval 1m --resample 3m",
        )
    if target_ms > DAY_MS:
        raise InputError(
            f"{target} bars cannot be made: on which day they begin is the venue's choice",
            at=f"--resample {target}",
            hint=f"fetch them: `perpkit fetch --venue mainnet --interval {target}`",
        )
    return target_ms // source_ms


def resample(rows: Rows, source: str, target: str) -> Resampled:
    """The bars of `target` that all their parts are there for.

    Open of the first part, highest high, lowest low, close of the last, sum of the volumes in the
    order of time.  The first and last bar of a symbol are left out uncounted when they are begun or
    ended outside of its data.
    """
    parts, target_ms = parts_per_bar(source, target), interval_to_ms(target)
    if not len(rows):
        return Resampled(rows, {})
    bucket_ms = rows.ts_ms // target_ms * target_ms
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (np.diff(bucket_ms) != 0) | (np.diff(rows.symbol_index) != 0)
    first = np.flatnonzero(begins)
    counts = np.diff(np.append(first, len(rows)))
    whole = counts == parts
    edges = np.searchsorted(rows.symbol_index[first], np.arange(len(rows.symbols) + 1))
    left_out = {}
    for at, symbol in enumerate(rows.symbols):
        inner = whole[edges[at] : edges[at + 1]][1:-1]
        if missing := int((~inner).sum()):
            left_out[symbol] = missing
    last = first + counts - 1
    values = np.empty((len(first), rows.values.shape[1]))
    values[:, OPEN] = rows.values[first, OPEN]
    values[:, HIGH] = np.maximum.reduceat(rows.values[:, HIGH], first)
    values[:, LOW] = np.minimum.reduceat(rows.values[:, LOW], first)
    values[:, CLOSE] = rows.values[last, CLOSE]
    values[:, VOLUME] = np.add.reduceat(rows.values[:, VOLUME], first)
    used, index = np.unique(rows.symbol_index[first[whole]], return_inverse=True)
    return Resampled(
        Rows(
            symbols=tuple(rows.symbols[at] for at in used.tolist()),
            symbol_index=index.astype(np.int64),
            ts_ms=bucket_ms[first[whole]],
            values=values[whole],
        ),
        left_out,
    )
