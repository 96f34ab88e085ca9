"""The sweep engine gives each row what a full replay of that row gives, however it is cut up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.bank import series_bytes
from core.engine import groups_of
from core.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated
from core.grid import GridRun, run_grid
from core.market.bars import BarBlock
from core.market.universe import with_universe
from core.simulate import Window, simulate
from kernel.features import NO_SERIES
from kernel.strategies import series_of
from schemas.records import to_records
from schemas.strategy import Strategy
from tests.strategies import random_market, random_strategy

SEEDS = st.integers(0, 2**20)
EQUITY_USD = 7_500.0


def window_in(block: BarBlock, seed: int) -> Window:
    """Some part of the block, often with bars before and after it."""
    rng = np.random.default_rng([seed, 7])
    count = len(block.ts_open_ms)
    first, last = sorted(int(row) for row in rng.integers(0, count, 2))
    opens = block.ts_open_ms
    start_ms = int(opens[first]) if rng.random() < 0.7 else None
    end_ms = int(opens[last]) + block.interval_ms if rng.random() < 0.7 else None
    return Window(start_ms, end_ms)


def run_rows(
    block: BarBlock,
    strategies: list[Strategy],
    window: Window,
    threads: int = 2,
    memory_bytes: int = 10**9,
) -> GridRun:
    return run_grid(
        block,
        to_records(strategies),
        window=window,
        initial_equity_usd=EQUITY_USD,
        threads=threads,
        memory_bytes=memory_bytes,
    )


@settings(max_examples=25)
@given(seed=SEEDS, row_count=st.integers(1, 9), threads=st.integers(1, 3), most=st.integers(0, 40))
@example(seed=1, row_count=9, threads=2, most=0)
def test_every_row_equals_its_replay_bit_for_bit(
    seed: int, row_count: int, threads: int, most: int
) -> None:
    """`most` series fit in memory at once: 0 forces a group per distinct set of windows."""
    block = with_universe(random_market(seed), 50, 60)
    window = window_in(block, seed)
    strategies = [random_strategy(seed + nth) for nth in range(row_count)]

    run = run_rows(block, strategies, window, threads, most * series_bytes(block))

    assert run.done.all()
    assert run.exit_code == EXIT_DONE
    for row, strategy in enumerate(strategies):
        alone = simulate(
            block, strategy, window=window, initial_equity_usd=EQUITY_USD, record_trades=False
        )
        assert run.stats[row].tobytes() == alone.stats.tobytes(), row


@pytest.mark.parametrize("intended", ["standard", "pullback", "slow_drift"])
def test_rows_of_every_entry_mode_take_positions_and_equal_their_replay(intended: str) -> None:
    fixed = {
        "thresholds.entry.enable_pullback_entries": intended == "pullback",
        "thresholds.entry.enable_slow_drift_entries": intended == "slow_drift",
    }
    block = random_market(11, 600)
    strategies = [random_strategy(nth, fixed) for nth in range(12)]

    run = run_rows(block, strategies, Window())

    assert (run.stats["position_count"] > 0).any()
    assert [run.stats[row].tobytes() for row in range(12)] == [
        simulate(block, one, initial_equity_usd=EQUITY_USD).stats.tobytes() for one in strategies
    ]


def test_the_order_of_rows_does_not_matter() -> None:
    block = random_market(5)
    strategies = [random_strategy(nth) for nth in range(10)]

    forward = run_rows(block, strategies, Window())
    backward = run_rows(block, strategies[::-1], Window(), memory_bytes=0)

    assert forward.stats.tobytes() == backward.stats[::-1].tobytes()


@given(seed=SEEDS, row_count=st.integers(1, 12), most=st.integers(0, 60))
def test_groups_hold_each_row_once_and_only_what_fits(seed: int, row_count: int, most: int) -> None:
    params = to_records([random_strategy(seed + nth) for nth in range(row_count)])

    groups = list(groups_of(params.reshape(-1, 1), 8, most * 8))

    rows = np.concatenate([group.rows for group in groups])
    assert sorted(rows.tolist()) == list(range(row_count))
    for group in groups:
        needed = {series for row in group.rows for series in series_of(params[row])}
        assert needed - {NO_SERIES} == set(group.series)
        own = len(set(series_of(params[group.rows[0]])) - {NO_SERIES})
        assert len(group.series) <= max(most, own)


@pytest.mark.parametrize(
    ("signal", "code"),
    [(KeyboardInterrupt, EXIT_INTERRUPTED), (Terminated, EXIT_TERMINATED)],
)
def test_a_stop_keeps_the_rows_that_are_done_and_says_what_stopped_it(
    signal: type[KeyboardInterrupt], code: int
) -> None:
    block = random_market(5)
    strategies = [random_strategy(nth) for nth in range(10)]

    def stop(done: int, total: int) -> None:
        assert 0 < done <= total
        raise signal

    run = run_grid(
        block,
        to_records(strategies),
        window=Window(),
        initial_equity_usd=EQUITY_USD,
        threads=1,
        progress=stop,
        memory_bytes=0,
    )

    assert run.interrupted
    assert run.exit_code == code
    assert 0 < run.done.sum() < len(strategies)
    for row in np.flatnonzero(run.done):
        alone = simulate(block, strategies[row], initial_equity_usd=EQUITY_USD)
        assert run.stats[row].tobytes() == alone.stats.tobytes()
