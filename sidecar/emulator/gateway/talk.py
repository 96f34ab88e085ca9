"""What a session says: subscribe, unsubscribe, ping, post."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from sidecar.emulator.faults.sights import Sight
from sidecar.emulator.gateway.cadence import CHANGES_ONLY, Cadence
from sidecar.emulator.gateway.calls import Caller, Calls, Venue
from sidecar.emulator.gateway.limits import (
    MESSAGES_PER_MINUTE,
    SUBSCRIPTIONS_MAX,
    USERS_MAX,
)
from sidecar.emulator.gateway.messages import HttpReply
from sidecar.emulator.gateway.sessions import Session
from sidecar.emulator.gateway.snapshots import first
from sidecar.emulator.gateway.streams import CHANNELS, CUT, TOO_BIG, Streams
from sidecar.emulator.gateway.subscriptions import Topic, is_served, repeated, topic_of
from sidecar.emulator.wire import frames

TEXT_CHARS_MAX: Final = 1_048_576
"""A longer text ends the session."""
POST_ID_MAX: Final = (1 << 64) - 1
LOST_POST_MS: Final = 60_000
"""A post whose answer is lost counts as in flight for so long."""
NOT_A_REQUEST: Final = "Error parsing JSON into valid websocket request: "


class PostRequest(Struct):
    """What is posted."""

    type: Literal["info", "action"]
    payload: msgspec.Raw


class Subscribe(Struct, tag_field="method", tag="subscribe"):
    """Hear a stream."""

    subscription: dict[str, Any]


class Unsubscribe(Struct, tag_field="method", tag="unsubscribe"):
    """Hear it no longer."""

    subscription: dict[str, Any]


class Post(Struct, tag_field="method", tag="post"):
    """A question or an action, to be answered under its number."""

    id: int
    request: PostRequest


class Ping(Struct, tag_field="method", tag="ping"):
    """A sign of life, to be answered."""


class Talk:
    """Takes the texts of sessions and answers them."""

    def __init__(self, venue: Venue, streams: Streams, cadence: Cadence, calls: Calls) -> None:
        self._venue = venue
        self._streams = streams
        self._cadence = cadence
        self._calls = calls
        self._decoder = msgspec.json.Decoder(Subscribe | Unsubscribe | Post | Ping)

    def take(self, session: Session, text: str) -> None:
        """Answer one text."""
        now_ms = self._venue.now_ms
        if len(text) > TEXT_CHARS_MAX:
            self._streams.close(session.number, TOO_BIG)
            return
        if self._limits_on():
            if not session.peer.may_send(now_ms):
                self._complain(
                    session, f"Cannot send more than {MESSAGES_PER_MINUTE} messages per minute."
                )
                return
            session.peer.messages.add(now_ms, 1)
        try:
            said = self._decoder.decode(text)
        except (msgspec.DecodeError, RecursionError):
            self._complain(session, NOT_A_REQUEST + text)
            return
        if isinstance(said, Post) and not 0 <= said.id <= POST_ID_MAX:
            self._complain(session, NOT_A_REQUEST + text)
        elif isinstance(said, Ping):
            self._streams.tell(now_ms, session, "pong", frames.PONG)
        elif isinstance(said, Post):
            self._post(session, said)
        else:
            topic = topic_of(said.subscription)
            if topic is None:
                self._complain(session, NOT_A_REQUEST + text)
            elif isinstance(said, Subscribe):
                self._subscribe(session, topic, repeated(topic, said.subscription))
            else:
                self._unsubscribe(session, topic, repeated(topic, said.subscription))

    def _subscribe(self, session: Session, topic: Topic, asked: dict[str, Any]) -> None:
        if not is_served(topic, self._venue.state):
            self._streams.close(session.number, CUT)
            return
        if topic in session.topics or _other_speed(topic, session):
            self._complain(session, f"Already subscribed: {_shown(asked)}")
            return
        over = self._over_limit(session, topic)
        if over:
            self._complain(session, over)
            return
        if self._venue.plane.touches_frames:
            sight = Sight(
                session.number,
                CHANNELS.get(topic.kind, topic.kind),
                user=topic.user or None,
                coin=topic.coin or None,
            )
            denied = self._venue.plane.on_subscribe(self._venue.now_ms, sight)
            if denied is not None:
                if denied.text is not None:
                    self._complain(session, denied.text)
                return
        self._acknowledge(session, "subscribe", asked)
        self._streams.sessions.subscribe(session, topic)
        if topic.kind in CHANGES_ONLY:
            others = len(self._streams.sessions.listeners(topic)) - 1
            text = self._cadence.begun(topic, is_alone=not others)
        else:
            text = first(self._venue, topic)
        if text is not None:
            self._streams.begin(self._venue.now_ms, session, topic, text)

    def _unsubscribe(self, session: Session, topic: Topic, asked: dict[str, Any]) -> None:
        if topic not in session.topics:
            self._complain(session, f"Already unsubscribed: {_shown(asked)}")
            return
        self._streams.sessions.unsubscribe(session, topic)
        self._acknowledge(session, "unsubscribe", asked)

    def _over_limit(self, session: Session, topic: Topic) -> str | None:
        """The venue's words when a subscription is one too many."""
        if not self._limits_on():
            return None
        if session.peer.subscriptions >= SUBSCRIPTIONS_MAX:
            return f"Cannot subscribe to more than {SUBSCRIPTIONS_MAX} channels."
        if topic.user and not session.peer.may_follow(topic.user):
            return f"Cannot track more than {USERS_MAX} total users."
        return None

    def _post(self, session: Session, post: Post) -> None:
        peer, now_ms = session.peer, self._venue.now_ms
        if self._limits_on() and not peer.may_post(now_ms):
            self._complain(session, f"too many pending post requests id={post.id}")
            return
        caller = Caller(session.address, peer, session.number)
        body = bytes(post.request.payload)
        if post.request.type == "action":
            reply = self._calls.exchange(caller, body)
            text = frames.post_action(post.id, reply.body) if reply.status == DONE else ""
        else:
            reply, kind = self._calls.info(caller, body)
            text = frames.post_info(post.id, kind, reply.body) if reply.status == DONE else ""
        in_flight_ms = LOST_POST_MS if reply.is_lost else reply.delay_ms
        if in_flight_ms and self._limits_on():
            peer.posts.append(now_ms + in_flight_ms)
        if reply.is_lost:
            return
        text = text or frames.post_error(post.id, _reason(reply))
        self._streams.answer(now_ms, session, "post", text, reply.delay_ms)

    def _acknowledge(self, session: Session, method: str, asked: dict[str, Any]) -> None:
        text = frames.ack(method, asked)
        self._streams.tell(self._venue.now_ms, session, "subscriptionResponse", text)

    def _complain(self, session: Session, text: str) -> None:
        self._streams.tell(self._venue.now_ms, session, "error", frames.error(text))

    def _limits_on(self) -> bool:
        return self._venue.state.rules.limits_on


DONE: Final = 200


def _other_speed(topic: Topic, session: Session) -> bool:
    """Does the session hear the book of the coin at the other speed?

    Both come on one channel with the same coin; nobody could tell them apart.
    """
    return topic.kind == "l2Book" and any(
        heard.kind == "l2Book" and heard.coin == topic.coin and heard.fast != topic.fast
        for heard in session.topics
    )


def _shown(asked: dict[str, Any]) -> str:
    return msgspec.json.encode(frames.filled(asked)).decode()


def _reason(reply: HttpReply) -> str:
    return f"{reply.status} {reply.body.decode(errors='replace')}"
