"""Our names of subscriptions, and the frames that ask for them.

As text a topic reads `allMids`, `bbo:BTC`, `candle:BTC:1m`, `userFills:0x..`; symbols of other
dexs keep their colon (`bbo:xyz:TSLA`).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from core.market.bars import INTERVALS

MARKET_CHANNELS: Final = ("bbo", "trades", "activeAssetCtx")
"""Streams of one symbol."""
USER_CHANNELS: Final = (
    "userFills",
    "orderUpdates",
    "userFundings",
    "userNonFundingLedgerUpdates",
)
"""Streams of one user: fills, orders, funding, and other movements of money."""

_ENCODER = msgspec.json.Encoder()


class Topic(NamedTuple):
    """A subscription; `symbol` of `allMids` is the name of a dex, None for the venue's own."""

    channel: str
    symbol: str | None = None
    interval: str | None = None
    user: str | None = None

    @property
    def text(self) -> str:
        """Its name as text."""
        return ":".join(part for part in self if part is not None)


def parse(text: str) -> Topic | None:
    """The topic of that name; None when there is no such."""
    channel, _, rest = text.partition(":")
    if channel == "allMids":
        return Topic(channel, rest or None)
    if not rest:
        return None
    if channel == "candle":
        symbol, _, interval = rest.rpartition(":")
        return Topic(channel, symbol, interval) if symbol and interval in INTERVALS else None
    if channel in MARKET_CHANNELS:
        return Topic(channel, rest)
    return Topic(channel, user=rest) if channel in USER_CHANNELS else None


def subscription(topic: Topic) -> dict[str, Any]:
    """The subscription as the venue wants it."""
    found: dict[str, Any] = {"type": topic.channel}
    if topic.channel == "allMids":
        return found if topic.symbol is None else found | {"dex": topic.symbol}
    if topic.user is not None:
        return found | {"user": topic.user}
    found["coin"] = topic.symbol
    return found if topic.interval is None else found | {"interval": topic.interval}


def of_subscription(said: dict[str, Any]) -> Topic | None:
    """The topic of a subscription that the venue repeats; None for one that is none of ours."""
    texts = {key: said.get(key) for key in ("type", "coin", "dex", "interval", "user")}
    if not all(value is None or isinstance(value, str) for value in texts.values()):
        return None
    channel = texts["type"] or ""
    if channel == "allMids":
        parts = [channel, texts["dex"] or None]
    elif channel == "candle":
        parts = [channel, texts["coin"], texts["interval"]]
    elif channel in MARKET_CHANNELS:
        parts = [channel, texts["coin"]]
    else:
        parts = [channel, (texts["user"] or "").lower() or None]
    return parse(":".join(part for part in parts if part is not None))


def subscribe_frame(topic: Topic) -> str:
    """The text that asks for the stream."""
    return _frame("subscribe", topic)


def unsubscribe_frame(topic: Topic) -> str:
    """The text that ends the stream."""
    return _frame("unsubscribe", topic)


def _frame(method: str, topic: Topic) -> str:
    return _ENCODER.encode({"method": method, "subscription": subscription(topic)}).decode()
