"""Bars from before the start, folded to any interval as the venue folds its own.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.market.bars import DAY_MS, HOUR_MS, INTERVALS, Bools, Ints
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.state import Bar
from sidecar.emulator.tape.path import BarRows, joined_rows

NONE: Final = np.zeros(0, np.int64)


@dataclass(frozen=True)
class PastBars:
    """Bars of one coin, oldest first: when each opens, what it says, how many trades it had."""

    open_ms: Ints
    rows: BarRows
    trades: Ints

    def __len__(self) -> int:
        return len(self.open_ms)

    def at(self, index: Bools | slice) -> PastBars:
        """Some of them."""
        return PastBars(self.open_ms[index], self.rows.at(index), self.trades[index])

    def between(self, from_ms: int, to_ms: int) -> PastBars:
        """Those that open from `from_ms` up to but not including `to_ms`."""
        first, end = np.searchsorted(self.open_ms, [from_ms, to_ms])
        return self.at(slice(int(first), int(end)))

    def folded(self, interval: str) -> PastBars:
        """The same as bars of a coarser interval; the first and the last may be parts of one."""
        if not len(self):
            return self
        opens = opens_of(interval, self.open_ms)
        starts = np.flatnonzero(np.append([True], opens[1:] != opens[:-1]))
        ends = np.append(starts[1:], len(opens)) - 1
        rows = BarRows(
            self.rows.open_ticks[starts],
            np.maximum.reduceat(self.rows.high_ticks, starts),
            np.minimum.reduceat(self.rows.low_ticks, starts),
            self.rows.close_ticks[ends],
            np.add.reduceat(self.rows.lots, starts),
        )
        return PastBars(opens[starts], rows, np.add.reduceat(self.trades, starts))

    def bars(self) -> list[Bar]:
        """As the state keeps them."""
        columns = (self.open_ms, *self.rows.columns(), self.trades)
        return list(map(Bar, *(column.tolist() for column in columns)))


EMPTY: Final = PastBars(NONE, BarRows(NONE, NONE, NONE, NONE, NONE), NONE)


def of_trades(at_ms: Ints, ticks: Ints, lots: Ints) -> PastBars:
    """Each trade as a bar of its own, to be folded."""
    return PastBars(at_ms, BarRows(ticks, ticks, ticks, ticks, lots), np.ones_like(lots))


def joined(parts: Sequence[PastBars]) -> PastBars:
    """Stretches in a row, the older first."""
    if not parts:
        return EMPTY
    return PastBars(
        np.concatenate([each.open_ms for each in parts]),
        joined_rows([each.rows for each in parts]),
        np.concatenate([each.trades for each in parts]),
    )


def opens_of(interval: str, at_ms: Ints) -> Ints:
    """When the bar of the interval opens that each instant lies in."""
    length_ms = INTERVALS[interval]
    if length_ms:
        return at_ms - at_ms % length_ms
    months = (at_ms // DAY_MS).astype("datetime64[D]").astype("datetime64[M]")
    days: Ints = months.astype("datetime64[D]").astype(np.int64)
    return days * DAY_MS


def begun(past: PastBars, interval: str, start_ms: int) -> list[Bar]:
    """What the venue's list of an interval holds at the start: the part of its open bar that finer
    bars have finished.  `past` are bars of the next finer interval that closed by the start."""
    finer = candles.FINER[interval]
    first = candles.open_of(interval, start_ms)
    end = candles.open_of(finer, start_ms)
    return past.between(first, end).folded(interval).bars()


def hour_volumes(past: PastBars, start_ms: int) -> dict[int, tuple[int, int]]:
    """Lots and micros by hour of the last day; the money is at the middle of each bar's prices."""
    out: dict[int, tuple[int, int]] = {}
    for bar in past.between(start_ms - DAY_MS, start_ms).bars():
        middle = (bar.open_ticks + bar.high_ticks + bar.low_ticks + bar.close_ticks) // 4
        hour_ms = bar.open_ms - bar.open_ms % HOUR_MS
        lots, micros = out.get(hour_ms, (0, 0))
        out[hour_ms] = (lots + bar.lots, micros + bar.lots * middle)
    return out
