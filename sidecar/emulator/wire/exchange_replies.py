"""What the venue answers to an action."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.state import VenueState


def render(events: list[Event], state: VenueState) -> bytes:
    """The JSON body of the reply that `events` hold."""
    raise NotImplementedError


def refusal(text: str) -> bytes:
    """`{"status": "err", "response": text}`."""
    raise NotImplementedError
