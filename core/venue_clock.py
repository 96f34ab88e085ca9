"""A clock that follows an emulator's: `--clock URL`, refused unless the venue is on this machine.

The emulator's time may run at another speed, stand still, or jump.  It is asked for over HTTP at
the address that `perpkit emulator` prints as `control`; between two answers the time is reckoned
from the speed of the last one, so that asking for it costs next to nothing.
"""

from __future__ import annotations

import asyncio
import json
from http.client import HTTPConnection, HTTPException
from threading import Lock
from typing import Any, Final
from urllib.parse import urlsplit

from core.clock import MS_PER_S, PacingClock, SystemClock, monotonic_s
from core.errors import UsageError, VenueError
from core.venue.address import VenueAddress, parse_address

TIMEOUT_S: Final = 2.0
AGE_S_MAX: Final = 0.2
"""A running clock is asked again after so long."""
STILL_AGE_S_MAX: Final = 0.02
"""So is one that stands still: it moves only when told, and then at once."""
SILENT_S_MAX: Final = 5.0
"""A clock that does not answer is reckoned on for so long, then it is an error."""
NAP_S_MAX: Final = 0.5
"""Sleepers look at the clock so often, since its speed may change."""
WAIT_MS: Final = 1_000
FAILURES = (OSError, HTTPException, ValueError, KeyError, TypeError)


def clock_for(url: str, venue: VenueAddress) -> PacingClock:
    """The clock that `--clock` names; the computer's own when it names none.

    Raises UsageError when the venue or the clock is not on this machine: real orders are never
    timed by a clock that somebody can set.
    """
    if not url:
        return SystemClock()
    if not venue.is_loopback:
        raise UsageError(
            f"--clock follows an emulator's time, and the venue is {venue.network}",
            hint="leave out --clock, or give --venue the emulator's address",
        )
    return VenueClock(parse_clock_url(url))


def parse_clock_url(text: str) -> str:
    """The base address of a clock on this machine.  Raises UsageError for any other."""
    try:
        address = parse_address(text)
    except UsageError:
        address = None
    if address is None or not address.is_loopback or not address.base_url.startswith("http://"):
        raise UsageError(
            f"--clock {text!r} is no address on this machine",
            hint="take the `control` address that `perpkit emulator` prints,"
            " such as http://127.0.0.1:8101",
        )
    return address.base_url


class VenueClock:
    """The time of the emulator whose control port is at `url`; it never runs back."""

    def __init__(self, url: str) -> None:
        """Ask once; raises VenueError when nobody answers."""
        self.url = parse_clock_url(url)
        parts = urlsplit(self.url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._lock = Lock()
        self._read_s = 0.0
        self._tried_s = 0.0
        self._read_ms = 0
        self._speed = 0.0
        self._last_ms = 0
        self._ask(silent_s_max=0.0)

    @property
    def speed(self) -> float:
        """How many times faster than the computer's clock it runs, as of the last answer."""
        return self._speed

    def now_ms(self) -> int:
        """The emulator's present instant in milliseconds since 1970, UTC."""
        age_s_max = AGE_S_MAX if self._speed else STILL_AGE_S_MAX
        if monotonic_s() - self._tried_s > age_s_max:
            self._ask(silent_s_max=SILENT_S_MAX)
        return self._reckoned_ms()

    async def sleep_ms(self, duration_ms: int) -> None:
        """Return after at least `duration_ms` milliseconds of the emulator's time."""
        until_ms = self.now_ms() + duration_ms
        await asyncio.sleep(0)
        while (left_ms := until_ms - self.now_ms()) > 0:
            if self._speed:
                await asyncio.sleep(min(NAP_S_MAX, left_ms / MS_PER_S / self._speed))
            else:
                await self._wait(until_ms)

    def _reckoned_ms(self) -> int:
        ahead_ms = (monotonic_s() - self._read_s) * MS_PER_S * self._speed
        self._last_ms = max(self._last_ms, self._read_ms + int(ahead_ms))
        return self._last_ms

    def _take(self, reading: dict[str, Any]) -> None:
        now_ms, speed = int(reading["now_ms"]), float(reading["speed"])
        self._read_s = self._tried_s = monotonic_s()
        self._read_ms, self._speed = now_ms, speed
        self._last_ms = max(self._last_ms, now_ms)

    def _ask(self, *, silent_s_max: float) -> None:
        """Read the clock; raises VenueError when it has been silent for too long."""
        with self._lock:
            try:
                self._take(self._get())
            except FAILURES as error:
                self._tried_s = monotonic_s()
                if self._tried_s - self._read_s > silent_s_max:
                    raise self._silent(error) from error

    def _get(self) -> dict[str, Any]:
        # A connection for each question: there is nobody who could close one that is kept.
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", "/clock", headers={"connection": "close"})
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()

    async def _wait(self, until_ms: int) -> None:
        """Let the emulator answer when it is that late, or after a second of real time."""
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                query = f"/clock?until_ms={until_ms}&wait_ms={WAIT_MS}"
                host = f"{self._host}:{self._port}"
                head = f"GET {query} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
                writer.write(head.encode("ascii"))
                limit_s = WAIT_MS / MS_PER_S + TIMEOUT_S
                reply = await asyncio.wait_for(reader.read(), limit_s)
            finally:
                writer.close()
            self._take(dict(json.loads(reply.partition(b"\r\n\r\n")[2])))
        except FAILURES as error:
            if monotonic_s() - self._read_s > SILENT_S_MAX:
                raise self._silent(error) from error
            await asyncio.sleep(NAP_S_MAX)

    def _silent(self, error: Exception) -> VenueError:
        return VenueError(
            f"the emulator's clock does not answer: {error or type(error).__name__}",
            at=f"{self.url}/clock",
            hint="start `perpkit emulator`, and give --clock the `control` address it prints",
        )
