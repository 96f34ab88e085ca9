"""What a long-running program has instead of the operating system.

A program that the simulation runs takes these and nothing else: no clock, no socket, no database,
no chance and no task but through them.  `core.ports_real` binds them to the real things, the
simulation of `tests/simulation` to seeded ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import apsw


class LinkLostError(Exception):
    """The connection broke; whether the other side took what was sent is not known."""


class StreamEndedError(Exception):
    """The stream was closed by the other side, or broke."""


@dataclass(frozen=True)
class Answer:
    """An HTTP reply."""

    status: int
    body: bytes


class Clock(Protocol):
    """The process's own clock, which may be wrong."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        ...

    async def sleep_ms(self, duration_ms: int) -> None:
        """Return after that time."""
        ...


class Stream(Protocol):
    """A WebSocket."""

    async def send(self, text: str) -> None:
        """Hand a text over; StreamEndedError when it has ended."""
        ...

    async def receive(self) -> str | bytes:
        """The next message, text or its UTF-8 bytes; StreamEndedError when it has ended."""
        ...

    def close(self) -> None:
        """End it from this side."""
        ...


class Net(Protocol):
    """The way to the venue."""

    async def post(self, path: str, body: bytes, timeout_ms: int) -> Answer:
        """The reply; LinkLostError when it broke, TimeoutError when nothing came in time."""
        ...

    async def connect(self) -> Stream:
        """A new stream; LinkLostError when it is refused or breaks."""
        ...


class Disk(Protocol):
    """Databases that outlive the process."""

    def open(self, name: str) -> apsw.Connection:
        """A connection to the database of that name, WAL, `synchronous=FULL`."""
        ...


class Rng(Protocol):
    """The process's chance."""

    def random(self) -> float:
        """Evenly from 0 up to 1."""
        ...


class Spawn(Protocol):
    """The only way to a task of one's own."""

    def __call__(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """A task that runs beside its maker.  Its failure ends the process."""
        ...


@dataclass(frozen=True)
class Ports:
    """All of them."""

    clock: Clock
    net: Net
    disk: Disk
    rng: Rng
    spawn: Spawn
