"""Changes that must not matter do not, and those that must matter do so in the right direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import ManualClock
from core.market.bars import DAY_MS, HOUR_MS, block_from_rows
from core.market.record import market_of
from core.simulate import Simulation, new_book, simulate
from core.store.candles import ingest, load
from core.store.series import Origin
from kernel import codes
from kernel.account import close_position, open_position
from kernel.records import CANDIDATE, SNAPSHOT, TRADE, Output, Records
from pipelines.rows import read_rows
from schemas.base import Value
from schemas.records import to_record
from schemas.strategy import Strategy, strategy_from
from tests.strategies import (
    SymbolBars,
    block_of,
    random_market,
    random_series,
    random_strategy,
    random_values,
    seeds,
)

CLOCK = ManualClock(1_900_000_000_000)
COSTS = ("trade.entry_slippage_bps", "trade.exit_slippage_bps", "trade.taker_fee_bps")


def candles_frame(series: Sequence[SymbolBars]) -> pl.DataFrame:
    """The bars as a file of candles has them."""
    frames = [
        pl.DataFrame(
            {
                "symbol": [bars.symbol] * len(bars.ts_ms),
                "t": bars.ts_ms,
                **{name: bars.values[:, k] for k, name in enumerate("ohlcv")},
            }
        )
        for bars in series
    ]
    return pl.concat(frames)


@settings(max_examples=20)
@given(seeds)
def test_the_order_of_rows_in_a_file_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    series = random_series(seed)
    frame = candles_frame(series)
    path = tmp_path_factory.mktemp("rows") / "candles.parquet"
    frame.sample(fraction=1.0, shuffle=True, seed=seed).write_parquet(path)

    shuffled = block_from_rows(
        read_rows(path, "candles", HOUR_MS, CLOCK.now_ms()).rows, "1h", synthetic=True
    )

    assert shuffled.sha256 == block_of(series).sha256


@settings(max_examples=10)
@given(seeds)
def test_the_order_in_which_symbols_are_stored_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    series, strategy = random_series(seed), random_strategy(seed)
    order = np.random.default_rng([seed, 4]).permutation(len(series))
    folder = tmp_path_factory.mktemp("store")

    for k in order:
        path = folder / "candles.parquet"
        candles_frame([series[k]]).write_parquet(path)
        rows = read_rows(path, "candles", HOUR_MS, CLOCK.now_ms()).rows
        ingest(folder / "stores", "1h", rows, Origin("test", "0" * 64, synthetic=True), CLOCK)

    assert_same_run(simulate(load(folder / "stores", "1h"), strategy), run_of(series, strategy))


@given(seeds)
def test_the_order_in_which_tradable_symbols_are_named_does_not_matter(seed: int) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    named = list(block.symbols[1:])

    forwards = simulate(block, strategy, tradable=named)

    assert_same_run(simulate(block, strategy, tradable=named[::-1]), forwards)
    assert not (forwards.trades["symbol"] == 0).any()


@given(seeds, st.integers(1, 700))
def test_a_shift_by_whole_days_does_not_matter(seed: int, days: int) -> None:
    series, strategy = random_series(seed), random_strategy(seed)
    shift_ms = days * DAY_MS

    shifted = simulate(block_of(series, shift_ms=shift_ms), strategy)
    trades = shifted.trades.copy()
    for name in ("entry_ts_ms", "exit_ts_ms"):
        trades[name] -= shift_ms

    here = run_of(series, strategy)
    assert trades.tobytes() == here.trades.tobytes()
    assert shifted.equity_usd.tobytes() == here.equity_usd.tobytes()
    assert shifted.stats.tobytes() == here.stats.tobytes()
    assert shifted.counters == here.counters
    assert (shifted.ts_close_ms - shift_ms).tobytes() == here.ts_close_ms.tobytes()


def run_of(series: Sequence[SymbolBars], strategy: Strategy) -> Simulation:
    """The run over the block of these bars."""
    return simulate(block_of(list(series)), strategy)


def assert_same_run(ours: Simulation, theirs: Simulation) -> None:
    """Two runs are equal to the last bit."""
    assert ours.trades.tobytes() == theirs.trades.tobytes()
    assert ours.equity_usd.tobytes() == theirs.equity_usd.tobytes()
    assert ours.stats.tobytes() == theirs.stats.tobytes()
    assert ours.counters == theirs.counters


@dataclass(frozen=True)
class ListedPosition:
    """A position as decisions fixed it: side, size, and closes of its entry and its exits."""

    side: int
    size: float
    entry_close_px: float
    exits: tuple[tuple[float, float], ...]
    """(close, fraction of the size still held) of each exit."""


def trade_list(run: Simulation) -> list[ListedPosition]:
    """The run's positions without any cost; it must hold no adds."""
    closes = run.mark_px
    out = []
    for position_id in np.unique(run.trades["position_id"]):
        rows = run.trades[run.trades["position_id"] == position_id]
        held = rows["size"][::-1].cumsum()[::-1]
        fractions = np.where(rows["is_partial"] == 1, rows["size"] / held, 1.0)
        symbol = rows["symbol"][0]
        entry = closes[np.searchsorted(run.ts_close_ms, rows["entry_ts_ms"][0]), symbol]
        exits = closes[np.searchsorted(run.ts_close_ms, rows["exit_ts_ms"]), symbol]
        pairs = tuple(zip(exits.tolist(), fractions.tolist(), strict=True))
        out.append(
            ListedPosition(int(rows["side"][0]), float(rows["size"].sum()), float(entry), pairs)
        )
    return out


