"""The Clock port. Nothing else in the project asks for the time or for chance.

Instants are milliseconds since 1970 in UTC, as the venue counts them.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Protocol

from core.errors import InputError

MS_PER_S = 1_000
# 9999-12-31; larger numbers are microseconds or nanoseconds given by mistake.
LATEST_MS = 253_402_300_799_999


class Clock(Protocol):
    """Tells the time; handed to whatever needs it."""

    def now_ms(self) -> int:
        """The present instant in milliseconds since 1970, UTC."""
        ...


class PacingClock(Clock, Protocol):
    """A clock that can also be waited on, by whoever paces requests or backs off."""

    async def sleep_ms(self, duration_ms: int) -> None:
        """Return after at least `duration_ms` milliseconds of this clock."""
        ...


class SystemClock:
    """The computer's own clock."""

    def now_ms(self) -> int:
        """The present instant in milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    async def sleep_ms(self, duration_ms: int) -> None:
        """Return after at least `duration_ms` milliseconds."""
        import asyncio  # here: `perpkit --help` needs the clock but no event loop

        await asyncio.sleep(duration_ms / MS_PER_S)


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """The instant it was last set to."""
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        """Move it forward; a step back is our bug."""
        assert by_ms >= 0, by_ms
        self._now_ms += by_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        """Move it forward by `duration_ms` and let other tasks run; no real time passes."""
        import asyncio

        self.advance(duration_ms)
        await asyncio.sleep(0)


def monotonic_s() -> float:
    """Seconds from an arbitrary start, never running back: for durations shown to people."""
    return time.monotonic()


def cpu_s() -> float:
    """CPU seconds this process has used in all its threads: for measurements."""
    return time.process_time()


def thread_cpu_s() -> float:
    """CPU seconds that the calling thread has used: for measurements."""
    return time.thread_time()


def sleep_s(duration_s: float) -> None:
    """Return after at least `duration_s` seconds."""
    time.sleep(duration_s)


def random_hex(byte_count: int) -> str:
    """Two hexadecimal digits per byte of chance, for names that must not collide."""
    return secrets.token_hex(byte_count)


def chance_frac() -> float:
    """Chance, uniform from 0 up to 1: for jitter, never for a result."""
    return secrets.randbelow(1 << 32) / (1 << 32)


def utc_iso(ts_ms: int) -> str:
    """`2026-01-02T03:04:05Z`: the instant to the second, rounded down."""
    return _utc(ts_ms).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_date(ts_ms: int) -> str:
    """`2026-01-02`: the UTC day the instant lies in."""
    return _utc(ts_ms).strftime("%Y-%m-%d")


def utc_stamp(ts_ms: int) -> str:
    """`20260102T030405Z`: an instant that may stand in a file name and sorts by time."""
    return _utc(ts_ms).strftime("%Y%m%dT%H%M%SZ")


def parse_utc_ms(text: str) -> int:
    """Milliseconds since 1970 from an ISO date, an ISO date and time, or a count of milliseconds.

    A time without an offset is UTC. Raises InputError for anything else.
    """
    cleaned = text.strip()
    if cleaned.lstrip("-").isdecimal():
        ts_ms = int(cleaned)
        if not 0 <= ts_ms <= LATEST_MS:
            raise InputError(
                f"{cleaned} is not a time in milliseconds since 1970",
                hint="give milliseconds (13 digits today) or an ISO date such as 2026-01-31",
            )
        return ts_ms
    try:
        moment = datetime.fromisoformat(cleaned)
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a time",
            hint="write 2026-01-31, 2026-01-31T12:00:00Z or milliseconds since 1970",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    ts_ms = (since.days * 86_400 + since.seconds) * MS_PER_S + since.microseconds // 1_000
    if ts_ms < 0:
        raise InputError(f"{text!r} lies before 1970", hint="give a time after 1970-01-01")
    return ts_ms


def _utc(ts_ms: int) -> datetime:
    return datetime.fromtimestamp(ts_ms // MS_PER_S, tz=UTC)
