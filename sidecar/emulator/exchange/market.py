"""The market moves: quotes, clients' resting orders in their way, marks, triggers, liquidations."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Moved
from sidecar.emulator.exchange.state import VenueState


def moved(state: VenueState, now_ms: int, request: Moved, events: list[Event]) -> None:
    """All coins of one instant: first every book, then marks, then triggers, then liquidations."""
    raise NotImplementedError
