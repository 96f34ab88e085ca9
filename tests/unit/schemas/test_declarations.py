"""The declarations themselves: defaults, axes and gates keep the rules that they state."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.parameters import Parameter, by_path, parameters
from schemas.strategy import (
    ORDERED_OR_EQUAL_PAIRS,
    ORDERED_PAIRS,
    Strategy,
    strategy_from,
    value_at,
)
from schemas.strategy_file import value_fault

ALL = pytest.mark.parametrize("parameter", parameters(), ids=lambda each: each.path)


@ALL
def test_default_and_axis_keep_the_bounds(parameter: Parameter) -> None:
    for value in (parameter.default, *parameter.axis):
        assert value_fault(parameter, value) is None


@ALL
def test_each_parameter_says_what_it_means(parameter: Parameter) -> None:
    assert parameter.meaning.endswith(".")
    assert parameter.unit
    assert "_pct" not in parameter.path
    assert parameter.type in ("bool", "enum") or parameter.bounds


@ALL
def test_a_gate_names_a_parameter_and_one_of_its_values(parameter: Parameter) -> None:
    if parameter.when is not None:
        path, value = parameter.when
        assert path != parameter.path
        assert value_fault(by_path()[path], value) is None


@pytest.mark.parametrize(
    ("pair", "equal_is_allowed"),
    [(pair, False) for pair in ORDERED_PAIRS] + [(pair, True) for pair in ORDERED_OR_EQUAL_PAIRS],
)
def test_an_ordered_pair_is_held(pair: tuple[str, str], equal_is_allowed: bool) -> None:
    lower, upper = pair
    values = {path: value_at(Strategy(), path) for path in by_path()}
    equal = values | {lower: values[upper]}
    crossed = values | {lower: values[upper], upper: values[lower]}

    if equal_is_allowed:
        strategy_from(equal)
    else:
        with pytest.raises(ValidationError, match="must be"):
            strategy_from(equal)
    with pytest.raises(ValidationError, match="must be"):
        strategy_from(crossed)
