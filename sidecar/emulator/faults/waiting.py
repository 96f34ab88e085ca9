"""Messages that are held back, by session, and when they go."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.faults.sights import Parcel
from sidecar.emulator.faults.state import HeldText, PlaneState

TEXTS_MAX: Final = 20_000
"""Most messages held back for one session; one that needs more is cut, as a full pipe would be."""


QUEUED: Final = 0
"""In place of a fault's number: held back by nothing but what was before it."""


class Waiting:
    """Keeps `PlaneState.texts`: each session's messages in the order in which they were made."""

    def __init__(self, state: PlaneState) -> None:
        self._state = state
        self.overfull: list[int] = []
        """Sessions that hold too much."""
        self._next_ms: int | None = None
        self._look()

    def next_ms(self) -> int | None:
        """When the first of them goes."""
        return self._next_ms

    def hold(self, texts: list[HeldText]) -> None:
        """Keep these until their time."""
        for text in texts:
            mine = self._state.texts.setdefault(text.session, [])
            mine.append(text)
            if len(mine) > TEXTS_MAX:
                self.overfull.append(text.session)
            if self._next_ms is None or text.at_ms < self._next_ms:
                self._next_ms = text.at_ms

    def overtaken(self, session: int) -> list[Parcel]:
        """Messages that waited for a later one to pass them: now one did."""
        mine = self._state.texts.get(session)
        if not mine:
            return []
        gone = [text for text in mine if text.waits_for_next]
        if gone:
            self._keep(session, [text for text in mine if not text.waits_for_next])
            self._look()
        return [Parcel(session, text.text) for text in gone]

    def due(self, now_ms: int) -> list[Parcel]:
        """Messages whose time has come, those of a session in their order."""
        if self._next_ms is None or now_ms < self._next_ms:
            return []
        found: list[Parcel] = []
        for session in list(self._state.texts):
            found += self.due_for(now_ms, session)
        self._look()
        return found

    def due_for(self, now_ms: int, session: int) -> list[Parcel]:
        """The same of one session."""
        mine = self._state.texts.get(session)
        if not mine or self._next_ms is None or now_ms < self._next_ms:
            return []
        gone = sorted((text for text in mine if text.at_ms <= now_ms), key=lambda one: one.at_ms)
        if gone:
            self._keep(session, [text for text in mine if text.at_ms > now_ms])
        return [Parcel(session, text.text) for text in gone]

    def let_go(self, number: int | None = None) -> None:
        """What a fault held back goes at once, and what only queued behind it; None: all does."""
        for mine in self._state.texts.values():
            for text in mine:
                if number is None or text.number in (number, QUEUED):
                    text.at_ms = 0
        self._state.wire_ms.clear()
        self._look()

    def forget(self, session: int) -> None:
        """The session is gone, with what was on its way to it."""
        self._state.texts.pop(session, None)
        self._state.wire_ms.pop(session, None)
        self._look()

    def _keep(self, session: int, texts: list[HeldText]) -> None:
        if texts:
            self._state.texts[session] = texts
        else:
            del self._state.texts[session]

    def _look(self) -> None:
        times = [text.at_ms for mine in self._state.texts.values() for text in mine]
        self._next_ms = min(times, default=None)
