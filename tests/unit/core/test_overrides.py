"""Values of single symbols: they act on their symbol alone, in replays and in sweeps alike."""

from __future__ import annotations

import pytest

from core.errors import InputError
from core.expansion import with_values
from core.grid import run_grid
from core.market.universe import with_universe
from core.overrides import own_strategies, own_values, with_own
from core.simulate import Window, simulate
from schemas.base import Value
from schemas.records import to_records
from schemas.strategy import Strategy
from tests.strategies import random_market, random_strategy

FAST, SLOW = "indicators.ema_fast_window_bars", "indicators.ema_slow_window_bars"
# Nothing that couples symbols through the equity: caps, least orders, lots, liquidation.
AMPLE: dict[str, Value] = {
    "trade.open_positions_max_count": 50,
    "trade.entries_per_bar_max_count": 50,
    "trade.total_margin_max_frac": 1.0,
    "trade.allocation_frac": 0.001,
    "trade.min_notional_usd": 0.0,
    "trade.partial_tp_min_notional_usd": 0.0,
    "trade.enable_liquidation": False,
    "trade.enable_venue_rounding": False,
    "market_regime.enable_auto_reverse": False,
    "market_regime.enable_gate": False,
    "market_regime.enable_regime_filter": False,
}


def test_a_symbols_own_values_leave_the_others_as_they_were() -> None:
    changed = 0
    for seed in range(20):
        block = random_market(seed)
        common = random_strategy(seed, AMPLE)
        own = with_values(common, {"trade.stop_loss_atr": 0.3, FAST: 2, SLOW: 9})

        plain = simulate(block, common)
        mixed = simulate(block, common, symbols={"ETH": own})

        times = []
        for run in (plain, mixed):
            other = [k for k, symbol in enumerate(run.symbols) if symbol != "ETH"]
            rows = run.trades[[symbol in other for symbol in run.trades["symbol"]]]
            times.append([(int(r["symbol"]), int(r["entry_ts_ms"]), int(r["exit_ts_ms"]),
                           int(r["reason"])) for r in rows])  # fmt: skip
        assert times[0] == times[1], seed
        changed += plain.trades.tobytes() != mixed.trades.tobytes()

    assert changed > 3


def test_rows_of_a_sweep_with_own_values_equal_their_replays() -> None:
    for seed in (1, 3, 8, 15):
        block = with_universe(random_market(seed), 50, 60)
        base = random_strategy(seed)
        symbols = {"BTC": with_values(base, {"trade.take_profit_atr": 1.5, FAST: 3, SLOW: 17})}
        varied = ("trade.stop_loss_atr",)
        rows = [with_values(base, {varied[0]: value}) for value in (0.7, 2.0)]
        own = own_values(base, symbols, varied)

        run = run_grid(
            block,
            with_own(to_records(rows), own, at="axes"),
            own=tuple(own),
            window=Window(),
            initial_equity_usd=10_000.0,
        )

        for row, strategy in enumerate(rows):
            alone = simulate(
                block, strategy, symbols=own_strategies(strategy, own), record_trades=False
            )
            assert run.stats[row].tobytes() == alone.stats.tobytes(), (seed, row)


def test_an_axis_stands_above_the_symbols_section() -> None:
    base = Strategy()
    symbols = {"BTC": with_values(base, {"trade.stop_loss_atr": 9.0, FAST: 5})}

    assert own_values(base, symbols, ("trade.stop_loss_atr",)) == {"BTC": {FAST: 5}}


def test_a_row_that_contradicts_a_symbol_is_an_input_error() -> None:
    base = Strategy()
    rows = to_records([with_values(base, {SLOW: 21})])

    with pytest.raises(InputError, match="BTC contradict each other") as caught:
        with_own(rows, {"BTC": {FAST: 30}}, at="sweep.yaml:3")

    assert caught.value.at == "sweep.yaml:3"
