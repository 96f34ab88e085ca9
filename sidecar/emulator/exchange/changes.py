"""Cancel, modify, and how an order ends."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Cancel, Modify
from sidecar.emulator.exchange.state import Account, Order, VenueState


def end(state: VenueState, now_ms: int, order: Order, status: str, events: list[Event]) -> None:
    """Takes an order out of book, triggers and account with a status."""
    raise NotImplementedError


def cancel_all(
    state: VenueState,
    now_ms: int,
    account: Account,
    status: str,
    events: list[Event],
    *,
    coin: str | None = None,
) -> None:
    """Ends every open order of an account, or those of one coin."""
    raise NotImplementedError


def cancel(state: VenueState, now_ms: int, request: Cancel, events: list[Event]) -> None:
    """Cancels what is asked, each with its own reply."""
    raise NotImplementedError


def modify(state: VenueState, now_ms: int, request: Modify, events: list[Event]) -> None:
    """Replaces orders: new numbers, the same client order ids."""
    raise NotImplementedError
