"""Below maintenance: the book first, the backstop next, winners last; money adds up throughout."""

from __future__ import annotations

import pytest

from sidecar.emulator.exchange import book, liquidation, margin
from sidecar.emulator.exchange.events import Event, LedgerMoved, Liquidated, OrderChanged
from sidecar.emulator.exchange.state import BACKSTOP, HOUSE, Account, FillRow, VenueState
from tests.money_scene import (
    ALICE,
    BOB,
    BTC_LOTS,
    CAROL,
    NOW_MS,
    PX,
    USD,
    assert_sound,
    isolate,
    mark,
    order,
    rest,
    trade,
    venue,
)


def bid(state: VenueState, ticks: int, lots: int, name: str = "BTC", user: str = HOUSE) -> None:
    """Somebody buys at a price."""
    made = order(state, user, is_buy=True, ticks=ticks, lots=lots, name=name)
    state.orders[made.oid] = made
    if user != HOUSE:
        state.accounts[user].open_oids.append(made.oid)
    book.rest(state.coins[name], made)


def long(cash_usd: int, lots: int = BTC_LOTS) -> tuple[VenueState, Account]:
    """Alice is long at 50,000 with that much account value after the fee."""
    state = venue()
    trade(state, ALICE, HOUSE, PX, lots)
    account = state.accounts[ALICE]
    worth(state, account, cash_usd)
    return state, account


def worth(state: VenueState, account: Account, usd: int) -> None:
    """Money goes out until the account is worth that much."""
    extra = usd * USD - margin.account_value_micros(state, account)
    account.cash_micros += extra
    state.deposits_micros += extra


def checked(state: VenueState, at_ms: int = NOW_MS) -> list[Event]:
    events: list[Event] = []
    liquidation.check(state, at_ms, events)
    assert_sound(state)
    return events


def fills(state: VenueState, user: str) -> list[FillRow]:
    """Fills that came of a liquidation."""
    return [fill for fill in state.accounts[user].fills if fill.liquidated_user is not None]


def test_an_account_at_its_maintenance_margin_is_left_alone() -> None:
    state, account = long(2_000)
    bid(state, PX - 15_000, BTC_LOTS)
    mark(state, "BTC", PX - 14_000)
    worth(state, account, 0)
    account.cash_micros += margin.maintenance_micros(state, account)
    state.deposits_micros += margin.maintenance_micros(state, account)

    assert checked(state) == []
    account.cash_micros -= 1
    state.deposits_micros -= 1
    assert len(checked(state)) > 0


def test_below_maintenance_the_position_goes_to_the_book_and_the_rest_stays() -> None:
    state, account = long(2_000)
    bid(state, 484_900, 10 * BTC_LOTS)
    mark(state, "BTC", 485_000)  # worth 500 of the 606.25 it needs

    events = checked(state)

    fill = fills(state, ALICE)[0]
    assert (fill.dir, fill.ticks, fill.lots) == ("Close Long", 484_900, BTC_LOTS)
    assert (fill.liquidation_method, fill.liquidation_mark_ticks) == ("market", 485_000)
    assert account.positions == {}
    # 2,000 less a loss of 1,510 and the fee of 21.8205
    assert account.cash_micros == 468_179_500
    told = next(event for event in events if isinstance(event, Liquidated))
    assert (told.user, told.is_backstop) == (ALICE, False)
    assert (told.account_value_micros, told.notional_micros) == (500 * USD, 48_500 * USD)


def test_the_ledger_says_what_was_liquidated() -> None:
    state, account = long(2_000)
    bid(state, 484_900, BTC_LOTS)
    mark(state, "BTC", 485_000)

    events = checked(state)

    assert account.ledger[-1].delta == {
        "type": "liquidation",
        "liquidatedNtlPos": "48500.0",
        "accountValue": "500.0",
        "leverageType": "Cross",
        "liquidatedPositions": [{"coin": "BTC", "szi": "1.0"}],
    }
    assert any(isinstance(event, LedgerMoved) for event in events)


def test_open_orders_go_first_and_those_of_isolated_coins_stay() -> None:
    state, account = long(2_000)
    isolate(state, ALICE, "ETH", 5)
    for name, ticks in (("BTC", 400_000), ("ETH", 200_000)):
        made = rest(state, ALICE, is_buy=True, ticks=ticks, lots=1_000, name=name)
        book.rest(state.coins[name], made)
    bid(state, 484_900, BTC_LOTS)
    mark(state, "BTC", 485_000)

    events = checked(state)

    ended = [event.order for event in events if isinstance(event, OrderChanged)]
    canceled = [(one.coin, one.status) for one in ended if one.user == ALICE]
    assert canceled == [("BTC", "liquidatedCanceled")]
    assert isinstance(events[0], OrderChanged)
    assert [state.orders[oid].coin for oid in account.open_oids] == ["ETH"]


