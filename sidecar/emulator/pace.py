"""The venue's clock against the computer's: real, scaled, or moved by request.

`VenueTime` is the arithmetic.  `Pace` is the one task that lets the venue run when something is
due, a slice at a time, so that requests are served in between.  Where the machine cannot keep up
at a speed, the venue's time lags, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, Protocol

from core.clock import MS_PER_S, monotonic_s
from core.errors import UsageError

SPEED_MAX: Final = 1_000_000.0
STEP_MS_MAX: Final = 366 * 86_400_000
SLICE_S: Final = 0.02
"""Longest stretch of catching up before others have a turn."""
LATE_S_MAX: Final = 0.1
"""A request that comes when more than this is due waits for no more than the slice at work."""
BACKLOG_S_MAX: Final = 1.0
"""A scaled clock that is further behind gives up the rest, rather than race later."""


class Advancing(Protocol):
    """What the pace drives: the gateway."""

    def advance(self, now_ms: int) -> None:
        """Let everything that is due happen."""
        ...

    def next_ms(self) -> int:
        """When something is due next."""
        ...


def check_speed(speed: float) -> float:
    """The speed, if a clock can run at it; 0 stands still.  Raises UsageError."""
    if not 0.0 <= speed <= SPEED_MAX:
        raise UsageError(
            f"a clock cannot run at {speed:g} times the real one",
            hint=f"give a speed above 0, at most {SPEED_MAX:,.0f}; 1 is real time,"
            " and --stepped moves only by request",
        )
    return speed


class VenueTime:
    """Where the venue's clock should stand, as a line over a source of real milliseconds."""

    def __init__(self, venue_ms: int, speed: float, source_ms: Callable[[], float]) -> None:
        self.speed = speed
        self.slipped_ms = 0
        """What a machine that could not keep up has lost so far."""
        self._source_ms = source_ms
        self._from_venue_ms = float(venue_ms)
        self._from_real_ms = source_ms()
        self._last_ms = self._promised_ms = venue_ms

    def target_ms(self) -> int:
        """Where the clock should stand now; never less than before."""
        real_ms = self._source_ms() - self._from_real_ms
        self._last_ms = max(self._last_ms, int(self._from_venue_ms + real_ms * self.speed))
        return self._last_ms

    def set_speed(self, speed: float) -> None:
        """From now on at this speed; 0 stands still."""
        self._from_venue_ms = float(self.target_ms())
        self._from_real_ms = self._source_ms()
        self.speed = check_speed(speed)

    def step(self, by_ms: int) -> int:
        """Move it forward; where it should stand then."""
        if not 0 < by_ms <= STEP_MS_MAX:
            raise UsageError(
                f"a clock cannot be moved by {by_ms} ms",
                hint=f"give from 1 to {STEP_MS_MAX:,} ms, a year",
            )
        self._from_venue_ms += by_ms
        self._promised_ms = self.target_ms()
        return self._promised_ms

    def slip(self, reached_ms: int) -> None:
        """Give up what is more than a second of real time behind `reached_ms`, but no step."""
        kept_ms = max(reached_ms, self._promised_ms) + int(BACKLOG_S_MAX * MS_PER_S * self.speed)
        excess_ms = self._last_ms - kept_ms
        if excess_ms > 0:
            self._from_venue_ms -= excess_ms
            self._last_ms -= excess_ms
            self.slipped_ms += excess_ms


class Pace:
    """Drives a gateway along a `VenueTime`; `on_moved` is called after each slice.

    `may_slip` is False for a clock that must come back to the real time however far it is behind.
    """

    def __init__(
        self,
        gateway: Advancing,
        time: VenueTime,
        on_moved: Callable[[], None],
        *,
        may_slip: bool,
    ) -> None:
        self.time = time
        self.reached_ms = time.target_ms()
        self._gateway = gateway
        self._on_moved = on_moved
        self._may_slip = may_slip
        self._is_behind = False
        self._wake = asyncio.Event()
        self._wakes_ms = self.reached_ms
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        """The instant at which a request that comes now is handled."""
        if not self._is_behind:
            target_ms = self.time.target_ms()
            if target_ms - self.due_ms() > LATE_S_MAX * MS_PER_S * self.time.speed:
                self._is_behind = True
                self._wake.set()
            else:
                self.reached_ms = max(self.reached_ms, target_ms)
        return self.reached_ms

    def lag_ms(self) -> int:
        """How far the venue's time is behind where its speed should have brought it."""
        return self.time.slipped_ms + max(0, self.time.target_ms() - self.now_ms())

    def at(self, due_ms: int, call: Callable[[], None]) -> None:
        """Call it when the venue's time is `due_ms`."""
        self._count += 1
        heappush(self._later, (due_ms, self._count, call))
        self.look()

    async def until(self, due_ms: int) -> None:
        """Return when the venue's time is `due_ms`."""
        if self.reached_ms >= due_ms:
            return
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.at(due_ms, lambda: None if reached.done() else reached.set_result(None))
        await reached

    def look(self) -> None:
        """Something may be due earlier than was thought."""
        if self.due_ms() < self._wakes_ms:
            self._wake.set()

    def set_speed(self, speed: float) -> None:
        """Run at this speed from now on."""
        self.time.set_speed(speed)
        self._wake.set()

    def step(self, by_ms: int) -> int:
        """Move the clock forward; where it will stand, once the venue has come there."""
        target_ms = self.time.step(by_ms)
        self._is_behind = True
        self._wake.set()
        return target_ms

    def due_ms(self) -> int:
        """When something is due next."""
        due_ms = self._gateway.next_ms()
        return min(due_ms, self._later[0][0]) if self._later else due_ms

    def catch_up(self, target_ms: int) -> bool:
        """Let happen what is due up to `target_ms`, for a slice; is nothing of it left?"""
        began_s = monotonic_s()
        while (due_ms := self.due_ms()) <= target_ms:
            self.reached_ms = max(self.reached_ms, due_ms)
            self._gateway.advance(self.reached_ms)
            while self._later and self._later[0][0] <= self.reached_ms:
                heappop(self._later)[2]()
            if monotonic_s() - began_s > SLICE_S:
                return self.due_ms() > target_ms
        return True

    async def run(self) -> None:
        """Drive the venue until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            target_ms = self.time.target_ms()
            self._is_behind = not self.catch_up(target_ms)
            if not self._is_behind:
                self.reached_ms = max(self.reached_ms, target_ms)
            elif self._may_slip:
                self.time.slip(self.reached_ms)
            self._on_moved()
            if self._is_behind:
                await asyncio.sleep(0)
                continue
            self._wake.clear()
            self._wakes_ms = self.due_ms()
            alarm = None
            if self.time.speed:
                wait_ms = (self._wakes_ms - self.time.target_ms()) / self.time.speed
                alarm = loop.call_later(max(0.0, wait_ms / MS_PER_S), self._wake.set)
            await self._wake.wait()
            if alarm is not None:
                alarm.cancel()
