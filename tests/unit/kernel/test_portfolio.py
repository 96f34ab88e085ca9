"""The second phase of an instant: rank, caps, sizes, adds; and what one symbol's past forbids."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import codes
from schemas.base import Value
from tests.scene import Played, Scene

Values = Mapping[str, Value]
SYMBOLS = ("AAA", "BBB", "CCC", "ZRO", "kPEPE")
COOLDOWN = {"trade.enable_reentry_cooldown": True}
ADDS = {"trade.enable_pyramiding": True, "trade.trailing_start_atr": 100.0}
SIZED = {"trade.enable_dynamic_sizing": True}
HOUR_S = 3600

# A cross this weak is no breakdown while ADX is above 25, so the signal itself has to flip.
WEAK_DOWN = {"ema_slow": 100.55}


def together(bars: Mapping[str, Mapping[str, float]], values: Values | None = None) -> Played:
    """Long signals of these symbols in row 1, each with its changes."""
    scene = Scene(3, SYMBOLS)
    for symbol, bar in bars.items():
        scene.up(1, symbol, **bar)
    return scene.play(values)


def entered(played: Played) -> list[str]:
    """Symbols in the order of their entries."""
    rows = sorted(played.trades, key=lambda row: row["position_id"])
    return [row["symbol"] for row in rows]


@pytest.mark.parametrize(
    ("bars", "order"),
    [
        # A surer signal comes before a stronger trend.
        ({"AAA": {"adx": 99.0}, "BBB": {"volume": 251.0}}, ["BBB", "AAA"]),
        ({"AAA": {"adx": 31.0}, "BBB": {"adx": 32.0}}, ["BBB", "AAA"]),
        # ADX counts in whole points, so these two tie and the first symbol goes first.
        ({"AAA": {"adx": 31.0}, "BBB": {"adx": 31.9}}, ["AAA", "BBB"]),
        ({"kPEPE": {}, "ZRO": {}, "CCC": {}}, ["CCC", "ZRO", "kPEPE"]),
    ],
)
def test_entries_are_ranked_by_confidence_then_trend_then_name(
    bars: Mapping[str, Mapping[str, float]], order: list[str]
) -> None:
    assert entered(together(bars)) == order


def test_the_entry_budget_and_the_position_cap_leave_the_best() -> None:
    bars = {"AAA": {"adx": 31.0}, "BBB": {"adx": 33.0}, "CCC": {"adx": 32.0}}

    budget = together(bars, {"trade.entries_per_bar_max_count": 2})
    capped = together(bars, {"trade.open_positions_max_count": 1})
    pair = together(bars, {"trade.open_positions_max_count": 2})

    assert entered(budget) == ["BBB", "CCC"]
    assert budget.counters["blocked_by_max_entries"] == 1
    assert entered(pair) == ["BBB", "CCC"]
    assert entered(capped) == ["BBB"]
    assert capped.counters["blocked_by_max_positions"] == 1


def test_a_size_is_margin_times_leverage_over_the_close_before_slippage() -> None:
    values = {
        "trade.leverage_medium": 3.0,
        "trade.entry_slippage_bps": 100.0,
        "trade.allocation_frac": 0.2,
    }

    row = together({"AAA": {"close_px": 50.0}}, values).trades[0]

    assert row["size"] == pytest.approx(10_000 * 0.2 * 3 / 50.0)
    assert row["entry_px"] == pytest.approx(50.0 * 1.01)
    assert row["leverage"] == 3.0


def test_a_size_may_be_a_small_part_of_a_unit() -> None:
    row = together({"AAA": {"close_px": 50_000.0}}).trades[0]

    assert row["size"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("values", "bar", "factor"),
    [
        ({}, {"adx": 40.0}, 0.7),
        ({}, {"adx": 50.0}, 0.7),
        ({}, {"adx": 40.0, "volume": 251.0}, 1.0),
        ({}, {"adx": 30.0}, 0.7 * 0.75),
        ({}, {"adx": 23.0}, 0.7 * 0.6),
        ({"trade.adx_sizing_full_adx": 0.0}, {"adx": 40.0}, 0.7 * 0.6),
        ({}, {"adx": 40.0, "atr": 1.25}, 0.7 * 0.8),
        ({}, {"adx": 40.0, "atr": 9.0}, 0.7 * 0.5),
        ({}, {"adx": 40.0, "atr": 0.5}, 0.7),
        ({"trade.vol_scalar_max": 1.3}, {"adx": 40.0, "atr": 0.8}, 0.7 * 1.25),
        ({"trade.vol_baseline_frac": 0.0}, {"adx": 40.0, "atr": 9.0}, 0.7),
        # The floored ATR is what counts.
        ({"trade.min_atr_frac": 0.02}, {"adx": 40.0, "atr": 0.5}, 0.7 * 0.5),
    ],
)
def test_margin_bends_with_confidence_trend_and_volatility(
    values: Values, bar: Mapping[str, float], factor: float
) -> None:
    row = together({"AAA": bar}, {**SIZED, "trade.confidence_mult_high": 1.0, **values}).trades[0]

    assert row["size"] == pytest.approx(10.0 * factor)


@given(
    equity_usd=st.floats(100.0, 1e7),
    allocation=st.floats(0.01, 1.0),
    cap=st.floats(0.05, 1.0),
    leverage=st.floats(1.0, 20.0),
    count=st.integers(1, 5),
)
def test_margin_never_exceeds_the_cap_and_size_follows_it(
    equity_usd: float, allocation: float, cap: float, leverage: float, count: int
) -> None:
    values: Values = {
        "trade.allocation_frac": allocation,
        "trade.total_margin_max_frac": cap,
        "trade.leverage_medium": leverage,
        "trade.min_notional_usd": 0.0,
    }
    scene = Scene(2, SYMBOLS)
    for symbol in SYMBOLS[:count]:
        scene.up(1, symbol)

    played = scene.play(values, cash_usd=equity_usd)

    margins = [row["size"] * 100.0 / leverage for row in played.trades]
    assert sum(margins) <= equity_usd * cap * (1 + 1e-9)
    whole = min(count, int(cap / allocation + 1e-9))
    assert margins[:whole] == pytest.approx([equity_usd * allocation] * whole)


def test_the_last_entry_is_scaled_down_to_the_headroom_and_the_next_is_refused() -> None:
    values = {"trade.allocation_frac": 0.25, "trade.total_margin_max_frac": 0.6}

    played = together({"AAA": {}, "BBB": {}, "CCC": {}, "ZRO": {}}, values)

    assert [row["size"] for row in played.trades] == pytest.approx([25.0, 25.0, 10.0])
    assert played.counters["blocked_by_margin"] == 1


@pytest.mark.parametrize("partial_frac", [0.25, 0.5])
def test_a_partial_close_frees_its_share_of_the_margin(partial_frac: float) -> None:
    values = {
        "trade.allocation_frac": 0.06,
        "trade.total_margin_max_frac": 0.06,
        "trade.enable_partial_tp": True,
        "trade.partial_tp_atr": 2.0,
        "trade.partial_tp_frac": partial_frac,
        "trade.partial_tp_stop": "keep",
        "trade.trailing_start_atr": 100.0,
    }
    scene = Scene(4, ["AAA", "BBB"]).up(1, "AAA").bar(2, "AAA", close_px=102.0).up(2, "BBB")

    played = scene.play(values)

    sizes = {row["symbol"]: row["size"] for row in played.trades}
    # The cap is 6 % of 10,012 USD, of which the rest of AAA uses its share.
    assert sizes["BBB"] == pytest.approx((600.72 - 600.0 * (1.0 - partial_frac)) / 100.0)


@pytest.mark.parametrize(
    ("values", "notional_usd", "blocked"),
    [
        ({"trade.min_notional_usd": 1000.0}, 1000.0, 0),
        ({"trade.min_notional_usd": 1000.1}, 0.0, 1),
        ({"trade.min_notional_usd": 1500.0, "trade.bump_to_min_notional": True}, 1500.0, 0),
        # The raised order does not fit under the margin cap.
        ({"trade.min_notional_usd": 7000.0, "trade.bump_to_min_notional": True}, 0.0, 1),
    ],
)
def test_an_order_below_the_minimum_is_dropped_or_raised(
    values: Values, notional_usd: float, blocked: int
) -> None:
    played = together({"AAA": {}}, values)

    assert sum(row["size"] * 100.0 for row in played.trades) == pytest.approx(notional_usd)
    assert played.counters["blocked_by_min_notional"] == blocked


def test_sizing_equity_is_marked_and_frozen_after_the_exits_of_the_instant() -> None:
    scene = Scene(4, ["AAA", "BBB", "CCC"]).up(0, "AAA").up(0, "BBB")
    scene.bar(1, "AAA", close_px=90.0).bar(1, "BBB", close_px=103.0).up(1, "CCC")

    played = scene.play({"trade.trailing_start_atr": 100.0})

    # AAA lost 10 x 10 USD at its stop, BBB is 10 x 3 USD ahead and still open.
    sizes = {row["symbol"]: row["size"] for row in played.trades}
    assert sizes["CCC"] == pytest.approx((10_000 - 100 + 30) * 0.1 / 100.0)


def adding(
    values: Values | None = None, bar: Mapping[str, float] | None = None, row: int = 3
) -> Played:
    """An entry in row 1 and a second signal of the same side later, at a profit of one ATR."""
    scene = Scene(5).up(1)
    for later in range(2, 5):
        scene.bar(later, close_px=101.0)
    scene.up(row, **{"close_px": 101.0, **(bar or {})})
    return scene.play({**ADDS, **(values or {})})


@pytest.mark.parametrize(
    ("values", "bar", "adds"),
    [
        ({}, {}, 1),
        ({"trade.enable_pyramiding": False}, {}, 0),
        ({"trade.add_min_confidence": "high"}, {}, 0),
        ({"trade.add_min_confidence": "high"}, {"volume": 251.0}, 1),
        ({"trade.add_cooldown_minutes": 120.0}, {}, 1),
        ({"trade.add_cooldown_minutes": 121.0}, {}, 0),
        ({"trade.add_min_profit_atr": 1.0}, {}, 1),
        ({"trade.add_min_profit_atr": 1.1}, {}, 0),
        # Half the profit is enough while ADX climbs fast and ATR does not.
        ({"trade.add_min_profit_atr": 2.0}, {"adx": 30.8}, 1),
        ({"trade.add_min_profit_atr": 2.0}, {"adx": 30.7}, 0),
        ({"trade.add_min_profit_atr": 2.0}, {"adx": 30.8, "rsi": 65.1}, 0),
        ({"trade.add_min_profit_atr": 1.8}, {"adx": 30.8, "atr": 1.01}, 0),
        # The present ATR measures the profit, its floor included.
        ({"trade.add_min_profit_atr": 0.5}, {"atr": 2.1}, 0),
        ({"trade.add_min_profit_atr": 0.5, "trade.min_atr_frac": 0.021}, {}, 0),
        ({"trade.entry_cooldown_s": 2 * HOUR_S}, {}, 1),
        ({"trade.entry_cooldown_s": 2 * HOUR_S + 1}, {}, 0),
        # Neither the entry budget nor the position cap holds for adds.
        ({"trade.open_positions_max_count": 1}, {}, 1),
        ({"trade.total_margin_max_frac": 0.15}, {}, 1),
        ({"trade.total_margin_max_frac": 0.149}, {}, 0),
        ({"trade.min_notional_usd": 600.0}, {}, 0),
        ({"trade.min_notional_usd": 600.0, "trade.bump_to_min_notional": True}, {}, 1),
    ],
)
def test_an_add_has_limits_of_its_own(values: Values, bar: Mapping[str, float], adds: int) -> None:
    played = adding(values, bar)

    assert [row["adds"] for row in played.trades] == [adds]
    assert played.counters["adds"] == adds


def test_an_add_is_sized_on_frozen_equity_and_averages_the_entry() -> None:
    played = adding({"trade.trailing_start_atr": 100.0})

    # Marked equity is 10,010 USD; half of a tenth of it buys at 101.
    size = 10_010 * 0.1 * 0.5 / 101.0
    row = played.trades[0]
    assert row["size"] == pytest.approx(10.0 + size)
    assert row["entry_px"] == pytest.approx((10.0 * 100.0 + size * 101.0) / (10.0 + size))
    assert row["entry_atr_px"] == 1.0


def test_adds_stop_at_their_count() -> None:
    scene = Scene(8).up(1)
    for row in range(2, 8):
        scene.up(row, close_px=100.0 + row)

    played = scene.play({**ADDS, "trade.take_profit_atr": 50.0, "trade.adds_max_count": 3})

    assert [row["adds"] for row in played.trades] == [3]


def test_an_opposite_signal_flips_in_one_instant() -> None:
    played = Scene(4).up(1).down(2, **WEAK_DOWN).play()

    first, second = played.trades
    assert (first["reason"], first["exit_row"]) == ("signal_flip", 2)
    assert (second["side"], second["entry_row"]) == (codes.SHORT, 2)


def test_a_flip_closes_even_when_the_new_entry_is_filtered() -> None:
    values = {"trade.enable_ssf_filter": True}

    played = Scene(4).up(1).down(2, macd_hist=0.1, **WEAK_DOWN).play(values)

    assert played.reasons == ["signal_flip"]
    assert played.counters["blocked_by_ssf"] == 1


def test_a_symbol_closed_by_its_stop_may_enter_again_at_the_same_bar() -> None:
    played = Scene(4).up(1).up(2, close_px=97.0).play()

    assert [(row["entry_row"], row["exit_row"]) for row in played.trades] == [(1, 2), (2, 3)]


def reentering(
    adx: float, wait_rows: int, values: Values | None = None, *, short: bool = False
) -> Played:
    """A long stopped in row 2, and a signal `wait_rows` later at this ADX."""
    scene = Scene(4 + wait_rows).up(1).bar(2, close_px=97.0)
    (scene.down if short else scene.up)(2 + wait_rows, adx=adx)
    return scene.play({**COOLDOWN, **(values or {})})


@pytest.mark.parametrize(
    ("adx", "wait_rows", "enters"),
    [
        (25.0, 2, False),  # 180 minutes at ADX 25 and below
        (25.0, 3, True),
        (40.0, 1, True),  # 45 minutes at ADX 40 and above
        (34.0, 1, False),  # 99 minutes in between
        (34.0, 2, True),
    ],
)
def test_the_wait_before_the_same_side_again_shrinks_with_the_trend(
    adx: float, wait_rows: int, enters: bool
) -> None:
    played = reentering(adx, wait_rows)

    assert len(played.trades) == 1 + int(enters)
    assert played.counters["blocked_by_reentry_cooldown"] == int(not enters)


def test_the_wait_is_counted_in_whole_milliseconds() -> None:
    # 60 minutes and less than a millisecond: not over after one hour if it were rounded up.
    exact = {"trade.reentry_cooldown_min_minutes": 60.00001}
    longer = {"trade.reentry_cooldown_min_minutes": 60.0001}

    assert len(reentering(40.0, 1, exact).trades) == 2
    assert len(reentering(40.0, 1, longer).trades) == 1


def test_the_other_side_need_not_wait_nor_the_one_after_a_flip() -> None:
    assert len(reentering(25.0, 1, short=True).trades) == 2

    # A flip that the filter keeps from entering, then the same side again in the next bar.
    values = {**COOLDOWN, "trade.enable_ssf_filter": True}
    scene = Scene(5).up(1).down(2, macd_hist=0.1, **WEAK_DOWN).up(3, adx=25.0)
    assert [row["side"] for row in scene.play(values).trades] == [codes.LONG, codes.LONG]


def test_a_partial_close_arms_the_wait_too() -> None:
    values = {
        **COOLDOWN,
        "trade.enable_partial_tp": True,
        "trade.partial_tp_atr": 2.0,
        "trade.trailing_start_atr": 100.0,
        "trade.partial_tp_stop": "keep",
    }
    scene = Scene(6).up(1).bar(2, close_px=102.0).bar(3, close_px=97.0).up(4, adx=25.0)

    assert scene.play(values).counters["blocked_by_reentry_cooldown"] == 1


@pytest.mark.parametrize(("cooldown_s", "trades"), [(HOUR_S, 2), (HOUR_S + 1, 1)])
def test_the_entry_cooldown_counts_from_the_last_entry(cooldown_s: int, trades: int) -> None:
    played = Scene(4).up(1).up(2, close_px=97.0).play({"trade.entry_cooldown_s": cooldown_s})

    assert len(played.trades) == trades
    assert played.counters["blocked_by_entry_cooldown"] == 2 - trades
