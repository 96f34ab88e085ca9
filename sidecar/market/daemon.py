"""The sidecar's work as tasks over `core.ports`; and what it answers to its clients' requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from core.ports import Ports
from sidecar.market.board import Change
from sidecar.market.desired import Interest
from sidecar.market.record import Shelf
from sidecar.market.user_log import LoggedEvent


@dataclass(frozen=True)
class Settings:
    """What one sidecar does, whoever its clients are."""

    venue: str
    """Name that stored rows carry, such as `hyperliquid mainnet`."""
    always: Interest
    """What is wanted even while no client is there."""
    silent_bars: str = "absent"
    """A bar without trades is `absent` from the store, or `flat`."""
    grace_ms: int = 2_000
    """How long after its end a bar may still change by the stream before REST is asked."""
    reconcile_ms: int = 30_000
    """How often REST is asked for events of users."""
    context_ms: int = 60_000
    """How often contexts of wanted symbols are stored; 0 for never."""
    funding: bool = True
    record_quotes: bool = False
    record_trades: bool = False
    quote_sample_ms: int = 1_000
    keep_days: int = 30
    """Age at which recordings and user events may be deleted."""
    quota_bytes: int = 0
    """Most that recordings may take; 0 for no limit."""
    lease_ms: int = 7 * 86_400_000
    """How long a consumer of user events is waited for after its last acknowledgement."""


class Hub(Protocol):
    """Who the news goes to: the server's clients."""

    def changed(self, changes: Sequence[Change]) -> None:
        """Values on the board changed."""
        ...

    def bar_closed(self, symbol: str, interval: str, bar: dict[str, Any]) -> None:
        """A bar is final, and stored."""
        ...

    def user_events(self, user: str, cursor: int) -> None:
        """Events of a user are stored, up to that cursor."""
        ...

    def interests(self) -> list[Interest]:
        """What all clients that live want."""
        ...

    def on_interest(self, callback: Callable[[], None]) -> None:
        """Call that back whenever `interests` has changed."""
        ...


class Service:
    """What the server asks on behalf of its clients.  All calls return at once, plain data.

    Raises UsageError for a question that makes no sense, InputError when the disk fails.
    """

    def mids(self, symbols: Sequence[str], age_ms_max: int | None = None) -> dict[str, Any]:
        """`{"seq", "mids": {symbol: {px, age_ms, source}}}`; all symbols for an empty list.

        A value that is older than `age_ms_max` is left out.
        """
        raise NotImplementedError

    def bbo(self, symbols: Sequence[str], age_ms_max: int | None = None) -> dict[str, Any]:
        """`{"seq", "bbo": {symbol: {bid, ask, time_ms, age_ms}}}`."""
        raise NotImplementedError

    def contexts(self, symbols: Sequence[str]) -> dict[str, Any]:
        """`{"seq", "contexts": {symbol: {..., age_ms}}}`."""
        raise NotImplementedError

    def trades(self, symbol: str, after_seq: int = 0, limit: int = 500) -> dict[str, Any]:
        """`{"seq", "trades": [...]}`: newest trades of a symbol, oldest first."""
        raise NotImplementedError

    def candles(self, symbol: str, interval: str, count: int, *, forming: bool) -> dict[str, Any]:
        """`{"bars": [...], "forming": bar or None, "ready", "reason"}`: the newest closed bars."""
        raise NotImplementedError

    def funding(self, symbol: str, from_ms: int, to_ms: int) -> dict[str, Any]:
        """`{"funding": [{ts_ms, rate, premium}]}` from the store."""
        raise NotImplementedError

    def ready(self, symbols: Sequence[str], interval: str) -> dict[str, Any]:
        """`{"ready": bool, "items": [{symbol, interval, ready, reason, ...}]}`."""
        raise NotImplementedError

    def seq(self, symbols: Sequence[str]) -> int:
        """The largest sequence number of a change of these symbols; of any for an empty list."""
        raise NotImplementedError

    def user_events(self, user: str, after: int, limit: int) -> list[LoggedEvent]:
        """Stored events of a user after a cursor."""
        raise NotImplementedError

    def ack(self, consumer: str, user: str, cursor: int) -> int:
        """How far the consumer is now; its lease is renewed."""
        raise NotImplementedError

    def health(self) -> dict[str, Any]:
        """`{"ok", "reasons": [...], "streams": [...], "stores": [...], "users": [...], ...}`."""
        raise NotImplementedError

    def stats(self) -> dict[str, Any]:
        """Counters since the start."""
        raise NotImplementedError


async def run(
    ports: Ports,
    settings: Settings,
    hub: Hub,
    *,
    shelf: Shelf | None = None,
    serve: Callable[[Service], None] = lambda _: None,
) -> None:
    """Serve until cancelled.  `serve` is given the service as soon as it can answer.

    `shelf` is where recordings go; without one nothing is recorded.
    """
    raise NotImplementedError
