"""Liquidation: its price by the venue's formula, and what a bar that reaches it costs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.market.metadata import MarginTier, SymbolMetadata, maintenance_usd
from core.simulate import new_book
from kernel import margin
from kernel.records import Records, Rules
from schemas.base import Value
from schemas.records import to_records
from schemas.strategy import strategy_from
from tests.scene import PLAIN, Played, Scene

TIERED = SymbolMetadata("AAA", 2, 10.0, (MarginTier(0.0, 10.0), MarginTier(10_000.0, 5.0)))
FLAT_20X = SymbolMetadata("AAA", 2, 20.0, (MarginTier(0.0, 20.0),))
GEARED: Mapping[str, Value] = {
    "trade.allocation_frac": 0.5,
    "trade.leverage_medium": 10.0,
    "trade.stop_loss_atr": 50.0,
    "trade.take_profit_atr": 50.0,
    "trade.trailing_start_atr": 100.0,
    "trade.trend_exhaustion_adx_below": 0.0,
    "trade.total_margin_max_frac": 1.0,
}
"""5,000 USD at ten times: 500 units at 100, which nothing but liquidation ends."""
ISOLATED = {**GEARED, "trade.margin_mode": "isolated"}
BOTH_SIDES = pytest.mark.parametrize(("side", "sign"), [("long", 1.0), ("short", -1.0)])


def held(sign: float, size: float, px: float) -> tuple[Any, Records]:
    """A position of that size, and the parameters it is held by."""
    position = new_book(1, 0.0).positions[0]
    position["side"], position["size"], position["avg_px"] = int(sign), size, px
    params = to_records([strategy_from({**PLAIN, "trade.unknown_maintenance_frac": 0.04})])[0]
    return position, params


def rules_of(metadata: SymbolMetadata | None) -> Rules:
    return Scene(2).knows(*([] if metadata is None else [metadata])).market().rules


@BOTH_SIDES
@pytest.mark.parametrize(
    ("metadata", "size", "spare_usd", "long_px", "short_px"),
    [
        # One tier, rate 0.025: 100 -+ 1 000 / 100 / (1 -+ 0.025).
        (FLAT_20X, 100.0, 1_000.0, 100 - 10 / 0.975, 100 + 10 / 1.025),
        # In the upper tier and back in the lower one: notional 12 000, rate 0.1, deduction 500.
        # There 0.95 x p = 120 x 100 - 3 000 - 700 in notional, of rate 0.05 below 10 000.
        (TIERED, 120.0, 3_000.0, (12_000 - 3_700) / 0.95 / 120, (15_700 + 500) / 1.1 / 120),
        # From the lower tier into the upper one, for a short: 1.1 x p = 9 500 + spare + 500.
        (TIERED, 90.0, 3_000.0, (9_000 - 3_450) / 0.95 / 90, (9_000 + 3_450 + 500) / 1.1 / 90),
        # Tiers unknown: the declared 0.04.
        (None, 100.0, 1_000.0, 100 - 10 / 0.96, 100 + 10 / 1.04),
        # More margin than a long can lose: no price.
        (FLAT_20X, 100.0, 20_000.0, 0.0, 100 + 200 / 1.025),
    ],
)
def test_the_price_follows_the_formula_in_the_tier_it_lies_in(
    side: str,
    sign: float,
    metadata: SymbolMetadata | None,
    size: float,
    spare_usd: float,
    long_px: float,
    short_px: float,
) -> None:
    position, params = held(sign, size, 100.0)

    found = margin.liquidation_px(rules_of(metadata), 0, position, (100.0, spare_usd), params)

    expected = long_px if side == "long" else short_px
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    if metadata is not None and expected > 0.0:
        left_usd = sign * (found - 100.0) * size + spare_usd
        left_usd += maintenance_usd(metadata.tiers, size * 100.0)
        assert left_usd == pytest.approx(maintenance_usd(metadata.tiers, size * found), rel=1e-9)


def recorded(shared_dir: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shared_dir / "data/api/rest" / name).read_text())
    return found


def tables(shared_dir: Path) -> dict[str, tuple[MarginTier, ...]]:
    """Margin tiers by symbol, of the newest recorded `meta` of the main exchange."""
    pairs = recorded(shared_dir, "go_hyperliquid_cassettes.json")["interactions"]
    whole = [each["response"] for each in pairs if each["test"] == "MetaAndAssetCtxs"]
    of_main = [each[0] for each in whole if isinstance(each, list)]
    meta = [each for each in of_main if each["universe"][0]["name"] == "BTC"][-1]
    listed = dict(meta["marginTables"])
    return {
        each["name"]: tuple(
            MarginTier(float(tier["lowerBound"]), float(tier["maxLeverage"]))
            for tier in listed[each["marginTableId"]]["marginTiers"]
        )
        if each["marginTableId"] in listed
        else (MarginTier(0.0, float(each["maxLeverage"])),)
        for each in meta["universe"]
    }


def found_px(
    position: Mapping[str, Any], tiers: tuple[MarginTier, ...], spare_usd: float
) -> tuple[float, float]:
    """(our price, the recorded one or 0)."""
    size = abs(float(position["szi"]))
    px = float(position["positionValue"]) / size
    own, params = held(np.sign(float(position["szi"])), size, px)
    rules = rules_of(SymbolMetadata("AAA", 2, tiers[0].leverage_max, tiers))
    found = margin.liquidation_px(rules, 0, own, (px, spare_usd), params)
    return found, float(position["liquidationPx"] or 0.0)


def test_it_is_the_venues_own_on_a_recorded_account_of_34_positions(shared_dir: Path) -> None:
    account = recorded(shared_dir, "hlmcp/clearinghouse_whale.json")
    known = tables(shared_dir)
    needed_usd = float(account["crossMaintenanceMarginUsed"])
    spare_usd = float(account["crossMarginSummary"]["accountValue"]) - needed_usd
    crossed = set()
    total_usd = 0.0
    for each in account["assetPositions"]:
        position = each["position"]
        tiers = known[position["coin"]]
        assert tiers[0].leverage_max == position["maxLeverage"]
        total_usd += maintenance_usd(tiers, float(position["positionValue"]))
        ours, theirs = found_px(position, tiers, spare_usd)
        assert ours == pytest.approx(theirs, rel=2e-4), position["coin"]
        if len(tiers) > 1 and abs(float(position["szi"])) * theirs > tiers[1].lower_bound_usd:
            crossed.add(position["coin"])

    assert total_usd == pytest.approx(needed_usd, rel=1e-6)
    assert len(account["assetPositions"]) == 34
    assert crossed == {"OP", "SEI", "ONDO"}


def test_the_other_account_holds_collateral_that_its_record_does_not_show(
    shared_dir: Path,
) -> None:
    """Its three prices name one and the same spare margin, 2.9 times the recorded one."""
    account = recorded(shared_dir, "hlmcp/clearinghouse_small.json")
    known = tables(shared_dir)
    positions = {each["position"]["coin"]: each["position"] for each in account["assetPositions"]}
    hype = positions.pop("HYPE")
    size = abs(float(hype["szi"]))
    px = float(hype["positionValue"]) / size
    rate = known["HYPE"][0].maintenance_rate_frac
    spare_usd = (float(hype["liquidationPx"]) - px) * size * (1.0 + rate)

    for coin in ("BTC", "PUMP"):
        ours, theirs = found_px(positions.pop(coin), known[coin], spare_usd)
        assert ours == pytest.approx(theirs, rel=2e-4)
    assert not positions
    in_record = float(account["marginSummary"]["accountValue"])
    in_record -= float(account["crossMaintenanceMarginUsed"])
    assert spare_usd == pytest.approx(2.948 * in_record, rel=1e-3)


def played(
    side: str, worst_px: float, values: Mapping[str, Value], *, open_px: float = 100.0
) -> Played:
    """Entered at 100 in row 1; row 2 reaches `worst_px` (as a long sees it) and closes there."""
    scene = Scene(4).knows(FLAT_20X)
    (scene.up if side == "long" else scene.down)(1)
    ends = "low_px" if side == "long" else "high_px"
    turned = {
        name: px if side == "long" else 200.0 - px
        for name, px in ((ends, worst_px), ("open_px", open_px))
    }
    scene.bar(2, **turned)
    return scene.play(values)


def liquidation_px(side: str, margin_usd: float) -> float:
    """By hand: margin + side x (p - 100) x 500 = 0.025 x 500 x p."""
    sign = 1.0 if side == "long" else -1.0
    return (sign * 100.0 * 500 - margin_usd) / (sign - 0.025) / 500


@BOTH_SIDES
@pytest.mark.parametrize(("values", "margin_usd"), [(GEARED, 10_000.0), (ISOLATED, 5_000.0)])
def test_a_bar_that_touches_the_price_ends_the_position_there(
    side: str, sign: float, values: Mapping[str, Value], margin_usd: float
) -> None:
    px = liquidation_px(side, margin_usd)
    values = {**values, "trade.enable_venue_rounding": False}
    as_long = px if side == "long" else 200.0 - px

    touched = played(side, as_long - 1e-6, values)
    spared = played(side, as_long + 1e-6, values)

    assert touched.reasons == ["liquidation"]
    row = touched.trades[0]
    assert (row["exit_px"], row["exit_row"]) == (pytest.approx(px, rel=1e-12), 2)
    assert touched.equity_usd[-1] == pytest.approx(10_000 + sign * (px - 100.0) * 500)
    assert spared.reasons == ["end_of_data"]


@BOTH_SIDES
def test_a_gap_beyond_the_price_fills_at_the_open(side: str, sign: float) -> None:
    px = liquidation_px(side, 5_000.0)
    beyond_px = (px if side == "long" else 200.0 - px) - 0.1

    row = played(side, beyond_px - 2.0, ISOLATED, open_px=beyond_px).trades[0]

    at_px = beyond_px if side == "long" else 200.0 - beyond_px
    assert row["reason"] == "liquidation"
    assert row["exit_px"] == pytest.approx(at_px, rel=2e-4)
    assert sign * (row["exit_px"] - px) < 0.0


@BOTH_SIDES
def test_below_two_thirds_the_backstop_keeps_the_rest_and_no_more(side: str, sign: float) -> None:
    values = {**ISOLATED, "trade.enable_venue_rounding": False}

    for as_long, lost_usd in (
        (92.0, 4_000.0),  # value 1 000, maintenance 1 150: closed at the market
        (91.0, 5_000.0),  # value 500, below two thirds of 1 137.5: all of it goes
        (80.0, 5_000.0),  # a gap through the margin: the backstop bears what is beyond it
    ):
        account = played(side, as_long, values, open_px=as_long)
        assert account.reasons == ["liquidation"]
        assert account.equity_usd[-1] == pytest.approx(10_000 - lost_usd), as_long


@BOTH_SIDES
def test_a_resting_stop_that_is_nearer_comes_first(side: str, sign: float) -> None:
    px = liquidation_px(side, 5_000.0)
    as_long = px if side == "long" else 200.0 - px
    resting = {**ISOLATED, "trade.exit_trigger": "intrabar"}

    nearer = played(side, 85.0, {**resting, "trade.stop_loss_atr": 5.0})
    farther = played(side, 85.0, {**resting, "trade.stop_loss_atr": 12.0})
    on_close = played(side, 85.0, {**ISOLATED, "trade.stop_loss_atr": 5.0})

    assert nearer.reasons == ["stop_loss"]
    assert nearer.trades[0]["exit_px"] == pytest.approx(100.0 - sign * 5.0)
    assert farther.reasons == on_close.reasons == ["liquidation"]
    assert as_long > 88.0


def test_switched_off_nothing_is_liquidated() -> None:
    assert played("long", 1.0, {**GEARED, "trade.enable_liquidation": False}).reasons == [
        "end_of_data"
    ]


@pytest.mark.parametrize(
    ("mode", "reasons"),
    [
        # Each at its low alone leaves the account above its margin; both together do not: the
        # first to be looked at goes, and what it lost takes the second one along.
        ("cross", ["liquidation", "liquidation"]),
        ("isolated", ["liquidation", "end_of_data"]),
    ],
)
def test_positions_that_fall_together_answer_for_each_other(mode: str, reasons: list[str]) -> None:
    names = ("AAA", "BBB")
    scene = Scene(4, names)
    for name in names:
        scene.knows(SymbolMetadata(name, 2, 20.0, (MarginTier(0.0, 20.0),))).up(1, name)
    # 500 units of each and 10 000 USD: at 85 the one has lost 7 500, at 94 the other 3 000.
    scene.bar(2, "AAA", low_px=84.0, close_px=85.0).bar(2, "BBB", low_px=93.0, close_px=94.0)
    scene.bar(3, "AAA", close_px=85.0).bar(3, "BBB", close_px=94.0)

    account = scene.play({**GEARED, "trade.margin_mode": mode})

    assert account.reasons == reasons
    assert account.trades[0]["symbol"] == "AAA"
