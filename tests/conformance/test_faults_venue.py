"""What clients see of faults of actions and of the exchange itself; names as in docs/faults.md."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from schemas.fault_kind import CANCELS, REASONS
from sidecar.emulator.exchange import margin
from sidecar.emulator.exchange.requests import ApproveAgent
from tests.fault_scene import BTC, HOUR_MS, MINUTE_MS, SECOND_MS, SELL_PX, Scene, shows
from tests.venue_box import order

CLOID = "0x" + "0" * 31 + "7"


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture(autouse=True)
def money_stays_whole(scene: Scene) -> Any:
    yield
    assert margin.audit(scene.box.gateway.state) == 0
    assert margin.positions_off(scene.box.gateway.state) == {}


def status_of(scene: Scene, oid: int | str) -> str:
    found = scene.ask("orderStatus", user=scene.user, oid=oid)
    status: str = found["order"]["status"] if found["status"] == "order" else found["status"]
    return status


def with_expiry(scene: Scene, action: dict[str, Any], expires_ms: int) -> dict[str, Any]:
    from sidecar.emulator.wire.signatures import sign_l1

    trader = scene.trader
    trader.nonce += 1
    signature = sign_l1(action, trader.key, trader.nonce, None, expires_ms)
    body = {"action": action, "nonce": trader.nonce, "signature": signature}
    return body | {"expiresAfter": expires_ms}


# Actions


@shows("late_accept")
def test_an_order_that_was_not_found_is_there_later(scene: Scene) -> None:
    scene.fault("late_accept", type="order", delay_ms=5_000, count=1)
    action = {"type": "order", "orders": [order(px=SELL_PX, size="0.01", c=CLOID)]}

    reply = scene.box.exchange(scene.trader.signed(action | {"grouping": "na"}))
    assert reply.is_lost
    assert status_of(scene, CLOID) == "unknownOid"
    scene.box.pass_ms(4_999)
    assert status_of(scene, CLOID) == "unknownOid"
    scene.box.pass_ms(1)
    assert status_of(scene, CLOID) == "open"


def test_an_order_that_expired_meanwhile_never_comes(scene: Scene) -> None:
    scene.fault("late_accept", type="order", delay_ms=5_000)
    action = {"type": "order", "orders": [order(px=SELL_PX, size="0.01", c=CLOID)]}

    body = with_expiry(scene, action | {"grouping": "na"}, scene.box.now_ms + 4_000)
    assert scene.box.exchange(body).is_lost
    scene.box.pass_ms(MINUTE_MS)

    assert status_of(scene, CLOID) == "unknownOid"
    assert scene.counter("late_accept").had_effect == 0


@shows("partial")
def test_an_order_fills_in_part_because_another_was_first(scene: Scene) -> None:
    scene.fault("partial", frac=0.25, count=1)

    (status,) = scene.buy(size="0.4", px="112500")

    assert status["filled"]["totalSz"] == "0.1"
    assert scene.lots() == 10_000
    scene.box.pass_ms(5 * SECOND_MS)
    (whole,) = scene.buy(size="0.01")
    assert whole["filled"]["totalSz"] == "0.01"


@shows("rest_instead")
def test_an_order_for_the_market_rests_instead(scene: Scene) -> None:
    scene.fault("rest_instead", count=1)

    (status,) = scene.buy()

    assert status_of(scene, status["resting"]["oid"]) == "open"
    assert scene.lots() == 0


@shows("rest_instead")
def test_an_order_that_would_rest_fills_instead(scene: Scene) -> None:
    scene.fault("rest_instead", how="fill", count=1)

    (status,) = scene.trader.place(order(px=SELL_PX, size="0.01", tif="Alo"))

    assert float(status["filled"]["avgPx"]) <= float(SELL_PX)
    assert scene.lots() == 1_000


@shows("cancel_race")
def test_an_order_fills_while_its_cancel_is_under_way(scene: Scene) -> None:
    oid = scene.rest()
    scene.fault("cancel_race")

    reply = scene.trader.act({"type": "cancel", "cancels": [{"a": 0, "o": oid}]})

    (status,) = reply["response"]["data"]["statuses"]
    assert "already canceled, or filled" in status["error"]
    assert status_of(scene, oid) == "filled"
    assert scene.lots() == 1_000


@shows("reject")
def test_every_documented_reason_can_be_had(scene: Scene) -> None:
    for reason, words in REASONS.items():
        scene.fault("reject", reason=reason, count=1)

        (refused,) = scene.buy()
        (taken,) = scene.buy()

        said, _, quoted = refused["error"].partition("bbo was ")
        expected = f"{words} asset=0".partition("bbo was ")[0]
        assert said == expected, reason
        assert not quoted or re.fullmatch(r"112\d{3}@112\d{3}\. asset=0", quoted), quoted
        assert "filled" in taken
    told = [one["status"] for one in scene.ask("historicalOrders", user=scene.user)]
    assert [status for status in REASONS if told.count(status) != 1] == []


@shows("reject")
def test_a_reason_that_nobody_knows_can_be_had(scene: Scene) -> None:
    scene.fault("reject", text="Order rejected by the moon.", coin=BTC)

    btc, eth = scene.trader.place(
        order(px="113000", size="0.01", tif="Ioc"),
        order(px="6700", size="0.1", tif="Ioc", asset=1),
    )

    assert btc == {"error": "Order rejected by the moon."}
    assert "filled" in eth


@shows("ro_reject")
def test_the_position_is_gone_when_its_exit_arrives(scene: Scene) -> None:
    scene.buy()
    scene.fault("ro_reject")
    exit_order = order(is_buy=False, px=SELL_PX, size="0.01", tif="Ioc", reduce_only=True)

    (status,) = scene.trader.place(exit_order)

    assert status["error"].startswith("Reduce only order would increase position.")
    assert scene.lots() == 0


@shows("nonce")
@pytest.mark.parametrize("how", ["duplicate", "low"])
def test_a_nonce_is_used_up_before_it_arrives(scene: Scene, how: str) -> None:
    scene.fault("nonce", how=how, count=1)
    action = {"type": "order", "orders": [order(px="113000", size="0.01", tif="Ioc")]}
    body = scene.trader.signed(action | {"grouping": "na"})

    reply = json.loads(scene.box.exchange(body).body)

    assert reply["status"] == "err"
    assert "nonce" in reply["response"]
    assert scene.lots() == 0
    scene.trader.nonce += 1_000
    scene.buy()
    assert scene.lots() == 1_000


# The venue


@shows("halt")
@pytest.mark.parametrize("keys", [{}, {"coin": BTC}])
def test_a_halt_takes_no_orders_and_ends(scene: Scene, keys: dict[str, str]) -> None:
    scene.fault("halt", for_s=30, **keys)

    assert scene.buy()[0]["error"].startswith("Trading is halted.")
    scene.box.pass_ms(31 * SECOND_MS)
    assert "filled" in scene.buy()[0]


@shows("oi_cap")
def test_open_interest_is_capped(scene: Scene) -> None:
    scene.fault("oi_cap", coin=BTC, usd=10.0, for_s=30)
    scene.buy()

    assert "open interest" in scene.buy()[0]["error"]
    scene.box.pass_ms(31 * SECOND_MS)
    assert "filled" in scene.buy()[0]


@shows("postonly")
def test_after_an_upgrade_only_post_only_orders_are_taken(scene: Scene) -> None:
    scene.fault("postonly", for_s=30)

    assert scene.buy()[0]["error"].startswith("Only post-only orders allowed")
    (resting,) = scene.trader.place(order(px=SELL_PX, size="0.01", tif="Alo"))
    assert "resting" in resting
    scene.box.pass_ms(31 * SECOND_MS)
    assert "filled" in scene.buy()[0]


@shows("delist")
def test_a_delisted_symbol_settles_and_is_marked(scene: Scene) -> None:
    scene.buy()
    oid = scene.rest()
    scene.fault("delist", coin=BTC)

    assert scene.lots() == 0
    assert status_of(scene, oid) == "delistedCanceled"
    assert scene.ask("meta")["universe"][0]["isDelisted"] is True


@shows("tier")
def test_the_highest_leverage_shrinks_and_comes_back(scene: Scene) -> None:
    change = {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 20}
    assert scene.trader.act(change)["status"] == "ok"
    scene.fault("tier", coin=BTC, leverage=3, for_s=30)

    assert "error" in scene.buy()[0]
    assert scene.ask("meta")["universe"][0]["maxLeverage"] == 3
    scene.box.pass_ms(31 * SECOND_MS)
    assert "filled" in scene.buy()[0]
    assert scene.ask("meta")["universe"][0]["maxLeverage"] == 40


@shows("min_ntl")
def test_the_least_value_rises(scene: Scene) -> None:
    scene.fault("min_ntl", usd=5_000.0, for_s=30)

    assert "minimum value" in scene.buy()[0]["error"]
    scene.box.pass_ms(31 * SECOND_MS)
    assert "filled" in scene.buy()[0]


@shows("min_ntl")
@pytest.mark.parametrize("first_ends_s", [10, 30])
def test_two_faults_of_one_rule_end_in_any_order(scene: Scene, first_ends_s: int) -> None:
    scene.fault("min_ntl", usd=2_000.0, for_s=first_ends_s)
    scene.fault("min_ntl", usd=5_000.0, for_s=20)
    rules = scene.box.gateway.state.rules

    seen = []
    for _ in range(4):
        seen.append(rules.min_order_micros // 1_000_000)
        scene.box.pass_ms(10 * SECOND_MS)
    assert seen == [5_000, 5_000, 2_000 if first_ends_s == 30 else 10, 10]


@shows("oracle")
def test_the_band_around_the_oracle_narrows(scene: Scene) -> None:
    scene.fault("oracle", for_s=30)

    assert scene.buy()[0]["error"].startswith("Price too far from oracle")
    scene.box.pass_ms(31 * SECOND_MS)
    assert "filled" in scene.buy()[0]


@shows("oo_limit")
def test_the_limit_of_open_orders_falls(scene: Scene) -> None:
    scene.fault("oo_limit", limit_count=2, for_s=30)
    scene.rest()
    scene.rest()

    (status,) = scene.trader.place(order(px=SELL_PX, size="0.01"))
    assert "open orders" in status["error"]
    scene.box.pass_ms(31 * SECOND_MS)
    scene.rest()


@shows("funding")
def test_an_hour_costs_four_percent(scene: Scene) -> None:
    scene.buy()
    scene.fault("funding", coin=BTC, rate_1h=0.04)
    scene.box.pass_ms(HOUR_MS + SECOND_MS)

    (row,) = scene.account.funding
    oracle_usd = scene.btc.funding[-1]
    assert row.rate_1h == 0.04
    assert row.micros < -0.03 * 1_000 * 1_100_000
    assert oracle_usd[1] == 0.04


@shows("crash")
def test_the_market_crashes_and_comes_back(scene: Scene) -> None:
    oid = scene.rest(px="105000")
    before = scene.btc.mark_ticks
    scene.fault("crash", coin=BTC, frac=-0.2)

    assert scene.btc.mark_ticks < 0.85 * before
    assert status_of(scene, oid) == "filled"
    scene.box.pass_ms(30 * SECOND_MS)
    assert scene.btc.mark_ticks == pytest.approx(before, rel=0.05)


# Accounts


@shows("margin")
def test_free_money_is_on_the_spot_side_for_a_while(scene: Scene) -> None:
    scene.fault("margin", user=scene.user, for_s=30)

    assert scene.buy()[0]["error"].startswith("Insufficient margin")
    spot = scene.ask("spotClearinghouseState", user=scene.user)
    assert float(spot["balances"][0]["total"]) == 100_000
    scene.box.pass_ms(31 * SECOND_MS)
    assert "filled" in scene.buy()[0]


@shows("transfer")
@pytest.mark.parametrize("usd", [2_500.0, -2_500.0])
def test_money_comes_and_goes(scene: Scene, usd: float) -> None:
    scene.fault("transfer", user=scene.user, usd=usd)

    (row,) = scene.ask("userNonFundingLedgerUpdates", user=scene.user, startTime=0)[-1:]
    assert scene.account.cash_micros == 100_000_000_000 + int(usd * 1e6)
    assert row["delta"]["type"] == ("deposit" if usd > 0 else "withdraw")


@shows("liq")
def test_a_position_is_liquidated(scene: Scene) -> None:
    poor = scene.box.trader(secret=2, usd=2_000)
    (status,) = poor.place(order(px="113000", size="0.2", tif="Ioc"))
    assert "filled" in status
    scene.fault("liq", user=poor.user)

    fills = scene.ask("userFills", user=poor.user)
    assert any("liquidation" in fill for fill in fills)
    assert scene.lots() == 0


@shows("adl")
@pytest.mark.parametrize("is_buy", [True, False])
def test_a_winner_is_deleveraged(scene: Scene, is_buy: bool) -> None:
    px = "113000" if is_buy else SELL_PX
    scene.trader.place(order(is_buy=is_buy, px=px, size="0.1", tif="Ioc"))
    before = scene.lots()
    scene.fault("adl", user=scene.user, coin=BTC, frac=0.5)

    fills = scene.ask("userFills", user=scene.user)
    assert abs(scene.lots()) == abs(before) // 2
    assert fills[0]["dir"] == "Auto-Deleveraging"
    assert scene.account.cash_micros > 0


@shows("agent")
def test_an_agent_is_taken_back(scene: Scene) -> None:
    from coincurve import PrivateKey

    from sidecar.emulator.wire.signatures import address_of
    from tests.venue_box import Trader

    key = PrivateKey((9).to_bytes(32, "big"))
    agent = Trader(scene.box, key)
    scene.box.apply(ApproveAgent(scene.user, address_of(key), "bot", None))
    assert agent.act({"type": "noop"})["status"] == "ok"
    scene.fault("agent", user=scene.user)

    refused = agent.act({"type": "noop"})
    assert refused["status"] == "err"
    assert "does not exist" in refused["response"]


@shows("foreign", "external")
def test_other_hands_trade_on_the_account(scene: Scene) -> None:
    scene.fault("foreign", user=scene.user, coin=BTC, usd=500.0)
    scene.fault("external", user=scene.user, coin=BTC, usd=300.0, is_buy=False)

    foreign, external = scene.account.fills
    assert foreign.cloid is not None
    assert foreign.cloid.startswith("0xf0")
    assert external.cloid is None
    assert foreign.lots * foreign.ticks == pytest.approx(500e6, rel=0.01)
    assert scene.account.requests_used >= 1


def target_and_stop(scene: Scene) -> list[Any]:
    def exit_at(px: str, kind: str) -> dict[str, Any]:
        trigger = {"isMarket": True, "triggerPx": px, "tpsl": kind}
        limit = {"tp": "105000", "sl": "100000"}[kind]
        return order(is_buy=False, px=limit, size="0.01", reduce_only=True) | {
            "t": {"trigger": trigger}
        }

    orders = [exit_at("118000", "tp"), exit_at("105000", "sl")]
    reply = scene.trader.act({"type": "order", "orders": orders, "grouping": "positionTpsl"})
    assert reply["status"] == "ok", reply
    return scene.ask("frontendOpenOrders", user=scene.user)  # type: ignore[no-any-return]


@shows("sibling")
def test_a_target_fills_and_its_stop_is_cancelled(scene: Scene) -> None:
    scene.buy()
    first, second = target_and_stop(scene)
    scene.fault("sibling", user=scene.user)

    statuses = {status_of(scene, one["oid"]) for one in (first, second)}
    assert "siblingFilledCanceled" in statuses
    assert scene.lots() == 0


@shows("sibling")
def test_own_orders_meet_and_the_resting_one_is_cancelled(scene: Scene) -> None:
    oid = scene.rest()
    scene.fault("sibling", user=scene.user, how="self_trade")

    assert status_of(scene, oid) == "selfTradeCanceled"


@shows("sibling")
def test_the_venue_cancels_an_order_for_any_of_its_reasons(scene: Scene) -> None:
    for reason in CANCELS:
        oid, wire = scene.rest(), scene.box.connect()
        wire.subscribe("userEvents", user=scene.user)
        scene.fault("sibling", user=scene.user, how="venue", reason=reason)

        assert status_of(scene, oid) == reason
        assert [one["data"] for one in wire.heard()] == [
            {"nonUserCancel": [{"coin": BTC, "oid": oid}]}
        ]
        scene.box.hang_up(wire)


@shows("dms")
def test_the_dead_mans_switch_takes_stops_too(scene: Scene) -> None:
    scene.buy()
    oid = scene.rest()
    stops = [one["oid"] for one in target_and_stop(scene) if one["oid"] != oid]
    scene.fault("dms", user=scene.user)

    assert [status_of(scene, one) for one in (oid, *stops)] == ["scheduledCancel"] * 3
    assert scene.lots() == 1_000
    assert scene.box.gateway.state.rules.dms_volume_micros == 10**12


@shows("mode")
def test_the_margin_mode_is_another_for_a_while(scene: Scene) -> None:
    scene.fault("mode", user=scene.user, coin=BTC, leverage=5, for_s=30)

    told = scene.ask("activeAssetData", user=scene.user, coin=BTC)["leverage"]
    assert (told["type"], told["value"]) == ("isolated", 5)
    scene.box.pass_ms(31 * SECOND_MS)
    assert scene.account.leverages[BTC].mode == "cross"
    assert scene.account.leverages[BTC].value == 20
