"""The points of a space by their number in the grid's order, none made before it is asked. Pure."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from core.constraints import Bools, Levels
from core.search.space import Ints, Space

NUMBERED_POINTS_MAX = 2**62
"""Beyond it a point's number does not fit 64 bits; nobody waits for the end of such a grid."""


class Order:
    """Numbers of the points in the order of the axes, the last one fastest, as `expand` has them.

    Let R be the count of points that an earlier prefix leaves open. An axis whose own subtree has f
    points leaves R' = R / f for the others; its level v, with w(v) points below it, owns a block of
    w(v) R' numbers.
    """

    def __init__(self, space: Space) -> None:
        assert space.point_count <= NUMBERED_POINTS_MAX, space.point_count
        self.space = space

    def points(self, numbers: Ints) -> Levels:
        """The points with these numbers."""
        space = self.space
        levels = np.zeros((len(numbers), len(space.axes)), np.uint16)
        rest = numbers.astype(np.int64)
        left: Ints = np.full(len(numbers), space.point_count, np.int64)
        for index, axis in enumerate(space.axes):
            opened, closed = space.subtree_counts[index]
            is_open = axis.is_open(levels)
            left //= np.where(is_open, opened, closed)
            blocks = rest // left
            levels[:, index] = self._levels_of(index, blocks, is_open)
            weights, starts = self._blocks[index]
            chosen = levels[:, index]
            rest -= np.where(is_open, starts[chosen], 0) * left
            left *= weights[chosen]
        return levels

    def _levels_of(self, index: int, blocks: Ints, is_open: Bools) -> Ints:
        axis = self.space.axes[index]
        starts = self._blocks[index][1][: axis.level_count]
        found = np.searchsorted(starts, blocks, side="right") - 1
        return np.where(is_open, found, axis.frozen_level)

    @cached_property
    def _blocks(self) -> tuple[tuple[Ints, Ints], ...]:
        """Per axis and level: points below it, and points of the levels before it."""
        found = []
        for index in range(len(self.space.axes)):
            weights = np.array(self.space.below(index), np.int64)
            found.append((weights, np.cumsum(weights) - weights))
        return tuple(found)
