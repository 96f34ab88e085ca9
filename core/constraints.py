"""What every point of a sweep keeps: ordered pairs of the schema, constraints of the spec. Pure.

A constraint compares a parameter with another or with a number. A parameter that is no axis has the
base's value. A point that breaks one is never evaluated and is counted apart.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.axis_values import Place, parameter_at
from core.errors import InputError
from schemas.base import Value
from schemas.strategy import ORDERED_OR_EQUAL_PAIRS, ORDERED_PAIRS, Strategy, value_at
from schemas.yaml_text import shown

Levels = npt.NDArray[np.uint16]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
AxisLevels = Mapping[str, tuple[int, Sequence[Value]]]
"""Path of an axis -> its place among the axes, and the values of its levels."""

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
ORDERS = (
    *((low, "<", high) for low, high in ORDERED_PAIRS),
    *((low, "<=", high) for low, high in ORDERED_OR_EQUAL_PAIRS),
)
"""(lower path, sign, upper path) of each pair of values that must be in order."""

FORM = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")
HINT = "write `path < path` or `path >= number`; the signs are < <= > >= == !="


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison: an axis with the number of each level, or one number."""

    axis: int | None
    numbers: Floats

    def of(self, levels: Levels) -> Floats:
        """The number of each row."""
        return self.numbers if self.axis is None else self.numbers[levels[:, self.axis]]


@dataclass(frozen=True, eq=False)
class Condition:
    """A comparison that every point keeps; `text` says it to a person."""

    text: str
    sign: str
    left: Side
    right: Side

    @property
    def axes(self) -> tuple[int, ...]:
        """Places of the axes that it reads."""
        return tuple(side.axis for side in (self.left, self.right) if side.axis is not None)

    def holds(self, levels: Levels) -> Bools:
        """Whether each row keeps it."""
        kept: Bools = np.broadcast_to(
            SIGNS[self.sign](self.left.of(levels), self.right.of(levels)), len(levels)
        )
        return kept


def conditions_of(
    axes: AxisLevels, constraints: Sequence[str], base: Strategy, place: Place
) -> tuple[Condition, ...]:
    """The ordered pairs that the axes touch, then the spec's constraints.

    Raises InputError for a constraint that is none, that compares words or switches, or in which
    no axis stands.
    """
    orders = [
        _condition(axes, f"{low} {sign} {high}", (low, sign, high), base)
        for low, sign, high in ORDERS
        if low in axes or high in axes
    ]
    return (
        *orders,
        *(
            _constraint(axes, text, base, place("constraints", nth))
            for nth, text in enumerate(constraints)
        ),
    )


def breaks(levels: Levels, conditions: Sequence[Condition]) -> Bools:
    """Whether each row breaks any of the conditions."""
    broken: Bools = np.zeros(len(levels), np.bool_)
    for condition in conditions:
        broken |= ~condition.holds(levels)
    return broken


def _constraint(axes: AxisLevels, text: str, base: Strategy, at: str) -> Condition:
    found = FORM.fullmatch(text)
    if found is None:
        raise InputError(f"{shown(text)} is not a comparison", at=at, hint=HINT)
    left, sign, right = found.groups()
    operand = _number(right)
    paths = (left,) if operand is not None else (left, right)
    for path in paths:
        parameter = parameter_at(path, at)
        if parameter.type not in ("int", "float"):
            raise InputError(
                f"{path} takes {parameter.type_text}: only numbers are compared",
                at=at,
                hint="name the values that are meant in the axis, or gate an axis with `when`",
            )
    if not any(path in axes for path in paths):
        raise InputError(
            f"no axis stands in {shown(text)}: it would exclude nothing or everything",
            at=at,
            hint=f"make {' or '.join(paths)} an axis, or remove the constraint",
        )
    words = (left, sign, right if operand is None else operand)
    return _condition(axes, f"{left} {sign} {right}", words, base)


def _number(text: str) -> float | None:
    """The finite number that the text spells, else None."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _condition(
    axes: AxisLevels, text: str, words: tuple[str, str, str | float], base: Strategy
) -> Condition:
    left, sign, right = words
    sides = []
    for operand in (left, right):
        if isinstance(operand, str) and operand in axes:
            index, values = axes[operand]
            sides.append(Side(index, np.array(values, np.float64)))
        else:
            number = value_at(base, operand) if isinstance(operand, str) else operand
            sides.append(Side(None, np.array([float(number)])))
    return Condition(text, sign, *sides)
