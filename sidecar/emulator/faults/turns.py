"""How a fault of the exchange begins and ends: rules changed, and changed back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sidecar.emulator.exchange.requests import Adjust
from sidecar.emulator.exchange.state import Coin
from sidecar.emulator.faults.orders import Act, was_done


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


def adjust(act: Act, what: str, value: Any, coin: Coin | None = None) -> bool:
    """Whether the rule became another; what it was is kept for `restore`."""
    place: Any = coin
    if coin is None:
        rules = act.state.rules
        place = rules if what in rules.__struct_fields__ else act.state
    before = getattr(place, what)
    name = None if coin is None else coin.name
    key = f"{name or ''}.{what}"
    if isinstance(before, list):
        act.active.tiers_were.setdefault(key, list(before))
    else:
        act.active.was.setdefault(key, before)
    return was_done(act.apply(act.now_ms, Adjust(what, value, name))) and before != value


def restore(act: Act) -> bool:
    """Everything that `adjust` changed is as it was."""
    kept: dict[str, Any] = {**act.active.was, **act.active.tiers_were}
    for key, value in kept.items():
        coin, _, what = key.rpartition(".")
        act.apply(act.now_ms, Adjust(what, value, coin or None))
    act.active.was.clear()
    act.active.tiers_were.clear()
    return bool(kept)
