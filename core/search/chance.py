"""Points at random without replacement. Pure."""

from __future__ import annotations

import numpy as np

from core.constraints import Floats, Levels
from core.search.proposer import Draws, DrawsTold
from core.search.space import Space

BATCH_COUNT = 512


class AtRandom(DrawsTold):
    """Each open axis takes each of its levels with equal chance; no point comes twice.

    A gate opens as often as its parent's levels say, however many points lie behind it.
    """

    batch_count = BATCH_COUNT

    def __init__(self, space: Space, seed: int) -> None:
        self._draws = Draws(space, np.random.default_rng(seed))

    def ask(self, count: int) -> Levels:
        """Up to `count` new valid points."""
        return self._draws.at_random(count)

    def tell(self, levels: Levels, losses: Floats) -> None:
        """Nothing: chance does not learn."""
