"""Who runs the shards of a search: the threads of this process, or its GPUs.

A crew is given rows as levels on the axes and gives back figures; what these rows are run on, the
ground, is the same for the whole search.  Other crews, such as a cluster, keep the same interface.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from core.clock import thread_cpu_s
from core.constraints import Levels
from core.engine import MEMORY_BYTES, CpuEngine, Engine, field_of
from core.expansion import Expansion
from core.market.bars import BarBlock
from core.overrides import with_own
from core.simulate import Window
from kernel.records import Records
from schemas.base import Value

EngineKind = Literal["auto", "cpu", "cuda"]

CPU_SHARD_SYMBOL_BARS: Final = 80_000_000
"""Symbol-bars of one shard on a thread: a few seconds at most."""
GPU_SHARD_SYMBOL_BARS: Final = 20_000_000_000


@dataclass(frozen=True)
class Ground:
    """What every shard of a search is run on; `at` is where its axes stand, for errors."""

    block: BarBlock
    expansion: Expansion
    own_values: Mapping[str, Mapping[str, Value]]
    initial_equity_usd: float
    at: str

    def params(self, levels: Levels) -> npt.NDArray[np.record]:
        """The rows as kernel records `[N, P]`."""
        rows = replace(self.expansion, levels=levels).records()
        return with_own(rows, self.own_values, at=self.at)

    def engine(self, window: Window, kind: EngineKind, memory_bytes: int, threads: int) -> Engine:
        """The engine that runs rows on a window."""
        field = field_of(self.block, window, tuple(self.own_values), self.initial_equity_usd)
        if kind == "cuda":
            from core.gpu import GpuEngine

            return GpuEngine(field)
        return CpuEngine(field, memory_bytes, threads)


@dataclass(frozen=True)
class Worked:
    """What one shard came to; figures are None for one that was not begun before a stop."""

    figures: Records | None
    cpu_s: float


class Crew(Protocol):
    """Runs shards, `workers` of them at once; a shard should have about `shard_symbol_bars`."""

    workers: int
    shard_symbol_bars: int

    def submit(self, levels: Levels, window: Window, symbol_bars: int) -> Future[Worked]:
        """The figures of these rows over a window, in time; each row decides `symbol_bars`."""
        ...

    def stop(self) -> None:
        """Begin no further shard; those at work are finished."""
        ...

    def close(self) -> None:
        """Let everything go."""
        ...


class LocalCrew:
    """Threads of this process, or one that drives its GPUs."""

    def __init__(
        self,
        ground: Ground,
        *,
        kind: EngineKind = "cpu",
        threads: int = 1,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        on_gpu = kind == "cuda"
        self.workers = 1 if on_gpu else threads
        self.shard_symbol_bars = GPU_SHARD_SYMBOL_BARS if on_gpu else CPU_SHARD_SYMBOL_BARS
        self._ground, self._kind, self._memory_bytes = ground, kind, memory_bytes
        self._pool = ThreadPoolExecutor(self.workers)
        self._window: Window | None = None
        self._engine: Engine | None = None
        self._stopped = False

    def submit(self, levels: Levels, window: Window, symbol_bars: int) -> Future[Worked]:
        """The figures of these rows, by the next thread that is free."""
        assert symbol_bars >= 0, symbol_bars
        if self._window != window:  # a search goes from one window to the next, never back
            made = self._ground.engine(window, self._kind, self._memory_bytes, self.workers)
            self._window, self._engine = window, made
        engine = self._engine
        assert engine is not None
        return self._pool.submit(self._work, engine, levels)

    def _work(self, engine: Engine, levels: Levels) -> Worked:
        if self._stopped:
            return Worked(None, 0.0)
        began_s = thread_cpu_s()
        figures = engine.figures(self._ground.params(levels))
        return Worked(figures, thread_cpu_s() - began_s)

    def stop(self) -> None:
        """Begin no further shard."""
        self._stopped = True

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def thread_count(asked: int | None) -> int:
    """Threads that a search uses: as asked, else one per core."""
    return asked or os.cpu_count() or 1


def chosen_kind(asked: EngineKind) -> EngineKind:
    """The engine that will run: `auto` takes a GPU where one can be used.

    Raises InputError for `cuda` where none can, naming what is missing.
    """
    if asked == "cpu":
        return "cpu"
    from core.gpu import found_gpus, problem

    if asked == "auto":
        return "cpu" if problem() is not None else "cuda"
    found_gpus()
    return "cuda"
