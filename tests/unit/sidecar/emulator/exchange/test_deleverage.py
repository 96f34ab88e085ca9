"""Who is closed first against a bankrupt side, and at which price."""

from __future__ import annotations

import pytest

from sidecar.emulator.exchange import deleverage
from sidecar.emulator.exchange.state import HOUSE, VenueState
from tests.money_scene import (
    ALICE,
    BOB,
    BTC_LOTS,
    CAROL,
    NOW_MS,
    PX,
    USD,
    assert_sound,
    mark,
    rest,
    trade,
    venue,
)

DAVE = "0x" + "da" * 20


def crowd() -> VenueState:
    """Alice is long against three shorts: Bob with more money than Carol, Dave at a loss."""
    state = venue()
    for user, px in ((BOB, PX), (CAROL, PX), (DAVE, PX - 100_000)):
        trade(state, ALICE, user, px, BTC_LOTS)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    state.accounts[CAROL].cash_micros -= 50_000 * USD
    state.deposits_micros -= 50_000 * USD
    mark(state, "BTC", PX - 50_000)
    return state


def test_winners_come_by_profit_times_leverage_then_the_house_then_the_others() -> None:
    state = crowd()

    found = deleverage.ranked(state, state.coins["BTC"], state.accounts[ALICE])

    assert [account.address for account in found] == [CAROL, BOB, HOUSE, DAVE]


def test_the_score_is_mark_over_entry_times_notional_over_value() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    coin = mark(state, "BTC", PX + 50_000)
    account = state.accounts[ALICE]
    account.cash_micros = 60_000 * USD

    score = deleverage.score(state, account, coin, account.positions["BTC"])

    assert score == pytest.approx((55_000 / 50_000) * (55_000 / 115_000))
    loser = state.accounts[BOB]
    assert deleverage.score(state, loser, coin, loser.positions["BTC"]) == 0.0
    mark(state, "BTC", PX - 50_000)
    loser.cash_micros = 100_000 * USD
    assert deleverage.score(state, loser, coin, loser.positions["BTC"]) == pytest.approx(
        (50_000 / 45_000) * (45_000 / 55_000)
    )


@pytest.mark.parametrize(
    ("lots", "deficit", "ticks"),
    [
        (1_000, 5_000, PX + 5),
        (1_000, 5_001, PX + 6),
        (-1_000, 5_001, PX - 6),
        (-1, PX * 2, 1),
        (1_000, 0, PX),
    ],
)
def test_the_bankruptcy_price_makes_up_for_what_lacks(lots: int, deficit: int, ticks: int) -> None:
    assert deleverage.bankrupt_ticks(venue().coins["BTC"], lots, deficit) == ticks


def test_only_so_many_lots_are_closed_as_the_loser_had() -> None:
    state = crowd()
    trade(state, HOUSE, ALICE, PX - 50_000, 5 * BTC_LOTS // 2, is_buyer_taker=False)

    deleverage.close(state, NOW_MS, state.accounts[ALICE], state.coins["BTC"], 0, [])

    left = {user: state.accounts[user].positions.get("BTC") for user in (ALICE, BOB, CAROL, DAVE)}
    assert left[ALICE] is left[CAROL] is None
    assert left[BOB] is not None
    assert left[BOB].lots == -BTC_LOTS // 2
    assert left[DAVE] is not None
    assert_sound(state)


def test_reduce_only_orders_of_a_winner_follow_its_position() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    stop = rest(state, BOB, is_buy=True, ticks=PX, lots=BTC_LOTS)
    stop.reduce_only = True
    mark(state, "BTC", PX - 50_000)

    deleverage.close(state, NOW_MS, state.accounts[ALICE], state.coins["BTC"], 0, [])

    assert stop.status == "reduceOnlyCanceled"
    assert state.accounts[BOB].open_oids == []
