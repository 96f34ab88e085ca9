"""Forming and closed bars of one symbol and interval.  Pure.

Times given as `now_ms` and `seen_ms` are the venue's as well as the caller knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from sidecar.market.facts import Candle

How = Literal["rest", "both", "stream", "absent"]
AskReason = Literal["confirm", "gap", "history", "recheck"]
Silent = Literal["absent", "flat"]


class BarsPolicy(Struct, frozen=True):
    """When to ask, and what to believe."""

    grace_ms: int = 2_500
    recheck_ms: int = 60_000
    silent: Silent = "absent"


class Bar(Struct, frozen=True, gc=False):
    """A bar."""

    ts_open_ms: int
    open_px: float
    high_px: float
    low_px: float
    close_px: float
    volume: float
    trade_count: int


class Final(Struct, frozen=True):
    """A bar that is final; None: the venue has none for that time, nothing traded."""

    ts_open_ms: int
    bar: Bar | None
    how: How


class Revision(Struct, frozen=True):
    """The venue says something else of a bar that was final; None before: it had been absent."""

    ts_open_ms: int
    before: Bar | None
    after: Bar
    reason: str
    moved_bps: float
    seen_ms: int


class Ask(Struct, frozen=True):
    """A `candleSnapshot` to ask for: bars that open from `from_ms` up to, without, `to_ms`.

    Lower `priority` first, then lower `since_ms`: since when it is due.
    """

    symbol: str
    interval: str
    from_ms: int
    to_ms: int
    reason: AskReason
    priority: int
    since_ms: int


class Ready(Struct, frozen=True):
    """Whether all wanted bars are here up to the newest, and if not why not."""

    is_ready: bool
    reason: str
    have_bars: int
    wanted_bars: int
    newest_ms: int | None


class Ledger:
    """The bars of one key."""

    def __init__(
        self, symbol: str, interval: str, history_bars: int, policy: BarsPolicy | None = None
    ) -> None:
        self.symbol = symbol
        self.interval = interval
        self.counts: dict[str, int] = {}

    def want(self, history_bars: int) -> None:
        """So many closed bars are wanted from now on."""
        raise NotImplementedError

    def restore(self, bars: Sequence[Bar], asked: Sequence[tuple[int, int]] = ()) -> None:
        """Final bars of the store, ascending; holes inside `asked` spans are known to be absent."""
        raise NotImplementedError

    def on_candle(self, candle: Candle, seen_ms: int) -> bool:
        """Whether the forming bar changed."""
        raise NotImplementedError

    def on_rest(self, rows: Sequence[Candle], asked: Ask, seen_ms: int) -> None:
        """The reply to an Ask."""
        raise NotImplementedError

    def on_failed(self, asked: Ask, now_ms: int) -> None:
        """The Ask got no usable reply; it is due again later."""
        raise NotImplementedError

    def due(self, now_ms: int) -> Ask | None:
        """The most urgent thing to ask for; one at a time for each key."""
        raise NotImplementedError

    def closed(self) -> list[Final]:
        """What became final since the last call, oldest first."""
        raise NotImplementedError

    def revised(self) -> list[Revision]:
        """What changed of final bars since the last call."""
        raise NotImplementedError

    def lost(self) -> list[tuple[int, int]]:
        """Spans since the last call that the venue does not keep any more: gaps for ever."""
        raise NotImplementedError

    def forming(self) -> Bar | None:
        """The newest bar of the stream, which may still change."""
        raise NotImplementedError

    def bars(self, count: int) -> list[Bar]:
        """The newest final bars, oldest first; silent ones are filled when the policy is `flat`."""
        raise NotImplementedError

    def unconfirmed(self, now_ms: int) -> list[Bar]:
        """Bars of the stream that are over and not final yet, oldest first."""
        raise NotImplementedError

    def ready(self, now_ms: int) -> Ready:
        """Whether the key is ready, with the reason when it is not."""
        raise NotImplementedError
