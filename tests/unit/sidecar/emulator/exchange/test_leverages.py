"""Leverage and isolated margin: what is allowed, in the venue's words."""

from __future__ import annotations

import pytest

from sidecar.emulator.exchange import leverages, margin, transfers
from sidecar.emulator.exchange.events import Answered, Event, Rejected
from sidecar.emulator.exchange.requests import ChangeMargin, SetLeverage
from sidecar.emulator.exchange.state import HOUSE, Leverage, MarginMode, VenueState
from tests.money_scene import (
    ALICE,
    BTC_LOTS,
    NOW_MS,
    PX,
    USD,
    assert_sound,
    isolate,
    mark,
    rest,
    trade,
    venue,
)

BTC, ETH, GOLD = 0, 1, 110_000


def ask(state: VenueState, request: SetLeverage | ChangeMargin) -> str | None:
    events: list[Event] = []
    transfers.handle(state, NOW_MS, request, events)
    assert_sound(state)
    (answer,) = events
    if isinstance(answer, Rejected):
        return answer.text
    assert answer == Answered("default")
    return None


def lever(
    state: VenueState, value: int, mode: MarginMode = "cross", asset: int = BTC
) -> str | None:
    return ask(state, SetLeverage(ALICE, asset, mode, value))


def put(state: VenueState, usd: int, asset: int = BTC) -> str | None:
    return ask(state, ChangeMargin(ALICE, asset, is_buy=True, micros=usd * USD))


def test_a_leverage_is_kept() -> None:
    state = venue()

    assert lever(state, 7, "isolated") is None

    assert state.accounts[ALICE].leverages["BTC"] == Leverage("isolated", 7)


@pytest.mark.parametrize(
    ("value", "mode", "asset", "words"),
    [
        (0, "cross", BTC, leverages.INVALID),
        (-1, "cross", BTC, leverages.INVALID),
        (41, "cross", BTC, leverages.INVALID),
        (26, "isolated", ETH, leverages.INVALID),
        (5, "cross", GOLD, leverages.NO_CROSS),
        (5, "cross", 77, "Unknown asset: 77"),
    ],
)
def test_a_leverage_out_of_bounds_is_refused(
    value: int, mode: MarginMode, asset: int, words: str
) -> None:
    state = venue()

    assert lever(state, value, mode, asset) == words
    assert state.accounts[ALICE].leverages == {}


def test_the_mode_stands_while_there_is_a_position() -> None:
    state = venue()
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    assert lever(state, 20, "isolated") == "Cannot switch leverage type with open position."

    trade(state, HOUSE, ALICE, PX, BTC_LOTS, is_buyer_taker=False)
    assert lever(state, 20, "isolated") is None


def test_a_cross_leverage_falls_as_far_as_the_account_covers_it() -> None:
    state = venue(usd=10_100)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)

    assert lever(state, 40) is None
    assert lever(state, 5) is None
    assert lever(state, 4) == (
        "Cross position does not have sufficient margin available to decrease leverage. "
        "To decrease leverage, deposit more collateral."
    )
    assert state.accounts[ALICE].leverages["BTC"].value == 5


def test_open_orders_count_when_leverage_falls() -> None:
    state = venue(usd=5_000)
    rest(state, ALICE, is_buy=True, ticks=PX, lots=BTC_LOTS)

    assert lever(state, 10) is None
    assert lever(state, 9) == leverages.CROSS_SHORT
    assert state.accounts[ALICE].leverages["BTC"].value == 10


def test_a_refused_first_setting_leaves_none() -> None:
    state = venue(usd=2_500)
    rest(state, ALICE, is_buy=True, ticks=PX, lots=BTC_LOTS)

    assert lever(state, 19) == leverages.CROSS_SHORT
    assert state.accounts[ALICE].leverages == {}


def test_an_isolated_position_takes_what_a_lower_leverage_needs() -> None:
    state = venue(usd=20_100)
    isolate(state, ALICE, "BTC", 10)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    account = state.accounts[ALICE]

    assert lever(state, 4, "isolated") is None
    btc = state.coins["BTC"]
    assert margin.isolated_value_micros(btc, account.positions["BTC"]) == 12_500 * USD
    cash = account.cash_micros

    assert lever(state, 2, "isolated") == (
        "Isolated position does not have sufficient margin available to decrease leverage. "
        "To decrease leverage, add margin to the position."
    )
    assert account.cash_micros == cash
    assert account.leverages["BTC"].value == 4
    assert lever(state, 20, "isolated") is None
    assert account.cash_micros == cash


def test_a_leverage_above_that_of_the_positions_tier_is_refused() -> None:
    state = venue(usd=20_000_000)
    trade(state, ALICE, HOUSE, PX, 3_000 * BTC_LOTS)

    assert lever(state, 21) == leverages.INVALID
    mark(state, "BTC", PX - 10)
    assert lever(state, 21) is None


def isolated() -> VenueState:
    state = venue(usd=20_000)
    isolate(state, ALICE, "BTC", 10)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    return state


def test_margin_goes_in_and_comes_out_again() -> None:
    state = isolated()
    account = state.accounts[ALICE]
    position, cash = account.positions["BTC"], account.cash_micros
    before = margin.liquidation_px(state, account, "BTC")
    assert before is not None

    assert put(state, 1_000) is None
    assert position.isolated_micros == -44_022_500_000
    assert account.cash_micros == cash - 1_000 * USD
    after = margin.liquidation_px(state, account, "BTC")
    assert after is not None
    assert before - after == pytest.approx(1_000 / 0.9875)

    assert put(state, -977) is None
    assert position.isolated_micros == -44_999_500_000
    assert account.cash_micros == cash - 23 * USD


def test_initial_margin_and_a_tenth_of_the_notional_stay() -> None:
    state = isolated()

    assert put(state, -1) == "Position does not have sufficient margin for reduction."
    state.accounts[ALICE].leverages["BTC"] = Leverage("isolated", 40)
    assert put(state, -1) == "Position does not have sufficient margin for reduction."
    mark(state, "BTC", PX + 10_000)
    assert put(state, -877) is None  # 5,977.50 less a tenth of 51,000
    assert put(state, -1) == "Position does not have sufficient margin for reduction."


def test_margin_is_refused_in_the_venues_words() -> None:
    state = isolated()
    assert put(state, 0) == "Update to isolated margin cannot be zero."
    assert put(state, 15_001) == "Account does not have sufficient margin available for increase."
    assert put(state, 5, ETH) == "Cannot update margin for empty position."
    assert put(state, 5, 77) == "Unknown asset: 77"

    trade(state, ALICE, HOUSE, 300_000, 100, name="ETH")
    assert put(state, 5, ETH) == "Position does not use isolated margin."

    trade(state, ALICE, HOUSE, 200_000, 100, name="xyz:GOLD")
    assert put(state, -1, GOLD) == (
        "Cannot remove isolated margin for this asset. To remove margin, reduce the position."
    )
    assert put(state, 1, GOLD) is None


def test_a_unified_account_pays_margin_from_its_spot_side() -> None:
    state = isolated()
    account = state.accounts[ALICE]
    account.mode = "unified"
    account.spot_micros, account.cash_micros = account.cash_micros, 0
    spot = account.spot_micros

    assert put(state, 1_000) is None

    assert (account.spot_micros, account.cash_micros) == (spot - 1_000 * USD, 0)
