"""The same decisions on a GPU: one warp per row of parameters, symbols on its lanes.

Each indicator bar is surveyed by all lanes, one symbol each at a time; the first lane then decides
the instant with the loop that replay and sweeps on the CPU use.  No rule stands here.  A block is
one warp, so that its barrier costs next to nothing.

Results equal those of the CPU bit for bit if nothing is contracted to fused multiply-adds, which
`without_fma` sees to: numba-cuda has no option for it.  The one file that imports numba.cuda.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from numba import cuda

from kernel.bits import WORD_BITS
from kernel.jit import device
from kernel.metrics import curve_stats, ledger_stats
from kernel.records import (
    Book,
    Columns,
    Floats,
    Ints,
    Market,
    Output,
    Records,
    Survey,
)
from kernel.scan import close_all, scan
from kernel.survey import begin_survey, survey_market, survey_symbol

LANES: Final = 32
"""Threads of a block: a warp.  A word of symbols has as many bits."""

assert LANES == WORD_BITS


class Batch(NamedTuple):
    """N rows of parameters and all that their runs write to; each array has a leading axis of N.

    `values` `[series, T+1, S]` is the bank, `slots[N, series of a strategy]` say what a row reads;
    `rows` are `[N, P]`.  `blank` is the book that each run begins with, without the axis; books
    need not be filled, `stats` are zero.  Surveys have one row of bars and a snapshot per lane,
    their `first_row` is not read.  Outputs have curves `[N, K]`, and trades `[N, most]`, which must
    hold all closes of a run, or `[N, 0]`.  `uncounted` is empty: no gate is counted.
    """

    values: Floats
    slots: Ints
    rows: Records
    blank: Book
    books: Book
    surveys: Survey
    outputs: Output
    uncounted: Ints
    stats: Records


@device
def columns_of(values: Floats, slots: Ints) -> Columns:
    """Views of the bank's series that `slots` point at, one per field of `Columns`."""
    return Columns(
        values[slots[0]], values[slots[1]], values[slots[2]], values[slots[3]], values[slots[4]],
        values[slots[5]], values[slots[6]], values[slots[7]], values[slots[8]], values[slots[9]],
        values[slots[10]], values[slots[11]], values[slots[12]], values[slots[13]],
        values[slots[14]], values[slots[15]], values[slots[16]], values[slots[17]],
        values[slots[18]],
    )  # fmt: skip


@device
def book_of(books: Book, i: int) -> Book:
    """The book of row `i`."""
    return Book(
        books.account[i],
        books.positions[i],
        books.held[i],
        books.marks[i],
        books.snaps[i],
        books.volumes_usd[i],
        books.candidates[i],
    )


@device
def begin_book(book: Book, blank: Book, lane: int) -> None:
    """One lane's share of making `book` equal to `blank`."""
    for s in range(lane, book.marks.shape[0], LANES):
        book.positions[s] = blank.positions[s]
        book.marks[s] = blank.marks[s]
        book.snaps[s] = blank.snaps[s]
    if lane > 0:
        return
    book.account[0] = blank.account[0]
    for w in range(book.held.shape[0]):
        book.held[w] = blank.held[w]
    for day in range(book.volumes_usd.shape[0]):
        book.volumes_usd[day] = blank.volumes_usd[day]


@device
def survey_of(surveys: Survey, i: int, first_row: int) -> Survey:
    """The survey of row `i`, which stands at bar `first_row`."""
    return Survey(
        surveys.calls[i],
        surveys.floors[i],
        surveys.looks[i],
        surveys.breadth[i],
        surveys.btc_state[i],
        surveys.shut[i],
        surveys.waited_row[i],
        first_row,
        surveys.snaps[i],
    )


def run_rows(market: Market, batch: Batch, span: tuple[int, int]) -> None:
    """Fill `batch.stats` with the runs of its rows over the instants of `span`; a CUDA kernel.

    It is launched with a block of LANES threads per row.
    """
    i = cuda.blockIdx.x
    lane = cuda.threadIdx.x
    columns = columns_of(batch.values, batch.slots[i])
    params, uncounted = batch.rows[i], batch.uncounted
    book = book_of(batch.books, i)
    out = Output(batch.outputs.equity_usd[i], batch.outputs.trades[i], batch.outputs.counters[i])
    start_usd = batch.blank.account[0].cash_usd
    begin_book(book, batch.blank, lane)
    cuda.syncthreads()
    if lane == 0:
        begin_survey(params, market.own, book.marks, survey_of(batch.surveys, i, 0))
    cuda.syncthreads()
    for k in range(span[0], span[1]):
        seen = survey_of(batch.surveys, i, market.row_of[k])
        if market.is_row[k]:
            if lane == 0:
                survey_market(market, columns, params[0], book.marks, seen, market.row_of[k])
            cuda.syncthreads()
            for s in range(lane, book.marks.shape[0], LANES):
                where = (k, s, lane)
                if survey_symbol(market, columns, params, book.marks, seen, uncounted, where):
                    cuda.atomic.or_(seen.looks, (0, s // WORD_BITS), 1 << s % WORD_BITS)
            cuda.syncthreads()
        if lane == 0:
            scan(market, columns, seen, params, book, out, (k, k + 1))
        cuda.syncthreads()
    if lane == 0:
        close_all(market, params, book, out, span[1] - 1)
        ts_close_ms = market.ts_close_ms[span[0] : span[1]]
        curve_stats(ts_close_ms, out.equity_usd[span[0] : span[1]], start_usd, batch.stats[i])
        ledger_stats(book.account[0], batch.stats[i])


@contextmanager
def without_fma() -> Iterator[None]:
    """Compile CUDA kernels inside the block without fused multiply-adds, as the CPU computes."""
    from numba.cuda.cudadrv import nvvm

    compile_ir = nvvm.compile_ir

    def strict(ir: Any, **options: Any) -> Any:
        return compile_ir(ir, **{**options, "fma": False})

    nvvm.compile_ir = strict
    try:
        yield
    finally:
        nvvm.compile_ir = compile_ir
