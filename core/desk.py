"""What one thread of a sweep works on, and what it keeps from one row to the next.

Rows that read the same series share their columns, rows whose signals are made alike share their
survey; both are kept until a row needs others, so rows should come in the order of `alike`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from core.bank import Bank, slot_keys
from core.simulate import new_book, new_survey
from kernel import codes
from kernel.metrics import curve_stats, ledger_stats
from kernel.records import TRADE, Book, Columns, Ints, Market, Output, Records, Stats, Survey
from kernel.scan import close_all, scan
from kernel.strategies import SERIES_FIELDS
from kernel.survey import TRADE_FIELDS, survey
from schemas.parameters import parameters

NO_COUNTERS = np.zeros(0, np.int64)
"""A survey that counts no gates marks only what may become an entry."""
CHUNK_ROWS = 2048
LANES = 16
"""Rows that advance together."""
TILE_CELLS = 20_000
"""Symbols times instants that they advance at a time: some 5 MB of bars and series."""

Lane = tuple[Book, Output]


@functools.cache
def signal_fields() -> tuple[str, ...]:
    """Every parameter that a survey may read: rows equal in these share their survey.

    All but what says how much is traded, at what cost, and when to leave.
    """
    return tuple(
        each.record_name
        for each in parameters()
        if each.in_kernel
        and (not each.path.startswith("trade.") or each.record_name in TRADE_FIELDS)
    )


def alike(params: npt.NDArray[Any], fields: Sequence[str]) -> Ints:
    """A number for each row of `params` `[R, P]`: equal where the rows are equal in `fields`."""
    seen: dict[bytes, int] = {}
    out = np.zeros(len(params), np.int64)
    names = list(fields)
    for first in range(0, len(params), CHUNK_ROWS):
        part = params[first : first + CHUNK_ROWS]
        values = np.stack([part[name].astype(np.float64) for name in names], axis=-1)
        for k, row in enumerate(values):
            key = hashlib.blake2b(row.tobytes(), digest_size=16).digest()
            out[first + k] = seen.setdefault(key, len(seen))
    return out


class Desk:
    """One thread's books and curves, its survey, and the columns of the rows before."""

    def __init__(self, market: Market, blank: Book, span: tuple[int, int]) -> None:
        symbols = len(market.flags)
        self._market, self._blank, self._span = market, blank, span
        self._marks = blank.marks.copy()
        self._seen = new_survey(len(market.present), symbols)
        self._lanes = [
            (new_book(symbols, 0.0), silent_output(len(market.ts_close_ms))) for _ in range(LANES)
        ]
        self._bank: Bank | None = None
        self._columns: Columns | None = None
        self._alike = (-1, -1)

    def run(self, bank: Bank, params: Records, key: tuple[int, int], stats: Records) -> None:
        """Fill `stats` `[N]` with the runs of rows of parameters `[N, P]` that are alike.

        `key` are their numbers by `row_keys`.
        """
        columns = self._columns
        same_bank = bank is self._bank
        if columns is None or not same_bank or key[0] != self._alike[0]:
            columns = columns_at(bank, bank.slots_of(slot_keys(params[0])))
        if not same_bank or key[1] != self._alike[1]:
            self._marks[:] = self._blank.marks
            survey(
                self._market,
                columns,
                params[0],
                self._marks,
                self._seen,
                NO_COUNTERS,
                self._span,
            )
        self._bank, self._columns, self._alike = bank, columns, key
        for first in range(0, len(params), LANES):
            rows = slice(first, first + LANES)
            lanes = self._lanes[: len(params[rows])]
            series = (columns, self._seen)
            run_rows(self._market, series, params[rows], self._blank, lanes, self._span)
            for lane, found in zip(lanes, stats[rows], strict=True):
                gather(self._market, lane, self._blank, self._span, found)


def silent_output(instant_count: int) -> Output:
    """Where a row writes: a curve and counters, and no trades."""
    return Output(
        equity_usd=np.zeros(instant_count),
        trades=np.zeros(0, TRADE),
        counters=np.zeros(codes.COUNTER_COUNT, np.int64),
    )


def columns_at(bank: Bank, slots: Ints) -> Columns:
    """Views of the bank's series that `slots` point at, one per field of `Columns`."""
    return Columns(*(bank.values[slot] for slot in slots))


def run_rows(
    market: Market,
    series: tuple[Columns, Survey],
    params: Records,
    blank: Book,
    lanes: Sequence[Lane],
    span: tuple[int, int],
) -> None:
    """Run rows of parameters `[N, P]` that share columns and survey, each in a lane of its own.

    Every row starts from `blank`.  They advance together, some instants at a time, so that what
    they read of these stays in the processor's cache.
    """
    columns, seen = series
    for book, _ in lanes:
        for mine, clean in zip(book, blank, strict=True):
            mine[:] = clean
    first, end = span
    step = end - first if len(lanes) == 1 else max(TILE_CELLS // len(market.flags), 1)
    for start in range(first, end, step):
        part = (start, min(start + step, end))
        for row, (book, out) in zip(params, lanes, strict=True):
            scan(market, columns, seen, row, book, out, part)
    for row, (book, out) in zip(params, lanes, strict=True):
        close_all(market, row, book, out, end - 1)


def gather(market: Market, lane: Lane, blank: Book, span: tuple[int, int], stats: Stats) -> None:
    """Fill `stats` with what a row came to."""
    book, out = lane
    first, end = span
    ts, equity_usd = market.ts_close_ms[first:end], out.equity_usd[first:end]
    curve_stats(ts, equity_usd, blank.account["cash_usd"][0], stats)
    ledger_stats(book.account[0], stats)


def row_keys(params: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """`alike` of the rows by the series that they read, and by their signals."""
    return alike(params, SERIES_FIELDS), alike(params, signal_fields())
