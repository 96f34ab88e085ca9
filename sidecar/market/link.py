"""The venue's connections: what is wanted is subscribed on them, whatever breaks.

Each slot of the plan has one task that connects, subscribes all that the slot carries, reads, and
begins again when the connection ends; one user has a slot of its own, since the messages of some
of its streams name nobody.  `watch` says which connection or stream is silent.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from core.ports import LinkLostError, Ports, Stream, StreamEndedError
from core.venue.retry import Patience
from sidecar.market import decode
from sidecar.market.desired import Wanted, plan
from sidecar.market.facts import Acked, Fact, Odd
from sidecar.market.pace import Bucket
from sidecar.market.topics import Topic, parse, subscribe_frame, unsubscribe_frame
from sidecar.market.watch import Watch

PING: Final = '{"method":"ping"}'
BACKOFF: Final = Patience(delay_first_ms=500, delay_ms_max=30_000)
STEADY_MS: Final = 30_000
"""A connection that lasted so long was a good one: after it the first wait is short again."""
CONNECTS: Final = (8, 3_000)
"""Eight at once, then one each three seconds: within 30 new connections in any minute."""
SENDS: Final = (400, 40)
"""Frames: with 1,500 more a minute, within 2,000 in any minute."""
LOOK_MS: Final = 1_000
TURN: Final = 32
"""Messages that a connection may take before others have their turn."""
SUSPICIONS_MAX: Final = 2
"""A subscription that stood first among the unconfirmed at so many breaks is not asked for."""
SHUN_MS: Final = 600_000
ODD_MAX: Final = 30
ODD_WINDOW_MS: Final = 60_000
"""More unusable messages than that in a minute, and the connection is made anew."""


class Listener(Protocol):
    """Who hears what the connections bring."""

    def heard(self, facts: list[Fact], seen_ms: int) -> None:
        """Facts of one message."""
        ...

    def connected(self, user: str | None) -> None:
        """A connection stands and all it carries was asked for."""
        ...

    def broke(self, topics: list[Topic]) -> None:
        """A connection that carried these ended without our doing."""
        ...


@dataclass
class Slot:
    """A connection as it is wanted, and as it is."""

    user: str | None
    topics: list[Topic] = field(default_factory=list)
    number: int | None = None
    """The connection's number while it stands."""
    pending: list[Topic] = field(default_factory=list)
    """Asked for and not confirmed, in the order of asking."""
    outbox: deque[str] = field(default_factory=deque)
    has_mail: asyncio.Event = field(default_factory=asyncio.Event)
    stream: Stream | None = None
    readers: list[asyncio.Task[Any]] = field(default_factory=list)
    task: asyncio.Task[Any] | None = None
    since_ms: int = 0
    connects: int = 0
    breaks: int = 0
    last_end: str = ""
    odd_ms: deque[int] = field(default_factory=lambda: deque(maxlen=ODD_MAX))

    def send(self, text: str) -> None:
        """Put a text into the outbox."""
        self.outbox.append(text)
        self.has_mail.set()


