"""What a kind of fault is, and the words that kinds share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.base import Value

Room = Literal["calls", "streams", "answers", "actions", "venue", "bytes"]
ROOMS: Mapping[Room, str] = {
    "calls": "Connections and requests",
    "streams": "Messages of a session",
    "answers": "What answers and messages say",
    "actions": "Actions of a client",
    "venue": "The venue itself",
    "bytes": "Bytes on the way (the proxy)",
}
PROXY_OPTIONS: Mapping[str, Value] = {"direction": "both", "after_bytes": 0}
"""Keys of every fault that acts in the proxy, with their defaults."""
REASONS: Mapping[str, str] = {
    "tickRejected": "Price must be divisible by tick size.",
    "minTradeNtlRejected": "Order must have minimum value of $10.",
    "perpMarginRejected": "Insufficient margin to place order.",
    "reduceOnlyRejected": "Reduce only order would increase position.",
    "badAloPxRejected": ("Post only order would have immediately matched, bbo was {bid}@{ask}."),
    "iocCancelRejected": "Order could not immediately match against any resting orders.",
    "badTriggerPxRejected": "Invalid TP/SL price.",
    "marketOrderNoLiquidityRejected": "No liquidity available for market order.",
    "positionIncreaseAtOpenInterestCapRejected": (
        "Order would increase open interest while open interest is capped"
    ),
    "positionFlipAtOpenInterestCapRejected": (
        "Order would increase open interest while open interest is capped"
    ),
    "tooAggressiveAtOpenInterestCapRejected": (
        "Order rejected due to price more aggressive than oracle while at open interest cap"
    ),
    "openInterestIncreaseRejected": "Order would increase open interest too quickly",
    "oracleRejected": "Price too far from oracle",
    "perpMaxPositionRejected": (
        "Order would cause position to exceed margin tier limit at current leverage"
    ),
    "tooManyOpenOrdersRejected": "Too many open orders",
    "insufficientSpotBalanceRejected": "Order has insufficient spot balance to trade",
}
"""The documented reasons of a refused order, and the venue's words."""
CANCELS: tuple[str, ...] = (
    "marginCanceled", "vaultWithdrawalCanceled", "openInterestCapCanceled", "selfTradeCanceled",
    "reduceOnlyCanceled", "siblingFilledCanceled", "delistedCanceled", "liquidatedCanceled",
    "outcomeSettledCanceled", "scheduledCancel", "internalCancel",
)  # fmt: skip
"""The documented reasons of an order that ended without its user's doing."""


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault.

    `options` are its own keys with their defaults.  `hows` are the values of its `how`, the first
    one the default.  `vias` says where it may act, the first one the default.  `acts_alone` is a
    fault that acts at its time, without waiting for a client.
    """

    room: Room
    what: str
    seen_by: str
    whom: tuple[str, ...] = ()
    options: Mapping[str, Value] = field(default_factory=dict)
    hows: tuple[str, ...] = ()
    vias: tuple[str, ...] = ("gateway",)
    acts_alone: bool = False
