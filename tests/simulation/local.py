"""Sockets between the processes of one machine: what a daemon and its clients talk over.

Bytes arrive in order and soon.  When one side dies the other reads what was sent and then the end.
A side that does not read holds up the other, as a full socket buffer does.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable

from tests.simulation.loop import Incarnation
from tests.simulation.ports import LinkLostError, StreamEndedError

BUFFER_BYTES = 65_536
DELAY_MS = (0, 2)


class LocalSockets:
    """All sockets of a simulation, by name."""

    def __init__(self, at: Callable[[float, Callable[[], None]], None], rng: random.Random) -> None:
        self.at, self._rng = at, rng
        self.listeners: dict[str, Listener] = {}
        self._ends: list[LocalStream] = []

    def connected(self, here: Incarnation, there: Incarnation) -> tuple[LocalStream, LocalStream]:
        """Both ends of a new connection."""
        one, other = LocalStream(self, here), LocalStream(self, there)
        one.peer, other.peer = other, one
        self._ends += [one, other]
        return one, other

    def died(self, life: Incarnation) -> None:
        """The system closes what a dead process had open."""
        for end in self._ends:
            if end.owner is life:
                end.shut()
        self._ends = [end for end in self._ends if end.owner is not life]
        for name, listener in list(self.listeners.items()):
            if listener.owner is life:
                del self.listeners[name]

    def delay_ms(self) -> int:
        """How long bytes take that leave now."""
        return self._rng.randint(*DELAY_MS)


class LocalStream:
    """One end of a connection."""

    peer: LocalStream

    def __init__(self, sockets: LocalSockets, owner: Incarnation) -> None:
        self.owner = owner
        self._sockets = sockets
        self._coming: deque[bytes] = deque()
        self._inbox: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._is_shut = False

    def unread(self) -> int:
        """Bytes that were sent to this end and not read."""
        return sum(map(len, self._coming)) + sum(map(len, self._inbox))

    async def send(self, data: bytes) -> None:
        """Hand bytes over, when there is room; StreamEndedError when nobody is there."""
        await asyncio.sleep(0)
        pause_s = 0.001
        while not self.peer.gone and self.peer.unread() > BUFFER_BYTES:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, 0.25)
        if self._is_shut or self.peer.gone:
            raise StreamEndedError
        self.peer.leave(data)

    async def receive(self) -> bytes:
        """Some of the bytes that were sent; StreamEndedError after the last."""
        while not self._inbox:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data = self._inbox.popleft()
        if not data:
            self._inbox.append(data)
            raise StreamEndedError
        return data

    def close(self) -> None:
        """End it from this side; what was sent is still read."""
        if not self.owner.is_dead:
            self.shut()

    @property
    def gone(self) -> bool:
        """Does nobody read here any more?"""
        return self._is_shut or self.owner.is_dead

    def shut(self) -> None:
        """No more from here."""
        if not self._is_shut:
            self._is_shut = True
            self.peer.leave(b"")

    def leave(self, data: bytes) -> None:
        """Bytes for this end are on their way; none at all is the end."""
        self._coming.append(data)
        self._sockets.at(self._sockets.delay_ms(), self._arrive)

    def _arrive(self) -> None:
        self._inbox.append(self._coming.popleft())
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Listener:
    """A name at which connections come in."""

    def __init__(self, owner: Incarnation) -> None:
        self.owner = owner
        self._waiting: deque[LocalStream] = deque()
        self._waiter: asyncio.Future[None] | None = None

    async def accept(self) -> LocalStream:
        """The next connection."""
        while not self._waiting:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._waiting.popleft()

    def offer(self, end: LocalStream) -> None:
        """Somebody dialled."""
        self._waiting.append(end)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class ProcessSockets:
    """Local sockets as one life of a process has them."""

    def __init__(self, sockets: LocalSockets, owner: Incarnation) -> None:
        self._sockets, self._owner = sockets, owner

    async def listen(self, name: str) -> Listener:
        """Take a name; OSError when another process that lives has it."""
        await asyncio.sleep(0)
        if name in self._sockets.listeners:
            raise OSError(f"{name} is taken")
        listener = Listener(self._owner)
        self._sockets.listeners[name] = listener
        return listener

    async def dial(self, name: str) -> LocalStream:
        """A connection to whoever has the name; LinkLostError when nobody has."""
        await asyncio.sleep(0)
        listener = self._sockets.listeners.get(name)
        if listener is None:
            raise LinkLostError
        mine, theirs = self._sockets.connected(self._owner, listener.owner)
        listener.offer(theirs)
        return mine
