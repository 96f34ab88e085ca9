"""What searches are measured on: four functions over ten axes, and a sweep over recorded bars.

No function is least in the middle of its axes, where a sampler would be lucky to look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.constraints import Floats, Levels
from core.search.space import Space, SpaceAxis, space_of

Losses = Callable[[Levels], Floats]

CENTRES = np.array([0.13, 0.31, 0.72, 0.55, 0.84, 0.22, 0.64, 0.41, 0.91, 0.37])
"""Where the best point lies on each axis, as a part of its length."""
SEARCH_FRAC = 0.75
"""Part of the recorded bars that the sweep may see."""
POSITIONS_MIN = 30
REAL_AXES: list[dict[str, Any]] = [
    {"path": "trade.stop_loss_atr", "range": [1.0, 6.0, 0.25]},
    {"path": "trade.take_profit_atr", "range": [2.0, 12.0, 0.5]},
    {"path": "trade.trailing_start_atr", "range": [0.5, 4.0, 0.25]},
    {"path": "trade.trailing_distance_atr", "range": [0.3, 3.0, 0.1]},
    {"path": "thresholds.entry.min_adx", "range": [10.0, 40.0, 2.0]},
    {"path": "trade.entry_min_confidence", "values": ["low", "medium", "high"]},
    {"path": "indicators.ema_fast_window_bars", "range": [4, 20, 2]},
    {"path": "indicators.adx_window_bars", "values": [7, 10, 14, 20, 28]},
    {"path": "trade.enable_partial_tp", "values": [False, True]},
    {"path": "trade.partial_tp_frac", "range": [0.2, 0.8, 0.1]},
]


@dataclass(frozen=True)
class Problem:
    """A space and the loss of each of its points; NaN is unranked."""

    name: str
    space: Space
    losses: Losses


def problem_of(name: str, store: str) -> Problem:
    """The problem of this name; `store` holds the bars of the sweep, the others need none."""
    if name == "sweep":
        return sweep_problem(Path(store))
    make, levels = FUNCTIONS[name]
    space = even_space(levels) if levels else gated_space()
    return Problem(name, space, make(space))


def even_space(level_count: int, axis_count: int = 10) -> Space:
    """Ordered axes without gates."""
    places = np.arange(level_count)
    axes = [SpaceAxis(f"x{k}", level_count, places, level_count) for k in range(axis_count)]
    return Space(tuple(axes))


GATED_LEVELS = 41


def gated_space() -> Space:
    """Words, switches and ordered axes: 4 of them gated, one by a switch that is gated itself."""

    def ordered(name: str, parent: int | None = None, opens: list[bool] | None = None) -> SpaceAxis:
        gate = None if opens is None else np.array(opens)
        places = np.arange(GATED_LEVELS)
        return SpaceAxis(name, GATED_LEVELS, places, GATED_LEVELS, parent=parent, opens=gate)

    off_on = [False, True]
    return Space(
        (
            SpaceAxis("mode", 5, None, 5),
            SpaceAxis("on", 2, None, 2),
            SpaceAxis("kind", 3, None, 3),
            SpaceAxis("more", 2, None, 2, parent=1, opens=np.array(off_on)),
            ordered("near", 1, off_on),
            ordered("far", 3, off_on),
            ordered("slope", 0, [False, False, True, False, False]),
            *(ordered(name) for name in ("left", "right", "last")),
        )
    )


def sphere(space: Space) -> Losses:
    """A bowl, ten times as steep along the last axis as along the first."""
    steepness = 10.0 * 10.0 ** np.linspace(0.0, 1.0, len(space.axes))
    return lambda levels: ((_parts(space, levels) - CENTRES) ** 2 * steepness).sum(axis=1)


def rosenbrock(space: Space) -> Losses:
    """Rosenbrock (1960) from -2 to 2: a bent valley along which neighbouring axes must agree."""

    def losses(levels: Levels) -> Floats:
        x = -2.0 + 4.0 * _parts(space, levels)
        found: Floats = (100.0 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1.0 - x[:, :-1]) ** 2).sum(
            axis=1
        )
        return found

    return losses


def rastrigin(space: Space) -> Losses:
    """Rastrigin (1974) from -5 to 5, its centre moved: a bowl with a dent at every whole step."""
    centres = np.round(100.0 * CENTRES) / 10.0 - 5.0

    def losses(levels: Levels) -> Floats:
        x = -5.0 + 10.0 * _parts(space, levels) - centres
        found: Floats = (x**2 + 10.0 * (1.0 - np.cos(2.0 * np.pi * x))).sum(axis=1)
        return found

    return losses


def gated(space: Space) -> Losses:
    """Words that matter, a deep branch behind two switches, and a shallow one beside it."""
    mode = np.array([3.0, 2.0, 1.0, 2.5, 4.0])
    kind = np.array([1.0, 0.3, 1.6])

    def losses(levels: Levels) -> Floats:
        x = levels / (GATED_LEVELS - 1.0)
        is_open = space.open_mask(levels)
        found: Floats = mode[levels[:, 0]] + kind[levels[:, 2]]
        found += np.where(levels[:, 1] == 1, 0.5, 2.0)
        deep = is_open[:, 3] & (levels[:, 3] == 1)
        found += np.where(deep, 8.0 * (x[:, 5] - 0.63) ** 2 - 0.8, 0.0)
        found += np.where(is_open[:, 4], 6.0 * (x[:, 4] - 0.28) ** 2, 0.0)
        found += np.where(is_open[:, 6], 10.0 * (x[:, 6] - 0.8) ** 2 - 0.5, 0.0)
        found += 5.0 * (x[:, 7] - 0.45) ** 2 + 8.0 * (x[:, 8] - x[:, 7] - 0.1) ** 2
        found += 3.0 * np.abs(x[:, 9] - 0.15 - 0.3 * (levels[:, 2] == 1))
        return found

    return losses


FUNCTIONS: dict[str, tuple[Callable[[Space], Losses], int]] = {
    "sphere": (sphere, 101),
    "rosenbrock": (rosenbrock, 81),
    "rastrigin": (rastrigin, 101),
    "gated": (gated, 0),
}
"""Name -> the function, and the levels of each of its axes; 0 for the space with gates."""


def sweep_problem(store: Path) -> Problem:
    """Minus the Sharpe ratio of a sweep of ten axes over the first bars of a store, 1h."""
    from core.axes import resolve_axes
    from core.expansion import Expansion
    from core.grid import run_grid
    from core.simulate import Window
    from core.store.market import load
    from pipelines.sweep_results import losses_of
    from schemas.strategy import Strategy
    from schemas.sweep import SweepSpec

    base = Strategy()
    spec = SweepSpec.model_validate(
        {
            "kind": "sweep-spec",
            "version": 1,
            "base": "defaults",
            "min_positions": POSITIONS_MIN,
            "method": "random",
            "budget": {"trials": 1},
            "axes": REAL_AXES,
        }
    )
    grid = resolve_axes(spec, base)
    block = load(store, base)
    window = Window(None, int(block.ts_open_ms[int(SEARCH_FRAC * len(block.ts_open_ms))]))

    def losses(levels: Levels) -> Floats:
        rows = Expansion(base, grid, levels, 0).records()
        run = run_grid(block, rows, window=window, initial_equity_usd=10_000.0, threads=1)
        return losses_of(run.stats, spec)

    return Problem("sweep", space_of(grid), losses)


def _parts(space: Space, levels: Levels) -> Floats:
    """Place on each axis from 0 to 1."""
    found: Floats = levels / (np.array([axis.level_count for axis in space.axes]) - 1.0)
    return found
