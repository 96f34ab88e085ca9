"""Strategies beside the trend family: each rule by hand, and which of the shared rules bind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from schemas.base import Value
from tests.scene import Played, Scene

Values = Mapping[str, Value]
GATES = {"strategies.apply_trend_gates": True}
EXITS = {"strategies.apply_trend_exits": True}
# Stops and targets out of reach, so that the rule alone closes.
FAR = {"trade.stop_loss_atr": 99.0, "trade.trailing_start_atr": 99.0, "trade.take_profit_atr": 99.0}
SELL = {"trade.reverse_entry_signal": True}


def played(
    strategy: str, own: Sequence[Sequence[float]], values: Values | None = None, **bars: float
) -> Played:
    """The scene whose row k has the strategy's own series at `own[k]`, and `bars` in every row.

    Row 0 is seen and not traded.
    """
    scene = Scene(len(own))
    for row, series in enumerate(own):
        named = {f"aux_{k}": value for k, value in enumerate(series, 1)}
        scene.bar(row, **{**bars, **named})
    context = {"strategies.entry_strategy": strategy, "engine.lookback_bars": 2}
    return scene.play({**context, **FAR, **(values or {})})


def told(run: Played) -> list[tuple[Any, ...]]:
    """(side, row entered, row left, why) of each position."""
    return [(t["side"], t["entry_row"], t["exit_row"], t["reason"]) for t in run.trades]


@pytest.mark.parametrize(
    ("own", "positions"),
    [
        # Fast against slow: up on row 1, held while it stays up, turned on row 4.
        (
            [(9, 10), (11, 10), (12, 10), (11, 10), (9, 10), (8, 10)],
            [(1, 1, 4, "signal_flip"), (-1, 4, 5, "end_of_data")],
        ),
        ([(11, 10), (9, 10), (9, 10)], [(-1, 1, 2, "end_of_data")]),
        # Already up before the first bar that may trade: no cross, no entry.
        ([(11, 10), (12, 10), (13, 10)], []),
        # From equal values it is a cross, to equal values it is none.
        ([(9, 10), (10, 10), (11, 10), (10, 10), (10, 10)], [(1, 2, 4, "end_of_data")]),
        ([(10, 10), (10, 10), (10, 10)], []),
    ],
)
def test_a_crossover_enters_on_the_bar_of_the_cross_and_turns_at_the_next(
    own: list[tuple[float, ...]], positions: list[tuple[Any, ...]]
) -> None:
    run = played("ma_crossover", own)

    assert told(run) == positions
    assert {t["entry_mode"] for t in run.trades} <= {4}


def test_a_stopped_crossover_waits_for_the_next_cross() -> None:
    scene = Scene(5)
    for row, fast in enumerate((9.0, 11.0, 11.0, 11.0, 11.0)):
        scene.bar(row, aux_1=fast, aux_2=10.0, close_px=90.0 if row >= 2 else 100.0)

    run = scene.play({"strategies.entry_strategy": "ma_crossover", "engine.lookback_bars": 2})

    assert told(run) == [(1, 1, 2, "stop_loss")]


UP, DOWN = (4, 3, 2, 1), (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("own", "positions"),
    [
        ([(4, 3, 1, 2), UP, UP], [(1, 1, 2, "end_of_data")]),
        ([(1, 2, 4, 3), DOWN, DOWN], [(-1, 1, 2, "end_of_data")]),
        # Each pair alone keeps the order from being complete, equality included.
        ([(0, 0, 0, 0), (3, 3, 2, 1), (4, 2, 2, 1), (4, 3, 1, 1)], []),
        # The slow pairs may lose the order, the fastest pair may not.
        (
            [(0, 0, 0, 0), UP, (4, 3, 1, 2), (4, 3, 1, 2), (3, 3, 1, 2)],
            [(1, 1, 4, "signal_exit")],
        ),
        ([(0, 0, 0, 0), DOWN, (2, 2, 3, 4)], [(-1, 1, 2, "signal_exit")]),
        # Left, and entered again when the order is complete again.
        (
            [(0, 0, 0, 0), UP, (3, 4, 2, 1), UP, UP],
            [(1, 1, 2, "signal_exit"), (1, 3, 4, "end_of_data")],
        ),
        # From one full order to the other in one bar.
        (
            [(0, 0, 0, 0), UP, DOWN, DOWN],
            [(1, 1, 2, "signal_exit"), (-1, 2, 3, "end_of_data")],
        ),
    ],
)
def test_four_means_are_followed_while_the_fastest_pair_is_in_order(
    own: list[tuple[float, ...]], positions: list[tuple[Any, ...]]
) -> None:
    run = played("quad_ma", own)

    assert told(run) == positions
    assert {t["entry_mode"] for t in run.trades} <= {5}


def rsi_row(value: float) -> tuple[float, float]:
    """Own series of one row without a filter: the second slot is read by nobody."""
    return value, 0.0


@pytest.mark.parametrize(
    ("own", "positions"),
    [
        ((50, 29.9, 30.0, 40, 49.9, 50.0), [(1, 2, 5, "signal_exit")]),
        ((50, 70.1, 70.0, 60, 50.1, 50.0), [(-1, 2, 5, "signal_exit")]),
        ((50, 29.9, 29.95, 29.9), []),  # not back yet
        ((50, 30.0, 31.0, 32.0), []),  # never below
        ((50, 20.0, 60.0, 60.0), [(1, 2, 3, "signal_exit")]),  # past the middle in one bar
        ((50, 0.0, 30.0, 31.0), [(1, 2, 3, "end_of_data")]),  # 0 is a value like others
        ((50, 29.0, 71.0, 70.0), [(1, 2, 3, "signal_exit"), (-1, 3, 3, "end_of_data")]),
    ],
)
def test_rsi_is_traded_when_it_comes_back_and_left_at_the_middle(
    own: Sequence[float], positions: list[tuple[Any, ...]]
) -> None:
    run = played("rsi_reversion", [rsi_row(value) for value in own])

    assert told(run) == positions
    assert {t["entry_mode"] for t in run.trades} <= {6}


@pytest.mark.parametrize(("mean", "enters"), [(99.0, True), (100.0, False), (101.0, False)])
@pytest.mark.parametrize("window", [0, 100])
def test_the_trend_filter_takes_longs_above_the_mean_alone(
    window: int, mean: float, enters: bool
) -> None:
    own = [(50.0, mean), (25.0, mean), (35.0, mean), (36.0, mean)]

    run = played("rsi_reversion", own, {"strategies.rsi_reversion.trend_window_bars": window})

    assert bool(run.trades) == (enters or window == 0)


def test_nothing_has_returned_at_a_symbol_s_first_bar() -> None:
    scene = Scene(3).bar(0, aux_1=50.0).bar(1, aux_1=50.0).bar(2, aux_1=50.0)
    scene.columns["close_px"][0] = 0.0  # what is known before the first bar

    run = scene.play({"strategies.entry_strategy": "rsi_reversion"})

    assert run.counters["signals"] == 0


CROSS = [(9.0, 10.0), (11.0, 10.0), (11.0, 10.0), (11.0, 10.0)]
CROSSED = [(1, 1, 3, "end_of_data")]


@pytest.mark.parametrize(
    ("values", "bars", "counter"),
    [
        ({"filters.enable_ranging_filter": True}, {"adx": 10.0}, "blocked_by_ranging"),
        ({"filters.enable_extension_filter": True}, {"ema_fast": 90.0}, "blocked_by_extension"),
        ({}, {"adx": 22.0}, "blocked_by_adx_low"),
        ({"filters.require_adx_rising": True}, {}, "blocked_by_adx_not_rising"),
        ({"trade.enable_ssf_filter": True}, {"macd_hist": -1.0}, "blocked_by_ssf"),
        ({"trade.enable_reef_filter": True}, {"rsi": 71.0}, "blocked_by_reef"),
    ],
)
def test_the_gates_of_the_trend_bind_another_strategy_if_they_are_applied(
    values: Values, bars: Mapping[str, float], counter: str
) -> None:
    ranging = {"thresholds.ranging.min_votes_count": 1}
    free = played("ma_crossover", CROSS, {**ranging, **values}, **bars)
    held = played("ma_crossover", CROSS, {**ranging, **values, **GATES}, **bars)

    assert told(free) == CROSSED
    assert free.counters[counter] == 0
    assert held.trades == []
    assert held.counters[counter] >= 1


@pytest.mark.parametrize(
    ("bars", "reason"),
    [
        ({"ema_fast": 99.0, "ema_slow": 100.0}, "trend_breakdown"),
        ({"adx": 17.0}, "trend_exhaustion"),
    ],
)
def test_the_smart_exits_of_the_trend_bind_another_strategy_if_they_are_applied(
    bars: Mapping[str, float], reason: str
) -> None:
    free = played("ma_crossover", CROSS, **bars)
    held = played("ma_crossover", CROSS, EXITS, **bars)

    assert told(free) == CROSSED
    assert told(held) == [(1, 1, 2, reason)]


def test_exits_with_a_switch_of_their_own_hold_for_every_strategy() -> None:
    run = played("ma_crossover", CROSS, {"trade.enable_rsi_overextension_exit": True}, rsi=81.0)

    assert told(run) == [(1, 1, 2, "rsi_overextension")]


@pytest.mark.parametrize("confidence", ["low", "medium", "high"])
def test_the_declared_confidence_meets_the_least_one(confidence: str) -> None:
    values = {
        "strategies.ma_crossover.confidence": confidence,
        "trade.entry_min_confidence": "medium",
    }

    run = played("ma_crossover", CROSS, values)

    assert run.counters["blocked_by_confidence"] == (1 if confidence == "low" else 0)
    assert [t["confidence"] for t in run.trades] == [
        ("low", "medium", "high").index(confidence) for _ in run.trades
    ]


def test_a_turned_position_is_left_when_the_rule_would_leave() -> None:
    own = [(0.0, 0.0, 0.0, 0.0), UP, UP, (3.0, 3.0, 2.0, 1.0), UP]

    assert told(played("quad_ma", own, SELL))[0] == (-1, 1, 3, "signal_exit")


def test_a_turn_by_breadth_is_not_remembered_so_the_own_exit_rests() -> None:
    values = {
        "market_regime.enable_auto_reverse": True,
        "market_regime.auto_reverse_breadth_low": 0.0,
        "market_regime.auto_reverse_breadth_high": 100.0,
    }
    own = [(0.0, 0.0, 0.0, 0.0), UP, UP, (3.0, 3.0, 2.0, 1.0), (3.0, 3.0, 2.0, 1.0)]

    assert told(played("quad_ma", own, values)) == [(-1, 1, 4, "end_of_data")]
