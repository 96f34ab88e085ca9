"""venue.md C.2, C.8, C.10: weights of rows, budgets, open interest at its cap, agents' powers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from coincurve import PrivateKey

from core.venue.weights import WEIGHT_PER_MINUTE
from sidecar.emulator.wire.signatures import sign_l1, sign_user_signed
from tests.venue_box import Box, Trader, box, order

OK = {"status": "ok", "response": {"type": "default"}}


@pytest.fixture
def venue() -> Box:
    return box(symbols=1)


@pytest.fixture
def trader(venue: Box) -> Trader:
    return venue.trader()


def ask(venue: Box, kind: str, **fields: Any) -> Any:
    """The decoded reply to a question, which must be answered."""
    reply = venue.info(type=kind, **fields)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def px(venue: Box, times: str) -> str:
    """A whole price so far from the mark."""
    mark = ask(venue, "metaAndAssetCtxs")[1][0]["markPx"]
    return str(round(Decimal(mark) * Decimal(times)))


def buy(trader: Trader, size: str) -> None:
    """A purchase at once."""
    (status,) = trader.place(order(px=px(trader.box, "1.02"), size=size, tif="Ioc"))
    assert "filled" in status


def signed(action: dict[str, Any], key: PrivateKey, nonce: int, **more: Any) -> dict[str, Any]:
    """A body with a nonce and, when it is given, a vault of its own."""
    signature = sign_l1(action, key, nonce, more.get("vaultAddress"))
    return {"action": action, "nonce": nonce, "signature": signature} | more


def approve(trader: Trader, agent: str, name: str) -> dict[str, Any]:
    """The reply to the approval of a key."""
    trader.nonce += 1
    action = {"type": "approveAgent", "signatureChainId": "0xa4b1", "hyperliquidChain": "Mainnet"}
    action |= {"agentAddress": agent, "agentName": name, "nonce": trader.nonce}
    signature = sign_user_signed(action, trader.key)
    reply = trader.box.exchange({"action": action, "nonce": trader.nonce, "signature": signature})
    found: dict[str, Any] = json.loads(reply.body)
    return found


@pytest.mark.parametrize("kind", ["userFills", "userFillsByTime", "recentTrades"])
def test_c2_rows_weigh_one_per_twenty(kind: str) -> None:
    venue = box(limits_on=True, symbols=1)
    trader = venue.trader()
    asked = order(px=px(venue, "1.02"), size="0.001", tif="Ioc")
    assert all("filled" in status for status in trader.place(*[asked] * 61))
    venue.pass_ms(60_000)
    fields = {"coin": "BTC"} if kind == "recentTrades" else {"user": trader.user}
    fields |= {"startTime": 0} if kind == "userFillsByTime" else {}
    count = len(ask(venue, kind, **fields))
    weight, expected = (21, 10) if kind == "recentTrades" else (24, 61)
    assert count == expected

    left = (WEIGHT_PER_MINUTE - weight) // 2

    replies = [venue.info(type="allMids").status for _ in range(left + 1)]
    assert replies == [200] * left + [429]


def test_c2_sub_accounts_have_budgets_of_their_own(venue: Box, trader: Trader) -> None:
    buy(trader, "2")
    sub = trader.act({"type": "createSubAccount", "name": "one"})["response"]["data"]
    move = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": 10**9}
    assert trader.act(move) == OK
    before = ask(venue, "userRateLimit", user=trader.user)
    batch = {"type": "order", "orders": [order(px=px(venue, "0.9"), size="0.01")], "grouping": "na"}
    for _ in range(3):
        trader.nonce += 1
        venue.exchange(signed(batch, trader.key, trader.nonce, vaultAddress=sub))

    mine, theirs = (ask(venue, "userRateLimit", user=user) for user in (trader.user, sub))

    assert mine == before
    assert mine["nRequestsCap"] > 100_000
    assert (theirs["nRequestsUsed"], theirs["nRequestsCap"]) == (3, 10_000)


def test_c8_open_interest_at_and_below_its_cap(venue: Box, trader: Trader) -> None:
    other = venue.trader(2)
    buy(trader, "0.1")
    coin = venue.gateway.state.coins["BTC"]
    interest = Decimal(ask(venue, "metaAndAssetCtxs")[1][0]["openInterest"])
    value_micros = int(interest * 10**coin.size_decimals) * coin.mark_ticks
    low, high = px(venue, "0.95"), px(venue, "1.05")

    coin.open_interest_cap_micros = value_micros + 10_000_000_000
    (jump,) = other.place(order(px=low, size="0.2"))
    coin.open_interest_cap_micros = value_micros
    (more,) = trader.place(order(px=low, size="0.1"))
    (flip,) = trader.place(order(px=high, size="0.2", is_buy=False))
    (eager,) = trader.place(order(px=low, size="0.05", is_buy=False))
    (patient,) = trader.place(order(px=high, size="0.05", is_buy=False))

    assert jump["error"].startswith("Order would increase open interest too quickly")
    capped = "Order would increase open interest while open interest is capped"
    assert more["error"].startswith(capped)
    assert flip["error"].startswith(capped)
    assert eager["error"].startswith("Order rejected due to price more aggressive than oracle")
    assert "resting" in patient
    (first,) = ask(venue, "historicalOrders", user=other.user)
    rows = ask(venue, "historicalOrders", user=trader.user)
    assert first["status"] == "openInterestIncreaseRejected"
    assert [row["status"] for row in rows] == [
        "open",
        "tooAggressiveAtOpenInterestCapRejected",
        "positionFlipAtOpenInterestCapRejected",
        "positionIncreaseAtOpenInterestCapRejected",
        "filled",
    ]


def test_c10_a_key_that_trades_may_make_sub_accounts_fill_and_trade_them(
    venue: Box, trader: Trader
) -> None:
    buy(trader, "2")
    agent = Trader(venue, PrivateKey(b"\x0c" * 32))
    assert approve(trader, agent.user, "bot") == OK

    sub = agent.act({"type": "createSubAccount", "name": "one"})["response"]["data"]
    move = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": 10**9}
    assert agent.act(move) == OK
    batch = {"type": "order", "orders": [order(px=px(venue, "0.9"), size="0.01")], "grouping": "na"}
    agent.nonce += 1
    reply = venue.exchange(signed(batch, agent.key, agent.nonce, vaultAddress=sub))

    assert "resting" in json.loads(reply.body)["response"]["data"]["statuses"][0]
    assert [row["oid"] for row in ask(venue, "openOrders", user=sub)]
    assert ask(venue, "openOrders", user=trader.user) == []


def test_c10_a_retired_key_that_is_approved_again_can_be_replayed(
    venue: Box, trader: Trader
) -> None:
    """Its nonces were forgotten with it, so that what it once signed is good once more."""
    old, new = (Trader(venue, PrivateKey(bytes((number,)) * 32)) for number in (13, 14))
    assert approve(trader, old.user, "bot") == OK
    batch = {"type": "order", "orders": [order(px=px(venue, "0.9"), size="0.01")], "grouping": "na"}
    body = old.signed(batch)
    assert json.loads(venue.exchange(body).body)["status"] == "ok"
    assert "duplicate nonce" in json.loads(venue.exchange(body).body)["response"]
    assert approve(trader, new.user, "bot") == OK
    assert "does not exist" in json.loads(venue.exchange(body).body)["response"]

    assert approve(trader, old.user, "again") == OK

    assert json.loads(venue.exchange(body).body)["status"] == "ok"
    assert len(ask(venue, "openOrders", user=trader.user)) == 2
