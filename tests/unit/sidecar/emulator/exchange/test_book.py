"""The background's ladder, and books of clients and background together."""

from __future__ import annotations

import pytest

from sidecar.emulator.exchange import book, liquidity
from sidecar.emulator.exchange.events import Filled, Resting
from sidecar.emulator.exchange.state import Coin
from sidecar.emulator.exchange.units import is_valid_px
from tests.exchange_floor import ALICE, BOB, BTC, NAMES, USD, Floor, coin

SEED = 7
NOTIONAL = 10_000 * USD


def ladder(one: Coin, *, is_bid: bool) -> list[tuple[int, int]]:
    return list(liquidity.walk(SEED, one, is_bid=is_bid))


@pytest.mark.parametrize(
    ("decimals", "px_ticks"),
    [(5, 600_000), (5, 999_990), (5, 1_234_560), (4, 300_000), (0, 200_000), (0, 100_000), (2, 57)],
)
def test_every_level_is_a_valid_price_and_no_bid_reaches_an_ask(
    decimals: int, px_ticks: int
) -> None:
    one = coin("X", 0, decimals, px_ticks, 20)
    for moves in range(40):
        one.quote.move_count = moves
        bids, asks = ladder(one, is_bid=True), ladder(one, is_bid=False)
        assert len(asks) == liquidity.LEVELS_A_SIDE
        assert all(is_valid_px(ticks, decimals) and lots > 0 for ticks, lots in bids + asks)
        assert [ticks for ticks, _ in bids] == sorted({ticks for ticks, _ in bids}, reverse=True)
        assert [ticks for ticks, _ in asks] == sorted({ticks for ticks, _ in asks})
        assert bids[0][0] < asks[0][0]
        assert px_ticks in (bids[0][0], asks[0][0])


def test_the_ladder_is_a_function_of_where_the_tape_stands() -> None:
    one, other = coin("BTC", 0, 5, 600_000, 40), coin("BTC", 0, 5, 600_000, 40)
    liquidity.move(one, 650_000)
    assert ladder(one, is_bid=True) != ladder(other, is_bid=True)
    liquidity.move(other, 650_000)
    assert ladder(one, is_bid=True) == ladder(other, is_bid=True)
    other.name = "ETH"
    assert ladder(one, is_bid=True) != ladder(other, is_bid=True)


def test_most_of_a_book_stays_from_one_move_to_the_next() -> None:
    one = coin("BTC", 0, 5, 600_000, 40)
    one.quote.move_count = 32
    before = dict(ladder(one, is_bid=True))
    one.quote.move_count = 33
    after = dict(ladder(one, is_bid=True))
    same = [ticks for ticks, lots in after.items() if before.get(ticks) == lots]
    assert len(same) > len(after) // 2


def test_a_liquid_coin_has_a_spread_of_one_step_and_a_small_one_a_wider_spread() -> None:
    def spread_bps(leverage: int) -> float:
        bid, ask = liquidity.touch(SEED, coin("X", 0, 5, 600_000, leverage))
        return (ask - bid) / bid * 10_000

    assert liquidity.touch(SEED, coin("X", 0, 5, 600_000, 40)) in (
        (599_990, 600_000),
        (600_000, 600_010),
    )
    assert spread_bps(40) < spread_bps(10) < spread_bps(5) < spread_bps(3) < 10


def test_ten_thousand_dollars_move_btc_by_nothing_and_a_million_by_levels() -> None:
    floor = Floor()
    floor.fund(ALICE, usd=10_000_000)
    one = floor.state.coins["BTC"]
    small = floor.order(ALICE, limit_ticks=660_000, lots=16_666, tif="Ioc")
    assert isinstance(small, Filled)
    assert len(one.quote.eaten) == 1
    large = floor.order(ALICE, limit_ticks=660_000, lots=1_666_666, tif="Ioc")
    assert isinstance(large, Filled)
    assert large.lots == 1_666_666
    assert 4 <= len(one.quote.eaten) <= liquidity.LEVELS_A_SIDE
    average = large.px_micros / large.lots
    assert 600_000 < average < 600_000 * 1.002


