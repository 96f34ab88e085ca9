"""What a reply is made from: the exchange, what the tape knows of the time before, and now."""

from __future__ import annotations

from typing import Protocol

from sidecar.emulator.exchange.state import Bar, VenueState


class History(Protocol):
    """The market before the venue began to run."""

    def history(self, coin: str, interval: str, from_ms: int, to_ms: int) -> list[Bar]:
        """Bars that open in the span, ascending."""
        ...

    def funding_history(
        self, coin: str, from_ms: int, to_ms: int
    ) -> list[tuple[int, float, float]]:
        """(stamp ms, rate per hour, premium) of the span, ascending."""
        ...


class View(Protocol):
    """All that replies and frames read."""

    @property
    def state(self) -> VenueState:
        """The exchange."""
        ...

    @property
    def tape(self) -> History:
        """What was before it."""
        ...

    @property
    def now_ms(self) -> int:
        """The present instant."""
        ...
