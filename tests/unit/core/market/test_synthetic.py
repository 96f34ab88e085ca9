"""The made-up market: the same for a seed, well formed, and fair without its edge."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError, UsageError
from core.market.bars import HOUR_MS, BarBlock, block_from_rows
from core.market.quality import find_gaps
from core.market.synthetic import (
    BARS_MAX,
    START_MS,
    MarketSpec,
    market_spec,
    synthetic_market,
    synthetic_rows,
    traits_of,
)
from core.market.traits import round_px, symbol_names

SHA256_OF_SEED_3 = "d91d30db474e3eb12e40a8b63b60fff991f9de5c7cdee773274842c7c8b24725"


def market(spec: MarketSpec) -> BarBlock:
    return block_from_rows(synthetic_rows(spec), spec.interval, synthetic=True)


def test_a_seed_names_one_market() -> None:
    spec = MarketSpec(seed=3, bar_count=500)

    assert market(spec).sha256 == market(spec).sha256
    assert market(MarketSpec(seed=4, bar_count=500)).sha256 != market(spec).sha256
    assert spec.identity() != MarketSpec(seed=4, bar_count=500).identity()


def test_a_seed_gives_these_bars_on_every_machine() -> None:
    assert market(MarketSpec(seed=3, bar_count=500)).sha256 == SHA256_OF_SEED_3


def test_bars_are_what_a_store_accepts() -> None:
    rows = synthetic_rows(MarketSpec())
    opened, high, low, close, volume = rows.values.T

    assert np.isfinite(rows.values).all()
    assert (low > 0.0).all()
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    assert (volume > 0.0).all()
    decimals = dict(zip(symbol_names(12), traits_of(MarketSpec()).size_decimals, strict=True))
    for index, symbol in enumerate(rows.symbols):
        mine = rows.values[rows.symbol_index == index]
        assert (round_px(mine[:, :4], int(decimals[symbol])) == mine[:, :4]).all()
        lots = mine[:, 4] * 10.0 ** int(decimals[symbol])
        assert np.allclose(lots, np.rint(lots), rtol=1e-12)


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


def test_rows_are_sorted_as_the_store_sorts_them() -> None:
    assert list(synthetic_rows(MarketSpec(symbol_count=120, bar_count=100)).symbols) == sorted(
        symbol_names(120)
    )


def test_funding_is_due_at_the_end_of_every_hour_in_which_a_symbol_trades() -> None:
    spec = MarketSpec(bar_count=400)
    made = synthetic_market(spec, ["1h"])
    candles, rates = made.candles["1h"], made.funding

    for index, symbol in enumerate(rates.symbols):
        due = rates.ts_ms[rates.symbol_index == index]
        closes = candles.ts_ms[candles.symbol_index == candles.symbols.index(symbol)] + HOUR_MS
        # A hole is one of the bars; the venue went on.
        assert set(due.tolist()) >= set(closes.tolist())
        assert (np.diff(due) == HOUR_MS).all()
        assert (due[0], due[-1]) == (closes[0], closes[-1])
    assert np.abs(rates.values[:, 0]).max() < 0.04
    assert np.isfinite(rates.values).all()


def test_a_larger_market_has_more_that_list_late_and_end_early() -> None:
    spec = market_spec(2, 50, 400, "1h", 1.0)

    assert (spec.late_count, spec.holed_count, spec.ended_count) == (8, 2, 4)
    block = market(spec)
    assert int((~block.present[0]).sum()) == 8
    assert int((~block.present[-1]).sum()) == 4
    small = market_spec(2, 5, 400, "1h", 1.0)
    assert (small.late_count, small.holed_count, small.ended_count) == (2, 1, 1)


def test_bars_that_do_not_close_within_the_market_are_left_out() -> None:
    spec = MarketSpec(bar_count=130, interval="5m", late_count=0, ended_count=0, holed_count=0)

    candles = synthetic_market(spec, ["5m", "1h", "4h"]).candles

    assert [len(candles[name]) // 12 for name in ("5m", "1h", "4h")] == [130, 10, 2]
    last = candles["1h"].ts_ms.max() + HOUR_MS
    assert last <= START_MS + spec.span_ms


@pytest.mark.parametrize("intervals", [["1d"], ["1h", "1w"]])
def test_an_interval_longer_than_the_market_is_refused(intervals: list[str]) -> None:
    spec = MarketSpec(bar_count=100, interval="5m")

    with pytest.raises(UsageError, match="0 bars of 1"):
        synthetic_market(spec, intervals)


def test_too_many_bars_and_unknown_intervals_are_refused() -> None:
    with pytest.raises(UsageError, match="525600 bars of 1m for 50 symbols"):
        synthetic_market(market_spec(1, 50, 8_760, "1h", 1.0), ["1m"])
    with pytest.raises(InputError, match="'7h'"):
        synthetic_market(MarketSpec(), ["1h", "7h"])


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
        {"symbol_count": 1_000, "bar_count": 10_000},
        {"bar_count": 8_000, "interval": "1d"},
        {"start_ms": START_MS + HOUR_MS},
    ],
)
def test_a_market_that_cannot_be_made_is_refused(broken: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="synthetic market"):
        MarketSpec(**broken)  # type: ignore[arg-type]
