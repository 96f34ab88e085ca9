"""An order from its checks to its place."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Place
from sidecar.emulator.exchange.state import VenueState


def place(state: VenueState, now_ms: int, request: Place, events: list[Event]) -> None:
    """Places the orders of a batch, each with its own reply."""
    raise NotImplementedError
