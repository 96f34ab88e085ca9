"""Cancel and modify; and, for those who end orders for other reasons, how an order ends."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sidecar.emulator.exchange import checks, endings, matching, placing
from sidecar.emulator.exchange.endings import cancel_all, end
from sidecar.emulator.exchange.events import Answered, Event, Refused, Rejected, Status, Waiting
from sidecar.emulator.exchange.requests import Cancel, EndOrder, Modify, OrderSpec, Place
from sidecar.emulator.exchange.state import Order, VenueState

__all__ = ["cancel", "cancel_all", "end", "end_order", "modify"]

MISSING: Final = placing.GONE
NOT_OPEN: Final = "Cannot modify canceled or filled order"
NOT_ALLOWED: Final = (
    "Modify must place an ALO order or a GTC order that does not trade at once; "
    "set always place to modify otherwise"
)


def find(state: VenueState, user: str, target: int | str) -> Order | None:
    """The open order of that user with a number or a client order id."""
    if isinstance(target, str):
        oid = state.accounts[user].cloids.get(target)
        order = state.orders.get(oid) if oid is not None else None
    else:
        order = state.orders.get(target)
    if order is None or order.user != user or not endings.is_open(order):
        return None
    return None if endings.is_background(order) else order


def cancel(state: VenueState, now_ms: int, request: Cancel, events: list[Event]) -> None:
    """Cancels what is asked, each with its own reply.

    Someone else's order, one of another asset and one that has ended are answered alike.
    """
    if not request.targets:
        events.append(Rejected("Batch of cancels is empty."))
        return
    statuses: list[Status] = []
    for asset, target in request.targets:
        order = find(state, request.user, target)
        coin = placing.coin_of(state, asset)
        if order is None or coin is None or order.coin != coin.name:
            statuses.append(Refused(f"{MISSING} asset={asset}"))
            continue
        end(state, now_ms, order, "canceled", events)
        statuses.append(Waiting("success"))
    events.append(Answered("cancel", tuple(statuses)))


def end_order(state: VenueState, now_ms: int, request: EndOrder, events: list[Event]) -> None:
    """The venue ends an order with a status; one that has ended already is left as it is."""
    order = find(state, request.user, request.oid)
    if order is not None:
        end(state, now_ms, order, request.status, events)


def modify(state: VenueState, now_ms: int, request: Modify, events: list[Event]) -> None:
    """Replaces orders: new numbers, the same client order ids; the new one is told first."""
    if not request.changes:
        events.append(Rejected("Batch of modifies is empty."))
        return
    statuses = [
        _modify_one(state, now_ms, request, target, spec, events)
        for target, spec in request.changes
    ]
    if request.is_batch:
        events.append(Answered("order", tuple(statuses)))
        return
    status = statuses[0]
    if isinstance(status, Refused):
        events.append(Rejected(status.error))
    else:
        events.append(Answered("default"))


def _modify_one(
    state: VenueState,
    now_ms: int,
    request: Modify,
    target: int | str,
    spec: OrderSpec,
    events: list[Event],
) -> Status:
    """One replacement.

    Nothing happens to an order that may not be replaced, or not by such a one.  If it may, it goes,
    and when the new one is then refused by the book or the account both are gone: a modify is a
    cancel and a new order.
    """
    old = find(state, request.user, target)
    coin = placing.coin_of(state, spec.asset)
    if old is None or coin is None or old.coin != coin.name:
        return Refused(NOT_OPEN)
    if not request.always_place and not _is_passive(state, spec):
        return Refused(NOT_ALLOWED)
    spec = replace(spec, cloid=spec.cloid if spec.cloid is not None else old.cloid)
    kin = _kin(old) if spec.trigger is not None else ""
    account = state.accounts[request.user]
    case = checks.Case(state, now_ms, account, coin, spec, kin == "child", kin == "position")
    refusal = checks.outright(case)
    if refusal is not None:
        return Refused(refusal.text)
    gone: list[Event] = []
    children, old.children = old.children, []
    parent_oid, siblings = old.parent_oid, old.siblings
    old.siblings = []
    end(state, now_ms, old, "canceled", gone)
    place = Place(request.user, (spec,), "na", old.builder, old.builder_fee_tenths)
    new = placing.admit(state, now_ms, place, spec, events, kin=kin)
    if isinstance(new, Refused):
        _orphan(state, now_ms, children, gone)
        events.extend(gone)
        return Refused(f"Error placing new order during modify: {new.error}")
    _inherit(state, new, children, siblings, parent_oid)
    status = placing.go(state, now_ms, new, events)
    events.extend(gone)
    return status


def _kin(order: Order) -> str:
    """What an order is in its group."""
    if order.is_position_tpsl:
        return "position"
    return "child" if order.parent_oid is not None else ""


def _is_passive(state: VenueState, spec: OrderSpec) -> bool:
    """Would the replacement only rest: post-only, or GTC and away from the other side?"""
    if spec.trigger is not None:
        return False
    if spec.tif == "Alo":
        return True
    coin = placing.coin_of(state, spec.asset)
    assert coin is not None, spec.asset
    crosses = matching.is_crossing(state, coin, spec.limit_ticks, is_buy=spec.is_buy)
    return spec.tif == "Gtc" and not crosses


def _inherit(
    state: VenueState,
    new: Order,
    children: list[int],
    siblings: list[int],
    parent_oid: int | None,
) -> None:
    """The replacement takes the old one's place in its group."""
    new.children = children
    for oid in children:
        state.orders[oid].parent_oid = new.oid
    if new.trigger is None:
        return
    if parent_oid is not None:
        new.parent_oid = parent_oid
        state.orders[parent_oid].children.append(new.oid)
    new.siblings = siblings
    for oid in siblings:
        other = state.orders.get(oid)
        if other is not None:
            other.siblings = [new.oid]


def _orphan(state: VenueState, now_ms: int, children: list[int], events: list[Event]) -> None:
    """Stops and targets whose order is gone without a successor."""
    for oid in children:
        child = state.orders[oid]
        child.parent_oid = None
        end(state, now_ms, child, "canceled", events)
