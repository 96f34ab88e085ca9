"""venue.md C.2 (addresses), C.6, C.7, C.9, C.10, C.15: what actions do, and the words of refusals.

All over the wire: signed, posted, and read from the reply.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from coincurve import PrivateKey

from sidecar.emulator.exchange.state import HOUSE, Account
from sidecar.emulator.wire.signatures import sign_l1, sign_user_signed
from tests.venue_box import Box, Trader, box, order

DAY_MS = 86_400_000
CLOID = "0x000000000000000000000000000000aa"
SUB = "0x00000000000000000000000000000000000000b5"


@pytest.fixture
def venue() -> Box:
    return box()


@pytest.fixture
def trader(venue: Box) -> Trader:
    return venue.trader()


def mid(venue: Box) -> float:
    return float(json.loads(venue.info(type="allMids").body)["BTC"])


def px(venue: Box, times: float) -> str:
    """A valid price so far from the middle of the market."""
    return str(round(mid(venue) * times / 100) * 100)


def wire(count: int, decimals: int) -> str:
    """A number in the form that is signed."""
    text = f"{count / 10**decimals:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def master(trader: Trader, kind: str, **fields: Any) -> dict[str, Any]:
    """The reply to an action that the master key signs."""
    trader.nonce += 1
    action = {"type": kind, "signatureChainId": "0xa4b1", "hyperliquidChain": "Mainnet"} | fields
    action |= {"time" if kind in ("usdSend", "withdraw3") else "nonce": trader.nonce}
    signature = sign_user_signed(action, trader.key)
    reply = trader.box.exchange({"action": action, "nonce": trader.nonce, "signature": signature})
    found: dict[str, Any] = json.loads(reply.body)
    return found


def posted(trader: Trader, action: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The reply to an action with an expiry, a vault or a nonce of its own."""
    trader.nonce += 1
    nonce = more.pop("nonce", trader.nonce)
    vault, expires = more.get("vaultAddress"), more.get("expiresAfter")
    signature = sign_l1(action, trader.key, nonce, vault, expires)
    body = {"action": action, "nonce": nonce, "signature": signature} | more
    found: dict[str, Any] = json.loads(trader.box.exchange(body).body)
    return found


def one(venue: Box, times: float = 0.9, **more: Any) -> dict[str, Any]:
    """A batch of one order, which rests unless told otherwise."""
    fields = {"px": px(venue, times), "size": "0.01"} | more
    return {"type": "order", "orders": [order(**fields)], "grouping": "na"}


OK = {"status": "ok", "response": {"type": "default"}}


def test_c5_orders_name_assets_by_number_those_of_builders_from_110000_on() -> None:
    venue = box(dex="xyz")
    trader = venue.trader()
    coins = list(venue.gateway.state.coins.values())
    assert [coin.asset for coin in coins if coin.dex == "xyz"][:2] == [110_000, 110_001]
    for coin in coins:
        leverage = {"type": "updateLeverage", "asset": coin.asset, "isCross": False, "leverage": 3}
        assert trader.act(leverage) == OK
        size = coin.size_decimals
        away = coin.mark_ticks * 9 // 10
        away -= away % 10 ** max(0, len(str(away)) - 4)
        lots = 20_000_000 // away + 1
        (status,) = trader.place(
            order(asset=coin.asset, px=wire(away, 6 - size), size=wire(lots, size))
        )
        oid = status["resting"]["oid"]
        assert venue.gateway.state.orders[oid].coin == coin.name
    reply = posted(trader, one(venue) | {"orders": [order(asset=10_107, px="1", size="100")]})
    assert reply["status"] == "err"


def test_c6_prices_have_five_digits_and_few_decimals_but_whole_ones_any(
    venue: Box, trader: Trader
) -> None:
    whole = str(int(float(px(venue, 0.9))) + 1)
    assert len(whole) > 5
    fine, off, tiny = trader.place(
        order(px=whole, size="0.01"),
        order(px=f"{whole}.5", size="0.01"),
        order(px=px(venue, 0.9), size="0.0000001"),
    )
    assert "resting" in fine
    assert off == {"error": "Price must be divisible by tick size. asset=0"}
    assert tiny == {"error": "Order has invalid size."}


def test_c6_an_order_is_worth_ten_dollars(venue: Box, trader: Trader) -> None:
    (status,) = trader.place(order(px=px(venue, 0.9), size="0.00001"))
    assert status == {"error": "Order must have minimum value of $10. asset=0"}


def test_c6_a_price_lies_within_the_band(venue: Box, trader: Trader) -> None:
    (status,) = trader.place(order(px=px(venue, 0.1), size="1"))
    assert status["error"].startswith(
        "Order price cannot be more than 80% away from the reference price"
    )


