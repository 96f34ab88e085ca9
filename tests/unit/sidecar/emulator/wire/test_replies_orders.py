"""Orders, fills and TWAPs of a user."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.emulator.exchange.state import Trigger
from tests.emulator_scene import (
    CLOID,
    ENDED_OID,
    HASH,
    LIMIT_OID,
    MARKET_OID,
    MASTER,
    NOW_MS,
    STOP_OID,
    SUB,
    TARGET_OID,
    Scene,
    busy,
    fill,
)


def tids(rows: list[dict[str, Any]]) -> list[int]:
    """Their trade ids."""
    return [row["tid"] for row in rows]


def with_fills(count: int) -> Scene:
    """So many fills, one a millisecond, each of its own order."""
    scene = busy()
    scene.state.accounts[MASTER].fills = [
        fill(number, time_ms=number, oid=number) for number in range(count)
    ]
    return scene


def test_open_orders_are_listed_newest_first() -> None:
    rows = busy().ask("openOrders", user=MASTER)

    assert [row["oid"] for row in rows] == [TARGET_OID, STOP_OID, LIMIT_OID]
    assert rows[2] == {
        "coin": "BTC",
        "side": "B",
        "limitPx": "80000.0",
        "sz": "0.01",
        "oid": LIMIT_OID,
        "timestamp": NOW_MS - 5_000,
        "origSz": "0.01",
        "cloid": CLOID,
    }
    assert rows[0]["reduceOnly"] is True


def test_open_orders_of_another_dex_are_asked_for_there() -> None:
    scene = busy()
    scene.state.orders[STOP_OID].coin = "xyz:GOLD"

    assert STOP_OID not in [row["oid"] for row in scene.ask("openOrders", user=MASTER)]
    there = scene.ask("frontendOpenOrders", user=MASTER, dex="xyz")
    assert [row["oid"] for row in there] == [STOP_OID]


def test_children_stand_with_their_parent_and_by_themselves() -> None:
    rows = {row["oid"]: row for row in busy().ask("frontendOpenOrders", user=MASTER)}

    assert rows[LIMIT_OID]["children"] == [rows[STOP_OID], rows[TARGET_OID]]


@pytest.mark.parametrize(
    ("tpsl", "is_market", "is_buy", "kind", "condition"),
    [
        ("sl", True, False, "Stop Market", "Price below 78000"),
        ("sl", False, True, "Stop Limit", "Price above 78000"),
        ("tp", True, False, "Take Profit Market", "Price above 78000"),
        ("tp", False, True, "Take Profit Limit", "Price below 78000"),
    ],
)
def test_triggers_say_what_they_wait_for(
    tpsl: Any, is_market: bool, is_buy: bool, kind: str, condition: str
) -> None:
    scene = busy()
    order = scene.state.orders[STOP_OID]
    order.trigger = Trigger(780_000, is_market=is_market, tpsl=tpsl)
    order.is_buy = is_buy

    row = scene.ask("orderStatus", user=MASTER, oid=STOP_OID)["order"]["order"]

    assert (row["orderType"], row["triggerCondition"]) == (kind, condition)
    assert (row["isTrigger"], row["triggerPx"], row["tif"]) == (True, "78000.0", None)


def test_a_fired_trigger_says_so() -> None:
    scene = busy()
    scene.state.orders[STOP_OID].is_triggered = True

    row = scene.ask("orderStatus", user=MASTER, oid=STOP_OID)["order"]["order"]

    assert row["triggerCondition"] == "Triggered"


@pytest.mark.parametrize("oid", [LIMIT_OID, CLOID, "0x" + CLOID[2:].upper()])
def test_an_order_is_found_by_either_id(oid: int | str) -> None:
    reply = busy().ask("orderStatus", user=MASTER, oid=oid)

    assert reply["status"] == "order"
    assert reply["order"]["order"]["oid"] == LIMIT_OID
    assert (reply["order"]["status"], reply["order"]["statusTimestamp"]) == (
        "open",
        NOW_MS - 5_000,
    )


@pytest.mark.parametrize("oid", [999, "0x" + "00" * 16])
def test_an_order_that_never_was_is_unknown(oid: int | str) -> None:
    assert busy().ask("orderStatus", user=MASTER, oid=oid) == {"status": "unknownOid"}


def test_nobody_sees_the_orders_of_others() -> None:
    scene = busy()

    for oid in (LIMIT_OID, CLOID):
        assert scene.ask("orderStatus", user=SUB, oid=oid) == {"status": "unknownOid"}


def test_a_filled_market_order_has_nothing_left() -> None:
    reply = busy().ask("orderStatus", user=MASTER, oid=MARKET_OID)["order"]

    assert reply["status"] == "filled"
    assert reply["order"]["sz"] == "0.0"
    assert reply["order"]["origSz"] == "0.01"
    assert (reply["order"]["orderType"], reply["order"]["tif"]) == ("Market", "FrontendMarket")


def test_the_venue_s_own_orders_in_a_liquidation_are_told_from_others() -> None:
    scene = busy()
    scene.state.orders[ENDED_OID].is_liquidation = True

    row = scene.ask("orderStatus", user=MASTER, oid=ENDED_OID)["order"]["order"]

    assert (row["orderType"], row["tif"]) == ("Market", "LiquidationMarket")


def test_history_has_open_and_ended_orders_newest_first() -> None:
    rows = busy().ask("historicalOrders", user=MASTER)

    assert [(row["order"]["oid"], row["status"]) for row in rows] == [
        (MARKET_OID, "filled"),
        (TARGET_OID, "open"),
        (STOP_OID, "open"),
        (LIMIT_OID, "open"),
        (ENDED_OID, "canceled"),
    ]


def test_fills_come_newest_first_and_by_time_oldest_first() -> None:
    scene = busy()

    assert tids(scene.ask("userFills", user=MASTER)) == [4, 3, 2, 1]
    assert tids(scene.ask("userFillsByTime", user=MASTER, startTime=0)) == [1, 2, 3, 4]
    backwards = scene.ask("userFillsByTime", user=MASTER, startTime=0, reversed=True)
    assert tids(backwards) == [4, 3, 2, 1]


def test_a_fill_shows_only_what_it_has() -> None:
    plain, built, worked, forced = busy().ask("userFillsByTime", user=MASTER, startTime=0)

    assert plain == {
        "coin": "BTC",
        "px": "80640.0",
        "sz": "0.001",
        "side": "B",
        "time": NOW_MS - 9_999,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": HASH,
        "oid": MARKET_OID,
        "crossed": True,
        "fee": "0.036288",
        "tid": 1,
        "feeToken": "USDC",
        "twapId": None,
    }
    assert (built["builderFee"], built["cloid"]) == ("0.000806", CLOID)
    assert worked["twapId"] == 3
    assert forced["liquidation"] == {
        "liquidatedUser": MASTER,
        "markPx": "80000.0",
        "method": "market",
    }
    assert (forced["side"], forced["closedPnl"]) == ("A", "-0.64")


def test_no_reply_has_more_than_2000_fills_of_the_newest_10000() -> None:
    scene = with_fills(12_500)

    assert tids(scene.ask("userFills", user=MASTER)) == list(range(12_499, 10_499, -1))
    first = scene.ask("userFillsByTime", user=MASTER, startTime=0)
    assert tids(first) == list(range(2_500, 4_500))


def test_fills_are_paged_by_time_with_both_ends() -> None:
    scene = with_fills(5_000)
    seen: set[int] = set()
    start = 0
    while rows := scene.ask("userFillsByTime", user=MASTER, startTime=start, endTime=4_990):
        seen |= set(tids(rows))
        if len(rows) < 2_000:
            break
        start = rows[-1]["time"]

    assert seen == set(range(4_991))


def test_fills_of_one_taker_at_one_instant_become_one() -> None:
    scene = busy()
    scene.state.accounts[MASTER].fills = [
        fill(1, time_ms=5, ticks=800_000, lots=100, fee_micros=10, closed_pnl_micros=3),
        fill(2, time_ms=5, ticks=800_100, lots=300, fee_micros=20, closed_pnl_micros=4),
        fill(3, time_ms=5, ticks=800_000, lots=100, crossed=False, oid=99),
        fill(4, time_ms=5, ticks=800_000, lots=100, crossed=False, oid=99),
        fill(5, time_ms=6, ticks=800_000, lots=100),
    ]

    rows = scene.ask("userFillsByTime", user=MASTER, startTime=0, aggregateByTime=True)

    assert tids(rows) == [1, 3, 4, 5]
    assert (rows[0]["px"], rows[0]["sz"]) == ("80007.5", "0.004")
    assert (rows[0]["fee"], rows[0]["closedPnl"]) == ("0.00003", "0.000007")
    assert tids(scene.ask("userFills", user=MASTER, aggregateByTime=True)) == [5, 4, 3, 1]


def test_slices_are_told_from_other_fills() -> None:
    scene = busy()

    (only,) = scene.ask("userTwapSliceFills", user=MASTER)

    assert (only["twapId"], only["fill"]["tid"]) == (3, 3)
    assert only["fill"]["hash"] == "0x" + "0" * 64
    assert scene.ask("userTwapSliceFillsByTime", user=MASTER, startTime=0) == [only]


def test_a_twap_tells_what_it_did_in_seconds_and_milliseconds() -> None:
    assert busy().ask("twapHistory", user=MASTER) == [
        {
            "time": (NOW_MS - 90_000) // 1_000,
            "state": {
                "coin": "BTC",
                "user": MASTER,
                "side": "B",
                "sz": "0.5",
                "executedSz": "0.02",
                "executedNtl": "1612.8",
                "minutes": 30,
                "reduceOnly": False,
                "randomize": False,
                "timestamp": NOW_MS - 90_000,
            },
            "status": {"status": "activated"},
            "twapId": 3,
        }
    ]
