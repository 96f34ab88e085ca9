"""Chance by the place of its words: the same for ever, anywhere, in any order."""

from __future__ import annotations

import numpy as np

from core.market.chance import bells, raw_words, signs, sixteenths, units

WORDS = raw_words(7, 2, 0, 100_000)
WORDS_OF_SEED_7 = ["0x47290f774804b21c", "0x71f58e1d2721a729", "0xef097aeb6dc477ec"]


def test_the_words_of_a_seed_are_these() -> None:
    assert [hex(word) for word in raw_words(7, 2, 0, 3)] == WORDS_OF_SEED_7
    assert not np.array_equal(raw_words(7, 3, 0, 3), raw_words(7, 2, 0, 3))
    assert not np.array_equal(raw_words(8, 2, 0, 3), raw_words(7, 2, 0, 3))


def test_any_place_can_be_drawn_without_those_before_it() -> None:
    for first in (0, 1, 999, 54_321):
        assert (raw_words(7, 2, first, 50) == WORDS[first : first + 50]).all()


def test_a_bell_is_the_sum_of_the_four_parts_of_its_word() -> None:
    sums = sum(sixteenths(WORDS, part) for part in range(4))
    numbers = bells(WORDS)

    assert np.allclose(numbers, (sums - sums.mean()) / sums.std(), atol=0.02)
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1.0) < 0.01


def test_a_bell_is_exactly_symmetric() -> None:
    assert (bells(WORDS) == -bells(~WORDS)).all()


def test_units_and_signs_are_even() -> None:
    evenly = units(WORDS)

    assert 0.0 <= evenly.min() < 1e-4
    assert 1.0 - 1e-4 < evenly.max() < 1.0
    assert abs(evenly.mean() - 0.5) < 0.005
    assert set(signs(WORDS).tolist()) == {-1.0, 1.0}
    assert abs(signs(WORDS).mean()) < 0.02
