"""Axes of a sweep: which parameters vary over which values, and when. Pure.

`resolve_axes` checks a spec against the declared parameters and a base strategy and counts the
grid by arithmetic, so that one of 10^12 points is refused before any is made. `core.expansion`
makes the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.axis_values import Place, axis_values, checked_value, dotted, listed_count, parameter_at
from core.constraints import Condition, conditions_of
from core.errors import InputError
from schemas.base import Value
from schemas.parameters import Parameter
from schemas.strategy import Strategy, value_at
from schemas.sweep import Axis, SweepSpec
from schemas.yaml_text import shown

GRID_POINTS_MAX = 5_000_000
"""Most points of one grid: beyond it, rows and results no longer fit a small machine's memory."""
AXIS_VALUES_MAX = 10_000
"""Most values of one axis; no parameter is known to need finer steps."""

COST_PATHS = frozenset(
    {
        "trade.entry_slippage_bps",
        "trade.exit_slippage_bps",
        "trade.taker_fee_bps",
        "trade.maker_fee_bps",
        "trade.fee_schedule",
        "trade.enable_funding",
        "trade.enable_venue_rounding",
        "trade.enable_liquidation",
        "trade.unknown_maintenance_frac",
        "trade.fee_on_unslipped_px",
        "trade.min_notional_usd",
        "trade.bump_to_min_notional",
        "trade.partial_tp_min_notional_usd",
    }
)
"""What the venue decides, not the trader: an optimiser would choose the cheapest market."""


@dataclass(frozen=True)
class ResolvedAxis:
    """One axis with its distinct values.

    `listed` are the values as the spec names them, `levels` the distinct ones, which it takes where
    its gate is open. Elsewhere it takes the base's value, at `frozen_level` of `all_levels`.
    `parent` is the index of the axis that its gate asks, or None; then `open_at_base` says whether
    the base opens the gate.
    """

    parameter: Parameter
    levels: tuple[Value, ...]
    all_levels: tuple[Value, ...]
    frozen_level: int
    listed: tuple[Value, ...]
    parent: int | None
    equals: Value | None
    open_at_base: bool

    @property
    def path(self) -> str:
        """Dotted path of the parameter."""
        return self.parameter.path


@dataclass(frozen=True)
class Grid:
    """The axes in the spec's order, how many points they span, and what each point must keep."""

    axes: tuple[ResolvedAxis, ...]
    listed_count: int
    distinct_count: int
    notes: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()


def resolve_axes(spec: SweepSpec, base: Strategy, place: Place = dotted) -> Grid:
    """The checked grid of `spec` over `base`; `place` names a step of the spec in errors.

    Raises InputError for an unknown or forbidden path, a value of the wrong type or out of bounds,
    an axis without values, a gate on a parent that is unknown or stands later, a constraint that
    compares no numbers of the axes, and a `method: grid` of more than GRID_POINTS_MAX points.
    """
    parameters = _checked_paths(spec.axes, place)
    listed = [
        listed_count(axis, parameter, place, index)
        for index, (axis, parameter) in enumerate(zip(spec.axes, parameters, strict=True))
    ]
    _refuse_long_axes(spec, listed, place)
    axes: list[ResolvedAxis] = []
    notes: list[str] = []
    for index, parameter in enumerate(parameters):
        axis = _resolve(spec.axes, parameters, base, index, place)
        if not axis.open_at_base and axis.parent is None:
            gate = _gate_of(spec.axes[index], parameter)
            assert gate is not None
            notes.append(
                f"{parameter.path} stays at {shown(value_at(base, parameter.path))}: it acts only "
                f"where {gate[0]} is {shown(gate[1])}, and the base has "
                f"{shown(value_at(base, gate[0]))}"
            )
        axes.append(axis)
    count = _count(axes, use_listed=True)
    if count > GRID_POINTS_MAX and spec.method == "grid":
        _refuse_size(count, place)
    conditions = conditions_of(
        {axis.path: (index, axis.all_levels) for index, axis in enumerate(axes)},
        spec.constraints,
        base,
        place,
    )
    distinct = _count(axes, use_listed=False)
    return Grid(tuple(axes), count, distinct, tuple(notes), conditions)


def _checked_paths(axes: Sequence[Axis], place: Place) -> list[Parameter]:
    seen: set[str] = set()
    found = []
    for index, axis in enumerate(axes):
        at = place("axes", index, "path")
        parameter = parameter_at(axis.path, at)
        if parameter.path in COST_PATHS:
            raise InputError(
                f"{axis.path} may not be an axis: a search must not choose its own costs",
                at=at,
                hint="set it in the base strategy; costs and the venue's rules are given",
            )
        if parameter.path.startswith("engine."):
            raise InputError(
                f"{axis.path} may not be an axis: all rows share one clock and one universe",
                at=at,
                hint="run one sweep per value, each with a base of its own",
            )
        if parameter.path in seen:
            raise InputError(
                f"{axis.path} is an axis twice", at=at, hint="put all its values in one axis"
            )
        seen.add(parameter.path)
        found.append(parameter)
    return found


