"""What a request weighs, and the ledger that paces all requests of a process.  Pure.

The venue allows an address 1,200 of weight a minute, over all REST requests.  Whoever uses it up
is answered 429, exits and cancels too; so ordinary requests stop short of a reserve that only
urgent ones may touch.  Weights come from the venue's page on rate limits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

WINDOW_MS: Final = 60_000
WEIGHT_PER_MINUTE: Final = 1_200
RESERVE: Final = 200
"""Kept for exits and cancels: at weight 1 each, every position of a full book can leave twice."""

LIGHT = 2
DEFAULT = 20
WEIGHTS: Final[dict[str, int]] = {
    "l2Book": LIGHT,
    "allMids": LIGHT,
    "clearinghouseState": LIGHT,
    "orderStatus": LIGHT,
    "spotClearinghouseState": LIGHT,
    "exchangeStatus": LIGHT,
    "userRole": 60,
}
# One more of weight for each so many items of the reply.
ITEMS_PER_WEIGHT: Final[dict[str, int]] = {
    "candleSnapshot": 60,
    "recentTrades": 20,
    "historicalOrders": 20,
    "userFills": 20,
    "userFillsByTime": 20,
    "fundingHistory": 20,
    "userFunding": 20,
    "nonUserFundingUpdates": 20,
    "twapHistory": 20,
    "userTwapSliceFills": 20,
    "userTwapSliceFillsByTime": 20,
    "delegatorHistory": 20,
    "delegatorRewards": 20,
    "validatorStats": 20,
}
BATCH_PER_WEIGHT: Final = 40


def info_weight(request_type: str, item_count: int = 0) -> int:
    """Weight of an `/info` request whose reply has that many items; a begun share counts whole."""
    per = ITEMS_PER_WEIGHT.get(request_type, 0)
    return WEIGHTS.get(request_type, DEFAULT) + (-(-item_count // per) if per else 0)


def exchange_weight(batch_length: int) -> int:
    """Weight of an `/exchange` action with that many orders or cancels."""
    return 1 + batch_length // BATCH_PER_WEIGHT


@dataclass
class Entry:
    """One request in the ledger: when it was sent, and what it weighs as far as is known."""

    at_ms: int
    weight: int


@dataclass
class WeightLedger:
    """Weights of the last minute; says how long the next request must wait.

    A request is entered with the most that it can weigh, and settled once its reply has been
    counted.  `now_ms` may stand still or jump back: what was noted moves back with it, so that no
    wait is longer than one window, and not the next one either.
    """

    per_minute: int = WEIGHT_PER_MINUTE
    reserve: int = RESERVE
    _entries: deque[Entry] = field(default_factory=deque)
    _barred_until_ms: int = 0
    _read_ms: int = 0

    def wait_ms(self, weight: int, now_ms: int, *, urgent: bool = False) -> int:
        """Milliseconds until a request of that weight may be sent; 0 when it may be sent now.

        One that weighs more than all there is may go when nothing else is in the window.
        """
        self._forget(now_ms)
        limit = self.per_minute - (0 if urgent else self.reserve)
        barred = 0 if urgent else min(max(0, self._barred_until_ms - now_ms), WINDOW_MS)
        over = self.used() + weight - limit
        for entry in self._entries:
            if over <= 0:
                break
            over -= entry.weight
            barred = max(barred, min(entry.at_ms + WINDOW_MS - now_ms, WINDOW_MS))
        return barred

    def enter(self, weight: int, now_ms: int) -> Entry:
        """Note a request that is sent now; give the entry to `settle` when its reply is there."""
        self._forget(now_ms)
        entry = Entry(now_ms, weight)
        self._entries.append(entry)
        return entry

    def settle(self, entry: Entry, weight: int) -> None:
        """Put what the request did weigh in the place of what it could have weighed."""
        entry.weight = weight

    def bar(self, until_ms: int) -> None:
        """Hold ordinary requests back until then: the venue said that it has had enough."""
        self._barred_until_ms = max(self._barred_until_ms, until_ms)

    def used(self) -> int:
        """Weight of the requests that are still in the window."""
        return sum(entry.weight for entry in self._entries)

    def _forget(self, now_ms: int) -> None:
        back_ms = self._read_ms - now_ms
        if back_ms > 0:
            self._barred_until_ms -= back_ms
            for entry in self._entries:
                entry.at_ms -= back_ms
        self._read_ms = now_ms
        while self._entries and self._entries[0].at_ms + WINDOW_MS <= now_ms:
            self._entries.popleft()
