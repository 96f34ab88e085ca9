"""Checks of an order, their words and statuses, and groups of orders."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.emulator.exchange import book, checks, margin
from sidecar.emulator.exchange.events import (
    Answered,
    Filled,
    FillSeen,
    OrderChanged,
    Refused,
    Resting,
    Waiting,
)
from sidecar.emulator.exchange.requests import Place
from tests.exchange_floor import ALICE, BOB, BTC, CAROL, ETH, USD, Floor, spec, stop, target

CLOID = "0x" + "12" * 16
BUILDER = "0x" + "f" * 40


@pytest.fixture
def floor() -> Floor:
    """Three users with money."""
    made = Floor()
    made.fund(ALICE, BOB, CAROL)
    return made


def resting(floor: Floor, user: str, **fields: Any) -> int:
    status = floor.order(user, **fields)
    assert isinstance(status, Resting), status
    return status.oid


def open_long(floor: Floor, user: str = ALICE, lots: int = 1_000) -> None:
    """A long position in BTC."""
    assert isinstance(floor.order(user, limit_ticks=620_000, lots=lots, tif="Ioc"), Filled)
    floor.move(600_000)


ALONE = [
    ({"lots": 0}, "Order has zero size.", "rejected"),
    ({"lots": -5}, "Order has zero size.", "rejected"),
    ({"limit_ticks": 0}, "Order has invalid price.", "rejected"),
    ({"fault": "Order has invalid price."}, "Order has invalid price.", "rejected"),
    (
        {"fault": "Price must be divisible by tick size."},
        "Price must be divisible by tick size. asset=0",
        "tickRejected",
    ),
    (
        {"limit_ticks": 119_900, "lots": 10_000},
        "Order price cannot be more than 80% away from the reference price",
        "rejected",
    ),
    (
        {"limit_ticks": 1_081_000},
        "Order price cannot be more than 80% away from the reference price",
        "rejected",
    ),
    ({"lots": 16}, "Order must have minimum value of $10. asset=0", "minTradeNtlRejected"),
    ({"lots": 600_000_000}, "Order value too large. Max is $300000000.", "rejected"),
    ({"lots": 60_000_000, "tif": "Ioc"}, "Order value too large. Max is $30000000.", "rejected"),
    (
        {"reduce_only": True},
        "Reduce only order would increase position. asset=0",
        "reduceOnlyRejected",
    ),
    ({"lots": 40_000_000}, "Insufficient margin to place order. asset=0", "perpMarginRejected"),
    (
        {"limit_ticks": 590_000, "tif": "Ioc"},
        "Order could not immediately match against any resting orders. asset=0",
        "iocCancelRejected",
    ),
    ({"trigger": stop(590_000)}, "Invalid TP/SL price. asset=0", "badTriggerPxRejected"),
    (
        {"trigger": stop(610_000), "limit_ticks": 605_000},
        "Invalid TP/SL price. asset=0",
        "badTriggerPxRejected",
    ),
    (
        {"trigger": target(610_000), "limit_ticks": 620_000},
        "Invalid TP/SL price. asset=0",
        "badTriggerPxRejected",
    ),
]


@pytest.mark.parametrize(("fields", "text", "status"), ALONE)
def test_an_order_is_refused_in_the_venue_s_words_and_kept_as_history(
    floor: Floor, fields: dict[str, Any], text: str, status: str
) -> None:
    reply = floor.order(ALICE, cloid=CLOID, **fields)
    assert reply == Refused(text)
    account = floor.state.accounts[ALICE]
    assert account.open_oids == []
    order = floor.get(account.cloids[CLOID])
    assert (order.status, account.ended) == (status, [order.oid])
    assert floor.the(OrderChanged).order.status == status
    assert margin.audit(floor.state) == 0


def test_the_order_just_within_every_bound_is_taken(floor: Floor) -> None:
    resting(floor, ALICE, limit_ticks=120_100, lots=84)
    assert isinstance(floor.order(ALICE, lots=17, limit_ticks=620_000), Filled)
    assert isinstance(floor.order(ALICE, limit_ticks=1_080_000), Filled)


def test_a_refused_order_does_not_refuse_its_batch(floor: Floor) -> None:
    found = floor.place(
        ALICE, spec(limit_ticks=590_000), spec(lots=1), spec(ETH, limit_ticks=290_000)
    )
    assert [type(status) for status in found] == [Resting, Refused, Resting]


def test_a_post_only_order_that_would_trade_hears_the_best_prices(floor: Floor) -> None:
    bid, ask = book.best(floor.state, floor.state.coins["BTC"])
    assert bid is not None
    assert ask is not None
    reply = floor.order(ALICE, limit_ticks=ask, tif="Alo")
    words = f"bbo was {bid // 10}@{ask // 10}. asset=0"
    assert reply == Refused(f"Post only order would have immediately matched, {words}")
    assert floor.the(OrderChanged).order.status == "badAloPxRejected"
    resting(floor, ALICE, limit_ticks=bid, tif="Alo")


def test_no_liquidity_is_told_from_no_match(floor: Floor) -> None:
    floor.quiet()
    reply = floor.order(ALICE, tif="FrontendMarket")
    assert reply == Refused("No liquidity available for market order. asset=0")
    assert floor.the(OrderChanged).order.status == "marketOrderNoLiquidityRejected"


def test_a_position_may_be_closed_whole_below_the_minimum_but_not_in_part(floor: Floor) -> None:
    open_long(floor, lots=17)
    close = {"is_buy": False, "limit_ticks": 570_000, "tif": "Ioc", "reduce_only": True}
    floor.move(580_000)
    part = floor.order(ALICE, lots=10, **close)
    assert part == Refused("Order must have minimum value of $10. asset=0")
    open_close = floor.order(ALICE, lots=17, **(close | {"reduce_only": False}))
    assert isinstance(open_close, Refused)
    whole = floor.order(ALICE, lots=17, **close)
    assert isinstance(whole, Filled)
    assert floor.held(ALICE) == 0


def test_a_reduce_only_order_is_cut_to_the_position(floor: Floor) -> None:
    open_long(floor)
    reply = floor.order(
        ALICE, is_buy=False, limit_ticks=580_000, lots=5_000, tif="Ioc", reduce_only=True
    )
    assert isinstance(reply, Filled)
    assert (reply.lots, floor.held(ALICE)) == (1_000, 0)
    assert floor.get(reply.oid).status == "filled"


def test_a_price_far_from_the_oracle_is_refused(floor: Floor) -> None:
    floor.set("oracle_ticks", 300_000, "BTC")
    reply = floor.order(ALICE, limit_ticks=600_000)
    assert reply == Refused("Price too far from oracle asset=0")
    assert floor.the(OrderChanged).order.status == "oracleRejected"


def test_leverage_beyond_the_tier_is_refused_as_such(floor: Floor) -> None:
    one = floor.state.coins["BTC"]
    one.tiers = [one.tiers[0], type(one.tiers[0])(1_000 * USD, 10)]
    reply = floor.order(ALICE, limit_ticks=590_000, lots=100_000)
    assert reply == Refused(
        "Order would cause position to exceed margin tier limit at current leverage asset=0"
    )
    assert floor.the(OrderChanged).order.status == "perpMaxPositionRejected"


def test_open_interest_caps(floor: Floor) -> None:
    open_long(floor)
    capped = "Order would increase open interest while open interest is capped asset=0"
    floor.set("open_interest_cap_micros", 700 * USD, "BTC")
    assert floor.order(BOB, limit_ticks=590_000) == Refused(
        "Order would increase open interest too quickly asset=0"
    )
    floor.set("open_interest_cap_micros", 600 * USD, "BTC")
    assert floor.order(ALICE, limit_ticks=590_000) == Refused(capped)
    assert floor.the(OrderChanged).order.status == "positionIncreaseAtOpenInterestCapRejected"
    assert floor.order(ALICE, is_buy=False, lots=1_500, limit_ticks=610_000) == Refused(capped)
    assert floor.the(OrderChanged).order.status == "positionFlipAtOpenInterestCapRejected"
    reply = floor.order(ALICE, is_buy=False, lots=500, limit_ticks=590_000)
    assert isinstance(reply, Refused)
    assert reply.error.startswith("Order rejected due to price more aggressive than oracle")
    assert floor.the(OrderChanged).order.status == "tooAggressiveAtOpenInterestCapRejected"
    assert isinstance(floor.order(ALICE, is_buy=False, lots=500, limit_ticks=610_000), Resting)
    market = floor.order(ALICE, is_buy=False, lots=500, limit_ticks=590_000, tif="Ioc")
    assert isinstance(market, Filled)


def test_open_orders_have_a_limit_and_extra_ones_a_lower_one(floor: Floor) -> None:
    floor.set("open_orders_initial", 3)
    for _ in range(3):
        resting(floor, ALICE, limit_ticks=590_000, lots=20)
    assert floor.order(ALICE, limit_ticks=590_000, lots=20) == Refused(
        "Too many open orders asset=0"
    )
    assert floor.the(OrderChanged).order.status == "tooManyOpenOrdersRejected"
    open_long(floor)
    account = floor.state.accounts[ALICE]
    assert checks.open_orders_max(floor.state, account) == 3
    account.volume_micros = 10_000_000 * USD
    assert checks.open_orders_max(floor.state, account) == 5
    account.volume_micros = 10**30
    assert checks.open_orders_max(floor.state, account) == 5_000


def test_at_a_thousand_open_orders_no_more_stops_are_taken(floor: Floor) -> None:
    open_long(floor)
    account = floor.state.accounts[ALICE]
    account.volume_micros = 50_000_000 * USD
    batch = tuple(spec(limit_ticks=590_000, lots=20) for _ in range(999))
    floor.place(ALICE, *batch)
    closing = {"is_buy": False, "limit_ticks": 540_000, "reduce_only": True}
    assert isinstance(floor.order(ALICE, trigger=stop(550_000), **closing), Resting)
    reply = floor.order(ALICE, trigger=stop(550_000), **closing)
    assert reply == Refused("Too many open orders asset=0")
    reply = floor.order(ALICE, is_buy=False, limit_ticks=610_000, reduce_only=True)
    assert reply == Refused("Too many open orders asset=0")
    resting(floor, ALICE, limit_ticks=590_000, lots=20)


def test_after_an_upgrade_only_post_only_orders_are_taken(floor: Floor) -> None:
    floor.set("post_only_until_ms", floor.now_ms + 1_000)
    words = "Only post-only orders allowed immediately after a network upgrade asset=0"
    for fields in ({"tif": "Ioc"}, {"limit_ticks": 590_000}, {"trigger": stop(610_000)}):
        assert floor.order(ALICE, **fields) == Refused(words)
    resting(floor, ALICE, limit_ticks=590_000, tif="Alo")
    floor.wait(1_000)
    assert isinstance(floor.order(ALICE, limit_ticks=610_000, tif="Ioc"), Filled)


@pytest.mark.parametrize("what", ["coin", "venue"])
def test_nothing_is_placed_while_trading_is_halted(floor: Floor, what: str) -> None:
    oid = resting(floor, ALICE, limit_ticks=590_000)
    if what == "coin":
        floor.set("is_halted", True, "BTC")
    else:
        floor.set("halted_until_ms", floor.now_ms + 1_000)
    assert floor.order(ALICE, limit_ticks=590_000) == Refused("Trading is halted. asset=0")
    assert floor.cancel(ALICE, (BTC, oid)) == [Waiting("success")]


BATCHES: list[tuple[Place, str]] = [
    (Place(ALICE, ()), "Orders are empty"),
    (Place(ALICE, (spec(), spec(77))), "Order 1: Unknown asset 77."),
    (Place(ALICE, (spec(),), builder=BUILDER), "Builder fee has not been approved"),
    (Place(ALICE, (spec(),), "normalTpsl"), "Unexpected number of trigger orders"),
    (Place(ALICE, (spec(), spec()), "normalTpsl"), "Unexpected number of trigger orders"),
    (
        Place(ALICE, (spec(), *[spec(trigger=stop(1), is_buy=False)] * 3), "normalTpsl"),
        "Unexpected number of trigger orders",
    ),
    (
        Place(ALICE, (spec(trigger=stop(1)), spec(trigger=stop(1))), "normalTpsl"),
        "Main order cannot be trigger order.",
    ),
    (
        Place(ALICE, (spec(), spec(is_buy=False, trigger=stop(590_000))), "normalTpsl"),
        "Trigger order is not reduce only.",
    ),
    (
        Place(
            ALICE,
            (spec(), spec(ETH, is_buy=False, reduce_only=True, trigger=stop(590_000))),
            "normalTpsl",
        ),
        "Orders of a group must be of one asset.",
    ),
    (
        Place(ALICE, (spec(), spec(reduce_only=True, trigger=stop(610_000))), "normalTpsl"),
        "Trigger order has unexpected side.",
    ),
    (
        Place(ALICE, (spec(),), priority_rate=1_000),
        "Priority fee is only for IOC orders and ALO orders that are not reduce only.",
    ),
    (
        Place(ALICE, (spec(tif="Alo"), spec(tif="Ioc")), priority_rate=10**12),
        "Insufficient balance for priority fee.",
    ),
]


@pytest.mark.parametrize(("request_", "text"), BATCHES)
def test_a_batch_that_is_wrong_as_such_is_refused_whole(
    floor: Floor, request_: Place, text: str
) -> None:
    assert floor.error(request_) == text
    assert floor.state.accounts[ALICE].open_oids == []
    assert floor.state.orders == {}


def test_a_client_order_id_of_an_open_order_is_refused_and_of_an_ended_one_is_not(
    floor: Floor,
) -> None:
    first = resting(floor, ALICE, limit_ticks=590_000, cloid=CLOID)
    assert floor.order(ALICE, limit_ticks=590_000, cloid=CLOID) == Refused(
        "Client order id is already in use."
    )
    resting(floor, BOB, limit_ticks=590_000, cloid=CLOID)
    assert floor.cancel(ALICE, (BTC, CLOID)) == [Waiting("success")]
    second = resting(floor, ALICE, limit_ticks=590_000, cloid=CLOID)
    assert floor.state.accounts[ALICE].cloids[CLOID] == second != first


def test_an_approved_builder_is_named_on_the_order_and_paid(floor: Floor) -> None:
    floor.state.accounts[ALICE].builders[BUILDER] = 10
    statuses = floor.place(
        ALICE, spec(limit_ticks=620_000, tif="Ioc"), builder=BUILDER, builder_fee_tenths=10
    )
    assert isinstance(statuses[0], Filled)
    fill = floor.all(FillSeen)[0].fill
    assert fill.builder_fee_micros == round(fill.ticks * fill.lots * 0.0001)
    assert floor.state.accounts[BUILDER].cash_micros == fill.builder_fee_micros
    too_much = Place(ALICE, (spec(),), builder=BUILDER, builder_fee_tenths=11)
    assert floor.error(too_much) == "Builder fee has not been approved"


def test_a_vault_names_no_builder(floor: Floor) -> None:
    floor.state.accounts[ALICE].role = "vault"
    request = Place(ALICE, (spec(),), builder=BUILDER)
    assert floor.error(request) == "Vault may not perform this action."


def test_priority_is_charged_on_a_post_only_order_that_does_not_trade(floor: Floor) -> None:
    before = floor.state.accounts[ALICE].cash_micros
    floor.place(ALICE, spec(limit_ticks=590_000, tif="Alo"), priority_rate=100_000)
    paid = before - floor.state.accounts[ALICE].cash_micros
    assert paid == 590_000 * 1_000 // 1_000
    assert floor.state.fees_micros == paid
    assert margin.audit(floor.state) == 0
    before = floor.state.accounts[ALICE].cash_micros
    floor.place(ALICE, spec(limit_ticks=590_000, tif="Ioc"), priority_rate=100_000)
    assert floor.state.accounts[ALICE].cash_micros == before


def bracket(entry_ticks: int, **fields: Any) -> tuple[Any, ...]:
    """An entry with its target and its stop."""
    closing = {"is_buy": False, "reduce_only": True}
    return (
        spec(limit_ticks=entry_ticks, **fields),
        spec(limit_ticks=600_000, trigger=target(640_000), **closing),
        spec(limit_ticks=500_000, trigger=stop(550_000), **closing),
    )


def test_children_of_a_filled_order_wait_for_their_price(floor: Floor) -> None:
    statuses = floor.place(ALICE, *bracket(620_000), grouping="normalTpsl")
    assert isinstance(statuses[0], Filled)
    assert statuses[1:] == [Waiting("waitingForTrigger")] * 2
    assert len(floor.state.coins["BTC"].triggers) == 2


def test_children_of_a_resting_order_wait_for_its_fill_and_take_its_size(floor: Floor) -> None:
    statuses = floor.place(ALICE, *bracket(590_000), grouping="normalTpsl")
    assert isinstance(statuses[0], Resting)
    assert statuses[1:] == [Waiting("waitingForFill")] * 2
    parent = floor.get(statuses[0].oid)
    assert len(parent.children) == 2
    assert floor.state.accounts[ALICE].open_oids == [parent.oid, *parent.children]
    floor.mark(545_000)
    assert floor.told() == []
    floor.mark(600_000)
    floor.move(590_000, lots=400)
    assert floor.state.coins["BTC"].triggers == []
    children = list(parent.children)
    floor.cancel(ALICE, (BTC, parent.oid))
    assert floor.state.coins["BTC"].triggers == children
    assert [floor.get(oid).lots for oid in children] == [400, 400]


def test_children_of_an_order_that_filled_nothing_end_with_it(floor: Floor) -> None:
    statuses = floor.place(ALICE, *bracket(590_000), grouping="normalTpsl")
    assert isinstance(statuses[0], Resting)
    floor.cancel(ALICE, (BTC, statuses[0].oid))
    assert [status for _, status in floor.told()] == ["canceled"] * 3
    refused = floor.place(ALICE, *bracket(590_000, tif="Ioc"), grouping="normalTpsl")
    assert len(refused) == 3
    assert len({status.error for status in refused if isinstance(status, Refused)}) == 1
    assert floor.state.accounts[ALICE].open_oids == []


def test_the_child_that_fills_ends_its_sibling(floor: Floor) -> None:
    floor.place(ALICE, *bracket(620_000), grouping="normalTpsl")
    profit, loss = floor.state.coins["BTC"].triggers
    floor.move(641_000)
    assert floor.held(ALICE) == 0
    assert floor.get(profit).status == "filled"
    assert floor.get(loss).status == "siblingFilledCanceled"
    assert [status for oid, status in floor.told() if oid == profit] == ["triggered", "filled"]


def test_a_child_canceled_alone_leaves_the_other(floor: Floor) -> None:
    statuses = floor.place(ALICE, *bracket(590_000), grouping="normalTpsl")
    assert isinstance(statuses[0], Resting)
    parent = floor.get(statuses[0].oid)
    first, second = parent.children
    assert floor.cancel(ALICE, (BTC, first)) == [Waiting("success")]
    assert parent.children == [second]
    floor.move(580_000)
    assert floor.state.coins["BTC"].triggers == [second]


def test_a_refused_entry_refuses_its_children_with_it(floor: Floor) -> None:
    statuses = floor.place(ALICE, *bracket(590_000, lots=1), grouping="normalTpsl")
    assert statuses == [Refused("Order must have minimum value of $10. asset=0")] * 3
    assert len(floor.state.orders) == 1


def test_a_refused_child_leaves_the_entry_and_the_other_child(floor: Floor) -> None:
    entry, profit, _ = bracket(620_000)
    bad = spec(limit_ticks=560_000, trigger=stop(550_000), is_buy=False, reduce_only=True)
    statuses = floor.place(ALICE, entry, profit, bad, grouping="normalTpsl")
    assert isinstance(statuses[0], Filled)
    assert statuses[1:] == [
        Waiting("waitingForTrigger"),
        Refused("Invalid TP/SL price. asset=0"),
    ]


def test_a_child_of_an_order_that_only_closed_finds_nothing_to_reduce(floor: Floor) -> None:
    floor.order(ALICE, is_buy=False, limit_ticks=580_000, tif="Ioc")
    floor.move(600_000)
    statuses = floor.place(ALICE, *bracket(620_000), grouping="normalTpsl")
    assert isinstance(statuses[0], Filled)
    assert floor.held(ALICE) == 0
    words = "Reduce only order would increase position. asset=0"
    assert statuses[1:] == [Refused(words)] * 2
    assert [status for _, status in floor.told()][-2:] == ["reduceOnlyCanceled"] * 2
    assert floor.state.coins["BTC"].triggers == []


def closing_pair(lots: int) -> tuple[Any, ...]:
    closing = {"is_buy": False, "reduce_only": True, "lots": lots}
    return (
        spec(limit_ticks=600_000, trigger=target(640_000), **closing),
        spec(limit_ticks=500_000, trigger=stop(550_000), **closing),
    )


def test_a_position_s_stop_and_target_follow_its_size(floor: Floor) -> None:
    open_long(floor)
    statuses = floor.place(ALICE, *closing_pair(0), grouping="positionTpsl")
    assert statuses == [Waiting("waitingForTrigger")] * 2
    oids = list(floor.state.coins["BTC"].triggers)
    assert [floor.get(oid).lots for oid in oids] == [1_000, 1_000]
    open_long(floor, lots=500)
    assert [floor.get(oid).lots for oid in oids] == [1_500, 1_500]
    floor.order(ALICE, is_buy=False, limit_ticks=590_000, lots=1_200, tif="Ioc")
    assert [(floor.get(oid).lots, floor.get(oid).orig_lots) for oid in oids] == [(300, 300)] * 2
    floor.order(ALICE, is_buy=False, limit_ticks=590_000, lots=300, tif="Ioc")
    assert [floor.get(oid).status for oid in oids] == ["reduceOnlyCanceled"] * 2


def test_without_a_position_there_is_nothing_to_protect(floor: Floor) -> None:
    statuses = floor.place(ALICE, *closing_pair(1_000), grouping="positionTpsl")
    assert statuses == [Refused("Reduce only order would increase position. asset=0")] * 2


def test_the_reply_keeps_the_order_of_the_batch(floor: Floor) -> None:
    batch = [spec(limit_ticks=590_000 - 10 * at, lots=20) for at in range(200)]
    statuses = floor.place(ALICE, *batch)
    prices = [floor.get(one.oid).limit_ticks for one in statuses if isinstance(one, Resting)]
    assert prices == [one.limit_ticks for one in batch]
    assert floor.the(Answered).kind == "order"
