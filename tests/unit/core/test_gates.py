"""A gate passes what reaches its limit, and nothing that is unknown."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.gates import check, judge, slice_changes_usd
from schemas.validation import Comparison, Gates

GATES = Gates(kind="gates", version=1)
GOOD: dict[str, float | int | None] = {
    "position_count": 30,
    "net_pnl_usd": 0.01,
    "best_position_frac": 0.5,
    "sharpe_daily": 0.1001,
}


def failed(
    metrics: dict[str, float | int | None],
    slices: tuple[float | None, ...] = (1.0, -5.0, 2.0),
    gates: Gates = GATES,
) -> list[str]:
    checks = judge(gates, metrics, slices, expected_best_sharpe=0.1, trial_count=1000)
    return [each.name for each in checks if not each.passed]


def test_a_candidate_on_each_limit_passes() -> None:
    assert failed(GOOD) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("position_count", 29),
        ("net_pnl_usd", 0.0),
        ("net_pnl_usd", -1.0),
        ("best_position_frac", 0.51),
        ("sharpe_daily", 0.1),
    ],
)
def test_each_gate_refuses_by_itself(name: str, value: float) -> None:
    assert failed(GOOD | {name: value}) == [name]


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", list(GOOD))
def test_a_value_that_is_missing_or_not_finite_never_passes(name: str, value: float | None) -> None:
    checks = judge(
        GATES, GOOD | {name: value}, (1.0, 1.0, 1.0), expected_best_sharpe=0.1, trial_count=1
    )

    refused = [each for each in checks if not each.passed]
    assert [(each.name, each.value) for each in refused] == [(name, None)]
    assert refused[0].note


def test_a_metric_that_is_not_there_never_passes() -> None:
    assert failed({}) == list(GOOD)


@pytest.mark.parametrize(
    ("slices", "passes"),
    [
        ((1.0, 1.0, 1.0), True),
        ((1.0, 1.0, -9.0), True),
        ((1.0, 0.0, 0.0), False),
        ((1.0, 1.0, None), False),
        ((1.0, 1.0, math.nan), False),
    ],
)
def test_two_of_three_slices_must_rise(slices: tuple[float | None, ...], passes: bool) -> None:
    assert failed(GOOD, slices) == ([] if passes else ["slices_positive_count"])


def test_the_sharpe_gate_can_be_left_out_and_then_says_nothing() -> None:
    gates = Gates(kind="gates", version=1, require_sharpe_above_expected_best=False)

    assert failed(GOOD | {"sharpe_daily": -1.0}, gates=gates) == []


@pytest.mark.parametrize(
    ("value", "comparison", "limit", "passes"),
    [(1, ">=", 1, True), (1, ">", 1, False), (1, "<=", 1, True), (2, "<=", 1, False)],
)
def test_comparisons_mean_what_they_say(
    value: float, comparison: Comparison, limit: float, passes: bool
) -> None:
    assert check("x", value, comparison, limit).passed is passes


def test_slice_changes_add_up_to_the_whole_curve() -> None:
    ts_close_ms = np.arange(1, 10, dtype=np.int64) * 10
    equity = np.array([101.0, 103.0, 102.0, 99.0, 98.0, 97.0, 98.0, 99.0, 110.0])

    changes = slice_changes_usd(ts_close_ms, equity, 100.0, [(0, 30), (30, 60), (60, 90)])

    assert changes == (2.0, -5.0, 13.0)


def test_a_curve_that_is_not_finite_has_no_change() -> None:
    equity = np.array([1.0, math.nan])

    changes = slice_changes_usd(np.array([1, 2]), equity, 0.0, [(0, 1), (1, 2)])

    assert changes == (1.0, None)
