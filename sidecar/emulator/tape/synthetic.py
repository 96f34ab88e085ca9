"""The made-up market of `perpkit fetch --synthetic`, ticking, for ever.  Pure.

The same seed, symbols, edge and first midnight give the same minutes: what trades here makes the
bars that `core.market.synthetic` makes of them.  The market begins whole days before the tape's
start; what lies between is its history, in which some symbols list late and one ends.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from core.errors import UsageError
from core.market.bars import DAY_MS, HOUR_MS, INTERVALS, MINUTE_MS, Bools, Floats, Ints
from core.market.metadata import SymbolMetadata
from core.market.process import MINUTES, Hours, MarketState, advance
from core.market.process import first_state as first_market_state
from core.market.synthetic import MarketSpec, presence, traits_of
from core.market.traits import metadata_of, powers_of_ten, round_px
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Listed
from sidecar.emulator.exchange.units import PRICE_DECIMALS
from sidecar.emulator.tape.market import Slab
from sidecar.emulator.tape.past import PastBars, joined
from sidecar.emulator.tape.path import (
    BarRows,
    Chance,
    tick_count_of,
    trade_counts,
    trades_needed,
)
from sidecar.emulator.tape.reel import Reel
from sidecar.emulator.tape.universe import Listing, Universe

HISTORY_DAYS: Final = 30
TICK_MS: Final = 1_000
DEX_SYMBOLS: Final = ("GOLD", "OIL")
_DEX_SEED: Final = 1_000_003
_KEPT: Final = ("1m", "3m", "5m", "15m", "30m", "1h")
_STRETCH_HOURS: Final = 24


def synthetic_spec(
    seed: int, symbol_count: int, start_ms: int, history_days: int, edge: float = 1.0
) -> MarketSpec:
    """A market whose first midnight lies so many days before that of the start.

    From six symbols on some list late and some end, within the history if it has four days.
    """
    is_small = symbol_count < 6
    return MarketSpec(
        seed=seed,
        symbol_count=symbol_count,
        bar_count=max(24 * history_days, 100),
        interval="1h",
        start_ms=start_ms - start_ms % DAY_MS - history_days * DAY_MS,
        edge=edge,
        late_count=0 if is_small else max(2, symbol_count // 6),
        holed_count=0,
        hole_count=0,
        ended_count=0 if is_small else max(1, symbol_count // 12),
    )


def synthetic_tape(spec: MarketSpec, start_ms: int, tick_ms: int = TICK_MS, dex: str = "") -> Reel:
    """The market of `spec` from `start_ms` on; with a `dex` that builder's two coins join it.

    Raise UsageError when it starts before the market or its instants do not divide a minute.
    """
    if start_ms < spec.start_ms:
        raise UsageError(
            f"the tape starts {spec.start_ms - start_ms} ms before its market",
            hint="begin the market at a midnight before the start",
        )
    return Reel(SyntheticMarket(spec, start_ms, tick_ms, dex))


@dataclass(frozen=True)
class _Minutes:
    """A stretch of whole hours: rows over minute and coin, rates over hour and coin."""

    hour: int
    rows: BarRows
    premium: Floats
    rate_1h: Floats
    premium_1h: Floats


class SyntheticMarket:
    """Minutes of the process, in the order of the universe."""

    bar_ms = MINUTE_MS

    def __init__(self, spec: MarketSpec, start_ms: int, tick_ms: int, dex: str) -> None:
        self.spec, self.start_ms, self.tick_ms, self.dex = spec, start_ms, tick_ms, dex
        self._tick_count = tick_count_of(self.bar_ms, tick_ms)
        own = traits_of(spec)
        self._traits = [own]
        described = list(metadata_of(own, 2**40 - 1))
        listed, ended = [own.listed_hour], [own.delisted_hour]
        # Ids are given as coins list, so that a later one does not move the others.
        order = sorted(range(len(described)), key=lambda index: (own.listed_hour[index], index))
        if dex:
            theirs = traits_of(_dex_spec(spec))
            self._traits.append(theirs)
            order += [len(described) + index for index in range(len(theirs.symbols))]
            described += _renamed(metadata_of(theirs, 2**40 - 1))
            listed.append(theirs.listed_hour)
            ended.append(theirs.delisted_hour)
        self._order = np.array(order, np.int64)
        self._listed = np.concatenate(listed)[self._order]
        self._ended = np.concatenate(ended)[self._order]
        count = len(own.symbols)
        self.universe = Universe(
            [Listing(described[index], dex if index >= count else "") for index in order]
        )
        self.chance = Chance(spec.seed, len(order))
        self._decimals = [listing.metadata.size_decimals for listing in self.universe.listings]
        self._holes = ~presence(spec, own)
        self._states = [first_market_state(traits) for traits in self._traits]
        self._current: _Minutes | None = None
        self._kept: dict[str, list[tuple[int, BarRows, Ints]]] = {name: [] for name in _KEPT}
        self._rates: list[Floats] = []
        self._premiums: list[Floats] = []
        self._walk_history()

    def slab_from(self, at_ms: int) -> Slab | None:
        """The hour that an instant lies in."""
        hour = max((at_ms - self.spec.start_ms) // HOUR_MS, 0)
        found = self._hour(hour)
        present = self._present(hour)
        # Rates of a builder's coins follow rules of their own, which the venue applies.
        own = present & (self._order < len(self._traits[0].symbols))
        pairs = zip(found.rate_1h[0].tolist(), own.tolist(), strict=True)
        open_ms = self.spec.start_ms + hour * HOUR_MS
        return Slab(
            open_ms=open_ms + MINUTE_MS * np.arange(MINUTES, dtype=np.int64),
            present=np.tile(present, (MINUTES, 1)),
            rows=found.rows,
            premium=found.premium,
            rates={open_ms + HOUR_MS: [rate if there else None for rate, there in pairs]},
            listed={0: self._listings(hour)},
        )

    def past(self, index: int, interval: str, from_ms: int) -> PastBars:
        """Bars of a coin up to the start; those longer than an hour are made of hours."""
        if interval not in self._kept:
            opens = candles.open_of(interval, max(from_ms, self.spec.start_ms))
            return self.past(index, "1h", opens).folded(interval)
        length_ms = INTERVALS[interval]
        parts = []
        for hour, rows, counts in self._kept[interval]:
            opens_ms = length_ms * np.arange(len(counts), dtype=np.int64)
            opens_ms += self.spec.start_ms + hour * HOUR_MS
            if opens_ms[-1] < from_ms:
                continue
            hours = (opens_ms - self.spec.start_ms) // HOUR_MS
            there = self._presence_of(index, hours)
            mine = BarRows(*(each[there, index].astype(np.int64) for each in rows.columns()))
            parts.append(PastBars(opens_ms[there], mine, counts[there, index].astype(np.int64)))
        return joined(parts)

    def funding(self, index: int) -> list[tuple[int, float, float]]:
        """(hour, rate per hour, premium) of a coin by the start."""
        count = (self.start_ms - self.spec.start_ms) // HOUR_MS
        if not count:
            return []
        rates = np.concatenate(self._rates)[:count, index].tolist()
        premiums = np.concatenate(self._premiums)[:count, index].tolist()
        first, end = int(self._listed[index]), int(self._ended[index])
        return [
            (self.spec.start_ms + (hour + 1) * HOUR_MS, rates[hour], premiums[hour])
            for hour in range(first, min(end, count))
        ]

    def standing(self, index: int) -> tuple[bool, bool]:
        """Is a coin listed by the start, and has it ended by then?"""
        hour = (self.start_ms - self.spec.start_ms) // HOUR_MS
        return bool(self._listed[index] <= hour), bool(self._ended[index] <= hour)

    def first_ticks(self, index: int) -> int:
        """The price at which the market began."""
        first = np.concatenate([traits.first_px for traits in self._traits])[self._order]
        return int(_ticks(first[index : index + 1], self._decimals[index])[0])

    def identity(self) -> dict[str, Any]:
        """All that the market depends on, as plain JSON."""
        return {"market": "synthetic", **self.spec.identity(), "dex": self.dex}

    def _walk_history(self) -> None:
        """Every hour up to the one that the start lies in goes into the bars that are kept."""
        last = (self.start_ms - self.spec.start_ms) // HOUR_MS
        hour = 0
        while hour < last:
            count = min(_STRETCH_HOURS, last - hour)
            self._keep(self._advance(hour, count), count)
            hour += count
        self._keep(self._hour(last), 1)

    def _keep(self, found: _Minutes, hours: int) -> None:
        first = (self.spec.start_ms + found.hour * HOUR_MS) // MINUTE_MS
        numbers = first + np.arange(hours * MINUTES, dtype=np.int64)
        words = self.chance.of_bars(numbers, self.chance.symbol_count)
        rows, counts = found.rows, trade_counts(found.rows, self._tick_count, words)
        self._rates.append(found.rate_1h)
        self._premiums.append(found.premium_1h)
        for interval in _KEPT:
            minutes = INTERVALS[interval] // MINUTE_MS
            kept = self._kept[interval]
            kept.append((found.hour, *_narrow(*_folded(rows, counts, minutes))))
            if interval == "1h":
                continue
            # The last hour holds bars from after the start too.
            count = sum(len(trades) for _, _, trades in kept)
            while count - len(kept[0][2]) >= candles.BARS_MAX + MINUTES:
                count -= len(kept.pop(0)[2])

    def _hour(self, hour: int) -> _Minutes:
        if self._current is None or self._current.hour != hour:
            self._current = self._advance(hour, 1)
        return self._current

    def _advance(self, hour: int, count: int) -> _Minutes:
        """Hours from that one on; walked anew from the beginning where they lie behind."""
        if self._states[0].hour > hour:
            self._states = [first_market_state(traits) for traits in self._traits]
        while (gap := hour - self._states[0].hour) > 0:
            self._step(min(gap, _STRETCH_HOURS))
        return self._rows(hour, self._step(count))

    def _step(self, count: int) -> list[Hours]:
        found: list[tuple[Hours, MarketState]] = [
            advance(traits, state, count)
            for traits, state in zip(self._traits, self._states, strict=True)
        ]
        self._states = [state for _, state in found]
        return [hours for hours, _ in found]

    def _rows(self, hour: int, found: list[Hours]) -> _Minutes:
        def of(name: str) -> Floats:
            parts = [getattr(each, name) for each in found]
            whole = np.concatenate(parts, axis=-1)[..., self._order]
            return whole.reshape(-1, whole.shape[-1])

        rows = BarRows(
            self._ticks_of(of("open_px")),
            self._ticks_of(of("high_px")),
            self._ticks_of(of("low_px")),
            self._ticks_of(of("close_px")),
            of("volume_lots").astype(np.int64),
        )
        rows = rows.with_lots(np.maximum(rows.lots, trades_needed(rows)))
        return _Minutes(hour, rows, of("premium_frac"), of("rate_1h"), of("premium_1h_frac"))

    def _ticks_of(self, px: Floats) -> Ints:
        columns = [_ticks(px[:, index], each) for index, each in enumerate(self._decimals)]
        return np.stack(columns, axis=1)

    def _presence_of(self, index: int, hours: Ints) -> Bools:
        there = (self._listed[index] <= hours) & (hours < self._ended[index])
        source = int(self._order[index])
        if source < self._holes.shape[1]:
            inside = np.minimum(hours, len(self._holes) - 1)
            holed = self._holes[inside, source] & (hours < len(self._holes))
            there &= ~holed
        found: Bools = there
        return found

    def _present(self, hour: int) -> Bools:
        out = (self._listed <= hour) & (hour < self._ended)
        if hour < len(self._holes):
            mine = self._order < self._holes.shape[1]
            out[mine] &= ~self._holes[hour, self._order[mine]]
        found: Bools = out
        return found

    def _listings(self, hour: int) -> tuple[Listed, ...]:
        names = [listing.name for listing in self.universe.listings]
        out = []
        for hours, is_delisted in ((self._listed, False), (self._ended, True)):
            changed = np.flatnonzero(hours == hour).tolist()
            out += [Listed(names[index], is_delisted=is_delisted) for index in changed]
        return tuple(out)


def _dex_spec(spec: MarketSpec) -> MarketSpec:
    """The market of a builder's coins: of the same hours, with chance of its own."""
    return MarketSpec(
        seed=(spec.seed + _DEX_SEED) % 2**63,
        symbol_count=len(DEX_SYMBOLS),
        bar_count=spec.bar_count,
        interval=spec.interval,
        start_ms=spec.start_ms,
        edge=spec.edge,
        late_count=0,
        holed_count=0,
        hole_count=0,
        ended_count=0,
    )


