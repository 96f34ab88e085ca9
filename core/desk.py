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
    """One thread's book, curve and survey, and the columns of the row before."""

    def __init__(self, market: Market, blank: Book, span: tuple[int, int]) -> None:
        symbols = len(market.flags)
        self._market, self._blank, self._span = market, blank, span
        self._book = new_book(symbols, 0.0)
        self._marks = blank.marks.copy()
        self._seen = new_survey(len(market.present), symbols)
        self._out = Output(
            equity_usd=np.zeros(len(market.ts_close_ms)),
            trades=np.zeros(0, TRADE),
            counters=np.zeros(codes.COUNTER_COUNT, np.int64),
        )
        self._bank: Bank | None = None
        self._columns: Columns | None = None
        self._alike = (-1, -1)

    def run(self, bank: Bank, params: Records, key: tuple[int, int], stats: Stats) -> None:
        """Fill `stats` with the run of one row of parameters `[P]`.

        `key` are its numbers by `alike`: of the series it reads, and of its signals.
        """
        columns = self._columns
        same_bank = bank is self._bank
        if columns is None or not same_bank or key[0] != self._alike[0]:
            columns = columns_at(bank, bank.slots_of(slot_keys(params)))
        if not same_bank or key[1] != self._alike[1]:
            self._marks[:] = self._blank.marks
            survey(self._market, columns, params, self._marks, self._seen, NO_COUNTERS, self._span)
        self._bank, self._columns, self._alike = bank, columns, key
        books = (self._book, self._blank)
        run_row(self._market, columns, self._seen, params, books, (self._out, self._span), stats)


def columns_at(bank: Bank, slots: Ints) -> Columns:
    """Views of the bank's series that `slots` point at, one per field of `Columns`."""
    return Columns(*(bank.values[slot] for slot in slots))


def run_row(
    market: Market,
    columns: Columns,
    seen: Survey,
    params: Records,
    books: tuple[Book, Book],
    to: tuple[Output, tuple[int, int]],
    stats: Stats,
) -> None:
    """Fill `stats` with the run of one row of parameters `[P]`, whose survey is `seen`.

    `books` is (scratch, blank): the row starts from the blank one.  `to` is (output without
    trades, the instants that are traded).  The few calls of a row cost a hundredth of it, and a
    kernel that took many rows would be compiled a second time.
    """
    book, blank = books
    out, span = to
    for mine, clean in zip(book, blank, strict=True):
        mine[:] = clean
    first, end = span
    scan(market, columns, seen, params, book, out, span)
    close_all(market, params, book, out, end - 1)
    ts, equity_usd = market.ts_close_ms[first:end], out.equity_usd[first:end]
    curve_stats(ts, equity_usd, blank.account["cash_usd"][0], stats)
    ledger_stats(book.account[0], stats)


def row_keys(params: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    """`alike` of the rows by the series that they read, and by their signals."""
    return alike(params, SERIES_FIELDS), alike(params, signal_fields())
