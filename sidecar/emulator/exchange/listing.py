"""Coins that begin and end, and rules that the operator changes."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Adjust, Listed
from sidecar.emulator.exchange.state import VenueState


def listed(state: VenueState, now_ms: int, request: Listed, events: list[Event]) -> None:
    """A coin begins to trade, or ends: its orders are canceled and its positions settled."""
    raise NotImplementedError


def adjust(state: VenueState, now_ms: int, request: Adjust, events: list[Event]) -> None:
    """Sets a field of a coin, of the venue or of its rules by name."""
    raise NotImplementedError
