"""Densities over levels: a probability, smooth along values, and the best of several draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.search.densities import best_of, density
from core.search.space import SpaceAxis


def ordered(count: int, order: list[int] | None = None) -> SpaceAxis:
    return SpaceAxis("x", count, np.array(order or range(count)), count)


@given(weights=st.lists(st.floats(0.0, 50.0), min_size=1, max_size=60), is_word=st.booleans())
def test_a_density_is_a_probability_and_never_0(weights: list[float], is_word: bool) -> None:
    count = len(weights)
    axis = SpaceAxis("x", count, None, count) if is_word else ordered(count)

    found = density(axis, np.array(weights))

    assert found.sum() == pytest.approx(1.0)
    assert (found > 0.0).all()


def test_without_points_every_level_is_as_likely() -> None:
    assert density(ordered(4), np.zeros(4)).tolist() == [0.25] * 4


def test_words_have_no_neighbours() -> None:
    found = density(SpaceAxis("x", 4, None, 4), np.array([0.0, 3.0, 0.0, 0.0]))

    assert found.tolist() == [0.0625, 0.8125, 0.0625, 0.0625]


def test_neighbours_are_those_by_value_not_by_place() -> None:
    # Values 3, 1, 2: the levels by rising value are 1, 2, 0.
    found = density(ordered(3, [1, 2, 0]), np.array([9.0, 0.0, 0.0]))

    assert found[0] > found[2] > found[1]


def test_a_bell_falls_on_both_sides_and_is_whole_at_the_edge() -> None:
    inner, edge = np.zeros(41), np.zeros(41)
    inner[[18, 20, 22]], edge[[0, 2, 4]] = 1.0, 1.0

    middle, at_edge = (density(ordered(41), each) for each in (inner, edge))

    assert middle.argmax() == 20
    assert np.allclose(middle, middle[::-1])
    assert (np.diff(middle[:21]) >= 0.0).all()
    assert at_edge.sum() == pytest.approx(1.0)


def test_a_long_axis_is_smoothed_as_a_short_one_is() -> None:
    weights = np.zeros(3_000)
    weights[[100, 700, 1_500, 2_900]] = [1.0, 4.0, 2.0, 3.0]
    places = np.arange(3_000)
    mean = (weights * places).sum() / 10.0
    width = np.sqrt((weights * (places - mean) ** 2).sum() / 10.0) * 10.0**-0.2
    bells = np.exp(-0.5 * ((places[:, None] - places) / width) ** 2)
    expected = (1.0 / 3_000 + (weights / bells.sum(axis=0)) @ bells) / 11.0

    assert np.allclose(density(ordered(3_000), weights), expected, rtol=1e-3)


@pytest.mark.parametrize("draws", [1, 2, 5])
def test_the_best_of_draws_is_distributed_as_the_best_of_drawn_levels(draws: int) -> None:
    chance = np.random.default_rng(3)
    good, other = chance.dirichlet(np.ones(6), 2)
    count = 200_000

    found = best_of(good, other, draws, chance.random(count))

    drawn = chance.choice(6, (count, draws), p=good)
    best = drawn[np.arange(count), (good / other)[drawn].argmax(axis=1)]
    expected = np.bincount(best, minlength=6) / count
    assert np.abs(np.bincount(found, minlength=6) / count - expected).max() < 0.006
