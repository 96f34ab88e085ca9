"""A run cut in two with its state exported between equals the whole run, bit for bit."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.artifacts.hashing import canonical_json
from core.errors import InputError
from core.market.bars import BarBlock
from core.market.funding import HourlyFunding
from core.simulate import Simulation, State, simulate
from core.state_file import body_of, state_of
from kernel import codes
from schemas.state import RunState
from tests.strategies import random_market, random_strategy, seeds

places = st.floats(0.0, 1.0, exclude_max=True)


def through_a_file(state: State) -> State:
    """The state as text and back, as an artifact holds it."""
    text = canonical_json(body_of(state, "0" * 64, "1h").model_dump(mode="json"))
    return state_of(RunState.model_validate(json.loads(text)))


def known_then(block: BarBlock, rows: int) -> BarBlock:
    """The block as it was after its first `rows` rows; symbols not yet listed are not in it."""
    cut = block.cut(int(block.ts_open_ms[rows - 1]) + block.interval_ms)
    listed = tuple(np.flatnonzero(cut.present.any(axis=0)).tolist())
    return with_symbols(cut, listed)


def with_symbols(block: BarBlock, columns: tuple[int, ...]) -> BarBlock:
    """The block with these columns alone."""
    chosen = list(columns)
    names: tuple[str, ...] = ("open_px", "high_px", "low_px", "close_px", "volume", "present")
    if block.funding_rate_1h is not None:
        names = (*names, "funding_rate_1h")
    finer = {
        name: None if bars is None else with_symbols(bars, columns)
        for name, bars in (("exit_bars", block.exit_bars), ("entry_bars", block.entry_bars))
    }
    due = block.funding
    return replace(
        block,
        symbols=tuple(block.symbols[k] for k in chosen),
        last_bar_index=block.last_bar_index[chosen],
        metadata=tuple(block.metadata[k] for k in chosen) if block.metadata else (),
        funding=None
        if due is None
        else HourlyFunding(due.ts_ms, due.rate[:, chosen], due.oracle_px[:, chosen]),
        **finer,
        **{name: np.ascontiguousarray(getattr(block, name)[:, chosen]) for name in names},
    )


def named_trades(run: Simulation, *, forced: bool) -> list[tuple[str, bytes]]:
    """Symbol and the other bytes of each row; forced closes at the end only if wanted."""
    out = []
    for row in run.trades.copy():
        symbol = run.symbols[row["symbol"]]
        row["symbol"] = 0
        if forced or row["reason"] != codes.REASON_END_OF_DATA:
            out.append((symbol, row.tobytes()))
    return out


@given(seeds, places)
def test_a_run_cut_in_two_equals_the_whole_run(seed: int, place: float) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    rows = 1 + int(place * (len(block.ts_open_ms) - 1))
    rows = min(rows, len(block.ts_open_ms) - 1)

    whole = simulate(block, strategy)
    first = simulate(known_then(block, rows), strategy)
    second = simulate(block, strategy, state=through_a_file(first.state))

    count = len(first.equity_usd)
    assert second.equity_usd.tobytes() == whole.equity_usd[count:].tobytes()
    assert first.equity_usd[:-1].tobytes() == whole.equity_usd[: count - 1].tobytes()
    parts = named_trades(first, forced=False) + named_trades(second, forced=True)
    assert parts == named_trades(whole, forced=True)
    assert_same_state(second.state, whole.state)
    counts = {name: first.counters[name] + second.counters[name] for name in first.counters}
    assert counts == whole.counters


def assert_same_state(ours: State, theirs: State) -> None:
    """Equal but for the totals, which belong to one run each."""
    assert (ours.ts_ms, ours.symbols) == (theirs.ts_ms, theirs.symbols)
    assert ours.account["cash_usd"] == theirs.account["cash_usd"]
    assert ours.account["position_seq"] == theirs.account["position_seq"]
    held = theirs.positions["side"] != codes.FLAT
    assert (ours.positions["side"] == theirs.positions["side"]).all()
    assert ours.positions[held].tobytes() == theirs.positions[held].tobytes()
    assert ours.marks.tobytes() == theirs.marks.tobytes()
    for series, memory in theirs.series.items():
        assert ours.series[series].memory.tobytes() == memory.memory.tobytes()
        assert ours.series[series].last.tobytes() == memory.last.tobytes()


def test_the_cuts_are_crossed_by_positions_and_followed_by_listings() -> None:
    crossed, listed = 0, 0
    for seed in range(60):
        block = random_market(seed)
        before = known_then(block, len(block.ts_open_ms) // 3)
        state = simulate(before, random_strategy(seed)).state
        crossed += bool((state.positions["side"] != codes.FLAT).any())
        listed += len(before.symbols) < len(block.symbols)

    assert crossed >= 10
    assert listed >= 10


@given(seeds)
def test_an_opening_mark_is_the_equity_at_the_cut(seed: int) -> None:
    block, strategy = random_market(seed), random_strategy(seed)
    rows = len(block.ts_open_ms) // 2

    first = simulate(known_then(block, rows), strategy)
    second = simulate(block, strategy, state=through_a_file(first.state))

    whole = simulate(block, strategy)
    assert second.equity_start_usd == pytest.approx(whole.equity_usd[len(first.equity_usd) - 1])


def test_an_open_position_without_bars_is_refused_by_name() -> None:
    held = (
        (block, strategy, run)
        for seed in range(100)
        for block, strategy in [(random_market(seed), random_strategy(seed))]
        for run in [simulate(known_then(block, 150), strategy)]
        if (run.state.positions["side"] != codes.FLAT).any()
    )
    block, strategy, run = next(held)
    state = run.state
    k = int(np.flatnonzero(state.positions["side"] != codes.FLAT)[0])
    renamed = replace(
        state, symbols=tuple("GONE" if i == k else name for i, name in enumerate(state.symbols))
    )

    with pytest.raises(InputError, match="open position in GONE"):
        simulate(block, strategy, state=renamed)
