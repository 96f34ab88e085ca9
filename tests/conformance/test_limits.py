"""venue.md C.2: what one address may ask for, and what it hears when it asks for more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.venue.weights import WEIGHT_PER_MINUTE, info_weight
from schemas.fault_schedule import FaultSpec
from sidecar.emulator.gateway.messages import HttpReply
from tests.venue_box import PEER, Box, Wire, box, order

OTHER = "127.0.0.2"


@pytest.fixture
def venue() -> Box:
    return box(limits_on=True)


def statuses(venue: Box, count: int, **question: Any) -> list[int]:
    return [venue.info(**question).status for _ in range(count)]


@pytest.mark.parametrize(
    ("question", "weight"),
    [
        ({"type": "l2Book", "coin": "BTC"}, 2),
        ({"type": "allMids"}, 2),
        ({"type": "clearinghouseState", "user": "0x" + "1" * 40}, 2),
        ({"type": "orderStatus", "user": "0x" + "1" * 40, "oid": 1}, 2),
        ({"type": "spotClearinghouseState", "user": "0x" + "1" * 40}, 2),
        ({"type": "exchangeStatus"}, 2),
        ({"type": "userRole", "user": "0x" + "1" * 40}, 60),
        ({"type": "meta"}, 20),
        ({"type": "openOrders", "user": "0x" + "1" * 40}, 20),
    ],
)
def test_c2_requests_weigh_up_to_1200_a_minute(
    venue: Box, question: dict[str, Any], weight: int
) -> None:
    allowed = WEIGHT_PER_MINUTE // weight

    found = statuses(venue, allowed + 1, **question)

    assert found == [200] * allowed + [429]


def test_c2_the_refusal_is_no_json_and_says_nothing_of_limits(venue: Box) -> None:
    statuses(venue, 20, type="userRole", user="0x" + "1" * 40)

    refused = venue.info(type="meta")

    assert (refused.status, refused.content_type) == (429, "text/html")
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(refused.body)


def test_c2_weight_comes_back_a_minute_later_and_refusals_weigh_nothing(venue: Box) -> None:
    statuses(venue, 60, type="meta")
    venue.pass_ms(30_000)
    assert statuses(venue, 100, type="meta") == [429] * 100

    venue.pass_ms(29_999)
    assert statuses(venue, 1, type="meta") == [429]
    venue.pass_ms(1)
    assert statuses(venue, 60, type="meta") == [200] * 60


def test_c2_addresses_have_weights_of_their_own(venue: Box) -> None:
    statuses(venue, 60, type="meta")

    assert venue.info(type="meta").status == 429
    assert venue.info(OTHER, type="meta").status == 200


def test_c2_a_reply_weighs_one_more_per_items(venue: Box) -> None:
    span = {"coin": "BTC", "interval": "1m", "startTime": 0, "endTime": venue.now_ms}
    rows = json.loads(venue.info(type="candleSnapshot", req=span).body)
    assert len(rows) > 4_000
    first = info_weight("candleSnapshot", len(rows))

    # What is left over is used by light requests, to the last of them.
    left = (WEIGHT_PER_MINUTE - first) // 2

    assert statuses(venue, left + 1, type="allMids") == [200] * left + [429]


@pytest.mark.parametrize(("batch", "weight"), [(1, 1), (39, 1), (40, 2), (100, 3)])
def test_c2_an_action_weighs_one_and_one_more_per_forty_of_its_batch(
    venue: Box, batch: int, weight: int
) -> None:
    trader = venue.trader()
    placed = trader.place(*[order(px="1000", size="0.02")] * batch)
    assert len(placed) == batch

    left = (WEIGHT_PER_MINUTE - weight) // 2

    assert statuses(venue, left + 1, type="allMids") == [200] * left + [429]


def test_c2_actions_are_refused_when_the_weight_is_used_up(venue: Box) -> None:
    trader = venue.trader()
    statuses(venue, 60, type="meta")
    body = trader.signed(
        {"type": "order", "orders": [order(px="1000", size="0.02")], "grouping": "na"}
    )

    assert venue.exchange(body).status == 429
    assert trader.user in venue.gateway.state.accounts
    assert venue.gateway.state.accounts[trader.user].open_oids == []


def test_c2_load_tests_may_switch_the_limits_off(venue: Box) -> None:
    venue.gateway.state.rules.limits_on = False

    assert statuses(venue, 200, type="meta") == [200] * 200
    assert len([venue.connect() for _ in range(40)]) == 40


def test_c2_ten_connections(venue: Box) -> None:
    wires = [venue.connect() for _ in range(10)]

    refused = venue.gateway.open(venue.now_ms, PEER)
    assert isinstance(refused, HttpReply)
    assert refused.status == 429
    assert isinstance(venue.gateway.open(venue.now_ms, OTHER), int)

    venue.hang_up(wires[0])
    venue.connect()


def test_c2_thirty_new_connections_a_minute(venue: Box) -> None:
    for _ in range(30):
        venue.hang_up(venue.connect())

    assert isinstance(venue.gateway.open(venue.now_ms, PEER), HttpReply)
    venue.pass_ms(59_999)
    assert isinstance(venue.gateway.open(venue.now_ms, PEER), HttpReply)
    venue.pass_ms(1)
    assert isinstance(venue.gateway.open(venue.now_ms, PEER), int)


def fill_up(venue: Box) -> list[Wire]:
    """A thousand subscriptions over several sockets, of ten users."""
    grains = [(None, None), (2, None), (3, None), (4, None), (5, None), (5, 1), (5, 2), (5, 5)]
    intervals = ["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w"]
    wires, made = [], 0
    while made < 1_000:
        wires.append(wire := venue.connect())
        wanted = [
            {"type": "l2Book", "coin": coin, "nSigFigs": digits, "mantissa": mantissa}
            for coin in ("BTC", "ETH", "SOL")
            for digits, mantissa in grains
        ]
        wanted += [
            {"type": "candle", "coin": coin, "interval": interval}
            for coin in ("BTC", "ETH", "SOL")
            for interval in intervals
        ]
        wanted += [
            {"type": "userFills", "user": f"0x{number:040x}", "aggregateByTime": together}
            for number in range(10)
            for together in (False, True)
        ]
        wanted += [
            {"type": kind, "user": f"0x{number:040x}"}
            for number in range(10)
            for kind in ("userEvents", "userFundings", "notification", "orderUpdates")
        ]
        chosen = wanted[: 1_000 - made]
        for subscription in chosen:
            wire.say(method="subscribe", subscription=subscription)
        assert len(wire.heard("subscriptionResponse")) == len(chosen)
        made += len(chosen)
    return wires


def test_c2_a_thousand_subscriptions(venue: Box) -> None:
    wires = fill_up(venue)

    heard = wires[-1].subscribe("allMids")
    assert heard == [{"channel": "error", "data": "Cannot subscribe to more than 1000 channels."}]
    assert wires[-1].code is None

    venue.hang_up(wires[0])
    assert wires[-1].subscribe("allMids")[0]["channel"] == "subscriptionResponse"


def test_c2_ten_users(venue: Box) -> None:
    first, second = venue.connect(), venue.connect()
    for number in range(10):
        wire = first if number % 2 else second
        assert wire.subscribe("userFills", user=f"0x{number:040x}")[0]["channel"] != "error"

    heard = first.subscribe("userFills", user="0x" + "f" * 40)

    assert heard == [{"channel": "error", "data": "Cannot track more than 10 total users."}]
    # One that is followed already may be followed in other ways.
    assert first.subscribe("userEvents", user=f"0x{0:040x}")[0]["channel"] != "error"
    assert first.subscribe("bbo", coin="BTC")[0]["channel"] != "error"
    second.unsubscribe("userFills", user=f"0x{2:040x}")
    assert first.subscribe("userFills", user="0x" + "f" * 40)[0]["channel"] != "error"


def test_c2_two_thousand_messages_a_minute(venue: Box) -> None:
    first, second = venue.connect(), venue.connect()
    for index in range(2_000):
        (first if index % 2 else second).say(method="ping")
    assert len(first.heard("pong")) + len(second.heard("pong")) == 2_000

    first.say(method="ping")

    assert first.heard() == [
        {"channel": "error", "data": "Cannot send more than 2000 messages per minute."}
    ]
    assert first.code is None
    venue.pass_ms(59_999)
    first.say(method="ping")
    assert [one["channel"] for one in first.heard()] == ["error"]
    venue.pass_ms(1)
    first.say(method="ping")
    assert first.heard() == [{"channel": "pong"}]


def test_c2_a_hundred_posts_in_flight(venue: Box) -> None:
    slow = FaultSpec(fault="delay", type="allMids", delay_ms=1_000)
    venue.gateway.plane.add(slow, venue.now_ms)
    first, second = venue.connect(), venue.connect()
    request = {"type": "info", "payload": {"type": "allMids"}}
    for index in range(100):
        (first if index % 2 else second).say(method="post", id=index, request=request)
    assert len(first.heard("post")) + len(second.heard("post")) == 100

    first.say(method="post", id=777, request=request)

    assert first.heard() == [{"channel": "error", "data": "too many pending post requests id=777"}]
    venue.pass_ms(1_000)
    first.say(method="post", id=778, request=request)
    assert [one["data"]["id"] for one in first.heard("post")] == [778]


def test_c2_posts_of_a_socket_weigh_nothing(venue: Box) -> None:
    wire = venue.connect()
    for index in range(100):
        wire.say(method="post", id=index, request={"type": "info", "payload": {"type": "meta"}})

    assert len(wire.heard("post")) == 100
    assert venue.info(type="meta").status == 200


def test_c2_the_address_budget_counts_a_batch_of_n_as_n(venue: Box) -> None:
    trader = venue.trader()
    before = json.loads(venue.info(type="userRateLimit", user=trader.user).body)

    trader.place(*[order(px="1000", size="0.02")] * 7)

    after = json.loads(venue.info(type="userRateLimit", user=trader.user).body)
    assert after["nRequestsUsed"] - before["nRequestsUsed"] == 7
    assert after["nRequestsCap"] == 10_000 + int(float(after["cumVlm"]))
