"""The venue's port as a process: what it prints, takes and refuses, and how it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from core.clock import SystemClock, monotonic_s
from tests.emulator_process import USER, Emulator, command, emulator, order

MEGABYTE = 1024 * 1024
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w")


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    with emulator("--seed", "1", "--no-limits", "--fund", f"{USER}=100000") as running:
        yield running


def post(venue: Emulator, content: bytes, path: str = "/info", **headers: str) -> tuple[int, bytes]:
    """(status, body) of a raw request."""
    headers = {"content-type": "application/json", **headers}
    reply = venue.client.post(venue.ready["http"] + path, content=content, headers=headers)
    return reply.status_code, reply.content


def test_it_prints_one_line_of_addresses_and_serves_at_them(venue: Emulator) -> None:
    ready = venue.ready

    assert ready["ok"] is True
    assert ready["schema"] == "perpkit.emulator"
    assert ready["data"].items() <= {**ready, "paths": []}.items()
    assert ready["pid"] == venue.process.pid
    assert "BTC" in ready["coins"]
    assert abs(ready["now_ms"] - SystemClock().now_ms()) < 60_000
    assert abs(venue.info(type="exchangeStatus")["time"] - SystemClock().now_ms()) < 5_000
    assert venue.control("GET", "/clock")["speed"] == 1.0


def test_an_order_is_signed_taken_and_seen(venue: Emulator) -> None:
    reply = venue.act(order(0, "50000", "0.01", cloid="0x" + "1" * 32))

    assert reply.json()["response"]["data"]["statuses"][0]["resting"]["cloid"] == "0x" + "1" * 32
    assert [one["cloid"] for one in venue.truth()["open_orders"]] == ["0x" + "1" * 32]
    assert venue.control("GET", "/audit") == {"missing_micros": 0}


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"type": "meta"', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 422),
        (b"[]", 422),
        (b'{"type": "nothing"}', 422),
        (b'{"type": 1}', 422),
    ],
)
def test_bad_bodies_are_refused_and_the_server_lives(
    venue: Emulator, content: bytes, status: int
) -> None:
    assert post(venue, content)[0] == status
    assert post(venue, b'{"type": "allMids"}')[0] == 200


def test_what_is_too_long_is_413_and_what_fits_is_read(venue: Emulator) -> None:
    padding = b'{"type": "allMids", "pad": "' + b"x" * (5 * MEGABYTE) + b'"}'

    assert post(venue, padding)[0] == 413
    assert post(venue, padding, "/exchange")[0] == 413
    assert venue.control("GET", "/counters")["shell"]["bodies_too_large"] == 2
    assert post(venue, b'{"type": "allMids"}')[0] == 200


def test_other_methods_paths_and_types_are_refused(venue: Emulator) -> None:
    assert venue.client.get(venue.ready["http"] + "/info").status_code == 405
    assert post(venue, b"{}", "/nothing")[0] == 404
    assert post(venue, b'{"type": "meta"}', **{"content-type": "text/plain"})[0] == 415


def test_a_page_of_a_browser_may_call_it(venue: Emulator) -> None:
    url, page = venue.ready["http"] + "/info", {"origin": "http://localhost:3000"}
    ahead = {**page, "access-control-request-method": "POST"}

    reply = venue.client.options(url, headers=ahead)
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-headers"] == "content-type"
    for sent in ({"type": "allMids"}, {"type": "nothing"}):
        reply = venue.client.post(url, json=sent, headers=page)
        assert reply.headers["access-control-allow-origin"] == "*"
    assert venue.client.options(url).status_code == 405


def test_a_head_without_end_is_cut_off(venue: Emulator) -> None:
    port = int(venue.ready["http"].rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall(b"POST /info HTTP/1.1\r\n" + b"x-a: " + b"y" * 65_536 + b"\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400")
    assert post(venue, b'{"type": "allMids"}')[0] == 200


async def frames(url: str, request: dict[str, Any], count: int) -> list[dict[str, Any]]:
    async with websockets.connect(url, max_size=None, proxy=None) as stream:
        await stream.send(json.dumps(request))
        return [json.loads(await stream.recv()) for _ in range(count)]


def test_streams_run_on_the_same_port(venue: Emulator) -> None:
    wanted = {"method": "subscribe", "subscription": {"type": "allMids"}}

    seen = asyncio.run(frames(venue.ready["ws"], wanted, 2))

    assert [one["channel"] for one in seen] == ["subscriptionResponse", "allMids"]


def test_an_unknown_coin_cuts_the_stream_without_a_closing_frame(venue: Emulator) -> None:
    wanted = {"method": "subscribe", "subscription": {"type": "l2Book", "coin": "NOPE"}}

    with pytest.raises(websockets.ConnectionClosedError) as caught:
        asyncio.run(frames(venue.ready["ws"], wanted, 1))

    assert caught.value.rcvd is None


def test_a_message_that_is_too_long_ends_its_stream_with_1009(venue: Emulator) -> None:
    with pytest.raises(websockets.ConnectionClosedError) as caught:
        asyncio.run(frames(venue.ready["ws"], {"method": "x" * (5 * MEGABYTE)}, 1))

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009
    assert post(venue, b'{"type": "allMids"}')[0] == 200


def test_another_path_is_no_stream(venue: Emulator) -> None:
    with pytest.raises(websockets.InvalidStatus, match="404"):
        asyncio.run(frames(venue.ready["ws"] + "x", {}, 1))


def test_a_lost_answer_closes_the_connection_without_a_byte(venue: Emulator) -> None:
    venue.control("POST", "/faults", {"fault": "lost_after", "type": "order", "count": 1})
    port = int(venue.ready["http"].rsplit(":", 1)[1])
    before = len(venue.truth()["open_orders"])

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected without sending"):
        venue.act(order(0, "50000", "0.01"))

    assert len(venue.truth()["open_orders"]) == before + 1
    venue.control("POST", "/faults", {"fault": "lost_before", "type": "allMids", "count": 1})
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        body = b'{"type": "allMids"}'
        head = b"POST /info HTTP/1.1\r\ncontent-type: application/json\r\n"
        raw.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        assert raw.recv(100) == b""


async def subscribe_to_all(stream: Any, coins: list[str]) -> None:
    """Ask for more than a client could want: every candle of every coin."""
    for coin in coins:
        for interval in INTERVALS:
            one = {"type": "candle", "coin": coin, "interval": interval}
            await stream.send(json.dumps({"method": "subscribe", "subscription": one}))


async def books_of(stream: Any, moving: asyncio.Task[None]) -> list[float]:
    """Seconds between the books that a reader sees while the venue's clock moves."""
    waits, last_s = [], monotonic_s()
    while not moving.done():
        with suppress(TimeoutError):
            if "l2Book" in await asyncio.wait_for(stream.recv(), 0.2):
                waits.append(monotonic_s() - last_s)
                last_s = monotonic_s()
    return waits


