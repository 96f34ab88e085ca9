"""How fast something may be done: a bucket of tokens.  Pure."""

from __future__ import annotations


class Bucket:
    """At once as many as it holds, then one each `refill_ms`."""

    def __init__(self, holds: int, refill_ms: int) -> None:
        self._holds_ms = holds * refill_ms
        self._refill_ms = refill_ms
        self._full_ms = self._holds_ms
        self._at_ms: int | None = None

    def wait_ms(self, now_ms: int) -> int:
        """Take a token and say how long to wait before using it; 0 for one that is there.

        Tokens that are waited for are taken in turn.  A clock that was set back refills nothing
        and takes nothing.
        """
        passed_ms = 0 if self._at_ms is None else max(0, now_ms - self._at_ms)
        self._at_ms = now_ms
        self._full_ms = min(self._holds_ms, self._full_ms + passed_ms) - self._refill_ms
        return max(0, -self._full_ms)
