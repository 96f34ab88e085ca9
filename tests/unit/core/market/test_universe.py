"""Who is a member at a bar: ranks, the band between top and keep, listings, no look ahead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.bars import DAY_MS, HOUR_MS, BarBlock
from core.market.metadata import MarginTier, SymbolMetadata
from core.market.universe import listed, membership, ranks, with_universe
from tests.scene import START_MS, Scene
from tests.strategies import random_market, seeds

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
DAY_BARS = 24
TIERS = (MarginTier(0.0, 20.0),)
MIDNIGHT_MS = START_MS - START_MS % DAY_MS


def days_of(*volumes: tuple[float, float, float, float]) -> BarBlock:
    """Hourly bars at a price of 100 from a midnight on; one row of volumes for each day."""
    scene = Scene(DAY_BARS * len(volumes), SYMBOLS)
    scene.volume = np.repeat(np.array(volumes), DAY_BARS, axis=0)
    block = scene.block()
    assert block.ts_open_ms[0] % DAY_MS == 0
    return block


def by_day(block: BarBlock, top_count: int, keep_count: int) -> list[str]:
    """Initials of the members of each day, which do not change within it."""
    member = membership(block, top_count, keep_count).reshape(-1, DAY_BARS, len(SYMBOLS))
    assert (member == member[:, :1]).all()
    initials = np.array([symbol[0] for symbol in SYMBOLS])
    return ["".join(initials[day[0]]) for day in member]


def rules(symbol: str, listed_ms: int | None, delisted_ms: int | None) -> SymbolMetadata:
    return SymbolMetadata(symbol, 2, 20.0, TIERS, listed_ms, delisted_ms)


def test_the_largest_is_first_and_equal_ones_stand_in_the_order_of_symbols() -> None:
    assert ranks(np.array([5.0, 9.0, 5.0, 7.0])).tolist() == [2, 0, 3, 1]
    assert ranks(np.zeros(3)).tolist() == [0, 1, 2]


def test_a_symbol_enters_within_the_top_and_stays_to_the_keep_rank() -> None:
    block = days_of(
        (40, 30, 20, 10),  # A and B lead
        (40, 20, 30, 10),  # B is third, which keeps it; C enters
        (40, 10, 30, 20),  # B is fourth and leaves; D is third, which lets nobody in
        (1, 1, 1, 1),
    )

    assert by_day(block, 2, 3) == ["ABCD", "AB", "ABC", "AC"]
    assert by_day(block, 2, 2) == ["ABCD", "AB", "AC", "AC"]


def test_the_first_of_equals_are_members() -> None:
    block = days_of((5, 7, 5, 5), (1, 1, 1, 1))

    assert by_day(block, 2, 2) == ["ABCD", "AB"]


def test_before_the_first_midnight_all_are_members() -> None:
    block = days_of((40, 30, 20, 10), (40, 30, 20, 10)).rows(5, 2 * DAY_BARS)

    member = membership(block, 2, 2)

    first_day = DAY_BARS - 5
    assert member[:first_day].all()
    assert (member[first_day:] == [True, True, False, False]).all()


def test_only_the_last_24_hours_count() -> None:
    block = days_of((900, 1, 1, 1), (1, 20, 30, 1), (1, 1, 1, 1))

    assert by_day(block, 2, 2)[2] == "BC"


def test_one_without_a_trade_is_no_member() -> None:
    block = days_of((40, 0, 0, 0), (1, 1, 1, 1))

    assert by_day(block, 3, 3)[1] == "A"


def test_an_absent_bar_adds_nothing() -> None:
    block = days_of((10, 9, 8, 7), (1, 1, 1, 1))
    present = block.present.copy()
    present[:12, 0] = False

    assert by_day(replace(block, present=present), 2, 2)[1] == "BC"


def test_a_symbol_is_listed_from_its_listing_until_its_delisting() -> None:
    block = replace(
        days_of((1, 1, 1, 1)),
        metadata=(rules("AAA", 100, 200), rules("BBB", None, 200), rules("CCC", 100, None), None),
    )

    found = {at_ms: listed(block, at_ms).tolist() for at_ms in (99, 100, 199, 200)}

    assert found == {
        99: [False, True, False, True],
        100: [True, True, True, True],
        199: [True, True, True, True],
        200: [False, False, True, True],
    }


def test_a_late_listing_and_a_delisting_move_the_ranks() -> None:
    late_ms, end_ms = MIDNIGHT_MS + 2 * DAY_MS, MIDNIGHT_MS + 3 * DAY_MS
    block = replace(
        days_of(*[(40, 30, 20, 10)] * 4),
        metadata=(rules("AAA", late_ms, None), rules("BBB", None, end_ms), None, None),
    )

    # A, listed at the second midnight, and B, gone at the third, give their places to others.
    assert by_day(block, 2, 2) == ["ABCD", "BC", "AB", "AC"]


def test_without_a_top_all_are_members_while_they_are_listed() -> None:
    late_ms = MIDNIGHT_MS + DAY_MS
    block = days_of((1, 1, 1, 1), (1, 1, 1, 1))
    late = replace(block, metadata=(rules("AAA", late_ms, None), None, None, None))

    member = with_universe(late, 0, 0).member

    assert with_universe(replace(block, metadata=()), 0, 0).member is None
    assert member is not None
    assert member[:, 1:].all()
    assert member[:, 0].tolist() == (late.ts_open_ms + HOUR_MS >= late_ms).tolist()


@settings(max_examples=25, deadline=None)
@given(seed=seeds, share=st.floats(0.1, 0.95), top=st.integers(1, 3), more=st.integers(0, 1))
def test_members_at_a_bar_do_not_depend_on_later_bars(
    seed: int, share: float, top: int, more: int
) -> None:
    block = random_market(seed)
    count = max(int(share * len(block.ts_open_ms)), 1)

    whole = membership(block, top, top + more)

    assert (membership(block.rows(0, count), top, top + more) == whole[:count]).all()