async def until_dropped(running: Emulator) -> None:
    """Move the clock until the venue has dropped a slow reader, an hour and a half at most."""
    for _ in range(90):
        await asyncio.to_thread(running.control, "POST", "/clock/advance", {"ms": 60_000})
        counters = await asyncio.to_thread(running.control, "GET", "/counters")
        if counters["shell"]["slow_readers_dropped"]:
            return


async def a_slow_and_a_quick_reader(running: Emulator) -> list[float]:
    """What the quick one waited; the slow one reads nothing until it is dropped."""
    url = running.ready["ws"]
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    slow.connect(("127.0.0.1", int(running.ready["http"].rsplit(":", 1)[1])))
    async with (
        websockets.connect(url, sock=slow, proxy=None, max_queue=1) as lazy,
        websockets.connect(url, proxy=None) as quick,
    ):
        await subscribe_to_all(lazy, running.ready["coins"])
        subscription = {"type": "l2Book", "coin": "BTC", "fast": True}
        await quick.send(json.dumps({"method": "subscribe", "subscription": subscription}))
        waits = await books_of(quick, asyncio.create_task(until_dropped(running)))
        with suppress(websockets.ConnectionClosed):
            async for _ in lazy:
                pass
    return waits


def test_a_slow_reader_is_dropped_and_others_keep_their_pace(tmp_path: Path) -> None:
    with emulator("--stepped", "--no-limits", stderr=tmp_path / "err") as running:
        waits = asyncio.run(a_slow_and_a_quick_reader(running))

        assert running.control("GET", "/counters")["shell"]["slow_readers_dropped"] == 1
    assert "is dropped: its client does not read" in (tmp_path / "err").read_text()
    assert len(waits) > 20
    # Were it waited for, nothing would come at all.
    assert max(waits) < 5


async def told_of_the_end(running: Emulator, number: signal.Signals) -> int:
    """The code with which a venue that is stopped closes a stream."""
    async with websockets.connect(running.ready["ws"], proxy=None) as stream:
        await stream.send('{"method": "ping"}')
        await stream.recv()
        running.process.send_signal(number)
        with suppress(websockets.ConnectionClosed):
            await stream.recv()
        return stream.close_code or 0


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")]
)
def test_a_signal_ends_streams_and_then_it_with_its_code(
    tmp_path: Path, number: signal.Signals, code: int, word: str
) -> None:
    errors = tmp_path / "err"
    with emulator(stderr=errors) as running:
        began_s = monotonic_s()
        assert asyncio.run(told_of_the_end(running, number)) == 1012
        assert running.process.wait(timeout=5) == code
        assert monotonic_s() - began_s < 10

    assert errors.read_text() == f"stopped by {word}\n"


def refused(*options: str) -> tuple[int, list[str]]:
    """(exit code, lines on stderr) of an emulator that does not start."""
    done = subprocess.run(
        [one for one in command(*options) if one != "--json"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_a_port_in_use_is_exit_4_in_three_lines() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, lines = refused("--port", str(port))

    assert code == 4
    assert lines[0] == f"error: port {port} is in use by another program"
    assert lines[1].startswith("  at:   --port ")
    assert lines[2].startswith("  next: --port 0 takes a free port")


def test_a_scaled_clock_is_followed_by_other_processes() -> None:
    from core.venue_clock import VenueClock

    with emulator("--speed", "600") as running:
        clock = VenueClock(running.ready["control"])
        began_ms, began_s = clock.now_ms(), monotonic_s()
        asyncio.run(clock.sleep_ms(120_000))

        assert clock.now_ms() - began_ms >= 120_000
        assert 0.15 < monotonic_s() - began_s < 10.0
        assert abs(running.info(type="exchangeStatus")["time"] - clock.now_ms()) < 300_000


def test_the_proxy_serves_the_same_and_cuts_when_told(venue: Emulator) -> None:
    def mids() -> Any:
        url = venue.ready["proxy"] + "/info"
        return httpx.post(url, json={"type": "allMids"}, trust_env=False).json()

    assert "BTC" in mids()
    venue.control("POST", "/faults", {"fault": "cut", "via": "proxy", "count": 1})
    with pytest.raises(httpx.TransportError):
        mids()
    assert "BTC" in mids()
    counters = venue.control("GET", "/counters")
    assert counters["faults"]["cut"]["had_effect"] == 1
    assert counters["shell"]["proxy"]["connections"] == 3
