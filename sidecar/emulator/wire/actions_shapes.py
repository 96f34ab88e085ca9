"""Actions as they stand on the wire, in the venue's order of fields.

The order matters: it is the order that is hashed.  `tidy` rewrites what was decoded as the venue
would write it, see `canonical`.  A field that may be left out and is left out, or is null, is
`UNSET`, so that it is not hashed either.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.emulator.exchange.state import Tif
from sidecar.emulator.wire import canonical
from sidecar.emulator.wire.errors import BadShape

Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Asset = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Text = Annotated[str, Meta(max_length=1_000)]
Grouping = Literal["na", "normalTpsl", "positionTpsl"]


class Piece(Struct, rename="camel"):
    """A part of an action."""


class Action(Struct, rename="camel", tag_field="type", forbid_unknown_fields=True):
    """An action of the trading kind, hashed as a whole."""

    def tidy(self) -> None:
        """Rewrite in place as the venue writes it; raises BadShape where that is impossible."""

    def batch_len(self) -> int:
        """How many items it weighs in request limits."""
        return 1


class Limit(Piece):
    tif: Tif


class Triggered(Piece):
    is_market: bool
    trigger_px: Text
    tpsl: Literal["tp", "sl"]


class OrderKind(Piece):
    """One of the two; both or none are no order."""

    limit: Limit | UnsetType = UNSET
    trigger: Triggered | UnsetType = UNSET


class Order(Piece, kw_only=True):
    a: Asset
    b: bool
    p: Text
    s: Text
    r: bool | UnsetType | None = UNSET
    t: OrderKind
    c: Text | UnsetType | None = UNSET

    def tidy(self) -> None:
        self.p = canonical.decimal(self.p)
        self.s = canonical.decimal(self.s)
        self.r = self.r is True
        self.c = canonical.cloid(self.c) if isinstance(self.c, str) else UNSET
        trigger = self.t.trigger
        if (self.t.limit is UNSET) == (trigger is UNSET):
            raise BadShape
        if isinstance(trigger, Triggered):
            trigger.trigger_px = canonical.decimal(trigger.trigger_px)


class Priority(Piece):
    p: Whole


class Builder(Piece):
    b: Text
    f: Whole


class PlaceOrders(Action, tag="order", kw_only=True):
    orders: list[Order]
    grouping: Grouping | Priority | UnsetType | None = UNSET
    broker_code: Whole | UnsetType | None = UNSET
    """What builders had before: clients that still send it hash it, it has no other effect."""
    builder: Builder | UnsetType | None = UNSET

    def tidy(self) -> None:
        for order in self.orders:
            order.tidy()
        if self.grouping is UNSET or self.grouping is None:
            self.grouping = "na"
        if self.broker_code is None:
            self.broker_code = UNSET
        if isinstance(self.builder, Builder):
            self.builder.b = canonical.address(self.builder.b)
        else:
            self.builder = UNSET

    def batch_len(self) -> int:
        return len(self.orders)


class ByOid(Piece):
    a: Asset
    o: Whole


class Cancels(Action, tag="cancel"):
    cancels: list[ByOid]
    f: bool | UnsetType | None = UNSET

    def tidy(self) -> None:
        self.f = True if self.f is True else UNSET

    def batch_len(self) -> int:
        return len(self.cancels)


class ByCloid(Piece):
    asset: Asset
    cloid: Text


class CancelsByCloid(Action, tag="cancelByCloid"):
    cancels: list[ByCloid]
    f: bool | UnsetType | None = UNSET

    def tidy(self) -> None:
        self.f = True if self.f is True else UNSET
        for target in self.cancels:
            target.cloid = canonical.cloid(target.cloid)

    def batch_len(self) -> int:
        return len(self.cancels)


class Change(Piece):
    oid: Whole | Text
    order: Order

    def tidy(self) -> None:
        self.oid = _target(self.oid)
        self.order.tidy()


class ModifyOne(Action, tag="modify"):
    oid: Whole | Text
    order: Order
    a: bool | UnsetType | None = UNSET

    def tidy(self) -> None:
        self.oid = _target(self.oid)
        self.order.tidy()
        self.a = True if self.a is True else UNSET


class ModifyMany(Action, tag="batchModify"):
    modifies: list[Change]
    a: bool | UnsetType | None = UNSET

    def tidy(self) -> None:
        for change in self.modifies:
            change.tidy()
        self.a = True if self.a is True else UNSET

    def batch_len(self) -> int:
        return len(self.modifies)


class UpdateLeverage(Action, tag="updateLeverage"):
    asset: Asset
    is_cross: bool
    leverage: Whole


class UpdateMargin(Action, tag="updateIsolatedMargin"):
    asset: Asset
    is_buy: bool
    ntli: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class TopUpMargin(Action, tag="topUpIsolatedOnlyMargin"):
    asset: Asset
    leverage: Text

    def tidy(self) -> None:
        self.leverage = canonical.decimal(self.leverage)


class ScheduleCancel(Action, tag="scheduleCancel"):
    time: Whole | UnsetType | None = UNSET

    def tidy(self) -> None:
        if self.time is None:
            self.time = UNSET


class Noop(Action, tag="noop"):
    pass


class TwapDetails(Piece):
    a: Asset
    b: bool
    s: Text
    r: bool
    m: Whole
    t: bool


class TwapOrder(Action, tag="twapOrder"):
    twap: TwapDetails

    def tidy(self) -> None:
        self.twap.s = canonical.decimal(self.twap.s)


class TwapCancel(Action, tag="twapCancel"):
    a: Asset
    t: Whole


class SetReferrer(Action, tag="setReferrer"):
    code: Text


class CreateSubAccount(Action, tag="createSubAccount"):
    name: Text


class SubAccountModify(Action, tag="subAccountModify"):
    sub_account_user: Text
    name: Text

    def tidy(self) -> None:
        self.sub_account_user = canonical.address(self.sub_account_user)


class SubAccountTransfer(Action, tag="subAccountTransfer"):
    sub_account_user: Text
    is_deposit: bool
    usd: Whole

    def tidy(self) -> None:
        self.sub_account_user = canonical.address(self.sub_account_user)


class VaultTransfer(Action, tag="vaultTransfer"):
    vault_address: Text
    is_deposit: bool
    usd: Whole

    def tidy(self) -> None:
        self.vault_address = canonical.address(self.vault_address)


class ReserveWeight(Action, tag="reserveRequestWeight"):
    weight: Whole


class AgentEnableDexAbstraction(Action, tag="agentEnableDexAbstraction"):
    pass


class AgentSetAbstraction(Action, tag="agentSetAbstraction"):
    abstraction: Literal["i", "u", "p"]


ACTIONS: Final[dict[str, type[Action]]] = {
    "order": PlaceOrders,
    "cancel": Cancels,
    "cancelByCloid": CancelsByCloid,
    "modify": ModifyOne,
    "batchModify": ModifyMany,
    "updateLeverage": UpdateLeverage,
    "updateIsolatedMargin": UpdateMargin,
    "topUpIsolatedOnlyMargin": TopUpMargin,
    "scheduleCancel": ScheduleCancel,
    "noop": Noop,
    "twapOrder": TwapOrder,
    "twapCancel": TwapCancel,
    "setReferrer": SetReferrer,
    "createSubAccount": CreateSubAccount,
    "subAccountModify": SubAccountModify,
    "subAccountTransfer": SubAccountTransfer,
    "vaultTransfer": VaultTransfer,
    "reserveRequestWeight": ReserveWeight,
    "agentEnableDexAbstraction": AgentEnableDexAbstraction,
    "agentSetAbstraction": AgentSetAbstraction,
}

ELSEWHERE: Final = frozenset(
    [
        "CSignerAction",
        "CValidatorAction",
        "activateOutcomeDeployer",
        "agentSendAsset",
        "authorizeAqav2Role",
        "borrowLend",
        "claimRewards",
        "createVault",
        "evmUserModify",
        "finalizeEvmContract",
        "gossipPriorityBid",
        "hip3LiquidatorTransfer",
        "multiSig",
        "perpDeploy",
        "registerReferrer",
        "setDisplayName",
        "spotDeploy",
        "spotUser",
        "subAccountSpotTransfer",
        "userOutcome",
        "validatorL1Stream",
        "vaultDistribute",
        "vaultModify",
    ]
)
"""Actions of the venue that have no part in this one: understood, and refused by name."""


def _target(value: int | str) -> int | str:
    return canonical.cloid(value) if isinstance(value, str) else value
