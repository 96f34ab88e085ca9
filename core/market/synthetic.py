"""A made-up market as bars and funding rates: for demonstrations, tests, benchmarks.  Pure.

`core/market/process.py` says what the process is.  Here its minutes become bars of any interval:
a seed names one path, and bars of all intervals are made of the same minutes, so that finer bars
aggregate to the coarser ones exactly: highs, lows, opens and closes are equal, volumes are sums of
whole lots.  Prices keep five significant digits and the venue's decimals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from core.errors import UsageError
from core.market.bars import DAY_MS, HOUR_MS, MINUTE_MS, Bools, Floats, Ints, Rows, interval_to_ms
from core.market.chance import raw_words, units
from core.market.metadata import SymbolMetadata
from core.market.process import MINUTES, Hours, advance, first_state
from core.market.traits import Traits, draw_traits, metadata_of, powers_of_ten, round_px

# Raise it when the process changes: it is part of what names a synthetic source.
PROCESS_VERSION = 2
START_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z
SYMBOLS_MAX = 1_000
BARS_MAX = 2_000_000
CELLS_MAX = 20_000_000
HOURS_MAX = 20 * 8_760
# Half a minute of CPU: all bars are made of minutes, and an hour of a symbol takes 4 us.
HOUR_CELLS_MAX = 8_000_000

# Of all hours: where the late symbols begin, and where the early-ended ones end.
LISTING_RANGE_FRAC = (0.10, 0.30)
ENDING_RANGE_FRAC = (0.85, 0.60)
HOLE_HOURS = (1, 6)
HOLE_STREAM = 3

# So many cells at a time stay in the cache of a processor.
STRETCH_CELLS = 65_536

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


@dataclass(frozen=True)
class MarketSpec:
    """What is generated.  Equal specs give equal bars.

    The market lasts `bar_count` bars of `interval` from `start_ms`, which must be a midnight, UTC.
    `late_count` symbols list late, `holed_count` have `hole_count` holes each, `ended_count` stop
    trading before the end; they are taken from the end of the list of symbols, so BTC is whole.
    """

    seed: int = 1
    symbol_count: int = 12
    bar_count: int = 4_000
    interval: str = "1h"
    start_ms: int = START_MS
    edge: float = 1.0
    late_count: int = 2
    holed_count: int = 1
    hole_count: int = 4
    ended_count: int = 1

    def __post_init__(self) -> None:
        """Raise UsageError for a market that cannot be made."""
        odd_count = self.late_count + self.holed_count + self.ended_count
        limits = {
            "symbols": (self.symbol_count, odd_count + 1, SYMBOLS_MAX),
            "bars": (self.bar_count, 100, BARS_MAX),
            "symbols x bars": (self.symbol_count * self.bar_count, 1, CELLS_MAX),
            "hours": (self.hours, 8, HOURS_MAX),
            "symbols x hours": (self.symbol_count * self.hours, 1, HOUR_CELLS_MAX),
            "edge": (self.edge, 0.0, 4.0),
            "seed": (self.seed, 0, 2**63 - 1),
            "ms from midnight to the start": (self.start_ms % DAY_MS, 0, 0),
        }
        for name, (value, lowest, highest) in limits.items():
            if not lowest <= value <= highest:
                raise UsageError(
                    f"{name} of a synthetic market is {value}, it must be from {lowest} to"
                    f" {highest}",
                    hint="change the option; 12 symbols and 4000 bars are the default",
                )

    @property
    def span_ms(self) -> int:
        """How long the market lasts."""
        return self.bar_count * interval_to_ms(self.interval)

    @property
    def hours(self) -> int:
        """Hours of the market, the last of which may be cut."""
        return -(-self.span_ms // HOUR_MS)

    def identity(self) -> dict[str, float | int | str]:
        """All that the bars depend on, as plain JSON."""
        return {"process_version": PROCESS_VERSION, **asdict(self)}


@dataclass(frozen=True)
class SyntheticMarket:
    """Bars per interval, funding rates, and what a venue would say of each symbol.

    The rows are as stores take them; funding values are the rate per hour and the premium, keyed by
    the hour at which they fell due.
    """

    candles: dict[str, Rows]
    funding: Rows
    metadata: tuple[SymbolMetadata, ...]


@dataclass
class _Record:
    """What the walk leaves behind: bars per interval of at most an hour, and funding per hour."""

    bars: dict[int, list[Floats]]
    funding: list[Floats] = field(default_factory=list)


def market_spec(
    seed: int, symbol_count: int, bar_count: int, interval: str, edge: float
) -> MarketSpec:
    """A market of which a sixth lists late, a twelfth ends early and a 24th has holes.

    At least two list late, one ends early and one has holes, so that every such market has them.
    """
    return MarketSpec(
        seed=seed,
        symbol_count=symbol_count,
        bar_count=bar_count,
        interval=interval,
        edge=edge,
        late_count=max(2, symbol_count // 6),
        holed_count=max(1, symbol_count // 24),
        ended_count=max(1, symbol_count // 12),
    )


def traits_of(spec: MarketSpec) -> Traits:
    """The constants of the market of `spec`, for walking it minute by minute."""
    return draw_traits(spec.seed, spec.symbol_count, spec.start_ms, spec.edge, _listing_hours(spec))


def synthetic_rows(spec: MarketSpec) -> Rows:
    """The market of `spec` as rows: open, high, low, close in USD and volume in base units."""
    return synthetic_market(spec, [spec.interval]).candles[spec.interval]


def synthetic_market(spec: MarketSpec, intervals: Sequence[str]) -> SyntheticMarket:
    """The market of `spec` as bars of these intervals, with its funding.

    Bars that do not close within the market are left out.  An interval that is longer than the
    market, and one of which there would be too many bars, is a UsageError.
    """
    lengths = {interval: _checked_ms(spec, interval) for interval in intervals}
    traits = traits_of(spec)
    record = _walk(traits, spec.hours, {min(length, HOUR_MS) for length in lengths.values()})
    there = presence(spec, traits)
    candles = {}
    for interval, length_ms in lengths.items():
        bars = np.concatenate(record.bars[min(length_ms, HOUR_MS)])
        present = np.repeat(there, HOUR_MS // min(length_ms, HOUR_MS), axis=0)
        if length_ms > HOUR_MS:
            bars, present = _coarser(bars, present, length_ms // HOUR_MS)
        count = spec.span_ms // length_ms
        candles[interval] = _candle_rows(traits, bars[:count], present[:count], length_ms)
    return SyntheticMarket(
        candles, _funding_rows(spec, traits, record.funding), metadata_of(traits, spec.hours)
    )


def _checked_ms(spec: MarketSpec, interval: str) -> int:
    """Length of an interval of which the market has a bearable number of bars."""
    length_ms = interval_to_ms(interval)
    count = spec.span_ms // length_ms
    if not 1 <= count * spec.symbol_count <= CELLS_MAX:
        raise UsageError(
            f"{spec.bar_count} bars of {spec.interval} are {count} bars of {interval} for"
            f" {spec.symbol_count} symbols, they must be from 1 to {CELLS_MAX} in all",
            hint="change --bars, --symbols-count or --interval",
        )
    return length_ms


def _listing_hours(spec: MarketSpec) -> tuple[Ints, Ints]:
    """The hour at which each symbol lists, and that at which it ends."""
    listed = np.zeros(spec.symbol_count, np.int64)
    # Far beyond any market: whoever walks on after the end meets no delisting there.
    ended = np.full(spec.symbol_count, 2**40, np.int64)
    last = spec.symbol_count
    for frac in np.linspace(*LISTING_RANGE_FRAC, spec.late_count).tolist():
        last -= 1
        listed[last] = int(spec.hours * frac)
    last -= spec.holed_count
    for frac in np.linspace(*ENDING_RANGE_FRAC, spec.ended_count).tolist():
        last -= 1
        ended[last] = int(spec.hours * frac)
    return listed, ended


def presence(spec: MarketSpec, traits: Traits) -> Bools:
    """In which hours each symbol's bars exist, per hour and symbol."""
    hours = np.arange(spec.hours)[:, None]
    there: Bools = (traits.listed_hour <= hours) & (hours < traits.delisted_hour)
    count = spec.holed_count * spec.hole_count
    evenly = units(raw_words(spec.seed, HOLE_STREAM, 0, 2 * count)).reshape(2, count)
    longest = min(HOLE_HOURS[1], spec.hours // 4)
    starts = 1 + (evenly[0] * (spec.hours - 2 - longest)).astype(np.int64)
    lengths = HOLE_HOURS[0] + (evenly[1] * (longest + 1 - HOLE_HOURS[0])).astype(np.int64)
    for index, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        symbol = spec.symbol_count - 1 - spec.late_count - index // spec.hole_count
        there[start : start + length, symbol] = False
    return there


def _walk(traits: Traits, hours: int, lengths_ms: set[int]) -> _Record:
    """All hours from the start, as bars of these lengths and as funding."""
    record = _Record({length_ms: [] for length_ms in lengths_ms})
    state = first_state(traits)
    stretch = max(1, STRETCH_CELLS // (MINUTES * len(traits.symbols)))
    while state.hour < hours:
        found, state = advance(traits, state, min(stretch, hours - state.hour))
        for length_ms, bars in record.bars.items():
            bars.append(_bars_of(found, length_ms // MINUTE_MS))
        record.funding.append(np.stack([found.rate_1h, found.premium_1h_frac], axis=2))
    return record


def _bars_of(found: Hours, minutes: int) -> Floats:
    """Bars of so many minutes, over bar, symbol and value; volume in lots."""
    symbols = found.open_px.shape[2]
    shape = (-1, minutes, symbols)
    open_px, close_px = found.open_px.reshape(shape), found.close_px.reshape(shape)
    out = np.empty((len(open_px), symbols, 5))
    out[:, :, OPEN] = open_px[:, 0]
    np.maximum.reduce(found.high_px.reshape(shape), axis=1, out=out[:, :, HIGH])
    np.minimum.reduce(found.low_px.reshape(shape), axis=1, out=out[:, :, LOW])
    out[:, :, CLOSE] = close_px[:, -1]
    # Whole numbers: their sum is exact in any order.
    np.add.reduce(found.volume_lots.reshape(shape), axis=1, out=out[:, :, VOLUME])
    return out


def _coarser(bars: Floats, present: Bools, hours: int) -> tuple[Floats, Bools]:
    """Bars of so many hours from the hourly ones that are there, and which of them are."""
    count, symbols = len(bars) // hours, bars.shape[1]
    groups = bars[: count * hours].reshape(count, hours, symbols, 5)
    there = present[: count * hours].reshape(count, hours, symbols)
    first = np.argmax(there, axis=1)[:, None]
    last = hours - 1 - np.argmax(there[:, ::-1], axis=1)[:, None]
    out = np.empty((count, symbols, 5))
    out[:, :, OPEN] = np.take_along_axis(groups[..., OPEN], first, axis=1)[:, 0]
    out[:, :, HIGH] = np.where(there, groups[..., HIGH], 0.0).max(axis=1)
    out[:, :, LOW] = np.where(there, groups[..., LOW], np.inf).min(axis=1)
    out[:, :, CLOSE] = np.take_along_axis(groups[..., CLOSE], last, axis=1)[:, 0]
    out[:, :, VOLUME] = np.where(there, groups[..., VOLUME], 0.0).sum(axis=1)
    any_there: Bools = np.any(there, axis=1)
    return out, any_there


def _candle_rows(traits: Traits, bars: Floats, present: Bools, length_ms: int) -> Rows:
    """The bars that are there as rows, rounded as the venue rounds."""
    ts_ms = traits.start_ms + length_ms * np.arange(len(bars), dtype=np.int64)
    order = _by_name(traits)
    values = []
    for index in order:
        mine = bars[present[:, index], index]
        decimals = int(traits.size_decimals[index])
        mine[:, :VOLUME] = round_px(mine[:, :VOLUME], decimals)
        mine[:, VOLUME] /= powers_of_ten(traits.size_decimals[index])
        values.append(mine)
    return _rows(traits, order, [ts_ms[present[:, index]] for index in order], values)


def _funding_rows(spec: MarketSpec, traits: Traits, funding: list[Floats]) -> Rows:
    """The rate and premium of every whole hour in which a symbol traded, due at its end."""
    count = spec.span_ms // HOUR_MS
    table = np.concatenate(funding)[:count]
    hours = np.arange(count)
    order = _by_name(traits)
    times, values = [], []
    for index in order:
        there = (traits.listed_hour[index] <= hours) & (hours < traits.delisted_hour[index])
        times.append(traits.start_ms + HOUR_MS * (1 + hours[there]))
        values.append(table[there, index])
    return _rows(traits, order, times, values)


def _by_name(traits: Traits) -> list[int]:
    """Positions of the symbols in the order in which stores sort them."""
    return sorted(range(len(traits.symbols)), key=traits.symbols.__getitem__)


def _rows(traits: Traits, order: list[int], times: list[Ints], values: list[Floats]) -> Rows:
    counts = [len(each) for each in times]
    return Rows(
        symbols=tuple(traits.symbols[index] for index in order),
        symbol_index=np.repeat(np.arange(len(order), dtype=np.int64), counts),
        ts_ms=np.concatenate(times),
        values=np.concatenate(values),
    )
