"""The sweep engine on the CPU: many parameter rows over one block, in threads, within a memory.

Rows are grouped so that each group's indicator bank fits; a group is cut into shards of rows, which
the compiled kernel works on without a lock.  Every row gives exactly the
figures that `core.simulate` gives for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.bank import (
    Bank,
    SlotKey,
    distinct_series,
    fill_series_into,
    mixed_column,
    mixed_keys,
    series_bytes,
)
from core.desk import Desk, row_keys
from core.errors import EXIT_DONE, EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated
from core.market.bars import BarBlock
from core.market.record import market_of
from core.simulate import Window, new_book, rows_of, span_of_rows
from kernel.features import Series
from kernel.records import STATS, Book, Ints, Market, Records
from kernel.strategies import SERIES_FIELDS

BANK_BYTES_MAX = 256 * 1024 * 1024
"""Memory of one group's bank; one strategy's own series always fit, however long the data."""
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


@dataclass(frozen=True)
class Group:
    """Rows that share a bank, and the series of it."""

    rows: Ints
    series: tuple[Series, ...]
    mixed: tuple[SlotKey, ...] = ()


def run_grid(  # noqa: PLR0913  all but two are given by name
    block: BarBlock,
    params: npt.NDArray[np.record],
    *,
    window: Window,
    initial_equity_usd: float,
    own: Sequence[str] = (),
    threads: int | None = None,
    progress: Progress | None = None,
    bank_bytes_max: int = BANK_BYTES_MAX,
) -> GridRun:
    """Run every row of `params` over `window` of `block`, each from `initial_equity_usd`.

    `params` is `[R]`, or `[R, P]` with the common parameters and those of the symbols in `own`; the
    block has its universe and its finer bars.  On KeyboardInterrupt the shards at work are finished
    and the rest is left out.
    """
    params = params.reshape(len(params), -1)
    first, end = rows_of(block, window)
    view = block.rows(0, end)
    market = market_of(view, own=own)
    blank = new_book(len(view.symbols), initial_equity_usd)
    blank.marks["bar_count"] += view.present[:first].sum(axis=0)
    run = GridRun(
        stats=np.zeros(len(params), STATS),
        done=np.zeros(len(params), np.bool_),
        symbol_bars_per_row=int(view.present[first:].sum()),
    )
    workers = threads or os.cpu_count() or 1
    span = span_of_rows(view, market.ts_close_ms, first, goes_on=False)
    desks = Desks(market, blank, span, workers)
    keys = row_keys(params)
    stop = Stop()
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for group in groups_of(params, series_bytes(view), bank_bytes_max):
                bank = parallel_bank(view, group, market.own, pool)
                _run_group(bank, params, group, desks, keys, pool, run, stop, progress)
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


class Desks:
    """One desk for each of `count` threads."""

    def __init__(self, market: Market, blank: Book, span: tuple[int, int], count: int) -> None:
        self.count = count
        self._of = (market, blank, span)
        self._local = threading.local()

    def mine(self) -> Desk:
        """The calling thread's desk."""
        if not hasattr(self._local, "desk"):
            self._local.desk = Desk(*self._of)
        desk: Desk = self._local.desk
        return desk


def groups_of(
    params: npt.NDArray[np.record], bytes_per_series: int, bank_bytes_max: int
) -> Iterator[Group]:
    """The rows in groups whose series fit the memory; rows with equal series stay together."""
    keys, key_of_row = np.unique(params[:, 0][list(SERIES_FIELDS)], return_inverse=True)
    first_row = np.zeros(len(keys), np.int64)
    first_row[key_of_row[::-1]] = np.arange(len(params))[::-1]
    most = max(bank_bytes_max // bytes_per_series, 1)
    members: list[int] = []
    series: set[Series] = set()
    mixed: set[SlotKey] = set()
    for key in range(len(keys)):
        record = params[first_row[key] : first_row[key] + 1]
        own, own_mixed = set(distinct_series(record)), set(mixed_keys(record))
        if members and len(series | own) + len(mixed | own_mixed) > most:
            yield Group(
                _rows_with(key_of_row, members), tuple(sorted(series)), tuple(sorted(mixed))
            )
            members, series, mixed = [], set(), set()
        members.append(key)
        series |= own
        mixed |= own_mixed
    if members:
        yield Group(_rows_with(key_of_row, members), tuple(sorted(series)), tuple(sorted(mixed)))


def _rows_with(key_of_row: Ints, members: list[int]) -> Ints:
    """Rows whose key is one of `members`, which are consecutive."""
    found: Ints = np.flatnonzero((key_of_row >= members[0]) & (key_of_row <= members[-1]))
    return found


def shards_of(rows: Ints, keys: tuple[Ints, Ints], most: int) -> list[list[Ints]]:
    """The rows in shards of up to `most`, each in parts whose rows are alike in both `keys`.

    Rows that are alike stand together, so that few threads make the same survey.
    """
    by_series, by_signals = (key[rows] for key in keys)
    order = np.lexsort((by_signals, by_series))
    changes = (np.diff(by_series[order]) != 0) | (np.diff(by_signals[order]) != 0)
    shards: list[list[Ints]] = []
    room = 0
    for part in np.split(rows[order], np.flatnonzero(changes) + 1):
        for first in range(0, len(part), most):
            piece = part[first : first + most]
            if len(piece) > room:
                shards.append([])
                room = most
            shards[-1].append(piece)
            room -= len(piece)
    return shards


def parallel_bank(view: BarBlock, group: Group, own: Ints, pool: ThreadPoolExecutor) -> Bank:
    """The bank of a group, one thread per series at a time."""
    rows, columns = view.close_px.shape
    values = np.empty((len(group.series) + len(group.mixed), rows + 1, columns))
    jobs = [
        pool.submit(fill_series_into, view, one, values[k]) for k, one in enumerate(group.series)
    ]
    memories = {one: job.result() for one, job in zip(group.series, jobs, strict=True)}
    bank = Bank(values, group.series, memories, group.mixed)
    for k, key in enumerate(group.mixed, start=len(group.series)):
        values[k] = mixed_column(bank, key, own)
    return bank


def _run_group(  # noqa: PLR0913
    bank: Bank,
    params: npt.NDArray[np.record],
    group: Group,
    desks: Desks,
    keys: tuple[Ints, Ints],
    pool: ThreadPoolExecutor,
    run: GridRun,
    stop: Stop,
    progress: Progress | None,
) -> None:
    """Run one group's rows in shards; `stop` ends it after the shards at work."""
    by_series, by_signals = keys

    def work(shard: list[Ints]) -> Ints:
        rows = np.concatenate(shard)
        if stop.exit_code:
            return rows[:0]
        desk = desks.mine()
        for part in shard:
            found = np.zeros(len(part), STATS)
            key = (int(by_series[part[0]]), int(by_signals[part[0]]))
            desk.run(bank, params[part], key, found)
            run.stats[part] = found
        return rows

    most = SHARD_SYMBOL_BARS // max(run.symbol_bars_per_row, 1)
    even = -(-len(group.rows) // (SHARDS_PER_THREAD * desks.count))
    shards = shards_of(group.rows, keys, max(min(most, even), 1))
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