def test_c7_each_order_of_a_batch_has_its_own_answer(venue: Box, trader: Trader) -> None:
    away, cross = px(venue, 0.9), px(venue, 1.02)
    resting, filled, unmatched, crossed, reduce = trader.place(
        order(px=away, size="0.01", c=CLOID),
        order(px=cross, size="0.01", tif="Ioc"),
        order(px=away, size="0.01", tif="Ioc"),
        order(px=cross, size="0.01", tif="Alo"),
        order(px=away, size="0.01", reduce_only=True),
    )
    assert set(resting["resting"]) == {"oid", "cloid"}
    assert resting["resting"]["cloid"] == CLOID
    assert set(filled["filled"]) == {"totalSz", "avgPx", "oid"}
    assert filled["filled"]["totalSz"] == "0.01"
    assert unmatched == {
        "error": "Order could not immediately match against any resting orders. asset=0"
    }
    assert crossed["error"].startswith("Post only order would have immediately matched, bbo was ")
    assert "@" in crossed["error"]
    assert reduce == {"error": "Reduce only order would increase position. asset=0"}


def test_c7_a_cancel_names_what_is_not_there(venue: Box, trader: Trader) -> None:
    (status,) = trader.place(order(px=px(venue, 0.9), size="0.01"))
    oid = status["resting"]["oid"]
    reply = trader.act({"type": "cancel", "cancels": [{"a": 0, "o": oid}, {"a": 0, "o": oid}]})

    gone = "Order was never placed, already canceled, or filled. asset=0"
    data = {"statuses": ["success", {"error": gone}]}
    assert reply == {"status": "ok", "response": {"type": "cancel", "data": data}}


@pytest.mark.parametrize("by_cloid", [True, False])
def test_c7_a_modified_order_has_a_new_oid_and_its_old_cloid(
    venue: Box, trader: Trader, by_cloid: bool
) -> None:
    (status,) = trader.place(order(px=px(venue, 0.9), size="0.01", c=CLOID))
    oid = status["resting"]["oid"]
    new = order(px=px(venue, 0.8), size="0.02", c=CLOID)
    target = CLOID if by_cloid else oid
    assert trader.act({"type": "modify", "oid": target, "order": new}) == OK

    open_oids = venue.gateway.state.accounts[trader.user].open_oids
    (new_oid,) = open_oids
    assert new_oid != oid
    assert venue.gateway.state.orders[new_oid].cloid == CLOID


def test_c7_only_passive_orders_replace_others_unless_always_placed(
    venue: Box, trader: Trader
) -> None:
    (status,) = trader.place(order(px=px(venue, 0.9), size="0.01"))
    oid = status["resting"]["oid"]
    crossing = order(px=px(venue, 1.02), size="0.01")
    modify = {"type": "batchModify", "modifies": [{"oid": oid, "order": crossing}]}

    (status,) = trader.act(modify)["response"]["data"]["statuses"]
    assert "error" in status
    (status,) = trader.act(modify | {"a": True})["response"]["data"]["statuses"]
    assert "filled" in status


def test_c7_a_scheduled_cancel_is_for_who_has_traded_a_million(venue: Box, trader: Trader) -> None:
    words = (
        "Cannot set scheduled cancel time until enough volume traded. "
        "Required: $1000000. Traded: $0.00."
    )
    at = {"type": "scheduleCancel", "time": venue.now_ms + 5_000}
    for action in (at, {"type": "scheduleCancel"}):
        reply = trader.act(action)
        assert reply["status"] == "err"
        assert reply["response"].startswith(words[:76])
    venue.gateway.state.accounts[trader.user].volume_micros = 10**12
    soon = {"type": "scheduleCancel", "time": venue.now_ms + 4_999}
    assert trader.act(soon)["status"] == "err"
    trader.place(order(px=px(venue, 0.9), size="0.01"))
    assert trader.act({"type": "scheduleCancel", "time": venue.now_ms + 5_000}) == OK
    venue.pass_ms(5_001)
    assert venue.gateway.state.accounts[trader.user].open_oids == []


def test_c7_an_action_has_an_expiry_that_is_signed(venue: Box, trader: Trader) -> None:
    late = posted(trader, one(venue), expiresAfter=venue.now_ms - 1)
    assert late == {"status": "err", "response": "Action already expired"}
    assert posted(trader, one(venue), expiresAfter=venue.now_ms)["status"] == "ok"


