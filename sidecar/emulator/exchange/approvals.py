"""Keys that may sign for a user, builders that may charge one, and referral codes."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import ApproveAgent, ApproveBuilder, SetReferrer
from sidecar.emulator.exchange.state import VenueState


def handle(
    state: VenueState,
    now_ms: int,
    request: ApproveAgent | ApproveBuilder | SetReferrer,
    events: list[Event],
) -> None:
    """Do it, or say in `events` why not."""
    raise NotImplementedError
