"""Takers through the book, and the market through resting orders."""

from __future__ import annotations

import pytest

from sidecar.emulator.exchange import book, liquidity, margin, matching
from sidecar.emulator.exchange.events import Filled, FillSeen, Refused, Resting, Traded
from tests.exchange_floor import ALICE, BOB, BTC, CAROL, USD, Floor


@pytest.fixture
def floor() -> Floor:
    """Three users with money, and no background."""
    made = Floor()
    made.fund(ALICE, BOB, CAROL)
    made.quiet()
    return made


def resting(floor: Floor, user: str, **fields: object) -> int:
    status = floor.order(user, **fields)
    assert isinstance(status, Resting), status
    return status.oid


def test_better_prices_trade_first_and_older_orders_at_one_price(floor: Floor) -> None:
    late = resting(floor, BOB, is_buy=False, limit_ticks=600_010, lots=400)
    first = resting(floor, BOB, is_buy=False, limit_ticks=600_000, lots=400)
    second = resting(floor, CAROL, is_buy=False, limit_ticks=600_000, lots=400)
    status = floor.order(ALICE, limit_ticks=600_010, lots=1_000)
    assert isinstance(status, Filled)
    assert (status.lots, status.px_micros) == (1_000, 800 * 600_000 + 200 * 600_010)
    makers = [event.fill.oid for event in floor.all(FillSeen) if event.user != ALICE]
    assert makers == [first, second, late]
    assert floor.get(late).lots == 200
    assert floor.held(ALICE) == 1_000
    assert floor.held(BOB) == -600


def test_a_trade_is_at_the_price_of_the_one_who_rests(floor: Floor) -> None:
    resting(floor, BOB, limit_ticks=600_000, lots=1_000)
    status = floor.order(ALICE, is_buy=False, limit_ticks=550_000, lots=1_000)
    assert isinstance(status, Filled)
    assert status.px_micros == 1_000 * 600_000
    trade = floor.the(Traded).trade
    assert (trade.buyer, trade.seller, trade.is_buy) == (BOB, ALICE, False)


def test_what_is_left_of_a_gtc_order_rests(floor: Floor) -> None:
    resting(floor, BOB, is_buy=False, limit_ticks=600_000, lots=400)
    status = floor.order(ALICE, limit_ticks=600_000, lots=1_000)
    assert isinstance(status, Filled)
    assert status.lots == 400
    order = floor.get(status.oid)
    assert (order.lots, order.status) == (600, "open")
    assert floor.state.coins["BTC"].bids.queues == {600_000: [status.oid]}


def test_what_is_left_of_an_ioc_order_is_canceled(floor: Floor) -> None:
    resting(floor, BOB, is_buy=False, limit_ticks=600_000, lots=400)
    status = floor.order(ALICE, limit_ticks=600_000, lots=1_000, tif="Ioc")
    assert isinstance(status, Filled)
    assert floor.get(status.oid).status == "canceled"
    assert floor.state.coins["BTC"].bids.prices == []


def test_clients_come_before_the_background_at_one_price() -> None:
    floor = Floor()
    floor.fund(ALICE, BOB)
    _, ask = book.best(floor.state, floor.state.coins["BTC"])
    assert ask is not None
    resting(floor, BOB, is_buy=False, limit_ticks=ask, lots=100)
    floor.order(ALICE, limit_ticks=ask, lots=150, tif="Ioc")
    sellers = [event.trade.seller for event in floor.all(Traded)]
    assert sellers[0] == BOB
    assert len(sellers) == 2
    assert floor.state.coins["BTC"].quote.eaten == {ask: 50}


def test_a_better_price_of_the_background_comes_before_a_client() -> None:
    floor = Floor()
    floor.fund(ALICE, BOB)
    _, asks = book.levels(floor.state, floor.state.coins["BTC"], 2)
    theirs = resting(floor, BOB, is_buy=False, limit_ticks=asks[1].ticks, lots=100)
    floor.order(ALICE, limit_ticks=asks[1].ticks, lots=asks[0].lots, tif="Ioc")
    assert [event.trade.ticks for event in floor.all(Traded)] == [asks[0].ticks]
    assert floor.get(theirs).lots == 100


def test_the_own_resting_order_is_canceled_without_a_trade(floor: Floor) -> None:
    own = resting(floor, ALICE, is_buy=False, limit_ticks=600_000, lots=400)
    other = resting(floor, BOB, is_buy=False, limit_ticks=600_000, lots=400)
    status = floor.order(ALICE, limit_ticks=600_000, lots=500)
    assert isinstance(status, Filled)
    assert status.lots == 400
    assert floor.get(own).status == "selfTradeCanceled"
    assert [event.trade.seller for event in floor.all(Traded)] == [BOB]
    assert floor.get(other).status == "filled"
    assert {event.user for event in floor.all(FillSeen)} == {ALICE, BOB}