def test_c7_a_twap_lasts_some_minutes(trader: Trader) -> None:
    twap = {"a": 0, "b": True, "s": "1", "r": False, "m": 1, "t": False}
    reply = trader.act({"type": "twapOrder", "twap": twap})
    words = {"status": {"error": "Invalid TWAP duration: 1 min(s)"}}
    assert reply == {"status": "ok", "response": {"type": "twapOrder", "data": words}}

    reply = trader.act({"type": "twapOrder", "twap": twap | {"m": 10}})
    twap_id = reply["response"]["data"]["status"]["running"]["twapId"]
    reply = trader.act({"type": "twapCancel", "a": 0, "t": twap_id})
    data = {"status": "success"}
    assert reply == {"status": "ok", "response": {"type": "twapCancel", "data": data}}


def test_c7_a_noop_burns_the_nonce_of_an_action_in_flight(venue: Box, trader: Trader) -> None:
    nonce = venue.now_ms + 100
    assert posted(trader, {"type": "noop"}, nonce=nonce) == OK
    reply = posted(trader, one(venue), nonce=nonce)
    assert reply == {"status": "err", "response": f"Invalid nonce: duplicate nonce {nonce}"}


def test_c7_a_trigger_needs_a_price_on_the_right_side(venue: Box, trader: Trader) -> None:
    trader.place(order(px=px(venue, 1.02), size="0.01", tif="Ioc"))
    trigger = {"isMarket": True, "triggerPx": px(venue, 0.9), "tpsl": "sl"}
    stop = order(is_buy=False, px=px(venue, 0.85), size="0.01", reduce_only=True)
    wrong = order(is_buy=False, px=px(venue, 0.95), size="0.01", reduce_only=True)
    for fields in (stop, wrong):
        fields["t"] = {"trigger": trigger}
    reply = trader.act({"type": "order", "orders": [stop], "grouping": "positionTpsl"})
    assert reply["response"]["data"]["statuses"] == ["waitingForTrigger"]
    (status,) = trader.place(wrong)
    assert status == {"error": "Invalid TP/SL price. asset=0"}


def test_c7_children_wait_for_the_fill_of_their_parent(venue: Box, trader: Trader) -> None:
    parent = order(px=px(venue, 0.9), size="0.01")
    children = []
    for tpsl, times in (("tp", 1.1), ("sl", 0.7)):
        child = order(is_buy=False, px=px(venue, times * 0.9), size="0.01", reduce_only=True)
        child["t"] = {"trigger": {"isMarket": True, "triggerPx": px(venue, times), "tpsl": tpsl}}
        children.append(child)
    reply = trader.act({"type": "order", "orders": [parent, *children], "grouping": "normalTpsl"})

    first, *rest = reply["response"]["data"]["statuses"]
    assert "resting" in first
    assert rest == ["waitingForFill", "waitingForFill"]


def test_c9_margin_is_needed(venue: Box) -> None:
    poor = venue.trader(9, usd=1)
    (status,) = poor.place(order(px=px(venue, 0.9), size="1"))
    assert status == {"error": "Insufficient margin to place order. asset=0"}


def test_c9_after_an_upgrade_only_post_only_orders_are_taken(venue: Box, trader: Trader) -> None:
    venue.gateway.state.post_only_until_ms = venue.now_ms + 60_000
    gtc, alo = trader.place(
        order(px=px(venue, 0.9), size="0.01"), order(px=px(venue, 0.9), size="0.01", tif="Alo")
    )
    assert gtc["error"].startswith(
        "Only post-only orders allowed immediately after a network upgrade"
    )
    assert "resting" in alo


def test_c9_strangers_vaults_and_builders(venue: Box, trader: Trader) -> None:
    stranger = Trader(venue, PrivateKey(b"\x09" * 32))
    assert stranger.act(one(venue)) == {
        "status": "err",
        "response": f"User or API Wallet {stranger.user} does not exist.",
    }
    reply = posted(trader, one(venue), vaultAddress=SUB)
    assert reply == {"status": "err", "response": f"Vault not registered: {SUB}"}
    reply = master(stranger, "usdSend", destination=trader.user, amount="1")
    assert reply["response"] == f"Must deposit before performing actions. User: {stranger.user}"

    with_builder = one(venue) | {"builder": {"b": SUB, "f": 10}}
    reply = trader.act(with_builder)
    assert reply == {"status": "err", "response": "Builder fee has not been approved"}
    assert master(trader, "approveBuilderFee", maxFeeRate="0.01%", builder=SUB) == OK
    assert trader.act(with_builder)["status"] == "ok"
    reply = trader.act(with_builder | {"builder": {"b": SUB, "f": 11}})
    assert reply == {"status": "err", "response": "Builder fee has not been approved"}


