"""The comparison of searches: what it counts, and what it calls worse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.constraints import Levels
from core.search.space import Space
from pipelines.bench_problems import FUNCTIONS, Problem, even_space, problem_of
from pipelines.bench_search import (
    OURS,
    Job,
    Outcome,
    gathered,
    table,
    tpe_ms_per_trial,
    verdict,
    with_optuna,
    with_ours,
)

BEST = {
    "sphere": (13, 31, 72, 55, 84, 22, 64, 41, 91, 37),
    "rosenbrock": (60,) * 10,
    "rastrigin": (13, 31, 72, 55, 84, 22, 64, 41, 91, 37),
    "gated": (2, 1, 1, 1, 11, 25, 32, 18, 22, 18),
}


def counted(space: Space) -> tuple[Problem, list[int]]:
    """A bowl, and how many points each call evaluated."""
    asked: list[int] = []

    def losses(levels: Levels) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        asked.append(len(levels))
        found = (levels.astype(np.float64) ** 2).sum(axis=1)
        found[levels[:, 0] == 3] = np.nan
        return found

    return Problem("bowl", space, losses), asked


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_drawn_point_is_better_than_the_known_best(name: str) -> None:
    problem = problem_of(name, "")
    best = problem.losses(np.array([BEST[name]], np.uint16))[0]

    drawn = problem.losses(problem.space.draw(5_000, np.random.default_rng(1)))

    assert best < drawn.min()
    if name != "gated":
        assert best == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("sampler", [*OURS, "optuna"])
def test_each_sampler_evaluates_as_many_points_as_it_has_trials(sampler: str) -> None:
    problem, asked = counted(even_space(9, 3))
    search = with_optuna if sampler == "optuna" else with_ours

    best = search(problem, Job("bowl", sampler, 1, 40, ""))

    assert sum(asked) == 40
    assert 0.0 <= best < 100.0


def test_the_sweep_ranks_as_a_sweep_does(small_store: Path) -> None:
    problem = problem_of("sweep", str(small_store))
    levels = problem.space.draw(3, np.random.default_rng(1))

    together = problem.losses(levels)

    one_by_one = [problem.losses(levels[k : k + 1])[0] for k in range(3)]
    assert len(problem.space.axes) == 10
    assert np.array_equal(together, one_by_one, equal_nan=True)


@pytest.mark.parametrize(
    ("ours", "expected"),
    [((1.0, 2.0, 2.5), "better"), ((3.0, 3.5, 9.0), "equal"), ((3.0, 5.5, 5.6), "worse")],
)
def test_worse_is_more_than_an_interquartile_range_above_the_median(
    ours: tuple[float, ...], expected: str
) -> None:
    found = [*zip(("tpe",) * 3, ours, strict=True), *zip(("optuna",) * 3, (2.0, 3, 6), strict=True)]
    outcomes = [
        Outcome(Job("bowl", sampler, seed % 3, 9, ""), best, 0.0)
        for seed, (sampler, best) in enumerate(found)
    ]
    others = [
        Outcome(Job("bowl", sampler, seed, 9, ""), 7.0, 0.0)
        for sampler in ("tpe, joint", "random")
        for seed in range(3)
    ]

    bests = gathered([*reversed(outcomes), *others])

    assert verdict(bests, "bowl") == expected
    assert bests[("bowl", "tpe")].tolist() == list(ours)
    (row,) = table(["bowl"], bests).splitlines()[2:]
    assert row.startswith("| bowl | 3 (2.5 to 4.5) |")
    assert row.endswith(f" {expected} |")


def test_the_cost_per_trial_is_measured() -> None:
    assert 0.0 < tpe_ms_per_trial(2_000) < 1_000.0
