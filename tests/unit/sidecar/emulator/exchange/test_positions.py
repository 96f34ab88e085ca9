"""A trade on both sides: money, entry, words, rows."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from sidecar.emulator.exchange import candles, margin, positions
from sidecar.emulator.exchange.events import FillSeen, Traded
from sidecar.emulator.exchange.state import HOUSE, Tier, VenueState
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
    order,
    trade,
    venue,
)


def test_a_cross_long_pays_its_notional_and_half_of_it_comes_back_with_its_profit() -> None:
    state = venue()

    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    trade(state, HOUSE, ALICE, PX + 20_000, BTC_LOTS // 2, is_buyer_taker=False)

    account = state.accounts[ALICE]
    position = account.positions["BTC"]
    # 100,000 - 50,000 - 22.50 fee + 26,000 - 11.70 fee
    assert account.cash_micros == 75_965_800_000
    assert (position.lots, position.entry_micros) == (BTC_LOTS // 2, 25_000 * USD)
    assert [fill.closed_pnl_micros for fill in account.fills] == [0, 1_000 * USD]
    assert [fill.fee_micros for fill in account.fills] == [22_500_000, 11_700_000]
    assert state.fees_micros == 34_200_000


def test_both_sides_of_a_trade_between_clients_pay_their_own_rate() -> None:
    state = venue()

    events = trade(state, ALICE, BOB, PX, BTC_LOTS)

    bought, sold = state.accounts[ALICE].fills[0], state.accounts[BOB].fills[0]
    assert (bought.is_buy, bought.crossed, bought.fee_micros) == (True, True, 22_500_000)
    assert (sold.is_buy, sold.crossed, sold.fee_micros) == (False, False, 7_500_000)
    assert bought.tid == sold.tid
    assert bought.hash == sold.hash
    assert [type(event) for event in events] == [Traded, FillSeen, FillSeen]
    trade_seen = events[0]
    assert isinstance(trade_seen, Traded)
    assert (trade_seen.trade.buyer, trade_seen.trade.seller) == (ALICE, BOB)


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [
        (0, 5, "Open Long"),
        (5, 9, "Open Long"),
        (9, 5, "Close Long"),
        (5, 0, "Close Long"),
        (5, -1, "Long > Short"),
        (0, -5, "Open Short"),
        (-5, -6, "Open Short"),
        (-6, -1, "Close Short"),
        (-1, 0, "Close Short"),
        (-1, 1, "Short > Long"),
    ],
)
def test_the_word_of_a_fill_says_what_it_did(start: int, end: int, word: str) -> None:
    assert positions.direction(start, end) == word


def test_recorded_fills_have_the_same_words(shared_dir: Path) -> None:
    path = shared_dir / "data/api/rest/hl_python_sdk_cassettes.json"
    asked = json.loads(path.read_text())["interactions"]
    rows = next(one["response"] for one in asked if one["request"]["type"] == "userFills")
    for row in rows:
        start, size = Decimal(row["startPosition"]), Decimal(row["sz"])
        end = start + size if row["side"] == "B" else start - size
        lots = [int(value * 10**8) for value in (start, end)]

        assert positions.direction(*lots) == row["dir"]

    assert len(rows) == 500


def test_a_flip_closes_at_a_loss_and_opens_at_the_trades_price() -> None:
    state = venue()
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)

    trade(state, HOUSE, ALICE, PX - 10_000, 3 * BTC_LOTS, is_buyer_taker=False)

    account = state.accounts[ALICE]
    position = account.positions["BTC"]
    fill = account.fills[-1]
    assert (position.lots, position.entry_micros) == (-2 * BTC_LOTS, 98_000 * USD)
    assert (fill.dir, fill.start_lots, fill.closed_pnl_micros) == (
        "Long > Short",
        BTC_LOTS,
        -1_000 * USD,
    )


def test_the_entry_of_odd_parts_adds_up_to_the_whole() -> None:
    state = venue()
    trade(state, ALICE, HOUSE, PX + 1, 3)
    trade(state, ALICE, HOUSE, PX + 2, 4)
    entry = state.accounts[ALICE].positions["BTC"].entry_micros

    for lots in (1, 1, 2, 3):
        trade(state, HOUSE, ALICE, PX, lots, is_buyer_taker=False)

    fills = state.accounts[ALICE].fills
    assert entry == 3 * (PX + 1) + 4 * (PX + 2)
    assert sum(fill.closed_pnl_micros for fill in fills) == 7 * PX - entry
    assert "BTC" not in state.accounts[ALICE].positions


def test_an_isolated_position_takes_its_margin_along_and_gives_its_share_back() -> None:
    state = venue(usd=10_000)
    isolate(state, ALICE, "BTC", 10)

    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    account = state.accounts[ALICE]
    position = account.positions["BTC"]

    # 5,000 came along, of which the fee took 22.50
    assert position.isolated_micros == -45_000 * USD - 22_500_000
    assert account.cash_micros == 5_000 * USD
    before_px = margin.liquidation_px(state, account, "BTC")

    trade(state, HOUSE, ALICE, PX + 20_000, BTC_LOTS // 2, is_buyer_taker=False)

    # half of -45,022.50 stays; 26,000 less that half comes out, less the fee
    assert position.isolated_micros == -22_511_250_000
    assert account.cash_micros == 5_000 * USD + 3_488_750_000 - 11_700_000
    assert margin.liquidation_px(state, account, "BTC") == before_px


def test_an_isolated_flip_brings_new_margin() -> None:
    state = venue(usd=20_000)
    isolate(state, ALICE, "BTC", 10)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)

    trade(state, HOUSE, ALICE, PX, 2 * BTC_LOTS, is_buyer_taker=False)

    account = state.accounts[ALICE]
    assert account.positions["BTC"].lots == -BTC_LOTS
    assert account.positions["BTC"].isolated_micros == 55_000 * USD - 45_000_000
    assert account.cash_micros == 15_000 * USD - 22_500_000


def test_an_isolated_position_holds_what_a_documented_one_held() -> None:
    state = venue()
    isolate(state, ALICE, "ETH", 20)
    account, eth = state.accounts[ALICE], state.coins["ETH"]
    eth.tiers, eth.leverage_max = [Tier(0, 50)], 50
    account.fee_day_ms = NOW_MS - NOW_MS % 86_400_000
    account.fee_rates_e8 = (25_000, 2_000)

    trade(state, ALICE, HOUSE, 221_390, 2_259, name="ETH")

    assert account.positions["ETH"].isolated_micros == -475_239_040
    assert margin.liquidation_px(state, account, "ETH") == pytest.approx(2125.00856238)


def test_an_isolated_opening_never_takes_more_than_there_is() -> None:
    state = venue(usd=3_000)
    isolate(state, ALICE, "BTC", 10)

    trade(state, ALICE, HOUSE, PX, BTC_LOTS)

    account = state.accounts[ALICE]
    assert account.cash_micros == 0
    assert account.positions["BTC"].isolated_micros == 3_000 * USD - 22_500_000 - 50_000 * USD


def test_what_a_liquidated_isolated_position_lacks_the_insurance_pays() -> None:
    state = venue(usd=10_000)
    isolate(state, ALICE, "BTC", 10)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    cash = state.accounts[ALICE].cash_micros
    sale = order(state, ALICE, is_buy=False, ticks=1, lots=BTC_LOTS, name="BTC")
    sale.is_liquidation = True

    match = positions.Match(sale, None, PX - 60_000, BTC_LOTS)
    positions.settle(state, NOW_MS, state.coins["BTC"], match, [])

    assert state.insurance_micros == -1_022_500_000
    assert state.accounts[ALICE].cash_micros == cash - 19_800_000
    assert_sound(state)


def test_fills_of_a_liquidation_say_so_on_both_sides() -> None:
    state = venue()
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    sale = order(state, ALICE, is_buy=False, ticks=1, lots=BTC_LOTS, name="BTC")
    sale.is_liquidation = True
    bid = order(state, BOB, is_buy=True, ticks=PX, lots=BTC_LOTS, name="BTC")

    positions.settle(
        state, NOW_MS, state.coins["BTC"], positions.Match(sale, bid, PX, BTC_LOTS), []
    )

    for user, word in ((ALICE, "Close Long"), (BOB, "Open Long")):
        fill = state.accounts[user].fills[-1]
        assert fill.dir == word
        assert (fill.liquidated_user, fill.liquidation_method) == (ALICE, "market")
        assert fill.liquidation_mark_ticks == PX


def test_a_builder_gets_its_share_on_top_of_the_fee() -> None:
    state = venue()
    bought = order(state, ALICE, is_buy=True, ticks=PX, lots=BTC_LOTS, name="BTC")
    bought.builder, bought.builder_fee_tenths = CAROL, 25

    positions.settle(
        state, NOW_MS, state.coins["BTC"], positions.Match(bought, None, PX, BTC_LOTS), []
    )

    fill = state.accounts[ALICE].fills[0]
    assert (fill.fee_micros, fill.builder_fee_micros) == (22_500_000 + 12_500_000, 12_500_000)
    assert state.accounts[CAROL].cash_micros == 100_000 * USD + 12_500_000
    assert state.fees_micros == 22_500_000
    assert_sound(state)


def test_a_slice_of_a_twap_has_no_transaction() -> None:
    state = venue()
    bought = order(state, ALICE, is_buy=True, ticks=PX, lots=1_000, name="BTC")
    bought.twap_id = 3

    positions.settle(
        state, NOW_MS, state.coins["BTC"], positions.Match(bought, None, PX, 1_000), []
    )

    fill = state.accounts[ALICE].fills[0]
    assert (fill.hash, fill.twap_id) == ("0x" + "0" * 64, 3)
    assert state.coins["BTC"].trades[0].hash != fill.hash


def test_open_interest_counts_one_side() -> None:
    state = venue()
    coin = state.coins["BTC"]

    trade(state, ALICE, BOB, PX, 1_000)
    trade(state, CAROL, ALICE, PX, 400)
    assert coin.open_interest_lots == 1_000

    trade(state, BOB, CAROL, PX, 400)
    assert coin.open_interest_lots == 600


def test_volumes_and_bars_count_every_trade_once() -> None:
    state = venue()
    coin = state.coins["BTC"]
    trade(state, ALICE, BOB, PX, 1_000)

    events: list[object] = []
    positions.print_house(state, NOW_MS, coin, PX + 5, 2_000, events, is_buy=True)

    hour = NOW_MS - NOW_MS % 3_600_000
    assert coin.hour_volumes == {hour: (3_000, 1_000 * PX + 2_000 * (PX + 5))}
    assert coin.last_ticks == PX + 5
    assert [trade.is_buy for trade in coin.trades] == [True, True]
    forming = candles.forming(coin, "1m")
    assert forming is not None
    assert (forming.lots, forming.trade_count) == (3_000, 2)
    assert len(events) == 1
    assert_sound(state)
    assert state.accounts[ALICE].volume_micros == state.accounts[BOB].volume_micros == 1_000 * PX


def test_hourly_volumes_reach_a_day_back() -> None:
    state = venue()

    for hour in range(30):
        trade(state, ALICE, HOUSE, PX, 1, now_ms=NOW_MS + hour * 3_600_000)

    hours = state.coins["BTC"].hour_volumes
    assert len(hours) == 24
    assert max(hours) - min(hours) == 23 * 3_600_000


def test_only_the_newest_fills_and_trades_are_kept() -> None:
    state = venue()
    coin = state.coins["BTC"]
    bought = order(state, ALICE, is_buy=True, ticks=PX, lots=1, name="BTC")

    for _ in range(positions.FILLS_MAX + 5):
        positions.settle(state, NOW_MS, coin, positions.Match(bought, None, PX, 1), [])

    fills = state.accounts[ALICE].fills
    assert len(fills) == positions.FILLS_MAX
    assert fills[-1].tid - fills[0].tid == positions.FILLS_MAX - 1
    assert len(coin.trades) == positions.TRADES_MAX
    assert coin.trades[-1].tid == fills[-1].tid


def unified(state: VenueState) -> None:
    account = state.accounts[ALICE]
    account.mode = "unified"
    positions.sweep(state, account)


def test_a_unified_account_shows_nothing_on_the_perpetual_side_when_flat() -> None:
    state = venue()
    unified(state)

    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    account = state.accounts[ALICE]
    assert account.cash_micros == -50_000 * USD
    assert margin.account_value_micros(state, account) == 0

    trade(state, HOUSE, ALICE, PX + 10_000, BTC_LOTS, is_buyer_taker=False)
    assert account.cash_micros == 0
    # the profit of 1,000 less 22.50 and 22.95 of fees
    assert account.spot_micros == 100_000 * USD + 1_000 * USD - 22_500_000 - 22_950_000


def test_a_delisted_coin_is_settled_at_its_oracle_price() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    isolate(state, CAROL, "BTC", 5)
    trade(state, CAROL, HOUSE, PX, BTC_LOTS)
    coin = state.coins["BTC"]
    coin.oracle_ticks = PX + 10_000

    positions.settle_delisting(state, NOW_MS, coin, [])

    assert all("BTC" not in account.positions for account in state.accounts.values())
    assert coin.open_interest_lots == 0
    assert_sound(state)
    fills = [state.accounts[user].fills[-1] for user in (ALICE, BOB, CAROL)]
    assert [fill.closed_pnl_micros for fill in fills] == [1_000 * USD, -1_000 * USD, 1_000 * USD]
    assert {fill.dir for fill in fills} == {"Settlement"}
    assert [fill.fee_micros for fill in fills] == [0, 0, 0]


def test_funding_since_the_change_starts_anew_with_each_trade() -> None:
    state = venue()
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    position = state.accounts[ALICE].positions["BTC"]
    position.funding_open_micros = position.funding_change_micros = 5

    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    assert (position.funding_open_micros, position.funding_change_micros) == (5, 0)

    trade(state, HOUSE, ALICE, PX, 3 * BTC_LOTS, is_buyer_taker=False)
    assert (position.funding_open_micros, position.funding_change_micros) == (0, 0)
