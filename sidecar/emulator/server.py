"""The venue's port as an ASGI application: `POST /info`, `POST /exchange`, `/ws`.

What is asked and answered is the gateway's; here are bodies, their limit, and connections.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

from sidecar.emulator.gateway.messages import HttpReply
from sidecar.emulator.host import Host
from sidecar.emulator.sockets import MESSAGE_BYTES_MAX, WIRE, HttpWire

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Header = tuple[bytes, bytes]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

STREAM_PATH: Final = "/ws"
DISCARDED_BYTES_MAX: Final = 16 * MESSAGE_BYTES_MAX
NOT_FOUND: Final = HttpReply(404, "text/plain", b"")
NOTHING: Final = HttpReply(200, "text/plain", b"")
LAST: Final = (b"connection", b"close")
# A page of any origin may call it, as it may call the venue: what moves money is signed.
PREFLIGHT: Final = b"access-control-request-method"
ALLOWED: Final = ((b"access-control-allow-origin", b"*"),)
ALLOWED_AHEAD: Final = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"content-type"),
)
TOO_LARGE: Final = HttpReply(
    413, "text/plain", b"Failed to buffer the request body: length limit exceeded"
)


class VenueApp:
    """The application of a host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket connection."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._stream(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        known: dict[bytes, bytes] = dict(scope["headers"])
        more = ALLOWED if b"origin" in known else ()
        if scope["method"] == "OPTIONS" and PREFLIGHT in known:
            await _reply(send, NOTHING, scope[WIRE], (*ALLOWED, *ALLOWED_AHEAD))
            return
        body = await _body(receive)
        if body is None:
            self._host.counts["bodies_too_large"] += 1
            await _reply(send, TOO_LARGE, scope[WIRE], (*more, LAST))
            return
        given = known.get(b"content-type")
        content_type = given.decode("latin-1") if given is not None else None
        reply = await self._host.post(
            _peer(scope), scope["method"], scope["path"], content_type, body
        )
        if reply.is_lost:
            scope[WIRE].hang_up()
            await receive()
            return
        await _reply(send, reply, scope[WIRE], more)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        opened = NOT_FOUND if scope["path"] != STREAM_PATH else self._host.open(_peer(scope))
        if isinstance(opened, HttpReply):
            if opened.delay_ms:
                await self._host.pace.until(self._host.now_ms() + opened.delay_ms)
            if opened.is_lost:
                scope[WIRE].drop()
                await receive()
                return
            await _refuse(send, opened)
            return
        try:
            await send({"type": "websocket.accept"})
            self._host.opened(opened, scope[WIRE])
            while (message := await receive())["type"] == "websocket.receive":
                text = message.get("text")
                if text is None:
                    text = message["bytes"].decode("utf-8", "replace")
                self._host.receive(opened, text)
        finally:
            self._host.closed(opened)


def _peer(scope: Scope) -> str:
    """The address that limits count by."""
    client = scope.get("client")
    return client[0] if client else ""


async def _body(receive: Receive) -> bytes | None:
    """The whole body of a request; None when it is longer than is taken.

    What is too long is read all the same, for a while: a client that is still sending would not
    see the answer.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    parts, size = [body], len(body)
    while message.get("more_body", False) and size <= DISCARDED_BYTES_MAX:
        message = await receive()
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MESSAGE_BYTES_MAX:
            parts.clear()
        else:
            parts.append(part)
    return None if size > MESSAGE_BYTES_MAX else b"".join(parts)


async def _reply(send: Send, reply: HttpReply, wire: HttpWire, more: Sequence[Header]) -> None:
    headers = [
        (b"content-type", reply.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(reply.body)),
        *more,
    ]
    wire.hold()
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
    wire.release()


async def _refuse(send: Send, reply: HttpReply) -> None:
    """Answer a handshake with something else than a WebSocket."""
    headers = [(b"content-type", reply.content_type.encode("latin-1"))]
    kind = "websocket.http.response"
    await send({"type": f"{kind}.start", "status": reply.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": reply.body})
