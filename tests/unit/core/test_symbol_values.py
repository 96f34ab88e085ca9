"""Values of single symbols: they touch that symbol alone, and a sweep's row equals its replay."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings

from core.errors import InputError
from core.grid import run_grid
from core.market.universe import with_universe
from core.overrides import own_strategies, own_values, with_own
from core.simulate import Simulation, Window, simulate
from schemas.base import Value
from schemas.records import to_records
from schemas.strategy import Strategy, strategy_from, value_at
from tests.strategies import EASY, random_market, random_strategy, seeds

EQUITY_USD = 1e9
AMPLE: Mapping[str, Value] = {
    **EASY,
    "engine.lookback_bars": 40,
    "trade.enable_pyramiding": False,  # its average prices would depend on the equity
    "trade.enable_dynamic_sizing": False,
    "trade.allocation_frac": 0.001,
    "trade.open_positions_max_count": 50,
    "trade.entries_per_bar_max_count": 50,
    "trade.total_margin_max_frac": 1.0,
}
"""Many small positions, none of which takes another's place."""


def rounds(run: Simulation, block_symbols: tuple[str, ...]) -> dict[str, list[tuple[object, ...]]]:
    """Symbol -> (side, times, prices, reason) of its trades; sizes depend on the equity."""
    names = ("side", "entry_ts_ms", "exit_ts_ms", "entry_px", "exit_px", "reason")
    out: dict[str, list[tuple[object, ...]]] = {symbol: [] for symbol in block_symbols}
    for trade in run.trades:
        out[block_symbols[int(trade["symbol"])]].append(tuple(trade[name].item() for name in names))
    return out


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_values_of_a_symbol_change_its_trades_alone(seed: int) -> None:
    block = random_market(seed)
    strategy = strategy_from(AMPLE)
    own = strategy_from({**AMPLE, "trade.stop_loss_atr": 0.7, "trade.take_profit_atr": 1.5})
    counted = rounds(simulate(block, strategy, initial_equity_usd=EQUITY_USD), block.symbols)
    symbol = max(block.symbols, key=lambda each: len(counted[each]))

    run = simulate(block, strategy, symbols={symbol: own}, initial_equity_usd=EQUITY_USD)
    found = rounds(run, block.symbols)
    alone = rounds(simulate(block, own, initial_equity_usd=EQUITY_USD), block.symbols)

    assert found[symbol] != counted[symbol]
    assert found[symbol] == alone[symbol]
    assert {s: each for s, each in found.items() if s != symbol} == {
        s: each for s, each in counted.items() if s != symbol
    }
    assert any(each for s, each in found.items() if s != symbol)


def test_a_symbol_that_the_block_lacks_changes_nothing() -> None:
    block = random_market(2)
    strategy = strategy_from(AMPLE)
    own = {"NONE": strategy_from({**AMPLE, "trade.stop_loss_atr": 0.7})}

    with_it = simulate(block, strategy, symbols=own)

    assert with_it.stats.tobytes() == simulate(block, strategy).stats.tobytes()


@settings(max_examples=6, deadline=None)
@given(seed=seeds)
def test_a_row_with_own_values_equals_its_replay_bit_for_bit(seed: int) -> None:
    block = with_universe(random_market(seed), 50, 60)
    rows = [random_strategy(seed + nth) for nth in range(4)]
    chosen = sorted(np.random.default_rng(seed).choice(block.symbols, 2, replace=False).tolist())
    own: dict[str, dict[str, Value]] = {
        chosen[0]: {"trade.stop_loss_atr": 0.9, "thresholds.entry.min_adx": 10.0},
        chosen[1]: {"trade.leverage_high": 2.0, "indicators.adx_window_bars": 9},
    }

    run = run_grid(
        block,
        with_own(to_records(rows), own, at="a test"),
        window=Window(),
        initial_equity_usd=1e4,
        own=tuple(own),
        threads=2,
    )

    assert run.done.all()
    for stats, row in zip(run.stats, rows, strict=True):
        alone = simulate(block, row, symbols=own_strategies(row, own), initial_equity_usd=1e4)
        assert stats.tobytes() == alone.stats.tobytes()


def test_own_values_are_what_differs_and_is_not_varied() -> None:
    base = Strategy()
    symbols = {
        "SOL": strategy_from({"trade.stop_loss_atr": 0.7, "trade.take_profit_atr": 9.0}),
        "ETH": base,
    }

    found = own_values(base, symbols, {"trade.take_profit_atr"})

    assert list(found) == ["ETH", "SOL"]
    assert found == {"ETH": {}, "SOL": {"trade.stop_loss_atr": 0.7}}


def test_a_copy_of_each_row_takes_the_values_of_its_symbol() -> None:
    rows = to_records([strategy_from({"trade.take_profit_atr": tp}) for tp in (5.0, 6.0)])

    out = with_own(rows, {"ETH": {}, "SOL": {"trade.stop_loss_atr": 0.7}}, at="a test")

    assert out.shape == (2, 3)
    assert out["take_profit_atr"].tolist() == [[5.0] * 3, [6.0] * 3]
    base = value_at(Strategy(), "trade.stop_loss_atr")
    assert out["stop_loss_atr"].tolist() == [[base, base, 0.7]] * 2


def test_a_choice_stands_as_its_code() -> None:
    choice = {"trade.exit_trigger": "intrabar"}

    out = with_own(to_records([Strategy()]), {"SOL": dict(choice)}, at="a test")

    assert out[0, 1].tobytes() == to_records([strategy_from(choice)])[0].tobytes()


def test_values_that_contradict_a_row_are_refused() -> None:
    fast, slow = "indicators.ema_fast_window_bars", "indicators.ema_slow_window_bars"
    rows = to_records([strategy_from({fast: 5, slow: bars}) for bars in (60, 20)])

    with_own(rows, {"SOL": {fast: 19}}, at="sweep.yaml: axes")
    with pytest.raises(InputError) as caught:
        with_own(rows, {"SOL": {fast: 20}}, at="sweep.yaml: axes")

    text = str(caught.value)
    assert f"{fast} and {slow} of SOL contradict each other in some rows" in text
    assert caught.value.at == "sweep.yaml: axes"
