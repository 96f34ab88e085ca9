"""Ways out: which bar closes a position, for which reason, in which order, long and short alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel import codes
from schemas.base import Value
from tests.scene import Played, Scene

Bar = Mapping[str, float]
HELD = "end_of_data"
NO_TRAIL = {"trade.trailing_start_atr": 100.0}
PARTIAL = {"trade.enable_partial_tp": True, "trade.partial_tp_atr": 2.0, **NO_TRAIL}
BREAKEVEN = {"trade.enable_breakeven_stop": True, **NO_TRAIL}
RSI = {"trade.enable_rsi_overextension_exit": True}
GUARD = {"trade.enable_glitch_guard": True}

both_sides = pytest.mark.parametrize("side", ["long", "short"])


def mirrored(bar: Bar) -> dict[str, float]:
    """The bar as a short sees what a long sees in the given one; prices turn around 100."""
    turned = {"rsi": 100.0, "close_px": 200.0, "ema_fast": 200.0, "ema_slow": 200.0}
    turned["ema_macro"] = 200.0
    signs = {"macd_run", "macd_hist"}
    return {
        name: turned[name] - value if name in turned else -value if name in signs else value
        for name, value in bar.items()
    }


def held(
    side: str,
    bars: list[Bar],
    values: Mapping[str, Value] | None = None,
    *,
    symbol: str = "AAA",
    last: bool = True,
) -> Played:
    """A position entered at 100 with an ATR of 1 in row 1, then these bars, then a neutral one."""
    scene = Scene(2 + len(bars) + int(last), [symbol])
    if side == "long":
        scene.up(1, symbol)
    else:
        scene.down(1, symbol)
    for row, bar in enumerate(bars, start=2):
        scene.bar(row, symbol, **(dict(bar) if side == "long" else mirrored(bar)))
    return scene.play(values)


@both_sides
@pytest.mark.parametrize(
    ("bar", "values", "reason"),
    [
        ({}, {}, HELD),
        ({"close_px": 98.01}, {}, HELD),
        ({"close_px": 98.0}, {}, "stop_loss"),
        ({"close_px": 104.0}, {}, "take_profit"),
        ({"close_px": 103.99}, {}, HELD),
        ({"ema_fast": 99.85, "ema_slow": 100.0}, {}, "trend_breakdown"),
        ({"ema_fast": 99.95, "ema_slow": 100.0}, {}, HELD),
        ({"ema_fast": 99.8995, "ema_slow": 100.0}, {}, "trend_breakdown"),
        ({"ema_fast": 99.9005, "ema_slow": 100.0}, {}, HELD),
        ({"ema_fast": 99.95, "ema_slow": 100.0, "adx": 25.0}, {}, "trend_breakdown"),
        ({"ema_fast": 99.95, "ema_slow": 100.0, "adx": 25.1}, {}, HELD),
        ({"adx": 17.9}, {}, "trend_exhaustion"),
        ({"adx": 18.0}, {}, HELD),
        ({"adx": 10.0}, {"trade.trend_exhaustion_adx_below": 0.0}, HELD),
        ({"adx": 21.9}, {"trade.trend_exhaustion_source": "entry_threshold"}, "trend_exhaustion"),
        ({"ema_macro": 100.5}, {"filters.require_macro_alignment": True}, "ema_macro"),
        ({"ema_macro": 100.5}, {}, HELD),
        ({"ema_macro": 99.5}, {"filters.require_macro_alignment": True}, HELD),
        ({"atr": 0.69, "close_px": 99.9}, {}, "stagnation"),
        ({"atr": 0.69, "close_px": 100.0}, {}, HELD),
        ({"atr": 0.7, "close_px": 99.9}, {}, HELD),
        ({"adx": 50.5, "close_px": 101.0, "macd_run": -2.0}, {}, HELD),
        ({"adx": 35.1, "close_px": 101.51, "macd_run": -3.0}, {}, "mmde"),
        ({"adx": 36.0, "close_px": 101.6, "macd_run": -2.0}, {}, HELD),
        ({"adx": 35.0, "close_px": 101.6, "macd_run": -3.0}, {}, HELD),
        ({"adx": 36.0, "close_px": 101.5, "macd_run": -3.0}, {}, HELD),
        ({"rsi": 80.1}, RSI, "rsi_overextension"),
        ({"rsi": 80.0}, RSI, HELD),
        ({"rsi": 70.1, "close_px": 101.4}, RSI, HELD),
        ({"rsi": 70.1, "close_px": 101.5}, RSI, "rsi_overextension"),
        ({"rsi": 90.0}, {}, HELD),
    ],
)
def test_a_bar_gives_its_reason(
    side: str, bar: Bar, values: Mapping[str, Value], reason: str
) -> None:
    assert held(side, [bar], {**NO_TRAIL, **values}).reasons == [reason]


@both_sides
@pytest.mark.parametrize(
    ("falling", "required", "profit_px", "reason"),
    [
        (True, True, 101.0, "tsme"),
        (False, True, 101.0, HELD),
        (False, False, 101.0, "tsme"),
        (True, True, 100.9, HELD),
    ],
)
def test_a_saturated_trend_that_loses_momentum_is_left(
    side: str, falling: bool, required: bool, profit_px: float, reason: str
) -> None:
    bars = [
        {"adx": 52.0 if falling else 50.0},
        {"adx": 50.1, "close_px": profit_px, "macd_run": -2.0},
    ]

    played = held(side, bars, {"trade.tsme_require_adx_falling": required, **NO_TRAIL})

    assert played.reasons == [reason]


@both_sides
def test_the_order_of_exits_is_stop_trail_target_then_the_smart_ones(side: str) -> None:
    reasons_to_go = {"ema_fast": 95.0, "ema_slow": 100.0, "adx": 5.0, "rsi": 99.0, "atr": 0.1}
    values = {"trade.enable_rsi_overextension_exit": True}
    first_up = {"close_px": 102.0}

    assert held(side, [{"close_px": 97.0, **reasons_to_go}], values).reasons == ["stop_loss"]
    trailed = held(side, [first_up, {"close_px": 101.0, **reasons_to_go}], values)
    assert trailed.reasons == ["trailing_stop"]
    assert held(side, [{"close_px": 105.0, **reasons_to_go}], values).reasons == ["take_profit"]
    assert held(side, [{"close_px": 100.5, **reasons_to_go}], values).reasons == ["trend_breakdown"]


@both_sides
@pytest.mark.parametrize(
    ("bar", "stop_atr"),
    [
        ({}, 2.0),
        ({"adx": 29.9}, 1.6),  # underwater while ADX falls
        ({"adx": 45.0}, 2.0),
        ({"adx": 45.1}, 2.2),  # saturated
    ],
)
def test_the_hard_stop_bends_with_the_trend(side: str, bar: Bar, stop_atr: float) -> None:
    at = {"close_px": 100.0 - stop_atr, **bar}
    before = {"close_px": 100.0 - stop_atr + 0.01, **bar}

    assert held(side, [at]).reasons == ["stop_loss"]
    assert held(side, [before]).reasons == [HELD]


@both_sides
@pytest.mark.parametrize(
    ("bar", "values", "distance_atr"),
    [
        ({"close_px": 101.5}, {}, 0.8),
        ({"close_px": 101.5}, {"trade.trailing_distance_atr": 0.1}, 0.5),
        ({"close_px": 101.5, "rsi": 60.1}, {"trade.trailing_distance_atr": 0.1}, 0.7),
        ({"close_px": 101.5, "rsi": 60.0}, {"trade.trailing_distance_atr": 0.1}, 0.5),
        ({"close_px": 101.5, "adx": 24.9}, {"trade.trailing_distance_atr": 1.0}, 0.7),
        ({"close_px": 101.5, "adx": 25.0}, {"trade.trailing_distance_atr": 1.0}, 1.0),
        ({"close_px": 101.5, "bb_width_ratio": 1.21}, {}, 0.8),
        (
            {"close_px": 101.5, "bb_width_ratio": 1.21},
            {"trade.enable_vol_buffered_trailing": True},
            1.0,
        ),
        ({"close_px": 102.0}, {"trade.trailing_distance_atr": 2.0}, 2.0),
        ({"close_px": 102.01}, {"trade.trailing_distance_atr": 2.0}, 1.0),
        ({"close_px": 102.5, "atr": 1.1}, {"trade.trailing_distance_atr": 2.0}, 1.5),
        ({"close_px": 102.5, "adx": 31.0}, {"trade.trailing_distance_atr": 2.0}, 1.0),
        ({"close_px": 102.5, "adx": 35.0}, {"trade.trailing_distance_atr": 2.0}, 1.0),
        ({"close_px": 102.5, "adx": 35.1}, {"trade.trailing_distance_atr": 2.0}, 2.0),
        (
            {"close_px": 102.5, "bb_width_ratio": 1.21},
            {"trade.trailing_distance_atr": 2.0, "trade.enable_vol_buffered_trailing": True},
            1.0,
        ),
    ],
)
def test_the_trailing_distance_follows_its_rule(
    side: str, bar: Bar, values: Mapping[str, Value], distance_atr: float
) -> None:
    start = {"trade.trailing_start_atr": 1.0, **values}
    still = {"trade.trailing_start_atr": 1.0, "trade.stop_loss_atr": 50.0, **values}
    level = bar["close_px"] - distance_atr

    hit = held(side, [bar, {"close_px": level - 1e-9}], start)
    missed = held(side, [bar, {"close_px": level + 1e-6}], still)

    assert (hit.reasons, hit.trades[0]["exit_row"]) == (["trailing_stop"], 3)
    assert missed.trades[0]["exit_row"] == 4


WEAK_ENTRIES: Mapping[str, Value] = {
    "thresholds.entry.enable_pullback_entries": True,
    "thresholds.tp_and_momentum.rsi_long_weak": 100.0,
    "thresholds.tp_and_momentum.rsi_long_strong": 100.0,
    "thresholds.tp_and_momentum.rsi_short_weak": 0.0,
    "thresholds.tp_and_momentum.rsi_short_strong": 0.0,
}
"""What makes the entry a pullback, of the confidence declared for those."""


@both_sides
@pytest.mark.parametrize("confidence", ["low", "medium"])
@pytest.mark.parametrize(
    ("bars", "values", "reason"),
    [
        (
            [{"close_px": 101.0}, {"close_px": 100.39}],
            {
                "trade.trailing_start_atr": 50.0,
                "trade.trailing_start_low_conf_atr": 0.9,
                "trade.trailing_distance_low_conf_atr": 0.6,
            },
            "trailing_stop",
        ),
        (
            [{"close_px": 101.0}, {"close_px": 100.39}],
            {
                "trade.trailing_distance_atr": 5.0,
                "trade.trailing_distance_low_conf_atr": 0.6,
            },
            "trailing_stop",
        ),
        (
            [{}, {"adx": 29.0}],
            {"trade.trend_exhaustion_low_conf_adx_below": 29.5},
            "trend_exhaustion",
        ),
        (
            [{}, {"rsi": 75.0}],
            {
                **RSI,
                "trade.rsi_exit_long_low_conf_above": 74.0,
                "trade.rsi_exit_short_low_conf_below": 26.0,
            },
            "rsi_overextension",
        ),
        (
            [{}, {"rsi": 65.0, "close_px": 101.6}],
            {
                **RSI,
                **NO_TRAIL,
                "trade.rsi_exit_long_profit_low_conf_above": 64.0,
                "trade.rsi_exit_short_profit_low_conf_below": 36.0,
            },
            "rsi_overextension",
        ),
    ],
)
def test_a_low_confidence_position_leaves_by_its_own_keys(
    side: str, confidence: str, bars: list[Bar], values: Mapping[str, Value], reason: str
) -> None:
    entry = {**WEAK_ENTRIES, "thresholds.entry.pullback_confidence": confidence}

    row = held(side, bars, {**entry, **values}).trades[0]

    assert codes.CONFIDENCES[row["confidence"]] == confidence
    assert ((row["reason"], row["exit_row"]) == (reason, 3)) == (confidence == "low")


moves_atr = st.lists(st.floats(-3.0, 5.0), min_size=2, max_size=10)
sides = st.sampled_from(["long", "short"])


@given(
    side=sides,
    moves=moves_atr,
    strengths=st.lists(st.floats(10.0, 80.0), min_size=10, max_size=10),
    momenta=st.lists(st.floats(0.0, 100.0), min_size=10, max_size=10),
    distance_atr=st.floats(0.1, 3.0),
)
def test_the_trailing_stop_only_tightens(
    side: str, moves: list[float], strengths: list[float], momenta: list[float], distance_atr: float
) -> None:
    values = {
        "trade.trailing_distance_atr": distance_atr,
        "trade.stop_loss_atr": 50.0,
        "trade.take_profit_atr": 50.0,
        "trade.trend_exhaustion_adx_below": 0.0,
    }
    bars = [
        {"close_px": 100.0 + move, "adx": adx, "rsi": rsi}
        for move, adx, rsi in zip(moves, strengths, momenta, strict=False)
    ]
    sign = 1.0 if side == "long" else -1.0

    levels = []
    for count in range(1, len(bars) + 1):
        played = held(side, bars[:count], values, last=False)
        levels.append(float(played.book.positions[0]["trail_px"]))
        if played.reasons == ["trailing_stop"]:
            break

    armed = sign * np.array([level for level in levels if level != 0.0])
    assert (np.diff(armed) >= 0.0).all()
    assert levels[: len(levels) - len(armed)] == [0.0] * (len(levels) - len(armed))


@given(
    side=sides,
    moves=moves_atr,
    start_atr=st.floats(0.1, 2.0),
    buffer_share=st.floats(0.0, 0.95),
)
def test_the_first_close_behind_an_armed_breakeven_stop_ends_the_position(
    side: str, moves: list[float], start_atr: float, buffer_share: float
) -> None:
    buffer_atr = start_atr * buffer_share
    values = {
        **BREAKEVEN,
        "trade.breakeven_start_atr": start_atr,
        "trade.breakeven_buffer_atr": buffer_atr,
        "trade.take_profit_atr": 50.0,
    }
    steps = [round(move * 64) / 64 for move in moves]  # sums with 100 are exact

    stop_atr, expected = -2.0, len(steps) + 2
    for row, step in enumerate(steps, start=2):
        if step >= start_atr:
            stop_atr = buffer_atr
        if 100.0 + step <= 100.0 + stop_atr:
            expected = row
            break
    played = held(side, [{"close_px": 100.0 + step} for step in steps], values)

    if expected < len(steps) + 2:
        assert played.reasons == ["stop_loss"]
        assert played.trades[0]["exit_row"] == expected


@both_sides
@pytest.mark.parametrize(
    ("bars", "reason", "row"),
    [
        ([{"close_px": 100.69}, {"close_px": 100.04}], HELD, 4),
        ([{"close_px": 100.7}, {"close_px": 100.05}], "stop_loss", 3),
        ([{"close_px": 100.7}, {"close_px": 100.3}, {"close_px": 100.0}], "stop_loss", 4),
    ],
)
def test_the_breakeven_stop_is_latched(side: str, bars: list[Bar], reason: str, row: int) -> None:
    played = held(side, bars, BREAKEVEN)

    assert played.trades[0]["reason"] == reason
    assert played.trades[0]["exit_row"] == row


@both_sides
@pytest.mark.parametrize(
    ("adx", "close_px", "reason"),
    [
        (40.1, 106.9, HELD),
        (40.0, 104.0, "take_profit"),
        (40.1, 107.0, "take_profit"),
        (29.9, 103.0, "take_profit"),
        (30.0, 103.0, HELD),
        (30.0, 104.0, "take_profit"),
    ],
)
def test_the_dynamic_target_depends_on_trend_strength(
    side: str, adx: float, close_px: float, reason: str
) -> None:
    values = {"trade.enable_dynamic_tp": True, **NO_TRAIL}

    assert held(side, [{"adx": adx, "close_px": close_px}], values).reasons == [reason]


@both_sides
@pytest.mark.parametrize(
    ("rule", "rest_reason", "row"),
    [("lock_entry", "trailing_stop", 3), ("keep", HELD, 4)],
)
def test_after_a_partial_close_the_stop_locks_the_entry_or_keeps_its_place(
    side: str, rule: str, rest_reason: str, row: int
) -> None:
    values = {**PARTIAL, "trade.partial_tp_stop": rule, "trade.partial_tp_frac": 0.7}

    played = held(side, [{"close_px": 102.0}, {"close_px": 100.0}], values)

    first, rest = played.trades
    assert (first["reason"], first["is_partial"], first["exit_row"]) == (
        "take_profit_partial",
        1,
        2,
    )
    assert (rest["reason"], rest["is_partial"], rest["exit_row"]) == (rest_reason, 0, row)
    assert first["size"] == pytest.approx(7.0)
    assert rest["size"] == pytest.approx(3.0)
    assert first["position_id"] == rest["position_id"]
    assert played.account["position_count"] == 1


@both_sides
@pytest.mark.parametrize(
    ("values", "close_px", "reasons"),
    [
        # A share of 1 closes all at the first target.
        ({"trade.partial_tp_frac": 1.0}, 102.0, ["take_profit"]),
        # What would be left is too small: the full target decides.
        ({"trade.partial_tp_min_notional_usd": 600.0}, 102.0, [HELD]),
        ({"trade.partial_tp_min_notional_usd": 600.0}, 104.0, ["take_profit"]),
        # Both targets at one level: the rest is left to the stops.
        ({"trade.partial_tp_atr": 0.0}, 104.0, ["take_profit_partial", HELD]),
        ({"trade.partial_tp_atr": 0.0}, 103.9, [HELD]),
        # Both targets at one level and too small a rest: all of it goes.
        (
            {"trade.partial_tp_atr": 0.0, "trade.partial_tp_min_notional_usd": 600.0},
            104.0,
            ["take_profit"],
        ),
        # The full target takes the rest of a position whose first target was nearer.
        ({}, 104.0, ["take_profit_partial", "take_profit"]),
    ],
)
def test_partial_targets_follow_their_rules(
    side: str, values: Mapping[str, Value], close_px: float, reasons: list[str]
) -> None:
    bar = {"close_px": close_px}

    played = held(side, [bar, bar, bar], {**PARTIAL, "trade.partial_tp_stop": "keep", **values})

    assert played.reasons == reasons


@both_sides
@pytest.mark.parametrize("bar", [{"close_px": 50.0}, {"close_px": 87.9}])
def test_a_glitch_is_not_trusted_and_the_next_bar_is(side: str, bar: Bar) -> None:
    guarded = held(side, [bar, bar], GUARD)

    assert guarded.reasons == ["stop_loss"]
    assert guarded.trades[0]["exit_row"] == 3
    assert held(side, [bar, bar]).trades[0]["exit_row"] == 2


@both_sides
def test_gold_may_stagnate(side: str) -> None:
    bar = {"atr": 0.69, "close_px": 99.9}

    assert held(side, [bar], symbol="PAXG").reasons == [HELD]
    assert held(side, [bar], symbol="SOL").reasons == ["stagnation"]


@both_sides
def test_the_exit_cooldown_holds_all_but_the_hard_stop(side: str) -> None:
    values = {**PARTIAL, "trade.partial_tp_stop": "keep", "trade.exit_cooldown_s": 2 * 3600}
    taken = {"close_px": 102.0}

    waiting = held(side, [taken, {"adx": 5.0}, {"adx": 5.0}], values)
    stopped = held(side, [taken, {"close_px": 97.0}], values)

    assert [(row["reason"], row["exit_row"]) for row in waiting.trades] == [
        ("take_profit_partial", 2),
        ("trend_exhaustion", 4),
    ]
    assert [(row["reason"], row["exit_row"]) for row in stopped.trades] == [
        ("take_profit_partial", 2),
        ("stop_loss", 3),
    ]


@both_sides
def test_without_an_atr_half_a_percent_of_price_stands_in(side: str) -> None:
    scene = Scene(4)
    signal = scene.up if side == "long" else scene.down
    signal(1, atr=0.0)
    close_px = 99.0 if side == "long" else 101.0

    assert scene.bar(2, close_px=close_px).play().reasons == ["stop_loss"]
