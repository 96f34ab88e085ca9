"""Searches that do not try everything: batches are asked for, evaluated, and their losses told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.axes import Grid
from core.axis_values import Place
from core.clock import monotonic_s
from core.constraints import Levels
from core.errors import EXIT_DONE
from core.expansion import Expansion, expand
from core.grid import signal_exit_code
from core.search.chance import AtRandom
from core.search.feasible import refuse_impossible
from core.search.halving import Halving
from core.search.proposer import Proposer
from core.search.space import Space, space_of
from core.search.tpe import Tpe
from core.simulate import Window, rows_of
from core.store.shards import ShardJournal
from kernel.records import STATS, Records
from pipelines.sweep_results import Found, Search
from pipelines.sweep_rows import RowRunner
from schemas.strategy import Strategy
from schemas.sweep import Budget, HalvingOptions, SweepSpec, TpeOptions

Note = Callable[[str], None]

ROWS_PER_PASS = 20_000
"""Rows of a grid that are cut into shards at once, at least."""
ROWS_PER_WORKER = 5_000
"""Rows for each worker of a pass, at whose end they wait for the last: some 30 shards."""
HALVING_ROWS_MAX = 1_000_000
"""Points of a first rung whose budget counts seconds alone."""


def first_rows(spec: SweepSpec, grid: Grid, base: Strategy, place: Place) -> Expansion:
    """All rows of a grid, or none yet for a method that draws them.

    Raises InputError when no point keeps the conditions.
    """
    if spec.method == "grid":
        return expand(grid, base, place)
    refuse_impossible(space_of(grid), place)
    return Expansion(base, grid, np.zeros((0, len(grid.axes)), np.uint16), 0, 0)


def grid_rows(search: Search, runner: RowRunner) -> Found:
    """Figures of every row; a signal leaves the rest out."""
    total = search.expansion.row_count
    length = rows_per_pass(runner.journal, runner.crew.workers)
    found = Found(np.zeros(total, STATS), np.zeros(total, np.bool_))
    try:
        for start in range(0, total, length):
            stop = min(start + length, total)
            part = runner.run(search.expansion.levels[start:stop], search.window)
            found.stats[start:stop], found.done[start:stop] = part.stats, part.done
            if runner.exit_code != EXIT_DONE:
                break
    except KeyboardInterrupt as error:  # between two shards; what is done is kept
        runner.exit_code = signal_exit_code(error)
    return replace(found, exit_code=runner.exit_code)


def rows_per_pass(journal: ShardJournal, workers: int) -> int:
    """How many rows of a grid are cut into shards at once, as when the journal was begun."""
    length = max(ROWS_PER_PASS, ROWS_PER_WORKER * workers)
    return int(journal.note("rows_per_pass", str(length)))


def search_rows(search: Search, runner: RowRunner, note: Note) -> tuple[Search, Found]:
    """The search with the rows that it drew, and their figures; a signal leaves the rest out."""
    spec = search.loaded.spec
    assert spec.budget is not None, spec.method
    run = _Run(search, runner, spec.budget, runner.journal.cpu_s / runner.crew.workers)
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


@dataclass(frozen=True)
class _Run:
    """A search at work; `earlier_s` is about how long earlier processes worked on it."""

    search: Search
    runner: RowRunner
    budget: Budget
    earlier_s: float

    @property
    def wants_more(self) -> bool:
        """Whether neither a signal nor the budget's seconds have ended it."""
        limit_s = self.budget.seconds
        spent_s = self.earlier_s + monotonic_s() - self.runner.began_s
        return self.runner.exit_code == EXIT_DONE and (limit_s is None or spent_s < limit_s)


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
            part = run.runner.run(batch, run.search.window)
            levels.append(batch)
            stats.append(part.stats)
            done.append(part.done)
            proposer.tell(batch, part.losses)
    except KeyboardInterrupt as error:  # between two batches; what is done is kept
        run.runner.exit_code = signal_exit_code(error)
    if proposer.exhausted and run.budget.trials is not None and asked < run.budget.trials:
        note(f"no further point was found after {asked:,} of {run.budget.trials:,} trials")
    drawn = _drawn(run.search, np.concatenate(levels), proposer)
    found = Found(
        np.concatenate(stats),
        np.concatenate(done),
        run.runner.exit_code,
        run.runner.exit_code != EXIT_DONE,
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
            part = run.runner.run(rung.levels, window, rung.window_frac, are_new=not fracs.any())
            rows = rung.rows[part.done]
            stats[rows], done[rows] = part.stats[part.done], True
            fracs[rows] = rung.window_frac
            if not part.done.all():
                break
            halving.tell(part.losses)
    except KeyboardInterrupt as error:
        run.runner.exit_code = signal_exit_code(error)
    stopped = run.runner.exit_code != EXIT_DONE
    if not stopped and not halving.exhausted:
        note("the budget's seconds ended before the last rung: no point saw the whole window")
    found = Found(stats, done, run.runner.exit_code, stopped, fracs, run.runner.symbol_bars)
    return _drawn(search, levels, halving), found


def _drawn(search: Search, levels: Levels, proposer: Proposer | Halving) -> Search:
    """The search with the rows that were drawn, and the counts of those that were not run."""
    excluded = proposer.excluded_count
    drawn = len(levels) + excluded + proposer.duplicate_count
    expansion = replace(search.expansion, levels=levels, excluded_count=excluded, drawn_count=drawn)
    return replace(search, expansion=expansion)
