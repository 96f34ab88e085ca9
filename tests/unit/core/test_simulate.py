"""One strategy over one block: windows, tradable symbols, draining of trades, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.market.bars import HOUR_MS
from core.simulate import Window, simulate
from kernel import codes
from schemas.base import Value
from schemas.strategy import Strategy
from tests.strategies import START_MS, random_market, random_strategy, seeds

places = st.floats(0.0, 1.0, exclude_max=True)


@given(seeds)
def test_trades_are_the_same_however_often_they_are_drained(seed: int) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    whole = simulate(block, strategy)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.simulate.TRADE_ROWS", 1)
        drained = simulate(block, strategy)
    silent = simulate(block, strategy, record_trades=False)

    assert drained.trades.tobytes() == whole.trades.tobytes()
    assert drained.equity_usd.tobytes() == whole.equity_usd.tobytes()
    assert len(silent.trades) == 0
    assert silent.stats.tobytes() == drained.stats.tobytes() == whole.stats.tobytes()


@given(seeds, places)
def test_bars_before_the_start_warm_up_and_nothing_else(seed: int, place: float) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    row = int(place * len(block.ts_open_ms))
    start_ms = int(block.ts_open_ms[row])

    whole = simulate(block, strategy)
    part = simulate(block, strategy, window=Window(start_ms=start_ms))

    assert part.bank.values.tobytes() == whole.bank.values.tobytes()
    assert part.state.marks["bar_count"].tolist() == whole.state.marks["bar_count"].tolist()
    assert part.ts_close_ms[0] == start_ms + HOUR_MS
    instants = whole.ts_close_ms[whole.ts_close_ms >= start_ms + HOUR_MS]
    assert part.ts_close_ms.tobytes() == instants.tobytes()
    assert (part.trades["entry_ts_ms"] > start_ms).all()
    assert part.counters["checks"] <= whole.counters["checks"]


@given(seeds)
def test_symbols_that_are_context_only_never_trade_and_are_still_seen(seed: int) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    allowed = block.symbols[-1]

    run = simulate(block, strategy, tradable=[allowed])

    assert {run.symbols[k] for k in run.trades["symbol"]} <= {allowed}
    whole = simulate(block, strategy)
    assert run.bank.values.tobytes() == whole.bank.values.tobytes()
    assert run.state.marks["bar_count"].tolist() == whole.state.marks["bar_count"].tolist()


@pytest.mark.parametrize(
    "window",
    [
        Window(start_ms=START_MS + 10_000 * HOUR_MS),
        Window(end_ms=START_MS),
        Window(start_ms=START_MS + 20 * HOUR_MS, end_ms=START_MS + 20 * HOUR_MS),
    ],
)
def test_a_window_without_bars_is_refused(window: Window) -> None:
    with pytest.raises(InputError, match="no bars inside the window"):
        simulate(random_market(1), Strategy(), window=window)


def test_a_window_holds_the_bars_that_open_and_close_in_it() -> None:
    block = random_market(1)
    window = Window(start_ms=START_MS + 3 * HOUR_MS, end_ms=START_MS + 9 * HOUR_MS + 1)

    run = simulate(block, Strategy(), window=window)

    closes = run.ts_close_ms
    assert closes[0] == START_MS + 4 * HOUR_MS
    assert closes[-1] == START_MS + 9 * HOUR_MS


def test_the_initial_equity_scales_the_sizes() -> None:
    count = 0
    for seed in range(10):
        block = replace(random_market(seed), metadata=())  # no lots, no tiers
        fixed: dict[str, Value] = {"trade.fee_schedule": "fixed"}
        strategy = random_strategy(seed, fixed)
        small = simulate(block, strategy, initial_equity_usd=1_000_000.0).trades
        large = simulate(block, strategy, initial_equity_usd=2_000_000.0).trades
        assert len(large) == len(small)
        np.testing.assert_allclose(large["size"], 2.0 * small["size"], rtol=1e-9)
        count += len(small)

    assert count > 100


def test_only_closes_at_the_end_are_named_so() -> None:
    for seed in range(20):
        run = simulate(random_market(seed), random_strategy(seed))
        forced = run.trades[run.trades["reason"] == codes.REASON_END_OF_DATA]
        assert set(forced["exit_ts_ms"].tolist()) <= {int(run.ts_close_ms[-1])}


def test_a_position_of_a_symbol_that_has_ended_meanwhile_is_closed_at_its_last_close() -> None:
    """A state from the very bar that turns out to be a symbol's last must not hold it for ever."""
    seen = 0
    for seed in range(40):
        block, strategy = random_market(seed), random_strategy(seed)
        ended = np.flatnonzero(block.last_bar_index < len(block.ts_open_ms) - 1)
        for column in ended:
            last = int(block.last_bar_index[column])
            cut = block.cut(int(block.ts_open_ms[last]) + HOUR_MS)
            unaware = replace(cut, last_bar_index=np.full(len(cut.symbols), last + 1))
            state = simulate(unaware, strategy).state
            if state.positions[column]["side"] == codes.FLAT:
                continue
            resumed = simulate(block, strategy, state=state)
            mine = resumed.trades[resumed.trades["symbol"] == column]
            assert mine["reason"].tolist() == [codes.REASON_DELISTED]
            assert mine["exit_ts_ms"][0] == block.ts_open_ms[last + 1] + HOUR_MS
            seen += 1
    assert seen > 0
