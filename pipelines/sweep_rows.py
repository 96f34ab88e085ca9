"""Rows of a search evaluated shard by shard: what the journal has is not run again.

A shard is a few seconds of one thread.  Rows are put in an order in which neighbours share their
indicators and signals; the figures come back in the order in which the rows were given.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from core.clock import monotonic_s
from core.constraints import Levels
from core.crew import Crew, Worked
from core.errors import EXIT_DONE
from core.expansion import Expansion
from core.grid import signal_exit_code
from core.simulate import Window
from core.store.shards import Shard, ShardJournal
from kernel.records import STATS, Floats, Ints, Records
from kernel.strategies import SERIES_FIELDS
from pipelines.sweep_results import Search, losses_of
from pipelines.sweep_trials import Trials

Progress = Callable[[int, int, str], None]

SHARD_ROWS_MAX = 50_000
SHARD_ROWS_MIN = 8
SHARDS_PER_WORKER = 8
"""Shards of a short search, so that its workers end together and progress is seen."""


@dataclass(frozen=True)
class Part:
    """Figures of rows in the order given; `done[i]` is False for rows that a stop left out."""

    stats: Records
    done: npt.NDArray[np.bool_]
    losses: Floats


@dataclass
class RowRunner:
    """Evaluates rows of one search; `total` is how many are expected, 0 when nobody knows."""

    search: Search
    journal: ShardJournal
    trials: Trials
    crew: Crew
    progress: Progress
    total: int
    exit_code: int = EXIT_DONE
    done_count: int = 0
    symbol_bars: int = 0
    evaluated_count: int = 0
    began_s: float = field(default_factory=monotonic_s)
    best: float = float("-inf")

    def run(
        self, levels: Levels, window: Window, window_frac: float = 1.0, *, are_new: bool = True
    ) -> Part:
        """Figures and losses of these rows on a window; a signal leaves rows out.

        `are_new` says that the rows count as trials: no earlier call evaluated them.
        """
        part = Part(
            np.zeros(len(levels), STATS),
            np.zeros(len(levels), np.bool_),
            np.full(len(levels), np.nan),
        )
        bars = self.search.symbol_bars_in(window)
        missing: list[tuple[Ints, Shard]] = []
        for rows in self._cut(levels):
            shard = Shard(levels[rows], window_frac)
            stats = self.journal.figures_of(shard)
            if stats is None:
                missing.append((rows, shard))
            else:
                self._take(part, rows, stats, window_frac, bars)
        self._evaluate(part, missing, window, bars, are_new=are_new)
        return part

    def _cut(self, levels: Levels) -> list[Ints]:
        """The rows in shards; how long these are was settled when the journal was begun."""
        most = self.crew.shard_symbol_bars // max(self.search.symbol_bars, 1)
        longest = int(self.journal.note("shard_rows", str(min(max(most, 1), SHARD_ROWS_MAX))))
        workers = int(self.journal.note("workers", str(self.crew.workers)))
        even = -(-len(levels) // (SHARDS_PER_WORKER * workers))
        length = min(longest, max(even, SHARD_ROWS_MIN))
        order = sharing_order(self.search.expansion, levels)
        return [order[k : k + length] for k in range(0, len(order), length)]

    def _evaluate(
        self,
        part: Part,
        missing: list[tuple[Ints, Shard]],
        window: Window,
        bars: int,
        *,
        are_new: bool,
    ) -> None:
        """Have the shards run; each is kept in the journal before it counts as done."""
        ahead = iter(missing)
        waiting: dict[Future[Worked], tuple[Ints, Shard]] = {}
        ready: list[Future[Worked]] = []
        while True:
            try:
                while self.exit_code == EXIT_DONE and len(waiting) < 2 * self.crew.workers:
                    rows, shard = next(ahead, (None, None))
                    if rows is None or shard is None:
                        break
                    waiting[self.crew.submit(shard.levels, window, bars)] = rows, shard
                if not waiting:
                    return
                if not ready:
                    ready = list(wait(waiting, return_when=FIRST_COMPLETED).done)
                job = ready.pop()
                rows, shard = waiting.pop(job)
                self._keep(part, rows, shard, job.result(), bars, are_new=are_new)
            except KeyboardInterrupt as error:  # the shards at work are finished and kept
                self.exit_code = signal_exit_code(error)
                self.crew.stop()

    def _keep(
        self,
        part: Part,
        rows: Ints,
        shard: Shard,
        worked: Worked,
        bars: int,
        *,
        are_new: bool,
    ) -> None:
        """Keep a shard in the journal, then count it as done."""
        if worked.figures is None:
            return
        self.journal.add(shard, worked.figures, worked.cpu_s)
        self.evaluated_count += len(rows)
        if are_new:
            self.trials.add(worked.figures)
        self._take(part, rows, worked.figures, shard.bars_frac, bars)

    def _take(self, part: Part, rows: Ints, stats: Records, frac: float, bars: int) -> None:
        """Put a shard's figures into their places and tell how far the search is."""
        spec = self.search.loaded.spec
        part.stats[rows], part.done[rows] = stats, True
        part.losses[rows] = losses_of(stats, spec, frac)
        self.done_count += len(rows)
        self.symbol_bars += len(rows) * bars
        if frac >= 1.0 and np.isfinite(part.losses[rows]).any():
            self.best = max(self.best, -float(np.nanmin(part.losses[rows])))
        rate = self.symbol_bars / max(monotonic_s() - self.began_s, 1e-9) / 1e6
        best = f", best {spec.objective} {self.best:,.4g}" if np.isfinite(self.best) else ""
        self.progress(self.done_count, self.total, f"{rate:,.1f} M symbol-bars/s{best}")


def sharing_order(expansion: Expansion, levels: Levels) -> Ints:
    """The rows so that those which read the same series stand together, in a fixed order.

    Within them rows with the same values outside of the section `trade` do, since their signals are
    the same.
    """
    axes = expansion.grid.axes
    names = [axis.parameter.record_name for axis in axes]
    series = [k for k, name in enumerate(names) if name in SERIES_FIELDS]
    signals = [k for k, axis in enumerate(axes) if not axis.path.startswith("trade.")]
    rest = [k for k in range(len(axes)) if k not in signals]
    order = dict.fromkeys([*series, *signals, *rest])
    if not len(levels):
        return np.zeros(0, np.int64)
    found: Ints = np.lexsort([levels[:, k] for k in reversed(order)])
    return found
