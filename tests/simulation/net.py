"""The network of a simulation: requests and streams between processes and the venue's gateway.

A message takes its time, drawn from the seed.  On one connection texts keep their order; those of
different connections overtake each other.  What is on its way when its sender dies still arrives.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.emulator.gateway.gateway import Gateway
from sidecar.emulator.gateway.messages import Frame, HttpReply
from tests.simulation.loop import Incarnation, SimLoop, outside
from tests.simulation.ports import Answer, LinkLostError, StreamEndedError

JSON = "application/json"
NEVER_MS = 10**9


@dataclass
class Weather:
    """How the network is; times are those of the simulation."""

    delay_ms: tuple[int, int] = (5, 80)
    lost_before: float = 0.0
    """Chance that a request is lost on its way there, its connection reset."""
    lost_after: float = 0.0
    """Chance that a reply is lost on its way back, its connection reset."""
    hang: float = 0.0
    """Chance that a connection is half open: the venue hears, the process hears no more."""
    clogged_until_ms: int = 0
    """Nothing moves before that; then all of it does."""
    slow_ms: int = 0
    """Longest additional delay of a message: they overtake each other by that much."""


@dataclass
class Effects:
    """How often each kind met a message."""

    counts: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str) -> None:
        """One more."""
        self.counts[kind] = self.counts.get(kind, 0) + 1


class SimNet:
    """All connections of a simulation."""

    def __init__(self, loop: SimLoop, gateway: Gateway, start_ms: int, rng: random.Random) -> None:
        self.loop, self.gateway, self.start_ms = loop, gateway, start_ms
        self.weather = Weather()
        self.effects = Effects()
        self.seen: list[tuple[int, bytes]] = []
        """Every body that reached `/exchange`, and when."""
        self._rng = rng
        self._streams: dict[int, SimStream] = {}
        self._outside = outside()
        self._pump_at_ms = NEVER_MS**2

    def now_ms(self) -> int:
        """The venue's time."""
        return self.start_ms + round(self.loop.time() * 1_000)

    def at(self, delay_ms: float, work: Callable[[], None]) -> None:
        """Do it after so long, as nobody's process."""
        self.loop.call_later(delay_ms / 1_000, work, context=self._outside)

    def travel_ms(self) -> int:
        """How long a message takes that leaves now."""
        low, high = self.weather.delay_ms
        delay_ms = self._rng.randint(low, high)
        if self.weather.slow_ms:
            self.effects.count("net.slow")
            delay_ms += self._rng.randint(0, self.weather.slow_ms)
        waits_ms = self.weather.clogged_until_ms - self.now_ms()
        if waits_ms > 0:
            self.effects.count("net.clog")
            delay_ms += waits_ms + self._rng.randint(0, 50)
        return delay_ms

    def strikes(self, kind: str) -> bool:
        """Does this trouble meet the message that leaves now?"""
        chance: float = getattr(self.weather, kind)
        if chance and self._rng.random() < chance:
            self.effects.count(f"net.{kind}")
            return True
        return False

    def pump(self) -> None:
        """Let the venue come up to now, and its frames go."""
        self.gateway.advance(self.now_ms())
        self.flush()

    def flush(self) -> None:
        """Frames that the gateway made go on their way, and it is woken when it is due again."""
        for frame in self.gateway.frames():
            stream = self._streams.get(frame.session)
            if stream is not None:
                stream.leave(frame)
        next_ms = self.gateway.next_ms()
        if next_ms < self._pump_at_ms:
            self._pump_at_ms = next_ms
            self.at(max(next_ms - self.now_ms(), 0), self._beat)

    def _beat(self) -> None:
        if self.now_ms() >= self._pump_at_ms:
            self._pump_at_ms = NEVER_MS**2
            self.pump()

    def register(self, session: int, stream: SimStream) -> None:
        """Frames of the session go to the stream."""
        self._streams[session] = stream

    def forget(self, session: int) -> None:
        """The session is over."""
        self._streams.pop(session, None)

    def cut_streams(self) -> int:
        """Every stream breaks; how many there were."""
        streams = list(self._streams.values())
        for stream in streams:
            stream.cut()
        return len(streams)


