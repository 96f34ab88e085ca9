"""The ports of a long-running program, bound to this machine: sockets, files, clock and chance."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import apsw
import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from core.clock import PacingClock, chance_frac
from core.ports import Answer, LinkLostError, Ports, Stream, StreamEndedError
from core.store.sqlite import open_writer
from core.venue.address import VenueAddress

MESSAGE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Longest message or reply that is taken."""
UNREAD_MAX: Final = 4_096
"""Messages of a stream that wait to be read before the socket itself does."""
CONNECT_TIMEOUT_MS: Final = 10_000
CONNECTIONS_KEPT: Final = 8
MS_PER_S: Final = 1_000


class RealStream:
    """A WebSocket to the venue."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._closing: asyncio.Task[None] | None = None

    async def send(self, text: str) -> None:
        """Hand a text over; StreamEndedError when it has ended."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise StreamEndedError(str(error)) from error

    async def receive(self) -> str | bytes:
        """The next message as bytes; StreamEndedError when it has ended."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise StreamEndedError(str(error)) from error

    def close(self) -> None:
        """End it from this side, without waiting for the other."""
        self._connection.transport.abort()


class RealNet:
    """Requests and streams to the venue at an address."""

    def __init__(self, address: VenueAddress) -> None:
        self._stream_url = f"ws{address.base_url.removeprefix('http')}/ws"
        self._origin = address.base_url
        # No proxies or certificates out of the environment: it holds no settings but paths.
        self._http = httpx.AsyncClient(
            base_url=address.base_url,
            limits=httpx.Limits(
                max_connections=CONNECTIONS_KEPT, max_keepalive_connections=CONNECTIONS_KEPT
            ),
            headers={"content-type": "application/json"},
            trust_env=False,
            follow_redirects=False,
        )

    async def post(self, path: str, body: bytes, timeout_ms: int) -> Answer:
        """The reply; LinkLostError when it broke, TimeoutError when nothing came in time."""
        # The whole exchange has that long: a reply of one byte a second would never time out.
        async with asyncio.timeout(timeout_ms / MS_PER_S):
            try:
                reply = await self._http.post(path, content=body, timeout=timeout_ms / MS_PER_S)
            except httpx.TimeoutException as error:
                raise TimeoutError(str(error)) from error
            except httpx.RequestError as error:
                raise LinkLostError(f"{type(error).__name__}: {error}") from error
        return Answer(reply.status_code, reply.content)

    async def connect(self) -> Stream:
        """A new stream; LinkLostError when it is refused or breaks."""
        try:
            connection = await connect(
                self._stream_url,
                compression=None,
                ping_interval=None,
                max_size=MESSAGE_BYTES_MAX,
                max_queue=UNREAD_MAX,
                open_timeout=CONNECT_TIMEOUT_MS / MS_PER_S,
                proxy=None,
                user_agent_header=None,
            )
        except (OSError, InvalidHandshake, InvalidMessage, TimeoutError) as error:
            raise LinkLostError(f"{type(error).__name__}: {error}") from error
        return RealStream(connection)

    async def aclose(self) -> None:
        """Give the connections back."""
        await self._http.aclose()


class RealDisk:
    """Databases in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self, name: str) -> apsw.Connection:
        """A connection to the database of that name, WAL, `synchronous=FULL`."""
        return open_writer(self.folder / name)


class RealRng:
    """Chance of the operating system."""

    def random(self) -> float:
        """Evenly from 0 up to 1."""
        return chance_frac()


class Tasks:
    """All tasks of a program; the first that fails ends it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __call__(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """A task that runs beside its maker."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run the program until it ends or a task of it fails, whose error is raised."""
        main = self(work, name)
        try:
            await asyncio.wait([main, self._failed], return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Cancel what still runs and wait for it."""
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_exception(error)


def real_ports(net: RealNet, folder: Path, clock: PacingClock, spawn: Tasks) -> Ports:
    """The ports of a program on this machine, its databases in `folder`."""
    return Ports(clock, net, RealDisk(folder), RealRng(), spawn)
