"""The venue's time as well as it can be known, while this host's clock may be wrong or be set.

What was asked last holds until the host's clock jumps.  Then the time goes on from where it was,
is not trusted, and must be asked for again: a bar is never called final by a clock that was set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

JUMP_MS: Final = 3_500
"""A clock that is read each second and has moved by more than this has jumped."""
AGE_MS_MAX: Final = 30_000
"""For how long an answer of the venue is trusted."""


class VenueTime:
    """The host's clock and how far the venue's is ahead of it."""

    def __init__(self, host_ms: Callable[[], int], *, is_venues: bool = False) -> None:
        self._host_ms = host_ms
        # A clock that follows an emulator's is the venue's own: it may run hundreds of times as
        # fast as a wall clock, so that its steps say nothing, and nobody sets it.
        self._is_venues = is_venues
        self._read_ms = host_ms()
        self._ahead_ms = 0
        self._asked_ms: int | None = None
        """When the venue's time was learnt last, by the host's clock; None: not since a jump."""
        self.jumps = 0

    def now_ms(self) -> int:
        """The venue's time, trusted or not; it does not follow a jump of the host's clock."""
        host_ms = self._host_ms()
        if self._is_venues:
            return host_ms
        step_ms = host_ms - self._read_ms
        if not 0 <= step_ms <= JUMP_MS:
            self.jumps += 1
            self._ahead_ms -= step_ms
            self._asked_ms = None
        self._read_ms = host_ms
        return host_ms + self._ahead_ms

    def is_trusted(self) -> bool:
        """Was the venue asked lately, and did the clock not jump since?"""
        if self._is_venues:
            return True
        now_ms = self.now_ms() - self._ahead_ms
        return self._asked_ms is not None and now_ms - self._asked_ms <= AGE_MS_MAX

    def learn(self, venue_ms: int, began_ms: int) -> None:
        """The venue said its time in a reply to a request that began at `began_ms` of `now_ms`.

        The reply is older than now by part of its way: the time is rather late than early, which
        is the side on which no bar ends too soon.
        """
        now_ms = self.now_ms()
        if self._is_venues or not began_ms <= now_ms:
            return
        self._ahead_ms += venue_ms - now_ms
        self._asked_ms = self._read_ms

    def at_least(self, venue_ms: int) -> None:
        """A message of the venue carries that time: it is not earlier now."""
        behind_ms = venue_ms - self.now_ms()
        if behind_ms > JUMP_MS:
            self._asked_ms = None

    @property
    def skew_ms(self) -> int:
        """How far the venue's time is ahead of the host's clock."""
        return self._ahead_ms
