"""What can be asked of the exchange, decoded and authenticated.

The gateway turns a signed action into one of these; the tape and the operator send the others.
Prices, sizes and money are ticks, lots and micros.  Every request of a client names the account it
acts for (`user`), which the signature decided, and may carry `expires_ms`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from sidecar.emulator.exchange.state import MarginMode, Tier, Tif, Trigger


class OrderSpec(Struct, frozen=True):
    """One order as asked for.

    Numbers that were well formed but not valid (a price off the tick, a size finer than a lot) come
    as `fault`, the venue's reason, so that the reply keeps its place in the batch.
    """

    asset: int
    is_buy: bool
    limit_ticks: int
    lots: int
    reduce_only: bool
    tif: Tif | None
    trigger: Trigger | None = None
    cloid: str | None = None
    fault: str | None = None
    fault_status: str = "rejected"
    """Status that a fault ends the order with."""


class Place(Struct, frozen=True, tag=True):
    """Orders of one batch; `priority_rate` is the fee of a priority grouping, in 1e-8."""

    user: str
    orders: tuple[OrderSpec, ...]
    grouping: Literal["na", "normalTpsl", "positionTpsl"] = "na"
    builder: str | None = None
    builder_fee_tenths: int = 0
    priority_rate: int = 0


class Cancel(Struct, frozen=True, tag=True):
    """(asset, oid or cloid) of each order to cancel."""

    user: str
    targets: tuple[tuple[int, int | str], ...]


class Modify(Struct, frozen=True, tag=True):
    """(oid or cloid, replacement) each; `is_batch` decides the form of the reply."""

    user: str
    changes: tuple[tuple[int | str, OrderSpec], ...]
    is_batch: bool
    always_place: bool = False


class SetLeverage(Struct, frozen=True, tag=True):
    """Mode and leverage of a coin."""

    user: str
    asset: int
    mode: MarginMode
    value: int


class ChangeMargin(Struct, frozen=True, tag=True):
    """Money into an isolated position, or out of it when negative."""

    user: str
    asset: int
    is_buy: bool
    micros: int


class ScheduleCancel(Struct, frozen=True, tag=True):
    """Cancel everything at `at_ms`; None takes it back."""

    user: str
    at_ms: int | None


class StartTwap(Struct, frozen=True, tag=True):
    """Work a size over minutes."""

    user: str
    asset: int
    is_buy: bool
    lots: int
    reduce_only: bool
    minutes: int
    randomize: bool
    fault: str | None = None


class StopTwap(Struct, frozen=True, tag=True):
    """End a TWAP."""

    user: str
    asset: int
    twap_id: int


class ApproveAgent(Struct, frozen=True, tag=True):
    """A key may sign for the user; the zero address takes the name back."""

    user: str
    agent: str
    name: str
    valid_until_ms: int | None


class ApproveBuilder(Struct, frozen=True, tag=True):
    """A builder may charge up to so much, in tenths of a basis point."""

    user: str
    builder: str
    fee_tenths: int


class SetReferrer(Struct, frozen=True, tag=True):
    """A code is noted."""

    user: str
    code: str


class BuyRequests(Struct, frozen=True, tag=True):
    """More of the request budget, paid from the account."""

    user: str
    count: int


class Send(Struct, frozen=True, tag=True):
    """USD from one account to another on this venue; `to` None leaves the venue.

    A `spotSend` goes from spot side to spot side, the others between the perpetual sides.
    """

    user: str
    to: str | None
    micros: int
    kind: Literal["usdSend", "spotSend", "withdraw"] = "usdSend"


class MoveToSpot(Struct, frozen=True, tag=True):
    """USD between the perpetual and the spot side."""

    user: str
    micros: int
    to_perp: bool


class SetMode(Struct, frozen=True, tag=True):
    """Standard, unified or portfolio account."""

    user: str
    mode: Literal["standard", "unified", "portfolio"]


class CreateSubAccount(Struct, frozen=True, tag=True):
    """A named account under the user."""

    user: str
    name: str


class RenameSubAccount(Struct, frozen=True, tag=True):
    """Another name for a sub-account of the user."""

    user: str
    sub: str
    name: str


class MoveToSubAccount(Struct, frozen=True, tag=True):
    """USD between a user and a sub-account."""

    user: str
    sub: str
    micros: int
    is_deposit: bool


class Noop(Struct, frozen=True, tag=True):
    """Nothing but the nonce."""

    user: str


class Move(Struct, frozen=True):
    """One coin's next moment on the tape: a price that traded, how much, and what others show.

    `lots` may be 0: nothing traded, the price is where the background quotes stand.  `rate_1h` is
    there when an hour ends on the tape whose funding is known from records; None leaves it to the
    venue's formula.
    """

    coin: str
    px_ticks: int
    lots: int
    oracle_ticks: int
    external_ticks: int
    rate_1h: float | None = None


class Moved(Struct, frozen=True, tag=True):
    """The market moves: all coins at one instant, in the order of the universe."""

    moves: tuple[Move, ...]


class Listed(Struct, frozen=True, tag=True):
    """A coin begins to trade (`is_delisted` False) or ends."""

    coin: str
    is_delisted: bool


class Fund(Struct, frozen=True, tag=True):
    """Money comes in from outside, or leaves when negative."""

    user: str
    micros: int


class Elapse(Struct, frozen=True, tag=True):
    """Only time passes."""


class EndOrder(Struct, frozen=True, tag=True):
    """The venue ends an open order by itself, with any of its statuses."""

    user: str
    oid: int
    status: str


class Adjust(Struct, frozen=True, tag=True):
    """The operator changes rules of the venue by name: halts, post-only windows, caps, prices.

    `what` names a field of `Coin` when `coin` is given, of `VenueState` or `Rules` otherwise.
    """

    what: str
    value: int | float | bool | list[Tier] | None
    coin: str | None = None


ClientRequest = (
    Place
    | Cancel
    | Modify
    | SetLeverage
    | ChangeMargin
    | ScheduleCancel
    | StartTwap
    | StopTwap
    | ApproveAgent
    | ApproveBuilder
    | SetReferrer
    | BuyRequests
    | Send
    | MoveToSpot
    | SetMode
    | CreateSubAccount
    | RenameSubAccount
    | MoveToSubAccount
    | Noop
)
Request = ClientRequest | Moved | Listed | Fund | Elapse | EndOrder | Adjust


class Envelope(Struct, frozen=True):
    """A request with what the gateway knows of its transport: who signed, which nonce, how long."""

    request: ClientRequest
    signer: str
    nonce: int
    expires_ms: int | None = None
    weight: int = field(default=1)
    """Requests of the address budget that it costs: the length of its batch."""
