"""What falls due by itself: scheduled cancels, TWAP slices, premium samples, funding."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import ScheduleCancel
from sidecar.emulator.exchange.state import VenueState


def due(state: VenueState, now_ms: int, events: list[Event]) -> None:
    """Does all that fell due up to now, in the order of its times."""
    raise NotImplementedError


def schedule_cancel(
    state: VenueState, now_ms: int, request: ScheduleCancel, events: list[Event]
) -> None:
    """Arms or takes back the cancel of everything."""
    raise NotImplementedError
