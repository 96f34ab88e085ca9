"""Cancels, modifies, and what the end of an order leaves behind."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.emulator.exchange import changes, endings
from sidecar.emulator.exchange.events import (
    Answered,
    Filled,
    OrderChanged,
    Refused,
    Resting,
    Waiting,
)
from sidecar.emulator.exchange.requests import Cancel, Listed, Modify, Place
from tests.exchange_floor import ALICE, BOB, BTC, DOGE, ETH, Floor, spec, stop, target

CLOID = "0x" + "12" * 16
GONE = "Order was never placed, already canceled, or filled. asset={}"
CLOSED = "Cannot modify canceled or filled order"


@pytest.fixture
def floor() -> Floor:
    """Two users with money."""
    made = Floor()
    made.fund(ALICE, BOB)
    return made


def resting(floor: Floor, user: str = ALICE, **fields: Any) -> int:
    status = floor.order(user, **({"limit_ticks": 590_000} | fields))
    assert isinstance(status, Resting), status
    return status.oid


def test_an_order_is_canceled_by_number_and_by_client_id(floor: Floor) -> None:
    first, second = resting(floor), resting(floor, cloid=CLOID)
    assert floor.cancel(ALICE, (BTC, first), (BTC, CLOID)) == [Waiting("success")] * 2
    assert floor.the(Answered).kind == "cancel"
    assert floor.told() == [(first, "canceled"), (second, "canceled")]
    account = floor.state.accounts[ALICE]
    assert (account.open_oids, account.ended) == ([], [first, second])


def test_what_is_not_there_to_cancel_is_answered_alike(floor: Floor) -> None:
    mine, theirs = resting(floor), resting(floor, BOB, cloid=CLOID)
    filled = floor.order(ALICE, limit_ticks=620_000)
    assert isinstance(filled, Filled)
    floor.cancel(ALICE, (BTC, mine))
    targets: list[tuple[int, int | str]] = [
        (BTC, mine),
        (BTC, theirs),
        (BTC, filled.oid),
        (BTC, 12_345),
        (BTC, CLOID),
        (77, 1),
    ]
    assert floor.cancel(ALICE, *targets) == [Refused(GONE.format(at)) for at, _ in targets]
    other = resting(floor)
    assert floor.cancel(ALICE, (ETH, other)) == [Refused(GONE.format(ETH))]
    assert floor.get(theirs).status == "open"


def test_an_empty_batch_is_refused(floor: Floor) -> None:
    assert floor.error(Cancel(ALICE, ())) == "Batch of cancels is empty."
    assert floor.error(Modify(ALICE, (), is_batch=True)) == "Batch of modifies is empty."


def test_a_modify_is_a_new_number_with_the_old_client_id(floor: Floor) -> None:
    old = resting(floor, cloid=CLOID)
    statuses = floor.modify(ALICE, old, spec(limit_ticks=589_000, lots=500))
    assert isinstance(statuses[0], Resting)
    new = statuses[0].oid
    assert new > old
    assert statuses[0].cloid == CLOID
    assert floor.told() == [(new, "open"), (old, "canceled")]
    order = floor.get(new)
    assert (order.limit_ticks, order.lots, order.cloid) == (589_000, 500, CLOID)
    assert floor.state.accounts[ALICE].cloids[CLOID] == new
    again = floor.modify(ALICE, CLOID, spec(limit_ticks=588_000))
    assert isinstance(again[0], Resting)
    assert again[0].oid > new


def test_a_single_modify_is_answered_plainly_and_refused_as_a_whole(floor: Floor) -> None:
    old = resting(floor)
    floor.ask(Modify(ALICE, ((old, spec(limit_ticks=589_000)),), is_batch=False))
    assert floor.the(Answered) == Answered("default")
    request = Modify(ALICE, ((old, spec(limit_ticks=589_000)),), is_batch=False)
    assert floor.error(request) == CLOSED


def test_one_s_place_in_the_queue_is_lost(floor: Floor) -> None:
    mine, theirs = resting(floor), resting(floor, BOB)
    statuses = floor.modify(ALICE, mine, spec(limit_ticks=590_000, lots=2_000))
    assert isinstance(statuses[0], Resting)
    assert floor.state.coins["BTC"].bids.queues == {590_000: [theirs, statuses[0].oid]}


def test_only_what_is_open_and_one_s_own_is_modified(floor: Floor) -> None:
    theirs = resting(floor, BOB)
    gone = resting(floor)
    floor.cancel(ALICE, (BTC, gone))
    for target_ in (theirs, gone, 999, CLOID):
        assert floor.modify(ALICE, target_, spec(limit_ticks=580_000)) == [Refused(CLOSED)]
    mine = resting(floor)
    assert floor.modify(ALICE, mine, spec(ETH, limit_ticks=290_000)) == [Refused(CLOSED)]
    assert floor.get(mine).status == "open"


@pytest.mark.parametrize(
    "fields",
    [
        {"limit_ticks": 620_000},
        {"limit_ticks": 580_000, "tif": "Ioc"},
        {"limit_ticks": 620_000, "trigger": stop(610_000)},
    ],
)
def test_a_replacement_must_rest_unless_it_may_do_anything(
    floor: Floor, fields: dict[str, Any]
) -> None:
    old = resting(floor)
    new = spec(**fields)
    assert floor.modify(ALICE, old, new) == [Refused(changes.NOT_ALLOWED)]
    assert floor.get(old).status == "open"
    floor.modify(ALICE, old, new, always_place=True)
    assert floor.get(old).status == "canceled"


def test_post_only_replacements_are_always_allowed(floor: Floor) -> None:
    old = resting(floor)
    assert isinstance(floor.modify(ALICE, old, spec(limit_ticks=585_000, tif="Alo"))[0], Resting)


def test_when_the_new_order_is_refused_the_old_one_is_gone(floor: Floor) -> None:
    old = resting(floor)
    statuses = floor.modify(ALICE, old, spec(limit_ticks=580_000, lots=1))
    words = "Order must have minimum value of $10. asset=0"
    assert statuses == [Refused(f"Error placing new order during modify: {words}")]
    assert floor.get(old).status == "canceled"
    assert floor.state.accounts[ALICE].open_oids == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"lots": 0}, "Order has zero size."),
        ({"limit_ticks": 0}, "Order has invalid price."),
        (
            {"limit_ticks": 100_000, "lots": 90_000},
            "Order price cannot be more than 80% away from the reference price",
        ),
        (
            {"fault": "Price must be divisible by tick size."},
            "Price must be divisible by tick size. asset=0",
        ),
    ],
)
def test_a_replacement_that_is_none_leaves_the_old_order(
    floor: Floor, fields: dict[str, Any], text: str
) -> None:
    old = resting(floor)
    new = spec(**({"limit_ticks": 580_000} | fields))
    assert floor.modify(ALICE, old, new) == [Refused(text)]
    assert floor.get(old).status == "open"


def test_in_a_halt_no_order_is_lost_to_a_modify(floor: Floor) -> None:
    old = resting(floor)
    floor.set("is_halted", True, "BTC")
    words = "Trading is halted. asset=0"
    assert floor.modify(ALICE, old, spec(limit_ticks=580_000)) == [Refused(words)]
    assert floor.get(old).status == "open"


def test_a_replaced_order_s_margin_is_free_for_its_replacement(floor: Floor) -> None:
    account = floor.state.accounts[ALICE]
    floor.state.deposits_micros -= account.cash_micros - 700_000_000
    account.cash_micros = 700_000_000
    old = resting(floor, lots=20_000)
    assert isinstance(floor.order(ALICE, limit_ticks=590_000, lots=20_000), Refused)
    assert isinstance(floor.modify(ALICE, old, spec(limit_ticks=589_000, lots=20_000))[0], Resting)


def test_an_executable_replacement_trades(floor: Floor) -> None:
    old = resting(floor)
    statuses = floor.modify(ALICE, old, spec(limit_ticks=620_000, lots=700), always_place=True)
    assert isinstance(statuses[0], Filled)
    assert floor.held(ALICE) == 700
    assert floor.told()[-1] == (old, "canceled")


def test_a_replaced_entry_keeps_its_stop_and_target(floor: Floor) -> None:
    closing = {"is_buy": False, "reduce_only": True}
    statuses = floor.place(
        ALICE,
        spec(limit_ticks=590_000),
        spec(limit_ticks=600_000, trigger=target(640_000), **closing),
        spec(limit_ticks=500_000, trigger=stop(550_000), **closing),
        grouping="normalTpsl",
    )
    assert isinstance(statuses[0], Resting)
    children = list(floor.get(statuses[0].oid).children)
    replaced = floor.modify(ALICE, statuses[0].oid, spec(limit_ticks=591_000))
    assert isinstance(replaced[0], Resting)
    assert floor.get(replaced[0].oid).children == children
    assert [floor.get(oid).status for oid in children] == ["open", "open"]
    moved = floor.modify(
        ALICE,
        children[1],
        spec(limit_ticks=500_000, trigger=stop(560_000), **closing),
        always_place=True,
    )
    assert isinstance(moved[0], Resting)
    assert floor.get(replaced[0].oid).children == [children[0], moved[0].oid]
    floor.move(580_000)
    floor.move(530_000)
    assert floor.held(ALICE) == 0
    assert floor.get(moved[0].oid).status == "filled"
    assert floor.get(children[0]).status == "siblingFilledCanceled"


def test_an_entry_that_is_lost_in_a_modify_takes_its_children_along(floor: Floor) -> None:
    statuses = floor.place(
        ALICE,
        spec(limit_ticks=590_000),
        spec(limit_ticks=500_000, trigger=stop(550_000), is_buy=False, reduce_only=True),
        grouping="normalTpsl",
    )
    assert isinstance(statuses[0], Resting)
    floor.modify(ALICE, statuses[0].oid, spec(limit_ticks=580_000, lots=1))
    account = floor.state.accounts[ALICE]
    assert account.open_oids == []
    assert sorted(floor.get(oid).status for oid in account.ended) == [
        "canceled",
        "canceled",
        "minTradeNtlRejected",
    ]


@pytest.mark.parametrize(("mark", "fills"), [(550_000, "moved"), (640_000, "other")])
def test_a_moved_stop_of_a_position_still_follows_it(floor: Floor, mark: int, fills: str) -> None:
    floor.order(ALICE, limit_ticks=620_000, tif="Ioc")
    closing = {"is_buy": False, "reduce_only": True, "lots": 0}
    floor.place(
        ALICE,
        spec(limit_ticks=600_000, trigger=target(640_000), **closing),
        spec(limit_ticks=500_000, trigger=stop(550_000), **closing),
        grouping="positionTpsl",
    )
    profit, loss = floor.state.coins["BTC"].triggers
    new = spec(limit_ticks=500_000, trigger=stop(560_000), **closing)
    statuses = floor.modify(ALICE, loss, new, always_place=True)
    assert isinstance(statuses[0], Resting)
    moved = floor.get(statuses[0].oid)
    assert (moved.lots, moved.is_position_tpsl, moved.siblings) == (1_000, True, [profit])
    floor.order(ALICE, limit_ticks=620_000, lots=500, tif="Ioc")
    assert moved.lots == 1_500
    floor.mark(mark)
    by_name = {"moved": moved.status, "other": floor.get(profit).status}
    assert by_name.pop(fills) == "filled"
    assert list(by_name.values()) == ["siblingFilledCanceled"]


def test_ended_orders_are_kept_up_to_a_bound_and_then_forgotten(floor: Floor) -> None:
    first = resting(floor, cloid=CLOID, lots=20)
    floor.cancel(ALICE, (BTC, first))
    batch = tuple(spec(limit_ticks=590_000, lots=20) for _ in range(100))
    for _ in range(25):
        floor.place(ALICE, *batch)
        floor.cancel(ALICE, *[(BTC, oid) for oid in floor.state.accounts[ALICE].open_oids])
    account = floor.state.accounts[ALICE]
    assert endings.ENDED_KEPT <= len(account.ended) <= endings.ENDED_KEPT + 200
    assert first not in floor.state.orders
    assert CLOID not in account.cloids
    assert set(floor.state.orders) == set(account.ended)


def test_all_orders_of_an_account_or_of_a_coin_end_at_once(floor: Floor) -> None:
    btc, eth = resting(floor), resting(floor, asset=ETH, limit_ticks=290_000)
    kept = resting(floor, BOB)
    events: list[Any] = []
    account = floor.state.accounts[ALICE]
    changes.cancel_all(floor.state, floor.now_ms, account, "canceled", events, "BTC")
    assert (floor.get(btc).status, floor.get(eth).status) == ("canceled", "open")
    changes.cancel_all(floor.state, floor.now_ms, account, "canceled", events)
    assert floor.get(eth).status == "canceled"
    assert floor.get(kept).status == "open"


def test_a_delisted_coin_loses_its_orders_and_settles_its_positions(floor: Floor) -> None:
    resting(floor, asset=DOGE, limit_ticks=190_000, lots=1_000)
    floor.order(ALICE, asset=DOGE, limit_ticks=210_000, lots=5_000, tif="Ioc")
    floor.order(
        ALICE,
        asset=DOGE,
        is_buy=False,
        lots=5_000,
        limit_ticks=100_000,
        trigger=stop(150_000),
        reduce_only=True,
    )
    other = resting(floor)
    floor.ask(Listed("DOGE", is_delisted=True))
    assert [status for _, status in floor.told()] == ["delistedCanceled"] * 2
    assert floor.held(ALICE, "DOGE") == 0
    assert floor.get(other).status == "open"
    request = spec(DOGE, limit_ticks=190_000)
    assert floor.error(Place(ALICE, (request,))) == "Order 0: DOGE is delisted."
    floor.move(180_000, lots=5, coin="DOGE")
    assert floor.events == []


def test_a_told_order_is_a_copy(floor: Floor) -> None:
    oid = resting(floor)
    seen = floor.the(OrderChanged).order
    floor.cancel(ALICE, (BTC, oid))
    assert seen.status == "open"
