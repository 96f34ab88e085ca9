"""An order from its checks to its place: one batch, its groups, and one order of it.

A client order id that an open order of the account has is refused; one of an ended order may be
used again, and names the newer order from then on.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sidecar.emulator.exchange import checks, endings, margin, matching, positions
from sidecar.emulator.exchange.events import (
    Answered,
    Event,
    Filled,
    Refused,
    Rejected,
    Resting,
    Status,
    Waiting,
)
from sidecar.emulator.exchange.requests import OrderSpec, Place
from sidecar.emulator.exchange.state import Account, Coin, Order, VenueState

CHILDREN_MAX: Final = 2
PRIORITY_UNIT: Final = 100_000_000
"""Priority fees come in 1e-8 of the notional."""
DUPLICATE: Final = "Client order id is already in use."
GONE: Final = "Order was never placed, already canceled, or filled."
FOR_FILL: Final = "waitingForFill"
FOR_TRIGGER: Final = "waitingForTrigger"


def place(state: VenueState, now_ms: int, request: Place, events: list[Event]) -> None:
    """Places the orders of a batch, each with its own reply, or refuses the batch with one."""
    text = _batch_refusal(state, request)
    if text is not None:
        events.append(Rejected(text))
        return
    if request.grouping == "na":
        statuses = [place_one(state, now_ms, request, spec, events) for spec in request.orders]
    elif request.grouping == "normalTpsl":
        statuses = _place_with_children(state, now_ms, request, events)
    else:
        statuses = _place_position_tpsl(state, now_ms, request, events)
    events.append(Answered("order", tuple(statuses)))


def coin_of(state: VenueState, asset: int) -> Coin | None:
    """The coin that orders call by this number; None when it is not traded here."""
    name = state.asset_names.get(asset)
    coin = state.coins[name] if name is not None else None
    if coin is None or coin.asset != asset:
        # Coins came, or got new numbers.
        state.asset_names = {one.asset: one.name for one in state.coins.values()}
        name = state.asset_names.get(asset)
        coin = state.coins[name] if name is not None else None
    return coin if coin is not None and coin.is_listed else None


def _batch_refusal(state: VenueState, request: Place) -> str | None:
    """What is wrong with the batch as such: it is refused whole, with one text."""
    if not request.orders:
        return "Orders are empty"
    for index, spec in enumerate(request.orders):
        coin = coin_of(state, spec.asset)
        if coin is None:
            return f"Order {index}: Unknown asset {spec.asset}."
        if coin.is_delisted:
            return f"Order {index}: {coin.name} is delisted."
    return (
        _builder_refusal(state, request)
        or _group_refusal(request)
        or _priority_refusal(state, request)
    )


def _builder_refusal(state: VenueState, request: Place) -> str | None:
    """A builder must have been approved for what it asks."""
    if request.builder is None:
        return None
    account = state.accounts[request.user]
    if account.role == "vault":
        return "Vault may not perform this action."
    if request.builder_fee_tenths > account.builders.get(request.builder, -1):
        return "Builder fee has not been approved"
    return None


def _group_refusal(request: Place) -> str | None:
    """Stops and targets of a group reduce, belong to one coin, and are no more than two."""
    if request.grouping == "na":
        return None
    is_normal = request.grouping == "normalTpsl"
    first, rest = request.orders[0], request.orders[1:] if is_normal else request.orders
    if not 1 <= len(rest) <= CHILDREN_MAX or any(spec.trigger is None for spec in rest):
        return "Unexpected number of trigger orders"
    if is_normal and first.trigger is not None:
        return "Main order cannot be trigger order."
    if any(not spec.reduce_only for spec in rest):
        return "Trigger order is not reduce only."
    if any(spec.asset != first.asset for spec in rest):
        return "Orders of a group must be of one asset."
    sides = {spec.is_buy for spec in rest}
    if len(sides) > 1 or (is_normal and first.is_buy in sides):
        return "Trigger order has unexpected side."
    return None


def _priority_refusal(state: VenueState, request: Place) -> str | None:
    """A priority fee is for IOC orders and for post-only orders that may open, and there must be
    money for all that it could come to."""
    if request.priority_rate == 0:
        return None
    for spec in request.orders:
        if spec.trigger is None and (
            spec.tif == "Ioc" or (spec.tif == "Alo" and not spec.reduce_only)
        ):
            continue
        return "Priority fee is only for IOC orders and ALO orders that are not reduce only."
    micros = sum(spec.lots * spec.limit_ticks for spec in request.orders)
    free_micros = margin.withdrawable_micros(state, state.accounts[request.user])
    if micros * request.priority_rate > free_micros * PRIORITY_UNIT:
        return "Insufficient balance for priority fee."
    return None


def admit(
    state: VenueState,
    now_ms: int,
    request: Place,
    spec: OrderSpec,
    events: list[Event],
    *,
    kin: str = "",
) -> Order | Refused:
    """The order, checked and known but not placed yet; or why it was refused.

    `kin` says what it is in its group (`child`, `position`).  A refused order has a number and a
    status too, and is in the account's history.
    """
    coin = coin_of(state, spec.asset)
    assert coin is not None, spec.asset
    account = state.accounts[request.user]
    if spec.cloid is not None and _is_cloid_taken(state, account, spec.cloid):
        return Refused(DUPLICATE)
    if kin == "position":
        room = endings.reducible_lots(account, coin.name, is_buy=spec.is_buy)
        spec = replace(spec, lots=room)
    case = checks.Case(state, now_ms, account, coin, spec, kin == "child", kin == "position")
    refusal = checks.refusal(case)
    order = _order_of(state, now_ms, request, spec, coin)
    order.is_position_tpsl = kin == "position"
    endings.enlist(state, account, order)
    if refusal is None:
        return order
    endings.archive(state, account, order)
    endings.set_status(order, now_ms, refusal.status, events)
    return Refused(refusal.text)


def wait(state: VenueState, order: Order, events: list[Event]) -> None:
    """A stop or target begins to wait for its price, or for the order before it."""
    state.accounts[order.user].open_oids.append(order.oid)
    if order.parent_oid is None:
        state.coins[order.coin].triggers.append(order.oid)
    endings.tell(order, events)


def place_one(
    state: VenueState, now_ms: int, request: Place, spec: OrderSpec, events: list[Event]
) -> Status:
    """Checks and places one order that is in no group: its reply."""
    order = admit(state, now_ms, request, spec, events)
    if isinstance(order, Refused):
        return order
    return go(state, now_ms, order, events, priority_rate=request.priority_rate)


def go(
    state: VenueState, now_ms: int, order: Order, events: list[Event], *, priority_rate: int = 0
) -> Status:
    """An admitted order to its place: the waiting list, or the book."""
    if order.trigger is not None:
        wait(state, order, events)
        return Resting(order.oid, order.cloid)
    return _enter(state, now_ms, priority_rate, order, events)


def _is_cloid_taken(state: VenueState, account: Account, cloid: str) -> bool:
    """Has an open order of the account this client order id?"""
    oid = account.cloids.get(cloid)
    return oid is not None and endings.is_open(state.orders[oid])


def _order_of(state: VenueState, now_ms: int, request: Place, spec: OrderSpec, coin: Coin) -> Order:
    """The order with its number."""
    order = Order(
        oid=state.next_oid,
        user=request.user,
        coin=coin.name,
        is_buy=spec.is_buy,
        limit_ticks=spec.limit_ticks,
        orig_lots=spec.lots,
        lots=spec.lots,
        tif=spec.tif,
        reduce_only=spec.reduce_only,
        placed_ms=now_ms,
        cloid=spec.cloid,
        trigger=spec.trigger,
        builder=request.builder,
        builder_fee_tenths=request.builder_fee_tenths,
        status_ms=now_ms,
    )
    state.next_oid += 1
    return order


def _enter(
    state: VenueState, now_ms: int, priority_rate: int, order: Order, events: list[Event]
) -> Status:
    """The order trades and rests; what its sender reads of it."""
    coin = state.coins[order.coin]
    matching.enter(state, now_ms, order, events)
    filled = order.orig_lots - order.lots
    if priority_rate:
        is_alo = order.tif == "Alo"
        charged = order.orig_lots * order.limit_ticks if is_alo else order.filled_micros
        _charge(state, order.user, charged * priority_rate // PRIORITY_UNIT)
    if filled:
        return Filled(order.oid, filled, order.filled_micros, coin.name, order.cloid)
    text = checks.unmet(coin, order.status)
    if text is not None:
        return Refused(text)
    return Resting(order.oid, order.cloid)


def _charge(state: VenueState, user: str, micros: int) -> None:
    """The venue takes a priority fee; a post-only order pays it whether it trades or not."""
    account = state.accounts[user]
    account.cash_micros -= micros
    state.fees_micros += micros
    positions.sweep(state, account)


def _place_with_children(
    state: VenueState, now_ms: int, request: Place, events: list[Event]
) -> list[Status]:
    """An order and the stop and target that wait for its fill.

    When the first is refused or trades nothing at once though it had to, its words are the reply of
    all, so that the reply keeps the length of the batch.
    """
    parent = admit(state, now_ms, request, request.orders[0], events)
    if isinstance(parent, Refused):
        return [parent] * len(request.orders)
    children: list[Order | Refused] = []
    state.accounts[request.user].open_oids.append(parent.oid)
    for spec in request.orders[1:]:
        child = admit(state, now_ms, request, spec, events, kin="child")
        children.append(child)
        if isinstance(child, Order):
            child.parent_oid = parent.oid
            parent.children.append(child.oid)
            wait(state, child, events)
    _pair(children)
    status = _enter(state, now_ms, request.priority_rate, parent, events)
    statuses = [status]
    for child in children:
        if isinstance(child, Refused):
            statuses.append(child)
        elif not endings.is_open(child):
            text = checks.unmet(state.coins[child.coin], child.status) or GONE
            statuses.append(status if isinstance(status, Refused) else Refused(text))
        else:
            statuses.append(Waiting(FOR_TRIGGER if child.parent_oid is None else FOR_FILL))
    return statuses


def _place_position_tpsl(
    state: VenueState, now_ms: int, request: Place, events: list[Event]
) -> list[Status]:
    """A stop and a target for the whole position, whatever becomes of its size."""
    found = [admit(state, now_ms, request, spec, events, kin="position") for spec in request.orders]
    _pair(found)
    statuses: list[Status] = []
    for order in found:
        if isinstance(order, Refused):
            statuses.append(order)
        else:
            wait(state, order, events)
            statuses.append(Waiting(FOR_TRIGGER))
    return statuses


def _pair(found: list[Order | Refused]) -> None:
    """Each one's fill ends the other."""
    orders = [order for order in found if isinstance(order, Order)]
    for order in orders:
        order.siblings = [other.oid for other in orders if other is not order]
