"""No decision knows the future: what is cut off or changed later alters nothing before it.

A symbol's last bar is known to a block from the whole store, as a delisting is known from its
announcement, so a cut keeps it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.artifacts.hashing import canonical_json
from core.market.bars import BarBlock
from core.simulate import Simulation, State, Window, simulate
from core.state_file import body_of
from kernel import codes
from tests.strategies import random_market, random_strategy, seeds

places = st.floats(0.0, 1.0, exclude_max=True)


def row_at(block: BarBlock, place: float) -> int:
    """A row from 1 up to the last one, by its place between them."""
    return 1 + int(place * (len(block.ts_open_ms) - 1))


def past_trades(run: Simulation, end_ms: int) -> bytes:
    """Rows closed at or before `end_ms` by a rule; the forced closes at the end are none."""
    trades = run.trades
    by_rule = trades["reason"] != codes.REASON_END_OF_DATA
    return trades[by_rule & (trades["exit_ts_ms"] <= end_ms)].tobytes()


def state_text(state: State) -> bytes:
    """Everything a state holds, as text."""
    return canonical_json(body_of(state, "0" * 64, "1h").model_dump(mode="json"))


def assert_equal_past(whole: Simulation, other: Simulation, rows: int, end_ms: int) -> int:
    """Both runs decided all up to `end_ms`, the close of row `rows`, alike; how many instants.

    The last of them may be marked otherwise.
    """
    count = int(np.searchsorted(whole.ts_close_ms, end_ms, side="right"))
    assert past_trades(other, end_ms) == past_trades(whole, end_ms)
    assert other.equity_usd[: count - 1].tobytes() == whole.equity_usd[: count - 1].tobytes()
    ours, theirs = other.bank.values[:, : rows + 1], whole.bank.values[:, : rows + 1]
    assert ours.tobytes() == theirs.tobytes()
    return count


@given(seeds, places)
def test_data_cut_at_any_bar_leaves_the_past_as_it_was(seed: int, place: float) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    rows = row_at(block, place)
    end_ms = int(block.ts_open_ms[rows - 1]) + block.interval_ms

    part = simulate(block.cut(end_ms), strategy)

    assert int(part.ts_close_ms[-1]) == end_ms
    count = assert_equal_past(simulate(block, strategy), part, rows, end_ms)
    assert len(part.equity_usd) == count


@given(seeds, places)
def test_a_window_that_ends_early_is_a_cut(seed: int, place: float) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    end_ms = int(block.ts_open_ms[row_at(block, place) - 1]) + block.interval_ms

    cut = simulate(block.cut(end_ms), strategy)
    window = simulate(block, strategy, window=Window(end_ms=end_ms))

    assert window.trades.tobytes() == cut.trades.tobytes()
    assert window.equity_usd.tobytes() == cut.equity_usd.tobytes()
    assert window.counters == cut.counters
    assert state_text(window.state) == state_text(cut.state)


@given(seeds, places)
def test_changed_bars_of_the_future_change_nothing_before_them(seed: int, place: float) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    rows = row_at(block, place)
    end_ms = int(block.ts_open_ms[rows - 1]) + block.interval_ms
    other = changed_after(block, end_ms, np.random.default_rng([seed, 3]))

    whole, changed = simulate(block, strategy), simulate(other, strategy)

    count = assert_equal_past(whole, changed, rows, end_ms)
    if count < min(len(whole.equity_usd), len(changed.equity_usd)):
        assert changed.equity_usd[count - 1] == whole.equity_usd[count - 1]


def changed_after(block: BarBlock, end_ms: int, rng: np.random.Generator) -> BarBlock:
    """The block with other prices, volumes and rates after `end_ms`, and other holes."""
    later = block.ts_open_ms + block.interval_ms > end_ms
    factor = np.ones(block.close_px.shape)
    factor[later] = rng.uniform(0.5, 2.0, factor[later].shape)
    turned = np.where(factor == 1.0, 1.0, -factor)
    present = block.present.copy()
    present[later] &= rng.random(present[later].shape) < 0.9
    finer = {
        name: None if bars is None else changed_after(bars, end_ms, rng)
        for name, bars in (("exit_bars", block.exit_bars), ("entry_bars", block.entry_bars))
    }
    due = block.funding
    if due is not None:
        sign = np.where(due.ts_ms > end_ms, -3.0, 1.0)[:, None]
        due = replace(due, rate=due.rate * sign, oracle_px=due.oracle_px * abs(sign))
    return replace(
        block,
        open_px=block.open_px * factor,
        high_px=block.high_px * factor,
        low_px=block.low_px * factor,
        close_px=block.close_px * factor,
        volume=block.volume * factor,
        present=present,
        funding_rate_1h=None if block.funding_rate_1h is None else block.funding_rate_1h * turned,
        funding=due,
        **finer,
    )


def test_the_random_runs_hold_positions_where_they_are_cut() -> None:
    held = 0
    for seed in range(60):
        block = random_market(seed)
        end_ms = int(block.ts_open_ms[row_at(block, 0.5)])
        part = simulate(block.cut(end_ms), random_strategy(seed))
        held += bool((part.state.positions["side"] != codes.FLAT).any())

    assert held >= 12
