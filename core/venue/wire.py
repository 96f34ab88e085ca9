"""The venue's candles and funding payments, decoded strictly; requests for them.  Pure.

A field that is missing, of another type or that contradicts the request is a WireError that names
it: the reply is not from the venue that we know.  A row that is well formed but cannot be stored,
such as a price of NaN or a crossed OHLC, is counted and left out, and the caller decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from core.clock import LATEST_MS
from core.market.bars import (
    HOUR_MS,
    Bools,
    Floats,
    Ints,
    interval_to_ms,
    phase_unit_ms,
)
from core.market.funding import (
    FUNDING_EARLY_MS,
    FUNDING_LATE_MS,
    HOURLY_SINCE_MS,
    HOURS_BEFORE_HOURLY,
    due_hours_ms,
)
from core.market.quality import REASON_TEXT, broken_bars
from core.venue.faults import WireError
from core.venue.port import Page, Span, empty_page

SHOWN_CHARS = 60
CANDLE_COLUMNS = ("o", "h", "l", "c", "v")
Rows = Sequence[dict[str, Any]]


def candle_request(symbol: str, interval: str, span: Span) -> dict[str, Any]:
    """The request for the bars that open in the span; the venue counts both ends in."""
    return {
        "type": "candleSnapshot",
        "req": {
            "coin": symbol,
            "interval": interval,
            "startTime": span.from_ms,
            "endTime": span.to_ms - 1,
        },
    }


def funding_request(symbol: str, span: Span) -> dict[str, Any]:
    """The request for the payments that fell due in the span, stamped as late as they may be."""
    return {
        "type": "fundingHistory",
        "coin": symbol,
        "startTime": max(0, span.from_ms - FUNDING_EARLY_MS),
        "endTime": span.to_ms - HOUR_MS + FUNDING_LATE_MS,
    }


def decode_json(content: bytes) -> Any:
    """The reply as plain data; ValueError when it is cut off or no JSON at all."""
    return json.loads(content, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def decode_candles(reply: object, symbol: str, interval: str, span: Span) -> Page:
    """The bars of a `candleSnapshot` reply that open in the span.

    The venue also gives the bar that the span begins in; that and others outside are left out.
    Rows out of order are sorted; one that repeats another exactly is dropped and counted.
    """
    rows = _objects(reply, "candleSnapshot")
    if not rows:
        return empty_page(len(CANDLE_COLUMNS))
    _require_equal(rows, "s", symbol)
    _require_equal(rows, "i", interval)
    _column(rows, "n", int)
    ts_ms = _times(rows, "t")
    length_ms = interval_to_ms(interval)
    _require_closes(ts_ms, _times(rows, "T"), length_ms)
    values = np.column_stack([_decimals(rows, name) for name in CANDLE_COLUMNS])
    misaligned = ts_ms % phase_unit_ms(length_ms) != 0
    with np.errstate(invalid="ignore"):
        not_finite, not_positive, crossed = broken_bars(values)
    faults = {
        "misaligned": misaligned,
        "not_finite": not_finite,
        "not_positive": not_positive,
        "crossed_ohlc": crossed,
    }
    return _page(ts_ms, values, faults, span, f"candleSnapshot {symbol} {interval}")


def decode_funding(reply: object, symbol: str, span: Span) -> Page:
    """The payments of a `fundingHistory` reply that fell due in the span, as rates per hour."""
    rows = _objects(reply, "fundingHistory")
    if not rows:
        return empty_page(2)
    _require_equal(rows, "coin", symbol)
    stamped_ms = _times(rows, "time")
    due_ms = due_hours_ms(stamped_ms)
    rate = _decimals(rows, "fundingRate")
    rate = np.where(due_ms <= HOURLY_SINCE_MS, rate / HOURS_BEFORE_HOURLY, rate)
    premium = _decimals([{"premium": "nan"} | row for row in rows], "premium")
    faults = {
        "misaligned": stamped_ms - due_ms > FUNDING_LATE_MS,
        "not_finite": ~np.isfinite(rate) | np.isinf(premium),
    }
    values = np.column_stack([rate, premium])
    return _page(due_ms, values, faults, span, f"fundingHistory {symbol}")


def decode_time(reply: object) -> int:
    """The time of an `exchangeStatus` reply."""
    return int(_times([_object(reply, "exchangeStatus")], "time")[0])


def _page(ts_ms: Ints, values: Floats, faults: dict[str, Bools], span: Span, place: str) -> Page:
    """Good rows of the span in order, the bad ones counted by the first reason that holds."""
    inside = (ts_ms >= span.from_ms) & (ts_ms < span.to_ms)
    left, counts, example = inside.copy(), {}, ""
    for reason, holds in faults.items():
        found = np.flatnonzero(left & holds)
        left &= ~holds
        if len(found):
            counts[reason] = len(found)
            example = example or f"{place} row {found[0]}: {REASON_TEXT[reason]}"
    keep = np.flatnonzero(left)
    keep = keep[np.argsort(ts_ms[keep], kind="stable")]
    repeats = np.zeros(len(keep), np.bool_)
    repeats[1:] = np.diff(ts_ms[keep]) == 0
    again = np.flatnonzero(repeats)
    ours, before = values[keep[again]], values[keep[again - 1]]
    if not ((ours == before) | (np.isnan(ours) & np.isnan(before))).all():
        raise WireError(
            "the venue gives two different rows for one time",
            at=f"{place}: {ts_ms[keep[again[0]]]}",
            hint="fetch again; rows that were stored before stay",
        )
    unique = keep[~repeats]
    return Page(
        # Adding zero turns -0.0 into 0.0, so that equal numbers are equal bytes in every hash.
        ts_ms[unique],
        values[unique] + 0.0,
        int(inside.sum()),
        int(ts_ms[inside].max()) if inside.any() else None,
        int(repeats.sum()),
        counts,
        example,
    )


def _objects(reply: object, what: str) -> Rows:
    if not isinstance(reply, list):
        raise malformed(what, "the reply", reply, "a list")
    for row in reply:
        if type(row) is not dict:
            raise malformed(what, "a row", row, "an object")
    return reply


def _object(reply: object, what: str) -> dict[str, Any]:
    if type(reply) is not dict:
        raise malformed(what, "the reply", reply, "an object")
    return reply


def _column(rows: Rows, name: str, kind: type) -> list[Any]:
    """One field of all rows, which must all be of that very type."""
    try:
        found = [row[name] for row in rows]
    except KeyError:
        row = next(number for number, row in enumerate(rows) if name not in row)
        raise malformed(f"row {row}", name, None, kind.__name__) from None
    if set(map(type, found)) != {kind}:
        row = next(number for number, value in enumerate(found) if type(value) is not kind)
        raise malformed(f"row {row}", name, found[row], kind.__name__)
    return found


def _times(rows: Rows, name: str) -> Ints:
    found = _column(rows, name, int)
    if min(found) < 0 or max(found) > LATEST_MS:
        wrong = next(value for value in found if not 0 <= value <= LATEST_MS)
        raise malformed("a row", name, wrong, "milliseconds since 1970")
    return np.array(found, np.int64)


def _decimals(rows: Rows, name: str) -> Floats:
    """A field of decimal strings; Python's own liberties with numbers are not the venue's."""
    found = _column(rows, name, str)
    joined = "".join(found)
    try:
        if "_" in joined or len(joined.split()) != 1:
            _first_wrong(found, name, float)
        return np.array(list(map(float, found)))
    except ValueError:
        _first_wrong(found, name, float)
        raise


def _first_wrong(found: list[str], name: str, read: Callable[[str], float]) -> None:
    for row, text in enumerate(found):
        try:
            read(text)
        except ValueError:
            raise malformed(f"row {row}", name, text, "a decimal number") from None
        if "_" in text or text != text.strip():
            raise malformed(f"row {row}", name, text, "a decimal number")


def _require_equal(rows: Rows, name: str, wanted: str) -> None:
    found = _column(rows, name, str)
    if set(found) != {wanted}:
        row = next(number for number, value in enumerate(found) if value != wanted)
        raise malformed(f"row {row}", name, found[row], repr(wanted))


def _require_closes(ts_ms: Ints, close_ms: Ints, length_ms: int) -> None:
    wrong = np.flatnonzero(close_ms != ts_ms + length_ms - 1)
    if len(wrong):
        row = int(wrong[0])
        wanted = f"{ts_ms[row] + length_ms - 1}, the last millisecond of the bar"
        raise malformed(f"row {row}", "T", int(close_ms[row]), wanted)


def malformed(place: str, name: str, was: object, wanted: str) -> WireError:
    """The error for one field: its place, what it was, and what it had to be."""
    text = "missing" if was is None else repr(was)
    if len(text) > SHOWN_CHARS:
        text = f"{text[:SHOWN_CHARS]}..."
    return WireError(
        f"the venue's reply is not as documented: {name} was {text}, wanted {wanted}",
        at=f"{place}: {name}",
        hint="fetch again; if it stays so, the venue has changed its replies and this program must"
        " learn it",
    )
