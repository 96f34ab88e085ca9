"""How fast a sweep is: the rows that it is measured on, and the probes of `pipelines.bench`.

All rows have all entry modes on. Axes of the indicators and the entries' thresholds and confidence
make the signals, the others are what is done about them; 60,480 points have 72 sets of signals.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.clock import cpu_s, monotonic_s

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.market.bars import BarBlock
    from schemas.base import Value
    from schemas.strategy import Strategy

    Axes = Mapping[str, tuple[Value, ...]]

EQUITY_USD = 10_000.0
PLAIN_ROWS = 12
OWN_SIGNALS_ROWS = 48
ALL_MODES: dict[str, Any] = {
    "thresholds.entry.enable_pullback_entries": True,
    "thresholds.entry.enable_slow_drift_entries": True,
}
SIGNAL_AXES: dict[str, tuple[Any, ...]] = {
    "indicators.ema_fast_window_bars": (8, 16),
    "indicators.adx_window_bars": (10, 14),
    "trade.entry_min_confidence": ("low", "medium", "high"),
}
LONG_AXES: dict[str, tuple[Any, ...]] = {
    "indicators.ema_fast_window_bars": (8, 12, 16),
    "indicators.ema_slow_window_bars": (40, 50),
    "indicators.adx_window_bars": (10, 14),
    "thresholds.entry.min_adx": (18.0, 22.0),
    "trade.entry_min_confidence": ("low", "medium", "high"),
    "trade.stop_loss_atr": (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0),
    "trade.take_profit_atr": (3.0, 4.0, 5.0, 6.0, 8.0),
    "trade.trailing_start_atr": (0.6, 1.0, 1.5, 2.0),
    "trade.trailing_distance_atr": (0.5, 0.8, 1.2),
    "trade.enable_breakeven_stop": (False, True),
}


def mixed_axes(stops: int) -> dict[str, tuple[Any, ...]]:
    """Axes of 48 x `stops` rows, which have 12 sets of signals."""
    return {
        **SIGNAL_AXES,
        "trade.stop_loss_atr": tuple(1.0 + 2.0 * k / stops for k in range(stops)),
        "trade.take_profit_atr": (3.0, 4.0, 5.0, 8.0),
    }


def strategy_with(values: Mapping[str, Any]) -> Strategy:
    """The measured base with some values changed."""
    from schemas.strategy import strategy_from

    return strategy_from({**ALL_MODES, **values})


def rows_of_axes(axes: Axes, base: Strategy) -> npt.NDArray[np.record]:
    """Every point of the axes as kernel records, as a sweep makes them."""
    from core.axes import resolve_axes
    from core.expansion import expand
    from schemas.sweep import SweepSpec

    listed = [{"path": path, "values": values} for path, values in axes.items()]
    spec = SweepSpec.model_validate(
        {"kind": "sweep-spec", "version": 1, "base": "bench", "axes": listed}
    )
    return expand(resolve_axes(spec, base), base).records()


def measured(block: BarBlock, params: npt.NDArray[np.record], threads: int) -> dict[str, float]:
    """Symbol-bars per wall second of a sweep of the rows, its indicator bank included."""
    from core.grid import run_grid
    from core.simulate import Window

    def run(bars: BarBlock, rows: npt.NDArray[np.record]) -> int:
        done = run_grid(bars, rows, window=Window(), initial_equity_usd=EQUITY_USD, threads=threads)
        return done.symbol_bars_per_row * len(rows)

    run(block.rows(0, min(300, len(block.ts_open_ms))), params[:1])
    began_s, began_cpu_s = monotonic_s(), cpu_s()
    bars = run(block, params)
    wall_s = monotonic_s() - began_s
    return {
        "rate": bars / wall_s,
        "wall_s": wall_s,
        "cpu_s": cpu_s() - began_cpu_s,
        "symbol_bars": float(bars),
    }


def probe_mixed(store: str, threads: str, stops: str, bars: str = "") -> dict[str, float]:
    """Speed over 48 x `stops` rows and the first `bars` rows of the store, all if not given."""
    from core.store.market import load

    base = strategy_with({})
    block = load(Path(store), base)
    part = block.rows(0, int(bars)) if bars else block
    return measured(part, rows_of_axes(mixed_axes(int(stops)), base), int(threads))


def probe_long(store: str, threads: str) -> dict[str, float]:
    """Speed over 60,480 rows."""
    from core.store.market import load

    base = strategy_with({})
    return measured(load(Path(store), base), rows_of_axes(LONG_AXES, base), int(threads))


def probe_own_signals(store: str, threads: str) -> dict[str, float]:
    """Speed over rows that share no signals, as a sampler of thresholds proposes them."""
    import numpy as np

    from core.store.market import load
    from schemas.records import to_records

    chance = np.random.default_rng(1)
    strategies = [
        strategy_with(
            {
                "indicators.ema_fast_window_bars": int(chance.choice([8, 12, 16])),
                "indicators.adx_window_bars": int(chance.choice([10, 14])),
                "thresholds.entry.min_adx": float(chance.uniform(15.0, 30.0)),
                "thresholds.entry.slow_drift_min_adx": float(chance.uniform(8.0, 20.0)),
                "trade.entry_min_confidence": str(chance.choice(["low", "medium", "high"])),
                "trade.stop_loss_atr": float(chance.uniform(1.0, 3.0)),
            }
        )
        for _ in range(OWN_SIGNALS_ROWS)
    ]
    block = load(Path(store), strategies[0])
    return measured(block, to_records(strategies), int(threads))


def probe_swept_subbars(store: str) -> dict[str, float]:
    """Exit bars per wall second of a sweep of hourly decisions with 5m exits, on one thread."""
    from core.store.market import load

    base = strategy_with({"engine.interval": "1h", "engine.exit_interval": "5m"})
    block = load(Path(store), base)
    assert block.exit_bars is not None
    params = rows_of_axes(mixed_axes(5), base)
    wall_s = measured(block, params, 1)["wall_s"]
    return {"rate": block.exit_bars.bar_count * len(params) / wall_s}


def probe_plain(store: str) -> dict[str, float]:
    """Rates of a sweep on one thread and of the plain loop: its rows replayed one by one.

    The plain loop takes one row per set of signals.
    """
    from core.simulate import simulate
    from core.store.market import load

    base = strategy_with({})
    block = load(Path(store), base)
    swept = measured(block, rows_of_axes(mixed_axes(5), base), 1)
    signals = {path: SIGNAL_AXES[path] for path in SIGNAL_AXES}
    began_s = monotonic_s()
    for fast in signals["indicators.ema_fast_window_bars"]:
        for window in signals["indicators.adx_window_bars"]:
            for confidence in signals["trade.entry_min_confidence"]:
                chosen = dict(zip(signals, (fast, window, confidence), strict=True))
                simulate(block, strategy_with(chosen), record_trades=False)
    plain = PLAIN_ROWS * block.bar_count / (monotonic_s() - began_s)
    return {"swept": swept["rate"], "plain": plain, "ratio": swept["rate"] / plain}
