"""What a sweep counts is what a replay counts: passing over quiet bars changes no decision."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.desk import row_keys, signal_fields
from core.grid import run_grid
from core.market.universe import with_universe
from core.simulate import Window, simulate
from kernel.records import STATS
from kernel.survey import TRADE_FIELDS
from schemas.base import Value
from schemas.parameters import Parameter, parameters
from schemas.records import to_records
from schemas.strategy import Strategy, strategy_from
from tests.grid_rows import grid_stats
from tests.strategies import (
    in_order,
    random_market,
    random_strategy,
    random_value,
    random_values,
    seeds,
)

ALL_MODES: dict[str, Value] = {
    "strategies.entry_strategy": "trend",
    "thresholds.entry.enable_pullback_entries": True,
    "thresholds.entry.enable_slow_drift_entries": True,
}


@given(seeds, st.lists(seeds, min_size=1, max_size=6))
def test_rows_of_a_grid_equal_their_replays(market_seed: int, strategy_seeds: list[int]) -> None:
    block = random_market(market_seed)
    strategies = [random_strategy(seed) for seed in strategy_seeds]

    rows = grid_stats(block, strategies)

    for seed, strategy, row in zip(strategy_seeds, strategies, rows, strict=True):
        replayed = simulate(block, strategy).stats
        differing = [name for name in STATS.names or () if row[name] != replayed[name]]
        assert differing == [], f"strategy {seed}"


def varied_in_trade(seed: int, row: int) -> Strategy:
    """A strategy with all entry modes on whose rows differ in what a survey does not read."""
    rng = np.random.default_rng([seed, row])
    values = {**random_values(seed), **ALL_MODES}
    for each in parameters():
        free = each.path.startswith("trade.") and each.record_name not in TRADE_FIELDS
        if free and row > 0 and rng.random() < 0.5:
            values[each.path] = random_value(rng, each)
    in_order(values)
    return strategy_from(values)


@settings(max_examples=20)
@given(seeds, st.lists(seeds, min_size=1, max_size=3, unique=True), st.integers(1, 2))
def test_rows_that_share_a_survey_equal_their_replays(
    market_seed: int, strategy_seeds: list[int], threads: int
) -> None:
    block = with_universe(random_market(market_seed), 50, 60)
    rows = [(seed, row) for row in range(3) for seed in strategy_seeds]
    strategies = [varied_in_trade(seed, row) for seed, row in rows]
    params = to_records(strategies)

    run = run_grid(block, params, window=Window(), initial_equity_usd=1e4, threads=threads)

    shared = row_keys(params.reshape(-1, 1))[1]
    assert len(set(shared.tolist())) == len(strategy_seeds)
    for place, strategy in enumerate(strategies):
        alone = simulate(block, strategy, record_trades=False)
        assert run.stats[place].tobytes() == alone.stats.tobytes(), rows[place]


@given(seeds, st.sampled_from([each for each in parameters() if each.in_kernel]))
def test_rows_share_a_survey_unless_they_differ_in_what_it_may_read(
    seed: int, parameter: Parameter
) -> None:
    params = to_records([random_strategy(seed)] * 2).reshape(-1, 1)
    name = parameter.record_name

    params[name][1] += 1

    own = row_keys(params)[1].tolist()
    assert own == ([0, 1] if name in signal_fields() else [0, 0])
