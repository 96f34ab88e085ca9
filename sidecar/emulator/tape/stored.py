"""The candles of a store as a market: each bar's path inside it, one bar after another.

A bar without volume has no trades and is not in the venue's candles.  Where a symbol has no bar
nothing happens to it: its quotes stand.  It lists with its first bar, and ends where its data ends
long before the store's or where the store's metadata says so.  Funding rates of the store fall due
as they did; hours without one are left to the venue's formula.  When the data is over, time goes on
and all prices stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.clock import utc_iso
from core.errors import InputError
from core.market.bars import DAY_MS, HOUR_MS, BarBlock, Bools, Floats, Ints
from core.market.metadata import SymbolMetadata
from core.store import candles as candle_store
from core.store import funding as funding_store
from core.store import metadata as metadata_store
from core.store.folder import funding_path, require_folder, stored_intervals
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Listed
from sidecar.emulator.exchange.units import PRICE_DECIMALS, SIGNIFICANT_DIGITS
from sidecar.emulator.tape.market import Slab
from sidecar.emulator.tape.past import PastBars
from sidecar.emulator.tape.path import BarRows, Chance, tick_count_of, trade_counts, trades_needed
from sidecar.emulator.tape.reel import Reel
from sidecar.emulator.tape.rules import assumed
from sidecar.emulator.tape.universe import Listing, Universe

TICK_MS: Final = 1_000
INSTANTS_MAX: Final = 3_600
WARM_UP_SHARE: Final = 4
WARM_UP_DAYS_MAX: Final = 30
FIRST: Final = ("BTC", "ETH", "SOL")
_CELLS: Final = 65_536
_TENS_ZERO: Final = 12
_TENS: Final = np.array([float(f"1e{power}") for power in range(-_TENS_ZERO, 16)])


@dataclass(frozen=True)
class Asked:
    """What of a store is replayed, and when.

    `interval` None takes the finest one that is stored.  `begin_ms` is a time of the data; None
    leaves a quarter of the data, at most 30 days, as history.  With `now_ms` the data is shifted by
    whole hours (whole bars, if those are longer) so that its begin lies at most one before that
    time, and the tape starts then.  `tick_ms` None is a second, or longer for bars of more than an
    hour, which have `INSTANTS_MAX`.
    """

    store_dir: Path
    interval: str | None = None
    begin_ms: int | None = None
    now_ms: int | None = None
    tick_ms: int | None = None
    seed: int = 1


def stored_tape(asked: Asked) -> Reel:
    """The store's market.

    Raise InputError when the folder, the interval or the bars are missing, or when the data does
    not cover the time asked for.
    """
    block = _load(asked)
    begin_ms = _begin(asked, block)
    shift_ms = 0
    start_ms = begin_ms
    if asked.now_ms is not None:
        unit_ms = max(HOUR_MS, block.interval_ms)
        shift_ms = (asked.now_ms - begin_ms) // unit_ms * unit_ms
        start_ms = asked.now_ms
    return Reel(StoredMarket(asked, block, start_ms, shift_ms))


def _load(asked: Asked) -> BarBlock:
    require_folder(asked.store_dir)
    interval = asked.interval
    if interval is None:
        stored = stored_intervals(asked.store_dir)
        if not stored:
            raise InputError(
                "the store has no bars",
                at=str(asked.store_dir),
                hint=f"fill it with `perpkit fetch --synthetic --store {asked.store_dir}`",
            )
        interval = stored[0]
    return candle_store.load(asked.store_dir, interval)


def _begin(asked: Asked, block: BarBlock) -> int:
    first_ms = int(block.ts_open_ms[0])
    end_ms = int(block.ts_open_ms[-1]) + block.interval_ms
    if asked.begin_ms is None:
        warm_up_ms = min((end_ms - first_ms) // WARM_UP_SHARE, WARM_UP_DAYS_MAX * DAY_MS)
        return first_ms + warm_up_ms - warm_up_ms % block.interval_ms
    if not first_ms <= asked.begin_ms < end_ms:
        raise InputError(
            f"the store does not cover {utc_iso(asked.begin_ms)}",
            at=f"{block.path}: bars from {utc_iso(first_ms)} to {utc_iso(end_ms)}",
            hint="begin within that, or fetch more bars",
        )
    return asked.begin_ms


class StoredMarket:
    """The block's bars over time and coin, coins in the order of the universe."""

    def __init__(self, asked: Asked, block: BarBlock, start_ms: int, shift_ms: int) -> None:
        self.start_ms, self.bar_ms = start_ms, block.interval_ms
        longer_ms = max(TICK_MS, self.bar_ms // INSTANTS_MAX)
        self.tick_ms = longer_ms if asked.tick_ms is None else asked.tick_ms
        self._asked, self._block, self._shift_ms = asked, block, shift_ms
        self._open_ms = block.ts_open_ms + shift_ms
        first = np.argmax(block.present, axis=0)
        start = int(np.searchsorted(self._open_ms, start_ms, side="right"))
        known = metadata_store.load(asked.store_dir)

        def place(column: int) -> tuple[int, int, str]:
            # Ids are given as coins list, so that a later one does not move the others.
            name = block.symbols[column]
            rank = FIRST.index(name) if name in FIRST else len(FIRST)
            return max(int(first[column]), start - 1), rank, name

        order = sorted(range(len(block.symbols)), key=place)
        described = [known.get(block.symbols[each]) or assumed(block, each) for each in order]
        self.universe = Universe([Listing(each) for each in described])
        self.chance = Chance(asked.seed, len(order), shift=shift_ms // self.bar_ms)
        self.present: Bools = np.ascontiguousarray(block.present[:, order])
        self._rows = _block_rows(block, order, described)
        numbers = self._open_ms[:start] // self.bar_ms
        words = self.chance.of_bars(numbers, len(order))
        count = tick_count_of(self.bar_ms, self.tick_ms)
        self._trades = trade_counts(self._rows.at(slice(None, start)), count, words)
        self._first = first[order]
        self._ended = np.array(
            [self._end_of(each, column) for each, column in zip(described, order, strict=True)]
        )
        # Who has ended has no bars any more, whatever the store holds.
        self.present &= self._open_ms[:, None] < self._ended
        self._funding = self._load_funding(described)
        self._bars_per_slab = max(1, _CELLS * self.tick_ms // (self.bar_ms * max(len(order), 1)))

    def slab_from(self, at_ms: int) -> Slab | None:
        """Some bars from the first one that ends after `at_ms`."""
        first = int(np.searchsorted(self._open_ms, at_ms - self.bar_ms, side="right"))
        if first == len(self._open_ms):
            return None
        first -= first % self._bars_per_slab
        span = slice(first, first + self._bars_per_slab)
        open_ms = self._open_ms[span]
        return Slab(
            open_ms=open_ms,
            present=self.present[span],
            rows=self._rows.at(span),
            premium=self._premium(open_ms),
            rates=self._rates(open_ms),
            listed=self._listings(first, len(open_ms)),
        )

    def past(self, index: int, interval: str, from_ms: int) -> PastBars:
        """Bars of a coin up to the start."""
        opens = candles.open_of(interval, max(from_ms, 0))
        first = int(np.searchsorted(self._open_ms, opens))
        here = first + np.flatnonzero(self.present[first : len(self._trades), index])
        here = here[self._rows.lots[here, index] > 0]
        rows = self._rows.at((here, index))
        found = PastBars(self._open_ms[here], rows, self._trades[here, index])
        return found if interval == self._block.interval else found.folded(interval)

    def funding(self, index: int) -> list[tuple[int, float, float]]:
        """(hour, rate per hour, premium) of a coin by the start."""
        times, rates, premiums = self._funding[index]
        end = int(np.searchsorted(times, self.start_ms, side="right"))
        return list(
            zip(
                times[:end].tolist(),
                rates[:end].tolist(),
                np.nan_to_num(premiums[:end]).tolist(),
                strict=True,
            )
        )

    def standing(self, index: int) -> tuple[bool, bool]:
        """Is a coin listed by the start, and has it ended by then?"""
        listed = self._open_ms[self._first[index]] <= self.start_ms
        return bool(listed), bool(self._ended[index] <= self.start_ms)

    def first_ticks(self, index: int) -> int:
        """The open of a coin's first bar."""
        return int(self._rows.open_ticks[self._first[index], index])

    def identity(self) -> dict[str, Any]:
        """All that the market depends on, as plain JSON."""
        return {
            "market": "stored",
            "interval": self._block.interval,
            "sha256": self._block.sha256,
            "shift_ms": self._shift_ms,
            "seed": self._asked.seed,
            "coins": [listing.name for listing in self.universe.listings],
        }

    def _end_of(self, metadata: SymbolMetadata, column: int) -> int:
        """When a coin ends, in the tape's time; beyond all time when it does not."""
        last = int(self._block.last_bar_index[column])
        ends = []
        if last < len(self._open_ms):
            ends.append(int(self._open_ms[last]) + self.bar_ms)
        if metadata.delisted_ms is not None:
            ends.append(metadata.delisted_ms + self._shift_ms)
        return min(ends, default=2**62)

    def _listings(self, first: int, count: int) -> dict[int, tuple[Listed, ...]]:
        """By bar of the slab, who begins with it, or has ended by it."""
        out: dict[int, tuple[Listed, ...]] = {}
        before = self._open_ms[first - 1] if first else -1
        for index, listing in enumerate(self.universe.listings):
            at = int(self._first[index]) - first
            if 0 <= at < count:
                out[at] = (*out.get(at, ()), Listed(listing.name, is_delisted=False))
            opens = self._open_ms[first : first + count]
            if before < self._ended[index] <= int(opens[-1]):
                at = int(np.searchsorted(opens, self._ended[index]))
                out[at] = (*out.get(at, ()), Listed(listing.name, is_delisted=True))
        return out

    def _load_funding(self, described: list[SymbolMetadata]) -> list[tuple[Ints, Floats, Floats]]:
        """Per coin the hours, rates and premiums that the store holds."""
        empty = (np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
        if not funding_path(self._asked.store_dir).is_file():
            return [empty for _ in described]
        rows = funding_store.load(self._asked.store_dir).rows
        places = {name: place for place, name in enumerate(rows.symbols)}
        out = []
        for metadata in described:
            mine = rows.symbol_index == places.get(metadata.symbol, -1)
            values = rows.values[mine]
            out.append((rows.ts_ms[mine] + self._shift_ms, values[:, 0], values[:, 1]))
        return out

    def _rates(self, open_ms: Ints) -> dict[int, list[float | None]]:
        """By hour that ends within the bars: the rates that fell due then, where known."""
        out: dict[int, list[float | None]] = {}
        first_ms = int(open_ms[0]) - int(open_ms[0]) % HOUR_MS + HOUR_MS
        for due_ms in range(first_ms, int(open_ms[-1]) + self.bar_ms + 1, HOUR_MS):
            known = [_at(times, rates, due_ms) for times, rates, _ in self._funding]
            if any(rate is not None for rate in known):
                out[due_ms] = known
        return out

    def _premium(self, open_ms: Ints) -> Floats:
        """The premium of the hour that each bar lies in, 0 where it is not known."""
        out = np.zeros((len(open_ms), len(self._funding)))
        due = open_ms - open_ms % HOUR_MS + HOUR_MS
        for index, (times, _, premiums) in enumerate(self._funding):
            if len(times):
                at = np.minimum(np.searchsorted(times, due), len(times) - 1)
                out[:, index] = np.where(times[at] == due, np.nan_to_num(premiums[at]), 0.0)
        return out


def _at(times: Ints, rates: Floats, due_ms: int) -> float | None:
    place = int(np.searchsorted(times, due_ms))
    if place < len(times) and times[place] == due_ms:
        return float(rates[place])
    return None


def venue_ticks(px: Floats, size_decimals: int) -> Ints:
    """Prices in ticks, rounded to what the venue takes: five significant digits, or whole dollars.

    Never less than a tick.
    """
    exponents = np.searchsorted(_TENS, px, side="right") - 1 - _TENS_ZERO
    decimals = np.minimum(SIGNIFICANT_DIGITS - 1 - exponents, PRICE_DECIMALS - size_decimals)
    decimals = np.maximum(decimals, 0)
    step = 10 ** (PRICE_DECIMALS - size_decimals - decimals)
    ticks = np.rint(px * 10.0**decimals).astype(np.int64) * step
    at_least: Ints = np.maximum(ticks, step)
    return at_least


def _block_rows(block: BarBlock, order: list[int], described: list[SymbolMetadata]) -> BarRows:
    """Prices and volumes in whole numbers; a bar gets the lots that its four prices need."""
    columns = []
    for column, metadata in zip(order, described, strict=True):
        decimals = metadata.size_decimals
        prices = [
            venue_ticks(px[:, column], decimals)
            for px in (block.open_px, block.high_px, block.low_px, block.close_px)
        ]
        volume = block.volume[:, column]
        lots = np.where(volume > 0, np.maximum(np.rint(volume * 10.0**decimals), 1.0), 0.0)
        columns.append([each.astype(np.int64) for each in (*prices, lots)])
    rows = BarRows(*(np.stack(values, axis=1) for values in zip(*columns, strict=True)))
    needed = trades_needed(rows)
    return rows.with_lots(np.where(rows.lots > 0, np.maximum(rows.lots, needed), 0))
