"""The declared parameters as a flat table: what every generated thing is made from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from schemas.base import Group, Value
from schemas.strategy import Strategy, value_at

Type = Literal["bool", "int", "float", "enum"]
TYPES: dict[Any, Type] = {bool: "bool", int: "int", float: "float"}
SIGNS = ((">", "gt"), (">=", "ge"), ("<", "lt"), ("<=", "le"))
TYPE_WORDS: dict[Type, str] = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "enum": "one of a list of words",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter as it was declared."""

    path: str
    type: Type
    choices: tuple[str, ...]
    default: Value
    unit: str
    meaning: str
    bounds: tuple[tuple[str, float], ...]
    axis: tuple[Value, ...]
    when: tuple[str, Value] | None
    in_kernel: bool

    @property
    def leaf(self) -> str:
        """Last word of the path."""
        return self.path.rsplit(".", 1)[-1]

    @property
    def record_name(self) -> str:
        """Name of its field in the kernel record; empty when decisions do not read it.

        `trade.stop_loss_atr` -> `stop_loss_atr`, `thresholds.entry.min_adx` -> `entry_min_adx`.
        """
        return "_".join(self.path.split(".")[1:]) if self.in_kernel else ""

    @property
    def bounds_text(self) -> str:
        """Bounds as a person writes them, such as `> 0, <= 100`; empty when there are none."""
        return ", ".join(f"{sign} {number_text(limit)}" for sign, limit in self.bounds)

    @property
    def type_text(self) -> str:
        """Type as a person reads it: `true or false`, `a whole number`, or the words allowed."""
        return " | ".join(self.choices) if self.type == "enum" else TYPE_WORDS[self.type]


def number_text(value: float) -> str:
    """A bound without a needless fraction: 100.0 -> `100`, 0.5 -> `0.5`."""
    return str(int(value)) if float(value).is_integer() else repr(value)


@cache
def parameters() -> tuple[Parameter, ...]:
    """Every parameter in declaration order."""
    return tuple(_walk(Strategy, ""))


@cache
def by_path() -> dict[str, Parameter]:
    """Dotted path -> parameter, in declaration order."""
    return {parameter.path: parameter for parameter in parameters()}


def values_of(strategy: Strategy) -> dict[str, Value]:
    """Every parameter's value by its dotted path, in declaration order."""
    return {parameter.path: value_at(strategy, parameter.path) for parameter in parameters()}


@cache
def by_leaf() -> dict[str, tuple[str, ...]]:
    """Last word of a path -> the paths that end in it."""
    found: dict[str, tuple[str, ...]] = {}
    for parameter in parameters():
        found[parameter.leaf] = (*found.get(parameter.leaf, ()), parameter.path)
    return found


@cache
def group_paths() -> frozenset[str]:
    """Paths of the groups, such as `trade` and `thresholds.entry`."""
    found: set[str] = set()
    for path in by_path():
        words = path.split(".")
        found.update(".".join(words[:depth]) for depth in range(1, len(words)))
    return frozenset(found)


def group_types() -> list[tuple[str, type[Group]]]:
    """(path, class) of each group in declaration order, outer ones first."""
    return list(_groups(Strategy, ""))


def _groups(model: type[Group], prefix: str) -> Iterator[tuple[str, type[Group]]]:
    for name, field in model.model_fields.items():
        group = _group_of(field)
        if group is not None:
            yield f"{prefix}{name}", group
            yield from _groups(group, f"{prefix}{name}.")


def _walk(model: type[Group], prefix: str) -> Iterator[Parameter]:
    for name, field in model.model_fields.items():
        group = _group_of(field)
        if group is not None:
            yield from _walk(group, f"{prefix}{name}.")
        else:
            yield _parameter(f"{prefix}{name}", field)


def _group_of(field: FieldInfo) -> type[Group] | None:
    """The group that a field holds, or None when it holds a value."""
    kind: object = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Group) else None


def _parameter(path: str, field: FieldInfo) -> Parameter:
    extra = field.json_schema_extra
    assert isinstance(extra, dict), f"{path} is not declared with param()"
    facts: dict[str, Any] = dict(extra)
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    when = facts.get("x-when")
    return Parameter(
        path=path,
        type="enum" if choices else TYPES[field.annotation],
        choices=choices,
        default=field.default,
        unit=facts["x-unit"],
        meaning=field.description or "",
        bounds=tuple(_bounds(field)),
        axis=tuple(facts.get("x-axis", ())),
        when=(when["path"], when["equals"]) if when else None,
        in_kernel=facts.get("x-kernel", True),
    )


def _bounds(field: FieldInfo) -> Iterator[tuple[str, float]]:
    for rule in field.metadata:
        for sign, name in SIGNS:
            limit = getattr(rule, name, None)
            if isinstance(limit, int | float):
                yield sign, float(limit)
