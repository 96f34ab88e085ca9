"""A space of points as levels of its axes: what is open, what is valid, and a key per point. Pure.

A point is a row of levels, one per axis, as in `core.expansion`. Where an axis' gate is closed its
level is frozen, so that equal points have equal rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.axes import Grid, ResolvedAxis
from core.constraints import Bools, Condition, Levels, breaks

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

WORD_POINTS_MAX = 2**64


@dataclass(frozen=True, eq=False)
class SpaceAxis:
    """One axis: `level_count` levels where its gate is open, `frozen_level` where it is closed.

    `all_count` counts the frozen level too if it is none of the others. `order` has the levels by
    rising value; it is None for words and switches, which have no neighbours. `opens` says for each
    level of the parent whether it opens the gate.
    """

    name: str
    level_count: int
    order: Ints | None
    all_count: int
    frozen_level: int = 0
    parent: int | None = None
    opens: Bools | None = None
    open_at_base: bool = True

    def is_open(self, levels: Levels) -> Bools:
        """Whether each row opens the gate; the parent's level must be in place."""
        if self.parent is None or self.opens is None:
            return np.full(len(levels), self.open_at_base)
        return np.asarray(self.opens[levels[:, self.parent]], np.bool_)


@dataclass(frozen=True, eq=False)
class Space:
    """The axes, parents before their children, and the conditions that a valid point keeps."""

    axes: tuple[SpaceAxis, ...]
    conditions: tuple[Condition, ...] = ()

    def open_mask(self, levels: Levels) -> Bools:
        """`[rows, axes]`: where each row's gates are open."""
        return np.stack([axis.is_open(levels) for axis in self.axes], axis=1)

    def freeze(self, levels: Levels) -> Levels:
        """`levels` itself, with the frozen level wherever a gate is closed."""
        for index, axis in enumerate(self.axes):
            levels[~axis.is_open(levels), index] = axis.frozen_level
        return levels

    def is_valid(self, levels: Levels) -> Bools:
        """Whether each row keeps every condition."""
        return ~breaks(levels, self.conditions)

    def draw(self, count: int, chance: np.random.Generator) -> Levels:
        """Points at random, each open axis by itself; some may be equal, some not valid."""
        columns = [chance.integers(0, axis.level_count, count) for axis in self.axes]
        return self.freeze(np.stack(columns, axis=1).astype(np.uint16))

    def keys(self, levels: Levels) -> list[bytes]:
        """A key per row, equal only for equal rows: mixed-radix numbers of eight bytes each."""
        words = np.zeros((len(levels), len(self._words)), np.uint64)
        for place, members in enumerate(self._words):
            for index in members:
                radix = np.uint64(self.axes[index].all_count)
                words[:, place] = words[:, place] * radix + levels[:, index].astype(np.uint64)
        width = words.shape[1] * words.itemsize
        return np.ascontiguousarray(words).view(f"V{width}").ravel().tolist()

    @cached_property
    def _words(self) -> tuple[tuple[int, ...], ...]:
        """Axes whose levels fit one 64-bit number together."""
        found: list[tuple[int, ...]] = []
        members: list[int] = []
        span = 1
        for index, axis in enumerate(self.axes):
            if members and span * axis.all_count > WORD_POINTS_MAX:
                found.append(tuple(members))
                members, span = [], 1
            members.append(index)
            span *= axis.all_count
        return (*found, tuple(members))

    @cached_property
    def subtree_counts(self) -> tuple[tuple[int, int], ...]:
        """Per axis: points of it and all axes below it where its gate is open, and where closed."""
        found = [(0, 0)] * len(self.axes)
        for index in reversed(range(len(self.axes))):
            axis = self.axes[index]
            opened = sum(self._below(index, level, found) for level in range(axis.level_count))
            found[index] = (opened, self._below(index, axis.frozen_level, found))
        return tuple(found)

    def below(self, index: int) -> tuple[int, ...]:
        """Points of the axes below this one, for each of its levels."""
        count = self.axes[index].all_count
        return tuple(self._below(index, level, self.subtree_counts) for level in range(count))

    @cached_property
    def point_count(self) -> int:
        """Distinct points, valid or not."""
        return math.prod(
            opened if axis.open_at_base else closed
            for axis, (opened, closed) in zip(self.axes, self.subtree_counts, strict=True)
            if axis.parent is None
        )

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """Axes whose gate asks each axis."""
        return tuple(
            tuple(k for k, axis in enumerate(self.axes) if axis.parent == index)
            for index in range(len(self.axes))
        )

    def _below(self, index: int, level: int, counts: Sequence[tuple[int, int]]) -> int:
        product = 1
        for child in self.children[index]:
            opens = self.axes[child].opens
            assert opens is not None
            product *= counts[child][0 if opens[level] else 1]
        return product


def space_of(grid: Grid) -> Space:
    """The space of a sweep's axes, with all that its points must keep."""
    return Space(tuple(_axis(axis, grid) for axis in grid.axes), grid.conditions)


def _axis(axis: ResolvedAxis, grid: Grid) -> SpaceAxis:
    order = None
    if axis.parameter.type in ("int", "float"):
        order = np.argsort(np.array(axis.levels, np.float64), kind="stable")
    opens = None
    if axis.parent is not None:
        parent = grid.axes[axis.parent]
        opens = np.array([value == axis.equals for value in parent.all_levels])
    return SpaceAxis(
        name=axis.path,
        level_count=len(axis.levels),
        order=order,
        all_count=len(axis.all_levels),
        frozen_level=axis.frozen_level,
        parent=axis.parent,
        opens=opens,
        open_at_base=axis.open_at_base,
    )
