"""Values of one axis: listed, in steps, in equal ratios; each of the parameter's type. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from core.errors import InputError
from core.market.bars import nearest
from schemas.base import Value
from schemas.parameters import Parameter, by_leaf, by_path, group_paths
from schemas.sweep import Axis, Number
from schemas.yaml_text import shown

Place = Callable[..., str]
"""Steps into the spec, such as ("axes", 0, "values") -> the place as a person finds it."""


def dotted(*steps: str | int) -> str:
    """A place in the spec when its file is not known: `axes[0].values[2]`."""
    words = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps]
    return "".join(words).removeprefix(".")


def parameter_at(path: str, at: str) -> Parameter:
    """The parameter of a dotted path; InputError, at `at`, with what is nearest."""
    parameter = by_path().get(path)
    if parameter is not None:
        return parameter
    same_leaf = by_leaf().get(path.rsplit(".", 1)[-1], ())
    if path in group_paths():
        what, near = f"{path} is a group of parameters, not one", same_leaf[:0]
    else:
        what = f"there is no parameter {path!r}"
        near = tuple(dict.fromkeys((*same_leaf, *nearest(path, list(by_path())))))[:3]
    hint = f"did you mean {' or '.join(near)}?" if near else "`perpkit config explain` lists all"
    raise InputError(what, at=at, hint=hint)


def listed_count(axis: Axis, parameter: Parameter, place: Place, index: int) -> int:
    """How many values the axis names, before any is made."""
    if axis.values is not None:
        if not axis.values:
            raise InputError(
                f"{axis.path} has no values",
                at=place("axes", index, "values"),
                hint=value_hint(parameter),
            )
        return len(axis.values)
    if axis.log is not None:
        return _log_count(axis.log, axis.path, parameter, place("axes", index, "log"))
    if axis.range is None:
        if not parameter.axis:
            raise InputError(
                f"{axis.path} has no values, and none are declared for it",
                at=place("axes", index),
                hint=f"give values or a range; {value_hint(parameter)}",
            )
        return len(parameter.axis)
    if parameter.type not in ("int", "float"):
        raise InputError(
            f"{axis.path} takes {parameter.type_text}: a range has no meaning",
            at=place("axes", index, "range"),
            hint="list its values, such as values: [...]",
        )
    low, high, step = axis.range
    if step <= 0 or high < low:
        raise InputError(
            f"{axis.path} has an empty range: from {low} to {high} by {step}",
            at=place("axes", index, "range"),
            hint="write [first, last, step] with first <= last and step > 0",
        )
    return range_count(low, high, step)


def log_values(low: Number, high: Number, count: int, *, whole: bool) -> tuple[Value, ...]:
    """`count` values from `low` to `high` in equal ratios, both ends exact.

    Those between are rounded to four digits, as one would write them by hand; whole numbers to the
    nearest, each once, so that there may be fewer.
    """
    if whole:
        low, high = (int(end) if float(end).is_integer() else end for end in (low, high))
    between = [low * (high / low) ** (k / (count - 1)) for k in range(1, count - 1)]
    if not whole:
        return tuple(dict.fromkeys((low, *(float(f"{value:.4g}") for value in between), high)))
    inner = (number for value in between if low < (number := math.floor(value + 0.5)) < high)
    return tuple(dict.fromkeys((low, *inner, high)))


def _log_count(log: tuple[Number, Number, int], path: str, parameter: Parameter, at: str) -> int:
    if parameter.type not in ("int", "float"):
        raise InputError(
            f"{path} takes {parameter.type_text}: equal ratios have no meaning",
            at=at,
            hint="list its values, such as values: [...]",
        )
    low, high, count = log
    if low <= 0 or high <= low or count < 2:
        raise InputError(
            f"{path} has no values in equal ratios: from {low} to {high}, {count} of them",
            at=at,
            hint="write [first, last, count] with 0 < first < last and count >= 2",
        )
    return count


def range_values(low: float, high: float, step: float) -> tuple[float, ...]:
    """The values low, low + step, ... up to and with `high`, as one would write them by hand.

    Decimal arithmetic on the shortest spelling of each number: 0.1 to 0.3 by 0.1 gives 0.3, not
    0.30000000000000004.
    """
    start, width = Decimal(repr(low)), Decimal(repr(step))
    return tuple(float(start + k * width) for k in range(range_count(low, high, step)))


def range_count(low: float, high: float, step: float) -> int:
    """How many values `range_values` has; `step` must be above 0, `high` not below `low`."""
    return int((Decimal(repr(high)) - Decimal(repr(low))) / Decimal(repr(step))) + 1


def axis_values(axis: Axis, parameter: Parameter, place: Place, index: int) -> tuple[Value, ...]:
    """The values that the axis names, each checked; `listed_count` must have been asked before."""
    if axis.values is not None:
        field, raw = "values", axis.values
    elif axis.range is not None:
        field, raw = "range", range_values(*axis.range)
        if parameter.type == "int":
            raw = tuple(int(value) if float(value).is_integer() else value for value in raw)
    elif axis.log is not None:
        field, raw = "log", log_values(*axis.log, whole=parameter.type == "int")
    else:
        return parameter.axis
    return tuple(
        checked_value(parameter, value, at=place("axes", index, field, nth))
        for nth, value in enumerate(raw)
    )


def checked_value(parameter: Parameter, value: Value, *, at: str) -> Value:
    """`value` in the parameter's type; InputError when the type or the bounds do not fit."""
    fits_type = {
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "enum": isinstance(value, str) and value in parameter.choices,
    }[parameter.type]
    if not fits_type:
        raise InputError(
            f"{parameter.path} takes {parameter.type_text}, was {shown(value)}",
            at=at,
            hint=value_hint(parameter),
        )
    if parameter.type == "float":
        value = float(value)
    inside = {
        ">": lambda number, limit: number > limit,
        ">=": lambda number, limit: number >= limit,
        "<": lambda number, limit: number < limit,
        "<=": lambda number, limit: number <= limit,
    }
    if not all(inside[sign](value, limit) for sign, limit in parameter.bounds):
        raise InputError(
            f"{parameter.path} must be {parameter.bounds_text}, was {shown(value)}",
            at=at,
            hint="an axis may not leave the parameter's bounds",
        )
    return value


def value_hint(parameter: Parameter) -> str:
    bounds = f", {parameter.bounds_text}" if parameter.bounds else ""
    return f"it takes {parameter.type_text}{bounds} ({parameter.unit})"
