"""A TCP proxy in front of the venue that spoils bytes: cut, split, slow, late, deaf, garbled.

It knows nothing of HTTP.  Its faults are those of the plane with `via: proxy`; their times are
those of the clock that it is given, their chance is the plane's.  What waits in it is bounded, so
that a slow reader slows the writer, as on a real line.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

from core.clock import PacingClock
from core.errors import InputError
from sidecar.emulator.faults.calls import MS_PER_S, delay_of
from sidecar.emulator.faults.garbling import garbled_bytes
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.faults.state import Active

CHUNK_BYTES: Final = 65_536
WAITING_CHUNKS: Final = 16
"""Most runs of bytes on their way in one direction: 1 MiB."""
CONNECTIONS_MAX: Final = 1_024
LOOK_S: Final = 0.01
"""How often idle connections are looked at while a fault of bytes is there."""
PIECES_PER_S: Final = 20
RESET: Final = struct.pack("ii", 1, 0)
"""Linger of zero seconds: closing sends a reset."""


class Ended(Exception):  # noqa: N818  how a task of a connection tells the others
    """The connection is over."""


class Stream:
    """One direction of a connection."""

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.name = name
        self.reader = reader
        self.writer = writer
        self.waiting: asyncio.Queue[tuple[bytes, int]] = asyncio.Queue(WAITING_CHUNKS)
        self.passed_bytes = 0
        self.last_ms = 0
        """When what was read last is to arrive."""
        self.free_ms = 0
        """When a slow line has room for more."""

    def takes_ms(self, now_ms: int, size_bytes: int, bytes_per_s: int) -> int:
        """How long so many more bytes are on a line as slow as this, from now."""
        self.free_ms = max(now_ms, self.free_ms) - (-size_bytes * MS_PER_S // bytes_per_s)
        return self.free_ms - now_ms


class Proxy:
    """Hands connections on to a venue, byte for byte but for the faults."""

    def __init__(self, host: str, port: int, plane: Plane, clock: PacingClock) -> None:
        self.plane = plane
        self.clock = clock
        self.target = (host, port)
        self.counts = {"connections": 0, "refused": 0, "bytes_up": 0, "bytes_down": 0}
        """What passed through."""
        self._lines: dict[int, Line] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """The port on which it listens; 0 takes a free one.  InputError when it is in use."""
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            raise InputError(
                f"the proxy cannot listen: {error.strerror or error}",
                at=f"{host}:{port}",
                hint="give another --proxy-port, or 0 for a free one",
            ) from error
        self._watch = asyncio.create_task(self._look(), name="proxy watch")
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Listen no more, and end every connection."""
        if self._server is not None:
            self._server.close()
        tasks = [*self._tasks.values(), *([self._watch] if self._watch else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def in_force(self, *kinds: str) -> list[Active]:
        """Faults of these kinds that act now."""
        found = self.plane.proxied()
        if not found:
            return found
        now_ms = self.clock.now_ms()
        return [one for one in found if one.fault in kinds and one.is_in_force(now_ms)]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Runs as a task of its own for each connection."""
        if len(self._lines) >= CONNECTIONS_MAX:
            self.counts["refused"] += 1
            writer.transport.abort()
            return
        self.counts["connections"] += 1
        number = self.counts["connections"]
        line = self._lines[number] = Line(self, reader, writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks[number] = task
        try:
            await line.run()
        except asyncio.CancelledError:
            # Only `stop` cancels it, and waits for it.
            line.close()
        finally:
            del self._lines[number], self._tasks[number]

    async def _look(self) -> None:
        """Let faults act on connections on which nothing moves."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self.plane.proxied():
                for line in list(self._lines.values()):
                    if not line.is_left:
                        line.look()


class Line:
    """One connection, from its client to the venue."""

    def __init__(
        self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._tally = proxy.plane.tally
        self._client = (reader, writer)
        self._opened_ms = proxy.clock.now_ms()
        self._decisions: dict[int, bool] = {}
        """What was drawn for this connection, by the number of the fault."""
        self._deaf: dict[str, Active] = {}
        """Directions in which nothing arrives any more."""
        self._streams: list[Stream] = []
        self._over = asyncio.Event()

    @property
    def is_left(self) -> bool:
        """Whether its client has said goodbye: a fault would meet nobody."""
        return self._client[0].at_eof()

    async def run(self) -> None:
        """Hand on both directions until both ended, or one fault ends the connection."""
        hang = next(
            (one for one in self._proxy.in_force("accept_hang") if self._decides(one)), None
        )
        if hang is not None:
            self._tally.effect(hang)
            await self._hang(hang)
            return
        try:
            reader, writer = await asyncio.open_connection(*self._proxy.target)
        except OSError:
            self._client[1].transport.abort()
            return
        self._streams = [
            Stream("up", self._client[0], writer),
            Stream("down", reader, self._client[1]),
        ]
        for one in self._streams:
            _hurry(one.writer)
        self.look()
        try:
            async with asyncio.TaskGroup() as group:
                ending = group.create_task(self._end())
                tasks = [
                    group.create_task(each(stream))
                    for stream in self._streams
                    for each in (self._read, self._write)
                ]
                await asyncio.wait(tasks)
                ending.cancel()
        except* Ended:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Let go of both sides."""
        self._client[1].close()
        for stream in self._streams:
            stream.writer.close()

    def look(self) -> None:
        """Let faults that are about the connection as such act."""
        now_ms = self._proxy.clock.now_ms()
        for active in self._proxy.in_force("blackhole", "cut", "flap"):
            if active.fault == "flap":
                self._flap(active, now_ms)
                continue
            for stream in self._meant(active):
                if stream.passed_bytes < active.whole("after_bytes") or not self._decides(active):
                    continue
                if active.fault == "blackhole":
                    self._deaf.setdefault(stream.name, active)
                elif not self._over.is_set():
                    self._cut(active)

    def _flap(self, active: Active, now_ms: int) -> None:
        at_ms = max(self._opened_ms, active.from_ms) + active.whole("delay_ms")
        if at_ms <= now_ms and not self._over.is_set() and self._decides(active):
            self._tally.effect(active)
            self._over.set()

    def _cut(self, active: Active) -> None:
        """The client's side ends, by a reset or orderly; what comes after is nobody's."""
        self._tally.effect(active)
        if active.word("how") == "rst":
            _reset(self._client[1])
        self._over.set()

    async def _end(self) -> None:
        await self._over.wait()
        raise Ended

    async def _hang(self, active: Active) -> None:
        """Read nothing, say nothing, until the client or the fault gives up."""
        since_ms = self._proxy.clock.now_ms()
        reader, writer = self._client
        while not reader.at_eof() and self._proxy.clock.now_ms() - since_ms < active.whole(
            "delay_ms"
        ):
            if active not in self._proxy.in_force("accept_hang"):
                break
            await asyncio.sleep(LOOK_S)
        writer.close()

    async def _read(self, stream: Stream) -> None:
        """Bytes in the order in which they came, each with the time at which it may go on."""
        while True:
            try:
                chunk = await stream.reader.read(CHUNK_BYTES)
            except OSError as error:
                raise Ended from error
            now_ms = self._proxy.clock.now_ms()
            for active in self._acting(stream, "delay") if chunk else ():
                at_ms = now_ms + delay_of(self._tally, active)
                self._tally.effect(active, int(at_ms > now_ms))
                stream.last_ms = max(stream.last_ms, at_ms)
            await stream.waiting.put((chunk, max(now_ms, stream.last_ms)))
            if not chunk:
                return

    async def _write(self, stream: Stream) -> None:
        """Send them on."""
        while True:
            chunk, at_ms = await stream.waiting.get()
            while (wait_ms := at_ms - self._proxy.clock.now_ms()) > 0:
                await self._proxy.clock.sleep_ms(wait_ms)
            if chunk:
                await self._stalled(stream)
                self.look()
            deaf = self._deaf.get(stream.name)
            if deaf is not None:
                self._tally.effect(deaf)
            elif chunk:
                await self._send(stream, self._garbled(stream, chunk))
            else:
                _finish(stream.writer)
            if not chunk:
                return

    async def _stalled(self, stream: Stream) -> None:
        """Wait while nothing may pass."""
        for active in self._acting(stream, "stall"):
            self._tally.effect(active)
            while active in self._proxy.in_force("stall"):
                await asyncio.sleep(LOOK_S)

    def _garbled(self, stream: Stream, chunk: bytes) -> bytes:
        for active in self._acting(stream, "garble"):
            spoiled = garbled_bytes(active.word("how"), chunk, self._tally.drawn(active, "place"))
            self._tally.effect(active, int(spoiled != chunk))
            chunk = spoiled
        return chunk

    async def _send(self, stream: Stream, chunk: bytes) -> None:
        """The bytes in as many pieces, as slowly, and as far as the faults let them."""
        slow = self._acting(stream, "throttle")
        left = memoryview(chunk)
        while left:
            size = self._piece_bytes(stream, len(left))
            for active in slow:
                size = min(size, max(1, active.whole("bytes_per_s") // PIECES_PER_S))
            size = self._up_to_a_cut(stream, size)
            piece, left = left[:size], left[size:]
            await self._pass(stream, bytes(piece))
            for active in slow:
                now_ms = self._proxy.clock.now_ms()
                takes_ms = stream.takes_ms(now_ms, size, active.whole("bytes_per_s"))
                self._tally.effect(active, int(takes_ms > 0))
                await self._proxy.clock.sleep_ms(takes_ms)

    async def _pass(self, stream: Stream, piece: bytes) -> None:
        try:
            stream.writer.write(piece)
            await stream.writer.drain()
        except OSError as error:
            raise Ended from error
        stream.passed_bytes += len(piece)
        self._proxy.counts[f"bytes_{stream.name}"] += len(piece)
        self.look()
        # Others have a turn, so that the next piece is sent by itself.
        await asyncio.sleep(0)
        if self._over.is_set():
            raise Ended

    def _piece_bytes(self, stream: Stream, left: int) -> int:
        """How much of what is left goes at once: a chance size where the line splits."""
        size = left
        for active in self._acting(stream, "split"):
            drawn = 1 + int(self._tally.drawn(active, "size") * active.whole("piece_bytes"))
            self._tally.effect(active, int(drawn < size))
            size = min(size, drawn)
        return size

    def _up_to_a_cut(self, stream: Stream, size: int) -> int:
        """No more than up to the byte after which the connection is cut."""
        for active in self._proxy.in_force("cut"):
            ahead = active.whole("after_bytes") - stream.passed_bytes
            if stream in self._meant(active) and 0 < ahead < size and self._decides(active):
                size = ahead
        return size

    def _meant(self, active: Active) -> list[Stream]:
        """Directions that the fault is about."""
        direction = active.word("direction")
        return [stream for stream in self._streams if direction in ("both", stream.name)]

    def _acting(self, stream: Stream, kind: str) -> list[Active]:
        """Faults of a kind that act on this run of bytes, which is an occasion of each."""
        return [
            active
            for active in self._proxy.in_force(kind)
            if stream in self._meant(active)
            and stream.passed_bytes >= active.whole("after_bytes")
            and self._tally.strikes(active)
        ]

    def _decides(self, active: Active) -> bool:
        """Whether the fault acts on this connection, which is one occasion of it."""
        if active.number not in self._decisions:
            self._decisions[active.number] = self._tally.strikes(active)
        return self._decisions[active.number]


def _hurry(writer: asyncio.StreamWriter) -> None:
    """Send every piece at once."""
    found = writer.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without a farewell: the peer sees its connection reset."""
    found = writer.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


def _finish(writer: asyncio.StreamWriter) -> None:
    """Nothing more comes in this direction."""
    try:
        writer.write_eof()
    except OSError:
        # The other side is gone already, which is an end as well.
        writer.close()
