"""Premium samples and the hourly payment on the oracle price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.emulator.exchange.state import Coin, VenueState

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event


def impact_notional_micros(coin: Coin) -> int:
    """Notional at which impact prices are taken: 20,000 USD for BTC and ETH, 6,000 else."""
    raise NotImplementedError


def sample(
    state: VenueState, now_ms: int, coin: Coin, impact: tuple[int | None, int | None]
) -> None:
    """Add a sample of the premium from the impact (bid, ask) in ticks."""
    raise NotImplementedError


def settle_hour(state: VenueState, hour_ms: int, events: list[Event]) -> None:
    """Pay the hour that ends at `hour_ms` on every position."""
    raise NotImplementedError
