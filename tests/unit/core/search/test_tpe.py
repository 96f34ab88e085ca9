"""The batch TPE: better than chance, deaf to NaN and to closed axes, at a flat cost."""

from __future__ import annotations

import numpy as np
import pytest

from core.constraints import Floats, Levels
from core.search.chance import AtRandom
from core.search.proposer import Proposer
from core.search.space import Space, SpaceAxis
from core.search.tpe import GOOD_MAX_COUNT, START_COUNT, Tpe, rank_weights
from pipelines.bench_problems import even_space, gated, gated_space, sphere

SPHERE = even_space(101)


def best_after(proposer: Proposer, trials: int) -> float:
    losses = sphere(SPHERE)
    best, done = np.inf, 0
    while done < trials:
        levels = proposer.ask(min(proposer.batch_count, trials - done))
        found = losses(levels)
        proposer.tell(levels, found)
        best, done = min(best, float(found.min())), done + len(levels)
    return best


@pytest.mark.parametrize("multivariate", [False, True])
def test_it_finds_far_less_than_chance_does(multivariate: bool) -> None:
    for seed in range(3):
        ours = best_after(Tpe(SPHERE, seed, multivariate=multivariate), 600)
        chance = best_after(AtRandom(SPHERE, seed), 600)

        assert ours < 0.1 * chance


def test_batches_grow_with_a_twentieth_of_what_was_told() -> None:
    tpe = Tpe(SPHERE, 1)
    sizes = []
    for told in (0, 319, 1, 680, 19_000):
        if told:
            tpe.tell(np.zeros((told, 10), np.uint16), np.zeros(told))
        sizes.append(tpe.batch_count)

    assert sizes == [16, 16, 16, 50, 1_000]


def told(tpe: Tpe, levels: Levels, losses: Floats) -> Tpe:
    tpe.tell(levels, losses)
    return tpe


def test_a_point_without_rank_is_never_among_the_good() -> None:
    chance = np.random.default_rng(1)
    levels = SPHERE.draw(400, chance)
    losses = np.full(400, np.nan)
    losses[:5] = 9e9
    losses[5:8] = np.inf

    tpe = told(Tpe(SPHERE, 1), levels, losses)

    assert tpe.good_levels.tolist() == levels[:5].tolist()
    assert len(tpe.ask(50)) == 50


def test_with_nothing_ranked_it_draws_at_random() -> None:
    tpe = told(Tpe(SPHERE, 1), SPHERE.draw(200, np.random.default_rng(1)), np.full(200, np.nan))

    drawn = tpe.ask(2_000)

    assert len(drawn) == 2_000
    assert abs(drawn.mean() - 50.0) < 1.0


def test_the_good_are_the_best_of_all_that_was_ever_told_whatever_the_batches() -> None:
    chance = np.random.default_rng(2)
    levels = SPHERE.draw(30_000, chance)
    losses = chance.permutation(30_000).astype(np.float64)
    order = np.argsort(losses)
    whole, parts = Tpe(SPHERE, 1), Tpe(SPHERE, 1)

    whole.tell(levels, losses)
    for part in np.array_split(np.arange(30_000), 37):
        parts.tell(levels[part], losses[part])

    assert whole.good_count == parts.good_count == 174
    assert whole.good_levels.tolist() == levels[order[:174]].tolist()
    assert parts.good_levels.tolist() == whole.good_levels.tolist()
    assert [parts.counts_of(k).tolist() for k in range(10)] == [
        whole.counts_of(k).tolist() for k in range(10)
    ]


def test_what_it_learned_takes_no_more_memory_after_a_hundred_times_the_trials() -> None:
    chance = np.random.default_rng(3)
    tpe = Tpe(SPHERE, 1)
    sizes = []
    for count in (2_000, 198_000):
        tpe.tell(SPHERE.draw(count, chance), chance.random(count))
        sizes.append(tpe.state_bytes)

    assert sizes[0] == sizes[1]
    assert tpe.good_count == GOOD_MAX_COUNT


def test_a_gated_axis_is_told_only_where_it_is_open() -> None:
    space = gated_space()
    levels = space.draw(500, np.random.default_rng(4))
    is_open = space.open_mask(levels)

    tpe = told(Tpe(space, 1), levels, gated(space)(levels))

    for index in range(len(space.axes)):
        assert tpe.counts_of(index).sum() == is_open[:, index].sum()
    assert 0 < is_open[:, 5].sum() < is_open[:, 4].sum() < 500


def test_better_points_weigh_more_and_1_on_average() -> None:
    weights = rank_weights(25)

    assert (np.diff(weights) < 0.0).all()
    assert weights.mean() == pytest.approx(1.0)


def test_the_first_points_are_drawn_at_random() -> None:
    tpe, chance = Tpe(SPHERE, 7), AtRandom(SPHERE, 7)

    assert tpe.ask(START_COUNT).tolist() == chance.ask(START_COUNT).tolist()


def test_axes_of_ten_thousand_levels_are_searched_too() -> None:
    space = Space((SpaceAxis("fine", 10_000, np.arange(10_000), 10_000),))
    for multivariate in (False, True):
        tpe = Tpe(space, 1, multivariate=multivariate)
        for _ in range(30):
            levels = tpe.ask(tpe.batch_count)
            tpe.tell(levels, np.abs(levels[:, 0] - 7_321.0))

        assert abs(float(tpe.good_levels[0, 0]) - 7_321.0) < 100.0
