"""Recorded 5m bars against recorded 1h bars: the same hours, the same decisions at their closes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.market.bars import HOUR_MS, BarBlock, Rows, block_from_rows
from core.market.instants import with_finer
from core.market.resample import resample
from core.simulate import Simulation, simulate
from core.trades import COLUMNS
from kernel import codes
from schemas.strategy import Strategy, strategy_from

EASY = {
    "trade.entry_min_confidence": "low",
    "trade.enable_ssf_filter": False,
    "filters.enable_ranging_filter": False,
    "thresholds.entry.min_adx": 15.0,
    "thresholds.entry.enable_pullback_entries": True,
    "thresholds.entry.enable_slow_drift_entries": True,
}
SIGNAL_COUNTERS = codes.COUNTERS[: codes.COUNT_SIGNALS + 1]


@pytest.fixture(scope="module")
def strategy() -> Strategy:
    """A strategy that trades often, in every mode."""
    return strategy_from(EASY)


@pytest.fixture(scope="module")
def fine(shared_dir: Path) -> Rows:
    """The recorded 5m bars."""
    return recorded(shared_dir, "5m", HOUR_MS // 12)


@pytest.fixture(scope="module")
def hours(fine: Rows) -> Rows:
    """The hours that they make."""
    return resample(fine, "5m", "1h").rows


@pytest.fixture(scope="module")
def made(hours: Rows) -> BarBlock:
    """Those hours as a block."""
    return block_from_rows(hours, "1h", synthetic=False)


def recorded(shared_dir: Path, interval: str, interval_ms: int) -> Rows:
    from pipelines.rows import read_rows

    path = shared_dir / "data" / f"hl_candles_{interval}.parquet"
    return read_rows(path, "candles", interval_ms, 1 << 50).rows


def closes_without_size(run: Simulation) -> list[tuple[object, ...]]:
    names = ("symbol", "side", "entry_ts_ms", "exit_ts_ms", "entry_px", "exit_px", "reason")
    return [tuple(row[name].item() for name in names) for row in run.trades]


def test_hours_made_of_5m_bars_give_the_trades_of_the_recorded_hours(
    shared_dir: Path, hours: Rows, made: BarBlock, strategy: Strategy
) -> None:
    coarse = recorded(shared_dir, "1h", HOUR_MS)
    there = {(hours.symbols[s], t) for s, t in zip(hours.symbol_index, hours.ts_ms, strict=True)}
    names = [coarse.symbols[s] for s in coarse.symbol_index]
    kept = np.array([key in there for key in zip(names, coarse.ts_ms, strict=True)])
    columns = {name: k for k, name in enumerate(hours.symbols)}
    rows = Rows(
        symbols=hours.symbols,
        symbol_index=np.array([columns[n] for n, k in zip(names, kept, strict=True) if k]),
        ts_ms=coarse.ts_ms[kept],
        values=coarse.values[kept],
    )

    from_file = simulate(block_from_rows(rows, "1h", synthetic=False), strategy)
    from_fine = simulate(made, strategy)

    assert len(from_fine.trades) > 300
    assert from_fine.counters == from_file.counters
    for name in COLUMNS:
        # Sums of volume differ in the last digit; no price, size or time does.
        assert np.array_equal(from_fine.trades[name], from_file.trades[name]), name


def test_5m_exits_leave_every_signal_at_the_close_of_an_hour_as_it_was(
    fine: Rows, made: BarBlock, strategy: Strategy
) -> None:
    finer = with_finer(made, block_from_rows(fine, "5m", synthetic=False), None)

    plain, inner = simulate(made, strategy), simulate(finer, strategy)

    told = [{name: run.counters[name] for name in SIGNAL_COUNTERS} for run in (plain, inner)]
    assert told[0] == told[1]
    assert told[0]["signals"] > 300
    at_hours = inner.trades[inner.trades["exit_ts_ms"] % HOUR_MS == 0]
    assert 0 < len(at_hours) < len(inner.trades)
    assert (inner.trades["entry_ts_ms"] % HOUR_MS == 0).all()


def test_5m_bars_that_say_nothing_of_their_own_change_no_decision(
    fine: Rows, made: BarBlock, strategy: Strategy
) -> None:
    """With only the last 5m bar of each hour, and its range the hour's, exits fall at the hours."""
    last = (fine.ts_ms + HOUR_MS // 12) % HOUR_MS == 0
    columns = {name: k for k, name in enumerate(made.symbols)}
    at = np.array([columns[name] for name in fine.symbols])[fine.symbol_index]
    row = np.searchsorted(made.ts_open_ms, fine.ts_ms // HOUR_MS * HOUR_MS)
    inside = last & (row < len(made.ts_open_ms))
    inside[inside] &= made.present[row[inside], at[inside]]
    values = fine.values[inside].copy()
    cell = (row[inside], at[inside])
    for column, field in enumerate((made.open_px, made.high_px, made.low_px, made.close_px)):
        values[:, column] = field[cell]
    rows = Rows(fine.symbols, fine.symbol_index[inside], fine.ts_ms[inside], values)
    finer = with_finer(made, block_from_rows(rows, "5m", synthetic=False), None)

    plain, inner = simulate(made, strategy), simulate(finer, strategy)

    assert closes_without_size(inner) == closes_without_size(plain)
    assert inner.counters == plain.counters
