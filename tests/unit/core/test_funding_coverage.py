"""The share of funding hours on held positions whose rate was known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.funding_coverage import FundingCoverage, funding_coverage
from core.market.bars import HOUR_MS
from core.simulate import simulate
from tests.strategies import random_market, random_strategy


def test_every_hour_a_position_was_held_over_counts_once() -> None:
    judged = 0
    for seed in range(12):
        block = replace(random_market(seed), exit_bars=None, entry_bars=None)
        run = simulate(block, random_strategy(seed))
        found = funding_coverage(run, block, block.symbols)
        lasts = {
            int(row["position_id"]): (int(row["entry_ts_ms"]), int(row["exit_ts_ms"]))
            for row in run.trades
        }

        hours = sum((end - start) // HOUR_MS for start, end in lasts.values())

        assert found.due_count == hours
        if block.funding is None:
            assert sum(found.missing.values()) == hours
        else:
            judged += 1
            assert found.frac is None or found.frac > 0.8

    assert judged > 3


def test_unknown_rates_are_counted_by_symbol_and_nothing_held_has_no_share() -> None:
    seed = next(k for k in range(40) if _has_trades_and_rates(k))
    block = random_market(seed)
    assert block.funding is not None
    run = simulate(block, random_strategy(seed))
    blind = replace(block.funding, rate=np.full_like(block.funding.rate, np.nan))

    none = funding_coverage(run, replace(block, funding=blind), block.symbols)

    assert none.frac == pytest.approx(0.0)
    assert sum(none.missing.values()) == none.due_count
    assert funding_coverage(run, block, ()).frac is None
    assert FundingCoverage(4, {"BTC": 1}).frac == 0.75


def _has_trades_and_rates(seed: int) -> bool:
    block = random_market(seed)
    return block.funding is not None and len(simulate(block, random_strategy(seed)).trades) > 5
