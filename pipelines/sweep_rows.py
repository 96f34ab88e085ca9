"""Rows of a search evaluated shard by shard: what the journal has is not run again.

A shard is a few seconds of one thread.  Rows are put in an order in which neighbours share their
indicators and signals; the figures come back in the order in which the rows were given.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from core.clock import monotonic_s, thread_cpu_s
from core.constraints import Levels
from core.engine import MEMORY_BYTES, CpuEngine, Engine, field_of
from core.errors import EXIT_DONE
from core.expansion import Expansion
from core.grid import signal_exit_code
from core.overrides import with_own
from core.simulate import Window
from core.store.shards import Shard, ShardJournal
from kernel.records import STATS, Floats, Ints, Records
from kernel.strategies import SERIES_FIELDS
from pipelines.sweep_results import Search, losses_of
from pipelines.sweep_trials import Trials

Progress = Callable[[int, int, str], None]

SHARD_SYMBOL_BARS = 80_000_000
"""Symbol-bars of one shard: a few seconds of one thread."""
SHARD_ROWS_MAX = 5_000
SHARD_ROWS_MIN = 8
SHARDS_PER_THREAD = 8
"""Shards of a short search, so that its threads end together and progress is seen."""


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
    initial_equity_usd: float
    threads: int
    progress: Progress
    total: int
    memory_bytes: int = MEMORY_BYTES
    exit_code: int = EXIT_DONE
    done_count: int = 0
    symbol_bars: int = 0
    evaluated_count: int = 0
    began_s: float = field(default_factory=monotonic_s)
    best: float = float("-inf")
    _window: Window | None = None
    _made: Engine | None = None

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
        bars = self._engine(window).symbol_bars
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
        most = SHARD_SYMBOL_BARS // max(self.search.symbol_bars, 1)
        longest = int(self.journal.note("shard_rows", str(min(max(most, 1), SHARD_ROWS_MAX))))
        parts = int(self.journal.note("threads", str(self.threads)))
        length = min(longest, max(-(-len(levels) // (SHARDS_PER_THREAD * parts)), SHARD_ROWS_MIN))
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
        """Run the shards in threads; each is kept in the journal before it counts as done."""

        def work(rows: Ints, shard: Shard) -> tuple[Ints, Shard, Records | None, float]:
            if self.exit_code != EXIT_DONE:
                return rows, shard, None, 0.0
            began_s = thread_cpu_s()
            return rows, shard, self._figures(shard.levels, window), thread_cpu_s() - began_s

        with ThreadPoolExecutor(self.threads) as pool:
            waiting: set[Future[tuple[Ints, Shard, Records | None, float]]] = {
                pool.submit(work, rows, shard) for rows, shard in missing
            }
            ready: list[Future[tuple[Ints, Shard, Records | None, float]]] = []
            while waiting or ready:
                try:
                    if not ready:
                        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                        ready = list(finished)
                    self._keep(part, ready.pop().result(), bars, are_new=are_new)
                except KeyboardInterrupt as error:  # the shards at work are finished and kept
                    self.exit_code = signal_exit_code(error)

    def _keep(
        self,
        part: Part,
        done: tuple[Ints, Shard, Records | None, float],
        bars: int,
        *,
        are_new: bool,
    ) -> None:
        """Keep a shard in the journal, then count it as done."""
        rows, shard, stats, cpu_s = done
        if stats is None:
            return
        self.journal.add(shard, stats, cpu_s)
        self.evaluated_count += len(rows)
        if are_new:
            self.trials.add(stats)
        self._take(part, rows, stats, shard.bars_frac, bars)

    def _figures(self, levels: Levels, window: Window) -> Records:
        """Figures of one shard, on the calling thread."""
        search = self.search
        rows = replace(search.expansion, levels=levels).records()
        params = with_own(rows, search.own_values, at=search.loaded.place("axes"))
        return self._engine(window).figures(params)

    def _engine(self, window: Window) -> Engine:
        """The engine of a window; the one before is let go."""
        if self._window != window:
            search = self.search
            own = tuple(search.own_values)
            ground = field_of(search.block, window, own, self.initial_equity_usd)
            self._made = CpuEngine(ground, self.memory_bytes, self.threads)
            self._window = window
        assert self._made is not None
        return self._made

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


def thread_count(asked: int | None) -> int:
    """Threads that a search uses: as asked, else one per core."""
    return asked or os.cpu_count() or 1
