"""Searches that do not try everything: batches are asked for, evaluated, and their losses told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.axes import Grid
from core.axis_values import Place
from core.clock import monotonic_s
from core.constraints import Levels
from core.errors import EXIT_DONE
from core.expansion import Expansion, expand
from core.grid import GridRun, run_grid, signal_exit_code
from core.overrides import with_own
from core.search.chance import AtRandom
from core.search.feasible import refuse_impossible
from core.search.halving import Halving
from core.search.proposer import Proposer
from core.search.space import Space, space_of
from core.search.tpe import Tpe
from core.simulate import Window, rows_of
from kernel.records import STATS, Floats, Records
from pipelines.sweep_results import Found, Search, losses_of
from schemas.strategy import Strategy
from schemas.sweep import Budget, HalvingOptions, SweepSpec, TpeOptions

if TYPE_CHECKING:
    from pipelines.sweep import SweepRequest

Note = Callable[[str], None]
Progress = Callable[[int, int, str], None]


def first_rows(spec: SweepSpec, grid: Grid, base: Strategy, place: Place) -> Expansion:
    """All rows of a grid, or none yet for a method that draws them.

    Raises InputError when no point keeps the conditions.
    """
    if spec.method == "grid":
        return expand(grid, base, place)
    refuse_impossible(space_of(grid), place)
    return Expansion(base, grid, np.zeros((0, len(grid.axes)), np.uint16), 0, 0)


def search_rows(
    search: Search, request: SweepRequest, progress: Progress, note: Note
) -> tuple[Search, Found]:
    """The search with the rows that it drew, and their figures; Ctrl-C leaves the rest out."""
    spec = search.loaded.spec
    assert spec.budget is not None, spec.method
    run = _Run(search, request, progress, spec.budget, monotonic_s())
    space = space_of(search.expansion.grid)
    if spec.method == "successive_halving":
        return _halve(run, space, spec.successive_halving or HalvingOptions(), note)
    return _propose(run, proposer_of(spec, space), note)


def proposer_of(spec: SweepSpec, space: Space) -> Proposer:
    """The proposer of the spec's method, which must be random or tpe."""
    if spec.method == "random":
        return AtRandom(space, spec.seed)
    options = spec.tpe or TpeOptions()
    return Tpe(space, spec.seed, multivariate=options.multivariate)


@dataclass
class _Run:
    """What one search needs at every batch, and how many rows it has run."""

    search: Search
    request: SweepRequest
    progress: Progress
    budget: Budget
    began_s: float
    done_count: int = 0
    symbol_bars: int = 0
    exit_code: int = EXIT_DONE
    best: float = field(default=float("-inf"))

    def batch(self, levels: Levels, window: Window, window_frac: float) -> tuple[GridRun, Floats]:
        """Figures and losses of these rows; a signal leaves rows out and sets `exit_code`."""
        search = self.search
        rows = replace(search.expansion, levels=levels).records()
        before, bars = self.done_count, self.symbol_bars

        def tell(done: int, _: int) -> None:
            self.progress(before + done, self.budget.trials or 0, self._so_far(bars))

        part = run_grid(
            search.block,
            with_own(rows, search.own_values, at=search.loaded.place("axes")),
            own=tuple(search.own_values),
            window=window,
            initial_equity_usd=self.request.initial_equity_usd,
            threads=self.request.threads,
            progress=tell,
        )
        self.exit_code = part.exit_code
        self.done_count += int(part.done.sum())
        self.symbol_bars += int(part.done.sum()) * part.symbol_bars_per_row
        losses = losses_of(part.stats, search.loaded.spec, window_frac)
        losses[~part.done] = np.nan
        if window_frac >= 1.0 and np.isfinite(losses).any():
            self.best = max(self.best, -float(np.nanmin(losses)))
        return part, losses

    def _so_far(self, symbol_bars: int) -> str:
        rate = symbol_bars / max(monotonic_s() - self.began_s, 1e-9) / 1e6
        best = f", best {self.search.loaded.spec.objective} {self.best:,.4g}"
        return f"{rate:,.1f} M symbol-bars/s{best if np.isfinite(self.best) else ''}"

    @property
    def wants_more(self) -> bool:
        """Whether neither a signal nor the budget's seconds have ended it."""
        limit_s = self.budget.seconds
        in_time = limit_s is None or monotonic_s() - self.began_s < limit_s
        return self.exit_code == EXIT_DONE and in_time


