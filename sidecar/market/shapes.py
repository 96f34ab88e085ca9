"""The venue's messages as typed shapes, with their decoders.

Only what is read is named; the names are the venue's.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct


class Level(Struct, gc=False):
    """A best price with what waits there."""

    px: str
    sz: str


class Quote(Struct):
    """`bbo`."""

    coin: str
    time: int
    bbo: tuple[Level | None, Level | None]


class Row(Struct, gc=False):
    """A bar, of the stream or of `candleSnapshot`."""

    t: int
    T: int
    s: str
    i: str
    o: str
    c: str
    h: str
    l: str  # noqa: E741  (the venue's name)
    v: str
    n: int


class Print(Struct, gc=False):
    """A public trade."""

    coin: str
    side: str
    px: str
    sz: str
    time: int
    tid: int


class State(Struct):
    """The context of a perpetual."""

    funding: str
    openInterest: str  # noqa: N815  (these are the venue's names)
    dayNtlVlm: str  # noqa: N815
    oraclePx: str  # noqa: N815
    markPx: str  # noqa: N815
    premium: str | None = None
    midPx: str | None = None  # noqa: N815


class OfCoin(Struct):
    """`activeAssetCtx`."""

    coin: str
    ctx: State


class Named(Struct):
    """An acknowledgement."""

    method: str
    subscription: dict[str, Any]


class MidsData(Struct):
    """`allMids`."""

    mids: dict[str, str]


class AllMidsMessage(Struct, tag_field="channel", tag="allMids"):
    """A message of `allMids`."""

    data: MidsData


class BboMessage(Struct, tag_field="channel", tag="bbo"):
    """A message of `bbo`."""

    data: Quote


class CandleMessage(Struct, tag_field="channel", tag="candle"):
    """A message of `candle`."""

    data: Row | list[Row]


class TradesMessage(Struct, tag_field="channel", tag="trades"):
    """A message of `trades`."""

    data: list[Print]


class ContextMessage(Struct, tag_field="channel", tag="activeAssetCtx"):
    """A message of `activeAssetCtx`."""

    data: OfCoin


class AckMessage(Struct, tag_field="channel", tag="subscriptionResponse"):
    """A message of `subscriptionResponse`."""

    data: Named


class PongMessage(Struct, tag_field="channel", tag="pong"):
    """A message of `pong`."""


class ErrorMessage(Struct, tag_field="channel", tag="error"):
    """A message of `error`."""

    data: str


class FillsMessage(Struct, tag_field="channel", tag="userFills"):
    """A message of `userFills`."""

    data: dict[str, Any]


class OrdersMessage(Struct, tag_field="channel", tag="orderUpdates"):
    """A message of `orderUpdates`."""

    data: list[Any]


class FundingsMessage(Struct, tag_field="channel", tag="userFundings"):
    """A message of `userFundings`."""

    data: dict[str, Any]


class LedgerMessage(Struct, tag_field="channel", tag="userNonFundingLedgerUpdates"):
    """A message of `userNonFundingLedgerUpdates`."""

    data: dict[str, Any]


class AnyMessage(Struct):
    """What every message has."""

    channel: str = ""


UserMessage = FillsMessage | OrdersMessage | FundingsMessage | LedgerMessage
Message = (
    BboMessage
    | CandleMessage
    | TradesMessage
    | ContextMessage
    | AllMidsMessage
    | AckMessage
    | PongMessage
    | ErrorMessage
    | UserMessage
)
MESSAGES: Final[msgspec.json.Decoder[Message]] = msgspec.json.Decoder(Message)
CHANNELS: Final = msgspec.json.Decoder(AnyMessage)
OBJECTS: Final = msgspec.json.Decoder(dict[str, Any])
LISTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
ROWS: Final = msgspec.json.Decoder(Row)
