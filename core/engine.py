"""The CPU engine: rows of parameters over one window, on as many threads as call it.

Indicator series are made once, whichever rows read them, and kept within a memory; those that were
not read for longest go first.  Every row gives exactly the figures that `core.simulate` gives.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

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
from core.market.bars import BarBlock
from core.market.record import market_of
from core.simulate import Window, new_book, rows_of, span_of_rows
from kernel.features import Series
from kernel.records import STATS, Book, Floats, Ints, Market, Records
from kernel.strategies import SERIES_FIELDS

MEMORY_BYTES = 1 << 30
"""Memory for indicator series; one strategy's own always fit, however long the data."""


class Engine(Protocol):
    """What runs rows of parameters: this one, or the one on GPUs."""

    symbol_bars: int

    def figures(self, params: npt.NDArray[np.record]) -> Records:
        """One Stats record for each row of `params` `[N, P]`."""
        ...


@dataclass(frozen=True)
class Field:
    """One window of a block, ready for rows: its market, the book that each row begins with.

    `span` are the instants that are traded, `symbol_bars` the bars of all symbols that a row
    decides.
    """

    view: BarBlock
    market: Market
    blank: Book
    span: tuple[int, int]
    symbol_bars: int


def field_of(
    block: BarBlock, window: Window, own: Sequence[str], initial_equity_usd: float
) -> Field:
    """The field of a window; symbols in `own` have parameters of their own.

    The block has its universe and its finer bars.
    """
    first, end = rows_of(block, window)
    view = block.rows(0, end)
    market = market_of(view, own=own)
    blank = new_book(len(view.symbols), initial_equity_usd)
    blank.marks["bar_count"] += view.present[:first].sum(axis=0)
    span = span_of_rows(view, market.ts_close_ms, first, goes_on=False)
    return Field(view, market, blank, span, int(view.present[first:].sum()))


class SeriesCache:
    """Series of one block by what they are, as many as fit; several threads may ask."""

    def __init__(self, view: BarBlock, bytes_max: int) -> None:
        self._view = view
        self._most = max(bytes_max // series_bytes(view), 1)
        self._kept: OrderedDict[Series, Floats] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, series: Series) -> Floats:
        """The series, `[T+1, S]`, made if it is not there."""
        with self._lock:
            found = self._kept.get(series)
            if found is None:
                rows, columns = self._view.close_px.shape
                found = np.empty((rows + 1, columns))
                fill_series_into(self._view, series, found)
                self._kept[series] = found
            self._kept.move_to_end(series)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
            return found


class CpuEngine:
    """Runs rows on the calling thread; each thread has books and curves of its own."""

    def __init__(self, field: Field, memory_bytes: int = MEMORY_BYTES, threads: int = 1) -> None:
        self.symbol_bars = field.symbol_bars
        self._field = field
        self._cache = SeriesCache(field.view, memory_bytes)
        self._most_bytes = memory_bytes // threads
        self._local = threading.local()

    def figures(self, params: npt.NDArray[np.record]) -> Records:
        """One Stats record for each row of `params` `[N, P]`."""
        stats = np.zeros(len(params), STATS)
        keys = row_keys(params)
        desk = self._desk()
        for group in groups_of(params, series_bytes(self._field.view), self._most_bytes):
            bank = self.bank(group)
            for part in parts_of(group.rows, keys):
                found = np.zeros(len(part), STATS)
                key = (int(keys[0][part[0]]), int(keys[1][part[0]]))
                desk.run(bank, params[part], key, found)
                stats[part] = found
        return stats

    def _desk(self) -> Desk:
        if not hasattr(self._local, "desk"):
            field = self._field
            self._local.desk = Desk(field.market, field.blank, field.span)
        desk: Desk = self._local.desk
        return desk

    def bank(self, group: Group) -> Bank:
        """The series that a group of rows reads."""
        bank = Bank([self._cache[each] for each in group.series], group.series, {}, group.mixed)
        mixed = [mixed_column(bank, key, self._field.market.own) for key in group.mixed]
        return Bank([*bank.values, *mixed], group.series, {}, group.mixed)


@dataclass(frozen=True)
class Group:
    """Rows that share a bank, and the series of it."""

    rows: Ints
    series: tuple[Series, ...]
    mixed: tuple[SlotKey, ...] = ()


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


def parts_of(rows: Ints, keys: tuple[Ints, Ints]) -> list[Ints]:
    """The rows in parts that are alike in both `keys`, those that read the same series together."""
    by_series, by_signals = (key[rows] for key in keys)
    order = np.lexsort((by_signals, by_series))
    changes = (np.diff(by_series[order]) != 0) | (np.diff(by_signals[order]) != 0)
    return np.split(rows[order], np.flatnonzero(changes) + 1)
