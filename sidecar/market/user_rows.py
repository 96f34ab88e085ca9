"""Events of users out of rows of streams and replies, with keys that are the same in both.  Pure.

A key names what happened, not how it was told: a fill by trade and order, a status by order, name
and time, a payment by symbol and time, a movement by transaction and content.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from sidecar.market.facts import Odd, UserEvent, UserKind

ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}\Z")
DECIMAL: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?\Z")
WHOLE_MAX: Final = 1 << 63
DIGEST_BYTES: Final = 12
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class _RefusedError(Exception):
    """The row cannot be used, with the reason."""


class UserSort(Struct, frozen=True):
    """One kind of events: its stream, and where its rows and their key and time are."""

    kind: UserKind
    channel: str
    rows_field: str | None
    """None: the message is the list itself and names no user."""
    identify: Callable[[dict[str, Any]], tuple[str, int]]


def events_of(sort: UserSort, data: Any, user: str | None) -> Iterator[UserEvent | Odd]:
    """Each row of a message as an event; `user` is the socket's, for messages that name nobody."""
    rows, is_snapshot = data, False
    if sort.rows_field is not None:
        said = data.get("user")
        rows = data.get(sort.rows_field)
        is_snapshot = data.get("isSnapshot") is True
        if not isinstance(said, str) or not isinstance(rows, list):
            yield Odd("wrong_shape", sort.channel)
            return
        if user is not None and said.lower() != user.lower():
            yield Odd("another_user", sort.channel)
            return
        user = said
    if user is None:
        yield Odd("no_user", sort.channel)
        return
    for row in rows:
        yield event(sort, user, row, is_snapshot=is_snapshot)


def event(sort: UserSort, user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """The event of a row; Odd when it is not one."""
    address = user.lower()
    if ADDRESS.match(address) is None:
        return Odd("bad_address", sort.channel)
    if not isinstance(row, dict):
        return Odd("wrong_shape", sort.channel)
    try:
        key, time_ms = sort.identify(row)
    except _RefusedError as refused:
        return Odd(str(refused), sort.channel)
    except (OverflowError, RecursionError, UnicodeError):
        return Odd("wrong_shape", sort.channel)
    return UserEvent(address, sort.kind, key, time_ms, row, is_snapshot)


def fill_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A fill of `userFills`, `userFillsByTime` or the stream."""
    return event(SORTS["fill"], user, row, is_snapshot=is_snapshot)


def order_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A row of `historicalOrders` or of the stream `orderUpdates`."""
    return event(SORTS["order"], user, row, is_snapshot=is_snapshot)


def funding_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A row of `userFunding` or of the stream `userFundings`; both come out in the stream's form.

    REST wraps what the stream says flat into `delta`, and adds a hash.
    """
    if isinstance(row, dict) and isinstance(row.get("delta"), dict):
        delta = {name: value for name, value in row["delta"].items() if name != "type"}
        row = {"time": row.get("time"), **delta}
    return event(SORTS["funding"], user, row, is_snapshot=is_snapshot)


def ledger_event(user: str, row: Any, *, is_snapshot: bool = False) -> UserEvent | Odd:
    """A row of `userNonFundingLedgerUpdates`, of REST or of the stream."""
    return event(SORTS["ledger"], user, row, is_snapshot=is_snapshot)


def _whole(row: dict[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < WHOLE_MAX:
        raise _RefusedError(f"bad_{name}")
    return value


def _text(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value or not value.isascii():
        raise _RefusedError(f"bad_{name}")
    return value


def _decimal(row: dict[str, Any], name: str, *, is_positive: bool = False) -> None:
    text = _text(row, name)
    if DECIMAL.match(text) is None or (is_positive and float(text) <= 0.0):
        raise _RefusedError(f"bad_{name}")


def _fill(row: dict[str, Any]) -> tuple[str, int]:
    _text(row, "coin")
    _decimal(row, "px", is_positive=True)
    _decimal(row, "sz", is_positive=True)
    _decimal(row, "fee")
    if row.get("side") not in ("A", "B"):
        raise _RefusedError("bad_side")
    return f"{_whole(row, 'tid')}:{_whole(row, 'oid')}", _whole(row, "time")


def _order(row: dict[str, Any]) -> tuple[str, int]:
    order = row.get("order")
    if not isinstance(order, dict):
        raise _RefusedError("bad_order")
    _text(order, "coin")
    time_ms = _whole(row, "statusTimestamp")
    return f"{_whole(order, 'oid')}:{_text(row, 'status')}:{time_ms}", time_ms


def _funding(row: dict[str, Any]) -> tuple[str, int]:
    _decimal(row, "usdc")
    _decimal(row, "fundingRate")
    time_ms = _whole(row, "time")
    return f"{_text(row, 'coin')}:{time_ms}", time_ms


def _ledger(row: dict[str, Any]) -> tuple[str, int]:
    delta = row.get("delta")
    if not isinstance(delta, dict):
        raise _RefusedError("bad_delta")
    _text(delta, "type")
    said = _ENCODER.encode(delta)
    if not said.isascii():
        raise _RefusedError("bad_delta")
    digest = hashlib.blake2b(said, digest_size=DIGEST_BYTES).hexdigest()
    time_ms = _whole(row, "time")
    return f"{time_ms}:{_text(row, 'hash')}:{digest}", time_ms


SORTS: Final[dict[UserKind, UserSort]] = {
    "fill": UserSort("fill", "userFills", "fills", _fill),
    "order": UserSort("order", "orderUpdates", None, _order),
    "funding": UserSort("funding", "userFundings", "fundings", _funding),
    "ledger": UserSort("ledger", "userNonFundingLedgerUpdates", "nonFundingLedgerUpdates", _ledger),
}
