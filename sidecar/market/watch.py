"""Which sockets and streams are silent, and what to do.  Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple

from msgspec import Struct

from sidecar.market.facts import Fact
from sidecar.market.topics import Topic

Action = Literal["ping", "reconnect", "resubscribe"]


class WatchPolicy(Struct, frozen=True):
    """Silences and patience."""

    ping_ms: int = 15_000
    silence_ms: int = 40_000
    ack_ms: int = 10_000
    mute_ms: int = 20_000
    tries_max: int = 3
    jump_ms: int = 10_000


class Verdict(NamedTuple):
    """What to do about a connection, or one stream of it, and why."""

    action: Action
    connection: int
    topic: Topic | None
    reason: str


class Watch:
    """What was heard of which connection and stream, and when."""

    def __init__(self, policy: WatchPolicy | None = None) -> None:
        self.counts: dict[str, int] = {}

    def opened(self, connection: int, now_ms: int) -> None:
        """A connection stands; its number is never used again."""
        raise NotImplementedError

    def closed(self, connection: int) -> None:
        """It is gone, and its streams with it."""
        raise NotImplementedError

    def subscribing(self, connection: int, topic: Topic, now_ms: int) -> None:
        """The frame that asks for the stream was sent."""
        raise NotImplementedError

    def unsubscribing(self, connection: int, topic: Topic, now_ms: int) -> None:
        """The frame that ends the stream was sent."""
        raise NotImplementedError

    def heard(self, connection: int, fact: Fact, now_ms: int) -> None:
        """A fact came; also acknowledgements and pongs."""
        raise NotImplementedError

    def missed(self, topic: Topic, now_ms: int) -> None:
        """There is proof elsewhere that the stream should have spoken, such as a bar by REST."""
        raise NotImplementedError

    def due(self, now_ms: int) -> list[Verdict]:
        """What to do now; call it about each second."""
        raise NotImplementedError

    def stale(self) -> list[Topic]:
        """Streams that are not to be trusted: not acknowledged, or mute while others move."""
        raise NotImplementedError

    def topics(self, connection: int) -> list[Topic]:
        """What the connection was asked for, acknowledged or not."""
        raise NotImplementedError
