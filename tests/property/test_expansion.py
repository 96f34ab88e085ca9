"""Rows of random grids: distinct, valid, and as many as the arithmetic says."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.axes import COST_PATHS, Grid, resolve_axes
from core.errors import InputError
from core.expansion import expand
from schemas.parameters import parameters
from schemas.records import to_records
from schemas.strategy import Strategy, order_faults, value_at
from schemas.sweep import SweepSpec

SWEEPABLE = tuple(
    parameter
    for parameter in parameters()
    if parameter.axis and parameter.path not in COST_PATHS and parameter.in_kernel
)

Axis = dict[str, Any]
ALWAYS_OPEN: Axis = {"path": "engine.interval", "equals": "1h"}
"""A gate that the base holds open, in place of the declared one."""


@st.composite
def axes(draw: st.DrawFn) -> list[Axis]:
    """Two to five axes over declared values, repeats among them, some gated by an earlier one."""
    chosen = draw(
        st.lists(st.sampled_from(SWEEPABLE), min_size=2, max_size=5, unique_by=lambda p: p.path)
    )
    found: list[Axis] = []
    for index, parameter in enumerate(chosen):
        values = draw(st.lists(st.sampled_from(parameter.axis), min_size=1, max_size=4))
        axis: Axis = {"path": parameter.path, "values": values}
        parent = draw(st.sampled_from(chosen[:index])) if index else None
        if parent is not None and draw(st.booleans()):
            gate_values = (*parent.axis, parent.default)
            axis["when"] = {"path": parent.path, "equals": draw(st.sampled_from(gate_values))}
        else:
            axis["when"] = ALWAYS_OPEN
        found.append(axis)
    return found


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


def grid_of(listed: list[Axis]) -> Grid:
    spec = {"kind": "sweep-spec", "version": 1, "base": "b", "axes": listed}
    return resolve_axes(SweepSpec.model_validate(spec), Strategy())


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
