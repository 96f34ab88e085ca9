"""The sidecar for programs with an event loop: calls side by side, and pushes as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from core.clock import MS_PER_S, chance_frac
from core.errors import PerpkitError
from core.feed.blocking import TIMEOUT_S, unreachable
from core.feed.lines import FeedLostError, Splitter, read_line, request_line, result_of
from core.feed.place import socket_path
from schemas.sidecar import LEASE_MS, PROTOCOL, Line

READ_BYTES: Final = 256 * 1024
PUSHES_MAX: Final = 1_000
"""Pushes that wait for their reader; then they are dropped, and a `resync` says so."""
BACKOFF_S: Final = (0.05, 2.0)


class Push(NamedTuple):
    """What came unasked: `data` with items; `resync`: items were missed, and here is why."""

    kind: str
    seq: int
    items: list[dict[str, Any]]
    reason: str


class AsyncFeed:
    """A connection that stands from `async with` on, and is made anew whenever it is lost.

    After each new connection the interest and the subscription are said again, and a `resync` push
    tells the reader that it may have missed something: read trades and user events from their
    cursors, and bars by `candles`.  Calls whose connection breaks raise FeedLostError.
    """

    def __init__(
        self, path: Path | None = None, *, client: str = "", timeout_s: float = TIMEOUT_S
    ) -> None:
        self._path = socket_path(path)
        self._client = client
        self._timeout_s = timeout_s
        self._writer: asyncio.StreamWriter | None = None
        self._pending: dict[int, asyncio.Future[Line]] = {}
        self._pushes: asyncio.Queue[Push] = asyncio.Queue(PUSHES_MAX)
        self._number = 0
        self._said: dict[str, dict[str, Any]] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_up = asyncio.Event()
        self.boot = ""
        self.connect_count = 0

    async def __aenter__(self) -> Self:
        """Connect; FeedLostError when nobody answers now."""
        reader = await self._open()
        self._task = asyncio.create_task(self._run(reader), name="sidecar feed")
        try:
            await self._greet()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._drop()

    async def interest(self, **wanted: Any) -> dict[str, Any]:
        """Want all this (schemas.sidecar.InterestParams) in the place of what was wanted."""
        result: dict[str, Any] = await self.call("interest", wanted)
        self._said["interest"] = wanted
        return result

    async def subscribe(
        self, kinds: Sequence[str], symbols: Sequence[str] = (), users: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Have these pushed; then read `push()`."""
        params = {"kinds": list(kinds), "symbols": list(symbols), "users": list(users)}
        result: dict[str, Any] = await self.call("subscribe", params)
        self._said["subscribe"] = params
        return result

    async def push(self) -> Push:
        """The next push."""
        return await self._pushes.get()

    async def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """The result of any method.  Raises what the sidecar answered, or FeedLostError."""
        params = params or {}
        extra_ms = max(params.get("timeout_ms", 0), params.get("wait_ms", 0))
        async with self._limit(extra_ms / MS_PER_S):
            await self._is_up.wait()
            return await self._ask(method, params)

    def _limit(self, extra_s: float) -> _Limit:
        return _Limit(self._path, self._timeout_s + extra_s)

    async def _ask(self, method: str, params: dict[str, Any]) -> Any:
        self._number += 1
        number = self._number
        line = request_line(number, method, params)
        if self._writer is None:
            raise unreachable(self._path, ConnectionResetError("it hung up"))
        future: asyncio.Future[Line] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            self._writer.write(line)
            return result_of(await future)
        finally:
            self._pending.pop(number, None)

    async def _open(self) -> asyncio.StreamReader:
        try:
            reader, self._writer = await asyncio.open_unix_connection(str(self._path))
        except OSError as error:
            raise unreachable(self._path, error) from error
        self.connect_count += 1
        return reader

    async def _greet(self) -> None:
        """Say who we are and all that we want."""
        async with self._limit(0.0):
            said = await self._ask("hello", {"client": self._client, "protocol": PROTOCOL})
            self.boot = said["boot"]
            for method, params in self._said.items():
                await self._ask(method, params)
        self._is_up.set()

    async def _run(self, reader: asyncio.StreamReader) -> None:
        """Read until cancelled, connecting anew when the connection is lost."""
        keeper = asyncio.create_task(self._keep(), name="sidecar lease")
        try:
            while True:
                await self._read(reader)
                self._drop()
                reader = await self._again()
        finally:
            keeper.cancel()

    async def _again(self) -> asyncio.StreamReader:
        """A new connection, however long it takes."""
        pause_s, longest_s = BACKOFF_S
        while True:
            await asyncio.sleep(pause_s * (0.5 + chance_frac()))
            pause_s = min(2 * pause_s, longest_s)
            try:
                reader = await self._open()
            except FeedLostError:
                continue
            task = asyncio.create_task(self._greet_again(), name="sidecar greeting")
            self._greeting = task
            return reader

    async def _greet_again(self) -> None:
        try:
            await self._greet()
        except PerpkitError:
            self._drop()
            return
        if "subscribe" in self._said:
            self._put(Push("resync", 0, [], "the connection was lost"))

    def _put(self, push: Push) -> None:
        """Keep it for its reader; one that is too slow for the pushes must not hold up answers."""
        if self._pushes.full():
            while not self._pushes.empty():
                self._pushes.get_nowait()
            self._pushes.put_nowait(Push("resync", push.seq, [], "pushes were read too slowly"))
        self._pushes.put_nowait(push)

    async def _keep(self) -> None:
        """Renew the lease of the interest, however long nobody calls."""
        while True:
            lease_ms = self._said.get("interest", {}).get("lease_ms", LEASE_MS)
            await asyncio.sleep(lease_ms / 3 / MS_PER_S)
            try:
                await self.call("hello", {"client": self._client, "protocol": PROTOCOL})
            except PerpkitError:
                continue

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Hand out lines until the connection ends."""
        splitter = Splitter()
        try:
            while data := await reader.read(READ_BYTES):
                for line in splitter.feed(data):
                    self._take(read_line(line))
        except (OSError, OverflowError, FeedLostError):
            return

    def _take(self, line: Line) -> None:
        if line.ok is None:
            self._put(Push(line.push, line.seq, line.items, line.reason))
            return
        future = self._pending.pop(line.id, None) if line.id is not None else None
        if future is not None and not future.done():
            future.set_result(line)

    def _drop(self) -> None:
        self._is_up.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for future in self._pending.values():
            if not future.done():
                future.set_exception(unreachable(self._path, ConnectionResetError("it hung up")))
        self._pending.clear()


class _Limit:
    """A time-out whose error says what is not there."""

    def __init__(self, path: Path, limit_s: float) -> None:
        self._path = path
        self._timeout = asyncio.timeout(limit_s)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise unreachable(self._path, OSError("no answer in time")) from late
