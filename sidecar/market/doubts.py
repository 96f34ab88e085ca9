"""Bars that differ so much from what is known that they are not believed at once.  Pure."""

from __future__ import annotations

from sidecar.market.bar_facts import Bar, BarsPolicy, is_far


class _Doubt:
    __slots__ = ("bar", "looks", "since_ms")

    def __init__(self, bar: Bar, now_ms: int) -> None:
        self.bar = bar
        self.looks = 1
        self.since_ms = now_ms


class Doubts:
    """What is doubted, by the time at which the bar opens."""

    def __init__(self, policy: BarsPolicy) -> None:
        self._policy = policy
        self._of: dict[int, _Doubt] = {}

    def holds(self, ts_ms: int) -> bool:
        """Whether a bar of that time is doubted."""
        return ts_ms in self._of

    def takes(self, bar: Bar, near_px: float | None, times: float, now_ms: int) -> bool:
        """Whether the bar is doubted: too far from that price, and not said often enough yet."""
        ts_ms = bar.ts_open_ms
        if near_px is None or not is_far(bar.close_px, near_px, times):
            self._of.pop(ts_ms, None)
            return False
        doubt = self._of.get(ts_ms)
        if doubt is None or is_far(bar.close_px, doubt.bar.close_px, times):
            self._of[ts_ms] = _Doubt(bar, now_ms)
            return True
        doubt.looks += 1
        policy = self._policy
        if doubt.looks < policy.doubt_looks or now_ms - doubt.since_ms < policy.doubt_ms:
            return True
        del self._of[ts_ms]
        return False

    def clear(self, ts_ms: int) -> None:
        """The bar of that time is beyond doubt."""
        self._of.pop(ts_ms, None)

    def forget_before(self, ts_ms: int) -> None:
        """Let go of old ones."""
        for old_ms in [old_ms for old_ms in self._of if old_ms < ts_ms]:
            del self._of[old_ms]
