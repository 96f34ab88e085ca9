"""Which sockets and streams are silent, and what to do.  Pure.

A socket that says nothing is asked by a ping, then given up.  A stream that says nothing may have
nothing to say: it is mute when others prove that it should have spoken.  Mid prices that move prove
it of the symbol's quote and context, a day's volume that grows of its candles and trades.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from msgspec import Struct

from sidecar.market import topics as names
from sidecar.market.facts import (
    Acked,
    Bbo,
    Candle,
    Context,
    Fact,
    Mids,
    Trade,
    UserEvent,
    VenueError,
)
from sidecar.market.topics import Topic

Action = Literal["ping", "reconnect", "resubscribe"]
TOPICS_KEPT: Final = 2_000
MUTE_DOUBLINGS: Final = 3
CHANNEL_OF_KIND: Final = {
    "fill": "userFills",
    "order": "orderUpdates",
    "funding": "userFundings",
    "ledger": "userNonFundingLedgerUpdates",
}


class WatchPolicy(Struct, frozen=True):
    """Silences and patience."""

    ping_ms: int = 15_000
    """A socket that was silent for so long is pinged; the venue hangs up after 60 s."""
    silence_ms: int = 40_000
    ack_ms: int = 10_000
    mute_ms: int = 20_000
    """A stream that should have spoken is mute after so long."""
    proofs: int = 2
    mids_ms: int = 30_000
    """`allMids` speaks every 5 s, whatever happens."""
    tries_max: int = 3
    """Resubscriptions before the connection is given up."""
    errors_max: int = 20
    """Complaints and unusable messages in a minute that a connection may make."""
    pardon_ms: int = 900_000
    """A connection is not given up for the same stream again before that."""
    jump_ms: int = 10_000
    """Time that passes between two looks without a jump of the clock."""


class Verdict(NamedTuple):
    """What to do about a connection, or one stream of it, and why."""

    action: Action
    connection: int
    topic: Topic | None
    reason: str


class _Stream:
    """One subscription."""

    __slots__ = (
        "ack_tries", "asked_ms", "heard_ms", "is_acked", "is_leaving", "mute_tries", "proofs"
    )  # fmt: skip

    def __init__(self, now_ms: int) -> None:
        self.asked_ms = now_ms
        self.heard_ms = now_ms
        self.is_acked = False
        self.is_leaving = False
        self.proofs = 0
        self.ack_tries = 0
        self.mute_tries = 0


class _Line:
    """One connection."""

    __slots__ = ("bad_count", "bad_since_ms", "heard_ms", "pinged_ms", "streams")

    def __init__(self, now_ms: int) -> None:
        self.heard_ms = now_ms
        self.pinged_ms = now_ms
        self.bad_count = 0
        self.bad_since_ms = now_ms
        self.streams: dict[Topic, _Stream] = {}


class Watch:
    """What was heard of which connection and stream, and when."""

    def __init__(self, policy: WatchPolicy | None = None) -> None:
        self.counts: dict[str, int] = {}
        """Verdicts by reason."""
        self.jumped_ms = 0
        """How far the clock was set at the last look; 0 when it was not."""
        self._policy = policy or WatchPolicy()
        self._lines: dict[int, _Line] = {}
        self._looked_ms: int | None = None
        self._mids: dict[str, float] = {}
        self._volumes: dict[str, float] = {}
        self._given_up_ms: dict[Topic, int] = {}
        self._of_symbol: dict[str, dict[Topic, _Stream]] = {}

    def opened(self, connection: int, now_ms: int) -> None:
        """A connection stands; its number is never used again."""
        self._lines[connection] = _Line(now_ms)

    def closed(self, connection: int) -> None:
        """It is gone, and its streams with it."""
        line = self._lines.pop(connection, None)
        for topic, stream in line.streams.items() if line else ():
            self._unlink(topic, stream)

    def subscribing(self, connection: int, topic: Topic, now_ms: int) -> None:
        """The frame that asks for the stream was sent."""
        line = self._lines[connection]
        stream = line.streams.get(topic)
        if stream is None:
            stream = line.streams[topic] = _Stream(now_ms)
            if topic.symbol is not None:
                self._of_symbol.setdefault(topic.symbol, {})[topic] = stream
            return
        stream.asked_ms = stream.heard_ms = now_ms
        stream.is_acked = stream.is_leaving = False
        stream.proofs = 0

    def unsubscribing(self, connection: int, topic: Topic, now_ms: int) -> None:
        """The frame that ends the stream was sent; `subscribing` after it asks anew."""
        stream = self._lines[connection].streams.get(topic)
        if stream is not None:
            stream.is_leaving = True
            stream.asked_ms = now_ms

    def heard(self, connection: int, fact: Fact, now_ms: int) -> None:
        """A fact came; also acknowledgements and pongs."""
        line = self._lines.get(connection)
        if line is None:
            return
        line.heard_ms = now_ms
        kind = type(fact)
        if kind is Bbo:
            self._spoke(line, Topic("bbo", fact.symbol), now_ms)  # type: ignore[union-attr]
            return
        match fact:
            case Acked():
                self._acked(line, fact, now_ms)
            case Mids():
                self._heard_mids(line, fact, now_ms)
            case Candle():
                self._spoke(line, Topic("candle", fact.symbol, fact.interval), now_ms)
            case Trade():
                self._spoke(line, Topic("trades", fact.symbol), now_ms)
            case Context():
                self._heard_context(line, fact, now_ms)
            case UserEvent():
                topic = Topic(CHANNEL_OF_KIND[fact.kind], user=fact.user)
                self._spoke(line, topic, now_ms)
            case VenueError():
                self.unusable(connection, now_ms)

    def unusable(self, connection: int, now_ms: int) -> None:
        """A message that nobody can use came: many of them, and the connection is given up."""
        line = self._lines.get(connection)
        if line is not None:
            line.heard_ms = now_ms
            if now_ms - line.bad_since_ms > 60_000:
                line.bad_since_ms, line.bad_count = now_ms, 0
            line.bad_count += 1

    def missed(self, topic: Topic, now_ms: int) -> None:
        """There is proof elsewhere that the stream should have spoken, such as a bar by REST."""
        for line in self._lines.values():
            stream = line.streams.get(topic)
            # A proof may be as old as what was heard last: it counts half of what is needed.
            if stream is not None and now_ms > stream.heard_ms:
                stream.proofs += 1

    def due(self, now_ms: int) -> list[Verdict]:
        """What to do now; call it about each second."""
        self._follow_clock(now_ms)
        found: list[Verdict] = []
        for number, line in self._lines.items():
            found += self._look(number, line, now_ms)
        for verdict in found:
            if verdict.action != "ping":
                self.counts[verdict.reason] = self.counts.get(verdict.reason, 0) + 1
        return found

    def stale(self) -> list[Topic]:
        """Streams that are not to be trusted: not acknowledged, or mute while others move."""
        return [
            topic
            for line in self._lines.values()
            for topic, stream in line.streams.items()
            if not stream.is_leaving and (not stream.is_acked or self._is_suspect(stream))
        ]

    def topics(self, connection: int) -> list[Topic]:
        """What the connection was asked for, acknowledged or not."""
        line = self._lines.get(connection)
        if line is None:
            return []
        return [topic for topic, stream in line.streams.items() if not stream.is_leaving]

    def silent_ms(self, connection: int, now_ms: int) -> int:
        """How long the connection has said nothing."""
        line = self._lines.get(connection)
        return 0 if line is None else max(0, now_ms - line.heard_ms)

    def heard_ms(self, topic: Topic) -> int | None:
        """When the stream spoke last, or was asked for; None when it is not."""
        found = [
            line.streams[topic].heard_ms for line in self._lines.values() if topic in line.streams
        ]
        return max(found) if found else None

    def _is_suspect(self, stream: _Stream) -> bool:
        return stream.mute_tries > 0 or stream.proofs >= self._policy.proofs

    def _unlink(self, topic: Topic, stream: _Stream) -> None:
        if topic.symbol is None:
            return
        known = self._of_symbol.get(topic.symbol, {})
        if known.get(topic) is stream:
            del known[topic]
            if not known:
                del self._of_symbol[topic.symbol]

    def _spoke(self, line: _Line, topic: Topic, now_ms: int) -> None:
        stream = line.streams.get(topic)
        if stream is not None:
            stream.heard_ms = now_ms
            stream.proofs = 0
            stream.ack_tries = stream.mute_tries = 0
            # Who speaks was subscribed, even when the word of it was lost.
            stream.is_acked = True

    def _acked(self, line: _Line, fact: Acked, now_ms: int) -> None:
        topic = names.parse(fact.topic)
        stream = None if topic is None else line.streams.get(topic)
        if topic is None or stream is None:
            return
        if fact.is_on:
            stream.is_acked = True
            stream.ack_tries = 0
            stream.heard_ms = now_ms
        elif stream.is_leaving:
            del line.streams[topic]
            self._unlink(topic, stream)

    def _heard_mids(self, line: _Line, fact: Mids, now_ms: int) -> None:
        dexs = {name.partition(":")[0] if ":" in name else None for name in fact.mids}
        if len(dexs) == 1:
            self._spoke(line, Topic("allMids", dexs.pop()), now_ms)
        for symbol, px in fact.mids.items():
            if symbol in self._of_symbol and self._mids.get(symbol, px) != px:
                self._prove(symbol, ("bbo", "activeAssetCtx"), now_ms)
            self._mids[symbol] = px

    def _heard_context(self, line: _Line, fact: Context, now_ms: int) -> None:
        self._spoke(line, Topic("activeAssetCtx", fact.symbol), now_ms)
        before = self._volumes.get(fact.symbol, fact.day_notional_usd)
        self._volumes[fact.symbol] = fact.day_notional_usd
        if fact.day_notional_usd > before:
            self._prove(fact.symbol, ("candle", "trades"), now_ms)

    def _prove(self, symbol: str, channels: tuple[str, str], now_ms: int) -> None:
        for topic, stream in self._of_symbol.get(symbol, {}).items():
            if topic.channel in channels and now_ms > stream.heard_ms:
                stream.proofs += 1

    def _follow_clock(self, now_ms: int) -> None:
        """A clock that was set, or a process that slept, makes nobody silent."""
        before = self._looked_ms
        self._looked_ms = now_ms
        self.jumped_ms = 0
        if before is None or 0 <= now_ms - before <= self._policy.jump_ms:
            return
        self.jumped_ms = now_ms - before
        for line in self._lines.values():
            line.heard_ms += self.jumped_ms
            line.pinged_ms += self.jumped_ms
            line.bad_since_ms += self.jumped_ms
            for stream in line.streams.values():
                stream.asked_ms += self.jumped_ms
                stream.heard_ms += self.jumped_ms

    def _look(self, number: int, line: _Line, now_ms: int) -> list[Verdict]:
        policy = self._policy
        silent_ms = now_ms - line.heard_ms
        if silent_ms >= policy.silence_ms:
            return [Verdict("reconnect", number, None, "silent")]
        if line.bad_count > policy.errors_max:
            return [Verdict("reconnect", number, None, "unusable messages")]
        found: list[Verdict] = []
        if now_ms - line.pinged_ms >= policy.ping_ms:
            line.pinged_ms = now_ms
            found.append(Verdict("ping", number, None, "keep-alive"))
        for topic, stream in line.streams.items():
            reason = self._trouble(topic, stream, now_ms)
            if not reason:
                continue
            if self._is_hopeless(topic, stream, now_ms):
                return [Verdict("reconnect", number, topic, reason)]
            if reason == "mute":
                stream.mute_tries += 1
            else:
                stream.ack_tries += 1
            # The next look at it comes after a while, also if nobody acts.
            stream.asked_ms = stream.heard_ms = now_ms
            stream.proofs = 0
            found.append(Verdict("resubscribe", number, topic, reason))
        return found

    def _is_hopeless(self, topic: Topic, stream: _Stream, now_ms: int) -> bool:
        """Whether the whole connection goes for one stream: not for the same one again soon."""
        policy = self._policy
        if max(stream.ack_tries, stream.mute_tries) < policy.tries_max:
            return False
        before_ms = self._given_up_ms.get(topic)
        if before_ms is not None and 0 <= now_ms - before_ms < policy.pardon_ms:
            return False
        if len(self._given_up_ms) >= TOPICS_KEPT:
            self._given_up_ms.clear()
        self._given_up_ms[topic] = now_ms
        return True

    def _trouble(self, topic: Topic, stream: _Stream, now_ms: int) -> str:
        """What is wrong with a stream; empty when nothing is."""
        policy = self._policy
        if stream.is_leaving:
            return ""
        if not stream.is_acked:
            return "not acknowledged" if now_ms - stream.asked_ms >= policy.ack_ms else ""
        # Asking again and again would not help; the pause grows with each time.
        silent_ms = (now_ms - stream.heard_ms) >> min(stream.mute_tries, MUTE_DOUBLINGS)
        if topic.channel == "allMids":
            return "mute" if silent_ms >= policy.mids_ms else ""
        return "mute" if stream.proofs >= policy.proofs and silent_ms >= policy.mute_ms else ""
