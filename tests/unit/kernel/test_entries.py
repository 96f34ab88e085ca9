"""Ways in: gates, the three entry modes, transforms and filters, each by the bars it hangs on."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kernel import codes
from schemas.base import Value
from tests.scene import Played, Scene

Bar = Mapping[str, float]
Values = Mapping[str, Value]
RANGING = {"filters.enable_ranging_filter": True, "thresholds.ranging.min_votes_count": 1}
TWO_VOTES = {**RANGING, "thresholds.ranging.min_votes_count": 2}
ANOMALY = {"filters.enable_anomaly_filter": True}
EXTENSION = {"filters.enable_extension_filter": True}
VOLUME = {"filters.require_volume_confirmation": True}
BOTH_VOLUMES = {**VOLUME, "filters.volume_either_suffices": False}
RISING = {"filters.require_adx_rising": True}
AVE = {"thresholds.entry.ave_enabled": True}
BTC = {"filters.require_btc_alignment": True}
DRIFT = {"thresholds.entry.enable_slow_drift_entries": True, "thresholds.entry.min_adx": 100.0}
PULLBACK = {"thresholds.entry.enable_pullback_entries": True, "thresholds.entry.min_adx": 100.0}
REGIME = {"market_regime.enable_regime_filter": True}
REVERSE = {"market_regime.enable_auto_reverse": True}
REEF = {"trade.enable_reef_filter": True}


def signalled(bar: Bar, values: Values | None = None, *, before: Bar | None = None) -> Played:
    """A long signal in row 1 with these changes, after a bar of row 0."""
    return Scene(3).bar(0, **(before or {})).up(1, **bar).play(values)


@pytest.mark.parametrize(
    ("values", "before", "bar", "counter"),
    [
        (RANGING, {}, {"bb_width_ratio": 0.79}, "blocked_by_ranging"),
        (RANGING, {}, {"bb_width_ratio": 0.8}, ""),
        ({**RANGING, "thresholds.ranging.adx_below": 30.5}, {}, {}, "blocked_by_ranging"),
        ({**RANGING, "thresholds.ranging.rsi_high": 60.5}, {}, {}, "blocked_by_ranging"),
        ({**RANGING, "thresholds.ranging.rsi_high": 60.0}, {}, {}, ""),
        (
            {**RANGING, "thresholds.ranging.min_votes_count": 2},
            {},
            {"bb_width_ratio": 0.79},
            "",
        ),
        ({**TWO_VOTES, "thresholds.ranging.adx_below": 30.5}, {}, {}, ""),
        ({**TWO_VOTES, "thresholds.ranging.rsi_high": 60.5}, {}, {}, ""),
        (
            {**TWO_VOTES, "thresholds.ranging.rsi_high": 60.5},
            {},
            {"bb_width_ratio": 0.79},
            "blocked_by_ranging",
        ),
        (ANOMALY, {"close_px": 90.0}, {}, "blocked_by_anomaly"),
        (ANOMALY, {"close_px": 91.0}, {}, ""),
        (ANOMALY, {}, {"ema_fast": 66.0, "ema_slow": 60.0}, "blocked_by_anomaly"),
        (EXTENSION, {}, {"ema_fast": 96.1, "ema_slow": 90.0}, "blocked_by_extension"),
        (EXTENSION, {}, {"ema_fast": 96.2, "ema_slow": 90.0}, ""),
        (VOLUME, {}, {"volume": 90.0, "vol_short": 90.0}, "blocked_by_volume"),
        (VOLUME, {}, {"volume": 90.0, "vol_short": 101.0}, ""),
        (VOLUME, {}, {"volume": 100.0, "vol_short": 90.0}, "blocked_by_volume"),
        (BOTH_VOLUMES, {}, {"volume": 150.0, "vol_short": 100.0}, "blocked_by_volume"),
        (BOTH_VOLUMES, {}, {"volume": 150.0, "vol_short": 101.0}, ""),
        (RISING, {}, {}, "blocked_by_adx_not_rising"),
        (RISING, {"adx": 29.9}, {}, ""),
        (RISING, {"adx": 45.0}, {"adx": 40.1}, ""),
        ({}, {"adx": 22.0}, {"adx": 22.0}, "blocked_by_adx_low"),
        ({}, {"adx": 22.1}, {"adx": 22.1}, ""),
        # A fast climb caps the floor at 25.
        ({"thresholds.entry.min_adx": 35.0}, {"adx": 25.0}, {"adx": 25.6}, ""),
        (
            {"thresholds.entry.min_adx": 35.0},
            {"adx": 25.1},
            {"adx": 25.6},
            "blocked_by_adx_low",
        ),
        (
            {"thresholds.entry.min_adx": 35.0},
            {"adx": 25.0},
            {"adx": 25.5},
            "blocked_by_adx_low",
        ),
        ({"thresholds.entry.min_adx": 35.0}, {"adx": 24.4}, {"adx": 25.0}, "blocked_by_adx_low"),
        ({"thresholds.entry.min_adx": 35.0}, {"adx": 24.5}, {"adx": 25.1}, ""),
        # An ATR above its mean raises the floor by a quarter.
        (AVE, {"adx": 27.5}, {"adx": 27.5, "atr": 1.51}, "blocked_by_adx_low"),
        (AVE, {"adx": 27.5}, {"adx": 27.6, "atr": 1.51}, ""),
        (AVE, {"adx": 27.5}, {"adx": 27.5, "atr": 1.5}, ""),
    ],
)
def test_a_gate_blocks_by_its_limit_and_is_counted(
    values: Values, before: Bar, bar: Bar, counter: str
) -> None:
    played = signalled(bar, values, before=before)

    assert played.counters["entries"] == (0 if counter else 1)
    if counter:
        assert played.counters[counter] >= 1


def test_every_failed_gate_is_counted_on_its_own() -> None:
    values = {**RANGING, **ANOMALY, **EXTENSION, **VOLUME, **RISING}

    played = (
        Scene(2)
        .bar(0, close_px=50.0)
        .up(1, adx=10.0, ema_fast=60.0, ema_slow=59.0, volume=90.0, vol_short=90.0)
        .play({**values, "engine.lookback_bars": 2})
    )

    blocked = ("ranging", "anomaly", "extension", "volume", "adx_not_rising", "adx_low")
    assert {name: played.counters[f"blocked_by_{name}"] for name in blocked} == dict.fromkeys(
        blocked, 1
    )
    assert played.counters["checks"] == 1


def test_a_slow_drift_is_no_range() -> None:
    ranging = {**RANGING, "thresholds.ranging.adx_below": 35.0}
    drifting = {**ranging, "thresholds.entry.enable_slow_drift_entries": True}
    bar = {"slow_slope_frac": 0.0006}

    assert signalled(bar, ranging).counters["entries"] == 0
    assert signalled(bar, drifting).counters["entries"] == 1
    assert signalled({"slow_slope_frac": 0.0005}, drifting).counters["entries"] == 0


@pytest.mark.parametrize(
    ("values", "bar", "enters"),
    [
        ({}, {}, True),
        ({}, {"close_px": 100.0, "ema_fast": 100.0}, False),  # not beyond the fast EMA
        ({}, {"rsi": 54.0, "adx": 31.0}, False),  # midway between weak 56 and strong 52
        ({}, {"rsi": 54.1, "adx": 31.0}, True),
        ({}, {"rsi": 52.1, "adx": 45.0}, True),
        ({}, {"rsi": 52.0, "adx": 45.0}, False),
        ({"thresholds.entry.macd_mode": "accel"}, {"macd_run": 0.0}, False),
        ({"thresholds.entry.macd_mode": "accel"}, {"macd_run": 1.0, "macd_hist": -1.0}, True),
        ({"thresholds.entry.macd_mode": "sign"}, {"macd_hist": 0.0}, False),
        ({"thresholds.entry.macd_mode": "sign"}, {"macd_run": -1.0}, True),
        ({"thresholds.entry.macd_mode": "none"}, {"macd_run": -1.0, "macd_hist": -1.0}, True),
        ({"filters.use_stoch_rsi_filter": True}, {"stoch_k": 0.85}, False),
        ({"filters.use_stoch_rsi_filter": True}, {"stoch_k": 0.84}, True),
        ({"filters.require_macro_alignment": True}, {"ema_macro": 99.0}, False),
        ({"filters.require_macro_alignment": True}, {"ema_macro": 98.9}, True),
        ({"trade.enable_ssf_filter": True}, {"macd_hist": 0.0}, False),
        ({"trade.enable_ssf_filter": True}, {"macd_hist": 0.01}, True),
        (REEF, {"rsi": 70.1}, False),
        (REEF, {"rsi": 70.0}, True),
        (REEF, {"rsi": 75.0, "adx": 45.0}, True),
        (REEF, {"rsi": 75.1, "adx": 45.0}, False),
        ({"trade.entry_min_confidence": "high"}, {"volume": 250.0}, False),
        ({"trade.entry_min_confidence": "high"}, {"volume": 250.1}, True),
    ],
)
def test_a_standard_entry_asks_for_all_of_its_conditions(
    values: Values, bar: Bar, enters: bool
) -> None:
    assert signalled(bar, values).counters["entries"] == int(enters)


@pytest.mark.parametrize(
    ("values", "bar", "enters"),
    [
        ({}, {}, True),
        ({}, {"rsi": 46.0, "adx": 31.0}, False),  # midway between weak 44 and strong 48
        ({}, {"rsi": 45.9, "adx": 31.0}, True),
        ({"thresholds.entry.macd_mode": "accel"}, {"macd_run": 1.0}, False),
        ({"thresholds.entry.macd_mode": "sign"}, {"macd_hist": 0.0}, False),
        ({"filters.use_stoch_rsi_filter": True}, {"stoch_k": 0.15}, False),
        ({"filters.use_stoch_rsi_filter": True}, {"stoch_k": 0.16}, True),
        ({"filters.require_macro_alignment": True}, {"ema_macro": 101.0}, False),
        ({"filters.require_macro_alignment": True}, {"ema_macro": 101.1}, True),
        ({"trade.enable_ssf_filter": True}, {"macd_hist": 0.0}, False),
        (REEF, {"rsi": 29.9}, False),
        (REEF, {"rsi": 30.0}, True),
        (REEF, {"rsi": 25.0, "adx": 45.0}, True),
        (REEF, {"rsi": 24.9, "adx": 45.0}, False),
        ({**PULLBACK}, {"rsi": 50.0}, True),
        ({**PULLBACK}, {"rsi": 50.1}, False),
        ({**PULLBACK}, {"macd_hist": 0.0}, False),
        ({**DRIFT}, {"rsi": 50.0, "slow_slope_frac": -0.0006}, True),
        ({**DRIFT}, {"rsi": 50.1, "slow_slope_frac": -0.0006}, False),
        ({**DRIFT}, {"slow_slope_frac": -0.0005}, False),
        ({**DRIFT}, {"slow_slope_frac": 0.0006}, False),
    ],
)
def test_a_short_mirrors_a_long(values: Values, bar: Bar, enters: bool) -> None:
    played = Scene(3).bar(0, ema_fast=100.0).down(1, **bar).play(values)

    assert [row["side"] for row in played.trades] == [codes.SHORT] * enters


@pytest.mark.parametrize(
    ("values", "before", "bar", "enters"),
    [
        ({}, {"ema_fast": 100.0}, {"rsi": 50.0}, True),
        ({}, {"ema_fast": 99.9}, {"rsi": 50.0}, False),  # was beyond already
        ({}, {"ema_fast": 100.0}, {"rsi": 49.9}, False),
        ({}, {"ema_fast": 100.0}, {"macd_hist": 0.0}, False),
        (
            {"thresholds.entry.pullback_require_macd_sign": False},
            {"ema_fast": 100.0},
            {"macd_hist": 0.0},
            True,
        ),
        ({}, {"ema_fast": 100.0}, {"adx": 21.9}, False),
        ({}, {"ema_fast": 100.0}, {"adx": 22.0}, True),
    ],
)
def test_a_pullback_recrosses_the_fast_average(
    values: Values, before: Bar, bar: Bar, enters: bool
) -> None:
    played = signalled(bar, {**PULLBACK, **values}, before=before)

    assert [row["entry_mode"] for row in played.trades] == [codes.MODE_PULLBACK] * enters


@pytest.mark.parametrize("confidence", ["low", "medium", "high"])
def test_a_pullback_has_its_declared_confidence(confidence: str) -> None:
    values = {**PULLBACK, "thresholds.entry.pullback_confidence": confidence}

    played = signalled({}, values, before={"ema_fast": 100.0})

    assert codes.CONFIDENCES[played.trades[0]["confidence"]] == confidence


@pytest.mark.parametrize(
    ("values", "bar", "enters"),
    [
        ({}, {"slow_slope_frac": 0.0006, "rsi": 50.0}, True),
        ({}, {"slow_slope_frac": 0.00059}, False),
        ({}, {"slow_slope_frac": 0.001, "rsi": 49.9}, False),
        ({}, {"slow_slope_frac": 0.001, "macd_hist": 0.0}, False),
        (
            {"thresholds.entry.slow_drift_require_macd_sign": False},
            {"slow_slope_frac": 0.001, "macd_hist": 0.0},
            True,
        ),
        ({}, {"slow_slope_frac": 0.001, "adx": 9.9}, False),
        ({}, {"slow_slope_frac": 0.001, "adx": 10.0}, True),
        ({}, {"slow_slope_frac": 0.001, "ema_slow": 100.0, "ema_fast": 100.5}, False),
        ({}, {"slow_slope_frac": 0.001, "ema_slow": 99.9, "ema_fast": 100.5}, True),
    ],
)
def test_a_drift_follows_a_steady_slope(values: Values, bar: Bar, enters: bool) -> None:
    played = signalled(bar, {**DRIFT, **values, "trade.trend_exhaustion_adx_below": 0.0})

    assert [row["entry_mode"] for row in played.trades] == [codes.MODE_SLOW_DRIFT] * enters
    assert {row["confidence"] for row in played.trades} <= {codes.CONFIDENCE_LOW}


@pytest.mark.parametrize("mode", [PULLBACK, DRIFT], ids=["pullback", "drift"])
@pytest.mark.parametrize(
    ("values", "bar", "btc", "enters"),
    [
        (BTC, {}, {"ema_slow": 101.0}, False),
        (BTC, {}, {"ema_slow": 99.0}, True),
        (EXTENSION, {"ema_fast": 96.1, "ema_slow": 90.0}, {}, False),
        (ANOMALY, {"ema_fast": 66.0, "ema_slow": 60.0}, {}, False),
        (VOLUME, {"volume": 90.0, "vol_short": 90.0}, {}, False),
        (RISING, {}, {}, True),  # nor does the floor of a standard entry hold
    ],
)
def test_the_weaker_modes_share_some_gates_with_the_standard_one(
    mode: Values, values: Values, bar: Bar, btc: Bar, enters: bool
) -> None:
    scene = Scene(4, ["AAA", "BTC"]).bar(1, "AAA", ema_fast=100.0).bar(1, "BTC", **btc)

    played = scene.up(2, "AAA", slow_slope_frac=0.001, **bar).play({**mode, **values})

    assert played.counters["entries"] == int(enters)


def test_a_range_holds_a_pullback_back() -> None:
    ranging = {**RANGING, "thresholds.ranging.adx_below": 30.5}

    assert signalled({}, {**PULLBACK, **ranging}, before={"ema_fast": 100.0}).trades == []


def test_the_first_mode_that_fires_wins() -> None:
    values = {
        **PULLBACK,
        **DRIFT,
        "thresholds.entry.min_adx": 22.0,
    }
    bar = {"slow_slope_frac": 0.001}
    crossing = {"ema_fast": 100.0}

    both = signalled(bar, values, before=crossing)
    weak = signalled({**bar, "rsi": 51.0}, values, before=crossing)
    weaker = signalled({**bar, "rsi": 51.0}, values, before={"ema_fast": 99.9})

    modes = [played.trades[0]["entry_mode"] for played in (both, weak, weaker)]
    assert modes == [codes.MODE_STANDARD, codes.MODE_PULLBACK, codes.MODE_SLOW_DRIFT]


def aligned(btc: Bar, bar: Bar, *, since: int = 0) -> Played:
    """A long signal of AAA in row 2 beside BTC, whose bars begin in row `since`."""
    scene = Scene(4, ["AAA", "BTC"]).bar(1, "BTC", **btc).up(2, "AAA", **bar)
    for row in range(since):
        scene.absent(row, "BTC")
    return scene.play(BTC)


@pytest.mark.parametrize(
    ("btc", "bar", "since", "enters"),
    [
        ({"ema_slow": 99.0}, {}, 0, True),
        ({"ema_slow": 100.0}, {}, 0, False),
        ({"ema_slow": 101.0}, {}, 0, False),
        ({"ema_slow": 101.0}, {"adx": 40.1}, 0, True),
        ({}, {}, 2, True),  # its first bar is this one: not known yet
        ({"ema_slow": 101.0}, {}, 1, False),  # its first bar was the one before
    ],
)
def test_a_symbol_goes_with_the_trend_that_btc_had_a_bar_before(
    btc: Bar, bar: Bar, since: int, enters: bool
) -> None:
    assert aligned(btc, bar, since=since).counters["entries"] == int(enters)


def test_btc_need_not_agree_with_itself() -> None:
    played = Scene(3, ["BTC"]).bar(0, "BTC", ema_slow=101.0).up(1, "BTC").play(BTC)

    assert played.counters["entries"] == 1


def test_btc_of_this_very_bar_is_not_known_yet() -> None:
    scene = Scene(3, ["AAA", "BTC"]).bar(0, "BTC", ema_slow=101.0).up(1, "AAA")
    scene.bar(1, "BTC", ema_slow=99.0)

    assert scene.play(BTC).counters["entries"] == 0


def crowded(row_zero: list[str], values: Values, side: str = "up") -> Played:
    """A signal of AAA in row 2 when of AAA to DDD the named ones stood above before it."""
    scene = Scene(4, ["AAA", "BBB", "CCC", "DDD"])
    for symbol in scene.symbols:
        above = symbol in row_zero
        scene.bar(1, symbol, ema_fast=101.0 if above else 99.0, rsi=50.0)
        # This instant's own values, turned around, are not part of the breadth yet.
        scene.bar(2, symbol, ema_fast=99.0 if above else 101.0, rsi=50.0)
    (scene.up if side == "up" else scene.down)(2, "AAA")
    return scene.play(values)


@pytest.mark.parametrize(
    ("above", "values", "side", "enters"),
    [
        (["AAA"], {"market_regime.block_long_breadth_below": 25.0}, "up", True),
        (["AAA"], {"market_regime.block_long_breadth_below": 25.1}, "up", False),
        (["AAA", "BBB", "CCC"], {"market_regime.block_short_breadth_above": 75.0}, "down", True),
        (["AAA", "BBB", "CCC"], {"market_regime.block_short_breadth_above": 74.9}, "down", False),
    ],
)
def test_breadth_blocks_the_side_against_the_market(
    above: list[str], values: Values, side: str, enters: bool
) -> None:
    played = crowded(above, {**REGIME, **values}, side)

    assert played.counters["entries"] == int(enters)
    assert played.counters["blocked_by_regime"] == int(not enters)


@pytest.mark.parametrize(
    ("low", "high", "side"),
    [(25.0, 90.0, codes.SHORT), (25.1, 90.0, codes.LONG), (0.0, 25.0, codes.SHORT)],
)
def test_mixed_breadth_turns_signals_around(low: float, high: float, side: int) -> None:
    values = {
        **REVERSE,
        "market_regime.auto_reverse_breadth_low": low,
        "market_regime.auto_reverse_breadth_high": high,
    }

    assert [row["side"] for row in crowded(["AAA"], values).trades] == [side]


def test_breadth_is_fifty_while_no_symbol_has_two_bars() -> None:
    values = {**REGIME, "market_regime.block_long_breadth_below": 50.0}
    stricter = {**REGIME, "market_regime.block_long_breadth_below": 50.1}

    assert Scene(3).up(0).play(values).counters["entries"] == 1
    assert Scene(3).up(0).play(stricter).counters["blocked_by_regime"] == 1


def test_reversed_signals_open_the_other_side_and_are_filtered_as_such() -> None:
    values: Values = {"trade.reverse_entry_signal": True}

    assert [row["side"] for row in signalled({}, values).trades] == [codes.SHORT]
    filtered = signalled({}, {**values, "trade.enable_ssf_filter": True})
    assert filtered.counters["blocked_by_ssf"] == 1


@pytest.mark.parametrize(("lookback_bars", "first_row"), [(1, 0), (2, 1), (4, 3)])
def test_a_symbol_may_enter_from_its_bar_of_that_number_on(
    lookback_bars: int, first_row: int
) -> None:
    scene = Scene(5)
    for row in range(5):
        scene.up(row)

    played = scene.play({"engine.lookback_bars": lookback_bars})

    assert [row["entry_row"] for row in played.trades] == [first_row]
    assert played.counters["checks"] == 5 - first_row


def test_warm_up_counts_the_bars_that_a_symbol_has() -> None:
    scene = Scene(6)
    for row in range(6):
        scene.up(row)
    for row in (0, 2):
        scene.absent(row)

    played = scene.play({"engine.lookback_bars": 2})

    assert [row["entry_row"] for row in played.trades] == [3]
