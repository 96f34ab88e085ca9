"""The venue's time as its bars tell it.  Pure.

A bar that exists proves that the time at which it opens has come.  From there on only time that
passed is added, so that a wrong clock of this host does not close a bar that still forms.
"""

from __future__ import annotations

from typing import Final

BEHIND_MS: Final = 120_000
"""A bar that forms is never so far behind the time: then the time is wrong."""


class BarClock:
    """The venue's time, shared by all bars."""

    def __init__(self) -> None:
        self._proven_ms: int | None = None
        self._noted_ms = 0
        self._newest_ms = 0
        """Where the newest bar opens that is known: the time is never before that."""

    @property
    def is_proven(self) -> bool:
        """Whether any bar is known."""
        return self._proven_ms is not None

    def venue_ms(self, now_ms: int) -> int:
        """The venue's time at least; this host's own until the first bar is known."""
        if self._proven_ms is None:
            return now_ms
        return self._proven_ms + max(0, now_ms - self._noted_ms)

    def exists(self, ts_open_ms: int, now_ms: int) -> None:
        """A bar that opens then is known."""
        self._newest_ms = max(self._newest_ms, ts_open_ms)
        if self._proven_ms is None or ts_open_ms > self.venue_ms(now_ms):
            self._set(ts_open_ms, now_ms)

    def forms(self, ts_open_ms: int, interval_ms: int, now_ms: int) -> None:
        """The stream shows it forming: it is not long over."""
        self.exists(ts_open_ms, now_ms)
        if self.venue_ms(now_ms) > ts_open_ms + interval_ms + BEHIND_MS:
            self._set(self._newest_ms, now_ms)

    def shift(self, by_ms: int) -> None:
        """This host's clock was set by so much."""
        self._noted_ms += by_ms

    def _set(self, proven_ms: int, now_ms: int) -> None:
        self._proven_ms = proven_ms
        self._noted_ms = now_ms
