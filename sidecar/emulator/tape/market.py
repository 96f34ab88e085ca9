"""A market in bars: what a reel is wound from.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from core.market.bars import Bools, Floats, Ints
from sidecar.emulator.exchange.requests import Listed
from sidecar.emulator.tape.past import PastBars
from sidecar.emulator.tape.path import BarRows, Chance
from sidecar.emulator.tape.universe import Universe


@dataclass(frozen=True)
class Slab:
    """Some bars of time of all coins in a row: `open_ms` per bar, the rest over bar and coin.

    A coin has no instants in a bar in which it is not `present`.  `premium` is the price over the
    oracle, less 1.  `rates` has, by the hour at which funding falls due, a rate or None per coin;
    `listed` has, by the place of a bar with news, who begins or ends at its open.
    """

    open_ms: Ints
    present: Bools
    rows: BarRows
    premium: Floats
    rates: dict[int, list[float | None]]
    listed: dict[int, tuple[Listed, ...]]


class Market(Protocol):
    """Where bars come from; coins are known by their place in the universe."""

    universe: Universe
    bar_ms: int
    tick_ms: int
    start_ms: int
    chance: Chance

    def slab_from(self, at_ms: int) -> Slab | None:
        """A slab with the first bar that ends after `at_ms`; it may begin earlier.

        None when no bar ends after it.
        """
        ...

    def past(self, index: int, interval: str, from_ms: int) -> PastBars:
        """Bars of a coin of the market's own interval or a coarser one, oldest first.

        All that closed by the start and open at `from_ms` or later, but for the oldest when there
        are more than 5,000; some that open before it or close later may be among them.
        """
        ...

    def funding(self, index: int) -> list[tuple[int, float, float]]:
        """(hour, rate per hour, premium) of a coin by the start, ascending."""
        ...

    def standing(self, index: int) -> tuple[bool, bool]:
        """Is a coin listed by the start, and has it ended by then?"""
        ...

    def first_ticks(self, index: int) -> int:
        """The price of a coin before its first trade."""
        ...

    def identity(self) -> dict[str, Any]:
        """All that the market depends on, as plain JSON."""
        ...
