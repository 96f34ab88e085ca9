"""What chance gives: against simulation, and against samples pooled by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.statistics import Sample, expected_best, pooled


@pytest.mark.parametrize(
    ("count", "tolerance"), [(2, 0.09), (3, 0.03), (10, 0.03), (100, 0.02), (2000, 0.01)]
)
def test_the_expected_best_is_what_simulated_trials_give(count: int, tolerance: float) -> None:
    draws = np.random.default_rng(20_140_901).standard_normal((4_000_000 // count, count))

    simulated = 0.05 * draws.max(axis=1).mean()

    assert expected_best(count, 0.05**2) == pytest.approx(simulated, rel=tolerance)


def test_the_expected_best_equals_the_published_formula() -> None:
    # N = 100 and V = 1: (1 - 0.5772) * Z(0.99) + 0.5772 * Z(1 - 1 / (100 e)).
    assert expected_best(100, 1.0) == pytest.approx(0.42278 * 2.32635 + 0.57722 * 2.68026, rel=1e-4)


@pytest.mark.parametrize(("count", "variance"), [(0, 1.0), (1, 1.0), (100, 0.0)])
def test_without_choice_or_spread_chance_gives_nothing(count: int, variance: float) -> None:
    assert expected_best(count, variance) == 0.0


def test_more_trials_always_raise_the_bar() -> None:
    bars = [expected_best(count, 1.0) for count in (2, 3, 10, 100, 10**6, 10**12, 10**18)]

    assert bars == sorted(bars)
    assert np.isfinite(bars).all()


@given(
    groups=st.lists(st.lists(st.floats(-3.0, 3.0), min_size=0, max_size=20), min_size=0, max_size=6)
)
def test_pooling_samples_equals_the_sample_of_all_figures(groups: list[list[float]]) -> None:
    samples = [
        Sample(len(group), float(np.mean(group)), float(np.var(group)))
        if group
        else Sample(0, 9, 9)
        for group in groups
    ]
    everything = [figure for group in groups for figure in group]

    whole = pooled(samples)

    assert whole.count == len(everything)
    if everything:
        assert whole.mean == pytest.approx(np.mean(everything), abs=1e-12)
        assert whole.variance == pytest.approx(np.var(everything), abs=1e-12)
    else:
        assert whole == Sample(0, 0.0, 0.0)
