"""venue.md C.2, C.8, C.10, C.11, C.12, C.13, C.15: what a user reads of an account after trading.

Orders are signed and posted, and every figure is taken from replies.
"""

from __future__ import annotations

import json
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from coincurve import PrivateKey

from sidecar.emulator.wire.signatures import sign_user_signed
from tests.venue_box import Box, Trader, box, order

HOUR_MS = 3_600_000
CLOID = "0x" + "0" * 30 + "c8"
BUILDER = "0x" + "b1" * 20
MICRO = Decimal("0.000001")


@pytest.fixture
def venue() -> Box:
    """A venue with BTC alone."""
    return box(symbols=1)


@pytest.fixture
def trader(venue: Box) -> Trader:
    """A key with 100,000 USD."""
    return venue.trader()


def ask(venue: Box, kind: str, **fields: Any) -> Any:
    """The decoded reply to a question, which must be answered."""
    reply = venue.info(type=kind, **fields)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def px(venue: Box, times: str) -> str:
    """A whole price so far from the mark."""
    return str(round(Decimal(context(venue)["markPx"]) * Decimal(times)))


def context(venue: Box) -> dict[str, Any]:
    """The context of BTC."""
    found: dict[str, Any] = ask(venue, "metaAndAssetCtxs")[1][0]
    return found


def buy(trader: Trader, size: str, **more: Any) -> dict[str, Any]:
    """A purchase at once."""
    (status,) = trader.place(order(px=px(trader.box, "1.02"), size=size, tif="Ioc", **more))
    filled: dict[str, Any] = status["filled"]
    return filled


def master(trader: Trader, kind: str, **fields: Any) -> Any:
    """The reply to an action that the master key signs."""
    trader.nonce += 1
    action = {"type": kind, "signatureChainId": "0xa4b1", "hyperliquidChain": "Mainnet"} | fields
    action["nonce"] = trader.nonce
    signature = sign_user_signed(action, trader.key)
    reply = trader.box.exchange({"action": action, "nonce": trader.nonce, "signature": signature})
    return json.loads(reply.body)


def fills(trader: Trader) -> list[dict[str, Any]]:
    """Its fills, oldest first."""
    found: list[dict[str, Any]] = ask(trader.box, "userFillsByTime", user=trader.user, startTime=0)
    return found


def test_c2_the_budget_is_ten_thousand_and_one_for_each_dollar(trader: Trader) -> None:
    buy(trader, "0.5")
    traded = sum(Decimal(row["px"]) * Decimal(row["sz"]) for row in fills(trader))

    limit = ask(trader.box, "userRateLimit", user=trader.user)

    assert Decimal(limit["cumVlm"]) == traded
    assert limit["nRequestsCap"] == 10_000 + int(traded)
    assert (limit["nRequestsUsed"], limit["nRequestsSurplus"]) == (1, 0)


def test_c8_orders_keep_the_status_that_they_ended_with(venue: Box, trader: Trader) -> None:
    low, high = px(venue, "0.9"), px(venue, "1.02")
    resting, filled, unmatched, crossing, growing = trader.place(
        order(px=low, size="0.01", c=CLOID),
        order(px=high, size="0.01", tif="Ioc"),
        order(px=low, size="0.01", tif="Ioc"),
        order(px=high, size="0.01", tif="Alo"),
        order(px=high, size="0.01", tif="Ioc", reduce_only=True),
    )
    assert "resting" in resting
    assert "filled" in filled
    assert all("error" in one for one in (unmatched, crossing, growing))
    trader.act({"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": CLOID}]})

    rows = ask(venue, "historicalOrders", user=trader.user)

    words = sorted(row["status"] for row in rows)
    assert words == sorted(
        ["canceled", "filled", "iocCancelRejected", "badAloPxRejected", "reduceOnlyRejected"]
    )
    for row in rows:
        oid = row["order"]["oid"]
        found = ask(venue, "orderStatus", user=trader.user, oid=oid)
        assert found == {"status": "order", "order": row}


def test_c7_a_lost_order_is_looked_up_by_its_client_id(venue: Box, trader: Trader) -> None:
    question = {"user": trader.user, "oid": CLOID}
    assert ask(venue, "orderStatus", **question) == {"status": "unknownOid"}

    trader.place(order(px=px(venue, "0.9"), size="0.01", c=CLOID))

    assert ask(venue, "orderStatus", **question)["order"]["status"] == "open"


