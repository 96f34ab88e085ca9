"""Faults as they arrive over real sockets of a running emulator, added at its control port."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets

from core.clock import monotonic_s
from tests.emulator_process import USER, Emulator, emulator, order


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator("--fund", f"{USER}=1000000", "--no-limits", "--symbols-count", "3") as found:
        yield found


@pytest.fixture
def venue(running: Emulator) -> Iterator[Emulator]:
    yield running
    running.control("DELETE", "/faults")


def fault(venue: Emulator, name: str, **keys: Any) -> int:
    found: int = venue.control("POST", "/faults", {"fault": name, **keys})["numbers"][0]
    return found


def had_effect(venue: Emulator, name: str) -> int:
    found: int = venue.control("GET", "/counters")["faults"][name]["had_effect"]
    return found


def buy(venue: Emulator) -> httpx.Response:
    px = float(venue.info(type="allMids")["BTC"])
    return venue.act(order(0, f"{px * 1.01:.0f}", "0.01", tif="Ioc"))


def held(venue: Emulator) -> float:
    positions = venue.info(type="clearinghouseState", user=USER)["assetPositions"]
    return float(positions[0]["position"]["szi"]) if positions else 0.0


def test_an_answer_that_is_lost_closes_the_connection_without_a_byte(venue: Emulator) -> None:
    before = held(venue)
    fault(venue, "lost_after", type="order", count=1)

    with pytest.raises(httpx.RemoteProtocolError, match="without sending"):
        buy(venue)

    assert held(venue) == pytest.approx(before + 0.01)
    assert had_effect(venue, "lost_after") == 1


def test_errors_of_the_server_arrive_with_their_status(venue: Emulator) -> None:
    fault(venue, "5xx_before", status=503, type="meta")
    reply = venue.client.post(f"{venue.ready['http']}/info", json={"type": "meta"})

    assert (reply.status_code, reply.headers["content-type"]) == (503, "text/html")
    assert "503 Service Unavailable" in reply.text


def test_an_answer_is_as_late_as_the_fault_says(venue: Emulator) -> None:
    fault(venue, "delay", delay_ms=300, type="meta")
    begun_s = monotonic_s()
    venue.info(type="meta")

    assert monotonic_s() - begun_s >= 0.3


def test_garbled_bodies_have_their_wrong_byte(venue: Emulator) -> None:
    fault(venue, "garble", how="utf8", type="meta")
    body = venue.client.post(f"{venue.ready['http']}/info", json={"type": "meta"}).content

    with pytest.raises(UnicodeDecodeError):
        body.decode()


def test_sessions_end_with_and_without_a_handshake(venue: Emulator) -> None:
    async def work() -> list[int | None]:
        codes = []
        for code in (1001, 1006):
            async with websockets.connect(venue.ready["ws"]) as wire:
                await wire.send('{"method":"ping"}')
                assert "pong" in str(await asyncio.wait_for(wire.recv(), 5))
                await asyncio.to_thread(fault, venue, "ws_close", code=code)
                await asyncio.wait_for(wire.wait_closed(), 5)
                codes.append(wire.close_code)
        return codes

    assert asyncio.run(work()) == [1001, 1006]


def test_an_outage_refuses_handshakes(venue: Emulator) -> None:
    async def work() -> int:
        try:
            async with websockets.connect(venue.ready["ws"]):
                return 101
        except websockets.InvalidStatus as refused:
            return refused.response.status_code

    number = fault(venue, "outage", status=503)
    assert asyncio.run(work()) == 503
    venue.control("DELETE", f"/faults/{number}")
    assert asyncio.run(work()) == 101


def test_the_proxy_hands_on_whole_answers_byte_by_byte(venue: Emulator) -> None:
    whole = venue.client.post(f"{venue.ready['http']}/info", json={"type": "meta"}).content
    fault(venue, "split", piece_bytes=7)
    with httpx.Client(trust_env=False, timeout=20) as client:
        told = client.post(f"{venue.ready['proxy']}/info", json={"type": "meta"}).content

    assert told == whole
    assert had_effect(venue, "split") > 10


def test_the_proxy_cuts_in_the_middle_of_an_answer(venue: Emulator) -> None:
    fault(venue, "cut", after_bytes=200, direction="down", how="fin")
    with (
        httpx.Client(trust_env=False, timeout=20) as client,
        pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without"),
    ):
        client.post(f"{venue.ready['proxy']}/info", json={"type": "meta"})

    assert had_effect(venue, "cut") == 1


def test_a_handshake_that_hangs_is_never_answered(venue: Emulator) -> None:
    fault(venue, "accept_hang", delay_ms=60_000)
    host, port = venue.ready["http"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as raw:
        raw.sendall(
            b"GET /ws HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        raw.settimeout(0.5)
        with pytest.raises(TimeoutError):
            raw.recv(1)


def test_a_handshake_that_hung_ends_without_a_byte(venue: Emulator) -> None:
    fault(venue, "accept_hang", delay_ms=100)

    async def work() -> None:
        async with websockets.connect(venue.ready["ws"]):
            pass

    with pytest.raises((websockets.InvalidMessage, ConnectionError)):
        asyncio.run(work())
    assert venue.client.get(f"{venue.ready['control']}/clock").status_code == 200


def test_what_is_wrong_with_a_fault_is_said_in_words(venue: Emulator) -> None:
    said = {
        "delay_ms": ({"fault": "delay", "delay_ms": -5}, "greater than or equal to 0"),
        "fault": ({"fault": "lost_aftr"}, "there is no such fault, the nearest is `lost_after`"),
        "coin": ({"fault": "outage", "coin": "BTC"}, "outage meets every coin"),
    }
    for key, (body, words) in said.items():
        reply = venue.client.post(f"{venue.ready['control']}/faults", json=body)

        assert reply.status_code == 400
        error = reply.json()["error"]
        assert error["at"] == key
        assert words in error["what"]
        assert not error["what"].startswith("Value error")


@pytest.mark.proof
def test_faults_survive_a_kill_and_do_not_act_twice(tmp_path: Path) -> None:
    options = ("--fund", f"{USER}=1000", "--stepped", "--state", tmp_path / "venue.sqlite")
    with emulator(*options) as first:
        fault(first, "transfer", usd=500.0, after_s=5, user=USER)
        fault(first, "halt", after_s=5, for_s=600)
        first.control("POST", "/clock/advance", {"ms": 10_000})
        assert "halted" in buy(first).text
        assert first.truth()["cash_micros"] == 1_500_000_000
        first.stop(signal.SIGKILL)

    with emulator(*options) as second:
        second.control("POST", "/clock/advance", {"ms": 1_000})
        assert second.truth()["cash_micros"] == 1_500_000_000
        assert "halted" in buy(second).text
        second.control("POST", "/clock/advance", {"ms": 600_000})
        assert "halted" not in buy(second).text
        assert had_effect(second, "halt") == 1
