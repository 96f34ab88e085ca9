"""venue.md C.4: the channels of a user, and posts over a socket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.emulator.exchange.requests import Fund
from tests.venue_box import START_MS, Box, Trader, Wire, box, order

USER = "0x" + "ab" * 20
SECOND_MS = 1_000
HOUR_MS = 3_600_000


@pytest.fixture
def venue() -> Box:
    return box()


@pytest.fixture
def wire(venue: Box) -> Wire:
    return venue.connect()


@pytest.fixture
def trader(venue: Box) -> Trader:
    return venue.trader()


def buy(trader: Trader, size: str = "0.01") -> dict[str, Any]:
    (status,) = trader.place(order(px="130000", size=size, tif="Ioc"))
    filled: dict[str, Any] = status["filled"]
    return filled


WITH_SNAPSHOT = [
    ("userFills", "fills"),
    ("userFundings", "fundings"),
    ("userNonFundingLedgerUpdates", "nonFundingLedgerUpdates"),
    ("userTwapSliceFills", "twapSliceFills"),
    ("userTwapHistory", "history"),
    ("userHistoricalOrders", "orderHistory"),
]


@pytest.mark.parametrize(("kind", "rows"), WITH_SNAPSHOT)
def test_c4_streams_of_the_past_begin_with_a_snapshot(
    wire: Wire, trader: Trader, kind: str, rows: str
) -> None:
    ack, first = wire.subscribe(kind, user=trader.user.upper().replace("0X", "0x"))

    assert ack["channel"] == "subscriptionResponse"
    assert first["channel"] == kind
    assert first["data"]["isSnapshot"] is True
    assert first["data"]["user"] == trader.user
    assert isinstance(first["data"][rows], list)


@pytest.mark.parametrize("kind", ["orderUpdates", "userEvents", "notification"])
def test_c4_streams_of_events_begin_with_nothing(wire: Wire, trader: Trader, kind: str) -> None:
    buy(trader)

    assert [one["channel"] for one in wire.subscribe(kind, user=trader.user)] == [
        "subscriptionResponse"
    ]


@pytest.mark.parametrize(
    "kind",
    [
        "webData2",
        "webData3",
        "clearinghouseState",
        "allDexsClearinghouseState",
        "openOrders",
        "spotState",
        "twapStates",
    ],
)
def test_c4_streams_of_an_account_begin_with_it_and_follow_every_change(
    venue: Box, wire: Wire, trader: Trader, kind: str
) -> None:
    assert [one["channel"] for one in wire.subscribe(kind, user=trader.user)] == [
        "subscriptionResponse",
        kind,
    ]

    venue.pass_ms(999)
    assert wire.heard() == []
    buy(trader)
    venue.pass_ms(1)
    assert len(wire.heard(kind)) == 1
    venue.pass_ms(3_999)
    assert wire.heard(kind) == []
    venue.pass_ms(1)
    assert len(wire.heard(kind)) == 1


def test_c4_the_page_of_an_account_carries_its_agent_and_mode(wire: Wire, trader: Trader) -> None:
    page = wire.subscribe("webData3", user=trader.user)[1]["data"]["userState"]

    assert {"agentAddress", "agentValidUntil", "abstraction"} <= set(page)


def test_c4_room_to_trade_is_told_for_an_account_and_a_coin(wire: Wire, trader: Trader) -> None:
    _, first = wire.subscribe("activeAssetData", user=trader.user, coin="BTC")

    assert first["data"]["coin"] == "BTC"
    assert first["data"]["user"] == trader.user
    assert len(first["data"]["maxTradeSzs"]) == 2


def test_c4_fills_come_at_once_and_only_the_first_message_is_a_snapshot(
    wire: Wire, trader: Trader
) -> None:
    buy(trader)
    _, first = wire.subscribe("userFills", user=trader.user)
    old = [fill["tid"] for fill in first["data"]["fills"]]
    assert old

    filled = buy(trader)

    (told,) = wire.heard("userFills")
    assert "isSnapshot" not in told["data"]
    assert {fill["oid"] for fill in told["data"]["fills"]} == {filled["oid"]}
    assert not {fill["tid"] for fill in told["data"]["fills"]} & set(old)

    wire.unsubscribe("userFills", user=trader.user)
    again = wire.subscribe("userFills", user=trader.user)[1]["data"]
    assert again["isSnapshot"] is True
    assert set(old) < {fill["tid"] for fill in again["fills"]}


def test_c4_order_updates_are_arrays_with_status_and_its_time(
    venue: Box, wire: Wire, trader: Trader
) -> None:
    wire.subscribe("orderUpdates", user=trader.user)
    placed = trader.place(order(px="100000", size="0.01"), order(px="99000", size="0.01"))
    oids = [status["resting"]["oid"] for status in placed]

    (opened,) = wire.heard("orderUpdates")

    assert [row["order"]["oid"] for row in opened["data"]] == oids
    assert {row["status"] for row in opened["data"]} == {"open"}
    assert {row["statusTimestamp"] for row in opened["data"]} == {venue.now_ms}
    trader.act({"type": "cancel", "cancels": [{"a": 0, "o": oid} for oid in oids]})
    (ended,) = wire.heard("orderUpdates")
    assert [row["status"] for row in ended["data"]] == ["canceled", "canceled"]


def test_c15_a_modify_tells_of_a_new_oid_under_the_same_cloid(wire: Wire, trader: Trader) -> None:
    cloid = "0x" + "7" * 32
    (placed,) = trader.place(order(px="100000", size="0.01", c=cloid))
    old = placed["resting"]["oid"]
    wire.subscribe("orderUpdates", user=trader.user)

    trader.act({"type": "modify", "oid": old, "order": order(px="99000", size="0.01", c=cloid)})

    rows = [row for frame in wire.heard("orderUpdates") for row in frame["data"]]
    told = {row["order"]["oid"]: row["status"] for row in rows}
    assert told.pop(old) == "canceled"
    assert list(told.values()) == ["open"]
    assert {row["order"]["cloid"] for row in rows} == {cloid}


def test_c15_user_events_arrive_on_the_channel_user(wire: Wire, trader: Trader) -> None:
    wire.subscribe("userEvents", user=trader.user)

    filled = buy(trader)

    (told,) = wire.heard()
    assert told["channel"] == "user"
    assert list(told["data"]) == ["fills"]
    assert {fill["oid"] for fill in told["data"]["fills"]} == {filled["oid"]}


def test_c7_a_self_trade_cancels_the_resting_side_which_is_a_user_event(
    venue: Box, wire: Wire
) -> None:
    trader = venue.trader(3, usd=100_000_000)
    best = json.loads(venue.info(type="l2Book", coin="BTC").body)["levels"][0][0][
        "px"
    ].removesuffix(".0")
    (placed,) = trader.place(order(px=best, size="0.01"))
    wire.subscribe("userEvents", user=trader.user)
    wire.subscribe("trades", coin="BTC")

    trader.place(order(px="90000", size="20", is_buy=False, tif="Ioc"))

    frames = wire.heard()
    cancels = [row for one in frames for row in _events(one).get("nonUserCancel", [])]
    assert [row["oid"] for row in cancels] == [placed["resting"]["oid"]]
    traded = [trade for one in frames if one["channel"] == "trades" for trade in one["data"]]
    assert traded
    assert all(len(set(trade["users"])) == 2 for trade in traded)


def _events(message: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = message["data"] if message["channel"] == "user" else {}
    return data


def test_c12_funding_is_told_when_the_hour_is_over(venue: Box, wire: Wire, trader: Trader) -> None:
    buy(trader)
    wire.subscribe("userFundings", user=trader.user)
    wire.subscribe("userEvents", user=trader.user)
    wire.subscribe("allMids")

    venue.pass_ms(START_MS + HOUR_MS - venue.now_ms)

    frames = wire.heard()
    (payments,) = [one for one in frames if one["channel"] == "userFundings"]
    assert "isSnapshot" not in payments["data"]
    (row,) = payments["data"]["fundings"]
    assert row["coin"] == "BTC"
    assert set(row) >= {"time", "coin", "usdc", "szi", "fundingRate"}
    (event,) = [one["data"] for one in frames if one["channel"] == "user"]
    assert event["funding"].items() >= {"coin": "BTC", "usdc": row["usdc"]}.items()


def test_c4_deposits_are_told(venue: Box, wire: Wire, trader: Trader) -> None:
    wire.subscribe("userNonFundingLedgerUpdates", user=trader.user)

    venue.apply(Fund(trader.user, 5_000_000))

    (told,) = wire.heard("userNonFundingLedgerUpdates")
    assert told["data"]["nonFundingLedgerUpdates"][0]["delta"]["type"] == "deposit"


def test_c4_nobody_hears_of_another_user(venue: Box, wire: Wire, trader: Trader) -> None:
    other = venue.trader(2)
    for kind in ("orderUpdates", "userEvents"):
        wire.subscribe(kind, user=other.user)
    wire.subscribe("userFills", user=other.user)

    buy(trader)
    venue.pass_ms(SECOND_MS)

    assert wire.heard() == []


def test_c4_all_who_subscribed_hear_the_same_text(venue: Box, trader: Trader) -> None:
    wires = [venue.connect() for _ in range(5)]
    for one in wires:
        one.subscribe("userFills", user=trader.user)

    buy(trader)

    assert len({one.texts[-1] for one in wires}) == 1


def posted(wire: Wire, number: int, kind: str, payload: Any) -> dict[str, Any]:
    wire.heard()
    wire.say(method="post", id=number, request={"type": kind, "payload": payload})
    (answer,) = wire.heard("post")
    data: dict[str, Any] = answer["data"]
    return data


def test_c4_a_question_can_be_posted(venue: Box, wire: Wire) -> None:
    answer = posted(wire, 123, "info", {"type": "l2Book", "coin": "BTC"})

    assert answer["id"] == 123
    assert answer["response"]["type"] == "info"
    assert answer["response"]["payload"]["type"] == "l2Book"
    told = answer["response"]["payload"]["data"]
    assert told == json.loads(venue.info(type="l2Book", coin="BTC").body)


def test_c4_an_action_can_be_posted(wire: Wire, trader: Trader) -> None:
    action = {"type": "order", "orders": [order(px="100000", size="0.01")], "grouping": "na"}

    answer = posted(wire, 7, "action", trader.signed(action))

    assert answer["id"] == 7
    assert answer["response"]["type"] == "action"
    payload = answer["response"]["payload"]
    assert payload["status"] == "ok"
    assert "resting" in payload["response"]["data"]["statuses"][0]


def test_c4_an_action_that_is_refused_is_answered_like_over_http(
    venue: Box, wire: Wire, trader: Trader
) -> None:
    body = trader.signed({"type": "noop"})
    assert json.loads(venue.exchange(body).body)["status"] == "ok"

    answer = posted(wire, 8, "action", body)

    assert answer["response"]["payload"]["status"] == "err"
    assert "nonce" in answer["response"]["payload"]["response"]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [("info", {"type": "bogus"}), ("action", {"type": "order"}), ("info", 7), ("action", None)],
)
def test_c4_a_post_of_another_shape_is_answered_with_an_error_under_its_number(
    wire: Wire, kind: str, payload: Any
) -> None:
    answer = posted(wire, 9, kind, payload)

    assert answer["id"] == 9
    assert answer["response"]["type"] == "error"
    assert answer["response"]["payload"].startswith("422 Failed to deserialize")


def test_c11_a_liquidation_is_a_user_event_with_its_fills_and_cancels(
    venue: Box, wire: Wire
) -> None:
    trader = venue.trader(5, usd=1_700)
    trader.act({"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 40})
    buy(trader, "0.4")
    (resting,) = trader.place(order(px="90000", size="0.001"))
    wire.subscribe("userEvents", user=trader.user)
    wire.subscribe("userFills", user=trader.user)

    # As if a loss elsewhere had taken it: nothing that can be asked for takes so much.
    venue.gateway.state.accounts[trader.user].cash_micros -= 1_200_000_000
    venue.pass_ms(SECOND_MS)

    frames = wire.heard()
    events = [_events(one) for one in frames]
    (liquidation,) = [one["liquidation"] for one in events if "liquidation" in one]
    assert liquidation["liquidated_user"] == trader.user
    cancels = [row["oid"] for one in events for row in one.get("nonUserCancel", [])]
    assert cancels == [resting["resting"]["oid"]]
    fills = [row for one in events for row in one.get("fills", [])]
    assert {row["liquidation"]["liquidatedUser"] for row in fills} == {trader.user}
    told = [one["data"]["fills"] for one in frames if one["channel"] == "userFills"]
    assert [row for rows in told for row in rows] == fills


def test_c4_a_twap_is_told_slice_by_slice(venue: Box, wire: Wire, trader: Trader) -> None:
    for kind in ("userEvents", "userTwapHistory", "userTwapSliceFills", "twapStates"):
        wire.subscribe(kind, user=trader.user)
    twap = {"a": 0, "b": True, "s": "0.5", "r": False, "m": 5, "t": False}

    started = trader.act({"type": "twapOrder", "twap": twap})
    number = started["response"]["data"]["status"]["running"]["twapId"]
    venue.pass_ms(1_000)
    begun = wire.heard()
    venue.pass_ms(5 * 60_000)
    frames = wire.heard()

    (history,) = [one["data"] for one in begun if one["channel"] == "userTwapHistory"]
    assert history["history"][0]["status"]["status"] == "activated"
    (states,) = [one["data"] for one in begun if one["channel"] == "twapStates"][-1:]
    assert [row[0] for row in states["states"]] == [number]
    ends = [one["data"] for one in frames if one["channel"] == "userTwapHistory"]
    assert ends[-1]["history"][0]["status"]["status"] == "finished"
    slices = [
        row
        for one in [*begun, *frames]
        if one["channel"] == "userTwapSliceFills"
        for row in one["data"]["twapSliceFills"]
    ]
    assert {row["twapId"] for row in slices} == {number}
    assert sum(float(row["fill"]["sz"]) for row in slices) == pytest.approx(0.5)
    names = {name for one in [*begun, *frames] for name in _events(one)}
    assert names == {"fills", "twapHistory", "twapSliceFills"}
