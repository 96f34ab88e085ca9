"""The control port: clock, money, agents, faults, rules and truth; what is wrong is named."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import websockets
from coincurve import PrivateKey

from core.clock import monotonic_s, sleep_s
from sidecar.emulator.wire.signatures import address_of
from tests.emulator_process import KEY, USER, Emulator, emulator, order

AGENT = PrivateKey(bytes([8]) * 32)
MINUTE_MS = 60_000


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    """A stepped venue, whose master key has an agent."""
    agent = f"{USER}={address_of(AGENT)}"
    fund = f"{USER}=100000"
    with emulator("--stepped", "--no-limits", "--fund", fund, "--agent", agent) as running:
        yield running


def now_ms(venue: Emulator) -> int:
    return int(venue.control("GET", "/clock")["now_ms"])


def test_a_stepped_clock_stands_until_it_is_moved(venue: Emulator) -> None:
    before_ms = now_ms(venue)
    sleep_s(0.05)
    assert now_ms(venue) == before_ms

    moved = venue.control("POST", "/clock/advance", {"ms": MINUTE_MS})

    assert moved == {**venue.control("GET", "/clock"), "speed": 0.0, "lag_ms": 0}
    assert now_ms(venue) == before_ms + MINUTE_MS
    assert venue.info(type="exchangeStatus")["time"] <= before_ms + MINUTE_MS
    assert before_ms + MINUTE_MS - venue.info(type="exchangeStatus")["time"] < 1_000


def test_who_waits_for_a_time_is_answered_when_it_has_come(venue: Emulator) -> None:
    until_ms = now_ms(venue) + 5_000
    found: list[Any] = []

    def wait() -> None:
        found.append(venue.control("GET", f"/clock?until_ms={until_ms}&wait_ms=5000"))

    waiting = threading.Thread(target=wait)
    waiting.start()
    sleep_s(0.05)
    assert not found
    venue.control("POST", "/clock/advance", {"ms": 5_000})
    waiting.join()
    assert found[0]["now_ms"] == until_ms

    asked_s = monotonic_s()
    venue.control("GET", f"/clock?until_ms={until_ms + 1}&wait_ms=50")
    assert 0.04 < monotonic_s() - asked_s < 4.0


def test_speed_is_changed_while_it_runs(venue: Emulator) -> None:
    before_ms = now_ms(venue)
    venue.control("POST", "/clock/speed", {"speed": 100})
    sleep_s(0.1)
    venue.control("POST", "/clock/speed", {"speed": 0})
    after_ms = now_ms(venue)

    assert 8_000 < after_ms - before_ms < 1_000_000
    assert now_ms(venue) == after_ms


async def listens(running: Emulator, moves: Callable[[], object]) -> bool:
    """Does a stream without messages live on after that?"""
    async with websockets.connect(running.ready["ws"], proxy=None) as stream:
        await asyncio.to_thread(moves)
        try:
            await stream.send('{"method": "ping"}')
            return "pong" in str(await asyncio.wait_for(stream.recv(), 5))
        except websockets.ConnectionClosed:
            return False


def test_silence_is_of_the_client_s_time_at_a_speed_and_of_the_venue_s_in_steps(
    venue: Emulator,
) -> None:
    def step(ms: int) -> object:
        return venue.control("POST", "/clock/advance", {"ms": ms})

    assert asyncio.run(listens(venue, lambda: step(59_000)))
    assert not asyncio.run(listens(venue, lambda: step(61_000)))
    venue.control("POST", "/clock/speed", {"speed": 600})
    assert asyncio.run(listens(venue, lambda: sleep_s(0.3)))
    venue.control("POST", "/clock/speed", {"speed": 0})


def test_money_comes_and_goes_and_none_is_missing(venue: Emulator) -> None:
    user = "0x" + "3" * 40
    venue.control("POST", "/fund", {"user": user, "usd": 1_000.25})
    assert venue.truth(user)["cash_micros"] == 1_000_250_000
    assert venue.control("GET", "/audit") == {"missing_micros": 0}

    venue.control("POST", "/fund", {"user": user, "usd": -0.25})
    assert venue.truth(user)["account_value_usd"] == "1000.0"
    assert venue.control("GET", "/audit") == {"missing_micros": 0}


def test_agents_of_the_command_line_and_of_the_port_sign_for_their_master(venue: Emulator) -> None:
    second = PrivateKey(bytes([9]) * 32)
    venue.control("POST", "/agent", {"user": USER, "agent": address_of(second)})

    for key in (AGENT, second, KEY):
        reply = venue.act(order(1, "2500", "1"), key).json()
        assert reply["response"]["data"]["statuses"][0].keys() == {"resting"}
    assert len(venue.truth()["open_orders"]) == 3
    assert [one["name"] for one in venue.truth()["agents"]] == ["", "agent 1"]
    stranger = venue.act(order(1, "2500", "1"), PrivateKey(bytes([10]) * 32)).json()
    assert "does not exist" in stranger["response"]


def test_rules_are_changed_and_changed_back(venue: Emulator) -> None:
    until_ms = now_ms(venue) + 60_000
    venue.control("POST", "/adjust", {"what": "post_only_until_ms", "value": until_ms})
    refused = venue.act(order(1, "2500", "1")).json()
    assert "Only post-only orders allowed" in str(refused)

    venue.control("POST", "/clock/advance", {"ms": 60_001})
    assert "resting" in str(venue.act(order(1, "2500", "1")).json())
    venue.control("POST", "/adjust", {"what": "is_halted", "value": True, "coin": "SOL"})
    assert "resting" not in str(venue.act(order(2, "120", "1")).json())
    venue.control("POST", "/adjust", {"what": "is_halted", "value": False, "coin": "SOL"})
    assert "resting" in str(venue.act(order(2, "120", "1")).json())


def test_a_delisted_coin_ends(venue: Emulator) -> None:
    venue.control("POST", "/list", {"coin": "SYN09", "is_delisted": True})

    meta = {one["name"]: one for one in venue.info(type="meta")["universe"]}
    assert meta["SYN09"]["isDelisted"] is True


def test_faults_are_put_in_force_counted_and_taken_back(venue: Emulator) -> None:
    two = [{"fault": "429", "type": "allMids"}, {"fault": "5xx_before", "type": "meta"}]
    numbers = venue.control("POST", "/faults", {"faults": two})["numbers"]
    listed = venue.control("GET", "/faults")["faults"]
    assert [one["number"] for one in listed] == numbers

    url = venue.ready["http"] + "/info"
    assert venue.client.post(url, json={"type": "allMids"}).status_code == 429
    assert venue.client.post(url, json={"type": "meta"}).status_code == 502
    counters = venue.control("GET", "/counters")["faults"]
    assert counters["429"] == {"seen": 1, "hit": 1, "had_effect": 1}

    venue.control("DELETE", f"/faults/{numbers[0]}")
    assert venue.client.post(url, json={"type": "allMids"}).status_code == 200
    assert venue.client.post(url, json={"type": "meta"}).status_code == 502
    venue.control("DELETE", "/faults")
    assert venue.client.post(url, json={"type": "meta"}).status_code == 200


def test_a_late_answer_is_late_by_the_venue_s_clock(venue: Emulator) -> None:
    late = {"fault": "delay", "delay_ms": 30_000, "type": "allMids", "count": 1}
    venue.control("POST", "/faults", late)
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(venue.info(type="allMids")))
    asking.start()
    sleep_s(0.1)
    assert not found

    venue.control("POST", "/clock/advance", {"ms": 30_000})
    asking.join(timeout=5)
    assert "BTC" in found[0]
    venue.control("DELETE", "/faults")


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("POST", "/clock/advance", {"ms": 0}, "ms was 0"),
        ("POST", "/clock/advance", {"ms": 10**15}, "ms was"),
        ("POST", "/clock/advance", {"ms": "1"}, "ms has the wrong type"),
        ("POST", "/clock/advance", {"ms": True}, "ms has the wrong type"),
        ("POST", "/clock/advance", {}, "ms is missing"),
        ("POST", "/clock/advance", [], "no JSON object"),
        ("POST", "/clock/advance", {"ms": 1, "s": 1}, "unknown key 's'"),
        ("POST", "/clock/speed", {"speed": -1}, "a clock cannot run at -1"),
        ("GET", "/clock?until_ms=soon", None, "until_ms was 'soon'"),
        ("POST", "/fund", {"user": "0x12", "usd": 1}, "is no address"),
        ("POST", "/fund", {"user": USER, "usd": 0}, "names no amount of USD"),
        ("POST", "/agent", {"user": "0x" + "5" * 40, "agent": USER}, "has no account"),
        ("POST", "/adjust", {"what": "cash", "value": 1}, "'cash' cannot be adjusted"),
        ("POST", "/adjust", {"what": "is_halted", "value": True}, "cannot be adjusted"),
        ("POST", "/adjust", {"what": "halted_until_ms", "value": "x"}, "halted_until_ms"),
        ("POST", "/adjust", {"what": "is_halted", "value": 1, "coin": "NO"}, "no coin 'NO'"),
        ("POST", "/list", {"coin": "NO", "is_delisted": True}, "there is no coin 'NO'"),
        ("POST", "/faults", {"fault": "muted"}, "no such fault"),
        ("POST", "/faults", {"fault": "429", "usd": 5}, "takes no usd"),
        ("POST", "/faults", {"faults": []}, "not a list of faults"),
        ("DELETE", "/faults/999", None, "no fault 999"),
        ("GET", "/truth?user=0x99", None, "no account"),
        ("GET", "/nothing", None, "GET /nothing is not there"),
        ("GET", "/fund", None, "GET /fund is not there"),
    ],
)
def test_what_is_wrong_is_named(
    venue: Emulator, method: str, path: str, body: Any, says: str
) -> None:
    reply = venue.client.request(method, venue.ready["control"] + path, json=body)

    assert reply.status_code in (400, 404, 405)
    error = reply.json()["error"]
    assert says in error["what"]
    assert error["at"]
    assert error["next"]


def test_no_page_of_a_browser_can_send_it(venue: Emulator) -> None:
    url = venue.ready["control"] + "/clock/advance"
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        reply = venue.client.post(url, content=b'{"ms": 5}', headers={"content-type": content_type})
        assert reply.status_code == 400
