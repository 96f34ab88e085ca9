"""What leaves for the sessions, past the faults of the plane."""

from __future__ import annotations

from typing import Final, Protocol

from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.faults.sights import Sight
from sidecar.emulator.gateway.messages import Frame
from sidecar.emulator.gateway.sessions import Session, Sessions
from sidecar.emulator.gateway.subscriptions import Topic

SILENCE_MS: Final = 60_000
"""A session to which nothing was sent for so long is closed."""
NORMAL_CLOSURE: Final = 1000
TOO_BIG: Final = 1009
CUT: Final = 1006
"""No closing handshake: the connection is cut."""
NEVER_MS: Final = 1 << 62
CHANNELS: Final = {"userEvents": "user"}
"""Channels that are not called like the subscription."""


class Owner(Protocol):
    """Who has the plane of faults, which a restart replaces."""

    @property
    def plane(self) -> Plane:
        """The faults in force."""
        ...


class Streams:
    """Frames on their way out, in order; every text is made once, however many hear it."""

    def __init__(self, owner: Owner) -> None:
        self.sessions = Sessions()
        self._owner = owner
        self._frames: list[Frame] = []
        self._limit_ms = SILENCE_MS
        self._silent_ms = NEVER_MS
        """No session can have been silent for too long before this."""

    def taken(self) -> list[Frame]:
        """All frames since the last call."""
        frames, self._frames = self._frames, []
        return frames

    def opened(self, session: Session) -> None:
        """A session began."""
        self._silent_ms = min(self._silent_ms, session.sent_ms + self._limit_ms)
        self._owner.plane.opened(session.sent_ms, session.number)

    def tell(self, now_ms: int, session: Session, channel: str, text: str) -> None:
        """Send one session something that is no stream."""
        self.answer(now_ms, session, channel, text, 0)

    def answer(self, now_ms: int, session: Session, channel: str, text: str, delay_ms: int) -> None:
        """The same, so much later."""
        if self._owner.plane.touches_frames:
            self._past_plane(now_ms, Sight(session.number, channel, text), delay_ms)
        else:
            session.sent_ms = now_ms
            self._frames.append(Frame(session.number, text, None, delay_ms))

    def begin(self, now_ms: int, session: Session, topic: Topic, text: str) -> None:
        """Send one session the first text of a stream."""
        if self._owner.plane.touches_frames:
            self._past_plane(now_ms, _sight(session.number, topic, text, is_snapshot=True), 0)
        else:
            session.sent_ms = now_ms
            self._frames.append(Frame(session.number, text))

    def spread(self, now_ms: int, topic: Topic, listeners: dict[int, None], text: str) -> None:
        """Send a text to all who hear the stream."""
        if self._owner.plane.touches_frames:
            for number in listeners:
                self._past_plane(now_ms, _sight(number, topic, text, is_snapshot=False), 0)
            return
        sessions, frames = self.sessions.open, self._frames
        for number in listeners:
            sessions[number].sent_ms = now_ms
            frames.append(Frame(number, text))

    def release(self, now_ms: int) -> None:
        """Send what the plane held back until now, and end what it ends."""
        for parcel in self._owner.plane.frames_due(now_ms):
            self._push(now_ms, parcel.session, parcel.text, parcel.delay_ms)
        for closure in self._owner.plane.closures(now_ms, list(self.sessions.open)):
            self.close(closure.session, closure.code)

    def close(self, number: int, code: int) -> None:
        """End a session from this side."""
        if self.forget(number):
            self._frames.append(Frame(number, None, code))

    def forget(self, number: int) -> bool:
        """A session is gone; False when there was none."""
        if self.sessions.remove(number) is None:
            return False
        self._owner.plane.closed(number)
        return True

    def allow_silence(self, limit_ms: int) -> None:
        """From now on sessions end after so much silence."""
        self._limit_ms = limit_ms
        since = (session.sent_ms for session in self.sessions.open.values())
        self._silent_ms = min((sent_ms + limit_ms for sent_ms in since), default=NEVER_MS)

    def silence_ms(self) -> int:
        """When to look for sessions that were silent for too long."""
        return self._silent_ms

    def close_silent(self, now_ms: int) -> None:
        """End the sessions to which nothing was sent for too long."""
        if now_ms < self._silent_ms:
            return
        for session in list(self.sessions.open.values()):
            if session.sent_ms + self._limit_ms <= now_ms:
                self.close(session.number, NORMAL_CLOSURE)
        left = self.sessions.open.values()
        self._silent_ms = min((s.sent_ms + self._limit_ms for s in left), default=NEVER_MS)

    def _past_plane(self, now_ms: int, sight: Sight, delay_ms: int) -> None:
        for parcel in self._owner.plane.on_frame(now_ms, sight):
            self._push(now_ms, parcel.session, parcel.text, delay_ms + parcel.delay_ms)

    def _push(self, now_ms: int, number: int, text: str, delay_ms: int) -> None:
        session = self.sessions.open.get(number)
        if session is not None:
            session.sent_ms = now_ms
            self._frames.append(Frame(number, text, None, delay_ms))


def _sight(number: int, topic: Topic, text: str, *, is_snapshot: bool) -> Sight:
    return Sight(
        session=number,
        channel=CHANNELS.get(topic.kind, topic.kind),
        text=text,
        user=topic.user or None,
        coin=topic.coin or None,
        is_snapshot=is_snapshot,
    )
