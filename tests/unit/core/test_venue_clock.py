"""A clock that follows an emulator's: on this machine only, never back, at any speed."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from core.clock import SystemClock, monotonic_s, sleep_s
from core.errors import UsageError, VenueError
from core.venue.address import parse_address
from core.venue_clock import VenueClock, clock_for, parse_clock_url

START_MS = 1_767_323_045_000


class Master:
    """An emulator's clock as its control port serves it."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.now_ms = START_MS
        self.reads = 0
        self._since_s = monotonic_s()
        self.moved = threading.Event()

    def reading(self, until_ms: int, wait_ms: int) -> dict[str, float]:
        self.reads += 1
        if not self.speed and self.now_ms < until_ms:
            self.moved.wait(wait_ms / 1000)
        elapsed_ms = (monotonic_s() - self._since_s) * 1000 * self.speed
        return {"now_ms": self.now_ms + int(elapsed_ms), "speed": self.speed, "lag_ms": 0}


@contextmanager
def served(master: Master) -> Iterator[str]:
    """The control address of a master clock."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            until_ms, wait_ms = (int(query.get(key, ["0"])[0]) for key in ("until_ms", "wait_ms"))
            body = json.dumps(master.reading(until_ms, wait_ms)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_runs_at_the_emulator_s_speed_and_asks_seldom() -> None:
    master = Master(speed=600.0)
    with served(master) as url:
        clock = VenueClock(url)
        before = clock.now_ms()
        times = []
        for _ in range(20):
            sleep_s(0.005)
            times.append(clock.now_ms())

        assert times == sorted(times)
        assert times[-1] - before >= 0.1 * 600 * 1000
        assert clock.speed == 600.0
        assert master.reads < 5
        assert abs(clock.now_ms() - master.reading(0, 0)["now_ms"]) < 30_000


def test_a_sleep_takes_the_emulator_s_time() -> None:
    with served(Master(speed=1000.0)) as url:
        clock = VenueClock(url)
        began_ms, began_s = clock.now_ms(), monotonic_s()

        asyncio.run(clock.sleep_ms(60_000))

        assert clock.now_ms() - began_ms >= 60_000
        assert 0.05 < monotonic_s() - began_s < 10.0


def test_a_clock_that_stands_still_is_left_at_once_when_it_is_moved() -> None:
    master = Master(speed=0.0)

    async def sleeper(clock: VenueClock) -> float:
        sleeping = asyncio.create_task(clock.sleep_ms(3_600_000))
        await asyncio.sleep(0.1)
        assert not sleeping.done()
        master.now_ms += 3_600_000
        master.moved.set()
        moved_s = monotonic_s()
        await sleeping
        return monotonic_s() - moved_s

    with served(master) as url:
        clock = VenueClock(url)
        assert asyncio.run(sleeper(clock)) < 0.9
        assert clock.now_ms() == START_MS + 3_600_000


def test_it_never_runs_back() -> None:
    master = Master(speed=0.0)
    with served(master) as url:
        clock = VenueClock(url)
        master.now_ms -= 5_000
        sleep_s(0.03)

        assert clock.now_ms() == START_MS


def test_an_emulator_that_is_gone_is_an_error_of_the_network() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(VenueError, match="clock does not answer"):
        VenueClock(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "text",
    ["http://example.org:80", "http://10.0.0.1:8101", "mainnet", "https://127.0.0.1:1", "8101", ""],
)
def test_a_clock_elsewhere_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no address on this machine"):
        parse_clock_url(text)


def test_the_real_venue_is_never_timed_by_an_emulator() -> None:
    with served(Master(speed=1.0)) as url:
        for venue in ("mainnet", "testnet"):
            with pytest.raises(UsageError, match=f"the venue is {venue}"):
                clock_for(url, parse_address(venue))
        assert isinstance(clock_for(url, parse_address("http://127.0.0.1:8100")), VenueClock)
    assert isinstance(clock_for("", parse_address("mainnet")), SystemClock)