def test_one_who_cannot_pay_any_more_is_canceled(floor: Floor) -> None:
    poor = "0x" + "d" * 40
    floor.fund(poor, usd=100)
    oid = resting(floor, poor, is_buy=False, limit_ticks=600_000, lots=3_000)
    floor.fund(poor, usd=-95)
    floor.state.accounts[poor].cash_micros = 5 * USD
    status = floor.order(ALICE, limit_ticks=600_000, lots=100, tif="Ioc")
    assert isinstance(status, Refused)
    assert floor.get(oid).status == "marginCanceled"


def test_a_reduce_only_maker_trades_no_more_than_its_position(floor: Floor) -> None:
    resting(floor, BOB, is_buy=False, limit_ticks=600_000, lots=1_000)
    floor.order(ALICE, limit_ticks=600_000, lots=1_000)
    close = resting(floor, ALICE, is_buy=False, limit_ticks=600_100, lots=1_000, reduce_only=True)
    floor.get(close).orig_lots = floor.get(close).lots = 1_400
    status = floor.order(CAROL, limit_ticks=600_100, lots=1_500, tif="Ioc")
    assert isinstance(status, Filled)
    assert status.lots == 1_000
    assert floor.held(ALICE) == 0
    assert floor.get(close).status == "reduceOnlyCanceled"


def test_reduce_only_orders_that_rest_do_not_exceed_the_position_together(floor: Floor) -> None:
    resting(floor, BOB, is_buy=False, limit_ticks=600_000, lots=1_000)
    floor.order(ALICE, limit_ticks=600_000, lots=1_000)
    closing = {"is_buy": False, "reduce_only": True}
    oldest = resting(floor, ALICE, limit_ticks=600_300, lots=300, **closing)
    middle = resting(floor, ALICE, limit_ticks=600_200, lots=300, **closing)
    fits = resting(floor, ALICE, limit_ticks=600_100, lots=400, **closing)
    assert floor.told() == [(fits, "open")]
    newest = resting(floor, ALICE, limit_ticks=600_100, lots=500, **closing)
    assert floor.told() == [
        (newest, "open"),
        (oldest, "reduceOnlyCanceled"),
        (middle, "reduceOnlyCanceled"),
    ]
    assert floor.get(fits).status == "open"


def test_the_market_fills_whole_what_it_trades_through() -> None:
    floor = Floor()
    floor.fund(ALICE)
    oid = resting(floor, ALICE, limit_ticks=590_000, lots=5_000)
    floor.move(589_000, lots=1)
    assert floor.get(oid).status == "filled"
    fill = floor.the(FillSeen).fill
    assert (fill.ticks, fill.lots, fill.crossed) == (590_000, 5_000, False)


def test_the_market_fills_at_its_price_as_far_as_its_volume_goes() -> None:
    floor = Floor()
    floor.fund(ALICE, BOB)
    first = resting(floor, ALICE, limit_ticks=590_000, lots=300)
    second = resting(floor, BOB, limit_ticks=590_000, lots=300)
    floor.move(590_000, lots=400)
    assert floor.get(first).status == "filled"
    assert floor.get(second).lots == 200
    assert sum(event.trade.lots for event in floor.all(Traded)) == 400
    floor.move(590_000, lots=500)
    assert floor.get(second).status == "filled"
    assert sum(event.trade.lots for event in floor.all(Traded)) == 500


def test_quotes_alone_fill_what_they_cross() -> None:
    floor = Floor()
    floor.fund(ALICE)
    oid = resting(floor, ALICE, limit_ticks=590_000, lots=300)
    floor.move(591_000)
    assert floor.get(oid).lots == 300
    floor.move(580_000)
    assert floor.get(oid).status == "filled"
    assert [event.trade.ticks for event in floor.all(Traded)] == [590_000]


def test_at_their_own_price_quotes_alone_fill_as_much_as_their_first_level_takes() -> None:
    floor = Floor()
    floor.fund(ALICE, usd=100_000_000)
    one = floor.state.coins["BTC"]
    floor.move(590_000)
    while liquidity.touch(floor.state.seed, one)[1] != 590_000:
        floor.move(590_000)
    level = next(liquidity.walk(floor.state.seed, one, is_bid=False))
    floor.move(600_000)
    oid = resting(floor, ALICE, limit_ticks=590_000, lots=level[1] * 3)
    for _ in range(20):
        floor.move(590_000)
        if liquidity.touch(floor.state.seed, one)[1] == 590_000:
            break
    left = floor.get(oid).lots
    assert 0 < left < level[1] * 3, "a part, for the level does not take all"
    assert book.best(floor.state, one)[0] == 590_000


