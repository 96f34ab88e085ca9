"""What the venue's streams and replies said, decoded, as facts; and what changed by them.

Prices are floats in USD as everywhere outside the emulator; times are the venue's milliseconds.
`seen_ms` is this host's clock when the message came.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

UserKind = Literal["fill", "order", "funding", "ledger"]


class Mids(Struct, frozen=True, tag=True):
    """Mid prices of many symbols."""

    mids: dict[str, float]


class Bbo(Struct, frozen=True, tag=True):
    """Best bid and ask (price, size); None for an empty side."""

    symbol: str
    time_ms: int
    bid: tuple[float, float] | None
    ask: tuple[float, float] | None


class Candle(Struct, frozen=True, tag=True):
    """A bar as the stream shows it: it may still form."""

    symbol: str
    interval: str
    ts_open_ms: int
    open_px: float
    high_px: float
    low_px: float
    close_px: float
    volume: float
    trade_count: int


class Trade(Struct, frozen=True, tag=True):
    """A public trade."""

    symbol: str
    time_ms: int
    is_buy: bool
    px: float
    size: float
    tid: int


class Context(Struct, frozen=True, tag=True):
    """State of one perpetual; None where the venue says null."""

    symbol: str
    mark_px: float
    oracle_px: float
    mid_px: float | None
    funding_rate_1h: float
    open_interest: float
    day_notional_usd: float
    premium: float | None


class UserEvent(Struct, frozen=True, tag=True):
    """One event of a user, with a key that is the same however often and wherever it is read."""

    user: str
    kind: UserKind
    key: str
    time_ms: int
    data: dict[str, Any]
    is_snapshot: bool = False


class Acked(Struct, frozen=True, tag=True):
    """The venue confirmed a (un)subscription: `topic` is our name of it."""

    topic: str
    is_on: bool


class Pong(Struct, frozen=True, tag=True):
    """The answer to our ping."""


class VenueError(Struct, frozen=True, tag=True):
    """The venue's words on its error channel."""

    text: str


class Odd(Struct, frozen=True, tag=True):
    """A message that could not be used, with the reason: counted, never raised."""

    reason: str
    channel: str


Fact = Mids | Bbo | Candle | Trade | Context | UserEvent | Acked | Pong | VenueError | Odd