def test_c10_what_is_asked_of_an_agent_is_empty(venue: Box, trader: Trader) -> None:
    buy(trader, "0.01")
    agent = Trader(venue, PrivateKey(b"\x0a" * 32))
    master(trader, "approveAgent", agentAddress=agent.user, agentName="robot")

    own = ask(venue, "clearinghouseState", user=agent.user)

    assert own["marginSummary"]["accountValue"] == "0.0"
    assert own["assetPositions"] == []
    assert ask(venue, "userFills", user=agent.user) == []
    assert ask(venue, "userRole", user=agent.user) == {
        "role": "agent",
        "data": {"user": trader.user},
    }
    (listed,) = ask(venue, "extraAgents", user=trader.user)
    assert (listed["name"], listed["address"]) == ("robot", agent.user)
    assert listed["validUntil"] == venue.now_ms + 90 * 24 * HOUR_MS


def test_c10_a_sub_account_is_listed_with_its_money(venue: Box, trader: Trader) -> None:
    buy(trader, "1.5")
    reply = trader.act({"type": "createSubAccount", "name": "second"})
    sub = reply["response"]["data"]
    transfer = {"subAccountUser": sub, "isDeposit": True, "usd": 5_000_000}
    trader.act({"type": "subAccountTransfer", **transfer})

    (listed,) = ask(venue, "subAccounts", user=trader.user)

    assert (listed["name"], listed["subAccountUser"]) == ("second", sub)
    assert listed["clearinghouseState"]["marginSummary"]["accountValue"] == "5.0"
    role = {"role": "subAccount", "data": {"master": trader.user}}
    assert ask(venue, "userRole", user=sub) == role


@pytest.mark.parametrize("is_cross", [True, False])
def test_c11_the_liquidation_price_follows_from_the_figures_beside_it(
    venue: Box, trader: Trader, is_cross: bool
) -> None:
    """price - side x margin available / size / (1 - side / maintenance leverage)."""
    trader.act({"type": "updateLeverage", "asset": 0, "isCross": is_cross, "leverage": 10})
    buy(trader, "2")

    state = ask(venue, "clearinghouseState", user=trader.user)
    position = state["assetPositions"][0]["position"]
    mark_px = Decimal(position["positionValue"]) / Decimal(position["szi"])
    ratio = Decimal(1) / (2 * position["maxLeverage"])
    maintenance = Decimal(position["positionValue"]) * ratio
    value = Decimal(
        state["crossMarginSummary"]["accountValue"] if is_cross else position["marginUsed"]
    )
    expected = mark_px - (value - maintenance) / Decimal(position["szi"]) / (1 - ratio)

    assert position["leverage"]["type"] == ("cross" if is_cross else "isolated")
    assert abs(Decimal(position["liquidationPx"]) - expected) < Decimal("0.01")
    if is_cross:
        assert Decimal(state["crossMaintenanceMarginUsed"]) == maintenance.quantize(
            MICRO, ROUND_DOWN
        )


