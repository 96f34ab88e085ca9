"""From actions as they stand on the wire to requests of the exchange: numbers become whole.

A number that was well formed but that the market does not have (a price off the tick, a size finer
than a lot) stays with its order as the venue's reason; what concerns the whole action comes back
as a text instead of a request.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import singledispatch
from typing import Final, Literal

from sidecar.emulator.exchange import requests, units
from sidecar.emulator.exchange.requests import ClientRequest, OrderSpec
from sidecar.emulator.exchange.state import Coin, Trigger, VenueState
from sidecar.emulator.wire import actions_shapes as shapes
from sidecar.emulator.wire import universe, user_signed

TICK_TEXT: Final = "Price must be divisible by tick size."
PRICE_TEXT: Final = "Order has invalid price."
SIZE_TEXT: Final = "Order has invalid size."
ZERO_TEXT: Final = "Order has zero size."
AMOUNT_TEXT: Final = "Invalid decimal number"
SEND_TEXT: Final = "Invalid send"

Mode = Literal["standard", "unified", "portfolio"]
_MODES: Final[dict[str, Mode]] = {
    "i": "standard",
    "disabled": "standard",
    "u": "unified",
    "unifiedAccount": "unified",
    "p": "portfolio",
    "portfolioMargin": "portfolio",
}
_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?")
_RATE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?0*%")
_VALID_UNTIL = re.compile(r"(.*?) ?valid_until ([0-9]{1,18})")
_SUB_ACCOUNT = re.compile(r"(\S+) subaccount:(0x[0-9a-fA-F]{40})")
"""How a transfer between the sides of a sub-account names it."""


@singledispatch
def of_action(action: shapes.Action, state: VenueState, user: str) -> ClientRequest | str:
    """The request of `user` that an action of the trading kind makes, or why there is none."""
    raise NotImplementedError(type(action))


@of_action.register
def _(action: shapes.PlaceOrders, state: VenueState, user: str) -> ClientRequest | str:
    grouping = action.grouping
    builder = action.builder
    if isinstance(builder, shapes.Builder) and state.accounts[user].role == "vault":
        return "Vault may not perform this action."
    is_position = grouping == "positionTpsl"
    return requests.Place(
        user=user,
        orders=tuple(_spec(order, state, may_be_zero=is_position) for order in action.orders),
        grouping=grouping if isinstance(grouping, str) else "na",
        builder=builder.b if isinstance(builder, shapes.Builder) else None,
        builder_fee_tenths=builder.f if isinstance(builder, shapes.Builder) else 0,
        priority_rate=grouping.p if isinstance(grouping, shapes.Priority) else 0,
    )


@of_action.register
def _(action: shapes.Cancels, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.Cancel(user, tuple((target.a, target.o) for target in action.cancels))


@of_action.register
def _(action: shapes.CancelsByCloid, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.Cancel(user, tuple((target.asset, target.cloid) for target in action.cancels))


@of_action.register
def _(action: shapes.ModifyOne, state: VenueState, user: str) -> ClientRequest | str:
    change = (action.oid, _spec(action.order, state))
    return requests.Modify(user, (change,), is_batch=False, always_place=action.a is True)


@of_action.register
def _(action: shapes.ModifyMany, state: VenueState, user: str) -> ClientRequest | str:
    changes = tuple((change.oid, _spec(change.order, state)) for change in action.modifies)
    return requests.Modify(user, changes, is_batch=True, always_place=action.a is True)


@of_action.register
def _(action: shapes.UpdateLeverage, _state: VenueState, user: str) -> ClientRequest | str:
    mode: Literal["cross", "isolated"] = "cross" if action.is_cross else "isolated"
    return requests.SetLeverage(user, action.asset, mode, action.leverage)


@of_action.register
def _(action: shapes.UpdateMargin, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.ChangeMargin(user, action.asset, action.is_buy, action.ntli)


@of_action.register
def _(action: shapes.TopUpMargin, state: VenueState, user: str) -> ClientRequest | str:
    """Margin is added until the position has the leverage asked for."""
    coin = _coin(state, action.asset)
    position = None if coin is None else state.accounts[user].positions.get(coin.name)
    if coin is None or position is None or position.lots == 0:
        return "Position does not use isolated margin."
    thousandths = units.parse_decimal(action.leverage, 3)
    if not thousandths:
        return "Invalid leverage value"
    value_micros = position.lots * coin.mark_ticks
    target_micros = units.share_micros(abs(value_micros), 1_000, thousandths)
    missing_micros = target_micros - (position.isolated_micros + value_micros)
    return requests.ChangeMargin(user, action.asset, position.lots > 0, max(0, missing_micros))


@of_action.register
def _(action: shapes.ScheduleCancel, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.ScheduleCancel(user, action.time if isinstance(action.time, int) else None)


@of_action.register
def _(_action: shapes.Noop, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.Noop(user)


@of_action.register
def _(action: shapes.TwapOrder, state: VenueState, user: str) -> ClientRequest | str:
    twap = action.twap
    coin = _coin(state, twap.a)
    lots, fault = (0, None) if coin is None else _lots(twap.s, coin, may_be_zero=False)
    return requests.StartTwap(user, twap.a, twap.b, lots, twap.r, twap.m, twap.t, fault)


@of_action.register
def _(action: shapes.TwapCancel, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.StopTwap(user, action.a, action.t)


@of_action.register
def _(action: shapes.SetReferrer, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.SetReferrer(user, action.code)


@of_action.register
def _(action: shapes.CreateSubAccount, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.CreateSubAccount(user, action.name)


@of_action.register
def _(action: shapes.SubAccountModify, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.RenameSubAccount(user, action.sub_account_user, action.name)


@of_action.register
def _(action: shapes.SubAccountTransfer, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.MoveToSubAccount(user, action.sub_account_user, action.usd, action.is_deposit)


@of_action.register
def _(action: shapes.VaultTransfer, _state: VenueState, _user: str) -> ClientRequest | str:
    """Nobody leads a vault here."""
    return f"Vault not registered: {action.vault_address}"


@of_action.register
def _(action: shapes.ReserveWeight, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.BuyRequests(user, action.weight)


@of_action.register
def _(_: shapes.AgentEnableDexAbstraction, _state: VenueState, user: str) -> ClientRequest | str:
    """Every account's money serves all dexs already."""
    return requests.Noop(user)


