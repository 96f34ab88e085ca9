"""The walk over bars, tick by tick: one tape over any market that comes in bars.  Pure.

A bar of `n` instants has them at its open and every `tick_ms` from there.  The price goes along the
bar's path; the oracle and other venues' perpetuals follow the straight line from its open to its
close, the oracle less the premium.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from core.market.bars import DAY_MS, INTERVALS, Ints
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Move, Moved
from sidecar.emulator.exchange.state import Bar, Rules, VenueState
from sidecar.emulator.tape.market import Market, Slab
from sidecar.emulator.tape.opening import Opened, first_state, past_bars
from sidecar.emulator.tape.path import paths, tick_count_of
from sidecar.emulator.tape.port import Instant


class Reel:
    """A tape over a market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.start_ms = market.start_ms
        """The instant that `first_state` describes."""
        self._tick_count = tick_count_of(market.bar_ms, market.tick_ms)
        self._names = [listing.name for listing in market.universe.listings]
        self._index = {name: index for index, name in enumerate(self._names)}
        self._decimals = np.array(
            [listing.metadata.size_decimals for listing in market.universe.listings], np.int64
        )
        self._at_ms, self._given = market.start_ms, -1
        """The last instant given, and how many were of that time; -1 for all of them."""
        self._frames: Iterator[Instant] | None = None
        self._next: Instant | None = None
        self._end_ms = 0
        self._is_over = False

    def take(self, until_ms: int) -> Iterator[Instant]:
        """Every instant after the position up to and with `until_ms`, in order."""
        while (found := self._peek()) is not None and found[0] <= until_ms:
            self._next = None
            self._given = self._given + 1 if found[0] == self._at_ms else 1
            self._at_ms = found[0]
            yield found

    def next_ms(self) -> int | None:
        """When the next instant is; None when the tape has ended."""
        found = self._peek()
        return None if found is None else found[0]

    def position(self) -> dict[str, Any]:
        """Where it stands, as plain JSON."""
        return {"at_ms": self._at_ms, "given": self._given}

    def resume(self, position: dict[str, Any]) -> None:
        """Stand where `position` says."""
        self._at_ms, self._given = int(position["at_ms"]), int(position["given"])
        self._frames, self._next, self._is_over = None, None, False
        skip = self._given
        while (found := self._peek(from_ms=self._at_ms)) is not None and found[0] == self._at_ms:
            if skip == 0:
                return
            self._next, skip = None, skip - 1

    def identity(self) -> dict[str, Any]:
        """All that the market depends on, as plain JSON."""
        own = {"start_ms": self.start_ms, "tick_ms": self._market.tick_ms}
        return {**self._market.identity(), **own}

    def history(self, coin: str, interval: str, from_ms: int, to_ms: int) -> list[Bar]:
        """Bars that closed by the start and open from `from_ms` up to and with `to_ms`."""
        if coin not in self._index or interval not in INTERVALS:
            return []
        newest_ms = self.start_ms - (candles.BARS_MAX + 1) * (INTERVALS[interval] or 31 * DAY_MS)
        found = past_bars(self._market, self._index[coin], interval, max(from_ms, newest_ms))
        return found.between(from_ms, to_ms + 1).bars()[-candles.BARS_MAX :]

    def funding_history(
        self, coin: str, from_ms: int, to_ms: int
    ) -> list[tuple[int, float, float]]:
        """(hour, rate per hour, premium) from `from_ms` to `to_ms`, up to the start."""
        if coin not in self._index:
            return []
        rows = self._market.funding(self._index[coin])
        return [row for row in rows if from_ms <= row[0] <= to_ms]

    def first_state(self, rules: Rules) -> VenueState:
        """The venue at the start, without clients."""
        opened: Opened = {}
        slab = self._market.slab_from(self.start_ms)
        first_ms = self.start_ms - self._market.bar_ms + 1
        for at_ms, request in self._instants(slab, first_ms) if slab is not None else ():
            if at_ms > self.start_ms:
                break
            for move in request.moves if isinstance(request, Moved) else ():
                opened.setdefault(move.coin, []).append((at_ms, move))
        return first_state(self._market, rules, opened)

    def _peek(self, from_ms: int | None = None) -> Instant | None:
        """The next instant, which stays the next one; `from_ms` begins anew at that time."""
        while self._next is None and not self._is_over:
            if self._frames is None:
                slab = self._market.slab_from(self._at_ms)
                if slab is None:
                    self._is_over = True
                    return None
                first_ms = self._at_ms + 1 if from_ms is None else from_ms
                self._begin(slab, first_ms)
            assert self._frames is not None
            self._next = next(self._frames, None)
            if self._next is None:
                slab = self._market.slab_from(self._end_ms)
                if slab is None:
                    self._is_over = True
                    return None
                self._begin(slab, self._end_ms)
        return self._next

    def _begin(self, slab: Slab, first_ms: int) -> None:
        """The instants of a slab from a time on are the next ones."""
        self._end_ms = int(slab.open_ms[-1]) + self._market.bar_ms
        self._frames = self._instants(slab, first_ms)

    def _instants(self, slab: Slab, first_ms: int) -> Iterator[Instant]:
        """The instants of a slab from a time on."""
        bar_ms, tick_ms = self._market.bar_ms, self._market.tick_ms
        begun = slab.open_ms + bar_ms > first_ms
        if not begun.any():
            return
        since = int(np.argmax(begun))
        columns = self._columns(slab, since)
        everyone = self._names, list(range(len(self._names)))
        for bar, open_ms in enumerate(slab.open_ms[since:].tolist()):
            at = since + bar
            if open_ms >= first_ms:
                for listed in slab.listed.get(at, ()):
                    yield open_ms, listed
            coins = np.flatnonzero(slab.present[at])
            if not len(coins):
                continue
            if len(coins) == len(self._names):
                names, places = everyone
                values = [column[bar].tolist() for column in columns]
            else:
                places = coins.tolist()
                names = [self._names[index] for index in places]
                values = [column[bar][:, coins].tolist() for column in columns]
            first = max(-(-(first_ms - open_ms) // tick_ms), 0)
            for place in range(first, self._tick_count):
                told: list[Any] = [names, *(value[place] for value in values)]
                at_ms = open_ms + place * tick_ms
                if (rates := slab.rates.get(at_ms + tick_ms)) is not None:
                    told.append([rates[index] for index in places])
                yield at_ms, Moved(tuple(map(Move, *told)))

    def _columns(self, slab: Slab, since: int) -> tuple[Ints, ...]:
        """Price, lots, oracle and other venues' price of the bars from a place on, over bar,
        instant and coin."""
        rows = slab.rows.at(slice(since, None))
        found = paths(
            rows,
            self._decimals,
            self._tick_count,
            self._market.chance,
            slab.open_ms[since:] // self._market.bar_ms,
        )
        along = np.arange(1.0, self._tick_count + 1.0) / self._tick_count
        opens = rows.open_ticks[:, None, :].astype(np.float64)
        closes = rows.close_ticks[:, None, :].astype(np.float64)
        line = opens + (closes - opens) * along[:, None]
        oracle = np.maximum(np.rint(line / (1.0 + slab.premium[since:, None, :])), 1.0)
        return (
            found.ticks.transpose(0, 2, 1),
            found.lots.transpose(0, 2, 1),
            oracle.astype(np.int64),
            np.rint(line).astype(np.int64),
        )
