"""Stops and targets: they wait for the mark price."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.state import Coin, VenueState


def fire(state: VenueState, now_ms: int, coin: Coin, events: list[Event]) -> None:
    """Sends every stop and target whose price the mark has reached."""
    raise NotImplementedError