def _renamed(described: tuple[SymbolMetadata, ...]) -> list[SymbolMetadata]:
    return [replace(each, symbol=name) for each, name in zip(described, DEX_SYMBOLS, strict=True)]


def _ticks(px: Floats, size_decimals: int) -> Ints:
    """Prices as whole ticks, on the venue's grid."""
    per_usd = powers_of_ten(np.array(PRICE_DECIMALS - size_decimals))
    return np.rint(round_px(px, size_decimals) * per_usd).astype(np.int64)


def _narrow(rows: BarRows, counts: Ints) -> tuple[BarRows, Ints]:
    """The same in half the memory: prices and counts fit into 31 bits, volumes need not."""
    columns: list[Any] = [each.astype(np.int32) for each in (*rows.columns()[:4], counts)]
    return BarRows(columns[0], columns[1], columns[2], columns[3], rows.lots), columns[4]


def _folded(rows: BarRows, counts: Ints, minutes: int) -> tuple[BarRows, Ints]:
    """Whole hours of minutes as bars of so many minutes."""
    if minutes == 1:
        return rows, counts
    shape = (-1, minutes, counts.shape[1])
    return (
        BarRows(
            rows.open_ticks.reshape(shape)[:, 0],
            rows.high_ticks.reshape(shape).max(axis=1),
            rows.low_ticks.reshape(shape).min(axis=1),
            rows.close_ticks.reshape(shape)[:, -1],
            rows.lots.reshape(shape).sum(axis=1),
        ),
        counts.reshape(shape).sum(axis=1),
    )
