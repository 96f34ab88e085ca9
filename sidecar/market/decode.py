"""Facts out of the venue's messages, strictly.  Pure; never raises, whatever the bytes."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from sidecar.market.facts import Candle, Fact, Odd, UserEvent


class RestBars(Struct, frozen=True):
    """Rows of a `candleSnapshot` reply, in its order, and how many were refused by reason."""

    rows: list[Candle]
    refused: dict[str, int]


def facts(raw: str | bytes, seen_ms: int, user: str | None = None) -> list[Fact]:
    """What the message says; `user` is whose socket it came on, for channels that name nobody."""
    raise NotImplementedError


def rest_bars(body: bytes, symbol: str, interval: str) -> RestBars | Odd:
    """The rows of a `candleSnapshot` reply; Odd when it is no list of rows."""
    raise NotImplementedError


def fill_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A fill of `userFills`, `userFillsByTime` or the stream."""
    raise NotImplementedError


def order_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A row of `historicalOrders` or of the stream `orderUpdates`."""
    raise NotImplementedError


def funding_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A row of `userFunding` or of the stream `userFundings`."""
    raise NotImplementedError


def ledger_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A row of `userNonFundingLedgerUpdates`, of REST or of the stream."""
    raise NotImplementedError
