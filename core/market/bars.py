"""Bars in memory: the venue's intervals, rows as they arrive, and the block that replay reads.

Pure: nothing here opens a file.  `core/store/candles.py` fills a `BarBlock`, pipelines fill `Rows`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.errors import InputError

if TYPE_CHECKING:
    from core.market.funding import HourlyFunding
    from core.market.metadata import SymbolMetadata

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# The venue's candle intervals.  A month has no fixed length: 0 stands for that, and
# `interval_to_ms` refuses it.
INTERVALS: dict[str, int] = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    "1M": 0,
}


def interval_to_ms(interval: str) -> int:
    """Length of an interval in milliseconds; an unknown one and `1M` are an InputError."""
    length_ms = INTERVALS.get(interval)
    if length_ms is None:
        near = get_close_matches(interval.lower(), INTERVALS, n=1, cutoff=0.4)
        raise InputError(
            f"interval {interval!r} is not one of the venue's intervals",
            at=f"known: {' '.join(INTERVALS)}",
            hint=f"did you mean {near[0]}?" if near else "pick one of the known intervals",
        )
    if length_ms == 0:
        raise InputError(
            f"interval {interval!r} cannot be stored: a month has no fixed length",
            at="stores and decisions need bars of one length",
            hint="use 1w or shorter",
        )
    return length_ms


LATE_BARS_MAX = 3
"""A symbol whose bars stop at most this many instants before the store's may only be late; beyond
that its data has ended."""


def phase_unit_ms(interval_ms: int) -> int:
    """What a bar's open time must be a multiple of, in ms.

    Bars up to a day open on multiples of their length.  Where longer bars begin is the venue's
    choice (a week may start on any weekday), so of these only the midnight is required.
    """
    return min(interval_ms, DAY_MS)


def nearest(name: str, known: Sequence[str], count: int = 3) -> tuple[str, ...]:
    """Up to `count` known names that look like `name`, best first, whatever their case."""
    folded = {other.casefold(): other for other in known}
    near = get_close_matches(name.casefold(), list(folded), n=count, cutoff=0.5)
    return tuple(folded[match] for match in near)


@dataclass(frozen=True)
class Rows:
    """Checked rows of many symbols, sorted by symbol (byte order) and time, no key twice.

    `symbol_index` points into `symbols`; `values` has one column per value of the layout (bars:
    open, high, low, close in USD, volume in base units; funding: rate, premium, where NaN says
    that the source has no premium).
    """

    symbols: tuple[str, ...]
    symbol_index: Ints
    ts_ms: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.ts_ms)


@dataclass(frozen=True)
class BarBlock:
    """All bars of one store and interval as arrays over time and symbol.

    The timeline is the union of the symbols' open times, so an instant at which no symbol has a
    bar is not in it.  Prices are USD, volume is in base units; cells without a bar hold 0.0 and
    `present` is False there.  `last_bar_index` is the index of a symbol's last bar when its data
    ends more than LATE_BARS_MAX instants before the store's, and the length of the timeline when
    it does not; it is found on the whole store, so that a cut does not look like a delisting.
    `funding_rate_1h` is the last rate known at each bar's close, 0.0 where none is known, and
    `funding` what falls due at each hour; both None when the store holds no rates
    (`core.market.funding`).  `exit_bars` and `entry_bars` are finer bars of the same symbols
    (`core.market.instants`), `metadata` has one entry per symbol or none at all, `member` says who
    belongs to the universe at each bar, None for all (`core.market.universe`).  `sha256` covers all
    but the path and the members.
    """

    symbols: tuple[str, ...]
    interval: str
    interval_ms: int
    ts_open_ms: Ints
    open_px: Floats
    high_px: Floats
    low_px: Floats
    close_px: Floats
    volume: Floats
    present: Bools
    last_bar_index: Ints
    synthetic: bool
    sha256: str
    path: str
    funding_rate_1h: Floats | None = None
    funding: HourlyFunding | None = None
    exit_bars: BarBlock | None = None
    entry_bars: BarBlock | None = None
    metadata: tuple[SymbolMetadata | None, ...] = ()
    member: Bools | None = None

    @property
    def bar_count(self) -> int:
        """Bars present, over all symbols."""
        return int(self.present.sum())

    def columns_of(self, symbols: Sequence[str]) -> Ints:
        """Column of each symbol; one that the store does not hold is an InputError."""
        columns = {symbol: column for column, symbol in enumerate(self.symbols)}
        for symbol in symbols:
            if symbol not in columns:
                near = nearest(symbol, self.symbols)
                raise InputError(
                    f"symbol {symbol!r} has no bars in this store",
                    at=f"{self.path}: {len(self.symbols)} symbols at {self.interval}",
                    hint=f"did you mean {' or '.join(near)}?"
                    if near
                    else f"stored: {' '.join(self.symbols[:12])}"
                    + (" ..." if len(self.symbols) > 12 else ""),
                )
        return np.array([columns[symbol] for symbol in symbols], np.int64)

    def rows(self, first: int, end: int) -> BarBlock:
        """Rows `first` up to `end` as a view, for the kernel; `sha256` stays that of the whole.

        Finer bars are those that open at the close of the row before, or later, and close by the
        last row's close.  A symbol that ends after the view counts as not ended.
        """
        closes = self.ts_open_ms + self.interval_ms
        span_ms = (int(closes[first - 1] if first else self.ts_open_ms[0]), int(closes[end - 1]))
        ended = self.last_bar_index
        return replace(
            self._sliced(first, end),
            exit_bars=None if self.exit_bars is None else self.exit_bars.between(*span_ms),
            entry_bars=None if self.entry_bars is None else self.entry_bars.between(*span_ms),
            last_bar_index=np.where(ended < end, ended - first, end - first).astype(np.int64),
        )

    def between(self, start_ms: int, end_ms: int) -> BarBlock:
        """The bars that open at `start_ms` or later and close by `end_ms`, as a view."""
        first = int(np.searchsorted(self.ts_open_ms, start_ms, side="left"))
        end = int(np.searchsorted(self.ts_open_ms, end_ms - self.interval_ms, side="right"))
        return self._sliced(first, max(end, first))

    def _sliced(self, first: int, end: int) -> BarBlock:
        def of(array: Any) -> Any:
            return None if array is None else array[first:end]

        return replace(
            self,
            ts_open_ms=self.ts_open_ms[first:end],
            open_px=self.open_px[first:end],
            high_px=self.high_px[first:end],
            low_px=self.low_px[first:end],
            close_px=self.close_px[first:end],
            volume=self.volume[first:end],
            present=self.present[first:end],
            funding_rate_1h=of(self.funding_rate_1h),
            member=of(self.member),
        )

    def cut(self, end_ms: int) -> BarBlock:
        """The block as it was known at `end_ms`: the bars whose close is at or before it.

        Symbols keep their columns.  A symbol that ends later counts as not ended.
        """
        length = int(np.searchsorted(self.ts_open_ms, end_ms - self.interval_ms, side="right"))
        if length == len(self.ts_open_ms):
            return self
        last_ms = int(self.ts_open_ms[max(length - 1, 0)]) + self.interval_ms
        part = replace(
            self.rows(0, length) if length else self._sliced(0, 0),
            funding=None if self.funding is None else self.funding.until(last_ms),
            last_bar_index=np.minimum(self.last_bar_index, length),
        )
        return replace(part, sha256=block_sha256(part))


def block_from_rows(rows: Rows, interval: str, *, synthetic: bool, path: str = "") -> BarBlock:
    """The aligned block of `rows`, which must hold at least one bar.

    Filling flat cells of C-contiguous arrays keeps this at a few milliseconds per 100,000 bars.
    """
    timeline, time_index = np.unique(rows.ts_ms, return_inverse=True)
    shape = (len(timeline), len(rows.symbols))
    cell = time_index * shape[1] + rows.symbol_index

    def aligned(column: int) -> Floats:
        out = np.zeros(shape)
        out.ravel()[cell] = rows.values[:, column]
        return out

    present = np.zeros(shape, np.bool_)
    present.ravel()[cell] = True
    last = shape[0] - 1 - np.argmax(present[::-1], axis=0)
    block = BarBlock(
        symbols=rows.symbols,
        interval=interval,
        interval_ms=interval_to_ms(interval),
        ts_open_ms=timeline,
        open_px=aligned(0),
        high_px=aligned(1),
        low_px=aligned(2),
        close_px=aligned(3),
        volume=aligned(4),
        present=present,
        last_bar_index=np.where(last < shape[0] - 1 - LATE_BARS_MAX, last, shape[0]).astype(
            np.int64
        ),
        synthetic=synthetic,
        sha256="",
        path=path,
    )
    return replace(block, sha256=block_sha256(block))


def block_sha256(block: BarBlock) -> str:
    """Hash of a block's logical content: equal bars give an equal hash, wherever they lie."""
    digest = hashlib.sha256(
        json.dumps([block.interval, block.synthetic, list(block.symbols)]).encode()
    )
    arrays = [block.open_px, block.high_px, block.low_px, block.close_px, block.volume]
    if block.funding_rate_1h is not None:
        arrays.append(block.funding_rate_1h)
    if block.funding is not None:
        arrays += [block.funding.rate, block.funding.oracle_px]
    for finer in (block.exit_bars, block.entry_bars):
        digest.update(b"" if finer is None else block_sha256(finer).encode())
    if block.metadata:
        digest.update(repr(block.metadata).encode())
    for array in (block.ts_open_ms, block.last_bar_index, block.present, *arrays):
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def rows_sha256(rows: Rows) -> str:
    """Hash of what rows say, for series that are not aligned into a block."""
    digest = hashlib.sha256(json.dumps(list(rows.symbols)).encode())
    for array in (rows.symbol_index, rows.ts_ms, rows.values):
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
