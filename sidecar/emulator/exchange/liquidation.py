"""What happens to positions below their maintenance margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.emulator.exchange.state import VenueState

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event


def check(state: VenueState, now_ms: int, events: list[Event]) -> None:
    """Liquidate every account and isolated position below maintenance at its mark price."""
    raise NotImplementedError
