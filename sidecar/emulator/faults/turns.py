"""How a fault of the exchange begins and ends: rules changed, and changed back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sidecar.emulator.exchange.requests import Adjust
from sidecar.emulator.exchange.state import Coin
from sidecar.emulator.faults.orders import Act, was_done
from sidecar.emulator.faults.state import HeldRule, Rule


def nothing(act: Act) -> bool:
    """Needs no undoing."""
    del act
    return False


def at_once(act: Act) -> int | None:
    """Waits for nothing."""
    del act
    return None


class Turn(Struct, frozen=True):
    """How a fault begins and ends; `until_ms` says that its moment is later."""

    on: Callable[[Act], bool]
    off: Callable[[Act], bool] = nothing
    until_ms: Callable[[Act], int | None] = at_once


def adjust(act: Act, what: str, value: Rule, coin: Coin | None = None) -> bool:
    """Whether the rule became another; `restore` gives it back."""
    place: Any = coin
    if coin is None:
        rules = act.state.rules
        place = rules if what in rules.__struct_fields__ else act.state
    before = getattr(place, what)
    name = None if coin is None else coin.name
    held = act.rules.setdefault(f"{name or ''}.{what}", HeldRule(before))
    held.changes = [*_without(held, act), (act.active.number, value)]
    return was_done(act.apply(act.now_ms, Adjust(what, value, name))) and before != value


def restore(act: Act) -> bool:
    """Every rule that the fault changed is as it would be without it."""
    mine = [key for key, held in act.rules.items() if _without(held, act) != held.changes]
    for key in mine:
        held = act.rules[key]
        held.changes = _without(held, act)
        value = held.changes[-1][1] if held.changes else held.original
        coin, _, what = key.rpartition(".")
        act.apply(act.now_ms, Adjust(what, value, coin or None))
        if not held.changes:
            del act.rules[key]
    return bool(mine)


def _without(held: HeldRule, act: Act) -> list[tuple[int, Rule]]:
    """What other faults made of the rule."""
    return [change for change in held.changes if change[0] != act.active.number]
