"""The bank of indicator series: each distinct series once, whichever strategies read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.market.bars import BarBlock
from kernel.features import NO_SERIES, Series, fill_series, memory_length
from kernel.records import Columns, Floats, Ints
from kernel.strategies import series_of


@dataclass(frozen=True)
class SeriesMemory:
    """Where a series stood after its last bar: memory `[S, L]`, last values `[S]`."""

    memory: Floats
    last: Floats


@dataclass(frozen=True)
class Bank:
    """Series values `[K, T+1, S]`, their memories after the last row, and what they are."""

    values: Floats
    series: tuple[Series, ...]
    memories: dict[Series, SeriesMemory]

    def slots_of(self, wanted: Sequence[Series]) -> Ints:
        """Index of each wanted series, as the kernel reads it.

        A slot whose rules are off points at the first series: it is read and not used.
        """
        index = {series: k for k, series in enumerate(self.series)}
        index[NO_SERIES] = 0
        return np.array([index[series] for series in wanted], np.int64)

    def columns_of(self, wanted: Sequence[Series]) -> Columns:
        """The wanted series, one per slot, as the kernel reads them for one strategy."""
        return Columns(*(self.values[slot] for slot in self.slots_of(wanted)))


def series_bytes(block: BarBlock) -> int:
    """Bytes that one series of a bank over `block` takes."""
    rows, columns = block.close_px.shape
    return int((rows + 1) * columns * 8)


def distinct_series(records: npt.NDArray[np.record]) -> tuple[Series, ...]:
    """The series that any of the parameter records reads, in a fixed order."""
    found = {series for record in records for series in series_of(record)}
    return tuple(sorted(found - {NO_SERIES}))


def fill_bank(
    block: BarBlock,
    series: Sequence[Series],
    memories: dict[Series, SeriesMemory] | None = None,
) -> Bank:
    """The bank of `series` over all rows of `block`, continued from `memories` if given."""
    rows, columns = block.close_px.shape
    values = np.empty((len(series), rows + 1, columns))
    after = {
        one: fill_series_into(block, one, values[k], None if memories is None else memories[one])
        for k, one in enumerate(series)
    }
    return Bank(values, tuple(series), after)


def fill_series_into(
    block: BarBlock, series: Series, column: Floats, before: SeriesMemory | None = None
) -> SeriesMemory:
    """Fill `column` `[T+1, S]` with one series, continued from `before`; its memory afterwards."""
    kind, *windows = series
    memory = np.zeros((column.shape[1], memory_length(series)))
    column[0] = 0.0
    if before is not None:
        memory[:] = before.memory
        column[0] = before.last
    bars = (block.high_px, block.low_px, block.close_px, block.volume, block.present)
    fill_series(kind, (windows[0], windows[1], windows[2]), bars, memory, column)
    return SeriesMemory(memory, column[-1].copy())
