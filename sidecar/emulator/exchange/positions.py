"""A trade settled on both sides: money, positions, fees, rows, the public record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from sidecar.emulator.exchange.state import Order

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event
    from sidecar.emulator.exchange.state import Coin, VenueState


class Match(Struct, frozen=True):
    """So many lots of the taker meet the maker at a price; `maker` None is the house."""

    taker: Order
    maker: Order | None
    ticks: int
    lots: int


def transaction_hash(state: VenueState) -> str:
    """The hash of the block that is being made: the same for all that happens in it."""
    raise NotImplementedError


def settle(state: VenueState, now_ms: int, coin: Coin, match: Match, events: list[Event]) -> None:
    """Book the match on both accounts; neither order's `lots` is touched.

    A taker with `is_liquidation` pays no fee and marks the fills of both sides as a liquidation.
    """
    raise NotImplementedError


def settle_house_taker(
    state: VenueState,
    now_ms: int,
    coin: Coin,
    maker: Order,
    ticks: int,
    lots: int,
    events: list[Event],
) -> None:
    """Book a trade in which the background market takes a resting order of a client."""
    raise NotImplementedError


def print_house(
    state: VenueState,
    now_ms: int,
    coin: Coin,
    ticks: int,
    lots: int,
    events: list[Event],
    *,
    is_buy: bool,
) -> None:
    """Record a trade of the background market with itself: no money moves."""
    raise NotImplementedError
