"""Shapes of JSON: which keys and which types stand where, whatever the values.

A list has the shape of all its elements together.  A decimal number in a string is a type of its
own, since the venue writes prices and sizes so and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

DECIMAL = re.compile(r"-?\d+(\.\d+)?")
ANY_KEY = "*"


@dataclass
class Shape:
    """What stands at one place: types of scalars, keys of objects, elements of lists."""

    scalars: set[str] = field(default_factory=set)
    keys: dict[str, Shape] | None = None
    items: Shape | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing was ever seen here: the elements of an empty list."""
        return not self.scalars and self.keys is None and self.items is None


def shape_of(value: Any, *, is_map: bool = False) -> Shape:
    """The shape of a value; the keys of a map are names such as coins and count as one."""
    if isinstance(value, dict):
        found: dict[str, Shape] = {}
        for key, inner in value.items():
            name = ANY_KEY if is_map else key
            found[name] = union(found.get(name, Shape()), shape_of(inner))
        return Shape(keys=found)
    if isinstance(value, list):
        items = Shape()
        for element in value:
            items = union(items, shape_of(element))
        return Shape(items=items)
    return Shape({_scalar(value)})


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return "decimal" if DECIMAL.fullmatch(value) else "text"
    return "null" if value is None else type(value).__name__


def union(one: Shape, other: Shape) -> Shape:
    """What stands in either."""
    keys: dict[str, Shape] | None = None
    if one.keys is not None or other.keys is not None:
        keys = dict(one.keys or {})
        for key, inner in (other.keys or {}).items():
            keys[key] = union(keys.get(key, Shape()), inner)
    items: Shape | None = None
    if one.items is not None or other.items is not None:
        items = union(one.items or Shape(), other.items or Shape())
    return Shape(one.scalars | other.scalars, keys, items)


def missing(ours: Shape, recorded: Shape, place: str = "") -> list[str]:
    """Keys of the recording that ours lacks, by their place."""
    found = []
    for key, inner in (recorded.keys or {}).items():
        at = f"{place}.{key}"
        if ours.keys is None:
            continue
        if key not in ours.keys:
            found.append(at)
        else:
            found += missing(ours.keys[key], inner, at)
    if recorded.items is not None and ours.items is not None:
        found += missing(ours.items, recorded.items, f"{place}[]")
    return found


def foreign(ours: Shape, known: Shape, place: str = "") -> list[str]:
    """Keys and types of ours that no recording has at that place."""
    if known.is_empty:
        return []
    found = [f"{place}: {name}" for name in sorted(ours.scalars - known.scalars)]
    if ours.keys is not None:
        if known.keys is None:
            return [*found, f"{place}: object"]
        for key, inner in ours.keys.items():
            at = f"{place}.{key}"
            if key not in known.keys:
                found.append(at)
            else:
                found += foreign(inner, known.keys[key], at)
    if ours.items is not None:
        if known.items is None:
            return [*found, f"{place}: list"]
        found += foreign(ours.items, known.items, f"{place}[]")
    return found
