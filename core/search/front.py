"""Points that no other point beats: the non-dominated front of three figures. Pure."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from core.constraints import Bools, Floats


def non_dominated(net_pnl_usd: Floats, drawdown: Floats, sharpe: Floats) -> Bools:
    """Which rows no other row beats: PnL at least as high, drawdown at most as deep, Sharpe at
    least as high, and one of them better.

    Rows with a figure that is not finite are never among them; equal rows are all or none. Kung,
    Luccio and Preparata (1975): rows are walked from the highest PnL down, and those walked so far
    are kept as a staircase of the other two. O(n log n), and O(n f) moves of memory for a
    staircase of f steps.
    """
    rows = np.stack([net_pnl_usd, -np.asarray(drawdown), sharpe], axis=1).astype(np.float64)
    finite = np.flatnonzero(np.isfinite(rows).all(axis=1))
    first, second, third = rows[finite].T
    walk = np.lexsort((-third, -second, -first))
    verdicts = _walked(rows[finite][walk])
    found: Bools = np.zeros(len(rows), np.bool_)
    found[finite[walk]] = verdicts
    return found


def _walked(rows: Floats) -> Bools:
    """Verdicts of rows that are sorted downwards by all three figures."""
    verdicts: Bools = np.zeros(len(rows), np.bool_)
    steps: list[float] = []  # rising second figures of rows walked
    tops: list[float] = []  # falling: the best third figure at or beyond that step
    before: tuple[float, float, float] | None = None
    for place, (first, second, third) in enumerate(zip(*rows.T.tolist(), strict=True)):
        row = (first, second, third)
        if row == before:
            verdicts[place] = verdicts[place - 1]
            continue
        before = row
        at = bisect_left(steps, second)
        if at < len(steps) and tops[at] >= third:
            continue
        verdicts[place] = True
        end = at + 1 if at < len(steps) and steps[at] == second else at
        start = at
        while start > 0 and tops[start - 1] <= third:
            start -= 1
        steps[start:end] = [second]
        tops[start:end] = [third]
    return verdicts
