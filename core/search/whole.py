"""Every valid point in the order of the axes, made as it is asked for. Pure."""

from __future__ import annotations

import numpy as np

from core.constraints import Floats, Levels
from core.search.order import Order
from core.search.space import Space

CHUNK_ROWS = 8_192


class WholeGrid:
    """Streams the grid: its memory does not grow with the number of points."""

    duplicate_count = 0
    batch_count = CHUNK_ROWS

    def __init__(self, space: Space) -> None:
        self.space = space
        self.excluded_count = 0
        self._order = Order(space)
        self._next = 0

    @property
    def exhausted(self) -> bool:
        """True once every point was given or excluded."""
        return self._next >= self.space.point_count

    def ask(self, count: int) -> Levels:
        """The next `count` valid points, fewer at the end."""
        found = [np.zeros((0, len(self.space.axes)), np.uint16)]
        missing = count
        while missing and not self.exhausted:
            stop = min(self._next + min(missing, CHUNK_ROWS), self.space.point_count)
            levels = self._order.points(np.arange(self._next, stop))
            valid = self.space.is_valid(levels)
            self.excluded_count += int((~valid).sum())
            found.append(levels[valid])
            missing -= len(found[-1])
            self._next = stop
        return np.concatenate(found)

    def tell(self, levels: Levels, losses: Floats) -> None:
        """Nothing: the order of a grid depends on no loss."""
