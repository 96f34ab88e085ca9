"""Facts out of the venue's messages, strictly.  Pure; never raises, whatever the bytes.

A field that is missing or of another type, a price that is no plain decimal number above zero, a
bar whose prices contradict each other: what is concerned is refused and comes out as an Odd with
the reason.  Fields that nobody reads may be anything, for the venue adds some now and then.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from core.market.bars import INTERVALS, phase_unit_ms
from sidecar.market import topics
from sidecar.market.facts import (
    Acked,
    Bbo,
    Candle,
    Context,
    Fact,
    Mids,
    Odd,
    Pong,
    Trade,
    VenueError,
)
from sidecar.market.shapes import (
    CHANNELS,
    LISTS,
    MESSAGES,
    OBJECTS,
    ROWS,
    AckMessage,
    AllMidsMessage,
    BboMessage,
    CandleMessage,
    ContextMessage,
    ErrorMessage,
    FillsMessage,
    FundingsMessage,
    LedgerMessage,
    Message,
    Named,
    OfCoin,
    OrdersMessage,
    PongMessage,
    Print,
    Quote,
    Row,
    TradesMessage,
)
from sidecar.market.user_rows import (
    SORTS,
    UserSort,
    events_of,
    fill_event,
    funding_event,
    ledger_event,
    order_event,
)

__all__ = [
    "RestBars",
    "facts",
    "fill_event",
    "funding_event",
    "ledger_event",
    "order_event",
    "rest_bars",
]

RAW_CHARS_MAX: Final = 8 * 1024 * 1024
GREETING: Final = "Websocket connection established."
SYMBOL_PATTERN: Final = re.compile(r"[A-Za-z0-9:@#+_-]{1,32}\Z")
PRICE_CHARS_MAX: Final = 32
"""Of prices and sizes; those that the venue sends have at most 21."""
DIGITS_MAX: Final = 20
"""Before and after the point, each."""
TIME_MS_MAX: Final = 1 << 53
ERROR_CHARS_MAX: Final = 2_000
NOT_PERPETUALS: Final = ("@", "#")
"""Names of spot pairs and outcomes begin so; other pairs have a slash."""
ALREADY: Final = {"Already subscribed: ": True, "Already unsubscribed: ": False}

DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)


class _RefusedError(Exception):
    """The part of a message cannot be used, with the reason."""


class RestBars(Struct, frozen=True):
    """Rows of a `candleSnapshot` reply, in its order, and how many were refused by reason."""

    rows: list[Candle]
    refused: dict[str, int]


_SORT_OF: Final[dict[type, UserSort]] = {
    FillsMessage: SORTS["fill"],
    OrdersMessage: SORTS["order"],
    FundingsMessage: SORTS["funding"],
    LedgerMessage: SORTS["ledger"],
}


def facts(raw: str | bytes, seen_ms: int, user: str | None = None) -> list[Fact]:
    """What the message says; `user` is whose socket it came on, for channels that name nobody.

    `seen_ms` bounds nothing: the venue's clock and ours may differ by any time.
    """
    del seen_ms
    if len(raw) > RAW_CHARS_MAX:
        return [Odd("oversize", "")]
    try:
        message = MESSAGES.decode(raw)
    except DECODE_ERRORS as error:
        return _unusable(raw, error)
    try:
        if type(message) is BboMessage:
            return [_bbo(message.data)]
        return _facts_of(message, user)
    except _RefusedError as refused:
        return [Odd(str(refused), _channel_of(raw))]


def _unusable(raw: str | bytes, error: Exception) -> list[Fact]:
    """Why a message is none of ours; nothing for the greeting."""
    if raw in (GREETING, GREETING.encode()):
        return []
    if isinstance(error, RecursionError):
        return [Odd("too_deep", "")]
    if not isinstance(error, msgspec.ValidationError):
        return [Odd("no_json", "")]
    channel = _channel_of(raw)
    is_known = f"'{channel}'" not in str(error) and channel != ""
    return [Odd("wrong_shape" if is_known else "unknown_channel", channel)]


def _channel_of(raw: str | bytes) -> str:
    try:
        return CHANNELS.decode(raw).channel[:PRICE_CHARS_MAX]
    except DECODE_ERRORS:
        return ""


def _facts_of(message: Message, user: str | None) -> list[Fact]:
    match message:
        case CandleMessage(data=rows):
            listed = rows if isinstance(rows, list) else [rows]
            return [_or_odd(_candle, row, "candle") for row in listed]
        case TradesMessage(data=prints):
            return [_or_odd(_trade, row, "trades") for row in prints]
        case ContextMessage(data=said):
            return [_context(said)]
        case AllMidsMessage(data=said_mids):
            return _mids(said_mids.mids)
        case AckMessage(data=named):
            return [_acked(named)]
        case PongMessage():
            return [Pong()]
        case ErrorMessage(data=text):
            return [_error(text)]
        case BboMessage(data=quote):
            return [_bbo(quote)]
        case _:
            return list(events_of(_SORT_OF[type(message)], message.data, user))


def _or_odd(make: Any, row: Any, channel: str) -> Fact:
    try:
        fact: Fact = make(row)
    except _RefusedError as refused:
        return Odd(str(refused), channel)
    return fact


def _price(text: str) -> float:
    """A plain decimal number above zero."""
    found = _number(text)
    if found > 0.0:
        return found
    raise _RefusedError("price_not_positive")


def _number(text: str) -> float:
    """A plain decimal number, not negative."""
    whole, _, rest = text.partition(".")
    if not (whole + rest).isdigit() or not text.isascii() or whole == "":
        raise _RefusedError("no_number")
    if len(whole) > DIGITS_MAX or len(rest) > DIGITS_MAX:
        raise _RefusedError("too_many_digits")
    return float(text)


def _signed(text: str) -> float:
    return -_number(text[1:]) if text.startswith("-") else _number(text)


@lru_cache(maxsize=4_096)
def _symbol(text: str) -> str:
    """A name that may be one of a perpetual."""
    if SYMBOL_PATTERN.match(text) is None:
        raise _RefusedError("bad_symbol")
    return text


def _time(time_ms: int) -> int:
    if 0 < time_ms < TIME_MS_MAX:
        return time_ms
    raise _RefusedError("bad_time")


def _bbo(quote: Quote) -> Bbo:
    bid, ask = quote.bbo
    bids = None if bid is None else (_price(bid.px), _price(bid.sz))
    asks = None if ask is None else (_price(ask.px), _price(ask.sz))
    if bids is not None and asks is not None and bids[0] >= asks[0]:
        raise _RefusedError("crossed")
    return Bbo(_symbol(quote.coin), _time(quote.time), bids, asks)


def _candle(row: Row) -> Candle:
    length_ms = INTERVALS.get(row.i, 0)
    if length_ms == 0:
        raise _RefusedError("unknown_interval")
    if row.t + length_ms - 1 != row.T or row.t % phase_unit_ms(length_ms):
        raise _RefusedError("wrong_span")
    open_px, high_px, low_px, close_px = (
        _price(row.o),
        _price(row.h),
        _price(row.l),
        _price(row.c),
    )
    if not low_px <= min(open_px, close_px) <= max(open_px, close_px) <= high_px:
        raise _RefusedError("crossed_ohlc")
    if row.n < 0:
        raise _RefusedError("no_number")
    return Candle(
        _symbol(row.s),
        row.i,
        _time(row.t),
        open_px,
        high_px,
        low_px,
        close_px,
        _number(row.v),
        row.n,
    )


def _trade(row: Print) -> Trade:
    if row.side not in ("A", "B"):
        raise _RefusedError("unknown_side")
    return Trade(
        _symbol(row.coin), _time(row.time), row.side == "B", _price(row.px), _price(row.sz), row.tid
    )


def _context(said: OfCoin) -> Context:
    state = said.ctx
    return Context(
        _symbol(said.coin),
        _price(state.markPx),
        _price(state.oraclePx),
        None if state.midPx is None else _price(state.midPx),
        _signed(state.funding),
        _number(state.openInterest),
        _number(state.dayNtlVlm),
        None if state.premium is None else _signed(state.premium),
    )


def _mids(said: dict[str, str]) -> list[Fact]:
    """Mid prices of perpetuals; each that is refused is counted, the others count."""
    found: dict[str, float] = {}
    odd: list[Fact] = []
    for name, text in said.items():
        if name.startswith(NOT_PERPETUALS) or "/" in name:
            continue
        try:
            found[_symbol(name)] = _price(text)
        except _RefusedError as refused:
            odd.append(Odd(str(refused), "allMids"))
    return [Mids(found), *odd]


def _acked(named: Named) -> Acked:
    topic = topics.of_subscription(named.subscription)
    if topic is None or named.method not in ("subscribe", "unsubscribe"):
        raise _RefusedError("foreign_ack")
    return Acked(topic.text, named.method == "subscribe")


def _error(text: str) -> Fact:
    """What the venue complains of; that something is so already is as good as done."""
    for words, is_on in ALREADY.items():
        if text.startswith(words):
            try:
                topic = topics.of_subscription(OBJECTS.decode(text[len(words) :]))
            except DECODE_ERRORS:
                break
            if topic is not None:
                return Acked(topic.text, is_on)
    return VenueError(text[:ERROR_CHARS_MAX])


def rest_bars(body: bytes, symbol: str, interval: str) -> RestBars | Odd:
    """The rows of a `candleSnapshot` reply; Odd when it is no list of rows.

    A row of another symbol or interval is refused as any other bad one.
    """
    try:
        listed = LISTS.decode(body)
    except DECODE_ERRORS:
        return Odd("no_list", "candleSnapshot")
    rows: list[Candle] = []
    refused: dict[str, int] = {}
    for raw in listed:
        try:
            rows.append(_of_key(_candle(ROWS.decode(raw)), symbol, interval))
        except _RefusedError as reason:
            refused[str(reason)] = refused.get(str(reason), 0) + 1
        except DECODE_ERRORS:
            refused["wrong_shape"] = refused.get("wrong_shape", 0) + 1
    return RestBars(rows, refused)


def _of_key(row: Candle, symbol: str, interval: str) -> Candle:
    if (row.symbol, row.interval) != (symbol, interval):
        raise _RefusedError("another_key")
    return row