def settled_usd(positions: list[ListedPosition], strategy: Strategy, cash_usd: float) -> float:
    """Cash after the kernel's own ledger has filled the list at the strategy's costs."""
    params = to_record(strategy)
    rules = market_of(random_market(0).rows(0, 1)).rules
    book = new_book(len(rules.size_scale), cash_usd)
    candidate, snap = np.zeros(1, CANDIDATE)[0], np.zeros(1, SNAPSHOT)[0]
    out = Output(np.zeros(0), np.zeros(0, TRADE), np.zeros(codes.COUNTER_COUNT, np.int64))
    for position in positions:
        candidate.side, snap.close_px = position.side, position.entry_close_px
        open_position(rules, book, candidate, snap, (position.size, 1.0, 1.0), 1, params)
        for close_px, fraction in position.exits:
            what = (codes.REASON_END_OF_DATA, fraction, 2)
            close_position(rules, book, out, 0, (close_px, codes.TAKER), what, params)
    return float(book.account["cash_usd"][0])


def without_adds(seed: int, costs: Sequence[float]) -> Strategy:
    """A random strategy with these costs that never adds, and fills at closes alone."""
    fixed: dict[str, Value] = dict(zip(COSTS, costs, strict=True))
    return random_strategy(seed, {**AT_CLOSES, **fixed})


AT_CLOSES: dict[str, Value] = {
    "trade.enable_pyramiding": False,
    "trade.enable_funding": False,
    "trade.enable_liquidation": False,
    "trade.enable_venue_rounding": False,
    "trade.exit_trigger": "close",
    "trade.fee_schedule": "fixed",
}


levels = st.tuples(st.floats(0.0, 50.0), st.floats(0.0, 50.0), st.floats(0.0, 20.0))


@given(seeds, levels, levels)
def test_higher_costs_never_raise_the_final_equity_of_the_same_trades(
    seed: int, low: tuple[float, ...], more: tuple[float, ...]
) -> None:
    strategy = without_adds(seed, low)
    run = simulate(random_market(seed), strategy)
    positions = trade_list(run)
    dearer = without_adds(seed, [cost + extra for cost, extra in zip(low, more, strict=True)])

    cheap_usd = settled_usd(positions, strategy, 10_000.0)

    assert cheap_usd == pytest.approx(float(run.stats["equity_end_usd"]), rel=1e-9)
    turnover_usd = float(run.stats["turnover_usd"])
    assert settled_usd(positions, dearer, 10_000.0) <= cheap_usd + 1e-12 * turnover_usd


@given(seeds)
def test_equity_is_cash_plus_open_profit_at_every_row(seed: int) -> None:
    strategy = strategy_from({**random_values(seed), "trade.enable_pyramiding": False})
    block = random_market(seed)
    run = simulate(block, strategy)
    closes = run.mark_px
    due_px = market_of(block).funding_px[-len(closes) :]

    equity_usd = np.full(len(run.ts_close_ms), 10_000.0)
    paid_usd = np.zeros(len(run.ts_close_ms))
    for row in run.trades:
        entered = run.ts_close_ms >= row["entry_ts_ms"]
        left = run.ts_close_ms >= row["exit_ts_ms"]
        open_usd = row["side"] * (closes[:, row["symbol"]] - row["entry_px"]) * row["size"]
        closed_usd = row["gross_pnl_usd"] - row["exit_fee_usd"]
        equity_usd -= np.where(entered, row["entry_fee_usd"], 0.0)
        equity_usd += np.where(left, closed_usd, np.where(entered, open_usd, 0.0))
        held = (run.ts_close_ms > row["entry_ts_ms"]) & (run.ts_close_ms <= row["exit_ts_ms"])
        paid_usd += np.where(held, row["side"] * row["size"] * due_px[:, row["symbol"]], 0.0)
    if strategy.trade.enable_funding:
        equity_usd -= np.cumsum(paid_usd)
        assert run.stats["funding_usd"] == pytest.approx(-paid_usd.sum(), abs=1e-6)

    np.testing.assert_allclose(run.equity_usd, equity_usd, rtol=1e-9, atol=1e-6)


@given(seeds)
def test_final_equity_is_the_start_plus_the_net_of_all_rows(seed: int) -> None:
    run = simulate(random_market(seed), random_strategy(seed))
    trades, stats = run.trades, run.stats
    fees_usd = float((trades["entry_fee_usd"] + trades["exit_fee_usd"]).sum())
    gross_usd = float(trades["gross_pnl_usd"].sum())
    scale_usd = 10_000.0 + float(np.abs(trades["gross_pnl_usd"]).sum())

    assert run.equity_usd[-1] == stats["equity_end_usd"]
    funding_usd = float(trades["funding_usd"].sum())
    end_usd = 10_000.0 + gross_usd - fees_usd + funding_usd
    assert abs(end_usd - run.equity_usd[-1]) <= 1e-9 * scale_usd
    assert abs(funding_usd - stats["funding_usd"]) <= 1e-9 * scale_usd
    assert abs(fees_usd - stats["fees_usd"]) <= 1e-9 * scale_usd
    assert abs(gross_usd - stats["gross_pnl_usd"]) <= 1e-9 * scale_usd
    net_usd = stats["gross_profit_usd"] - stats["gross_loss_usd"]
    assert abs(net_usd - stats["net_pnl_usd"]) <= 1e-9 * scale_usd
    assert stats["position_count"] == full_closes(trades)


def full_closes(trades: Records) -> int:
    """Rows that leave nothing open."""
    return int((trades["is_partial"] == 0).sum())


def test_the_random_lists_hold_partial_closes_and_both_sides() -> None:
    rows = [simulate(random_market(seed), random_strategy(seed)).trades for seed in range(30)]
    trades = np.concatenate(rows)

    assert set(trades["side"].tolist()) == {codes.LONG, codes.SHORT}
    assert 0 < full_closes(trades) < len(trades)
    assert (trades["adds"] > 0).any()
