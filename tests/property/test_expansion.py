"""Rows of random grids: distinct, valid, and as many as the arithmetic says."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given

from core.errors import InputError
from core.expansion import expand
from schemas.records import to_records
from schemas.strategy import Strategy, order_faults, value_at
from tests.sweep_axes import Axis, axes, grid_of


def by_hand(listed: list[Axis]) -> list[tuple[Any, ...]]:
    """Every point, repeats included, by plain loops over the product."""
    base = {axis["path"]: value_at(Strategy(), axis["path"]) for axis in listed}
    points = []
    for choice in itertools.product(*(enumerate(axis["values"]) for axis in listed)):
        values: dict[str, Any] = {}
        is_first = True
        for axis, (nth, value) in zip(listed, choice, strict=True):
            gate = axis["when"]
            own = values.get(gate["path"], base.get(gate["path"], "1h"))
            is_open = own == gate["equals"]
            values[axis["path"]] = value if is_open else base[axis["path"]]
            is_first = is_first and (is_open or nth == 0)
        if is_first:  # a closed axis has one point, not one per value
            points.append(tuple(values.values()))
    return points


@given(listed=axes())
def test_rows_are_the_distinct_valid_points_of_the_product(listed: list[Axis]) -> None:
    points = by_hand(listed)
    paths = [axis["path"] for axis in listed]
    distinct = list(dict.fromkeys(points))
    valid = [
        point
        for point in distinct
        if not order_faults(
            lambda path, point=point: dict(zip(paths, point, strict=True)).get(
                path, value_at(Strategy(), path)
            )
        )
    ]

    grid = grid_of(listed)

    assert grid.listed_count == len(points)
    assert grid.distinct_count == len(distinct)
    if not valid:
        return
    expansion = expand(grid, Strategy())
    rows = [tuple(expansion.values_of(row).values()) for row in range(expansion.row_count)]
    assert sorted(rows, key=repr) == sorted(valid, key=repr)
    assert expansion.excluded_count + expansion.row_count == len(distinct)
    assert expansion.duplicate_count == len(points) - len(distinct)


@given(listed=axes())
def test_records_hold_each_rows_values(listed: list[Axis]) -> None:
    try:
        expansion = expand(grid_of(listed), Strategy())
    except InputError:  # every point broke an ordered pair
        return
    sample = range(0, expansion.row_count, max(expansion.row_count // 8, 1))

    records = expansion.records()

    expected = to_records([expansion.strategy_of(row) for row in sample])
    assert records[list(sample)].tobytes() == expected.tobytes()
    assert len(np.unique(records)) == expansion.row_count
