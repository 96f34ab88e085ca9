"""Six replays whose results are kept: a change of any decision shows here, in readable rows.

Numbers are rounded to twelve significant digits: the same everywhere, and fine enough that no
other decision could hide. Update them (`pytest tests/snapshot --snapshot-update`) only together
with the change of the rules that explains every row of the difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from syrupy.assertion import SnapshotAssertion

from core.market.bars import HOUR_MS, BarBlock, block_from_rows
from core.market.synthetic import START_MS, MarketSpec, synthetic_rows
from core.ratios import ratios
from core.simulate import Simulation, Window, simulate
from core.trades import trades_frame
from schemas.base import Value
from schemas.strategy import strategy_from

ROWS_KEPT = 20


@dataclass(frozen=True)
class Golden:
    """One replay: its market, the values that differ from the defaults, its window."""

    market: MarketSpec
    values: Mapping[str, Value]
    window: Window


def small(seed: int) -> MarketSpec:
    """Six symbols over 1,200 hours: one lists late, one has holes, one ends early."""
    return MarketSpec(seed=seed, symbol_count=6, bar_count=1200, late_count=1)


GOLDEN = {
    "defaults": Golden(MarketSpec(seed=24, symbol_count=10, bar_count=3000), {}, Window()),
    "every_entry_mode": Golden(
        small(20),
        {
            "trade.entry_min_confidence": "low",
            "trade.add_min_confidence": "low",
            "trade.adds_max_count": 3,
            "trade.enable_partial_tp": True,
            "trade.partial_tp_atr": 1.0,
            "trade.partial_tp_frac": 0.4,
            "trade.take_profit_atr": 3.0,
            "trade.open_positions_max_count": 3,
            "trade.enable_ssf_filter": False,
            "filters.require_btc_alignment": False,
            "thresholds.entry.enable_pullback_entries": True,
            "thresholds.entry.pullback_confidence": "medium",
            "thresholds.entry.enable_slow_drift_entries": True,
            "thresholds.entry.macd_mode": "sign",
        },
        Window(),
    ),
    "reversed_by_regime": Golden(
        small(16),
        {
            "trade.entry_min_confidence": "medium",
            "trade.enable_dynamic_tp": True,
            "trade.enable_dynamic_sizing": False,
            "trade.exit_cooldown_s": 7200,
            "trade.enable_glitch_guard": True,
            "trade.glitch_atr_mult": 3.0,
            "trade.trend_exhaustion_source": "entry_threshold",
            "filters.require_macro_alignment": True,
            "filters.require_volume_confirmation": True,
            "indicators.ema_fast_window_bars": 8,
            "indicators.ema_slow_window_bars": 21,
            "indicators.ema_macro_window_bars": 60,
            "indicators.adx_window_bars": 10,
            "market_regime.enable_regime_filter": True,
            "market_regime.block_short_breadth_above": 70.0,
            "market_regime.block_long_breadth_below": 30.0,
            "market_regime.enable_auto_reverse": True,
            "market_regime.auto_reverse_breadth_low": 40.0,
            "market_regime.auto_reverse_breadth_high": 60.0,
            "engine.lookback_bars": 60,
            "engine.excursions_count_entry_bar": True,
        },
        Window(START_MS + 100 * HOUR_MS, START_MS + 1000 * HOUR_MS),
    ),
    "ma_crossover": Golden(
        small(13),
        {
            "strategies.entry_strategy": "ma_crossover",
            "strategies.ma_crossover.fast_window_bars": 10,
            "strategies.ma_crossover.slow_window_bars": 40,
            "strategies.ma_crossover.ma_kind": "ema",
            "trade.stop_loss_atr": 6.0,
            "trade.trailing_start_atr": 8.0,
            "trade.enable_rsi_overextension_exit": False,
        },
        Window(),
    ),
    "quad_ma": Golden(
        small(14),
        {
            "strategies.entry_strategy": "quad_ma",
            "strategies.quad_ma.trend_window_bars": 100,
            "strategies.quad_ma.confidence": "medium",
            "trade.entry_min_confidence": "low",
            "trade.reverse_entry_signal": True,
        },
        Window(),
    ),
    "rsi_reversion": Golden(
        small(15),
        {
            "strategies.entry_strategy": "rsi_reversion",
            "strategies.rsi_reversion.window_bars": 7,
            "strategies.rsi_reversion.oversold": 25.0,
            "strategies.rsi_reversion.trend_window_bars": 100,
            "strategies.apply_trend_gates": True,
            "filters.require_adx_rising": False,
            "filters.enable_ranging_filter": False,
            "thresholds.entry.min_adx": 5.0,
            "trade.enable_ssf_filter": False,
            "filters.require_btc_alignment": False,
        },
        Window(),
    ),
}


def market(spec: MarketSpec) -> BarBlock:
    return block_from_rows(synthetic_rows(spec), "1h", synthetic=True)


def rounded(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def told(simulation: Simulation) -> str:
    """Metrics, counters, how often what occurred, and the first trades, as lines of text."""
    derived, why = ratios(simulation.metrics)
    figures = {**simulation.metrics, **derived}
    lines = [f"{name} {rounded(value)}" for name, value in figures.items()]
    lines += [f"{name} is null: {reason}" for name, reason in why.items()]
    lines += [f"{name} {count}" for name, count in simulation.counters.items() if count]
    rows = trades_frame(simulation.trades, simulation.symbols).to_dicts()
    for column in ("symbol", "side", "confidence", "entry_mode", "reason", "adds"):
        tally = sorted(Counter(str(row[column]) for row in rows).items())
        lines.append(f"{column}: " + ", ".join(f"{name} {count}" for name, count in tally))
    lines += [" ".join(map(rounded, row.values())) for row in rows[:ROWS_KEPT]]
    return "\n".join(lines)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_replay_decides_as_it_did(name: str, snapshot: SnapshotAssertion) -> None:
    golden = GOLDEN[name]
    strategy = strategy_from(golden.values)

    simulation = simulate(market(golden.market), strategy, window=golden.window)

    assert simulation.metrics["position_count"] >= ROWS_KEPT
    assert told(simulation) == snapshot
