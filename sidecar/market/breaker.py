"""Whether candles come by stream or by REST: a circuit breaker.  Pure.

Streams whose connections break again and again give way to REST polling for a while.  After it one
trial: if the stream holds, all is as before; if it breaks in the window, the next pause is twice as
long, up to a limit.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

from msgspec import Struct

Mode = Literal["stream", "trial", "polling"]


class BreakerPolicy(Struct, frozen=True):
    """When to give up streaming, and for how long."""

    resets_max: int = 3
    window_ms: int = 300_000
    pause_ms: int = 600_000
    pause_ms_max: int = 3_600_000


class Breaker:
    """Counts resets of the candle streams."""

    def __init__(self, policy: BreakerPolicy | None = None) -> None:
        self._policy = policy or BreakerPolicy()
        self._resets: deque[int] = deque(maxlen=self._policy.resets_max)
        self._pause_ms = self._policy.pause_ms
        self._until_ms: int | None = None
        self.trip_count = 0

    def on_reset(self, now_ms: int) -> None:
        """A connection with candle streams broke without our doing."""
        if self.mode(now_ms) == "polling":
            return
        if self.mode(now_ms) == "trial":
            self._pause_ms = min(2 * self._pause_ms, self._policy.pause_ms_max)
            self._trip(now_ms)
            return
        self._resets.append(now_ms)
        is_full = len(self._resets) == self._policy.resets_max
        if is_full and now_ms - self._resets[0] <= self._policy.window_ms:
            self._trip(now_ms)

    def _trip(self, now_ms: int) -> None:
        self._resets.clear()
        self._until_ms = now_ms + self._pause_ms
        self.trip_count += 1

    def mode(self, now_ms: int) -> Mode:
        """`polling` while candles come by REST alone; `trial` when the stream is tried again."""
        if self._until_ms is None:
            return "stream"
        # A clock that was set back must not prolong the pause.
        if self._until_ms - now_ms > self._pause_ms:
            self._until_ms = now_ms + self._pause_ms
        if now_ms < self._until_ms:
            return "polling"
        if now_ms < self._until_ms + self._policy.window_ms:
            return "trial"
        self._until_ms = None
        self._pause_ms = self._policy.pause_ms
        return "stream"

    def polling_ms(self, now_ms: int) -> int:
        """How long the polling still lasts; 0 when candles are streamed."""
        if self.mode(now_ms) != "polling" or self._until_ms is None:
            return 0
        return self._until_ms - now_ms
