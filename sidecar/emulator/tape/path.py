"""Prices and lots inside a bar that meet what the bar says, to the tick and to the lot.  Pure.

A bar gives its first, highest, lowest and last price and how much traded.  Between these lies a
random bridge: the first trade is at the open, the last at the close, the extremes are reached, no
price is beyond them, every price is one that the venue takes, and the lots sum up.  Some instants
have no trade; there the quotes stand on the bridge.

All chance comes from words that are counted by bar and by symbol, so a bar has one path whoever
walks it, from wherever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from core.errors import UsageError
from core.market.bars import Bools, Floats, Ints
from core.market.chance import Words, bells, raw_words, sixteenths, units
from sidecar.emulator.exchange.units import PRICE_DECIMALS, SIGNIFICANT_DIGITS

TICKS_MIN: Final = 4
"""Open, high, low and close need an instant each."""
BAR_STREAM: Final = 17
TICK_STREAM: Final = 18
BUSY_RANGE_FRAC: Final = (0.35, 0.95)
"""Of a bar's instants, how many see a trade."""
_FORCED: Final = -1.0
_TENS: Final = 10 ** np.arange(19, dtype=np.int64)


@dataclass(frozen=True)
class BarRows:
    """Bars in whole numbers, one array per value, any shape that broadcasts."""

    open_ticks: Ints
    high_ticks: Ints
    low_ticks: Ints
    close_ticks: Ints
    lots: Ints

    def columns(self) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Open, high, low, close, lots."""
        return (
            self.open_ticks,
            self.high_ticks,
            self.low_ticks,
            self.close_ticks,
            self.lots,
        )

    def at(self, index: Any) -> BarRows:
        """The same of some rows."""
        return BarRows(*(each[index] for each in self.columns()))

    def with_lots(self, lots: Ints) -> BarRows:
        """The same prices, other lots."""
        return BarRows(*self.columns()[:4], lots)


def joined_rows(parts: Sequence[BarRows]) -> BarRows:
    """Rows one after another."""
    columns = zip(*(each.columns() for each in parts), strict=True)
    return BarRows(*(np.concatenate(column) for column in columns))


@dataclass(frozen=True)
class Paths:
    """Price and lots at each instant: arrays over symbol and instant."""

    ticks: Ints
    lots: Ints


def tick_count_of(bar_ms: int, tick_ms: int) -> int:
    """How many instants a bar has; UsageError when they do not divide it or are too few."""
    if tick_ms <= 0 or bar_ms % tick_ms or bar_ms // tick_ms < TICKS_MIN:
        raise UsageError(
            f"instants every {tick_ms} ms do not divide bars of {bar_ms} ms",
            at=f"a bar needs {TICKS_MIN} instants at least",
            hint="take 1000 ms, or 15000 ms to go through weeks",
        )
    return bar_ms // tick_ms


def trades_needed(bars: BarRows) -> Ints:
    """The least number of trades that can show a bar's four prices; 0 where nothing traded."""
    upper = np.maximum(bars.open_ticks, bars.close_ticks)
    lower = np.minimum(bars.open_ticks, bars.close_ticks)
    needed = (
        1
        + (bars.high_ticks > bars.low_ticks)
        + (bars.high_ticks > upper)
        + (bars.low_ticks < lower)
    )
    return np.where(bars.lots > 0, needed, 0)


def trade_counts(bars: BarRows, tick_count: int, words: Words) -> Ints:
    """How many instants of each bar see a trade: known without walking it."""
    lowest, highest = BUSY_RANGE_FRAC
    wanted = (tick_count * (lowest + (highest - lowest) * units(words))).astype(np.int64)
    most = np.minimum(bars.lots, tick_count)
    return np.minimum(np.maximum(wanted, trades_needed(bars)), most)


@dataclass(frozen=True)
class Chance:
    """Which words belong to whom: those of `symbol_count` symbols from `first_symbol` on.

    Bars are numbered from 1970 on, less `shift`, by which a market was moved in time.
    """

    seed: int
    symbol_count: int
    first_symbol: int = 0
    shift: int = 0

    def of_symbol(self, index: int) -> Chance:
        """The words of one symbol, for paths of its own."""
        return replace(self, first_symbol=index)

    def of_bars(self, numbers: Ints, symbols: int) -> Words:
        """A word for each of `symbols` symbols in each bar, bars numbered from 1970 on."""
        return self._words(BAR_STREAM, numbers, symbols, 1)[:, :, 0]

    def of_ticks(self, numbers: Ints, symbols: int, tick_count: int) -> Words:
        """A word per bar, symbol and instant."""
        return self._words(TICK_STREAM, numbers, symbols, tick_count)

    def _words(self, stream: int, numbers: Ints, symbols: int, each: int) -> Words:
        """Words over bar, symbol and instant; in one draw where bars lie close together."""
        places = numbers - self.shift
        span = int(places[-1] - places[0]) + 1 if len(places) else 0
        if symbols == self.symbol_count and span <= 2 * len(places):
            first = int(places[0]) * symbols * each if span else 0
            words = raw_words(self.seed, stream, first, span * symbols * each)
            return words.reshape(span, symbols, each)[places - places[0] if span else places]
        out = np.empty((len(places), symbols, each), np.uint64)
        for row, place in enumerate(places.tolist()):
            first = (place * self.symbol_count + self.first_symbol) * each
            out[row] = raw_words(self.seed, stream, first, symbols * each).reshape(symbols, each)
        return out


