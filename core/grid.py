"""The sweep engine on the CPU: many parameter rows over one block, in threads, within a memory.

Rows are grouped so that each group's indicator bank fits; a group is cut into shards of rows, and
each shard is one call of the compiled kernel that holds no lock.  Every row gives exactly the
figures that `core.simulate` gives for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.bank import Bank, fill_series_into, series_bytes
from core.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated
from core.market.bars import BarBlock
from core.simulate import Window, market_of, new_book, rows_of
from kernel import codes
from kernel.features import NO_SERIES, Series
from kernel.grid import run_rows
from kernel.records import STATS, TRADE, Book, Ints, Market, Output, Records
from kernel.strategies import SERIES_FIELDS, series_of

BANK_BYTES_MAX = 256 * 1024 * 1024
"""Memory of one group's bank; one strategy's own series always fit, however long the data."""
SHARD_SYMBOL_BARS = 8_000_000
"""Symbol-bars of one kernel call: about half a second, so that progress and Ctrl-C stay quick."""

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


@dataclass(frozen=True)
class Group:
    """Rows that share a bank."""

    rows: Ints
    series: tuple[Series, ...]


def run_grid(
    block: BarBlock,
    params: npt.NDArray[np.record],
    *,
    window: Window,
    initial_equity_usd: float,
    threads: int | None = None,
    progress: Progress | None = None,
    bank_bytes_max: int = BANK_BYTES_MAX,
) -> GridRun:
    """Run every row of `params` over `window` of `block`, each from `initial_equity_usd`.

    On KeyboardInterrupt the shards at work are finished and the rest is left out.
    """
    first, end = rows_of(block, window)
    view = block.rows(0, end)
    market = market_of(view)
    blank = new_book(len(view.symbols), initial_equity_usd)
    blank.marks["bar_count"] += view.present[:first].sum(axis=0)
    run = GridRun(
        stats=np.zeros(len(params), STATS),
        done=np.zeros(len(params), np.bool_),
        symbol_bars_per_row=int(view.present[first:].sum()),
    )
    workers = threads or os.cpu_count() or 1
    scratch = Scratch(view, blank, (first, end))
    stop = Stop()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for group in groups_of(params, series_bytes(view), bank_bytes_max):
                bank = parallel_bank(view, group.series, pool)
                _run_group(market, bank, params, group, scratch, pool, run, stop, progress)
                if stop.exit_code:
                    break
        except KeyboardInterrupt as error:
            stop.by(error)
    return replace(run, exit_code=stop.exit_code)


class Stop:
    """Set by a signal; the shards at work are finished, no other is begun."""

    def __init__(self) -> None:
        self.exit_code = EXIT_DONE

    def by(self, error: KeyboardInterrupt) -> None:
        """Stop, for SIGTERM if the error says so, otherwise for Ctrl-C."""
        self.exit_code = signal_exit_code(error)


class Scratch:
    """What a kernel call writes to besides its figures: one book and one curve per thread."""

    def __init__(self, view: BarBlock, blank: Book, span: tuple[int, int]) -> None:
        self.blank = blank
        self.span = span
        self._rows = len(view.ts_open_ms)
        self._symbols = len(view.symbols)
        self._local = threading.local()

    def mine(self) -> tuple[Book, Output]:
        """The calling thread's book and output."""
        if not hasattr(self._local, "book"):
            self._local.book = new_book(self._symbols, 0.0)
            self._local.out = Output(
                equity_usd=np.zeros(self._rows),
                trades=np.zeros(0, TRADE),
                counters=np.zeros(codes.COUNTER_COUNT, np.int64),
                counts_gates=False,
            )
        return self._local.book, self._local.out


def groups_of(
    params: npt.NDArray[np.record], bytes_per_series: int, bank_bytes_max: int
) -> Iterator[Group]:
    """The rows in groups whose series fit the memory; rows with equal series stay together."""
    keys, key_of_row = np.unique(params[list(SERIES_FIELDS)], return_inverse=True)
    first_row = np.zeros(len(keys), np.int64)
    first_row[key_of_row[::-1]] = np.arange(len(params))[::-1]
    most = max(bank_bytes_max // bytes_per_series, 1)
    members: list[int] = []
    series: set[Series] = set()
    for key in range(len(keys)):
        own = set(series_of(params[first_row[key]])) - {NO_SERIES}
        if members and len(series | own) > most:
            yield Group(_rows_with(key_of_row, members), tuple(sorted(series)))
            members, series = [], set()
        members.append(key)
        series |= own
    if members:
        yield Group(_rows_with(key_of_row, members), tuple(sorted(series)))


def _rows_with(key_of_row: Ints, members: list[int]) -> Ints:
    """Rows whose key is one of `members`, which are consecutive."""
    found: Ints = np.flatnonzero((key_of_row >= members[0]) & (key_of_row <= members[-1]))
    return found


def parallel_bank(view: BarBlock, series: tuple[Series, ...], pool: ThreadPoolExecutor) -> Bank:
    """The bank of `series`, one thread per series at a time."""
    rows, columns = view.close_px.shape
    values = np.empty((len(series), rows + 1, columns))
    jobs = [pool.submit(fill_series_into, view, one, values[k]) for k, one in enumerate(series)]
    memories = {one: job.result() for one, job in zip(series, jobs, strict=True)}
    return Bank(values, series, memories)


def _run_group(  # noqa: PLR0913
    market: Market,
    bank: Bank,
    params: npt.NDArray[np.record],
    group: Group,
    scratch: Scratch,
    pool: ThreadPoolExecutor,
    run: GridRun,
    stop: Stop,
    progress: Progress | None,
) -> None:
    """Run one group's rows in shards; `stop` ends it after the shards at work."""
    per_shard = max(SHARD_SYMBOL_BARS // max(run.symbol_bars_per_row, 1), 1)

    def work(rows: Ints) -> Ints:
        if stop.exit_code:
            return rows[:0]
        book, out = scratch.mine()
        slots = np.array([bank.slots_of(series_of(params[row])) for row in rows])
        stats = np.zeros(len(rows), STATS)
        books = (book, scratch.blank)
        run_rows(market, bank.values, (params[rows], slots), books, out, scratch.span, stats)
        run.stats[rows] = stats
        return rows

    shards = [group.rows[k : k + per_shard] for k in range(0, len(group.rows), per_shard)]
    waiting: set[Future[Ints]] = {pool.submit(work, shard) for shard in shards}
    while waiting:
        try:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        except KeyboardInterrupt as error:
            stop.by(error)
            finished, waiting = wait(waiting)
        for job in finished:
            run.done[job.result()] = True
        if progress is not None:
            progress(int(run.done.sum()), len(params))


def signal_exit_code(error: KeyboardInterrupt) -> int:
    """Exit code of the signal that came as this error."""
    return EXIT_TERMINATED if isinstance(error, Terminated) else EXIT_INTERRUPTED
