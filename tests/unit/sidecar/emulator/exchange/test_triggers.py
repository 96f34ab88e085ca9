"""Stops and targets fire on the mark price, and only on it."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.emulator.exchange import triggers
from sidecar.emulator.exchange.events import Filled, Resting
from sidecar.emulator.exchange.state import Trigger
from tests.exchange_floor import ALICE, BOB, BTC, CAROL, Floor, spec, stop, target


@pytest.fixture
def floor() -> Floor:
    """Alice holds a long position of 1,000 lots of BTC from about 60,000."""
    made = Floor()
    made.fund(ALICE, BOB, CAROL)
    made.order(ALICE, limit_ticks=620_000, tif="Ioc")
    made.move(600_000)
    return made


def resting(floor: Floor, user: str, **fields: Any) -> int:
    status = floor.order(user, **fields)
    assert isinstance(status, Resting), status
    return status.oid


CLOSING: dict[str, Any] = {"is_buy": False, "reduce_only": True}


@pytest.mark.parametrize(
    ("tpsl", "is_buy", "fires_at", "waits_at"),
    [
        ("tp", False, 610, 609),
        ("sl", False, 610, 611),
        ("tp", True, 610, 611),
        ("sl", True, 610, 609),
    ],
)
def test_which_way_each_waits(tpsl: Any, is_buy: bool, fires_at: int, waits_at: int) -> None:
    trigger = Trigger(610, True, tpsl)
    assert triggers.is_reached(trigger, fires_at, is_buy=is_buy)
    assert not triggers.is_reached(trigger, waits_at, is_buy=is_buy)


def test_a_market_stop_sells_at_once_and_tells_of_both(floor: Floor) -> None:
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    floor.mark(590_010)
    assert floor.told() == []
    floor.mark(590_000)
    assert floor.told() == [(oid, "triggered"), (oid, "filled")]
    assert floor.held(ALICE) == 0
    assert floor.get(oid).tif == "Ioc"


def test_a_last_price_beyond_the_trigger_fires_nothing(floor: Floor) -> None:
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    floor.move(580_000, lots=50, oracle_ticks=600_000, external_ticks=600_000)
    one = floor.state.coins["BTC"]
    assert one.last_ticks == 580_000
    assert one.mark_ticks > 590_000
    assert floor.get(oid).status == "open"


def test_a_limit_target_rests_at_its_price_once_it_fired(floor: Floor) -> None:
    trigger = target(610_000, is_market=False)
    oid = resting(floor, ALICE, limit_ticks=615_000, trigger=trigger, **CLOSING)
    floor.mark(610_000)
    order = floor.get(oid)
    assert (order.status, order.tif) == ("triggered", "Gtc")
    assert floor.state.coins["BTC"].asks.queues == {615_000: [oid]}
    assert floor.state.coins["BTC"].triggers == []
    floor.move(616_000)
    assert floor.get(oid).status == "filled"
    assert floor.held(ALICE) == 0


def test_a_market_stop_whose_limit_is_not_met_is_gone(floor: Floor) -> None:
    oid = resting(floor, ALICE, limit_ticks=589_000, trigger=stop(590_000), **CLOSING)
    floor.move(580_000)
    assert floor.told()[-1] == (oid, "iocCancelRejected")
    assert floor.held(ALICE) == 1_000


def test_without_a_book_a_market_stop_finds_no_liquidity(floor: Floor) -> None:
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    floor.quiet()
    floor.mark(590_000)
    assert floor.get(oid).status == "marketOrderNoLiquidityRejected"


def test_the_oldest_fires_first_and_later_ones_find_no_position(floor: Floor) -> None:
    first = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    second = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(595_000), **CLOSING)
    floor.mark(580_000)
    assert floor.get(first).status == "filled"
    assert floor.get(second).status == "reduceOnlyCanceled"


def test_a_stop_shrinks_with_its_position(floor: Floor) -> None:
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    floor.order(ALICE, is_buy=False, limit_ticks=590_000, lots=600, tif="Ioc")
    order = floor.get(oid)
    assert (order.lots, order.orig_lots) == (400, 400)
    floor.mark(590_000)
    assert floor.held(ALICE) == 0


def test_a_stop_follows_what_the_market_takes(floor: Floor) -> None:
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    resting(floor, ALICE, is_buy=False, limit_ticks=605_000, lots=700)
    floor.move(606_000)
    assert floor.get(oid).lots == 300
    resting(floor, ALICE, is_buy=False, limit_ticks=610_000, lots=300)
    floor.move(611_000)
    assert floor.get(oid).status == "reduceOnlyCanceled"


def test_a_stop_that_opens_must_be_paid_for_when_it_fires(floor: Floor) -> None:
    oid = resting(floor, BOB, lots=45_000_000, limit_ticks=620_000, trigger=stop(605_000))
    floor.mark(605_000)
    assert floor.told() == [(oid, "triggered"), (oid, "perpMarginRejected")]
    poor = "0x" + "d" * 40
    floor.fund(poor, usd=1_000)
    good = resting(floor, poor, lots=25_000, limit_ticks=620_000, trigger=stop(606_000))
    floor.mark(606_000)
    assert floor.get(good).status == "filled", "15,000 of the 20,000 USD that it may have"
    assert floor.held(poor) == 25_000


def test_stops_of_a_halted_coin_wait(floor: Floor) -> None:
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    floor.set("is_halted", True, "BTC")
    floor.mark(580_000)
    assert floor.get(oid).status == "open"
    floor.set("is_halted", False, "BTC")
    assert floor.get(oid).status == "filled"


@pytest.mark.parametrize("what", ["halted_until_ms", "post_only_until_ms"])
def test_stops_wait_while_nothing_may_be_taken(floor: Floor, what: str) -> None:
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(590_000), **CLOSING)
    floor.set(what, floor.now_ms + 4_000)
    floor.mark(580_000)
    floor.move(580_000)
    assert floor.get(oid).status == "open"
    floor.move(580_000)
    assert floor.get(oid).status == "filled"


def test_a_stop_fires_another_through_nobody_but_the_mark(floor: Floor) -> None:
    """A sale that goes through the book does not move the mark by itself."""
    oid = resting(floor, ALICE, limit_ticks=500_000, trigger=stop(599_000), **CLOSING)
    floor.fund(CAROL, usd=100_000_000)
    status = floor.order(CAROL, is_buy=False, limit_ticks=560_000, lots=5_000_000, tif="Ioc")
    assert isinstance(status, Filled)
    assert status.px_micros / status.lots < 599_900
    assert floor.get(oid).status == "open"


def test_a_target_s_place_in_a_batch_is_its_reply(floor: Floor) -> None:
    statuses = floor.place(
        ALICE,
        spec(BTC, limit_ticks=590_000),
        spec(BTC, limit_ticks=500_000, trigger=stop(550_000), **CLOSING),
    )
    assert [type(status) for status in statuses] == [Resting, Resting]
