"""Tiers, shares, discounts and rounding of fees."""

from __future__ import annotations

import pytest

from sidecar.emulator.exchange import fees
from sidecar.emulator.exchange.state import Account
from tests.money_scene import ALICE, BOB, BTC_LOTS, HOUSE, NOW_MS, PX, USD, order, trade, venue

DAY_MS = 86_400_000
TODAY_MS = NOW_MS - NOW_MS % DAY_MS
YESTERDAY_MS = TODAY_MS - DAY_MS


@pytest.mark.parametrize(
    ("volume_usd", "taker_e8", "maker_e8"),
    [
        (0, 45_000, 15_000),
        (5_000_000, 45_000, 15_000),
        (5_000_001, 40_000, 12_000),
        (25_000_001, 35_000, 8_000),
        (100_000_001, 30_000, 4_000),
        (500_000_001, 28_000, 0),
        (2_000_000_001, 26_000, 0),
        (7_000_000_001, 24_000, 0),
    ],
)
def test_the_tier_follows_the_volume_of_fourteen_days(
    volume_usd: int, taker_e8: int, maker_e8: int
) -> None:
    state = venue()
    account = state.accounts[ALICE]
    account.day_volumes[YESTERDAY_MS] = (volume_usd * USD, 0)
    state.day_volumes[YESTERDAY_MS] = 10 * volume_usd * USD

    assert fees.rates_e8(state, account, NOW_MS) == (taker_e8, maker_e8)


def test_today_and_the_day_before_the_window_do_not_count() -> None:
    state = venue()
    account = state.accounts[ALICE]
    account.day_volumes[TODAY_MS] = (30_000_000 * USD, 0)
    account.day_volumes[TODAY_MS - 15 * DAY_MS] = (30_000_000 * USD, 0)
    assert fees.rates_e8(state, account, NOW_MS)[0] == 45_000

    account.day_volumes[TODAY_MS - 14 * DAY_MS] = (30_000_000 * USD, 0)
    assert fees.tier_rates_e8(state, account, TODAY_MS)[0] == 35_000


def test_a_tier_stands_for_a_day() -> None:
    state = venue()
    account = state.accounts[ALICE]
    assert fees.rates_e8(state, account, NOW_MS)[0] == 45_000

    account.day_volumes[YESTERDAY_MS] = (6_000_000 * USD, 0)
    assert fees.rates_e8(state, account, TODAY_MS + DAY_MS - 1)[0] == 45_000
    assert fees.rates_e8(state, account, TODAY_MS + DAY_MS)[0] == 40_000


def test_sub_accounts_trade_on_the_tier_of_the_family() -> None:
    state = venue()
    sub = state.accounts[BOB]
    sub.master, sub.role = ALICE, "subAccount"
    state.accounts[ALICE].day_volumes[YESTERDAY_MS] = (3_000_000 * USD, 0)
    sub.day_volumes[YESTERDAY_MS] = (0, 3_000_000 * USD)
    state.day_volumes[YESTERDAY_MS] = 10_000_000_000 * USD

    for user in (ALICE, BOB):
        assert fees.rates_e8(state, state.accounts[user], NOW_MS) == (40_000, 12_000)


@pytest.mark.parametrize(
    ("share_thousandths", "maker_e8"), [(5, 15_000), (6, -1_000), (16, -2_000), (31, -3_000)]
)
def test_a_share_of_all_makers_volume_earns_a_rebate(share_thousandths: int, maker_e8: int) -> None:
    state = venue()
    account = state.accounts[ALICE]
    state.day_volumes[YESTERDAY_MS] = 1_000_000 * USD
    account.day_volumes[YESTERDAY_MS] = (0, share_thousandths * 1_000 * USD)

    assert fees.rates_e8(state, account, NOW_MS) == (45_000, maker_e8)


def test_a_rebate_is_paid_to_the_maker_and_money_still_adds_up() -> None:
    state = venue()
    state.day_volumes[YESTERDAY_MS] = 1_000_000 * USD
    state.accounts[BOB].day_volumes[YESTERDAY_MS] = (0, 20_000 * USD)

    trade(state, ALICE, BOB, PX, BTC_LOTS)

    assert state.accounts[BOB].fills[0].fee_micros == -1_000_000
    assert state.fees_micros == 22_500_000 - 1_000_000


def test_a_referral_takes_four_parts_of_a_hundred_off_up_to_its_volume() -> None:
    state = venue()
    account = state.accounts[ALICE]
    account.referrer = "FRIEND"
    assert fees.rates_e8(state, account, NOW_MS) == (43_200, 14_400)

    account.volume_micros = 25_000_000 * USD
    assert fees.rates_e8(state, account, NOW_MS) == (45_000, 15_000)

    account.volume_micros, account.role = 0, "subAccount"
    assert fees.rates_e8(state, account, NOW_MS) == (45_000, 15_000)


def test_a_fee_is_rounded_toward_zero_as_recorded() -> None:
    coin = venue().coins["BTC"]

    assert fees.fee_micros(66_653_000, 15_000, coin) == 9_997
    assert fees.fee_micros(66_653_000, -1_000, coin) == -666
    assert fees.fee_micros(6_798_774_300, -1_000, coin) == -67_987


@pytest.mark.parametrize(
    ("scale_hundredths", "is_growing", "fee"),
    [
        (0, False, 450_000),
        (50, False, 675_000),
        (100, False, 900_000),
        (150, False, 1_350_000),
        (100, True, 90_000),
    ],
)
def test_a_deployers_scale_and_growth_mode_change_the_fee(
    scale_hundredths: int, is_growing: bool, fee: int
) -> None:
    coin = venue().coins["xyz:GOLD"]
    coin.fee_scale_hundredths, coin.growth_mode = scale_hundredths, is_growing

    assert fees.fee_micros(1_000 * USD, 45_000, coin) == fee


def test_a_builders_share_counts_tenths_of_a_basis_point() -> None:
    made = order(venue(), ALICE, is_buy=True, ticks=PX, lots=1, name="BTC")
    assert fees.builder_micros(1_000 * USD, made) == 0

    made.builder, made.builder_fee_tenths = BOB, 100
    assert fees.builder_micros(1_000 * USD, made) == 1 * USD
    made.builder_fee_tenths = 1_000
    assert fees.builder_micros(1_000 * USD, made) == 1 * USD


def test_volume_counts_for_both_roles_and_old_days_are_dropped() -> None:
    state = venue()

    for day in range(20):
        trade(state, ALICE, BOB, PX, 1_000, now_ms=NOW_MS + day * DAY_MS)
    trade(state, BOB, HOUSE, PX, 1_000, now_ms=NOW_MS + 19 * DAY_MS)

    notional = 1_000 * PX
    bob = state.accounts[BOB]
    assert bob.volume_micros == 21 * notional
    assert len(bob.day_volumes) == len(state.day_volumes) == fees.TIER_DAYS + 1
    assert bob.day_volumes[TODAY_MS + 19 * DAY_MS] == (notional, notional)
    assert state.day_volumes[TODAY_MS + 19 * DAY_MS] == 2 * notional


def test_an_account_that_never_traded_has_the_first_tier() -> None:
    state = venue()

    assert fees.rates_e8(state, Account("0x" + "77" * 20), NOW_MS) == (45_000, 15_000)
