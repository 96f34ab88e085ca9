"""The made-up market: the same for a seed, well formed, and fair without its edge."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import UsageError
from core.market.bars import BarBlock, block_from_rows
from core.market.quality import find_gaps
from core.market.synthetic import (
    BARS_MAX,
    MarketSpec,
    round_significant,
    symbol_names,
    synthetic_rows,
)


def market(spec: MarketSpec) -> BarBlock:
    return block_from_rows(synthetic_rows(spec), spec.interval, synthetic=True)


def test_a_seed_names_one_market() -> None:
    spec = MarketSpec(seed=3, bar_count=500)

    assert market(spec).sha256 == market(spec).sha256
    assert market(MarketSpec(seed=4, bar_count=500)).sha256 != market(spec).sha256
    assert spec.identity() != MarketSpec(seed=4, bar_count=500).identity()


def test_bars_are_what_a_store_accepts() -> None:
    rows = synthetic_rows(MarketSpec())
    opened, high, low, close, volume = rows.values.T

    assert np.isfinite(rows.values).all()
    assert (low > 0.0).all()
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    assert (volume > 0.0).all()
    assert (round_significant(rows.values) == rows.values).all()


def test_symbols_list_late_end_early_and_have_holes() -> None:
    block = market(MarketSpec(bar_count=1_000))
    first = np.argmax(block.present, axis=0)
    ended = block.last_bar_index < len(block.ts_open_ms)

    assert block.symbols[0] == "BTC"
    assert block.present[:, 0].all()
    assert sorted(first[first > 0].tolist()) == [100, 300]
    assert int(ended.sum()) == 1
    holed = [find_gaps(np.flatnonzero(column), 1).count for column in block.present.T]
    assert sum(count > 0 for count in holed) == 1


def test_a_market_can_be_whole() -> None:
    spec = MarketSpec(symbol_count=3, bar_count=200, late_count=0, holed_count=0, ended_count=0)

    assert market(spec).present.all()


def test_names_are_sorted_as_the_store_sorts_them() -> None:
    names = symbol_names(12)

    assert names[:4] == ("BTC", "ETH", "SOL", "SYN04")
    assert list(names) == sorted(names)
    assert list(synthetic_rows(MarketSpec(symbol_count=120, bar_count=100)).symbols) == sorted(
        symbol_names(120)
    )


def regime_profit(edge: float, seed: int) -> float:
    """What following the sign of the last 24 bars earns per bar, in units of its own sigma."""
    close = market(MarketSpec(seed=seed, edge=edge, late_count=0, ended_count=0)).close_px
    returns = np.diff(close[:, :8], axis=0) / np.where(close[:-1, :8] > 0, close[:-1, :8], 1.0)
    past = np.sign(close[24:-1, :8] - close[:-25, :8])
    earned = (past * returns[24:]).mean(axis=1)
    return float(earned.mean() / earned.std() * np.sqrt(len(earned)))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_following_the_trend_earns_with_the_edge_and_not_without(seed: int) -> None:
    assert regime_profit(1.0, seed) > 5.0
    assert abs(regime_profit(0.0, seed)) < 3.0


def test_without_edge_returns_have_no_mean() -> None:
    spec = MarketSpec(seed=5, edge=0.0, bar_count=8_000, late_count=0, holed_count=0, ended_count=0)
    close = market(spec).close_px
    returns = np.diff(close, axis=0) / close[:-1]
    errors = returns.mean(axis=0) / (returns.std(axis=0) / np.sqrt(len(returns)))

    assert np.abs(errors).max() < 4.0


@pytest.mark.parametrize(
    "broken",
    [
        {"symbol_count": 4},
        {"bar_count": 10},
        {"bar_count": BARS_MAX + 1},
        {"edge": -1.0},
        {"edge": float("nan")},
        {"seed": -1},
        {"symbol_count": 1_000, "bar_count": 100_000},
    ],
)
def test_a_market_that_cannot_be_made_is_refused(broken: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="synthetic market"):
        MarketSpec(**broken)  # type: ignore[arg-type]
