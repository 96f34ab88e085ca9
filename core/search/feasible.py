"""Whether any point keeps every condition, without making the grid. Pure.

Only axes that a condition reads, and those that gate them, are tried; level sets are first narrowed
to values that have a partner, so that chains such as a < b < c < a are refuted by their ends.
"""

from __future__ import annotations

import numpy as np

from core.axis_values import Place, dotted
from core.constraints import SIGNS, Bools, Floats, Levels
from core.errors import InputError
from core.search.space import Space

TRIES_MAX = 200_000
"""Partial points looked at; a riddle that takes more is left to the search, which will say so."""


def refuse_impossible(space: Space, place: Place = dotted) -> None:
    """Raise InputError when no point of the space keeps every condition."""
    if not space.conditions or _Riddle(space).has_answer():
        return
    raise InputError(
        "the constraints exclude every point",
        at=place("axes"),
        hint=f"these must hold together: {'; '.join(each.text for each in space.conditions)}",
    )


class _Riddle:
    """Depth-first search for one valid point over the axes that matter."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self.tries = 0
        wanted = {axis for condition in space.conditions for axis in condition.axes}
        waiting = list(wanted)
        while waiting:
            parent = space.axes[waiting.pop()].parent
            if parent is not None and parent not in wanted:
                wanted.add(parent)
                waiting.append(parent)
        self.axes = sorted(wanted)

    def has_answer(self) -> bool:
        """True if a point was found, or if too many were tried to say that there is none."""
        allowed = {index: self._reachable(index) for index in self.axes}
        if not self._narrow(allowed):
            return False
        return self._search(0, np.zeros((1, len(self.space.axes)), np.uint16), allowed)

    def _reachable(self, index: int) -> Bools:
        """Levels that an axis can have at all."""
        axis = self.space.axes[index]
        found: Bools = np.zeros(axis.all_count, np.bool_)
        gated = axis.parent is not None
        if gated or axis.open_at_base:
            found[: axis.level_count] = True
        if gated or not axis.open_at_base:
            found[axis.frozen_level] = True
        return found

    def _narrow(self, allowed: dict[int, Bools]) -> bool:
        """Leave only levels that have a partner in each condition; False when an axis has none."""
        changed = True
        while changed:
            changed = False
            for condition in self.space.conditions:
                for one, other, sign in (
                    (condition.left, condition.right, condition.sign),
                    (condition.right, condition.left, MIRRORED[condition.sign]),
                ):
                    if one.axis is None:
                        continue
                    if one.axis == other.axis:
                        kept = allowed[one.axis] & SIGNS[sign](one.numbers, other.numbers)
                    else:
                        numbers = other.numbers
                        if other.axis is not None:
                            numbers = numbers[allowed[other.axis]]
                        kept = allowed[one.axis] & _has_partner(one.numbers, sign, numbers)
                    if not kept.any():
                        return False
                    changed |= bool((kept != allowed[one.axis]).any())
                    allowed[one.axis] = kept
        return True

    def _search(self, depth: int, point: Levels, allowed: dict[int, Bools]) -> bool:
        if depth == len(self.axes):
            return True
        index = self.axes[depth]
        axis = self.space.axes[index]
        levels = np.flatnonzero(allowed[index])
        is_open = bool(axis.is_open(point)[0])
        levels = (
            levels[levels < axis.level_count] if is_open else levels[levels == axis.frozen_level]
        )
        known = set(self.axes[: depth + 1])
        asked = [c for c in self.space.conditions if index in c.axes and known >= set(c.axes)]
        rows = np.repeat(point, len(levels), axis=0)
        rows[:, index] = levels
        for condition in asked:
            rows = rows[condition.holds(rows)]
        for row in rows:
            self.tries += 1
            if self.tries > TRIES_MAX or self._search(depth + 1, row[None], allowed):
                return True
        return False


MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
"""a < b is b > a."""


def _has_partner(numbers: Floats, sign: str, others: Floats) -> Bools:
    """Whether each number has one among the others to which it compares so."""
    if len(others) == 0:
        return np.zeros(len(numbers), np.bool_)
    if sign in ("<", "<="):
        return np.asarray(SIGNS[sign](numbers, others.max()), np.bool_)
    if sign in (">", ">="):
        return np.asarray(SIGNS[sign](numbers, others.min()), np.bool_)
    if sign == "==":
        return np.isin(numbers, others)
    return np.asarray((numbers != others.min()) | (numbers != others.max()), np.bool_)
