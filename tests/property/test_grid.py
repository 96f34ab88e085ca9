"""What a sweep counts is what a replay counts: passing over quiet bars changes no decision."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.simulate import simulate
from kernel.records import STATS
from tests.grid_rows import grid_stats
from tests.strategies import random_market, random_strategy, seeds


@given(seeds, st.lists(seeds, min_size=1, max_size=6))
def test_rows_of_a_grid_equal_their_replays(market_seed: int, strategy_seeds: list[int]) -> None:
    block = random_market(market_seed)
    strategies = [random_strategy(seed) for seed in strategy_seeds]

    rows = grid_stats(block, strategies)

    for seed, strategy, row in zip(strategy_seeds, strategies, rows, strict=True):
        replayed = simulate(block, strategy).stats
        differing = [name for name in STATS.names or () if row[name] != replayed[name]]
        assert differing == [], f"strategy {seed}"
