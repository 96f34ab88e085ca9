"""Successive halving: ever fewer points on ever more bars, the last ones on all."""

from __future__ import annotations

import numpy as np
import pytest

from core.search.halving import Halving
from pipelines.bench_problems import even_space

SPACE = even_space(50)


def rungs(halving: Halving, nan_first: int = 0) -> list[tuple[int, float]]:
    """(points, part of the window) of each rung; the loss of a point is its first level."""
    found = []
    while not halving.exhausted:
        rung = halving.ask()
        found.append((len(rung.rows), round(rung.window_frac, 4)))
        losses = rung.levels[:, 0].astype(np.float64)
        losses[:nan_first] = np.nan
        halving.tell(losses)
    return found


@pytest.mark.parametrize(
    ("count", "eta", "first_frac", "expected"),
    [
        (81, 3, 1 / 27, [(81, 0.037), (27, 0.1111), (9, 0.3333), (3, 1.0)]),
        (300, 3, 0.1, [(300, 0.1), (100, 0.3), (34, 1.0)]),
        (10, 2, 0.5, [(10, 0.5), (5, 1.0)]),
        (1, 4, 0.01, [(1, 0.01), (1, 0.04), (1, 0.16), (1, 1.0)]),
        (5, 2, 1.0, [(5, 1.0)]),
    ],
)
def test_each_rung_has_a_part_of_the_points_on_more_bars(
    count: int, eta: int, first_frac: float, expected: list[tuple[int, float]]
) -> None:
    assert rungs(Halving(SPACE, 1, count=count, eta=eta, first_frac=first_frac)) == expected


def test_the_best_go_on_and_keep_their_rows() -> None:
    halving = Halving(SPACE, 1, count=90, eta=3, first_frac=0.3)
    first = halving.ask()
    losses = np.random.default_rng(1).permutation(90).astype(np.float64)

    halving.tell(losses)

    second = halving.ask()
    assert second.rows.tolist() == np.flatnonzero(losses < 30).tolist()
    assert second.levels.tolist() == first.levels[second.rows].tolist()


def test_a_point_without_rank_never_goes_on() -> None:
    halving = Halving(SPACE, 1, count=9, eta=3, first_frac=0.3)
    losses = np.full(9, np.nan)
    losses[4] = 5.0

    halving.tell(losses)

    assert halving.ask().rows.tolist() == [4]


def test_it_ends_when_no_point_has_a_rank() -> None:
    halving = Halving(SPACE, 1, count=9, eta=3, first_frac=0.3)

    halving.tell(np.full(9, np.nan))

    assert halving.exhausted


def test_the_points_are_those_of_the_seed() -> None:
    one, same, other = (
        Halving(SPACE, seed, count=20, eta=2, first_frac=0.5).ask().levels.tolist()
        for seed in (1, 1, 2)
    )

    assert one == same != other
