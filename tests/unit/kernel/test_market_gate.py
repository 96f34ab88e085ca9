"""The market gate: each limit stops entries and adds; for want of BTC a rule decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from schemas.base import Value
from tests.scene import Played, Scene

OPEN: Mapping[str, Value] = {
    "market_regime.enable_gate": True,
    "market_regime.gate_breadth_low": 20.0,
    "market_regime.gate_breadth_high": 70.0,
    "market_regime.gate_btc_adx_min": 20.0,
    "market_regime.gate_btc_atr_min_frac": 0.005,
    "market_regime.gate_fail_open": False,
}
"""A gate that `calm` leaves open: breadth 0, BTC with an ADX of 30 and an ATR of 1 %."""
ADDS: Mapping[str, Value] = {
    "trade.enable_pyramiding": True,
    "trade.add_min_confidence": "low",
    "trade.add_min_profit_atr": 0.0,
    "trade.add_cooldown_minutes": 0,
    "trade.entry_cooldown_s": 0,
}
ROWS = 7
SIGNAL_ROW = 4
BTC_LIMITS = [
    ({"adx": 20.0}, 0),
    ({"adx": 19.99}, 1),
    ({"atr": 0.5}, 0),
    ({"atr": 0.4999}, 1),
    ({"atr": 0.5, "close_px": 100.2}, 1),
]


def calm(symbols: Sequence[str] = ("AAA", "BTC")) -> Scene:
    return Scene(ROWS, symbols)


def gated(scene: Scene, values: Mapping[str, Value] | None = None) -> Played:
    return scene.play({**OPEN, **(values or {})})


def entries(played: Played) -> int:
    return played.counters["entries"]


def blocked(played: Played) -> int:
    return played.counters["blocked_by_market_gate"]


def test_an_open_gate_lets_an_entry_through() -> None:
    played = gated(calm().up(SIGNAL_ROW))

    assert (entries(played), blocked(played)) == (1, 0)
    assert played.trades[0]["entry_row"] == SIGNAL_ROW


@pytest.mark.parametrize(("btc", "count"), BTC_LIMITS)
def test_btc_of_the_bar_before_shuts_it(btc: Mapping[str, float], count: int) -> None:
    played = gated(calm().bar(SIGNAL_ROW - 1, "BTC", **btc).up(SIGNAL_ROW))

    assert (entries(played), blocked(played)) == (1 - count, count)


def test_btc_of_the_same_bar_is_not_known_yet() -> None:
    played = gated(calm().bar(SIGNAL_ROW, "BTC", adx=1.0, atr=0.0).up(SIGNAL_ROW))

    assert (entries(played), blocked(played)) == (1, 0)


@pytest.mark.parametrize(
    ("low", "high", "count"),
    [(50.0, 50.0, 1), (20.0, 50.0, 1), (50.0, 70.0, 1), (50.1, 70.0, 0), (20.0, 49.9, 0)],
)
def test_a_breadth_within_the_mixed_range_shuts_it(low: float, high: float, count: int) -> None:
    scene = calm().bar(SIGNAL_ROW - 1, "BTC", ema_fast=101.0)  # one of two is above
    limits = {"market_regime.gate_breadth_low": low, "market_regime.gate_breadth_high": high}

    played = gated(scene.up(SIGNAL_ROW), limits)

    assert (entries(played), blocked(played)) == (1 - count, count)


def test_a_shut_gate_stops_adds_and_counts_them() -> None:
    def scene() -> Scene:
        return calm().up(SIGNAL_ROW).up(SIGNAL_ROW + 1, close_px=100.5)

    def limits(low: float) -> dict[str, Value]:
        return {**ADDS, "market_regime.gate_breadth_low": low}

    # The row of the entry makes the breadth 50, which the row of the add sees.
    added = gated(scene(), limits(60.0))
    stopped = gated(scene(), limits(20.0))

    assert (added.counters["adds"], blocked(added)) == (1, 0)
    assert (stopped.counters["adds"], blocked(stopped)) == (0, 1)
    assert entries(added) == entries(stopped) == 1


def test_a_shut_gate_still_flips_out_of_a_position() -> None:
    scene = calm().up(SIGNAL_ROW).bar(SIGNAL_ROW, "BTC", adx=1.0)
    scene.down(SIGNAL_ROW + 1, ema_slow=100.55)  # a cross too small to close by itself

    played = gated(scene)

    assert played.reasons == ["signal_flip"]
    assert (entries(played), blocked(played)) == (1, 1)


@pytest.mark.parametrize("opens", [True, False])
def test_without_btc_the_rule_decides(opens: bool) -> None:
    played = gated(calm(("AAA",)).up(SIGNAL_ROW), {"market_regime.gate_fail_open": opens})

    assert (entries(played), blocked(played)) == ((1, 0) if opens else (0, 1))


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("bars", [1, 2])
def test_btc_is_judged_from_two_bars_on(opens: bool, bars: int) -> None:
    scene = calm().up(SIGNAL_ROW)
    for row in range(SIGNAL_ROW - bars):
        scene.absent(row, "BTC")

    played = gated(scene, {"market_regime.gate_fail_open": opens})

    assert entries(played) == (1 if opens or bars == 2 else 0)


def test_a_gate_that_is_off_stops_nothing() -> None:
    scene = calm().bar(SIGNAL_ROW - 1, "BTC", adx=1.0).up(SIGNAL_ROW)

    played = gated(scene, {"market_regime.enable_gate": False})

    assert (entries(played), blocked(played)) == (1, 0)
