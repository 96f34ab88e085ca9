"""Axes of a sweep: what may vary over what, and how many points that makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.axes import COST_PATHS, GRID_POINTS_MAX, Grid, resolve_axes
from core.axis_values import range_values
from core.errors import InputError
from core.expansion import Expansion, expand, with_values
from schemas.parameters import by_path, parameters
from schemas.records import to_records
from schemas.strategy import ORDERED_OR_EQUAL_PAIRS, ORDERED_PAIRS, Strategy, value_at
from schemas.sweep import SweepSpec

STOP = "trade.stop_loss_atr"
TARGET = "trade.take_profit_atr"
PARTIAL = "trade.enable_partial_tp"
PARTIAL_ATR = "trade.partial_tp_atr"
FAST = "indicators.ema_fast_window_bars"
SLOW = "indicators.ema_slow_window_bars"
MODE = "thresholds.entry.macd_mode"

Axis = dict[str, Any]


def spec_of(*axes: Axis) -> SweepSpec:
    return SweepSpec.model_validate(
        {"kind": "sweep-spec", "version": 1, "base": "base.yaml", "axes": list(axes)}
    )


def grid_of(*axes: Axis, base: Strategy | None = None) -> Grid:
    return resolve_axes(spec_of(*axes), base or Strategy())


def rows_of(*axes: Axis, base: Strategy | None = None) -> list[tuple[Any, ...]]:
    expansion = expansion_of(*axes, base=base)
    return [tuple(expansion.values_of(row).values()) for row in range(expansion.row_count)]


def expansion_of(*axes: Axis, base: Strategy | None = None) -> Expansion:
    return expand(grid_of(*axes, base=base), base or Strategy())


def test_the_last_axis_runs_fastest() -> None:
    rows = rows_of({"path": STOP, "values": [1, 2]}, {"path": TARGET, "range": [3, 4, 0.5]})

    assert rows == [(1.0, 3.0), (1.0, 3.5), (1.0, 4.0), (2.0, 3.0), (2.0, 3.5), (2.0, 4.0)]


def test_an_axis_without_values_takes_the_declared_ones() -> None:
    assert rows_of({"path": STOP}) == [(value,) for value in by_path()[STOP].axis]


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0.1, 0.3, 0.1, (0.1, 0.2, 0.3)),
        (0.05, 0.15, 0.05, (0.05, 0.1, 0.15)),
        (1, 2, 0.3, (1.0, 1.3, 1.6, 1.9)),
        (5, 5, 1, (5.0,)),
        (1e-4, 3e-4, 1e-4, (0.0001, 0.0002, 0.0003)),
        (0.7, 1.0, 0.1, (0.7, 0.8, 0.9, 1.0)),
    ],
)
def test_a_range_gives_the_numbers_a_person_would_write(
    low: float, high: float, step: float, expected: tuple[float, ...]
) -> None:
    assert range_values(low, high, step) == expected


def test_switches_and_words_are_axes_too() -> None:
    rows = rows_of({"path": PARTIAL}, {"path": MODE, "values": ["none", "sign"]})

    assert rows == [(False, "none"), (False, "sign"), (True, "none"), (True, "sign")]


def test_whole_numbers_stay_whole_in_a_range() -> None:
    rows = rows_of({"path": FAST, "range": [8, 12, 2]})

    assert rows == [(8,), (10,), (12,)]
    assert all(type(row[0]) is int for row in rows)


WRONG: list[tuple[str, list[Axis], str]] = [
    ("unknown path", [{"path": "trade.stop_los_atr"}], "no parameter 'trade.stop_los_atr'"),
    ("a leaf alone", [{"path": "stop_loss_atr"}], "no parameter 'stop_loss_atr'"),
    ("a group", [{"path": "trade"}], "trade is a group"),
    ("no values", [{"path": STOP, "values": []}], "has no values"),
    ("above bounds", [{"path": STOP, "values": [1, 101]}], "must be > 0, <= 100, was 101"),
    ("below bounds", [{"path": STOP, "range": [0, 1, 0.5]}], "must be > 0, <= 100, was 0"),
    ("wrong type", [{"path": STOP, "values": ["wide"]}], "takes a number, was `wide`"),
    ("switch as number", [{"path": PARTIAL, "values": [1]}], "takes true or false, was 1"),
    ("number as switch", [{"path": FAST, "values": [True]}], "takes a whole number, was true"),
    ("half a bar", [{"path": FAST, "range": [8, 9, 0.5]}], "takes a whole number, was 8.5"),
    ("unknown word", [{"path": MODE, "values": ["slope"]}], "accel | sign | none, was `slope`"),
    ("range of words", [{"path": MODE, "range": [1, 2, 1]}], "a range has no meaning"),
    ("range backwards", [{"path": STOP, "range": [3, 1, 1]}], "empty range"),
    ("range on the spot", [{"path": STOP, "range": [1, 3, 0]}], "empty range"),
    ("twice", [{"path": STOP}, {"path": STOP}], "an axis twice"),
    ("nothing declared", [{"path": "trade.entry_cooldown_s"}], "none are declared for it"),
    ("a cost", [{"path": "trade.taker_fee_bps", "values": [0]}], "must not choose its own costs"),
    ("the clock", [{"path": "engine.interval", "values": ["4h"]}], "share one clock"),
    (
        "unknown parent",
        [{"path": STOP, "when": {"path": "trade.enable_magic", "equals": True}}],
        "no parameter 'trade.enable_magic'",
    ),
    (
        "impossible gate",
        [{"path": STOP, "when": {"path": MODE, "equals": "never"}}],
        "was `never`",
    ),
    (
        "parent later",
        [{"path": PARTIAL_ATR}, {"path": PARTIAL}],
        "trade.enable_partial_tp has one value, but that axis stands after it",
    ),
    (
        "own parent",
        [{"path": STOP, "when": {"path": STOP, "equals": 2.0}}],
        f"gates run in a circle: {STOP} -> {STOP}",
    ),
    (
        "circle",
        [
            {"path": STOP, "when": {"path": TARGET, "equals": 4.0}},
            {"path": TARGET, "when": {"path": STOP, "equals": 2.0}},
        ],
        f"gates run in a circle: {STOP} -> {TARGET} -> {STOP}",
    ),
]


@pytest.mark.parametrize(
    ("axes", "what"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_a_wrong_axis_is_refused_with_its_place(axes: list[Axis], what: str) -> None:
    with pytest.raises(InputError) as caught:
        grid_of(*axes)

    assert what in caught.value.what
    assert caught.value.at.startswith("axes[")
    assert caught.value.hint


def test_an_unknown_path_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        grid_of({"path": "trade.stop_los_atr"})

    assert STOP in caught.value.hint


def test_every_cost_is_refused_as_an_axis() -> None:
    words = ("slippage", "fee", "notional", "funding", "venue", "liquidation", "maintenance")
    costs = {p.path for p in parameters() if any(word in p.path for word in words)}

    assert costs - {"trade.enable_funding_headwind_exit"} == COST_PATHS


def test_a_gated_axis_varies_only_where_its_parent_allows() -> None:
    rows = rows_of({"path": PARTIAL}, {"path": PARTIAL_ATR, "values": [1.0, 2.0]})

    assert rows == [(False, 0.0), (True, 1.0), (True, 2.0)]


def test_a_frozen_axis_that_lists_the_base_value_makes_no_new_level() -> None:
    expansion = expansion_of({"path": PARTIAL}, {"path": PARTIAL_ATR, "values": [1.0, 0.0]})

    assert expansion.grid.axes[1].all_levels == (1.0, 0.0)
    assert [tuple(expansion.values_of(row).values()) for row in range(expansion.row_count)] == [
        (False, 0.0),
        (True, 1.0),
        (True, 0.0),
    ]


def test_gates_nest() -> None:
    rows = rows_of(
        {"path": MODE, "values": ["sign", "none"]},
        {"path": STOP, "values": [1.0, 3.0], "when": {"path": MODE, "equals": "none"}},
        {"path": TARGET, "values": [5.0, 6.0], "when": {"path": STOP, "equals": 3.0}},
    )

    assert rows == [
        ("sign", 2.0, 4.0),
        ("none", 1.0, 4.0),
        ("none", 3.0, 5.0),
        ("none", 3.0, 6.0),
    ]


def test_a_gate_on_the_base_freezes_the_axis_and_says_so() -> None:
    base = with_values(Strategy(), {PARTIAL: False})

    grid = grid_of({"path": PARTIAL_ATR}, {"path": STOP, "values": [1, 2]}, base=base)

    assert grid.listed_count == 2
    assert grid.notes == (
        "trade.partial_tp_atr stays at 0.0: it acts only where trade.enable_partial_tp is true, "
        "and the base has false",
    )


def test_the_specs_own_gate_replaces_the_declared_one() -> None:
    base = with_values(Strategy(), {PARTIAL: False})
    own = {"path": PARTIAL_ATR, "values": [1, 2], "when": {"path": MODE, "equals": "accel"}}

    assert rows_of(own, base=base) == [(1.0,), (2.0,)]


def test_a_value_named_twice_is_tried_once_and_counted() -> None:
    expansion = expansion_of(
        {"path": STOP, "values": [1, 2, 1.0, 2]}, {"path": TARGET, "values": [3, 4]}
    )

    assert expansion.row_count == 4
    assert expansion.grid.listed_count == 8
    assert expansion.duplicate_count == 4


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        pair
        for pair in (*ORDERED_PAIRS, *ORDERED_OR_EQUAL_PAIRS)
        if not pair[0].startswith("engine.")
    ],
)
def test_pairs_out_of_order_are_left_out_and_counted(lower: str, upper: str) -> None:
    # Between the two defaults, so that the pairs that share a key with this one hold.
    low, high = by_path()[lower].default, by_path()[upper].default
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    kind = int if by_path()[lower].type == "int" else float
    values = [kind(low + (high - low) * part / 4) for part in (1, 2, 3)]
    axes = [{"path": path, "values": values} for path in (lower, upper)]
    gate = {"when": {"path": MODE, "equals": "accel"}}

    expansion = expansion_of(*(axis | gate for axis in axes))

    expected = 3 if (lower, upper) in ORDERED_PAIRS else 6
    assert expansion.row_count == expected
    assert expansion.excluded_count == 9 - expected
    for row in range(expansion.row_count):
        expansion.strategy_of(row)


def test_an_axis_is_held_to_the_order_with_the_base_too() -> None:
    expansion = expansion_of({"path": FAST, "values": [20, 49, 50, 60]})

    assert [expansion.values_of(row)[FAST] for row in range(expansion.row_count)] == [20, 49]
    assert expansion.excluded_count == 2


def test_a_grid_without_a_valid_point_is_refused() -> None:
    with pytest.raises(InputError, match="none of the 2 points") as caught:
        expansion_of({"path": FAST, "values": [60, 70]})

    assert f"{FAST} < {SLOW}" in caught.value.hint


def test_a_grid_of_a_million_millions_is_refused_at_once_with_its_count() -> None:
    trailing = ("trade.trailing_start_atr", "trade.trailing_distance_atr")
    wide = [{"path": path, "range": [0.1, 100, 0.1]} for path in (STOP, TARGET, *trailing)]

    with pytest.raises(InputError) as caught:
        grid_of(*wide)

    assert "1,000,000,000,000 points (about 10^12)" in caught.value.what
    assert f"{GRID_POINTS_MAX:,}" in caught.value.what
    assert caught.value.hint


def test_one_axis_of_a_million_millions_is_refused_at_once_too() -> None:
    with pytest.raises(InputError, match=r"990,000,000,001 points \(about 10\^11\)"):
        grid_of({"path": STOP, "range": [1, 100, 1e-10]})


def test_an_axis_too_fine_is_refused_even_when_the_grid_is_small() -> None:
    with pytest.raises(InputError, match="at most 10,000 are swept"):
        grid_of({"path": STOP, "range": [1, 2, 1e-5]})


def test_the_largest_grid_is_counted_by_arithmetic_as_its_rows_are_made() -> None:
    axes = [
        {"path": PARTIAL},
        {"path": PARTIAL_ATR, "values": [0.0, 1.0, 1.5, 1.0]},
        {"path": STOP, "values": [1, 2, 3]},
        {"path": TARGET, "values": [4, 5], "when": {"path": STOP, "equals": 2.0}},
        {"path": FAST},
        {"path": SLOW},
    ]

    expansion = expansion_of(*axes)

    assert expansion.grid.listed_count == (1 + 4) * (1 + 2 + 1) * 5 * 4
    assert expansion.row_count + expansion.excluded_count == expansion.grid.distinct_count
    assert len(np.unique(expansion.levels, axis=0)) == expansion.row_count


def test_records_are_those_of_each_rows_strategy() -> None:
    expansion = expansion_of(
        {"path": MODE}, {"path": PARTIAL}, {"path": PARTIAL_ATR}, {"path": FAST}, {"path": STOP}
    )

    whole = expansion.records()
    rows = range(0, expansion.row_count, 7)
    expected = to_records([expansion.strategy_of(row) for row in rows])

    assert whole.dtype == expected.dtype
    assert whole[list(rows)].tobytes() == expected.tobytes()
    assert expansion.records(3, 9).tobytes() == whole[3:9].tobytes()
    assert len(np.unique(whole)) == expansion.row_count


def test_a_row_keeps_every_other_value_of_the_base() -> None:
    base = with_values(Strategy(), {TARGET: 7.5, "filters.require_macro_alignment": True})

    strategy = expansion_of({"path": STOP, "values": [1.25]}, base=base).strategy_of(0)

    changed = [p.path for p in parameters() if value_at(strategy, p.path) != value_at(base, p.path)]
    assert changed == [STOP]


def test_a_million_rows_become_records_within_their_memory() -> None:
    expansion = expansion_of(
        {"path": STOP, "range": [0.1, 10, 0.1]},
        {"path": TARGET, "range": [0.1, 10, 0.1]},
        {"path": "trade.allocation_frac", "range": [0.01, 1, 0.01]},
    )

    assert expansion.row_count == 1_000_000
    assert expansion.levels.nbytes == 6_000_000
    assert expansion.records(999_999)[0]["stop_loss_atr"] == 10.0
