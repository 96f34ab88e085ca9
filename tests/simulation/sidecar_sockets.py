"""The sidecar's socket and its clients' lines over the sockets of the simulation.

The server's own `Connection` runs here unmodified: it is given a transport that holds back a
client that does not read, as a Unix socket does.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any

from core.feed.lines import FeedLostError, Splitter, read_line, request_line, result_of
from sidecar.market.server import Connection, Server
from sidecar.market.socket_file import CREDENTIALS
from tests.simulation.ports import LocalStream, Ports, StreamEndedError

SOCKET = "sidecar.sock"
PIECE_BYTES = 32_768
ASK_S = 20.0


class Peer:
    """A socket whose other end is a process of the same user."""

    def getsockopt(self, *asked: int) -> bytes:
        """The credentials that the kernel would give."""
        del asked
        return CREDENTIALS.pack(1, os.geteuid(), os.getegid())


class LocalTransport(asyncio.Transport):
    """A connection of the simulation as asyncio's protocols know them."""

    def __init__(self, ports: Ports, stream: LocalStream, protocol: Connection) -> None:
        super().__init__()
        self._stream, self._protocol = stream, protocol
        self._low, self._high = 0, PIECE_BYTES
        self._unsent = bytearray()
        self._may_read, self._has_mail = asyncio.Event(), asyncio.Event()
        self._may_read.set()
        self._is_paused = self._is_closing = self._is_lost = False
        protocol.connection_made(self)
        ports.spawn(self._read(), "client in")
        ports.spawn(self._write(), "client out")

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Its socket."""
        return Peer() if name == "socket" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When to hold up who writes, and when to let go."""
        self._low, self._high = low or 0, high or 0

    def pause_reading(self) -> None:
        """Read nothing for now."""
        self._may_read.clear()

    def resume_reading(self) -> None:
        """Read again."""
        self._may_read.set()

    def is_closing(self) -> bool:
        """Is it over, or about to be?"""
        return self._is_closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send it, when there is room."""
        if self._is_closing:
            return
        self._unsent += data
        if len(self._unsent) > self._high and not self._is_paused:
            self._is_paused = True
            self._protocol.pause_writing()
        self._has_mail.set()

    def close(self) -> None:
        """End it after what is unsent."""
        self._is_closing = True
        self._has_mail.set()

    def abort(self) -> None:
        """End it now."""
        self._unsent.clear()
        self._is_closing = True
        self._lose()

    async def _read(self) -> None:
        try:
            while not self._is_lost:
                await self._may_read.wait()
                data = await self._stream.receive()
                if not self._is_lost:
                    self._protocol.data_received(data)
        except StreamEndedError:
            self._lose()

    async def _write(self) -> None:
        try:
            while self._unsent or not self._is_closing:
                if not self._unsent:
                    self._has_mail.clear()
                    await self._has_mail.wait()
                    continue
                piece = bytes(self._unsent[:PIECE_BYTES])
                await self._stream.send(piece)
                del self._unsent[: len(piece)]
                if self._is_paused and len(self._unsent) <= self._low:
                    self._is_paused = False
                    self._protocol.resume_writing()
        except StreamEndedError:
            pass
        self._lose()

    def _lose(self) -> None:
        if not self._is_lost:
            self._is_lost = self._is_closing = True
            self._has_mail.set()
            self._stream.close()
            self._protocol.connection_lost(None)


async def accept(ports: Ports, server: Server) -> None:
    """Take connections for the server, for ever."""
    listener = await ports.local.listen(SOCKET)
    while True:
        LocalTransport(ports, await listener.accept(), Connection(server))


class Caller:
    """A client of the sidecar: one question at a time, pushes as they come."""

    def __init__(self, ports: Ports, stream: LocalStream) -> None:
        self._ports, self._stream = ports, stream
        self._splitter, self._number = Splitter(), 0
        self._lines: deque[bytes] = deque()
        self.pushes: list[dict[str, Any]] = []
        """Items that were pushed and not taken yet."""
        self.resyncs = 0

    async def ask(self, method: str, params: dict[str, Any]) -> Any:
        """The result.  StreamEndedError or TimeoutError when there is none."""
        self._number += 1
        extra_s = params.get("wait_ms", 0) / 1_000
        async with asyncio.timeout(ASK_S + extra_s):
            await self._stream.send(request_line(self._number, method, params))
            while True:
                line = read_line(await self._line())
                if line.id == self._number:
                    return result_of(line)
                self._pushed(line)

    async def listen(self, for_ms: int) -> None:
        """Take pushes for so long."""
        try:
            async with asyncio.timeout(for_ms / 1_000):
                while True:
                    self._pushed(read_line(await self._line()))
        except TimeoutError:
            pass

    async def _line(self) -> bytes:
        while not self._lines:
            self._lines += self._splitter.feed(await self._stream.receive())
        return self._lines.popleft()

    def _pushed(self, line: Any) -> None:
        if line.push == "resync":
            self.resyncs += 1
        elif line.push != "data":
            raise FeedLostError("an answer that nobody asked for")
        self.pushes += line.items