class Links:
    """All connections of the sidecar."""

    def __init__(
        self, ports: Ports, watch: Watch, listener: Listener, now_ms: Callable[[], int]
    ) -> None:
        self.slots: list[Slot] = []
        self.counts: dict[str, int] = {}
        self._ports, self._watch, self._listener, self._now_ms = ports, watch, listener, now_ms
        self._numbers: Iterator[int] = itertools.count(1)
        self._connects, self._sends = Bucket(*CONNECTS), Bucket(*SENDS)
        self._suspicions: dict[Topic, int] = {}
        self._shunned: dict[Topic, int] = {}
        self._proven: dict[Topic, None] = {}
        """Streams that the venue has confirmed: it knows their names."""

    def want(self, wanted: Wanted) -> None:
        """Carry that and nothing else from now on."""
        diffs = plan(wanted, [tuple(slot.topics) for slot in self.slots])
        kept = []
        for slot, diff in itertools.zip_longest(self.slots, diffs):
            if diff is None or diff.is_surplus:
                if slot is not None:
                    self._drop(slot)
                continue
            held = slot
            if held is None or (held.user != diff.user and held.topics):
                if held is not None:
                    self._drop(held)
                held = Slot(diff.user)
            held.user = diff.user
            self._change(held, list(diff.subscribe), list(diff.unsubscribe))
            kept.append(held)
            if held.task is None:
                held.task = self._ports.spawn(self._live(held), "connection")
        self.slots = kept

    def shunned(self) -> list[Topic]:
        """Subscriptions that broke their connection and are left out for a while."""
        return list(self._shunned)

    async def look(self) -> None:
        """Act on what the watch says, each second, for ever."""
        while True:
            await self._ports.clock.sleep_ms(LOOK_MS)
            self._forgive()
            by_number = {slot.number: slot for slot in self.slots if slot.number is not None}
            for verdict in self._watch.due(self._now_ms()):
                slot = by_number.get(verdict.connection)
                if slot is None:
                    continue
                self._count(verdict.action)
                if verdict.action == "ping":
                    slot.send(PING)
                elif verdict.action == "reconnect":
                    self._cut(slot, verdict.reason)
                elif verdict.topic is not None and verdict.topic in slot.topics:
                    self._ask_again(slot, verdict.topic)

    def close(self) -> None:
        """End all connections."""
        for slot in self.slots:
            self._drop(slot)
        self.slots = []

    def _change(self, slot: Slot, more: list[Topic], fewer: list[Topic]) -> None:
        gone = set(fewer)
        slot.topics = [topic for topic in slot.topics if topic not in gone] + more
        if slot.number is None:
            return
        for topic in fewer:
            self._proven.pop(topic, None)
            slot.send(unsubscribe_frame(topic))
            self._watch.unsubscribing(slot.number, topic, self._now_ms())
            if topic in slot.pending:
                slot.pending.remove(topic)
        for topic in more:
            self._subscribe(slot, topic)

    def _subscribe(self, slot: Slot, topic: Topic) -> None:
        if topic in self._shunned or slot.number is None:
            return
        slot.send(subscribe_frame(topic))
        slot.pending.append(topic)
        self._watch.subscribing(slot.number, topic, self._now_ms())

    def _ask_again(self, slot: Slot, topic: Topic) -> None:
        # A stream that is mute is on as far as the venue knows: end it before it is asked for.
        slot.send(unsubscribe_frame(topic))
        if topic in slot.pending:
            slot.pending.remove(topic)
        self._subscribe(slot, topic)

    def _drop(self, slot: Slot) -> None:
        """End a connection for good."""
        slot.topics = []
        if slot.number is not None:
            self._watch.closed(slot.number)
            slot.number = None
        if slot.stream is not None:
            slot.stream.close()
        for task in [*slot.readers, slot.task]:
            if task is not None:
                task.cancel()

    def _cut(self, slot: Slot, reason: str) -> None:
        """End a connection that is to be made anew."""
        slot.last_end = reason
        for task in slot.readers:
            task.cancel()

    async def _live(self, slot: Slot) -> None:
        """Connect, carry, and begin again, until the slot is dropped."""
        failures = 0
        while True:
            await self._ports.clock.sleep_ms(self._connects.wait_ms(self._now_ms()))
            began_ms = self._now_ms()
            try:
                stream = await self._ports.net.connect()
            except (LinkLostError, TimeoutError) as error:
                slot.last_end = f"not connected: {error}"
                self._count("connect failed")
            else:
                await self._carry(slot, stream)
                if self._now_ms() - began_ms >= STEADY_MS:
                    failures = 0
            failures += 1
            await self._ports.clock.sleep_ms(BACKOFF.delay_ms(failures, self._ports.rng.random()))

    async def _carry(self, slot: Slot, stream: Stream) -> None:
        """Subscribe all that the slot carries and read until the connection ends."""
        number = next(self._numbers)
        slot.stream, slot.number, slot.since_ms = stream, number, self._now_ms()
        slot.connects += 1
        slot.last_end = ""
        slot.outbox.clear()
        slot.pending.clear()
        slot.odd_ms.clear()
        self._watch.opened(number, slot.since_ms)
        # Who may have broken the last connection comes last, so that it stands alone if it does.
        for topic in sorted(slot.topics, key=lambda topic: self._suspicions.get(topic, 0)):
            self._subscribe(slot, topic)
        slot.readers = [
            self._ports.spawn(self._read(slot, stream, number), "reader"),
            self._ports.spawn(self._write(slot, stream), "writer"),
        ]
        self._listener.connected(slot.user)
        try:
            await asyncio.wait(slot.readers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in slot.readers:
                task.cancel()
            stream.close()
            slot.stream = None
            if slot.number == number:
                slot.number = None
                self._watch.closed(number)
        slot.breaks += 1
        self._count("connection ended")
        self._suspect(slot)
        self._listener.broke(list(slot.topics))

    def _suspect(self, slot: Slot) -> None:
        """Note which subscription the venue may have ended the connection for.

        An unknown name ends it without a word.  Confirmations come in the order of asking, so the
        one that stands first among the unconfirmed is the likely one.
        """
        if not slot.pending or slot.last_end != "ended":
            return
        topic = slot.pending[0]
        if topic.symbol is None or topic in self._proven:
            # Only a symbol can be unknown to it.
            return
        count = self._suspicions[topic] = self._suspicions.get(topic, 0) + 1
        if count >= SUSPICIONS_MAX:
            self._shunned[topic] = self._now_ms()
            self._suspicions.pop(topic)
            self._count("shunned")

    def _forgive(self) -> None:
        """Ask again for what was left out for long enough."""
        now_ms = self._now_ms()
        over = [
            topic for topic, at_ms in self._shunned.items() if not 0 <= now_ms - at_ms < SHUN_MS
        ]
        for topic in over:
            del self._shunned[topic]
            for slot in self.slots:
                if topic in slot.topics:
                    self._subscribe(slot, topic)

    async def _write(self, slot: Slot, stream: Stream) -> None:
        try:
            while True:
                while slot.outbox:
                    text = slot.outbox.popleft()
                    wait_ms = self._sends.wait_ms(self._now_ms())
                    if wait_ms:
                        await self._ports.clock.sleep_ms(wait_ms)
                    await stream.send(text)
                slot.has_mail.clear()
                await slot.has_mail.wait()
        except StreamEndedError:
            slot.last_end = slot.last_end or "ended"

    async def _read(self, slot: Slot, stream: Stream, number: int) -> None:
        watch, heard, now = self._watch, self._listener.heard, self._now_ms
        count = 0
        try:
            while True:
                raw = await stream.receive()
                count += 1
                if count % TURN == 0:
                    # Messages that are there already are given without a pause: others wait too.
                    await asyncio.sleep(0)
                seen_ms = now()
                facts = decode.facts(raw, seen_ms, slot.user)
                for fact in facts:
                    watch.heard(number, fact, seen_ms)
                    if isinstance(fact, (Acked, Odd)):
                        self._note(slot, fact, seen_ms)
                heard(facts, seen_ms)
        except StreamEndedError:
            slot.last_end = slot.last_end or "ended"

    def _note(self, slot: Slot, fact: Acked | Odd, seen_ms: int) -> None:
        if isinstance(fact, Odd):
            self._count("odd messages")
            slot.odd_ms.append(seen_ms)
            if len(slot.odd_ms) == ODD_MAX and seen_ms - slot.odd_ms[0] < ODD_WINDOW_MS:
                self._cut(slot, "too many unusable messages")
            return
        topic = parse(fact.topic)
        if fact.is_on and topic is not None:
            self._suspicions.pop(topic, None)
            self._proven[topic] = None
            if topic in slot.pending:
                slot.pending.remove(topic)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