def test_quotes_alone_leave_what_stands_between_them() -> None:
    floor = Floor()
    floor.fund(ALICE, BOB)
    one = floor.state.coins["DOGE"]
    for _ in range(8):
        bid, ask = liquidity.touch(floor.state.seed, one)
        buys = resting(floor, ALICE, asset=2, limit_ticks=bid + 10)
        sells = resting(floor, BOB, asset=2, is_buy=False, limit_ticks=ask - 10)
        one.quote.move_count += 1  # the next move counts itself, so the quotes stay where they are
        while liquidity.touch(floor.state.seed, one) != (bid, ask):
            one.quote.move_count += 1
        one.quote.move_count -= 1
        floor.move(200_000, coin="DOGE")
        assert liquidity.touch(floor.state.seed, one) == (bid, ask)
        assert (floor.get(buys).status, floor.get(sells).status) == ("open", "open")
        floor.cancel(ALICE, (2, buys))
        floor.cancel(BOB, (2, sells))
        one.quote.move_count += 1


def test_the_tape_s_volume_trades_at_the_tape_s_price_when_nobody_is_there() -> None:
    floor = Floor()
    for ticks in (600_100, 599_900, 601_000):
        floor.move(ticks, lots=77)
        trade = floor.the(Traded).trade
        assert (trade.ticks, trade.lots) == (ticks, 77)
        bid, ask = liquidity.touch(floor.state.seed, floor.state.coins["BTC"])
        assert trade.ticks == (ask if trade.is_buy else bid)


def test_nothing_trades_while_the_venue_or_a_coin_is_halted() -> None:
    floor = Floor()
    floor.fund(ALICE)
    oid = resting(floor, ALICE, limit_ticks=590_000, lots=300)
    floor.set("halted_until_ms", floor.now_ms + 4_000)
    floor.move(580_000, lots=10)
    assert floor.all(Traded) == []
    floor.set("is_halted", True, "BTC")
    floor.move(580_000, lots=10)
    floor.move(580_000, lots=10)
    assert floor.all(Traded) == []
    floor.set("is_halted", False, "BTC")
    floor.move(580_000, lots=10)
    assert floor.get(oid).status == "filled"


def test_a_liquidation_sells_what_the_book_takes() -> None:
    floor = Floor()
    floor.fund(ALICE, BOB)
    floor.order(ALICE, limit_ticks=610_000, lots=1_000, tif="Ioc")
    account, one = floor.state.accounts[ALICE], floor.state.coins["BTC"]
    events: list = []
    assert matching.sell_out(floor.state, floor.now_ms, account, one, 400, events) == 400
    assert floor.held(ALICE) == 600
    floor.quiet()
    resting(floor, BOB, limit_ticks=590_000, lots=100)
    assert matching.sell_out(floor.state, floor.now_ms, account, one, 400, events) == 100
    assert matching.sell_out(floor.state, floor.now_ms, account, one, 400, events) == 0
    assert floor.held(ALICE) == 500
    assert margin.audit(floor.state) == 0


def test_a_resting_order_that_would_add_at_the_cap_is_canceled(floor: Floor) -> None:
    adds = resting(floor, BOB, is_buy=False, limit_ticks=600_000, lots=1_000)
    floor.order(ALICE, limit_ticks=600_000, lots=500)
    closes = resting(floor, BOB, limit_ticks=599_000, lots=400)
    floor.set("open_interest_cap_micros", 1, "BTC")
    floor.move(601_000, lots=1)
    floor.set("has_background", True, "BTC")
    floor.move(601_000, lots=1)
    assert floor.get(adds).status == "openInterestCapCanceled"
    floor.move(598_000, lots=1)
    assert floor.get(closes).status == "filled"
    assert floor.held(BOB) == -100


def test_asset_numbers_name_coins(floor: Floor) -> None:
    assert floor.state.coins["BTC"].asset == BTC
    resting(floor, ALICE, asset=1, limit_ticks=290_000)
    assert floor.state.coins["ETH"].bids.prices == [290_000]
    floor.state.coins["BTC"].asset, floor.state.coins["ETH"].asset = 1, 0
    resting(floor, ALICE, asset=1, limit_ticks=590_000)
    assert floor.state.coins["BTC"].bids.prices == [590_000]