def paths(
    bars: BarRows, size_decimals: Ints, tick_count: int, chance: Chance, numbers: Ints
) -> Paths:
    """The paths of symbols within bars: `bars` over bar and symbol, the result over instant too.

    A bar needs as many lots as `trades_needed` says, and `TICKS_MIN` instants unless it is flat.
    Where nothing trades the price stands at the close.
    """
    shape = bars.lots.shape
    words = chance.of_ticks(numbers, shape[1], tick_count).reshape(-1, tick_count)
    counts = trade_counts(bars, tick_count, chance.of_bars(numbers, shape[1])).reshape(-1)
    decimals = np.tile(size_decimals, shape[0])
    flat = BarRows(*(each.reshape(-1) for each in bars.columns()))
    found = _paths(flat, decimals, counts, words)
    return Paths(found.ticks.reshape(*shape, tick_count), found.lots.reshape(*shape, tick_count))


def _paths(bars: BarRows, size_decimals: Ints, trading: Ints, words: Words) -> Paths:
    """The same of bars in one row."""
    bridge, high_at, low_at = _bridge(bars, words)
    ticks = _on_grid(bars, bridge, size_decimals)
    rows = np.arange(len(ticks))
    ticks[:, 0] = bars.open_ticks
    ticks[rows, high_at] = bars.high_ticks
    ticks[rows, low_at] = bars.low_ticks
    ticks[:, -1] = bars.close_ticks
    must = _musts(bars, words.shape[1], high_at, low_at)
    lots = _spread(bars.lots, must, trading, words)
    idle = bars.lots == 0
    ticks[idle] = bars.close_ticks[idle, None]
    return Paths(ticks, lots)


def _bridge(bars: BarRows, words: Words) -> tuple[Floats, Ints, Ints]:
    """A random line from open to close, stretched to the extremes, and where it reaches them."""
    count, length = words.shape
    walk = np.cumsum(bells(words), axis=1)
    walk -= walk[:, :1]
    along = np.arange(length) / max(length - 1, 1)
    open_px = bars.open_ticks[:, None].astype(np.float64)
    close_px = bars.close_ticks[:, None].astype(np.float64)
    room = (bars.high_ticks - bars.low_ticks)[:, None].astype(np.float64)
    line = open_px + (close_px - open_px) * along
    line += (walk - walk[:, -1:] * along) * (room / np.sqrt(length))
    if length < TICKS_MIN:
        return line, np.zeros(count, np.int64), np.zeros(count, np.int64)
    inner = line[:, 1:-1]
    high_at = 1 + np.argmax(inner, axis=1)
    low_at = 1 + np.argmin(inner, axis=1)
    low_at = np.where(low_at == high_at, 1 + high_at % (length - 2), low_at)
    upper, lower = np.maximum(open_px, close_px), np.minimum(open_px, close_px)
    rows = np.arange(count)[:, None]
    above = line[rows, high_at[:, None]] - upper
    below = lower - line[rows, low_at[:, None]]
    with np.errstate(divide="ignore", invalid="ignore"):
        up = (bars.high_ticks[:, None] - upper) / above
        down = (lower - bars.low_ticks[:, None]) / below
    line = np.where((line > upper) & (above > 0), upper + (line - upper) * up, line)
    line = np.where((line < lower) & (below > 0), lower - (lower - line) * down, line)
    # An extreme that the open or the close shows needs no instant of its own.
    high_at = np.where(bars.high_ticks > upper[:, 0], high_at, _edge(bars, length, is_high=True))
    low_at = np.where(bars.low_ticks < lower[:, 0], low_at, _edge(bars, length, is_high=False))
    return line, high_at, low_at


def _edge(bars: BarRows, length: int, *, is_high: bool) -> Ints:
    """Which of the first and the last instant shows the extreme."""
    if is_high:
        at_open = bars.open_ticks >= bars.close_ticks
    else:
        at_open = bars.open_ticks <= bars.close_ticks
    return np.where(at_open, 0, length - 1)


def _on_grid(bars: BarRows, line: Floats, size_decimals: Ints) -> Ints:
    """The line in prices that the venue takes, within the bar."""
    digits = np.searchsorted(_TENS, bars.high_ticks, side="right")
    step = _TENS[np.maximum(digits - SIGNIFICANT_DIGITS, 0)]
    step = np.minimum(step, _TENS[PRICE_DECIMALS - size_decimals])[:, None]
    ticks = np.rint(line / step).astype(np.int64) * step
    within: Ints = np.clip(ticks, bars.low_ticks[:, None], bars.high_ticks[:, None])
    return within


def _musts(bars: BarRows, length: int, high_at: Ints, low_at: Ints) -> Bools:
    """The instants at which a bar must trade to show its prices."""
    must = np.zeros((len(bars.lots), length), np.bool_)
    rows = np.arange(len(must))
    must[:, 0] = True
    must[:, -1] |= bars.high_ticks > bars.low_ticks
    must[rows, high_at] = True
    must[rows, low_at] = True
    return must


def _spread(total: Ints, must: Bools, trading: Ints, words: Words) -> Ints:
    """The lots of each bar over so many of its instants, at least one where it must trade."""
    evenly = units(words)
    order = np.argsort(np.where(must, _FORCED, evenly), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(must.shape[1])[None, :], axis=1)
    trades = rank < trading[:, None]
    # Few trades are large: a weight of 1 / (1 - u), bounded.
    weight = np.where(trades, 1.0 / (1.01 - sixteenths(words, 0)), 0.0)
    sums = np.cumsum(weight, axis=1)
    whole = np.where(sums[:, -1:] > 0, sums[:, -1:], 1.0)
    spare = (total - trading)[:, None]
    reached = np.floor(spare * (sums / whole)).astype(np.int64)
    lots = np.diff(reached, axis=1, prepend=0) + trades
    return np.asarray(lots, np.int64)
