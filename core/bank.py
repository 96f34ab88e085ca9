"""The bank of indicator series: each distinct series once, whichever strategies read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


SlotKey = tuple[Series, ...]
"""The series of one slot for each set of parameters: the common one, then those of symbols."""


@dataclass(frozen=True)
class Bank:
    """K series of values `[T+1, S]`, their memories after the last row, and what they are.

    Behind the K series stand those of `mixed`, put together from columns of several.
    """

    values: Floats | list[Floats]
    series: tuple[Series, ...]
    memories: dict[Series, SeriesMemory]
    mixed: tuple[SlotKey, ...] = ()

    def slots_of(self, wanted: Sequence[SlotKey]) -> Ints:
        """Index of each wanted series, as the kernel reads it.

        A slot whose rules are off points at the first series: it is read and not used.
        """
        index: dict[Series, int] = {series: k for k, series in enumerate(self.series)}
        index[NO_SERIES] = 0
        of_mixed = {key: len(self.series) + k for k, key in enumerate(self.mixed)}
        return np.array(
            [of_mixed[key] if is_mixed(key) else index[read_of(key)] for key in wanted], np.int64
        )

    def columns_of(self, params: npt.NDArray[np.record], own: Ints) -> Columns:
        """The series that a strategy reads, one per slot; `own` as in `kernel.records.Market`."""
        keys = slot_keys(params)
        plain = self.slots_of([key if not is_mixed(key) else (NO_SERIES,) for key in keys])
        return Columns(
            *(
                mixed_column(self, key, own) if is_mixed(key) else self.values[slot]
                for key, slot in zip(keys, plain, strict=True)
            )
        )


def slot_keys(params: npt.NDArray[Any]) -> tuple[SlotKey, ...]:
    """The series of each slot for the sets of parameters of one strategy."""
    return tuple(zip(*(series_of(record) for record in params), strict=True))


def read_of(key: SlotKey) -> Series:
    """The one series that a key which is not mixed reads, or NO_SERIES."""
    return next((series for series in key if series != NO_SERIES), NO_SERIES)


def mixed_keys(params: npt.NDArray[np.record]) -> tuple[SlotKey, ...]:
    """The mixed series that any of the strategies `[R, P]` reads, in a fixed order."""
    if params.shape[1] == 1:
        return ()
    return tuple(sorted({key for row in params for key in slot_keys(row) if is_mixed(key)}))


def is_mixed(key: SlotKey) -> bool:
    """True if symbols read different series in one slot."""
    return len(set(key) - {NO_SERIES}) > 1


def mixed_column(bank: Bank, key: SlotKey, own: Ints) -> Floats:
    """One column `[T+1, S]` with each symbol's own series."""
    index = {series: k for k, series in enumerate(bank.series)}
    out: Floats = bank.values[index[read_of(key)]].copy()
    for row, series in enumerate(key):
        if series != NO_SERIES:
            out[:, own == row] = bank.values[index[series]][:, own == row]
    return out


def series_bytes(block: BarBlock) -> int:
    """Bytes that one series of a bank over `block` takes."""
    rows, columns = block.close_px.shape
    return int((rows + 1) * columns * 8)


def distinct_series(records: npt.NDArray[Any]) -> tuple[Series, ...]:
    """The series that any of the parameter records reads, in a fixed order."""
    found = {series for record in records.ravel() for series in series_of(record)}
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
