"""Values, requirements, liquidation prices: hand numbers, and a recorded account."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sidecar.emulator.exchange import margin
from sidecar.emulator.exchange.state import HOUSE, Account, Leverage, Position, Tier, VenueState
from tests.emulator_scene import coin as a_coin
from tests.money_scene import (
    ALICE,
    BTC_LOTS,
    PX,
    USD,
    isolate,
    mark,
    rest,
    trade,
    venue,
)

M = 1_000_000


def holding(lots: int = BTC_LOTS, *, cash_usd: int = 10_000) -> tuple[VenueState, Account]:
    """Alice with a position at 50,000 and so much account value, without fees."""
    state = venue()
    account = state.accounts[ALICE]
    account.positions["BTC"] = Position(lots, abs(lots) * PX)
    account.cash_micros = cash_usd * USD - lots * PX
    return state, account


@pytest.mark.parametrize(
    ("notional_usd", "maintenance_usd"),
    [
        (100_000, Fraction(1_250)),
        (150 * M, Fraction(1_875_000)),
        # 200M / 40 less the deduction of 150M x (1/40 - 1/80)
        (200 * M, Fraction(3_125_000)),
    ],
)
def test_maintenance_is_rate_times_notional_less_the_tiers_deduction(
    notional_usd: int, maintenance_usd: Fraction
) -> None:
    coin = venue().coins["BTC"]

    assert margin.maintenance_of(coin, notional_usd * USD) == maintenance_usd * USD


def test_maintenance_of_three_tiers_is_exact_and_rounded_down_once() -> None:
    coin = venue().coins["BTC"]
    coin.tiers = [Tier(0, 3), Tier(1_000, 2), Tier(5_000, 1)]
    for notional in (0, 1, 999, 1_000, 1_001, 5_000, 12_345):
        deduction, before, want = Fraction(0), Fraction(0), Fraction(0)
        for tier in coin.tiers:
            rate = Fraction(1, 2 * tier.leverage_max)
            deduction += tier.lower_bound_micros * (rate - before)
            before = rate
            if notional >= tier.lower_bound_micros:
                want = notional * rate - (deduction if tier.lower_bound_micros else 0)

        assert margin.maintenance_of(coin, notional) == want // 1


@pytest.mark.parametrize(
    ("lots", "px"),
    [
        # 9,375 is 10,000 less the maintenance margin, the divisor 1 less or more 1/80
        (BTC_LOTS, 50_000 - 9_375 / 0.9875),
        (-BTC_LOTS, 50_000 + 9_375 / 1.0125),
    ],
)
def test_the_liquidation_price_is_that_of_the_venues_formula(lots: int, px: float) -> None:
    state, account = holding(lots)

    found = margin.liquidation_px(state, account, "BTC")

    assert found == pytest.approx(px, rel=1e-12)


def test_at_the_liquidation_price_value_and_maintenance_meet() -> None:
    state, account = holding(-4_000 * BTC_LOTS, cash_usd=20 * M)
    found = margin.liquidation_px(state, account, "BTC")
    assert found is not None

    state.coins["BTC"].mark_ticks = int(found * 10) + 1
    assert margin.cross_value_micros(state, account) < margin.maintenance_micros(state, account)
    state.coins["BTC"].mark_ticks = int(found * 10)
    assert margin.cross_value_micros(state, account) >= margin.maintenance_micros(state, account)


def test_a_long_with_more_money_than_notional_has_no_liquidation_price() -> None:
    state, account = holding(cash_usd=60_000)

    assert margin.liquidation_px(state, account, "BTC") is None
    assert margin.liquidation_px(state, account, "ETH") is None


def test_other_positions_margin_moves_a_cross_liquidation_price() -> None:
    state, account = holding()
    account.positions["ETH"] = Position(10_000, 3_000 * USD)
    account.cash_micros -= 3_000 * USD

    found = margin.liquidation_px(state, account, "BTC")

    # ETH keeps 3,000 / 50 = 60 of the 10,000
    assert found == pytest.approx(50_000 - (9_375 - 60) / 0.9875, rel=1e-12)


def test_an_isolated_liquidation_price_knows_only_the_positions_money() -> None:
    state = venue()
    isolate(state, ALICE, "BTC", 10)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)

    found = margin.liquidation_px(state, state.accounts[ALICE], "BTC")

    assert found == pytest.approx(50_000 - (5_000 - 22.5 - 625) / 0.9875, rel=1e-12)


def test_initial_margin_is_notional_over_leverage_rounded_down() -> None:
    state, account = holding()
    account.leverages["BTC"] = Leverage("cross", 3)

    assert margin.initial_micros(state, account) == 50_000 * USD // 3
    assert margin.margin_used_micros(account, state.coins["BTC"]) == 50_000 * USD // 3
    assert margin.margin_used_micros(account, state.coins["ETH"]) == 0


def test_leverage_without_a_setting_is_twenty_or_what_the_coin_allows() -> None:
    state = venue()
    account = state.accounts[ALICE]
    state.coins["ETH"].leverage_max = 10

    assert margin.leverage_of(account, state.coins["BTC"]) == Leverage("cross", 20)
    assert margin.leverage_of(account, state.coins["ETH"]) == Leverage("cross", 10)
    assert margin.leverage_of(account, state.coins["xyz:GOLD"]) == Leverage("isolated", 20)
    for mode in ("strictIsolated", "noCross"):
        state.coins["BTC"].margin_mode = mode
        assert margin.leverage_of(account, state.coins["BTC"]).mode == "isolated"


def test_account_value_is_money_and_positions_of_both_kinds() -> None:
    state = venue()
    isolate(state, ALICE, "ETH", 5)
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)
    trade(state, ALICE, HOUSE, 300_000, 10_000, name="ETH")
    account = state.accounts[ALICE]
    fees, own_fee = state.fees_micros, 1_350_000
    mark(state, "BTC", PX + 10_000)
    mark(state, "ETH", 310_000)

    # 1 BTC gained 1,000 and 1 ETH gained 100
    assert margin.account_value_micros(state, account) == 101_100 * USD - fees
    # of the ETH's 600 margin, 100 profit and fee nothing is in the cross account
    assert margin.cross_value_micros(state, account) == (101_000 - 600) * USD - fees + own_fee
    eth = state.coins["ETH"]
    assert margin.margin_used_micros(account, eth) == 700 * USD - own_fee


@pytest.mark.parametrize(("leverage", "free_usd"), [(5, 0), (10, 5_000), (40, 5_000)])
def test_a_tenth_of_the_notional_stays_whatever_the_leverage(leverage: int, free_usd: int) -> None:
    state, account = holding()
    account.leverages["BTC"] = Leverage("cross", leverage)

    assert margin.withdrawable_micros(state, account) == free_usd * USD


def test_withdrawable_is_never_negative() -> None:
    state, account = holding(cash_usd=-1)

    assert margin.withdrawable_micros(state, account) == 0


def asks(
    state: VenueState, account: Account, lots: int, *, is_buy: bool = True, ticks: int = PX
) -> str | None:
    return margin.refusal(
        state,
        account,
        state.coins["BTC"],
        is_buy=is_buy,
        lots=lots,
        ticks=ticks,
        reduce_only=False,
    )


def test_an_order_must_be_covered_to_the_micro() -> None:
    state = venue(usd=2_500)
    account = state.accounts[ALICE]

    assert asks(state, account, BTC_LOTS) is None
    assert asks(state, account, BTC_LOTS + 1) == "perpMarginRejected"
    account.cash_micros -= 1
    assert asks(state, account, BTC_LOTS) == "perpMarginRejected"


def test_an_order_at_a_protected_price_counts_at_the_mark() -> None:
    state = venue(usd=2_500)
    account = state.accounts[ALICE]

    assert asks(state, account, BTC_LOTS, ticks=PX * 108 // 100) is None
    assert asks(state, account, BTC_LOTS, is_buy=False, ticks=PX * 92 // 100) is None
    assert asks(state, account, BTC_LOTS, is_buy=False, ticks=PX + 1) == "perpMarginRejected"


def test_resting_orders_of_the_larger_side_count() -> None:
    state = venue(usd=2_500)
    account = state.accounts[ALICE]
    rest(state, ALICE, is_buy=True, ticks=PX, lots=BTC_LOTS // 2)

    assert asks(state, account, BTC_LOTS // 2) is None
    assert asks(state, account, BTC_LOTS // 2 + 1) == "perpMarginRejected"
    assert asks(state, account, BTC_LOTS, is_buy=False) is None
    assert margin.withdrawable_micros(state, account) == 1_250 * USD


def test_stops_and_reduce_only_orders_need_nothing() -> None:
    state = venue(usd=2_500)
    account = state.accounts[ALICE]
    rest(state, ALICE, is_buy=True, ticks=PX, lots=BTC_LOTS).reduce_only = True

    assert asks(state, account, BTC_LOTS) is None
    assert (
        margin.refusal(
            state,
            account,
            state.coins["BTC"],
            is_buy=True,
            lots=100 * BTC_LOTS,
            ticks=PX,
            reduce_only=True,
        )
        is None
    )


def test_what_reduces_is_taken_whatever_the_account_is_worth() -> None:
    state, account = holding(cash_usd=100)

    assert asks(state, account, BTC_LOTS, is_buy=False) is None
    assert asks(state, account, 2 * BTC_LOTS, is_buy=False) is None
    assert asks(state, account, 1) == "perpMarginRejected"


def test_the_leverage_must_be_that_of_the_tier_an_order_reaches() -> None:
    state, account = holding(cash_usd=100 * M)
    account.leverages["BTC"] = Leverage("cross", 25)
    coin = state.coins["BTC"]
    lots = 150 * M * USD // PX - BTC_LOTS

    assert asks(state, account, lots - 1) is None
    assert asks(state, account, lots) == "perpMaxPositionRejected"
    account.leverages["BTC"] = Leverage("cross", 20)
    assert asks(state, account, lots) is None
    assert margin.tier_leverage(coin, 150 * M * USD) == 20


def test_affords_is_refusal_without_the_word() -> None:
    state = venue(usd=2_500)
    account, coin = state.accounts[ALICE], state.coins["BTC"]

    for lots, is_covered in ((BTC_LOTS, True), (BTC_LOTS + 1, False)):
        can = margin.affords(
            state, account, coin, is_buy=True, lots=lots, ticks=PX, reduce_only=False
        )
        assert can is is_covered


@pytest.mark.parametrize("held", [0, BTC_LOTS // 5, -BTC_LOTS // 5])
def test_the_largest_trade_is_affordable_and_one_lot_more_is_not(held: int) -> None:
    state, account = holding(held, cash_usd=2_500)
    if not held:
        del account.positions["BTC"]

    buy, sell = margin.max_trade_lots(state, account, state.coins["BTC"])

    assert buy - sell == -2 * held
    for lots, is_buy in ((buy, True), (sell, False)):
        assert asks(state, account, lots, is_buy=is_buy) is None
        assert asks(state, account, lots + 1, is_buy=is_buy) == "perpMarginRejected"


def test_in_unified_mode_the_spot_side_is_collateral() -> None:
    state = venue(usd=0)
    account = state.accounts[ALICE]
    account.spot_micros = 2_500 * USD
    assert asks(state, account, 1) == "perpMarginRejected"

    account.mode = "unified"

    assert asks(state, account, BTC_LOTS) is None
    assert margin.account_value_micros(state, account) == 0
    assert margin.withdrawable_micros(state, account) == 2_500 * USD


def test_a_resting_order_that_lost_its_margin_cannot_fill() -> None:
    state, account = holding(cash_usd=5_000)
    coin = state.coins["BTC"]
    assert margin.can_fill(state, account, coin, is_buy=True, lots=BTC_LOTS)

    account.cash_micros -= 1
    assert not margin.can_fill(state, account, coin, is_buy=True, lots=BTC_LOTS)
    assert margin.can_fill(state, account, coin, is_buy=False, lots=2 * BTC_LOTS)


def test_the_audit_sees_a_micro_that_came_from_nowhere_and_a_lost_lot() -> None:
    state = venue()
    trade(state, ALICE, HOUSE, PX, BTC_LOTS)

    state.accounts[ALICE].spot_micros += 1
    state.accounts[HOUSE].positions["BTC"].lots += 1

    assert margin.audit(state) == 1
    assert margin.positions_off(state) == {"BTC": 1}


def recorded_coin(position: dict[str, Any], bound_usd: int) -> tuple[Any, int]:
    """A coin whose mark price is a whole number of ticks, and the recorded lots of it."""
    size = Decimal(position["szi"]).quantize(Decimal("1e-5"))
    value = Decimal(position["positionValue"]).quantize(Decimal("1e-6"))
    px = (value / abs(size)).quantize(Decimal("1e-8"))
    for decimals in range(6):
        lots, ticks = size * 10**decimals, px * 10 ** (6 - decimals)
        if lots == int(lots) and ticks == int(ticks):
            break
    else:
        pytest.fail(f"no decimals for {position['coin']}")
    most = position["maxLeverage"]
    tiers = [Tier(0, most)]
    if most == 10:
        tiers.append(Tier(bound_usd * USD, 5))
    name = position["coin"]
    return a_coin(name, 0, decimals, int(ticks), tiers=tiers, leverage_max=most), int(lots)


def test_a_recorded_account_has_the_venues_own_figures(shared_dir: Path) -> None:
    """34 cross positions; those of three coins reach the second tier of the table `10x up to 3M`,
    the other coins with ten times leverage have the one up to 20M."""
    path = shared_dir / "data/api/rest/hlmcp/clearinghouse_whale.json"
    reply = json.loads(path.read_text())
    account = Account(ALICE, int(Decimal(reply["crossMarginSummary"]["totalRawUsd"]) * USD))
    state = VenueState(seed=1, now_ms=0, accounts={ALICE: account})
    rows = [row["position"] for row in reply["assetPositions"]]
    for row in rows:
        bound = 3 * M if row["coin"] in ("OP", "SEI", "ONDO") else 20 * M
        coin, lots = recorded_coin(row, bound)
        state.coins[coin.name] = coin
        account.positions[coin.name] = Position(lots, 1)
        account.leverages[coin.name] = Leverage("cross", row["leverage"]["value"])

    worst = 0.0
    for row in rows:
        px = margin.liquidation_px(state, account, row["coin"])
        if row["liquidationPx"] is None:
            assert px is None
            continue
        assert px is not None
        worst = max(worst, abs(px / float(row["liquidationPx"]) - 1))
        used = margin.margin_used_micros(account, state.coins[row["coin"]])
        assert used == pytest.approx(float(row["marginUsed"]) * USD, abs=2)

    assert len(rows) == 34
    assert worst < 1e-9
    summary = reply["crossMarginSummary"]
    for found, want in (
        (margin.account_value_micros(state, account), summary["accountValue"]),
        (margin.initial_micros(state, account), summary["totalMarginUsed"]),
        (margin.maintenance_micros(state, account), reply["crossMaintenanceMarginUsed"]),
        (margin.notional_micros(state, account), summary["totalNtlPos"]),
    ):
        assert found == pytest.approx(float(want) * USD, abs=40)


def test_recorded_largest_trades_differ_by_twice_the_position(shared_dir: Path) -> None:
    path = shared_dir / "data/api/rest/hl_python_sdk_cassettes.json"
    asked = json.loads(path.read_text())["interactions"]
    reply = next(o["response"] for o in asked if o["request"]["type"] == "clearinghouseState")
    rows = [row["position"] for row in reply["assetPositions"]]
    state, account = holding(cash_usd=100_000)
    for row in rows:
        buy, sell = (Decimal(size) for size in row["maxTradeSzs"])
        assert buy - sell == -2 * Decimal(row["szi"])

        lots = int(Decimal(row["szi"]) * BTC_LOTS)
        account.positions["BTC"].lots = lots
        ours = margin.max_trade_lots(state, account, state.coins["BTC"])
        assert ours[0] - ours[1] == -2 * lots

    assert len(rows) == 12
