"""Funding rates of wanted symbols, hour by hour, into their store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from core.errors import VenueError
from core.market.bars import DAY_MS, HOUR_MS
from core.market.funding import FUNDING_LATE_MS
from core.ports import Ports
from core.venue.port import FUNDING_ROWS_MAX, Span
from sidecar.market.rest import Rest
from sidecar.market.store import Stores
from sidecar.market.venue_time import VenueTime

BACK_MS: Final = 14 * DAY_MS
"""How far back a symbol's funding is asked for at first; `perpkit fetch` has all of it."""
TICK_MS: Final = 5_000
RETRY_MS: Final = 60_000


@dataclass
class Payments:
    """What is known of each symbol's funding, and what is asked next."""

    ports: Ports
    rest: Rest
    time: VenueTime
    stores: Stores
    counts: dict[str, int] = field(default_factory=dict)
    _done_ms: dict[str, int] = field(default_factory=dict)
    """Per symbol: all that fell due before that is stored, or waits for the disk."""
    _retry_ms: dict[str, int] = field(default_factory=dict)
    _wanted: list[str] = field(default_factory=list)

    def want(self, symbols: list[str]) -> None:
        """Follow the funding of these symbols."""
        new = [symbol for symbol in symbols if symbol not in self._done_ms]
        asked = self.stores.funding_asked() if new else {}
        for symbol in new:
            stretches = asked.get(symbol)
            self._done_ms[symbol] = stretches[-1][1] if stretches else 0
        self._wanted = symbols

    async def work(self) -> None:
        """Ask for what fell due, one symbol after the other, for ever."""
        while True:
            await self.ports.clock.sleep_ms(TICK_MS)
            for symbol in list(self._wanted):
                if not self.time.is_trusted():
                    break
                await self._ask(symbol)

    async def _ask(self, symbol: str) -> None:
        now_ms = self.time.now_ms()
        # A payment is stamped as late as that after its hour.
        to_ms = (now_ms - FUNDING_LATE_MS) // HOUR_MS * HOUR_MS + HOUR_MS
        from_ms = max(self._done_ms[symbol], (now_ms - BACK_MS) // HOUR_MS * HOUR_MS)
        if from_ms >= to_ms or now_ms < self._retry_ms.get(symbol, 0) <= now_ms + RETRY_MS:
            return
        span = Span(from_ms, min(to_ms, from_ms + FUNDING_ROWS_MAX * HOUR_MS))
        try:
            page = await self.rest.funding(symbol, span)
        except VenueError as error:
            name = type(error).__name__
            self.counts[name] = self.counts.get(name, 0) + 1
            self._retry_ms[symbol] = now_ms + RETRY_MS
            return
        times, values = page.ts_ms.tolist(), page.values.tolist()
        self.stores.add_funding(symbol, times, values, (span.from_ms, span.to_ms))
        self._done_ms[symbol] = span.to_ms