@of_action.register
def _(action: shapes.AgentSetAbstraction, _state: VenueState, user: str) -> ClientRequest | str:
    return requests.SetMode(user, _MODES[action.abstraction])


def of_user_signed(
    kind: str, action: user_signed.UserSigned, state: VenueState, user: str
) -> ClientRequest | str:
    """The request of `user` that an action of the master key makes, or why there is none."""
    match action:
        case user_signed.UsdSend():
            return _send(user, action.destination, action.amount, "usdSend")
        case user_signed.SpotSend():
            return _spot_send(action, user)
        case user_signed.Withdraw():
            return _send(user, None, action.amount, "withdraw")
        case user_signed.UsdClassTransfer():
            return _class_transfer(action, state, user)
        case user_signed.SendAsset():
            return _send_asset(action, state, user)
        case user_signed.ApproveAgent():
            return _approve_agent(action, user)
        case user_signed.ApproveBuilderFee():
            return _approve_builder(action, user)
        case _:
            return _of_settings(kind, action, state, user)


def _of_settings(
    kind: str, action: user_signed.UserSigned, state: VenueState, user: str
) -> ClientRequest | str:
    """The same for what an account is set to.  Its money serves all dexs, whatever is asked."""
    match action:
        case user_signed.SetAbstraction():
            return _set_mode(action, state, user)
        case user_signed.SetPortfolioMargin() if _is_own(state, action.user, user):
            return requests.SetMode(action.user, "portfolio" if action.enabled else "standard")
        case user_signed.SetDexAbstraction() if action.enabled and _is_own(
            state, action.user, user
        ):
            return requests.Noop(user)
        case _:
            return f"Action {kind} is not supported by this emulator."


def _coin(state: VenueState, asset: int) -> Coin | None:
    name = state.asset_names.get(asset)
    if name is not None:
        return state.coins[name]
    return next((coin for coin in state.coins.values() if coin.asset == asset), None)


def _spec(order: shapes.Order, state: VenueState, *, may_be_zero: bool = False) -> OrderSpec:
    """The order in ticks and lots; those of an unknown asset are 0, the exchange refuses it."""
    coin = _coin(state, order.a)
    limit = order.t.limit
    trigger = order.t.trigger
    ticks, lots, trigger_ticks, fault = 0, 0, 0, None
    if coin is not None:
        ticks, fault = _ticks(order.p, coin)
        lots, size_fault = _lots(order.s, coin, may_be_zero=may_be_zero)
        fault = fault or size_fault
        if isinstance(trigger, shapes.Triggered):
            trigger_ticks, trigger_fault = _ticks(trigger.trigger_px, coin)
            fault = fault or trigger_fault
    return OrderSpec(
        asset=order.a,
        is_buy=order.b,
        limit_ticks=ticks,
        lots=lots,
        reduce_only=order.r is True,
        tif=limit.tif if isinstance(limit, shapes.Limit) else None,
        trigger=Trigger(trigger_ticks, trigger.is_market, trigger.tpsl)
        if isinstance(trigger, shapes.Triggered)
        else None,
        cloid=order.c if isinstance(order.c, str) else None,
        fault=fault,
    )


