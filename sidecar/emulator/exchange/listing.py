"""Coins that begin and end, and rules that the operator changes."""

from __future__ import annotations

from msgspec import Struct

from sidecar.emulator.exchange import endings, liquidation, positions, triggers, twap
from sidecar.emulator.exchange.events import Event, Rejected
from sidecar.emulator.exchange.requests import Adjust, Listed
from sidecar.emulator.exchange.state import Coin, VenueState


def listed(state: VenueState, now_ms: int, request: Listed, events: list[Event]) -> None:
    """A coin begins to trade, or ends: its orders are canceled and its positions settled."""
    coin = state.coins.get(request.coin)
    if coin is None:
        events.append(Rejected(f"Unknown coin {request.coin}"))
        return
    if not request.is_delisted:
        coin.is_listed = True
        coin.is_delisted = False
        return
    _end(state, now_ms, coin, events)


def _end(state: VenueState, now_ms: int, coin: Coin, events: list[Event]) -> None:
    """The coin trades no more; every position is settled at the oracle price."""
    for account in state.accounts.values():
        endings.cancel_all(state, now_ms, account, "delistedCanceled", events, coin=coin.name)
    twap.end_all(state, now_ms, coin.name, events)
    positions.settle_delisting(state, now_ms, coin, events)
    coin.is_delisted = True


def adjust(state: VenueState, now_ms: int, request: Adjust, events: list[Event]) -> None:
    """Sets a field of a coin or its quote, of the venue or its rules, by name."""
    coin = state.coins.get(request.coin) if request.coin is not None else None
    if request.coin is not None and coin is None:
        events.append(Rejected(f"Unknown coin {request.coin}"))
        return
    places: tuple[Struct, ...] = (state.rules, state) if coin is None else (coin, coin.quote)
    place = next((one for one in places if _takes(one, request)), None)
    if place is None:
        events.append(
            Rejected(f"Unknown rule {request.what}, or not of the type of {request.value}")
        )
        return
    setattr(place, request.what, request.value)
    if coin is not None:
        triggers.fire(state, now_ms, coin, events)
        liquidation.check(state, now_ms, events)


def _takes(place: Struct, request: Adjust) -> bool:
    """Has it such a field, and may the field have this value?"""
    kind = type(place).__annotations__.get(request.what)
    if request.value is None:
        return kind == "int | None"
    if isinstance(request.value, bool):
        return kind == "bool"
    if isinstance(request.value, int):
        return kind in ("int", "int | None", "float")
    return kind == ("list[Tier]" if isinstance(request.value, list) else "float")
