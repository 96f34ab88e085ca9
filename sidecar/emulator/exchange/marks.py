"""Oracle and mark prices as the market moves."""

from __future__ import annotations

from sidecar.emulator.exchange.requests import Move
from sidecar.emulator.exchange.state import Coin, VenueState


def on_move(state: VenueState, now_ms: int, coin: Coin, move: Move) -> None:
    """Take in the tape's oracle and external prices, and set the mark price anew."""
    raise NotImplementedError