def test_c9_transfers_between_sides_are_off_in_a_unified_account(trader: Trader) -> None:
    mode = {"user": trader.user, "abstraction": "unifiedAccount"}
    assert master(trader, "userSetAbstraction", **mode) == OK
    reply = master(trader, "usdClassTransfer", amount="1", toPerp=False)
    assert reply["response"].startswith("Action disabled when unified account is active")


def test_c2_a_used_up_address_is_told_how_to_free_itself() -> None:
    venue = box(limits_on=True)
    trader = venue.trader()
    account = venue.gateway.state.accounts[trader.user]
    account.requests_used, account.volume_micros = 10_437, 437_920_000
    account.trickle_ms = venue.now_ms
    assert trader.act({"type": "noop"}) == {
        "status": "err",
        "response": (
            "Too many cumulative requests sent (10438 > 10437) for cumulative volume traded "
            "$437.92. Place taker orders to free up 1 request per USDC traded."
        ),
    }
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": 1}]}
    assert trader.act(cancel)["status"] == "ok"
    venue.pass_ms(10_000)
    assert trader.act({"type": "noop"}) == OK
    assert trader.act({"type": "noop"})["status"] == "err"


def test_c2_requests_can_be_bought(venue: Box, trader: Trader) -> None:
    account = venue.gateway.state.accounts[trader.user]
    cash_micros = account.cash_micros
    assert trader.act({"type": "reserveRequestWeight", "weight": 1_000}) == OK
    assert (account.requests_bought, cash_micros - account.cash_micros) == (1_000, 500_000)


def test_c10_an_agent_trades_moves_nothing_and_ends(venue: Box, trader: Trader) -> None:
    agent = Trader(venue, PrivateKey(b"\x0a" * 32))
    until_ms = venue.now_ms + 60_000
    name = f"robot valid_until {until_ms}"
    assert master(trader, "approveAgent", agentAddress=agent.user, agentName=name) == OK

    assert "resting" in agent.place(order(px=px(venue, 0.9), size="0.01"))[0]
    assert len(venue.gateway.state.accounts[trader.user].open_oids) == 1
    reply = master(agent, "withdraw3", destination=agent.user, amount="5")
    assert reply["response"] == f"Must deposit before performing actions. User: {agent.user}"
    venue.pass_ms(60_000)
    assert agent.act({"type": "noop"}) == {
        "status": "err",
        "response": f"User or API Wallet {agent.user} does not exist.",
    }


def test_c10_a_key_is_swapped_at_once_under_its_name(venue: Box, trader: Trader) -> None:
    old, new = (Trader(venue, PrivateKey(bytes((number,)) * 32)) for number in (11, 12))
    for agent in (old, new):
        assert master(trader, "approveAgent", agentAddress=agent.user, agentName="x") == OK
        assert agent.act({"type": "noop"}) == OK
    assert old.act({"type": "noop"})["status"] == "err"


def test_c10_nonces_are_kept_per_key_within_their_window(venue: Box, trader: Trader) -> None:
    noop = {"type": "noop"}
    for nonce in (venue.now_ms - 2 * DAY_MS + 1, venue.now_ms + DAY_MS - 1, venue.now_ms):
        assert posted(trader, noop, nonce=nonce) == OK
        words = f"Invalid nonce: duplicate nonce {nonce}"
        assert posted(trader, noop, nonce=nonce)["response"] == words
    for nonce, words in (
        (venue.now_ms - 2 * DAY_MS, "Invalid nonce: nonce too low "),
        (venue.now_ms + DAY_MS, "Invalid nonce: nonce too high "),
    ):
        assert posted(trader, noop, nonce=nonce)["response"].startswith(words)


def test_c10_a_sub_account_is_traded_through_its_master(venue: Box, trader: Trader) -> None:
    accounts = venue.gateway.state.accounts
    reply = trader.act({"type": "createSubAccount", "name": "one"})
    assert reply["status"] == "err"
    accounts[trader.user].volume_micros = 100_000 * 1_000_000
    sub = trader.act({"type": "createSubAccount", "name": "one"})["response"]["data"]
    move = {"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": True, "usd": 10**9}
    assert trader.act(move) == OK

    reply = posted(trader, one(venue), vaultAddress=sub)
    assert "resting" in reply["response"]["data"]["statuses"][0]
    assert len(accounts[sub].open_oids) == 1
    assert accounts[trader.user].open_oids == []


def test_c15_what_comes_from_the_house_is_nobodys_to_sign_for(venue: Box, trader: Trader) -> None:
    assert isinstance(venue.gateway.state.accounts[HOUSE], Account)
    reply = posted(trader, one(venue), vaultAddress=HOUSE)
    assert reply == {"status": "err", "response": f"Vault not registered: {HOUSE}"}
