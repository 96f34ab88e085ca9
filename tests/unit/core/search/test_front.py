"""The front: exactly the rows that no other row beats."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.search.front import non_dominated

FIGURES = st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, float("nan"), float("inf")])


@given(rows=st.lists(st.tuples(FIGURES, FIGURES, FIGURES), max_size=40))
def test_the_front_is_what_comparing_all_pairs_gives(rows: list[tuple[float, ...]]) -> None:
    table = np.array(rows, np.float64).reshape(-1, 3)
    good = table * [1.0, -1.0, 1.0]
    finite = np.isfinite(good).all(axis=1)
    expected = [
        bool(finite[k])
        and not any(
            finite[j] and (good[j] >= good[k]).all() and (good[j] > good[k]).any()
            for j in range(len(good))
        )
        for k in range(len(good))
    ]

    assert non_dominated(*table.T).tolist() == expected


def test_continuous_figures_are_compared_as_all_pairs_are() -> None:
    table = np.random.default_rng(1).normal(size=(700, 3))
    good = table * [1.0, -1.0, 1.0]
    beaten = (good[None] >= good[:, None]).all(axis=2).sum(axis=1) > 1

    assert (non_dominated(*table.T) == ~beaten).all()


def test_no_rows_have_no_front() -> None:
    assert non_dominated(np.zeros(0), np.zeros(0), np.zeros(0)).tolist() == []
