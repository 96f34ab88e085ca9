"""Many rows of parameters over one block, in threads: all at once, without a journal.

Every row gives exactly the figures that `core.simulate` gives for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.desk import row_keys
from core.engine import MEMORY_BYTES, CpuEngine, field_of, parts_of
from core.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated
from core.market.bars import BarBlock
from core.simulate import Window
from kernel.records import STATS, Ints, Records

SHARD_SYMBOL_BARS = 30_000_000
"""Symbol-bars of one shard: about half a second, so that progress and Ctrl-C stay quick."""
SHARDS_PER_THREAD = 4
"""Least shards per thread, so that none waits long for the last one."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class GridRun:
    """Figures per row in the order given; `done[i]` is False for rows that a stop left out.

    `exit_code` is that of the signal which stopped it, 0 if none did.
    """

    stats: Records
    done: npt.NDArray[np.bool_]
    symbol_bars_per_row: int
    exit_code: int = EXIT_DONE

    @property
    def interrupted(self) -> bool:
        """True if rows were left out."""
        return not bool(self.done.all())


def run_grid(  # noqa: PLR0913  all but two are given by name
    block: BarBlock,
    params: npt.NDArray[np.record],
    *,
    window: Window,
    initial_equity_usd: float,
    own: Sequence[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> GridRun:
    """Run every row of `params` over `window` of `block`, each from `initial_equity_usd`.

    `params` is `[R]`, or `[R, P]` with the common parameters and those of the symbols in `own`; the
    block has its universe and its finer bars.  On KeyboardInterrupt the shards at work are finished
    and the rest is left out.
    """
    params = params.reshape(len(params), -1)
    workers = threads or os.cpu_count() or 1
    field = field_of(block, window, own, initial_equity_usd)
    engine = CpuEngine(field, memory_bytes, workers)
    run = GridRun(np.zeros(len(params), STATS), np.zeros(len(params), np.bool_), field.symbol_bars)
    exit_code = EXIT_DONE

    def work(rows: Ints) -> Ints:
        if exit_code:
            return rows[:0]
        run.stats[rows] = engine.figures(params[rows])
        return rows

    most = SHARD_SYMBOL_BARS // max(field.symbol_bars, 1)
    even = -(-len(params) // (SHARDS_PER_THREAD * workers))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        shards = shards_of(np.arange(len(params)), row_keys(params), max(min(most, even), 1))
        waiting: set[Future[Ints]] = {pool.submit(work, shard) for shard in shards}
        while waiting:
            try:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            except KeyboardInterrupt as error:
                exit_code = signal_exit_code(error)
                finished, waiting = wait(waiting)
            for job in finished:
                run.done[job.result()] = True
            if progress is not None:
                try:
                    progress(int(run.done.sum()), len(params))
                except KeyboardInterrupt as error:
                    exit_code = signal_exit_code(error)
    return replace(run, exit_code=exit_code)


def shards_of(rows: Ints, keys: tuple[Ints, Ints], most: int) -> list[Ints]:
    """The rows in shards of up to `most`; rows that are alike stand together.

    So few threads make the same survey.
    """
    shards: list[list[Ints]] = []
    room = 0
    for part in parts_of(rows, keys):
        for first in range(0, len(part), most):
            piece = part[first : first + most]
            if len(piece) > room:
                shards.append([])
                room = most
            shards[-1].append(piece)
            room -= len(piece)
    return [np.concatenate(shard) for shard in shards]


def signal_exit_code(error: KeyboardInterrupt) -> int:
    """Exit code of the signal that came as this error."""
    return EXIT_TERMINATED if isinstance(error, Terminated) else EXIT_INTERRUPTED
