"""An objective over its axes: levels, cells, and the rows that stand for all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.landscape import (
    BINS_MAX,
    LEVELS_MAX,
    NOT_ACTING,
    CodedAxis,
    best_and_spread,
    bin_count,
    cells_of,
    code_numbers,
    spread_rows,
)


def coded(*codes: int, levels: int) -> CodedAxis:
    labels = tuple(f"v{k}" for k in range(levels))
    return CodedAxis("a", np.array(codes, np.uint16), labels)


def test_few_numbers_have_a_level_each_by_size_and_a_missing_one_the_last() -> None:
    axis = code_numbers("a", np.array([2.5, np.nan, -1.0, 2.5, 10.0]))

    assert axis.labels == ("-1", "2.5", "10", NOT_ACTING)
    assert axis.codes.tolist() == [1, 3, 0, 1, 2]
    assert not axis.is_binned


def test_an_axis_without_any_number_has_one_level() -> None:
    axis = code_numbers("a", np.array([np.nan, np.nan]))

    assert axis.labels == (NOT_ACTING,)
    assert axis.codes.tolist() == [0, 0]


def test_a_number_that_only_the_last_row_has_keeps_its_level() -> None:
    values = np.zeros(20_000)
    values[-1], values[-2] = 7.0, -7.0

    axis = code_numbers("a", values)

    assert axis.labels == ("-7", "0", "7")
    assert axis.codes[-2:].tolist() == [0, 2]


@pytest.mark.parametrize("rows", [100, 1_000, 100_000])
def test_many_numbers_are_joined_into_bins_of_about_equally_many_rows(rows: int) -> None:
    values = np.random.default_rng(5).lognormal(0.0, 2.0, rows)

    axis = code_numbers("a", values)

    bins = bin_count(rows)
    counts = np.bincount(axis.codes, minlength=len(axis.labels))
    assert axis.is_binned
    assert len(axis.labels) == bins
    assert counts == pytest.approx(np.full(bins, rows / bins), rel=0.05, abs=1.0)
    lasts = [values[axis.codes == k].max() for k in range(bins)]
    firsts = [values[axis.codes == k].min() for k in range(bins)]
    assert all(last < first for last, first in zip(lasts, firsts[1:], strict=False))
    assert axis.labels[0] == f"{firsts[0]:.4g} to {lasts[0]:.4g}"


@given(
    st.lists(st.sampled_from([0.0, 1.0, 1.5, -3.0, float("nan"), *map(float, range(40))])),
)
def test_every_row_has_a_level_that_says_its_number(numbers: list[float]) -> None:
    axis = code_numbers("a", np.array(numbers, np.float64))

    assert len(axis.labels) <= max(LEVELS_MAX, BINS_MAX) + 1
    for number, code in zip(numbers, axis.codes.tolist(), strict=True):
        label = axis.labels[code]
        if number != number:
            assert label == NOT_ACTING
        else:
            low, _, high = label.partition(" to ")
            assert float(low) <= number <= float(high or low)


def test_cells_by_hand() -> None:
    first = coded(0, 0, 0, 1, 1, levels=2)
    second = coded(0, 0, 0, 2, 2, levels=3)

    cells = cells_of(first, second, np.array([1.0, 2.0, 9.0, 10.0, 20.0]))

    assert cells.counts.tolist() == [[3, 0, 0], [0, 0, 2]]
    assert np.nan_to_num(cells.median, nan=-1.0).tolist() == [[2.0, -1.0, -1.0], [-1.0, -1.0, 15.0]]
    assert np.nan_to_num(cells.best, nan=-1.0).tolist() == [[9.0, -1.0, -1.0], [-1.0, -1.0, 20.0]]


@pytest.mark.parametrize("levels", [3, 300])
def test_cells_are_the_median_and_the_largest_of_their_rows(levels: int) -> None:
    random = np.random.default_rng(1)
    first = coded(*random.integers(0, levels, 500).tolist(), levels=levels)
    second = coded(*random.integers(0, levels, 500).tolist(), levels=levels)
    values = np.sort(random.normal(size=500))

    cells = cells_of(first, second, values)

    for i, j in zip(first.codes.tolist(), second.codes.tolist(), strict=True):
        inside = values[(first.codes == i) & (second.codes == j)]
        assert cells.counts[i, j] == len(inside)
        assert cells.median[i, j] == pytest.approx(np.median(inside))
        assert cells.best[i, j] == inside.max()
    assert int(cells.counts.sum()) == 500
    assert np.isnan(cells.median[cells.counts == 0]).all()


@given(st.integers(0, 5_000), st.integers(1, 700))
def test_spread_rows_has_one_of_each_stretch(count: int, wanted: int) -> None:
    rows = spread_rows(count, wanted)

    assert len(rows) == min(count, wanted)
    assert len(set(rows.tolist())) == len(rows)
    if wanted < count:
        assert (rows * wanted // count).tolist() == pytest.approx(list(range(wanted)), abs=1)
    assert rows.tolist() == sorted(spread_rows(count, wanted).tolist())


def test_spread_rows_meets_every_level_of_an_axis_that_repeats() -> None:
    rows = spread_rows(1_000_000, 200_000)

    shares = np.bincount(rows % 5) / len(rows)

    assert shares == pytest.approx(np.full(5, 0.2), abs=0.01)


def test_the_best_are_drawn_all_and_the_others_evenly() -> None:
    rows = best_and_spread(10_000, 500, 1_500)

    assert len(rows) == 2_000
    assert rows[-500:].tolist() == list(range(9_500, 10_000))
    assert np.diff(rows[:1_500]).max() <= 2 * (9_500 // 1_500 + 1)
    assert best_and_spread(2_000, 500, 1_500).tolist() == list(range(2_000))
