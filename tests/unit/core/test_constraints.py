"""Constraints and ranges of a spec: what is kept, and what is refused with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from core.axes import GRID_POINTS_MAX, Grid, resolve_axes
from core.axis_values import log_values
from core.errors import InputError
from core.expansion import expand
from core.search.feasible import refuse_impossible
from core.search.space import space_of
from schemas.strategy import Strategy, value_at
from schemas.sweep import SweepSpec

STOP = "trade.stop_loss_atr"
TARGET = "trade.take_profit_atr"
START = "trade.trailing_start_atr"
PARTIAL = "trade.enable_partial_tp"
FAST = "indicators.ema_fast_window_bars"
MODE = "thresholds.entry.macd_mode"

Axis = dict[str, Any]


def grid_of(axes: list[Axis], *constraints: str, **keys: Any) -> Grid:
    spec = {"kind": "sweep-spec", "version": 1, "base": "base.yaml", "axes": axes}
    spec |= {"constraints": constraints} | keys
    return resolve_axes(SweepSpec.model_validate(spec), Strategy())


def rows_of(axes: list[Axis], *constraints: str) -> list[tuple[Any, ...]]:
    expansion = expand(grid_of(axes, *constraints), Strategy())
    return [tuple(expansion.values_of(row).values()) for row in range(expansion.row_count)]


TWO = [{"path": STOP, "values": [3, 1, 2]}, {"path": TARGET, "values": [1, 2, 3]}]


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        ("<", {(1, 2), (1, 3), (2, 3)}),
        ("<=", {(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)}),
        (">", {(2, 1), (3, 1), (3, 2)}),
        (">=", {(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3)}),
        ("==", {(1, 1), (2, 2), (3, 3)}),
        ("!=", {(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)}),
    ],
)
def test_a_constraint_keeps_the_points_that_compare_so(
    sign: str, expected: set[tuple[int, int]]
) -> None:
    assert set(rows_of(TWO, f"{STOP} {sign} {TARGET}")) == expected


def test_a_constraint_compares_with_a_number_and_with_the_base() -> None:
    start = value_at(Strategy(), START)
    assert isinstance(start, float)
    axes = [{"path": STOP, "values": [start - 0.5, start, start + 0.5, 9.0]}]

    assert rows_of(axes, f"{STOP}>={START}", f"{STOP} < 9e0") == [(start,), (start + 0.5,)]


def test_points_that_break_a_constraint_are_counted_apart() -> None:
    expansion = expand(grid_of(TWO, f"{STOP} < {TARGET}"), Strategy())

    assert (expansion.listed_count, expansion.excluded_count, expansion.row_count) == (9, 6, 3)
    assert expansion.duplicate_count == 0


WRONG = [
    (f"{STOP} << {TARGET}", "is not a comparison"),
    (f"{STOP} = {TARGET}", "is not a comparison"),
    (f"1 < {STOP}", "is not a comparison"),
    (f"{STOP} < {TARGET} < 9", "is not a comparison"),
    ("", "is not a comparison"),
    (f"{STOP} < trade.take_profit", "there is no parameter 'trade.take_profit'"),
    (f"{STOP} < nan", "there is no parameter 'nan'"),
    (f"{STOP} < inf", "there is no parameter 'inf'"),
    ("trade < 3", "trade is a group"),
    (f"{PARTIAL} == 1", "takes true or false: only numbers are compared"),
    (f"{MODE} != {STOP}", "only numbers are compared"),
    (f"{START} < 5", "no axis stands in"),
]


@pytest.mark.parametrize(("text", "what"), WRONG, ids=[case[0] for case in WRONG])
def test_a_wrong_constraint_is_refused_with_its_place(text: str, what: str) -> None:
    with pytest.raises(InputError) as caught:
        grid_of(TWO, f"{STOP} > 0", text)

    assert what in caught.value.what
    assert caught.value.at == "constraints[1]"
    assert caught.value.hint


IMPOSSIBLE = [
    (f"{STOP} < 1",),
    (f"{STOP} < {STOP}",),
    (f"{STOP} < {TARGET}", f"{TARGET} < {STOP}"),
    (f"{STOP} < {TARGET}", f"{TARGET} < {START}", f"{START} < {STOP}"),
    (f"{STOP} == {TARGET}", f"{STOP} != {TARGET}"),
]


@pytest.mark.parametrize("constraints", IMPOSSIBLE)
def test_constraints_that_leave_no_point_are_refused_for_every_method(
    constraints: tuple[str, ...],
) -> None:
    axes = [*TWO, {"path": START, "values": [1, 2, 3]}]

    with pytest.raises(InputError, match="exclude every point") as caught:
        refuse_impossible(space_of(grid_of(axes, *constraints)))
    assert constraints[0] in caught.value.hint
    with pytest.raises(InputError, match="none of the 27 points") as caught:
        expand(grid_of(axes, *constraints), Strategy())
    assert constraints[0] in caught.value.hint


def test_a_circle_over_ten_thousand_values_each_is_refuted_without_its_grid() -> None:
    fine = [0.001, 9.999, 0.001]
    axes = [{"path": path, "range": fine} for path in (STOP, TARGET, START)]
    circle = (f"{STOP} < {TARGET}", f"{TARGET} < {START}", f"{START} <= {STOP}")
    draws = {"method": "random", "budget": {"trials": 1}}

    with pytest.raises(InputError, match="exclude every point"):
        refuse_impossible(space_of(grid_of(axes, *circle, **draws)))
    refuse_impossible(space_of(grid_of(axes, *circle[:2], **draws)))


def test_the_limit_on_points_holds_for_grids_alone() -> None:
    axes = [{"path": path, "range": [0.01, 99, 0.01]} for path in (STOP, TARGET, START)]

    with pytest.raises(InputError, match="the limit is"):
        grid_of(axes)
    grid = grid_of(axes, method="tpe", budget={"trials": 10})

    assert grid.distinct_count == 9_900**3 > GRID_POINTS_MAX


def test_equal_ratios_are_written_as_a_person_would() -> None:
    assert log_values(1, 100, 3, whole=False) == (1, 10.0, 100)
    assert log_values(0.1, 10.0, 5, whole=False) == (0.1, 0.3162, 1.0, 3.162, 10.0)
    assert log_values(0.3, 0.7, 2, whole=False) == (0.3, 0.7)


def test_whole_numbers_in_equal_ratios_come_once_each_and_keep_the_ends() -> None:
    found = log_values(2, 12, 12, whole=True)

    assert found == (2, 3, 4, 5, 6, 7, 9, 10, 12)
    assert all(type(value) is int for value in found)
    assert rows_of([{"path": FAST, "log": [5, 40, 4]}]) == [(5,), (10,), (20,), (40,)]


@pytest.mark.parametrize(
    ("axis", "what"),
    [
        ({"path": STOP, "log": [0, 9, 3]}, "has no values in equal ratios: from 0 to 9"),
        ({"path": STOP, "log": [-1, 9, 3]}, "has no values in equal ratios"),
        ({"path": STOP, "log": [9, 1, 3]}, "has no values in equal ratios"),
        ({"path": STOP, "log": [1, 9, 1]}, "has no values in equal ratios"),
        ({"path": STOP, "log": [1, 101, 3]}, "must be > 0, <= 100, was 101"),
        ({"path": FAST, "log": [4.5, 9, 3]}, "takes a whole number, was 4.5"),
        ({"path": MODE, "log": [1, 2, 3]}, "equal ratios have no meaning"),
        ({"path": STOP, "log": [1, 9, 10_001]}, "at most 10,000 are swept"),
    ],
)
def test_a_wrong_range_of_equal_ratios_is_refused_with_its_place(axis: Axis, what: str) -> None:
    with pytest.raises(InputError) as caught:
        grid_of([axis])

    assert what in caught.value.what
    assert caught.value.at.startswith("axes[0]")
    assert caught.value.hint
