"""Bars of all wanted keys: from streams and REST into the store, each final bar once.

A key's ledger says what to ask for; here the most urgent of all keys is asked, within what the
venue allows, and what became final is stored and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from core.errors import VenueError
from core.market.bars import interval_to_ms
from core.ports import Ports
from core.venue.faults import UnknownToVenueError
from core.venue.port import CANDLES_KEPT, Span
from sidecar.market.bar_facts import Ask, Bar, BarsPolicy
from sidecar.market.bars import BarClock, Ledger
from sidecar.market.facts import Candle
from sidecar.market.rest import Rest
from sidecar.market.store import Stores
from sidecar.market.venue_time import VenueTime

WORKERS: Final = 4
TICK_MS: Final = 250
NEWS_BARS: Final = 5
"""Bars that ended longer ago are history: they are there to be read, nobody is told of each."""
Key = tuple[str, str]


class Told(Protocol):
    """Who is told of closed bars."""

    def bar_closed(self, symbol: str, interval: str, bar: dict[str, Any]) -> None:
        """A bar is final, and stored."""
        ...


@dataclass
class Bars:
    """The ledgers of all keys."""

    ports: Ports
    rest: Rest
    time: VenueTime
    stores: Stores
    hub: Told
    policy: BarsPolicy
    ledgers: dict[Key, Ledger] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    _clock: BarClock = field(default_factory=BarClock)
    """The bars of every key tell all keys how late it is."""
    _busy: dict[Key, Ask] = field(default_factory=dict)
    _quiet_until_ms: int = 0
    """Nothing was due when it was looked for last; the other workers need not look until then."""
    _news: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def want(self, keys: Mapping[Key, int]) -> None:
        """Keep so many bars of these keys and no others."""
        for key in [key for key in self.ledgers if key not in keys]:
            del self.ledgers[key]
        for key, history_bars in keys.items():
            ledger = self.ledgers.get(key)
            if ledger is None:
                self.ledgers[key] = ledger = Ledger(*key, history_bars, self.policy, self._clock)
                stored, asked = self.stores.newest(*key, CANDLES_KEPT)
                ledger.restore(stored, asked)
            else:
                ledger.want(history_bars)

    def on_candle(self, candle: Candle, seen_ms: int) -> None:
        """A candle of a stream."""
        ledger = self.ledgers.get((candle.symbol, candle.interval))
        if ledger is not None:
            ledger.on_candle(candle, seen_ms)

    async def work(self) -> None:
        """Ask for what is due, one thing after the other, for ever; several of these may run."""
        while True:
            ask = self._next()
            if ask is None:
                await self.ports.clock.sleep_ms(TICK_MS)
                continue
            key = (ask.symbol, ask.interval)
            self._busy[key] = ask
            try:
                await self._answer(ask)
            finally:
                self._busy.pop(key, None)
            self.collect(key)

    def collect(self, key: Key) -> None:
        """Take what became final of a key to the store and to those who wait for it."""
        ledger = self.ledgers.get(key)
        if ledger is None:
            return
        finals, revisions, lost = ledger.closed(), ledger.revised(), ledger.lost()
        if finals:
            self.stores.add_finals(*key, finals)
            self._count("final", len(finals))
        if revisions:
            self.stores.add_revisions(*key, revisions)
            self._count("revised", len(revisions))
        if lost:
            self.stores.add_absent(*key, lost)
            self._count("gaps for ever", len(lost))
        since_ms = self.time.now_ms() - (NEWS_BARS + 1) * interval_to_ms(key[1])
        for final in finals:
            if final.bar is not None and final.ts_open_ms >= since_ms:
                self._news.append((*key, plain(final.bar) | {"how": final.how}))
        for each in revisions:
            self._news.append((*key, plain(each.after) | {"revised": each.reason}))

    def tell(self) -> None:
        """Tell who waits of the bars that were taken to the store."""
        news, self._news = self._news, []
        for symbol, interval, bar in news:
            self.hub.bar_closed(symbol, interval, bar)

    def status(self) -> list[dict[str, Any]]:
        """Each key: is it ready, and if not why not."""
        now_ms = self.time.now_ms()
        return [
            {"symbol": symbol, "interval": interval} | msgspec.structs.asdict(ledger.ready(now_ms))
            for (symbol, interval), ledger in self.ledgers.items()
        ]

    def _next(self) -> Ask | None:
        """The most urgent request of all keys that wait for none."""
        if not self.time.is_trusted():
            return None
        now_ms = self.time.now_ms()
        if 0 < self._quiet_until_ms - now_ms <= TICK_MS:
            return None
        best: Ask | None = None
        for key, ledger in self.ledgers.items():
            ask = None if key in self._busy else ledger.due(now_ms)
            if ask is not None and (
                best is None or (ask.priority, ask.since_ms) < (best.priority, best.since_ms)
            ):
                best = ask
        self._quiet_until_ms = 0 if best else now_ms + TICK_MS
        return best

    async def _answer(self, ask: Ask) -> None:
        key = (ask.symbol, ask.interval)
        bars_max = (ask.to_ms - ask.from_ms) // interval_to_ms(ask.interval) + 1
        span = Span(ask.from_ms, ask.to_ms)
        jumps = self.time.jumps
        try:
            found = await self.rest.candles(
                ask.symbol, ask.interval, span, min(bars_max, CANDLES_KEPT)
            )
        except VenueError as error:
            self._count("unknown" if isinstance(error, UnknownToVenueError) else "not answered")
            self._fail(key, ask)
            return
        for reason, count in found.refused.items():
            self._count(f"refused: {reason}", count)
        ledger = self.ledgers.get(key)
        if ledger is None:
            return
        # What was asked by a clock that was set meanwhile may not have been over yet.
        if self.time.jumps != jumps or not self.time.is_trusted():
            self._fail(key, ask)
            return
        ledger.on_rest(found.rows, ask, self.time.now_ms())

    def _fail(self, key: Key, ask: Ask) -> None:
        ledger = self.ledgers.get(key)
        if ledger is not None:
            ledger.on_failed(ask, self.time.now_ms())

    def _count(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by


def plain(bar: Bar) -> dict[str, Any]:
    """A bar as clients get it."""
    return msgspec.structs.asdict(bar)