def test_of_a_large_position_a_fifth_goes_first_and_the_rest_after_it() -> None:
    state, account = long(8_000, 4 * BTC_LOTS)
    bid(state, 485_000, 100 * BTC_LOTS)
    mark(state, "BTC", 485_000)  # 2,000 of 2,425

    checked(state)

    position = account.positions["BTC"]
    assert position.lots == 4 * BTC_LOTS * 4 // 5
    assert position.cooldown_until_ms == NOW_MS + 30_000

    worth(state, account, 1_500)  # of the 1,940 that are needed now
    checked(state, NOW_MS + 29_999)

    assert account.positions == {}


def test_after_the_cooldown_a_fifth_goes_first_again() -> None:
    state, account = long(8_000, 4 * BTC_LOTS)
    bid(state, 485_000, 100 * BTC_LOTS)
    mark(state, "BTC", 485_000)
    checked(state)
    worth(state, account, 1_500)

    checked(state, NOW_MS + 30_000)

    assert account.positions["BTC"].lots == 4 * BTC_LOTS * 16 // 25


def test_selling_stops_when_the_account_is_well_again() -> None:
    state, account = long(2_000)
    trade(state, ALICE, HOUSE, 300_000, 10_000, name="ETH")
    worth(state, account, 600)  # of 625 for BTC and 60 for ETH
    bid(state, PX, BTC_LOTS)
    bid(state, 300_000, 10_000, "ETH")

    checked(state)

    assert list(account.positions) == ["ETH"]


def test_below_two_thirds_the_backstop_takes_positions_and_money() -> None:
    state, account = long(400)  # of 625
    bid(state, PX - 100, BTC_LOTS)

    events = checked(state)

    fill = fills(state, ALICE)[0]
    assert (fill.dir, fill.liquidation_method) == ("Liquidated Cross Long", "backstop")
    assert (fill.ticks, fill.fee_micros) == (PX, 0)
    assert account.positions == {}
    assert account.cash_micros == 0
    backstop = state.accounts[BACKSTOP]
    assert backstop.positions["BTC"].lots == BTC_LOTS
    assert margin.account_value_micros(state, backstop) == 400 * USD
    told = next(event for event in events if isinstance(event, Liquidated))
    assert told.is_backstop


