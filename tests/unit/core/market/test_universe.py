"""Who may be entered: ranks with hysteresis at each midnight, from what had closed by then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.bars import DAY_MS, HOUR_MS, BarBlock, Rows, block_from_rows
from core.market.metadata import MarginTier, SymbolMetadata
from core.market.universe import membership, ranks, with_universe
from tests.strategies import START_MS, random_market, seeds

TIERS = (MarginTier(0.0, 20.0),)


def traded(days: dict[str, list[float]]) -> BarBlock:
    """Hourly bars at a price of 1, whose volume is that of each symbol's day."""
    symbols = tuple(sorted(days))
    hours = 24 * len(days[symbols[0]])
    count = len(symbols)
    values = np.ones((count * hours, 5))
    values[:, 4] = np.concatenate([np.repeat(days[symbol], 24) for symbol in symbols])
    rows = Rows(
        symbols,
        np.repeat(np.arange(count), hours),
        np.tile(START_MS + HOUR_MS * np.arange(hours), count),
        values,
    )
    return block_from_rows(rows, "1h", synthetic=True)


def test_members_enter_in_the_top_and_leave_behind_the_keep_rank() -> None:
    # Day by day; each midnight ranks the day before.  C falls to rank 2, then to rank 3.
    block = traded({"A": [9, 9, 9, 9], "B": [1, 5, 8, 8], "C": [5, 4, 1, 1], "D": [2, 2, 2, 2]})

    member = membership(block, 2, 3)

    assert member[:24].all()
    assert member[24].tolist() == [True, False, True, False]
    assert member[48].tolist() == [True, True, True, False]
    assert member[72].tolist() == [True, True, False, False]
    assert (member[24:48] == member[24]).all()


def test_equal_notionals_rank_in_the_order_of_symbols() -> None:
    assert ranks(np.array([3.0, 5.0, 5.0, 0.0])).tolist() == [2, 0, 1, 3]


def test_a_symbol_is_a_member_only_while_it_is_listed() -> None:
    block = traded({"A": [9, 9, 9], "B": [8, 8, 8]})
    day = [START_MS + DAY_MS * k for k in range(3)]
    rules = (
        SymbolMetadata("A", 0, 20.0, TIERS, listed_ms=day[1]),
        SymbolMetadata("B", 0, 20.0, TIERS, delisted_ms=day[2]),
    )

    member = with_universe(replace(block, metadata=rules), 0, 60).member

    assert member is not None
    assert member[[0, 30, 60]].tolist() == [[False, True], [True, True], [True, False]]
    assert with_universe(block, 50, 60).member is None


@settings(max_examples=25)
@given(seeds, st.integers(1, 3), st.floats(0.2, 0.9))
def test_membership_knows_nothing_of_later_bars(seed: int, top: int, place: float) -> None:
    block = random_market(seed)
    rows = max(int(place * len(block.ts_open_ms)), 1)
    end_ms = int(block.ts_open_ms[rows - 1]) + block.interval_ms

    whole, part = membership(block, top, top + 1), membership(block.cut(end_ms), top, top + 1)

    assert part.tobytes() == whole[:rows].tobytes()
