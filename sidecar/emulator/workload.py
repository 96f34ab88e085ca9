"""A seeded mix of what clients and the market ask of the exchange.  Pure.

Of a hundred requests about sixty place an order, half of them near the touch and half through it,
fifteen cancel, ten replace, and fifteen are the market's moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sidecar.emulator.exchange.events import Answered, Event, Resting
from sidecar.emulator.exchange.requests import Cancel, Modify, OrderSpec, Place, Request
from sidecar.emulator.exchange.state import Coin, VenueState
from sidecar.emulator.exchange.units import px_step_ticks
from sidecar.emulator.tape.port import Tape

GAP_MS = 5
SIZE_USD = (20, 20_000)
AWAY_STEPS = 30
KEPT = 2_000


class Workload:
    """Requests in turn with their times; it reads the state to ask for what makes sense."""

    def __init__(self, state: VenueState, tape: Tape, users: Sequence[str], seed: int) -> None:
        self._state, self._tape, self._users = state, tape, list(users)
        self._chance = np.random.Generator(np.random.PCG64(seed))
        self._now_ms = state.now_ms
        self._moves: Iterator[tuple[int, Request]] = iter(())
        self._resting: list[tuple[str, int, int]] = []
        self._asked: tuple[str, int] = ("", 0)

    def next(self) -> tuple[int, Request]:
        """(now, request) to step with."""
        draw = int(self._chance.integers(100))
        self._asked = ("", 0)
        if draw < 15:
            return self._move()
        self._now_ms += GAP_MS
        if draw < 40 and self._resting:
            at = int(self._chance.integers(len(self._resting)))
            user, asset, oid = self._resting.pop(at)
            if draw < 30:
                return self._now_ms, Cancel(user, ((asset, oid),))
            coin = next(c for c in self._state.coins.values() if c.asset == asset)
            self._asked = (user, asset)
            changes = ((oid, self._spec(coin, crosses=False)),)
            return self._now_ms, Modify(user, changes, is_batch=True, always_place=True)
        user = self._users[int(self._chance.integers(len(self._users)))]
        coins = [c for c in self._state.coins.values() if c.is_listed and not c.is_delisted]
        coin = coins[int(self._chance.integers(len(coins)))]
        self._asked = (user, coin.asset)
        return self._now_ms, Place(user, (self._spec(coin, crosses=draw < 70),))

    def heard(self, events: Sequence[Event]) -> None:
        """Note the orders that rest."""
        user, asset = self._asked
        for event in events:
            if user and isinstance(event, Answered):
                self._resting.extend(
                    (user, asset, status.oid)
                    for status in event.statuses
                    if isinstance(status, Resting)
                )
        del self._resting[:-KEPT]

    def _move(self) -> tuple[int, Request]:
        while (found := next(self._moves, None)) is None:
            self._now_ms += 1_000
            self._moves = iter(self._tape.take(self._now_ms))
        at_ms, request = found
        self._now_ms = max(self._now_ms, at_ms)
        return self._now_ms, request

    def _spec(self, coin: Coin, *, crosses: bool) -> OrderSpec:
        is_buy = bool(self._chance.integers(2))
        px = coin.quote.px_ticks
        step = px_step_ticks(px, coin.size_decimals)
        away = step * int(self._chance.integers(2, AWAY_STEPS))
        toward = is_buy == crosses
        limit = (px + away if toward else px - away) // step * step
        usd = int(self._chance.integers(*SIZE_USD))
        lots = max(1, usd * 1_000_000 // px)
        return OrderSpec(
            asset=coin.asset,
            is_buy=is_buy,
            limit_ticks=max(step, limit),
            lots=lots,
            reduce_only=False,
            tif="Ioc" if crosses else "Gtc",
        )
