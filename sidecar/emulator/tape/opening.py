"""The venue as it is at the start of a tape: bars begun, prices, sums of the last day.  Pure."""

from __future__ import annotations

from typing import Final

import numpy as np

from core.market.bars import DAY_MS, HOUR_MS, INTERVALS
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Move
from sidecar.emulator.exchange.state import Coin, Rules, VenueState
from sidecar.emulator.tape.market import Market
from sidecar.emulator.tape.past import (
    EMPTY,
    PastBars,
    begun,
    hour_volumes,
    joined,
    of_trades,
)
from sidecar.emulator.tape.path import paths
from sidecar.emulator.tape.universe import add_coin, add_house

SAMPLE_MS: Final = 5_000
RECENT_MS: Final = 2 * DAY_MS
"""Only for a coin that has not traded since then the whole history is looked through."""

Opened = dict[str, list[tuple[int, Move]]]
"""By coin, what it did in the bar that the start lies in, up to the start."""


def first_state(market: Market, rules: Rules, opened: Opened) -> VenueState:
    """The venue at the start, without clients."""
    start_ms = market.start_ms
    state = VenueState(seed=market.chance.seed, now_ms=start_ms, rules=rules)
    state.next_hour_ms = start_ms - start_ms % HOUR_MS + HOUR_MS
    state.next_sample_ms = start_ms - start_ms % SAMPLE_MS + SAMPLE_MS
    add_house(state)
    for index in range(len(market.universe.listings)):
        coin = add_coin(state, market.universe, index, market.first_ticks(index))
        coin.is_listed, coin.is_delisted = market.standing(index)
        _begin(market, index, coin, opened.get(coin.name, []))
    return state


def past_bars(market: Market, index: int, interval: str, from_ms: int) -> PastBars:
    """Bars of any interval that closed by the start and open at `from_ms` or later.

    Those finer than the market's own come from the paths inside its bars, so that they are what
    the venue would have seen.
    """
    length_ms = INTERVALS[interval]
    start_ms = market.start_ms
    if (length_ms or DAY_MS) % market.bar_ms == 0:
        found = market.past(index, interval, from_ms)
        return found.between(from_ms, candles.open_of(interval, start_ms))
    newest_ms = start_ms - (candles.BARS_MAX + 1) * (length_ms or 31 * DAY_MS)
    since_ms = max(from_ms, newest_ms)
    since_bar_ms = since_ms - since_ms % market.bar_ms
    own = market.past(index, _interval_of(market), since_bar_ms)
    own = own.between(since_bar_ms, start_ms - market.bar_ms + 1)
    parts = [_inside(market, index, own), _inside(market, index, _current(market, index))]
    folded = [each.folded(interval) for each in parts]
    return joined(folded).between(since_ms, start_ms - start_ms % length_ms)


def _current(market: Market, index: int) -> PastBars:
    """The bar of the market that the start lies in, if the coin has it."""
    slab = market.slab_from(market.start_ms)
    if slab is None:
        return EMPTY
    since = (slab.open_ms > market.start_ms - market.bar_ms) & (slab.open_ms <= market.start_ms)
    here = since & slab.present[:, index]
    rows = slab.rows.at((here, index))
    return PastBars(slab.open_ms[here], rows, rows.lots)


def _interval_of(market: Market) -> str:
    return next(name for name, each in INTERVALS.items() if each == market.bar_ms)


def _inside(market: Market, index: int, own: PastBars) -> PastBars:
    """The trades inside some of the market's bars, each as a bar."""
    count = market.bar_ms // market.tick_ms
    if not len(own):
        return EMPTY
    found = paths(
        own.rows.at((slice(None), None)),
        np.array([market.universe.listings[index].metadata.size_decimals]),
        count,
        market.chance.of_symbol(index),
        own.open_ms // market.bar_ms,
    )
    at_ms = own.open_ms[:, None] + market.tick_ms * np.arange(count, dtype=np.int64)
    trades = found.lots[:, 0] > 0
    return of_trades(at_ms[trades], found.ticks[:, 0][trades], found.lots[:, 0][trades])


def _begin(market: Market, index: int, coin: Coin, moves: list[tuple[int, Move]]) -> None:
    """The coin's bars, prices and sums as they are at the start."""
    start_ms = market.start_ms
    for interval, finer in candles.FINER.items():
        first_ms = candles.open_of(interval, start_ms)
        if bars := begun(past_bars(market, index, finer, first_ms), interval, start_ms):
            coin.bars[interval] = bars
    minute_ms = candles.open_of("1m", start_ms)
    for at_ms, move in moves:
        if move.lots and at_ms >= minute_ms:
            candles.record(coin, at_ms, move.px_ticks, move.lots)
    hours = "1h" if HOUR_MS % market.bar_ms == 0 else _interval_of(market)
    hourly = past_bars(market, index, hours, start_ms - RECENT_MS)
    if not len(hourly):
        hourly = past_bars(market, index, hours, 0)
    coin.hour_volumes = hour_volumes(hourly, start_ms)
    newest = candles.forming(coin, "1h")
    if newest is not None and newest.open_ms > start_ms - DAY_MS:
        lots, micros = coin.hour_volumes.get(newest.open_ms, (0, 0))
        coin.hour_volumes[newest.open_ms] = (
            lots + newest.lots,
            micros + newest.lots * newest.close_ticks,
        )
    # Recorded perpetuals hold about as much open as half a day trades.
    coin.background_interest_lots = sum(lots for lots, _ in coin.hour_volumes.values()) // 2
    _price(market, index, coin, hourly)
    if moves:
        last = moves[-1][1]
        coin.quote.px_ticks, coin.oracle_ticks = last.px_ticks, last.oracle_ticks
        coin.external_ticks = coin.mark_ticks = last.external_ticks
    known = market.funding(index)
    if known:
        coin.funding_rate_1h, coin.premium_last = known[-1][1], known[-1][2]


def _price(market: Market, index: int, coin: Coin, hourly: PastBars) -> None:
    """All prices at the last trade, and that of a day ago, as far as there was any."""
    newest = candles.forming(coin, "1M")
    closed = int(hourly.rows.close_ticks[-1]) if len(hourly) else market.first_ticks(index)
    ticks = closed if newest is None else newest.close_ticks
    coin.last_ticks = coin.quote.px_ticks = coin.oracle_ticks = ticks
    coin.mark_ticks = coin.external_ticks = ticks
    day = hourly.between(market.start_ms - DAY_MS, market.start_ms)
    coin.prev_day_ticks = int(day.rows.open_ticks[0]) if len(day) else ticks
