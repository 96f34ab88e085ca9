"""What goes over the sidecar's socket: one JSON object a line, a request with a method each.

    -> {"id": 1, "method": "mids", "params": {"symbols": ["BTC"]}}
    <- {"id": 1, "ok": true, "result": {...}}
    <- {"id": 2, "ok": false, "error": {"what": ..., "at": ..., "next": ..., "code": 2}}
    <- {"push": "data", "seq": 17, "items": [...]}

Types are strict: a number in quotes is refused, and so is a key that is not known.  `code` is the
exit code of the error (core.errors).  Lists of symbols that are empty mean all symbols.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Raw, Struct

PROTOCOL: Final = 1
"""Raised when something that a client relies on changes."""
FRAME_BYTES_MAX: Final = 1024 * 1024
"""Longest line in either direction, its newline included."""
SYMBOLS_MAX: Final = 1_000
"""Most symbols that one client may want: the venue allows no more subscriptions."""
BARS_MAX: Final = 5_000
WAIT_MS_MAX: Final = 120_000
LEASE_MS: Final = 90_000

Kind = Literal["mid", "bbo", "context", "trade", "bar", "user"]
KINDS: Final[tuple[Kind, ...]] = ("mid", "bbo", "context", "trade", "bar", "user")
"""What can be pushed: state (the first three), where only the newest value counts, and items."""
Channel = Literal["bbo", "trades", "activeAssetCtx"]

Name = Annotated[str, Meta(min_length=1, max_length=64)]
Symbols = Annotated[tuple[Name, ...], Meta(max_length=SYMBOLS_MAX)]
Address = Annotated[str, Meta(pattern="^0[xX][0-9a-fA-F]{40}$")]
"""In any case of letters; it is stored and answered in small ones."""
Count = Annotated[int, Meta(ge=0, le=2**53)]
Interval = Annotated[str, Meta(min_length=1, max_length=4)]


class Params(Struct, frozen=True, forbid_unknown_fields=True):
    """What a method is asked with."""


class Nothing(Params, frozen=True):
    """No parameters."""


class Hello(Params, frozen=True):
    """Who one is: the same name again takes over the interest that it had."""

    client: Annotated[str, Meta(max_length=64)] = ""
    protocol: Count = PROTOCOL


class InterestParams(Params, frozen=True):
    """All that the client wants, in the place of what it wanted before."""

    symbols: Symbols = ()
    intervals: Annotated[tuple[Interval, ...], Meta(max_length=16)] = ()
    history_bars: Annotated[int, Meta(ge=0, le=BARS_MAX)] = 0
    channels: Annotated[tuple[Channel, ...], Meta(max_length=8)] = ()
    users: Annotated[tuple[Address, ...], Meta(max_length=10)] = ()
    lease_ms: Annotated[int, Meta(ge=1_000, le=86_400_000)] = LEASE_MS


class Values(Params, frozen=True):
    """Newest values, none older than that."""

    symbols: Symbols = ()
    age_ms_max: Count | None = None


class Candles(Params, frozen=True):
    """The newest closed bars, and the forming one on request."""

    symbol: Name
    interval: Interval
    count: Annotated[int, Meta(ge=1, le=BARS_MAX)] = 500
    forming: bool = False


class Funding(Params, frozen=True):
    """Stored funding rates from and up to, without, an instant."""

    symbol: Name
    from_ms: Count
    to_ms: Count


class Trades(Params, frozen=True):
    """The newest trades of a symbol."""

    symbol: Name
    after_seq: Count = 0
    limit: Annotated[int, Meta(ge=1, le=5_000)] = 500


class Ready(Params, frozen=True):
    """Are all bars here, and if not why not?"""

    symbols: Symbols
    interval: Interval


class Wait(Params, frozen=True):
    """Answer when something of these symbols is newer than `after_seq`, or when time is up.

    `boot` is the boot id that the number is of; of another boot it counts from the beginning.
    """

    symbols: Symbols = ()
    after_seq: Count = 0
    boot: str = ""
    timeout_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 25_000


class Subscribe(Params, frozen=True):
    """Push these kinds of these symbols and users, in the place of what was pushed before.

    No kinds: nothing any more.  No symbols: of all symbols.
    """

    kinds: Annotated[tuple[Kind, ...], Meta(max_length=8)] = ()
    symbols: Symbols = ()
    users: Annotated[tuple[Address, ...], Meta(max_length=10)] = ()


class UserEvents(Params, frozen=True):
    """Stored events of a user after a cursor; wait so long when there is none yet."""

    user: Address
    after: Count = 0
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 500
    wait_ms: Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)] = 0


class Ack(Params, frozen=True):
    """All events of the user up to the cursor are dealt with, says the consumer."""

    consumer: Name
    user: Address
    cursor: Count


METHODS: Final[dict[str, type[Params]]] = {
    "hello": Hello,
    "interest": InterestParams,
    "mids": Values,
    "bbo": Values,
    "contexts": Values,
    "trades": Trades,
    "candles": Candles,
    "funding": Funding,
    "ready": Ready,
    "wait": Wait,
    "subscribe": Subscribe,
    "user_events": UserEvents,
    "ack": Ack,
    "health": Nothing,
    "stats": Nothing,
}


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """A line from a client."""

    id: Annotated[int, Meta(ge=0, le=2**53)]
    method: Annotated[str, Meta(max_length=64)]
    params: Raw = Raw(b"{}")


class Fault(Struct, frozen=True):
    """Why there is no result, in our three lines."""

    what: str
    at: str = ""
    next: str = ""
    code: int = 2


class Line(Struct, frozen=True):
    """A line to a client: an answer when it has an id or an `ok`, else a push."""

    id: int | None = None
    ok: bool | None = None
    result: Any = None
    error: Fault | None = None
    push: str = ""
    seq: int = 0
    items: list[dict[str, Any]] = []
    reason: str = ""