def test_a_book_that_takes_a_part_too_cheap_leaves_the_rest_to_the_backstop() -> None:
    state, account = long(500)
    bid(state, 490_000, BTC_LOTS // 2)  # half of it loses 500

    checked(state)

    assert [fill.liquidation_method for fill in fills(state, ALICE)] == ["market", "backstop"]
    assert account.positions == {}
    assert account.cash_micros == 0


def test_nothing_is_told_while_nobody_buys() -> None:
    state, account = long(500)

    assert checked(state) == []
    assert [row.delta["type"] for row in account.ledger] == ["deposit"]
    assert account.positions["BTC"].lots == BTC_LOTS


def isolated(leverage: int, name: str = "BTC") -> tuple[VenueState, Account]:
    """Alice holds a coin in isolated mode against Bob, for 50,000 USD."""
    state = venue()
    isolate(state, ALICE, name, leverage)
    isolate(state, BOB, name, 5)
    ticks = state.coins[name].mark_ticks
    lots = 50_000 * USD // ticks
    trade(state, ALICE, BOB, ticks, lots, name=name)
    return state, state.accounts[ALICE]


def test_an_isolated_position_falls_alone() -> None:
    state, account = isolated(20)
    cash = account.cash_micros
    bid(state, 479_000, BTC_LOTS)
    mark(state, "BTC", 480_000)  # 477.50 of 600

    checked(state)

    assert account.positions == {}
    # 2,477.50 of margin less 2,100 of loss comes back, less the fee of 21.555
    assert account.cash_micros == cash + 377_500_000 - 21_555_000
    assert account.ledger[-1].delta["leverageType"] == "Isolated"


def test_the_backstop_takes_an_isolated_position_and_no_other_money() -> None:
    state, account = isolated(20)
    cash = account.cash_micros
    mark(state, "BTC", 478_000)  # 277.50 of 597.50

    checked(state)

    assert account.positions == {}
    assert account.cash_micros == cash
    assert margin.account_value_micros(state, state.accounts[BACKSTOP]) == 277_500_000
    assert fills(state, ALICE)[0].dir == "Liquidated Isolated Long"


def test_a_bankrupt_isolated_position_is_closed_against_the_winner_at_its_last_money() -> None:
    state, account = isolated(20)
    cash = account.cash_micros
    mark(state, "BTC", 470_000)  # 522.50 below nothing

    checked(state)

    winner = state.accounts[BOB].fills[-1]
    assert (winner.dir, winner.ticks, winner.fee_micros) == ("Auto-Deleveraging", 475_225, 0)
    assert winner.closed_pnl_micros == 2_477_500_000
    assert winner.liquidated_user == ALICE
    assert state.accounts[BOB].positions == account.positions == {}
    assert account.cash_micros == cash
    assert state.insurance_micros == 0


def test_a_coin_of_another_dex_has_no_backstop() -> None:
    state, account = isolated(20, "xyz:GOLD")
    mark(state, "xyz:GOLD", 191_000)  # 205 of 1,193.75, for the fee was 45

    assert checked(state) == []
    assert account.positions["xyz:GOLD"].lots == 250_000

    mark(state, "xyz:GOLD", 189_000)  # 295 below nothing
    checked(state)

    assert account.positions == {}
    assert BACKSTOP not in state.accounts
    assert state.accounts[BOB].fills[-1].dir == "Auto-Deleveraging"
    assert state.accounts[BOB].fills[-1].ticks == 190_180


def test_a_bankrupt_cross_account_ends_with_nothing_and_owes_nothing() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    trade(state, CAROL, ALICE, 300_000, 10_000, name="ETH")
    account = state.accounts[ALICE]
    worth(state, account, 1_000)
    mark(state, "BTC", PX - 20_001)
    mark(state, "ETH", 300_003)

    checked(state)

    assert account.positions == {}
    assert account.cash_micros == account.spot_micros == 0
    assert abs(state.insurance_micros) < 1 * USD
    assert {fill.dir for fill in fills(state, BOB)} == {"Auto-Deleveraging"}
    # Carol's long won hardly anything from the loser: it is closed too, and gives up no more
    assert fills(state, CAROL)[0].closed_pnl_micros >= 0


def test_what_a_sale_in_the_book_leaves_unpaid_the_insurance_pays() -> None:
    state, account = long(500)
    bid(state, 480_000, BTC_LOTS)

    checked(state)

    assert account.positions == {}
    assert account.cash_micros == 0
    # 2,000 of loss and 21.60 of fee on 500
    assert state.insurance_micros == -1_521_600_000


def test_a_unified_account_loses_its_spot_side_too() -> None:
    state = venue()
    account = state.accounts[ALICE]
    account.mode, account.spot_micros, account.cash_micros = "unified", 3_000 * USD, 0
    state.deposits_micros -= 97_000 * USD
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    mark(state, "BTC", PX - 26_200)  # 357.50 of 592.25

    checked(state)

    assert account.positions == {}
    assert account.spot_micros == account.cash_micros == 0
    value = margin.account_value_micros(state, state.accounts[BACKSTOP])
    assert value == 3_000 * USD - 22_500_000 - 2_620 * USD


@pytest.mark.parametrize("side", [1, -1])
def test_shorts_are_liquidated_as_longs_are(side: int) -> None:
    state = venue()
    if side > 0:
        trade(state, ALICE, BOB, PX, BTC_LOTS)
    else:
        trade(state, BOB, ALICE, PX, BTC_LOTS)
    account = state.accounts[ALICE]
    worth(state, account, 1_000)
    mark(state, "BTC", PX - side * 15_000)

    checked(state)

    winner = state.accounts[BOB].fills[-1]
    assert winner.dir == "Auto-Deleveraging"
    assert winner.ticks == PX - side * 10_000
    assert account.cash_micros == state.insurance_micros == 0


def test_resting_orders_of_other_clients_take_part_and_are_marked() -> None:
    state, account = long(500)
    bid(state, PX - 100, BTC_LOTS, user=BOB)

    checked(state)

    fill = state.accounts[BOB].fills[-1]
    assert (fill.dir, fill.crossed, fill.liquidated_user) == ("Open Long", False, ALICE)
    assert account.positions == {}


def test_a_halted_coin_waits_for_its_market() -> None:
    state, account = long(-100)
    state.coins["BTC"].is_halted = True

    assert checked(state) == []
    assert account.positions["BTC"].lots == BTC_LOTS

    state.coins["BTC"].is_halted = False
    assert len(checked(state)) > 0
    assert account.positions == {}


def test_every_liquidation_has_its_own_number() -> None:
    state, _ = long(500)
    trade(state, BOB, HOUSE, PX, BTC_LOTS)
    worth(state, state.accounts[BOB], 400)
    bid(state, PX - 100, BTC_LOTS)

    told = [event for event in checked(state) if isinstance(event, Liquidated)]

    assert [event.liquidation_id for event in told] == [1, 2]
    assert [event.user for event in told] == [ALICE, BOB]
