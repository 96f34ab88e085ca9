"""Who is connected, and who hears what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sidecar.emulator.gateway.limits import Peer
from sidecar.emulator.gateway.subscriptions import Topic

NOBODY: Final[dict[str, dict[Topic, dict[int, None]]]] = {}
NO_TOPICS: Final[dict[Topic, dict[int, None]]] = {}


@dataclass
class Session:
    """One WebSocket."""

    number: int
    address: str
    peer: Peer
    sent_ms: int
    """When the server last sent it something."""
    topics: dict[Topic, None] = field(default_factory=dict)


class Sessions:
    """All sessions by number, and the sessions of each stream; both in the order of arrival."""

    def __init__(self) -> None:
        self.open: dict[int, Session] = {}
        self._listeners: dict[str, dict[str, dict[Topic, dict[int, None]]]] = {}
        self._next = 1

    def add(self, address: str, peer: Peer, now_ms: int) -> Session:
        """A new session."""
        session = Session(self._next, address, peer, sent_ms=now_ms)
        self._next += 1
        self.open[session.number] = session
        peer.sessions += 1
        peer.opened.add(now_ms, 1)
        return session

    def remove(self, number: int) -> Session | None:
        """Forget a session and its subscriptions; None when there is no such session."""
        session = self.open.get(number)
        if session is None:
            return None
        for topic in list(session.topics):
            self.unsubscribe(session, topic)
        session.peer.sessions -= 1
        return self.open.pop(number)

    def subscribe(self, session: Session, topic: Topic) -> None:
        """The session hears the stream from now on; it must not hear it already."""
        assert topic not in session.topics, topic
        session.topics[topic] = None
        session.peer.follow(topic.user)
        subjects = self._listeners.setdefault(topic.stream, {})
        subjects.setdefault(topic.subject, {}).setdefault(topic, {})[session.number] = None

    def unsubscribe(self, session: Session, topic: Topic) -> None:
        """The session no longer hears the stream, which it must hear."""
        del session.topics[topic]
        session.peer.leave(topic.user)
        subjects = self._listeners[topic.stream]
        topics = subjects[topic.subject]
        del topics[topic][session.number]
        # What nobody listens to must leave no trace, or it would still be computed.
        if not topics[topic]:
            del topics[topic]
        if not topics:
            del subjects[topic.subject]
        if not subjects:
            del self._listeners[topic.stream]

    @property
    def are_heard(self) -> bool:
        """Does anyone listen to anything?"""
        return bool(self._listeners)

    def hears(self, stream: str) -> bool:
        """Does anyone listen to a stream of this kind?"""
        return stream in self._listeners

    def topics(self, stream: str, subject: str) -> dict[Topic, dict[int, None]]:
        """Streams of a kind about a coin or user, each with its sessions."""
        return self._listeners.get(stream, NOBODY).get(subject, NO_TOPICS)

    def listeners(self, topic: Topic) -> dict[int, None]:
        """The sessions that hear a stream."""
        return self.topics(topic.stream, topic.subject).get(topic, {})

    def all_topics(self, stream: str) -> list[tuple[Topic, dict[int, None]]]:
        """Every stream of a kind that someone hears, with its sessions."""
        subjects = self._listeners.get(stream, NOBODY)
        return [pair for topics in subjects.values() for pair in topics.items()]
