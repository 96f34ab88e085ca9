"""Successive halving: many points on few bars, the best of them on more. Pure.

Jamieson and Talwalkar (2016), "Non-stochastic Best Arm Identification and Hyperparameter
Optimization". Rung k has n / eta^k points on a part f eta^k of the search window, the last one on
the whole; a part that is nearer to the whole than to a smaller rung becomes the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from core.constraints import Floats, Levels
from core.search.chance import AtRandom
from core.search.space import Ints, Space


@dataclass(frozen=True, eq=False)
class Rung:
    """Points to run on a part `window_frac` of the window; `rows` are their places in rung 0."""

    rows: Ints
    levels: Levels
    window_frac: float


class Halving:
    """Gives one rung after the other; each needs the losses of the one before."""

    def __init__(self, space: Space, seed: int, *, count: int, eta: int, first_frac: float) -> None:
        assert eta >= 2, eta
        assert 0.0 < first_frac <= 1.0, first_frac
        self.eta = eta
        self._points = AtRandom(space, seed)
        levels = self._points.ask(count)
        self._rung: Rung | None = Rung(np.arange(len(levels)), levels, first_frac)

    @property
    def duplicate_count(self) -> int:
        """Points drawn again."""
        return self._points.duplicate_count

    @property
    def excluded_count(self) -> int:
        """Points drawn that break a condition."""
        return self._points.excluded_count

    @property
    def exhausted(self) -> bool:
        """True once no rung is left."""
        return self._rung is None

    def ask(self) -> Rung:
        """The rung to run now; the same until its losses are told."""
        assert self._rung is not None, "the last rung was told"
        return self._rung

    def tell(self, losses: Floats) -> None:
        """Losses of the rung's points in order, least is best; NaN never goes on."""
        rung = self.ask()
        ranked = np.flatnonzero(np.isfinite(losses))
        if rung.window_frac >= 1.0 or len(ranked) == 0:
            self._rung = None
            return
        order = ranked[np.argsort(losses[ranked], kind="stable")]
        kept = np.sort(order[: math.ceil(len(rung.rows) / self.eta)])
        part = rung.window_frac * self.eta
        if part * math.sqrt(self.eta) > 1.0:  # the next rung would differ by less than this one
            part = 1.0
        self._rung = Rung(rung.rows[kept], rung.levels[kept], part)
