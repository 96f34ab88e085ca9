"""What the gateway shows the plane, and what the plane may say about it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Envelope, Request

Apply = Callable[[int, Request | Envelope], list[Event]]
"""`Gateway.apply`: how a fault acts in the core."""


class Call(Struct, frozen=True):
    """One request of a client, over HTTP or as a `post` of a WebSocket session.

    `kind` is its type (`order`, `l2Book`); it and what follows are empty while nobody could read
    them.  `user` is the account that an action is for, or that a question is about.
    """

    peer: str
    path: str
    kind: str = ""
    user: str | None = None
    coin: str | None = None
    session: int | None = None


class Sight(Struct, frozen=True):
    """One text on its way to a session, or a subscription on its way in.

    `channel` is the venue's word for it, `user` and `coin` those of the subscription.
    """

    session: int
    channel: str
    text: str = ""
    user: str | None = None
    coin: str | None = None
    is_snapshot: bool = False
    """The first text after a subscription, or marked so."""


class Parcel(Struct, frozen=True):
    """A text for a session, to be sent so much later."""

    session: int
    text: str
    delay_ms: int = 0


class Closure(Struct, frozen=True):
    """A session that ends now; 1006 cuts the connection without a closing handshake."""

    session: int
    code: int


class Denied(Struct, frozen=True):
    """A subscription that does not come about; None: nothing is said."""

    text: str | None
