"""What the gateway hands to whoever owns the sockets."""

from __future__ import annotations

from msgspec import Struct


class HttpReply(Struct):
    """The answer to one HTTP request.

    The shell sends it after `delay_ms`; when `is_lost` it closes the connection without a byte.
    """

    status: int
    content_type: str
    body: bytes
    delay_ms: int = 0
    is_lost: bool = False


class Frame(Struct):
    """One text for one session, or with `close_code` the end of the session.

    Code 1006 is never sent on a wire: the connection is cut without a closing handshake.
    """

    session: int
    text: str | None
    close_code: int | None = None
    delay_ms: int = 0
