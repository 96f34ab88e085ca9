"""A taker through the book."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.state import Account, Coin, Order, VenueState


def take(state: VenueState, now_ms: int, order: Order, events: list[Event]) -> None:
    """Runs an order through the book as far as its limit and its lots go."""
    raise NotImplementedError


def sell_out(
    state: VenueState, now_ms: int, account: Account, coin: Coin, lots: int, events: list[Event]
) -> int:
    """Closes so many lots of a position at any price; how many it could."""
    raise NotImplementedError
