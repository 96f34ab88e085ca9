"""Where good points lie together: a kernel around each of them, over all axes at once. Pure.

As in Falkner, Klein and Hutter (2018), "BOHB": l(x) = sum_i w_i prod_a K_a(x_a | x_ia), with the
even prior as one more point. Correlations between axes are kept, which densities per axis lose.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.constraints import Bools, Floats, Levels
from core.search.densities import width_levels
from core.search.space import Ints, Space, SpaceAxis

JOINT_MAX_COUNT = 32
"""Most kernels: the cost of a candidate grows with them."""
CANDIDATES = 4
EVEN_FRAC = 0.1
"""Weight that each kernel spreads evenly over an axis. Without it the good points, once they agree
on an axis, hold each other there: one search in ten ended on the wrong side of a bowl."""
OTHER_WORD_FRAC = 0.2
"""Weight that a kernel gives to all words alike, beside its own."""
CHUNK_ROWS = 8_192


def joint_points(
    space: Space,
    good: tuple[Levels, Bools],
    weights: Floats,
    other: Sequence[Floats],
    count: int,
    chance: np.random.Generator,
) -> Levels:
    """`count` points, each the best by l / g of four drawn from l, gates obeyed.

    `good` are levels and open gates of the good points, best first; `other` is g of each axis, and
    the product of them stands for g.
    """
    levels, is_open = good[0][:JOINT_MAX_COUNT], good[1][:JOINT_MAX_COUNT]
    mixture = np.append(weights[:JOINT_MAX_COUNT], 1.0)
    mixture /= mixture.sum()
    tables = [
        _table(axis, levels[:, index], is_open[:, index], len(space.axes))
        for index, axis in enumerate(space.axes)
    ]
    parts = []
    for start in range(0, count, CHUNK_ROWS):
        rows = min(CHUNK_ROWS, count - start)
        drawn = _drawn(tables, mixture, rows * CANDIDATES, chance)
        drawn = space.freeze(drawn)
        score = _score(space, drawn, tables, mixture, other).reshape(rows, CANDIDATES)
        best = score.argmax(axis=1) + CANDIDATES * np.arange(rows)
        parts.append(drawn[best])
    return np.concatenate(parts)


def _table(axis: SpaceAxis, at: Levels, is_open: Bools, axis_count: int) -> Floats:
    """`[kernels, levels]`: probability of each level near each good point; the prior is last.

    A point at which the axis is closed says nothing of it: its row is even.
    """
    table = np.full((len(at) + 1, axis.level_count), 1.0 / axis.level_count)
    rows = np.flatnonzero(is_open)
    if len(rows) == 0:
        return table
    if axis.order is None:
        table[rows] = OTHER_WORD_FRAC / axis.level_count
        table[rows, at[rows]] += 1.0 - OTHER_WORD_FRAC
        return table
    place_of: Ints = np.empty(axis.level_count, np.int64)
    place_of[axis.order] = np.arange(axis.level_count)
    places = place_of[at[rows]].astype(np.float64)
    exponent = -1.0 / (4.0 + axis_count)
    width = width_levels(places, np.ones(len(rows)), len(rows), exponent)
    distances = (place_of[None, :] - places[:, None]) / width
    bells = np.exp(-0.5 * distances**2)
    bells /= bells.sum(axis=1, keepdims=True)
    table[rows] = (1.0 - EVEN_FRAC) * bells + EVEN_FRAC / axis.level_count
    return table


def _drawn(
    tables: Sequence[Floats], mixture: Floats, count: int, chance: np.random.Generator
) -> Levels:
    """Points of the mixture: a kernel each, then a level of each axis from that kernel."""
    kernel = chance.choice(len(mixture), count, p=mixture)
    columns = []
    for table in tables:
        below = np.cumsum(table, axis=1)
        below /= below[:, -1:]
        # Rows of cumulative sums one after the other rise from k to k + 1: one search for all.
        stairs = (below + np.arange(len(below))[:, None]).ravel()
        found = np.searchsorted(stairs, kernel + chance.random(count), side="right")
        columns.append(np.clip(found - kernel * table.shape[1], 0, table.shape[1] - 1))
    return np.stack(columns, axis=1).astype(np.uint16)


def _score(
    space: Space,
    drawn: Levels,
    tables: Sequence[Floats],
    mixture: Floats,
    other: Sequence[Floats],
) -> Floats:
    """log l - log g of each point over the axes that it opens."""
    is_open = space.open_mask(drawn)
    each: Floats = np.repeat(np.log(mixture)[:, None], len(drawn), axis=1)
    against: Floats = np.zeros(len(drawn))
    for index, table in enumerate(tables):
        rows = np.flatnonzero(is_open[:, index])
        at = drawn[rows, index]
        each[:, rows] += np.log(table + 1e-300)[:, at]
        against[rows] += np.log(other[index])[at]
    most = each.max(axis=0)
    score: Floats = np.log(np.exp(each - most).sum(axis=0)) + most - against
    return score
