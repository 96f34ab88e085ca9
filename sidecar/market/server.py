"""The Unix socket: lines in, lines out, one slow client never in the way of another."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable, Collection
from typing import Any, Final, cast

from schemas.sidecar import FRAME_BYTES_MAX
from sidecar.market.answers import Answers, refusal, too_long
from sidecar.market.clients import Client, Hub
from sidecar.market.socket_file import peer_uid

BUFFER_BYTES: Final = (256 * 1024, 1024 * 1024)
"""Unsent bytes below which a stalled client goes on, and above which it is stalled."""
DEAD_S: Final = 30.0
"""A client that reads nothing for so long is dropped."""
TURN_LINES: Final = 32
"""Requests of one client that are answered before the others have their turn."""
CLIENTS_MAX: Final = 256
TICK_S: Final = 1.0


class Server:
    """All connections."""

    def __init__(self, hub: Hub, answers: Answers, *, uids: Collection[int] | None = None) -> None:
        """`uids` may connect; by default only this process's own user, and root."""
        self._hub = hub
        self.answers = answers
        self._uids = frozenset((os.geteuid(), 0) if uids is None else uids)
        self._listener: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self.counts = {"strangers": 0, "dead": 0, "oversize": 0, "turned_away": 0}

    async def start(self, listener: socket.socket) -> None:
        """Take connections from now on."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_unix_server(lambda: Connection(self), sock=listener)

    async def run(self) -> None:
        """End leases and drop the dead, until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            self._hub.expire()

    def stop(self) -> None:
        """Hang up on everybody."""
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.hang_up()

    def admit(self, connection: Connection, peer: socket.socket) -> Client | None:
        """The client of a new connection; None for one that may not come in."""
        if peer_uid(peer) not in self._uids:
            self.counts["strangers"] += 1
            return None
        if len(self._connections) >= CLIENTS_MAX:
            self.counts["turned_away"] += 1
            return None
        self._connections.add(connection)
        return self._hub.come(connection.write)

    def part(self, connection: Connection, client: Client) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        self._hub.leave(client)

    def stall(self, client: Client) -> None:
        """A client does not read."""
        self._hub.stall(client)

    def resume(self, client: Client) -> None:
        """It reads again."""
        self._hub.resume(client)


class Connection(asyncio.Protocol):
    """One client's socket."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._client: Client | None = None
        self._rest = bytearray()
        self._lines: deque[bytes] = deque()
        self._is_answering = False
        self._is_stalled = False
        self._death: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected: is it one of ours?"""
        # uvloop's transports are of no class of asyncio's.
        found = cast("asyncio.Transport", transport)
        self._transport = found
        low, high = BUFFER_BYTES
        found.set_write_buffer_limits(high=high, low=low)
        self._client = self._server.admit(self, found.get_extra_info("socket"))
        if self._client is None:
            found.abort()

    def connection_lost(self, _: Exception | None) -> None:
        """It is gone."""
        self._stop_dying()
        self._transport = None
        self._lines.clear()
        if self._client is not None:
            self._server.part(self, self._client)
            self._client = None

    def data_received(self, data: bytes) -> None:
        """Bytes came: answer the lines that are whole."""
        if self._client is None:
            return
        self._rest += data
        end = self._rest.rfind(b"\n")
        if end < 0:
            if len(self._rest) >= FRAME_BYTES_MAX:
                self._refuse(len(self._rest))
            return
        lines = bytes(self._rest[:end]).split(b"\n")
        del self._rest[: end + 1]
        for line in lines:
            if len(line) >= FRAME_BYTES_MAX:
                self._refuse(len(line))
                return
        self._lines.extend(lines)
        if not self._is_answering:
            self._answer()

    def pause_writing(self) -> None:
        """It reads more slowly than it is told: it gets no more, and is asked nothing more."""
        self._is_stalled = True
        if self._transport is not None:
            self._transport.pause_reading()
        if self._client is not None:
            self._server.stall(self._client)
        self._stop_dying()
        self._death = asyncio.get_running_loop().call_later(DEAD_S, self._die)

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_stalled = False
        self._stop_dying()
        if self._client is not None:
            self._server.resume(self._client)
        if not self._is_stalled and not self._is_answering:
            self._answer()

    def write(self, data: bytes) -> None:
        """Send bytes; they wait in the transport when the client does not read."""
        if self._transport is not None:
            self._transport.write(data)

    def hang_up(self) -> None:
        """End it after what is unsent."""
        if self._transport is not None:
            self._transport.close()

    def _answer(self) -> None:
        """Answer some lines, then let the others have their turn."""
        self._is_answering = False
        for _ in range(TURN_LINES):
            if not self._lines or self._is_stalled or self._client is None:
                break
            self._server.answers.take(self._client, self._lines.popleft(), self.write)
        if self._transport is None or self._is_stalled:
            return
        if self._lines:
            self._is_answering = True
            self._transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._answer)
        elif not self._transport.is_closing():
            self._transport.resume_reading()

    def _refuse(self, size: int) -> None:
        """Say that a line is too long and hang up: where the next begins is not known."""
        self._server.counts["oversize"] += 1
        self._rest.clear()
        self._lines.clear()
        self.write(refusal(None, too_long(size)))
        self.hang_up()

    def _die(self) -> None:
        self._server.counts["dead"] += 1
        if self._transport is not None:
            self._transport.abort()

    def _stop_dying(self) -> None:
        if self._death is not None:
            self._death.cancel()
            self._death = None


def later() -> Callable[[float, Callable[[], None]], Any]:
    """What calls back after so many seconds, for the hub."""
    loop = asyncio.get_running_loop()

    def call(duration_s: float, act: Callable[[], None]) -> Any:
        return loop.call_later(duration_s, act) if duration_s > 0 else loop.call_soon(act)

    return call
