"""Stretches of time behave as sets of instants."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from core.market.spans import Stretch, union, without

STRETCHES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=6)


def instants(stretches: list[Stretch]) -> set[int]:
    return {at for begin, end in stretches for at in range(begin, end)}


@given(STRETCHES)
def test_a_union_is_the_same_instants_in_few_stretches(stretches: list[Stretch]) -> None:
    found = union(stretches)

    assert instants(found) == instants(stretches)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(found))


@given(st.tuples(st.integers(0, 40), st.integers(0, 40)), STRETCHES)
def test_what_is_left_is_the_difference(whole: Stretch, taken: list[Stretch]) -> None:
    found = without(whole, taken)

    assert instants(found) == instants([whole]) - instants(taken)
    assert found == union(found)