def test_what_was_eaten_is_back_with_the_next_move_and_the_price_keeps_a_part() -> None:
    floor = Floor()
    floor.fund(ALICE, usd=10_000_000)
    one = floor.state.coins["BTC"]
    floor.order(ALICE, limit_ticks=660_000, lots=1_666_666, tif="Ioc")
    _, ask_eaten = book.best(floor.state, one)
    floor.move(600_000)
    bid, ask = book.best(floor.state, one)
    assert not one.quote.eaten
    assert ask_eaten is not None
    assert bid is not None
    assert ask is not None
    assert 600_000 < bid < ask < ask_eaten
    for _ in range(40):
        floor.move(600_000)
    assert one.quote.pressure_ticks == 0.0
    assert 600_000 in book.best(floor.state, one)


def test_pressure_has_a_bound() -> None:
    one = coin("BTC", 0, 5, 600_000, 40)
    liquidity.push(one.quote, 600_000, 900_000)
    liquidity.move(one, 600_000)
    assert one.quote.pressure_ticks == 600_000 * liquidity.PRESSURE_MAX_FRAC


@pytest.mark.parametrize("what", ["is_halted", "is_delisted"])
def test_a_book_may_be_empty(what: str) -> None:
    floor = Floor()
    floor.fund(ALICE)
    floor.order(ALICE, limit_ticks=590_000)
    one = floor.state.coins["BTC"]
    setattr(one, what, True)
    if what == "is_halted":
        assert book.best(floor.state, one) == (None, None)
        assert book.levels(floor.state, one, 20) == ([], [])
        assert book.impact_ticks(floor.state, one, NOTIONAL) == (None, None)
    assert ladder(one, is_bid=True) == []


def test_clients_and_background_share_levels_and_counts() -> None:
    floor = Floor()
    floor.fund(ALICE, BOB)
    one = floor.state.coins["BTC"]
    bare, _ = book.levels(floor.state, one, 3)
    floor.order(ALICE, limit_ticks=bare[1].ticks, lots=700)
    floor.order(BOB, limit_ticks=bare[1].ticks, lots=300)
    bids, asks = book.levels(floor.state, one, 3)
    assert bids[1] == book.Level(bare[1].ticks, bare[1].lots + 1_000, 3)
    assert [bids[0], bids[2]] == [bare[0], bare[2]]
    assert len(asks) == 3


def test_a_client_inside_the_spread_is_the_best() -> None:
    floor = Floor()
    floor.fund(ALICE)
    one = floor.state.coins["DOGE"]
    bid, ask = book.best(floor.state, one)
    assert bid is not None
    assert ask is not None
    assert ask - bid > 10
    floor.order(ALICE, asset=2, limit_ticks=bid + 10, lots=1_000)
    assert book.best(floor.state, one) == (bid + 10, ask)


def test_the_background_shows_nothing_at_or_through_a_client() -> None:
    floor = Floor()
    floor.fund(ALICE, usd=10_000_000)
    one = floor.state.coins["BTC"]
    _, asks = book.levels(floor.state, one, 3)
    lots = sum(level.lots for level in asks[:2]) + 5
    assert isinstance(floor.order(ALICE, limit_ticks=asks[1].ticks, lots=lots), Filled)
    assert book.best(floor.state, one) == (asks[1].ticks, asks[2].ticks)
    bids, _ = book.levels(floor.state, one, 1)
    assert bids == [book.Level(asks[1].ticks, 5, 1)]


def test_impact_prices_lie_beyond_the_best_ones() -> None:
    floor = Floor()
    for name in NAMES:
        one = floor.state.coins[name]
        bid, ask = book.best(floor.state, one)
        low, high = book.impact_ticks(floor.state, one, 2_000_000 * USD)
        assert bid is not None
        assert ask is not None
        assert low is not None
        assert high is not None
        assert low < bid < ask < high
        assert book.impact_ticks(floor.state, one, USD) == (bid, ask)


def test_a_queue_is_left_empty_and_its_price_with_it() -> None:
    floor = Floor()
    floor.fund(ALICE)
    first = floor.order(ALICE, limit_ticks=590_000)
    second = floor.order(ALICE, limit_ticks=590_000)
    assert isinstance(first, Resting)
    assert isinstance(second, Resting)
    bids = floor.state.coins["BTC"].bids
    assert bids.queues == {590_000: [first.oid, second.oid]}
    floor.cancel(ALICE, (BTC, first.oid))
    assert bids.queues == {590_000: [second.oid]}
    floor.cancel(ALICE, (BTC, second.oid))
    assert (bids.prices, bids.queues) == ([], {})