def _ticks(text: str, coin: Coin) -> tuple[int, str | None]:
    """The price in ticks, and what is wrong with it."""
    ticks = units.parse_decimal(text, units.px_decimals(coin.size_decimals))
    if ticks is None:
        return 0, TICK_TEXT
    if ticks == 0:
        return 0, PRICE_TEXT
    return ticks, None if units.is_valid_px(ticks, coin.size_decimals) else TICK_TEXT


def _lots(text: str, coin: Coin, *, may_be_zero: bool) -> tuple[int, str | None]:
    """The size in lots, and what is wrong with it.

    A stop or target of a whole position may come with size 0: it is as large as the position.
    """
    lots = units.parse_decimal(text, coin.size_decimals)
    if lots is None:
        return 0, SIZE_TEXT
    return lots, ZERO_TEXT if lots == 0 and not may_be_zero else None


def _micros(text: str) -> int | str:
    """An amount of USD above 0 in micros, or the venue's reason against it."""
    if not _AMOUNT.fullmatch(text):
        return AMOUNT_TEXT
    micros = Decimal(text) * units.MICROS_PER_USD
    if micros != micros.to_integral_value():
        return SEND_TEXT
    return int(micros) or "Send amount cannot be zero"


def _send(
    user: str, to: str | None, amount: str, kind: Literal["usdSend", "spotSend", "withdraw"]
) -> ClientRequest | str:
    micros = _micros(amount)
    return micros if isinstance(micros, str) else requests.Send(user, to, micros, kind)


def _spot_send(action: user_signed.SpotSend, user: str) -> ClientRequest | str:
    if not _is_usdc(action.token):
        return f"Token {action.token} is not supported by this emulator."
    return _send(user, action.destination, action.amount, "spotSend")


def _class_transfer(
    action: user_signed.UsdClassTransfer, state: VenueState, user: str
) -> ClientRequest | str:
    amount, owner = action.amount, user
    found = _SUB_ACCOUNT.fullmatch(action.amount)
    if found is not None:
        amount, owner = found[1], found[2].lower()
        if not _is_own(state, owner, user):
            return f"Vault not registered: {owner}"
    micros = _micros(amount)
    return micros if isinstance(micros, str) else requests.MoveToSpot(owner, micros, action.to_perp)


def _send_asset(action: user_signed.SendAsset, state: VenueState, user: str) -> ClientRequest | str:
    """USDC between the perpetual sides and the spot side, or to the same side of somebody else.

    All dexs draw on one perpetual side, so between two of them nothing needs to move.
    """
    owner = action.from_sub_account or user
    if not _is_own(state, owner, user):
        return f"Vault not registered: {owner}"
    if not _is_usdc(action.token):
        return f"Unknown token {action.token}"
    if not {action.source_dex, action.destination_dex} <= {*universe.dexs(state), "spot"}:
        return "Invalid perp DEX"
    micros = _micros(action.amount)
    if isinstance(micros, str):
        return micros
    from_spot, to_spot = action.source_dex == "spot", action.destination_dex == "spot"
    if action.destination == owner and action.source_dex != action.destination_dex:
        if from_spot == to_spot:
            return requests.Noop(owner)
        return requests.MoveToSpot(owner, micros, from_spot)
    if action.destination != owner and from_spot == to_spot:
        kind: Literal["usdSend", "spotSend"] = "spotSend" if from_spot else "usdSend"
        return requests.Send(owner, action.destination, micros, kind)
    return SEND_TEXT


def _is_usdc(token: str) -> bool:
    """Is it the token, named alone or with its id?  There is no other that can be sent."""
    return token.partition(":")[0] == "USDC"


def _approve_agent(action: user_signed.ApproveAgent, user: str) -> ClientRequest | str:
    name, valid_until_ms = action.agent_name or "", None
    found = _VALID_UNTIL.fullmatch(name)
    if found is not None:
        name, valid_until_ms = found[1], int(found[2])
    return requests.ApproveAgent(user, action.agent_address, name, valid_until_ms)


def _approve_builder(action: user_signed.ApproveBuilderFee, user: str) -> ClientRequest | str:
    found = _RATE.fullmatch(action.max_fee_rate)
    if found is None:
        return "Invalid builder fee rate."
    tenths = int(found[1]) * 1_000 + int((found[2] or "").ljust(3, "0"))
    return requests.ApproveBuilder(user, action.builder, tenths)


def _set_mode(
    action: user_signed.SetAbstraction, state: VenueState, user: str
) -> ClientRequest | str:
    if not _is_own(state, action.user, user):
        return f"Vault not registered: {action.user}"
    mode = _MODES.get(action.abstraction)
    if mode is None:
        return f"Abstraction {action.abstraction} is not supported by this emulator."
    return requests.SetMode(action.user, mode)


def _is_own(state: VenueState, owner: str, user: str) -> bool:
    """Is `owner` the user, or a sub-account of the user?"""
    account = state.accounts.get(owner)
    return owner == user or (account is not None and account.master == user)
