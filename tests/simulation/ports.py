"""What a process of the simulation has instead of the operating system.

It is what every long-running program takes, `core.ports`, and sockets between the processes of the
one machine, for programs that talk to each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core import ports
from core.ports import (
    Answer,
    Clock,
    Disk,
    LinkLostError,
    Net,
    Rng,
    Spawn,
    Stream,
    StreamEndedError,
)

__all__ = [
    "Answer",
    "Clock",
    "Disk",
    "LinkLostError",
    "Listener",
    "Local",
    "LocalStream",
    "Net",
    "Ports",
    "Rng",
    "Spawn",
    "Stream",
    "StreamEndedError",
]


class LocalStream(Protocol):
    """A connection between two processes of one machine."""

    async def send(self, data: bytes) -> None:
        """Hand bytes over, when there is room; StreamEndedError when nobody is there."""
        ...

    async def receive(self) -> bytes:
        """Some of the bytes that were sent; StreamEndedError after the last."""
        ...

    def close(self) -> None:
        """End it from this side."""
        ...


class Listener(Protocol):
    """A name at which connections come in."""

    async def accept(self) -> LocalStream:
        """The next connection."""
        ...


class Local(Protocol):
    """Sockets between the processes of one machine."""

    async def listen(self, name: str) -> Listener:
        """Take a name; OSError when another process that lives has it."""
        ...

    async def dial(self, name: str) -> LocalStream:
        """A connection to whoever has the name; LinkLostError when nobody has."""
        ...


@dataclass(frozen=True)
class Ports(ports.Ports):
    """All of them."""

    local: Local
