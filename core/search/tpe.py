"""Tree-structured Parzen estimator in batches. Pure.

Bergstra, Bardenet, Bengio and Kegl (2011), "Algorithms for Hyper-Parameter Optimization": points
are drawn where the density l of the good ones is high against the density g of the others. Here
both are histograms over levels, kept as counts, so that the cost of a batch does not grow with what
was told. A gated axis is told only by points where it is open.
"""

from __future__ import annotations

import math

import numpy as np

from core.constraints import Bools, Floats, Levels
from core.search.densities import best_of, density
from core.search.joint import joint_points
from core.search.proposer import Draws, DrawsTold
from core.search.space import Space

START_COUNT = 32
"""Points drawn at random before the first model."""
BATCH_MIN_COUNT = 16
BATCH_TOLD_FRAC = 0.05
GOOD_MAX_COUNT = 400
"""Most good points: the square root of 160,000."""
CANDIDATES = 1.25
"""Levels drawn from l of which the best by l / g is taken. More makes batches greedy: with 24, as
usual for one point at a time, a batch crowds where few points were and ends far from the best."""
MODEL_ROUNDS = 4


class Tpe(DrawsTold):
    """Draws in batches of max(16, told / 20) points, from a model of all that was told."""

    def __init__(self, space: Space, seed: int, *, multivariate: bool = False) -> None:
        self.space = space
        self.multivariate = multivariate
        self.told_count = 0
        self._draws = Draws(space, np.random.default_rng(seed))
        self._counts = [np.zeros(axis.level_count) for axis in space.axes]
        self._best_levels: Levels = np.zeros((0, len(space.axes)), np.uint16)
        self._best_losses: Floats = np.zeros(0)

    @property
    def batch_count(self) -> int:
        """Points that are best asked for at once."""
        return max(BATCH_MIN_COUNT, int(self.told_count * BATCH_TOLD_FRAC))

    @property
    def good_count(self) -> int:
        """How many of the best are good: the square root of what was told, at most 400."""
        wanted = min(math.ceil(math.sqrt(self.told_count)), GOOD_MAX_COUNT)
        return min(wanted, len(self._best_losses))

    def ask(self, count: int) -> Levels:
        """Up to `count` new valid points; what the model does not find anew is drawn at random."""
        if self.told_count < START_COUNT or not len(self._best_losses):
            return self._draws.at_random(count)
        model = _Model(self)
        found: list[Levels] = []
        missing = count
        for _ in range(MODEL_ROUNDS):
            if missing == 0:
                break
            drawn = self.space.freeze(model.points(2 * missing, self._draws.chance))
            found.append(self._draws.fresh(drawn, missing))
            missing -= len(found[-1])
        return np.concatenate([*found, self._draws.at_random(missing)])

    def tell(self, levels: Levels, losses: Floats) -> None:
        """Count the points in, and keep the best of them; NaN is worse than any number."""
        self.told_count += len(levels)
        is_open = self.space.open_mask(levels)
        for index, counts in enumerate(self._counts):
            counts += np.bincount(levels[is_open[:, index], index], minlength=len(counts))
        ranked = np.isfinite(losses)
        all_levels = np.concatenate([self._best_levels, levels[ranked]])
        all_losses = np.concatenate([self._best_losses, losses[ranked]])
        kept = np.arange(len(all_losses))
        if len(kept) > GOOD_MAX_COUNT:
            kept = np.sort(np.argpartition(all_losses, GOOD_MAX_COUNT - 1)[:GOOD_MAX_COUNT])
        kept = kept[np.argsort(all_losses[kept], kind="stable")]
        self._best_levels, self._best_losses = all_levels[kept], all_losses[kept]

    @property
    def state_bytes(self) -> int:
        """Memory of what was learned, the keys of proposed points apart."""
        counts = sum(each.nbytes for each in self._counts)
        return counts + self._best_levels.nbytes + self._best_losses.nbytes

    @property
    def good_levels(self) -> Levels:
        """The good points, best first."""
        return self._best_levels[: self.good_count]

    def counts_of(self, index: int) -> Floats:
        """Points told at each level of an axis, where it was open."""
        return self._counts[index]


class _Model:
    """The densities at one moment."""

    def __init__(self, tpe: Tpe) -> None:
        space = tpe.space
        self.space = space
        self.multivariate = tpe.multivariate
        self.levels = tpe.good_levels
        self.is_open: Bools = space.open_mask(self.levels)
        self.weights = rank_weights(len(self.levels))
        self.good: list[Floats] = []
        self.other: list[Floats] = []
        for index, axis in enumerate(space.axes):
            is_open = self.is_open[:, index]
            at = self.levels[is_open, index]
            weighted = np.zeros(axis.level_count)
            weighted += np.bincount(at, self.weights[is_open], axis.level_count)
            counted = np.bincount(at, minlength=axis.level_count).astype(np.float64)
            rest = tpe.counts_of(index) - counted
            self.good.append(density(axis, weighted))
            self.other.append(density(axis, rest))

    def points(self, count: int, chance: np.random.Generator) -> Levels:
        """Points drawn from the model; closed gates are not obeyed yet."""
        if self.multivariate:
            return joint_points(
                self.space, (self.levels, self.is_open), self.weights, self.other, count, chance
            )
        columns = [
            best_of(good, other, CANDIDATES, chance.random(count))
            for good, other in zip(self.good, self.other, strict=True)
        ]
        return np.stack(columns, axis=1).astype(np.uint16)


def rank_weights(count: int) -> Floats:
    """Weights of the good points, best first, 1 on average: log(n + 1/2) - log(rank).

    Those of Hansen (2016), "The CMA Evolution Strategy: A Tutorial".
    """
    ranks = np.arange(1, count + 1, dtype=np.float64)
    raw: Floats = np.log(count + 0.5) - np.log(ranks)
    weights: Floats = raw / raw.mean()
    return weights