def _propose(run: _Run, proposer: Proposer, note: Note) -> tuple[Search, Found]:
    levels: list[Levels] = [run.search.expansion.levels]
    stats: list[Records] = [np.zeros(0, STATS)]
    done: list[npt.NDArray[np.bool_]] = [np.zeros(0, np.bool_)]
    asked = 0
    is_over = False
    try:
        while run.wants_more and not is_over:
            wanted = proposer.batch_count
            if run.budget.trials is not None:
                wanted = min(wanted, run.budget.trials - asked)
            batch = proposer.ask(wanted) if wanted else levels[0]
            is_over = len(batch) == 0
            if is_over:
                break
            asked += len(batch)
            part, losses = run.batch(batch, run.search.window, 1.0)
            levels.append(batch)
            stats.append(part.stats)
            done.append(part.done)
            proposer.tell(batch, losses)
    except KeyboardInterrupt as error:  # between two batches; what is done is kept
        run.exit_code = signal_exit_code(error)
    if proposer.exhausted and run.budget.trials is not None and asked < run.budget.trials:
        note(f"no further point was found after {asked:,} of {run.budget.trials:,} trials")
    drawn = _drawn(run.search, np.concatenate(levels), proposer)
    found = Found(
        np.concatenate(stats), np.concatenate(done), run.exit_code, run.exit_code != EXIT_DONE
    )
    return drawn, found


def _halve(run: _Run, space: Space, options: HalvingOptions, note: Note) -> tuple[Search, Found]:
    search = run.search
    first, end = rows_of(search.block, search.window)
    least = min(max(options.first_frac, options.min_bars / (end - first)), 1.0)
    count = run.budget.trials or space.point_count
    halving = Halving(
        space,
        search.loaded.spec.seed,
        count=min(count, HALVING_ROWS_MAX),
        eta=options.eta,
        first_frac=least,
    )
    total = len(halving.ask().rows)
    stats, done, fracs = np.zeros(total, STATS), np.zeros(total, np.bool_), np.zeros(total)
    levels = halving.ask().levels
    try:
        while run.wants_more and not halving.exhausted:
            rung = halving.ask()
            bars = max(round(rung.window_frac * (end - first)), 1)
            window = search.window
            if rung.window_frac < 1.0:
                # The newest bars: the older ones warm the indicators up and fill the lookback.
                start_ms = int(search.block.ts_open_ms[end - bars])
                window = Window(start_ms, search.window.end_ms)
            note(f"rung of {len(rung.rows):,} points on {bars:,} bars")
            part, losses = run.batch(rung.levels, window, rung.window_frac)
            rows = rung.rows[part.done]
            stats[rows], done[rows] = part.stats[part.done], True
            fracs[rows] = rung.window_frac
            if part.interrupted:
                break
            halving.tell(losses)
    except KeyboardInterrupt as error:
        run.exit_code = signal_exit_code(error)
    stopped = run.exit_code != EXIT_DONE
    if not stopped and not halving.exhausted:
        note("the budget's seconds ended before the last rung: no point saw the whole window")
    found = Found(stats, done, run.exit_code, stopped, fracs, run.symbol_bars)
    return _drawn(search, levels, halving), found


HALVING_ROWS_MAX = 1_000_000
"""Points of a first rung whose budget counts seconds alone."""


def _drawn(search: Search, levels: Levels, proposer: Proposer | Halving) -> Search:
    """The search with the rows that were drawn, and the counts of those that were not run."""
    excluded = proposer.excluded_count
    drawn = len(levels) + excluded + proposer.duplicate_count
    expansion = replace(search.expansion, levels=levels, excluded_count=excluded, drawn_count=drawn)
    return replace(search, expansion=expansion)
