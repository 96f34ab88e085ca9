"""A size worked over minutes."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import StartTwap, StopTwap
from sidecar.emulator.exchange.state import VenueState


def start(state: VenueState, now_ms: int, request: StartTwap, events: list[Event]) -> None:
    """Starts one."""
    raise NotImplementedError


def stop(state: VenueState, now_ms: int, request: StopTwap, events: list[Event]) -> None:
    """Ends one."""
    raise NotImplementedError


def slice_out(state: VenueState, now_ms: int, twap_id: int, events: list[Event]) -> None:
    """Sends the slice that is due."""
    raise NotImplementedError