class ProcessNet:
    """The network as one life of a process has it."""

    def __init__(self, net: SimNet, peer: str, owner: Incarnation) -> None:
        self._net, self._peer, self._owner = net, peer, owner

    async def post(self, path: str, body: bytes, timeout_ms: int) -> Answer:
        """The reply; LinkLostError when it broke, TimeoutError when nothing came in time."""
        # A step of its own, so that a kill between what was before and the first byte is possible.
        await asyncio.sleep(0)
        reply: asyncio.Future[Answer] = self._net.loop.create_future()
        net = self._net

        def arrive() -> None:
            if net.strikes("lost_before"):
                net.at(0, lambda: _fail(reply))
                return
            if path == "/exchange":
                net.seen.append((net.now_ms(), body))
            found = net.gateway.post(net.now_ms(), self._peer, path, JSON, body)
            net.flush()
            self._return(found, reply)

        net.at(net.travel_ms(), arrive)
        async with asyncio.timeout(timeout_ms / 1_000):
            return await reply

    def _return(self, found: HttpReply, reply: asyncio.Future[Answer]) -> None:
        net = self._net
        delay_ms = found.delay_ms + net.travel_ms()
        if net.strikes("hang"):
            return
        if found.is_lost or net.strikes("lost_after"):
            net.at(delay_ms, lambda: _fail(reply))
            return
        answer = Answer(found.status, found.body)
        net.at(delay_ms, lambda: None if reply.done() else reply.set_result(answer))

    async def connect(self) -> SimStream:
        """A new stream; LinkLostError when it is refused or breaks."""
        await asyncio.sleep(0)
        net = self._net
        opened: asyncio.Future[SimStream] = net.loop.create_future()

        def arrive() -> None:
            if net.strikes("lost_before"):
                net.at(0, lambda: _fail(opened))
                return
            found = net.gateway.open(net.now_ms(), self._peer)
            if isinstance(found, HttpReply):
                net.at(net.travel_ms(), lambda: _fail(opened))
                return
            stream = SimStream(net, found, self._owner)
            net.register(found, stream)
            net.flush()
            delay_ms = net.travel_ms()
            net.at(delay_ms, lambda: None if opened.done() else opened.set_result(stream))

        net.at(net.travel_ms(), arrive)
        async with asyncio.timeout(10):
            return await opened


class SimStream:
    """A WebSocket of the simulation."""

    def __init__(self, net: SimNet, session: int, owner: Incarnation) -> None:
        self._net, self._session, self._owner = net, session, owner
        self._coming: deque[Frame] = deque()
        self._inbox: deque[str | None] = deque()
        self._going: deque[str] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._arrives_ms = 0
        self._leaves_ms = 0
        self._is_over = False
        self._is_deaf = False

    async def send(self, text: str) -> None:
        """Hand a text over; StreamEndedError when it has ended."""
        await asyncio.sleep(0)
        if self._is_over:
            raise StreamEndedError
        net = self._net
        self._leaves_ms = max(net.now_ms() + net.travel_ms(), self._leaves_ms)
        self._going.append(text)
        net.at(self._leaves_ms - net.now_ms(), self._reach)

    async def receive(self) -> str:
        """The next text; StreamEndedError when it has ended."""
        while not self._inbox:
            self._waiter = self._net.loop.create_future()
            await self._waiter
        text = self._inbox.popleft()
        if text is None:
            self._is_over = True
            self._inbox.append(None)
            raise StreamEndedError
        return text

    def close(self) -> None:
        """End it from this side."""
        if not self._is_over and not self._owner.is_dead:
            self._is_over = True
            self.hang_up()

    def hang_up(self) -> None:
        """The venue learns, in a while, that nobody is there."""
        self._net.at(self._net.travel_ms(), self._closed)

    def cut(self) -> None:
        """It breaks, for both sides."""
        self._coming.append(Frame(self._session, None, 1006))
        self._net.at(0, self._arrive)
        self._closed()

    def leave(self, frame: Frame) -> None:
        """A frame of the venue goes on its way."""
        net = self._net
        if self._owner.is_dead:
            self.hang_up()
            return
        if self._is_deaf or net.strikes("hang"):
            self._is_deaf = True
            return
        self._arrives_ms = max(net.now_ms() + frame.delay_ms + net.travel_ms(), self._arrives_ms)
        self._coming.append(frame)
        net.at(self._arrives_ms - net.now_ms(), self._arrive)

    def _arrive(self) -> None:
        if not self._coming:
            return
        frame = self._coming.popleft()
        self._inbox.append(frame.text)
        if frame.text is None:
            self._net.forget(self._session)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _reach(self) -> None:
        self._net.gateway.receive(self._net.now_ms(), self._session, self._going.popleft())
        self._net.flush()

    def _closed(self) -> None:
        self._net.gateway.closed(self._net.now_ms(), self._session)
        self._net.forget(self._session)
        self._net.flush()


def _fail(waiting: asyncio.Future[Answer] | asyncio.Future[SimStream]) -> None:
    if not waiting.done():
        waiting.set_exception(LinkLostError())
        waiting.exception()  # looked at: whoever waited may be dead
