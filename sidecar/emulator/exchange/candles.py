"""Bars of every interval out of trades.  Pure.

A trade touches the bar of its minute and nothing else.  When a minute is over its bar is folded
into those of three and five minutes, a bar of five minutes into that of fifteen, and so on up: the
last bar of a list is never folded yet, all before it are.  Who asks for a coarse bar gets what is
still below it on top.  So a trade costs little, and every interval is exact at any time.

A bar exists where something traded.  Bars up to a week open on multiples of their length counted
from 1970, those of a month on its first day.
"""

from __future__ import annotations

from typing import Final

from core.market.bars import DAY_MS, INTERVALS, MINUTE_MS
from sidecar.emulator.exchange.state import Bar, Coin

BARS_MAX: Final = 5_000
"""The venue gives no more of an interval."""
_SLACK: Final = 500

FINER: Final = {
    "3m": "1m",
    "5m": "1m",
    "15m": "5m",
    "30m": "15m",
    "1h": "30m",
    "2h": "1h",
    "4h": "2h",
    "8h": "4h",
    "12h": "4h",
    "1d": "12h",
    "3d": "1d",
    "1w": "1d",
    "1M": "1d",
}
"""The interval whose bars each coarser one is made of."""

_COARSER: Final = {
    finer: tuple(name for name, other in FINER.items() if other == finer) for finer in INTERVALS
}


def record(coin: Coin, now_ms: int, ticks: int, lots: int) -> None:
    """A trade of the coin goes into its bars."""
    minutes = coin.bars.get("1m")
    open_ms = now_ms - now_ms % MINUTE_MS
    if minutes and (bar := minutes[-1]).open_ms == open_ms:
        bar.close_ticks = ticks
        if ticks > bar.high_ticks:
            bar.high_ticks = ticks
        elif ticks < bar.low_ticks:
            bar.low_ticks = ticks
        bar.lots += lots
        bar.trade_count += 1
        return
    _append(coin, "1m", Bar(open_ms, ticks, ticks, ticks, ticks, lots, 1))


def bars(coin: Coin, interval: str, from_ms: int, to_ms: int) -> list[Bar]:
    """Bars since the venue's start that open from `from_ms` up to and with `to_ms`, oldest first.

    The last is the one that forms.  At most the newest 5,000.
    """
    tail = _tail(coin, interval)
    closed = coin.bars.get(interval, [])[-BARS_MAX:-1]
    found = [bar for bar in closed if from_ms <= bar.open_ms <= to_ms]
    found += [bar for bar in tail if from_ms <= bar.open_ms <= to_ms]
    return found[-BARS_MAX:]


def forming(coin: Coin, interval: str) -> Bar | None:
    """The newest bar of the interval with every trade so far, a copy; None before any trade."""
    tail = _tail(coin, interval)
    return tail[-1] if tail else None


def _tail(coin: Coin, interval: str) -> list[Bar]:
    """The bars that no coarser one holds yet, as copies: the last of the list, with what is still
    below it on top."""
    mine = coin.bars.get(interval)
    out = [_copy(mine[-1])] if mine else []
    if interval not in FINER:
        return out
    for below in _tail(coin, FINER[interval]):
        open_ms = open_of(interval, below.open_ms)
        if out and out[-1].open_ms >= open_ms:
            fold(out[-1], below)
        else:
            below.open_ms = open_ms
            out.append(below)
    return out


def open_of(interval: str, at_ms: int) -> int:
    """When the bar of the interval that an instant lies in opens."""
    length_ms = INTERVALS[interval]
    if length_ms:
        return at_ms - at_ms % length_ms
    return _month_of(at_ms // DAY_MS) * DAY_MS


def close_of(interval: str, open_ms: int) -> int:
    """When a bar that opens then is over: the open of the next one."""
    length_ms = INTERVALS[interval]
    return open_ms + length_ms if length_ms else open_of("1M", open_ms + 32 * DAY_MS)


def fold(into: Bar, later: Bar) -> None:
    """A later, finer bar becomes part of one."""
    into.high_ticks = max(into.high_ticks, later.high_ticks)
    into.low_ticks = min(into.low_ticks, later.low_ticks)
    into.close_ticks = later.close_ticks
    into.lots += later.lots
    into.trade_count += later.trade_count


def _append(coin: Coin, interval: str, bar: Bar) -> None:
    """A new bar begins; the one before it is over and goes into the coarser ones."""
    mine = coin.bars.setdefault(interval, [])
    if mine:
        for coarser in _COARSER[interval]:
            _fold_up(coin, coarser, mine[-1])
    mine.append(bar)
    if len(mine) > BARS_MAX + _SLACK:
        del mine[:_SLACK]


def _fold_up(coin: Coin, interval: str, done: Bar) -> None:
    open_ms = open_of(interval, done.open_ms)
    mine = coin.bars.get(interval)
    if mine and mine[-1].open_ms == open_ms:
        fold(mine[-1], done)
        return
    begun = _copy(done)
    begun.open_ms = open_ms
    _append(coin, interval, begun)


def _copy(bar: Bar) -> Bar:
    return Bar(
        bar.open_ms,
        bar.open_ticks,
        bar.high_ticks,
        bar.low_ticks,
        bar.close_ticks,
        bar.lots,
        bar.trade_count,
    )


def _month_of(day: int) -> int:
    """The first day of the month that a day lies in, both counted from 1970.

    Years are counted from March, so that the leap day is the last of a year; an era is 400 years.
    """
    shifted = day + 719_468
    in_era = shifted % 146_097
    year = (in_era - in_era // 1_460 + in_era // 36_524 - in_era // 146_096) // 365
    in_year = in_era - (365 * year + year // 4 - year // 100)
    month = (5 * in_year + 2) // 153
    return day - (in_year - (153 * month + 2) // 5)
