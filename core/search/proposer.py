"""What all proposers share: the port, and draws of which none is proposed twice. Pure."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.constraints import Floats, Levels
from core.search.order import Order
from core.search.space import Ints, Space

ENUMERATED_POINTS_MAX = 4_000_000
"""Spaces up to this size are listed when draws find nothing new: numbers of 32 MB, seconds."""
DRAWN_ROWS_MAX = 65_536
ROUNDS_MAX = 64
FRESH_FRAC_MIN = 0.125
"""With fewer new points among the drawn ones it is cheaper to list what is left."""


class Proposer(Protocol):
    """Gives points to evaluate and learns from their losses."""

    @property
    def batch_count(self) -> int:
        """Points that are best asked for at once."""
        ...

    @property
    def duplicate_count(self) -> int:
        """Points drawn that had been proposed before."""
        ...

    @property
    def excluded_count(self) -> int:
        """Points drawn that break a condition."""
        ...

    @property
    def exhausted(self) -> bool:
        """True once no further point was found."""
        ...

    def ask(self, count: int) -> Levels:
        """Up to `count` new valid points, fewer only when there are no more."""
        ...

    def tell(self, levels: Levels, losses: Floats) -> None:
        """Learn the losses of points that were asked for; least is best, NaN is unranked."""
        ...


class Draws:
    """New valid points of a space: whatever is drawn is checked, counted, and given once."""

    def __init__(self, space: Space, chance: np.random.Generator) -> None:
        self.space = space
        self.chance = chance
        self.duplicate_count = 0
        self.excluded_count = 0
        self.exhausted = False
        self._seen: set[bytes] = set()
        self._left: Ints | None = None

    @property
    def given_count(self) -> int:
        """Points given so far."""
        return len(self._seen)

    def fresh(self, levels: Levels, count: int) -> Levels:
        """The first `count` rows that are valid and new; what stands before them is counted."""
        valid = np.flatnonzero(self.space.is_valid(levels))
        kept: list[int] = []
        looked = len(levels)
        for row, key in zip(valid.tolist(), self.space.keys(levels[valid]), strict=True):
            if len(kept) == count:
                looked = row
                break
            if key in self._seen:
                self.duplicate_count += 1
            else:
                self._seen.add(key)
                kept.append(row)
        self.excluded_count += looked - int(np.searchsorted(valid, looked))
        return levels[kept]

    def at_random(self, count: int) -> Levels:
        """`count` new points, fewer when the space has no more or draws find none."""
        found: list[Levels] = []
        missing = count
        for _ in range(ROUNDS_MAX):
            if missing == 0 or self._left is not None:
                break
            drawn = self.space.draw(min(max(2 * missing, 64), DRAWN_ROWS_MAX), self.chance)
            found.append(self.fresh(drawn, missing))
            missing -= len(found[-1])
            is_sparse = len(found[-1]) < FRESH_FRAC_MIN * len(drawn)
            if missing and is_sparse and self.space.point_count <= ENUMERATED_POINTS_MAX:
                self._left = self._unseen()
        while missing and self._left is not None and len(self._left):
            numbers, self._left = self._left[:missing], self._left[missing:]
            found.append(self._unproposed(Order(self.space).points(numbers)))
            missing -= len(found[-1])
        self.exhausted = missing > 0
        blank = np.zeros((0, len(self.space.axes)), np.uint16)
        return np.concatenate([blank, *found])

    def _unproposed(self, levels: Levels) -> Levels:
        """The rows that were not given yet, given now; a list of what is left may be outdated."""
        keys = self.space.keys(levels)
        kept = [row for row, key in enumerate(keys) if key not in self._seen]
        self._seen.update(keys)
        return levels[kept]

    def _unseen(self) -> Ints:
        """Numbers of all valid points that were not given, in random order."""
        order = Order(self.space)
        found: list[npt.NDArray[np.int64]] = []
        for start in range(0, self.space.point_count, DRAWN_ROWS_MAX):
            stop = min(start + DRAWN_ROWS_MAX, self.space.point_count)
            numbers = np.arange(start, stop)
            levels = order.points(numbers)
            new = self.space.is_valid(levels)
            for row, key in enumerate(self.space.keys(levels)):
                new[row] &= key not in self._seen
            found.append(numbers[new])
        return self.chance.permutation(np.concatenate(found))


class DrawsTold:
    """What a proposer that draws says of its draws, which are its `_draws`."""

    _draws: Draws

    @property
    def duplicate_count(self) -> int:
        """Points drawn again."""
        return self._draws.duplicate_count

    @property
    def excluded_count(self) -> int:
        """Points drawn that break a condition."""
        return self._draws.excluded_count

    @property
    def exhausted(self) -> bool:
        """True once no further point was found."""
        return self._draws.exhausted
