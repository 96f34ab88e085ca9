"""What happened, as facts.  The gateway turns them into replies and stream messages.

An event carries rows of the state as they were when it happened: orders are copied.
"""

from __future__ import annotations

from msgspec import Struct

from sidecar.emulator.exchange.state import FillRow, FundingRow, LedgerRow, Order, PublicTrade


class Resting(Struct, frozen=True, tag=True):
    """The order rests."""

    oid: int
    cloid: str | None = None


class Filled(Struct, frozen=True, tag=True):
    """The order traded at once, wholly or as far as it could."""

    oid: int
    lots: int
    px_micros: int
    """Notional of the fills, from which the average price follows."""
    coin: str
    cloid: str | None = None


class Refused(Struct, frozen=True, tag=True):
    """This item of the batch was refused, with the venue's words."""

    error: str


class Waiting(Struct, frozen=True, tag=True):
    """`waitingForFill` or `waitingForTrigger`, or the `success` of a cancel."""

    word: str


class TwapStarted(Struct, frozen=True, tag=True):
    """A TWAP runs."""

    twap_id: int


Status = Resting | Filled | Refused | Waiting | TwapStarted


class Answered(Struct, frozen=True, tag=True):
    """The reply to a client's request: `kind` is the venue's word for it (`order`, `cancel`, ...).

    `statuses` are in the order of the batch, empty for replies without data.
    """

    kind: str
    statuses: tuple[Status, ...] = ()


class Rejected(Struct, frozen=True, tag=True):
    """The whole request was refused: `{"status": "err", "response": text}`."""

    text: str


class Traded(Struct, frozen=True, tag=True):
    """A public trade."""

    trade: PublicTrade


class FillSeen(Struct, frozen=True, tag=True):
    """One user's side of a trade."""

    user: str
    fill: FillRow


class OrderChanged(Struct, frozen=True, tag=True):
    """An order took a new status; it is copied."""

    order: Order


class FundingPaid(Struct, frozen=True, tag=True):
    """One user's payment."""

    user: str
    row: FundingRow


class LedgerMoved(Struct, frozen=True, tag=True):
    """Money came, went or moved without a trade."""

    user: str
    row: LedgerRow


class Liquidated(Struct, frozen=True, tag=True):
    """A liquidation began for a user."""

    user: str
    liquidation_id: int
    account_value_micros: int
    notional_micros: int
    is_backstop: bool


class TwapChanged(Struct, frozen=True, tag=True):
    """A TWAP started, ended, or was stopped."""

    user: str
    twap_id: int
    status: str


class HourClosed(Struct, frozen=True, tag=True):
    """Funding of an hour was settled for a coin."""

    coin: str
    time_ms: int
    rate_1h: float
    premium: float


class Announced(Struct, frozen=True, tag=True):
    """A message of the venue to a user (`notification`)."""

    user: str
    text: str


Event = (
    Answered
    | Rejected
    | Traded
    | FillSeen
    | OrderChanged
    | FundingPaid
    | LedgerMoved
    | Liquidated
    | TwapChanged
    | HourClosed
    | Announced
)
