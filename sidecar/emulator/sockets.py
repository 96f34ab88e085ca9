"""The two protocols of the venue's port, over uvicorn's: what ASGI alone cannot say.

A connection that closes without a byte, a stream that is cut without a closing handshake, a reader
that is too slow: these need the transport.  So each puts itself into the ASGI scope as `wire`.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Sequence
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import Server
from websockets.http11 import Request

from core.errors import InputError, UsageError, VenueError

WIRE: Final = "perpkit.wire"
HEAD_BYTES_MAX: Final = 32 * 1024
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Longest body and longest message that are taken."""
UNREAD_BYTES_MAX: Final = 8 * 1024 * 1024
"""A reader that leaves more unread is dropped."""
KEEP_ALIVE_S: Final = 75
GRACE_S: Final = 1
BACKLOG: Final = 1_024
PORT_MAX: Final = 65_535
# Lengths of a WebSocket frame that fit into its second byte, and into two bytes more.
SHORT_MAX: Final = 125
MEDIUM_MAX: Final = 65_535


class Gathering:
    """A transport whose writes can be gathered: head and body of a reply go out in one call."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._held: list[bytes] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def hold(self) -> None:
        """Keep what is written from now on."""
        self._held = []

    def release(self) -> None:
        """Send it."""
        held, self._held = self._held, None
        if held:
            self._transport.write(b"".join(held))

    def write(self, data: bytes) -> None:
        """Send or keep some bytes."""
        if self._held is None:
            self._transport.write(data)
        else:
            self._held.append(data)

    def close(self) -> None:
        """Close after what was written."""
        self.release()
        self._transport.close()


class HttpWire(HttpToolsProtocol):
    """HTTP with a limit on the head of a request, and a way to close without answering."""

    head_bytes = 0
    is_in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(Gathering(transport))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Some bytes of a client."""
        super().data_received(data)
        if self.is_in_head and not self.transport.is_closing():
            self.head_bytes += len(data)
            if self.head_bytes > HEAD_BYTES_MAX:
                self.send_400_response("Request header fields too large.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.is_in_head, self.head_bytes = True, 0
        self.scope[WIRE] = self  # type: ignore[typeddict-unknown-key]

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self.is_in_head = False
        super().on_headers_complete()

    def hold(self) -> None:
        """Gather what is written until `release`."""
        self.transport.hold()  # type: ignore[attr-defined]

    def release(self) -> None:
        """Send what was gathered."""
        self.transport.release()  # type: ignore[attr-defined]

    def hang_up(self) -> None:
        """Close the connection without another byte."""
        self.transport.close()


class StreamWire(WebSocketsSansIOProtocol):
    """A WebSocket whose writes are never waited for: what is unread is bounded instead."""

    ending: asyncio.Task[None] | None = None

    def handle_connect(self, event: Request) -> None:
        """The handshake; the application starts after it."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope[WIRE] = self  # type: ignore[typeddict-unknown-key]

    def push(self, texts: Sequence[str]) -> bool:
        """Send messages; False when too much is unread, and then nothing more will be read."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return True
        self.transport.write(b"".join([text_frame(text) for text in texts]))
        return self.transport.get_write_buffer_size() <= UNREAD_BYTES_MAX

    def end(self, code: int) -> None:
        """Close with a handshake and this code."""
        self.ending = self.loop.create_task(self.send({"type": "websocket.close", "code": code}))

    def cut(self) -> None:
        """Close after what was sent, without a closing frame: the peer sees 1006."""
        self.close_sent = True
        self.transport.close()

    def drop(self) -> None:
        """Close at once, whatever is unread."""
        self.close_sent = True
        self.transport.abort()


def text_frame(text: str) -> bytes:
    """A whole text message of a server, not compressed (RFC 6455, 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size <= SHORT_MAX:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size <= MEDIUM_MAX:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


class QuietServer(Server):
    """uvicorn's server without its own handling of signals."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `should_exit`."""
        await self._serve(sockets)

    async def wait_started(self) -> None:
        """Return when it accepts connections."""
        while not self.started:
            await asyncio.sleep(0.001)


def make_server(app: Any) -> QuietServer:
    """A server of an ASGI application over our two protocols."""
    # Only what is a bug is worth a line: refused requests are the business of tests.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    return QuietServer(
        Config(
            app,
            http=HttpWire,
            ws=StreamWire,
            ws_max_size=MESSAGE_BYTES_MAX,
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
    )


def listen(host: str, port: int, option: str) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises VenueError when the port is taken, InputError when it may not or cannot be had.
    """
    if not 0 <= port <= PORT_MAX:
        raise UsageError(f"{option} {port} is no port", hint=f"give one from 0 to {PORT_MAX:,}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        place = f"{option} {port} on {host}"
        if error.errno == errno.EADDRINUSE:
            raise VenueError(
                f"port {port} is in use by another program",
                at=place,
                hint=f"{option} 0 takes a free port; or stop the other program",
            ) from error
        raise InputError(
            f"the port cannot be listened at: {error.strerror}",
            at=place,
            hint="ports below 1024 need a right that most users lack; the host must be this"
            " machine's own",
        ) from error
    return listener


def address_of(listener: socket.socket) -> tuple[str, int]:
    """(host, port) of a listening socket."""
    host, port = listener.getsockname()[:2]
    return str(host), int(port)
