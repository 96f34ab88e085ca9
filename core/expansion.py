"""Rows of a sweep: each distinct point of a grid, as kernel records and as strategies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from core.axes import Grid, ResolvedAxis
from core.axis_values import Place, dotted
from core.constraints import Levels, breaks
from core.errors import InputError
from schemas.base import Value
from schemas.parameters import parameters
from schemas.records import to_records
from schemas.strategy import Strategy, strategy_from, value_at


@dataclass(frozen=True)
class Expansion:
    """The rows to evaluate, in the order of the axes, the last one fastest.

    `levels[row, axis]` is the place of the row's value in that axis's `all_levels`: two bytes per
    cell, so that the largest grid fits in memory. Rows are distinct, and each is a valid strategy.
    `drawn_count` is the number of points that a search drew, excluded and repeated ones too; None
    for a whole grid.
    """

    base: Strategy
    grid: Grid
    levels: Levels
    excluded_count: int
    drawn_count: int | None = None

    @property
    def row_count(self) -> int:
        """Rows to evaluate."""
        return len(self.levels)

    @property
    def listed_count(self) -> int:
        """Points of the grid, or points that a search drew."""
        return self.grid.listed_count if self.drawn_count is None else self.drawn_count

    @property
    def duplicate_count(self) -> int:
        """Listed points that equal another one."""
        return self.listed_count - self.excluded_count - self.row_count

    @property
    def paths(self) -> tuple[str, ...]:
        """Path of each axis, in order."""
        return tuple(axis.path for axis in self.grid.axes)

    def values_of(self, row: int) -> dict[str, Value]:
        """Value of each axis in one row."""
        return {
            axis.path: axis.all_levels[self.levels[row, index]]
            for index, axis in enumerate(self.grid.axes)
        }

    def strategy_of(self, row: int) -> Strategy:
        """The row as a complete strategy."""
        return with_values(self.base, self.values_of(row))

    def codes(self, index: int) -> npt.NDArray[np.float64] | npt.NDArray[np.int64]:
        """Values of one axis over all rows as the kernel holds them: words by their position."""
        axis = self.grid.axes[index]
        return _codes(axis)[self.levels[:, index]]

    def records(self, start: int = 0, stop: int | None = None) -> npt.NDArray[np.record]:
        """Rows `start` to `stop` as kernel parameter records: the base's with the axes written in.

        An axis that decisions do not read has no field and is left out.
        """
        rows = slice(start, self.row_count if stop is None else stop)
        count = len(self.levels[rows])
        records = np.repeat(self._base_record, count)
        for index, axis in enumerate(self.grid.axes):
            name = axis.parameter.record_name
            if name:
                records[name] = _codes(axis)[self.levels[rows, index]]
        return records

    @cached_property
    def _base_record(self) -> npt.NDArray[np.record]:
        return to_records([self.base])


def expand(grid: Grid, base: Strategy, place: Place = dotted) -> Expansion:
    """Every distinct point of `grid` that keeps its conditions.

    Raises InputError when no point keeps them.
    """
    levels = np.zeros((1, len(grid.axes)), np.uint16)
    for index, axis in enumerate(grid.axes):
        levels = _expand_axis(levels, index, axis, grid)
    assert len(levels) == grid.distinct_count, (len(levels), grid.distinct_count)
    broken = breaks(levels, grid.conditions)
    if broken.all():
        raise InputError(
            f"none of the {len(levels):,} points is valid: each breaks an order or a constraint",
            at=place("axes"),
            hint=f"these must hold: {'; '.join(each.text for each in grid.conditions)}",
        )
    kept = levels[~broken] if broken.any() else levels
    return Expansion(base, grid, kept, int(broken.sum()))


def with_values(base: Strategy, values: Mapping[str, Value]) -> Strategy:
    """`base` with the parameters at these dotted paths changed, checked as a whole."""
    own = {parameter.path: value_at(base, parameter.path) for parameter in parameters()}
    return strategy_from({**own, **values})


def _expand_axis(levels: Levels, index: int, axis: ResolvedAxis, grid: Grid) -> Levels:
    """Each row once per level where the gate is open, once with the base's value elsewhere."""
    is_open = _is_open(levels, axis, grid)
    counts = np.where(is_open, len(axis.levels), 1)
    row = np.repeat(np.arange(len(levels)), counts)
    first = np.cumsum(counts) - counts
    nth = np.arange(len(row)) - first[row]
    out = levels[row]
    out[:, index] = np.where(is_open[row], nth, axis.frozen_level)
    return out


def _is_open(levels: Levels, axis: ResolvedAxis, grid: Grid) -> npt.NDArray[np.bool_]:
    if axis.parent is None:
        return np.full(len(levels), axis.open_at_base)
    parent = grid.axes[axis.parent]
    opens = np.array([value == axis.equals for value in parent.all_levels])
    return np.asarray(opens[levels[:, axis.parent]], np.bool_)


def _codes(axis: ResolvedAxis) -> npt.NDArray[np.float64] | npt.NDArray[np.int64]:
    """Each level of an axis as the kernel holds it."""
    choices = axis.parameter.choices
    if choices:
        return np.array([choices.index(str(value)) for value in axis.all_levels], np.int64)
    if axis.parameter.type == "float":
        return np.array(axis.all_levels, np.float64)
    return np.array(axis.all_levels, np.int64)
