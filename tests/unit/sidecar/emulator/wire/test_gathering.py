"""A book in fewer digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.exchange.book import Level
from sidecar.emulator.wire.gathering import check_grid, gathered
from sidecar.emulator.wire.universe import UnknownNameError

LEVELS = st.lists(
    st.tuples(st.integers(1, 10_000_000), st.integers(1, 10**9), st.integers(1, 50)),
    unique_by=lambda level: level[0],
    max_size=60,
)


@pytest.mark.parametrize(
    ("ticks", "digits", "mantissa", "bid", "ask"),
    [
        (648_991, 5, 1, 648_990, 649_000),
        (648_991, 5, 2, 648_980, 649_000),
        (648_991, 5, 5, 648_950, 649_000),
        (648_991, 4, 1, 648_900, 649_000),
        (648_991, 3, 1, 648_000, 649_000),
        (648_991, 2, 1, 640_000, 650_000),
        (648_990, 5, 1, 648_990, 648_990),
        (999_995, 5, 1, 999_990, 1_000_000),
        (123, 5, 1, 123, 123),
    ],
)
def test_bids_are_rounded_down_and_asks_up(
    ticks: int, digits: int, mantissa: int, bid: int, ask: int
) -> None:
    level = [Level(ticks, 7, 2)]

    assert gathered(level, digits, mantissa, is_bid=True) == [Level(bid, 7, 2)]
    assert gathered(level, digits, mantissa, is_bid=False) == [Level(ask, 7, 2)]


@given(LEVELS, st.integers(2, 5), st.booleans())
def test_no_lot_and_no_order_is_lost_and_the_best_stays_first(
    raw: list[tuple[int, int, int]], digits: int, is_bid: bool
) -> None:
    levels = sorted((Level(*one) for one in raw), key=lambda level: level.ticks, reverse=is_bid)

    found = gathered(levels, digits, 1, is_bid=is_bid)

    assert sum(level.lots for level in found) == sum(level.lots for level in levels)
    assert sum(level.n for level in found) == sum(level.n for level in levels)
    prices = [level.ticks for level in found]
    assert prices == sorted(set(prices), reverse=is_bid)


@pytest.mark.parametrize(
    ("digits", "mantissa"), [(1, None), (6, None), (0, None), (5, 3), (4, 5), (None, 2)]
)
def test_other_grids_are_refused(digits: int | None, mantissa: int | None) -> None:
    with pytest.raises(UnknownNameError):
        check_grid(digits, mantissa)


@pytest.mark.parametrize(
    ("digits", "mantissa"), [(None, None), (2, None), (5, None), (5, 1), (5, 2), (5, 5)]
)
def test_the_venue_s_grids_are_taken(digits: int | None, mantissa: int | None) -> None:
    check_grid(digits, mantissa)