def _refuse_long_axes(spec: SweepSpec, listed: Sequence[int], place: Place) -> None:
    longest = max(range(len(listed)), key=lambda index: listed[index])
    if listed[longest] <= AXIS_VALUES_MAX:
        return
    if math.prod(listed) > GRID_POINTS_MAX and spec.method == "grid":
        _refuse_size(math.prod(listed), place)
    raise InputError(
        f"{spec.axes[longest].path} has {listed[longest]:,} values, "
        f"at most {AXIS_VALUES_MAX:,} are swept",
        at=place("axes", longest),
        hint="take a larger step",
    )


def _refuse_size(count: int, place: Place) -> None:
    about = f" (about 10^{math.floor(math.log10(count))})" if count >= 10**9 else ""
    raise InputError(
        f"the grid has {count:,} points{about}, the limit is {GRID_POINTS_MAX:,}",
        at=place("axes"),
        hint="name fewer values, take larger steps, or draw points: method: tpe with a budget",
    )


def _resolve(
    axes: Sequence[Axis],
    parameters: Sequence[Parameter],
    base: Strategy,
    index: int,
    place: Place,
) -> ResolvedAxis:
    axis, parameter = axes[index], parameters[index]
    values = axis_values(axis, parameter, place, index)
    levels = tuple(dict.fromkeys(values))
    own = value_at(base, parameter.path)
    all_levels = levels if own in levels else (*levels, own)
    parent, equals, is_open = _gate(axes, parameters, base, index, place)
    return ResolvedAxis(
        parameter=parameter,
        levels=levels,
        all_levels=all_levels,
        frozen_level=all_levels.index(own),
        listed=values,
        parent=parent,
        equals=equals,
        open_at_base=is_open,
    )


def _gate_of(axis: Axis, parameter: Parameter) -> tuple[str, Value] | None:
    """The spec's own gate, or else the declared one."""
    return (axis.when.path, axis.when.equals) if axis.when is not None else parameter.when


def _gate(
    axes: Sequence[Axis],
    parameters: Sequence[Parameter],
    base: Strategy,
    index: int,
    place: Place,
) -> tuple[int | None, Value | None, bool]:
    """Index of the parent axis or None, the value asked for, whether the base opens the gate."""
    gate = _gate_of(axes[index], parameters[index])
    if gate is None:
        return None, None, True
    path, equals = gate
    parent = parameter_at(path, place("axes", index, "when", "path"))
    equals = checked_value(parent, equals, at=place("axes", index, "when", "equals"))
    is_open = value_at(base, path) == equals
    position = {parameter.path: i for i, parameter in enumerate(parameters)}.get(path)
    if position is None:
        return None, equals, is_open
    if position >= index:
        _refuse_order(axes, parameters, index, position, place)
    return position, equals, is_open


def _refuse_order(
    axes: Sequence[Axis],
    parameters: Sequence[Parameter],
    index: int,
    position: int,
    place: Place,
) -> None:
    """Raise the error for a parent that does not stand before its child."""
    own, parent = parameters[index].path, parameters[position].path
    chain, at_path = [own], parent
    gates = {p.path: _gate_of(a, p) for a, p in zip(axes, parameters, strict=True)}
    while at_path not in chain:
        chain.append(at_path)
        gate = gates.get(at_path)
        if gate is None:
            break
        at_path = gate[0]
    else:
        raise InputError(
            f"gates run in a circle: {' -> '.join([*chain, at_path])}",
            at=place("axes", index, "when"),
            hint="remove one of these gates",
        )
    raise InputError(
        f"{own} varies only where {parent} has one value, but that axis stands after it",
        at=place("axes", index, "when"),
        hint=f"move the axis {parent} before {own}",
    )


def _count(axes: Sequence[ResolvedAxis], *, use_listed: bool) -> int:
    """Points of the grid, gates obeyed, without making them.

    Gates form a forest, as each axis has at most one parent, which stands before it. A closed axis
    has one value, the base's; an open one has as many points as the points below each of its
    values add up to. `use_listed` counts a value that is named twice twice.
    """
    opened, closed = [0] * len(axes), [0] * len(axes)
    children: list[list[int]] = [[] for _ in axes]

    def points_below(index: int, value: Value) -> int:
        return math.prod(
            opened[child] if value == axes[child].equals else closed[child]
            for child in children[index]
        )

    for index in reversed(range(len(axes))):
        axis = axes[index]
        values = axis.listed if use_listed else axis.levels
        opened[index] = sum(points_below(index, value) for value in values)
        closed[index] = points_below(index, axis.all_levels[axis.frozen_level])
        if axis.parent is not None:
            children[axis.parent].append(index)
    return math.prod(
        opened[index] if axis.open_at_base else closed[index]
        for index, axis in enumerate(axes)
        if axis.parent is None
    )
