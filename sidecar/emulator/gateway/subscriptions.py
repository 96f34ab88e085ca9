"""What can be subscribed to, and what a client must say for it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct

from core.market.bars import INTERVALS
from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.wire import spot

# Fields that must be there, by type of subscription.
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "allMids": (),
    "allDexsAssetCtxs": (),
    "fastAssetCtxs": (),
    "assetCtxs": (),
    "spotAssetCtxs": (),
    "l2Book": ("coin",),
    "bbo": ("coin",),
    "trades": ("coin",),
    "candle": ("coin", "interval"),
    "activeAssetCtx": ("coin",),
    "orderUpdates": ("user",),
    "userFills": ("user",),
    "userEvents": ("user",),
    "userFundings": ("user",),
    "userNonFundingLedgerUpdates": ("user",),
    "userHistoricalOrders": ("user",),
    "userTwapSliceFills": ("user",),
    "userTwapHistory": ("user",),
    "notification": ("user",),
    "webData2": ("user",),
    "webData3": ("user",),
    "clearinghouseState": ("user",),
    "allDexsClearinghouseState": ("user",),
    "openOrders": ("user",),
    "spotState": ("user",),
    "twapStates": ("user",),
    "activeAssetData": ("user", "coin"),
}
FAST_BOOK: Final = "l2Book fast"
OF_DEX: Final = ("allMids", "assetCtxs", "clearinghouseState", "openOrders", "twapStates")
DIGITS_ALLOWED: Final = (2, 3, 4, 5)
MANTISSAS_ALLOWED: Final = (1, 2, 5)
MANTISSA_DIGITS: Final = 5
"""A mantissa goes with five significant digits only."""
ADDRESS_CHARS: Final = 42
HEX: Final = frozenset("0123456789abcdef")


class Asked(Struct, rename="camel", omit_defaults=True):
    """A subscription as a client writes it; null is as good as absent."""

    type: str
    coin: str | None = None
    user: str | None = None
    dex: str | None = None
    interval: str | None = None
    n_sig_figs: int | None = None
    mantissa: int | None = None
    fast: bool | None = None
    aggregate_by_time: bool | None = None


class Topic(NamedTuple):
    """One stream; equal for all who asked for the same, however they wrote it."""

    kind: str
    coin: str = ""
    user: str = ""
    dex: str = ""
    interval: str = ""
    n_sig_figs: int | None = None
    mantissa: int | None = None
    fast: bool = False
    aggregate_by_time: bool = False

    @property
    def stream(self) -> str:
        """What it is counted under: its kind, but for fast books."""
        return FAST_BOOK if self.fast else self.kind

    @property
    def subject(self) -> str:
        """What its events are found by: the user if it has one, else the coin."""
        return self.user or self.coin


def topic_of(subscription: Any) -> Topic | None:
    """The stream asked for; None when it is no subscription of the venue."""
    try:
        asked = msgspec.convert(subscription, Asked)
    except msgspec.ValidationError:
        return None
    needed = NEEDED.get(asked.type)
    if needed is None or any(getattr(asked, name) is None for name in needed):
        return None
    user = (asked.user or "").lower() if "user" in needed else ""
    if user and not _is_address(user):
        return None
    if asked.type == "candle" and asked.interval not in INTERVALS:
        return None
    if "user" in needed and not user:
        return None
    is_book = asked.type == "l2Book"
    return Topic(
        kind=asked.type,
        coin=(asked.coin or "") if "coin" in needed else "",
        user=user,
        dex=(asked.dex or "") if asked.type in OF_DEX else "",
        interval=(asked.interval or "") if asked.type == "candle" else "",
        n_sig_figs=asked.n_sig_figs if is_book else None,
        mantissa=asked.mantissa if is_book else None,
        fast=bool(asked.fast) if is_book else False,
        aggregate_by_time=bool(asked.aggregate_by_time) if asked.type == "userFills" else False,
    )


def is_served(topic: Topic, state: VenueState) -> bool:
    """Does the venue have this coin and dex, and does it aggregate its book like that?"""
    if "coin" in NEEDED[topic.kind] and not _is_coin(topic, state):
        return False
    if topic.dex and all(coin.dex != topic.dex for coin in state.coins.values()):
        return False
    if topic.n_sig_figs is not None and topic.n_sig_figs not in DIGITS_ALLOWED:
        return False
    if topic.mantissa is None:
        return True
    return topic.n_sig_figs == MANTISSA_DIGITS and topic.mantissa in MANTISSAS_ALLOWED


def repeated(topic: Topic, asked: dict[str, Any]) -> dict[str, Any]:
    """The subscription as the venue repeats it; the main dex is named if the client named it."""
    fields = written(topic)
    if topic.kind in OF_DEX and asked.get("dex") == "":
        fields["dex"] = ""
    return fields


def written(topic: Topic) -> dict[str, Any]:
    """The subscription as a client would write it, without what is left at its default."""
    asked = Asked(
        type=topic.kind,
        coin=topic.coin or None,
        user=topic.user or None,
        dex=topic.dex or None,
        interval=topic.interval or None,
        n_sig_figs=topic.n_sig_figs,
        mantissa=topic.mantissa,
        fast=topic.fast or None,
        aggregate_by_time=topic.aggregate_by_time or None,
    )
    fields: dict[str, Any] = msgspec.to_builtins(asked)
    return fields


def _is_coin(topic: Topic, state: VenueState) -> bool:
    coin = state.coins.get(topic.coin)
    if coin is not None:
        return coin.is_listed
    # Pairs of the spot side can be heard, but nothing can be traded of them.
    return topic.coin in spot.NAMES and topic.kind != "activeAssetData"


def _is_address(text: str) -> bool:
    return len(text) == ADDRESS_CHARS and text.startswith("0x") and HEX.issuperset(text[2:])
