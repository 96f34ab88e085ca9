"""Premiums, rates and payments: the venue's formula, recorded rows, and money that adds up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sidecar.emulator.exchange import book, funding, margin
from sidecar.emulator.exchange.events import FundingPaid, HourClosed
from sidecar.emulator.exchange.state import HOUSE, FundingRow, VenueState
from tests.money_scene import (
    ALICE,
    BOB,
    BTC_LOTS,
    NOW_MS,
    PX,
    USD,
    assert_sound,
    isolate,
    order,
    trade,
    venue,
)

HOUR_MS = NOW_MS - NOW_MS % 3_600_000 + 3_600_000


def settled(state: VenueState, rate_1h: float) -> list[object]:
    """Events of an hour with that rate on BTC."""
    state.coins["BTC"].known_rate_1h = rate_1h
    events: list[object] = []
    funding.settle_hour(state, HOUR_MS, events)
    assert_sound(state)
    return events


@pytest.mark.parametrize(
    ("premium", "rate_1h"),
    [
        (0.0, 0.0000125),
        (0.0006, 0.0000125),
        (-0.0004, 0.0000125),
        (0.001, 0.0000625),
        (-0.001, -0.0000625),
        (1.0, 0.04),
        (-1.0, -0.04),
    ],
)
def test_the_hourly_rate_is_an_eighth_of_premium_and_clamped_interest(
    premium: float, rate_1h: float
) -> None:
    assert funding.rate_of(premium) == pytest.approx(rate_1h, abs=1e-12)


def test_recorded_rows_have_the_rate_of_their_premium(shared_dir: Path) -> None:
    path = shared_dir / "data/api/rest/hl_errors_and_small.json"
    items = json.loads(path.read_text())["items"]
    rows = next(item["content"] for item in items if "funding_history" in item["source"])

    assert len(rows) == 6
    for row in rows:
        assert funding.rate_of(float(row["premium"])) == float(row["fundingRate"])


@pytest.mark.parametrize(
    ("impact", "premium"),
    [
        ((PX + 500, PX + 600), 0.001),
        ((PX - 600, PX - 500), -0.001),
        ((PX - 10, PX + 10), 0.0),
        ((None, None), 0.0),
        ((PX + 500, None), 0.001),
        ((None, PX - 500), -0.001),
    ],
)
def test_a_sample_is_what_impact_prices_lie_beyond_the_oracle(
    impact: tuple[int | None, int | None], premium: float
) -> None:
    state = venue()
    coin = state.coins["BTC"]

    funding.sample(state, NOW_MS, coin, impact)

    assert coin.premium_last == pytest.approx(premium)


def test_the_running_estimate_is_the_rate_of_the_mean_so_far() -> None:
    state = venue()
    coin = state.coins["BTC"]

    for bid in (PX + 500, PX + 1_000):
        funding.sample(state, NOW_MS, coin, (bid, bid + 1))

    assert coin.funding_rate_1h == funding.rate_of(0.0015)
    assert coin.premium_count == 2


def test_a_coin_of_another_dex_takes_the_mid_its_own_clamp_and_its_deployers_multiplier() -> None:
    state = venue()
    coin = state.coins["xyz:GOLD"]
    coin.funding_multiplier_hundredths = 50
    for is_buy, ticks in ((True, 200_300), (False, 200_500)):
        made = order(state, HOUSE, is_buy=is_buy, ticks=ticks, lots=1, name=coin.name)
        state.orders[made.oid] = made
        book.rest(coin, made)

    funding.sample(state, NOW_MS, coin, (None, None))

    # the mid is 0.2 % above the oracle; (0.002 - 0.0003) / 8 / 2
    assert coin.premium_last == pytest.approx(0.002)
    assert coin.funding_rate_1h == pytest.approx(0.00010625)
    funding.settle_hour(state, HOUR_MS, [])
    assert coin.funding[-1][1] == pytest.approx(0.00010625)


def test_without_both_sides_such_a_coin_has_no_premium() -> None:
    state = venue()

    funding.sample(state, NOW_MS, state.coins["xyz:GOLD"], (PX, PX))

    assert state.coins["xyz:GOLD"].premium_last == 0.0


def test_impact_is_measured_at_twenty_or_six_thousand() -> None:
    coins = venue().coins

    assert funding.impact_notional_micros(coins["BTC"]) == 20_000 * USD
    assert funding.impact_notional_micros(coins["ETH"]) == 20_000 * USD
    assert funding.impact_notional_micros(coins["xyz:GOLD"]) == 6_000 * USD


def test_longs_pay_shorts_on_the_oracle_price_not_the_mark() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    state.coins["BTC"].mark_ticks = PX * 2
    state.coins["BTC"].oracle_ticks = PX + 10_000
    before = {user: state.accounts[user].cash_micros for user in (ALICE, BOB)}

    events = settled(state, 0.0001)

    # 51,000 x 0.0001
    for user, micros in ((ALICE, -5_100_000), (BOB, 5_100_000)):
        account = state.accounts[user]
        assert account.cash_micros - before[user] == micros
        row = account.funding[-1]
        assert (row.micros, row.rate_1h, row.time_ms) == (
            micros,
            0.0001,
            funding.stamp_ms(state, HOUR_MS),
        )
        position = account.positions["BTC"]
        assert position.funding_open_micros == position.funding_change_micros == -micros
        assert account.funding_micros["BTC"] == -micros
    assert [event.user for event in events if isinstance(event, FundingPaid)] == [ALICE, BOB]


def test_an_isolated_position_pays_from_its_own_money() -> None:
    state = venue()
    isolate(state, ALICE, "BTC", 10)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    account = state.accounts[ALICE]
    cash = account.cash_micros

    settled(state, 0.0001)

    assert account.cash_micros == cash
    assert account.positions["BTC"].isolated_micros == -45_000 * USD - 22_500_000 - 5_000_000


def test_a_unified_account_pays_from_its_spot_side() -> None:
    state = venue()
    account = state.accounts[ALICE]
    account.mode, account.spot_micros, account.cash_micros = "unified", account.cash_micros, 0
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    spot = account.spot_micros

    settled(state, 0.0001)

    assert account.spot_micros == spot - 5_000_000
    assert account.cash_micros == -50_000 * USD


def test_what_rounding_leaves_goes_to_the_insurance() -> None:
    state = venue()
    coin = state.coins["BTC"]
    for lots in (1, 2, 4):
        trade(state, ALICE, HOUSE, PX, lots)
        trade(state, BOB, HOUSE, PX, lots)
    coin.oracle_ticks = 500_001

    settled(state, 0.0000013)

    # 7 lots are 3.500007 USD: 4.55 micros each, 9.10 for the house
    assert state.accounts[ALICE].funding[-1].micros == -5
    assert state.accounts[BOB].funding[-1].micros == -5
    assert state.insurance_micros == 1


def test_the_hour_closes_with_its_mean_and_the_next_begins_anew() -> None:
    state = venue()
    coin = state.coins["BTC"]
    funding.sample(state, NOW_MS, coin, (PX + 500, PX + 600))
    events: list[object] = []

    funding.settle_hour(state, HOUR_MS, events)

    stamp_ms = funding.stamp_ms(state, HOUR_MS)
    assert coin.funding[-1] == (stamp_ms, 0.0000625, 0.001)
    closed = [event for event in events if isinstance(event, HourClosed)]
    assert [event.coin for event in closed] == ["BTC", "ETH", "xyz:GOLD"]
    assert (closed[0].rate_1h, closed[0].premium) == (0.0000625, 0.001)
    assert (coin.premium_sum, coin.premium_count) == (0.0, 0)


def test_a_known_rate_holds_for_one_hour_and_under_the_cap() -> None:
    state = venue()
    coin = state.coins["BTC"]

    settled(state, 0.5)
    assert coin.funding[-1][1] == 0.04
    funding.settle_hour(state, HOUR_MS + 3_600_000, [])
    assert coin.funding[-1][1] == 0.0000125


def test_rows_are_stamped_shortly_after_the_hour_and_by_the_seed() -> None:
    state = venue()
    stamps = [funding.stamp_ms(state, HOUR_MS * k) - HOUR_MS * k for k in range(1, 500)]

    assert min(stamps) == 1
    assert max(stamps) == 118
    state.seed += 1
    assert stamps != [funding.stamp_ms(state, HOUR_MS * k) - HOUR_MS * k for k in range(1, 500)]


def test_a_delisted_coin_pays_nothing() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    state.coins["BTC"].is_delisted = True

    settled(state, 0.0001)

    assert state.accounts[ALICE].funding == []
    assert state.coins["BTC"].funding == []


def test_every_hour_samples_what_an_account_is_worth_and_has_gained() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    state.coins["BTC"].mark_ticks = PX + 10_000

    funding.settle_hour(state, HOUR_MS, [])

    stamp_ms, value, gain = state.accounts[ALICE].equity[-1]
    assert stamp_ms == funding.stamp_ms(state, HOUR_MS)
    assert value == margin.account_value_micros(state, state.accounts[ALICE])
    # 1,000 of profit less the fee and less 50,000 x 0.00125 % of funding
    assert gain == 1_000 * USD - 22_500_000 - 625_000
    assert state.accounts[HOUSE].equity == []


def test_rates_payments_and_worths_are_kept_up_to_a_bound() -> None:
    state = venue()
    trade(state, ALICE, BOB, PX, BTC_LOTS)
    account, coin = state.accounts[ALICE], state.coins["BTC"]
    coin.funding = [(hour, 0.0, 0.0) for hour in range(funding.ROWS_MAX)]
    account.funding = [FundingRow(hour, "BTC", 0, 1, 0.0) for hour in range(funding.ROWS_MAX)]
    account.equity = [(hour, 0, 0) for hour in range(funding.EQUITY_MAX)]

    settled(state, 0.0001)

    stamp_ms = funding.stamp_ms(state, HOUR_MS)
    assert (len(coin.funding), coin.funding[0][0]) == (funding.ROWS_MAX, 1)
    assert (len(account.funding), account.funding[0].time_ms) == (funding.ROWS_MAX, 1)
    assert (len(account.equity), account.equity[0][0]) == (funding.EQUITY_MAX, 1)
    assert coin.funding[-1][0] == account.funding[-1].time_ms == account.equity[-1][0] == stamp_ms
