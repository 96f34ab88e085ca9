"""What a tape must offer: a market before the start, and every instant of it after.  Pure.

Bars before the start are the tape's, bars since then are the venue's: `history` ends with the last
bar that closed by the start, and the state that `first_state` gives holds the begun part of the bar
that the start lies in, of every interval.  So both lists in a row are all bars, and none is twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from sidecar.emulator.exchange.requests import Listed, Moved
from sidecar.emulator.exchange.state import Bar, Rules, VenueState

Instant = tuple[int, Moved | Listed]
"""When, and what the market did."""


class Tape(Protocol):
    """A market, read forwards."""

    @property
    def start_ms(self) -> int:
        """The instant that `first_state` describes."""
        ...

    def first_state(self, rules: Rules) -> VenueState:
        """The venue at the start: coins with prices, sums of the last day, no clients."""
        ...

    def take(self, until_ms: int) -> Iterator[Instant]:
        """Every instant after the position up to and with `until_ms`, in order.

        The position is that of the last one given, so that whoever stops early loses nothing.  The
        rate of an hour that is known comes with the last move before the hour's end.
        """
        ...

    def next_ms(self) -> int | None:
        """When the next instant is; None when the tape has ended and prices stand."""
        ...

    def history(self, coin: str, interval: str, from_ms: int, to_ms: int) -> list[Bar]:
        """Bars that open from `from_ms` up to and with `to_ms` and closed by the start, oldest
        first, at most the newest 5,000 of the interval; empty for a coin it does not know."""
        ...

    def funding_history(
        self, coin: str, from_ms: int, to_ms: int
    ) -> list[tuple[int, float, float]]:
        """(hour ms, rate per hour, premium) from `from_ms` to `to_ms`, up to the start."""
        ...

    def identity(self) -> dict[str, Any]:
        """All that the market depends on, as plain JSON: equal identities give equal tapes."""
        ...

    def position(self) -> dict[str, Any]:
        """Where it stands, as plain JSON."""
        ...

    def resume(self, position: dict[str, Any]) -> None:
        """Stand where `position` says, which a tape of the same identity gave."""
        ...