def test_c11_initial_margin_is_value_by_leverage_and_a_tenth_stays(
    venue: Box, trader: Trader
) -> None:
    trader.act({"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 40})
    buy(trader, "1")

    state = ask(venue, "clearinghouseState", user=trader.user)
    summary = {name: Decimal(text) for name, text in state["marginSummary"].items()}

    assert abs(summary["totalMarginUsed"] - summary["totalNtlPos"] / 40) <= MICRO
    kept = summary["accountValue"] - Decimal(state["withdrawable"])
    assert abs(kept - summary["totalNtlPos"] / 10) <= MICRO
    assert summary["totalRawUsd"] == summary["accountValue"] - summary["totalNtlPos"]


def test_c11_margin_tables_are_read_by_their_id(venue: Box) -> None:
    meta = ask(venue, "meta")
    tables = dict(meta["marginTables"])
    for asset in meta["universe"]:
        number = asset["marginTableId"]
        table = tables.get(number) or ask(venue, "marginTable", id=number)
        assert table == ask(venue, "marginTable", id=number)
        assert table["marginTiers"][0] == {"lowerBound": "0.0", "maxLeverage": asset["maxLeverage"]}
    single = ask(venue, "marginTable", id=25)["marginTiers"]
    assert single == [{"lowerBound": "0.0", "maxLeverage": 25}]


def test_c12_funding_is_the_hourly_rate_on_the_oracle_price(venue: Box, trader: Trader) -> None:
    buy(trader, "1")
    venue.pass_ms(HOUR_MS - 1)
    oracle_px = Decimal(context(venue)["oraclePx"])
    venue.pass_ms(200)

    (row,) = ask(venue, "userFunding", user=trader.user, startTime=venue.now_ms - 60_000)
    (known,) = ask(venue, "fundingHistory", coin="BTC", startTime=venue.now_ms - 60_000)

    assert 1 <= known["time"] % HOUR_MS <= 118
    assert row["delta"]["fundingRate"] == known["fundingRate"]
    paid = -Decimal(row["delta"]["szi"]) * oracle_px * Decimal(known["fundingRate"])
    assert abs(Decimal(row["delta"]["usdc"]) - paid) < abs(paid) / 1_000
    position = ask(venue, "clearinghouseState", user=trader.user)["assetPositions"][0]["position"]
    assert Decimal(position["cumFunding"]["sinceOpen"]) == -Decimal(row["delta"]["usdc"])


def test_c12_the_rate_in_the_history_is_an_eighth_of_premium_and_interest() -> None:
    venue = box(symbols=1)
    venue.pass_ms(HOUR_MS + 1_000)

    row = ask(venue, "fundingHistory", coin="BTC", startTime=venue.now_ms - 60_000)[0]
    premium = Decimal(row["premium"])
    interest = min(max(Decimal("0.0001") - premium, Decimal("-0.0005")), Decimal("0.0005"))

    assert abs(Decimal(row["fundingRate"]) - (premium + interest) / 8) <= Decimal("0.0000000001")


def test_c13_takers_and_makers_both_pay(venue: Box, trader: Trader) -> None:
    """0.045 % and 0.015 %: what makers pay is a cost."""
    rates = ask(venue, "userFees", user=trader.user)
    assert (rates["userCrossRate"], rates["userAddRate"]) == ("0.00045", "0.00015")
    buy(trader, "0.1")
    best_bid = ask(venue, "l2Book", coin="BTC")["levels"][0][0]["px"]
    trader.place(order(px=best_bid.removesuffix(".0"), size="0.1", tif="Alo"))
    venue.pass_ms(10 * 60_000)

    rows = fills(trader)

    assert {row["crossed"] for row in rows} == {True, False}
    for row in rows:
        rate = Decimal(rates["userCrossRate" if row["crossed"] else "userAddRate"])
        paid = Decimal(row["px"]) * Decimal(row["sz"]) * rate
        assert abs(Decimal(row["fee"]) - paid) <= MICRO
        assert Decimal(row["fee"]) > 0
        assert row["feeToken"] == "USDC"


def test_c13_a_fee_holds_the_builder_s_share(venue: Box, trader: Trader) -> None:
    master(trader, "approveBuilderFee", maxFeeRate="0.05%", builder=BUILDER)
    asked = order(px=px(venue, "1.02"), size="0.1", tif="Ioc")
    action = {"type": "order", "orders": [asked], "grouping": "na"}
    trader.act(action | {"builder": {"b": BUILDER, "f": 20}})

    for row in fills(trader):
        notional = Decimal(row["px"]) * Decimal(row["sz"])
        assert abs(Decimal(row["builderFee"]) - notional * Decimal("0.0002")) <= MICRO
        whole = notional * Decimal("0.00065")
        assert abs(Decimal(row["fee"]) - whole) <= 2 * MICRO
    assert ask(venue, "maxBuilderFee", user=trader.user, builder=BUILDER) == 50


def test_c15_a_unified_account_reads_zero_among_perpetuals(venue: Box, trader: Trader) -> None:
    mode = {"user": trader.user, "abstraction": "unifiedAccount"}
    master(trader, "userSetAbstraction", **mode)

    state = ask(venue, "clearinghouseState", user=trader.user)
    (balance,) = ask(venue, "spotClearinghouseState", user=trader.user)["balances"]

    assert ask(venue, "userAbstraction", user=trader.user) == "unifiedAccount"
    assert state["marginSummary"]["accountValue"] == "0.0"
    assert state["withdrawable"] == "0.0"
    assert (balance["coin"], balance["total"]) == ("USDC", "100000.0")


def test_c15_what_is_unknown_stays_so_however_often_it_is_asked(venue: Box) -> None:
    replies = [venue.info(type="fundingHistory", coin="NOPE", startTime=0) for _ in range(3)]

    assert [(reply.status, reply.body) for reply in replies] == [(500, b"null")] * 3
