"""How an order ends, what its end does to others, and how reduce-only orders follow a position."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sidecar.emulator.exchange import book
from sidecar.emulator.exchange.events import Event, OrderChanged
from sidecar.emulator.exchange.state import Account, Coin, Order, VenueState

ENDED_KEPT: Final = 2_000
"""Ended orders that an account still lists: as many as the venue's history gives."""
WHOLESALE: Final = (
    "scheduledCancel",
    "liquidatedCanceled",
    "delistedCanceled",
    "vaultWithdrawalCanceled",
    "internalCancel",
)
"""Statuses that all orders of an account get at once, waiting children too."""
_ENDED_SLACK: Final = 200
"""Old ones are dropped so many at a time, so that an end costs little."""


def tell(order: Order, events: list[Event]) -> None:
    """An event with the order as it is now."""
    events.append(OrderChanged(copied(order)))


def copied(order: Order) -> Order:
    """A copy that later steps do not touch."""
    return replace(order, children=list(order.children), siblings=list(order.siblings))


def set_status(order: Order, now_ms: int, status: str, events: list[Event]) -> None:
    """A new status, told."""
    order.status = status
    order.status_ms = now_ms
    tell(order, events)


def is_background(order: Order) -> bool:
    """Is it the venue's own doing (a slice, a liquidation), which is in no list of orders?"""
    return order.twap_id is not None or order.is_liquidation


def enlist(state: VenueState, account: Account, order: Order) -> None:
    """The order exists: it can be looked up by number and by client order id."""
    state.orders[order.oid] = order
    if order.cloid is not None:
        account.cloids[order.cloid] = order.oid


def archive(state: VenueState, account: Account, order: Order) -> None:
    """The order is history: its account lists it until newer ones push it out."""
    account.ended.append(order.oid)
    if len(account.ended) < ENDED_KEPT + _ENDED_SLACK:
        return
    dropped = account.ended[:_ENDED_SLACK]
    del account.ended[:_ENDED_SLACK]
    for oid in dropped:
        old = state.orders.pop(oid, None)
        if old is not None and old.cloid is not None and account.cloids.get(old.cloid) == oid:
            del account.cloids[old.cloid]


def unplace(state: VenueState, account: Account, order: Order) -> None:
    """Takes an open order out of its queue or the waiting list, and out of the account's list."""
    coin = state.coins[order.coin]
    if order.parent_oid is not None:
        state.orders[order.parent_oid].children.remove(order.oid)
        order.parent_oid = None
    elif order.trigger is not None and not order.is_triggered:
        if order.oid in coin.triggers:
            coin.triggers.remove(order.oid)
    else:
        book.remove(coin, order)
    if order.oid in account.open_oids:
        account.open_oids.remove(order.oid)


def end(state: VenueState, now_ms: int, order: Order, status: str, events: list[Event]) -> None:
    """Takes an order out of everything with a status, and does what follows from its end.

    Orders that wait for it begin to wait for their price, sized by what it filled, or end with it
    when it filled nothing.  A stop or target that filled wholly ends its sibling.
    """
    account = state.accounts[order.user]
    unplace(state, account, order)
    order.status = status
    order.status_ms = now_ms
    if is_background(order):
        state.orders.pop(order.oid, None)
        return
    archive(state, account, order)
    tell(order, events)
    if order.children:
        _free_children(state, now_ms, order, events)
    if status == "filled" and order.siblings:
        _end_siblings(state, now_ms, order, events)


def _free_children(state: VenueState, now_ms: int, parent: Order, events: list[Event]) -> None:
    """Stops and targets of an ended order: to their places, or to their ends."""
    filled = parent.orig_lots - parent.lots
    coin = state.coins[parent.coin]
    children, parent.children = parent.children, []
    for oid in children:
        child = state.orders[oid]
        child.parent_oid = None
        if filled <= 0 or parent.status in WHOLESALE:
            status = parent.status if parent.status in WHOLESALE else "canceled"
            end(state, now_ms, child, status, events)
            continue
        child.lots = child.orig_lots = min(child.lots, filled)
        coin.triggers.append(oid)
        tell(child, events)


def _end_siblings(state: VenueState, now_ms: int, order: Order, events: list[Event]) -> None:
    """The target filled, so the stop goes, and the other way round."""
    for oid in order.siblings:
        other = state.orders.get(oid)
        if other is not None and is_open(other):
            end(state, now_ms, other, "siblingFilledCanceled", events)


def is_open(order: Order) -> bool:
    """Can it still trade?  A fired stop that rests is open too."""
    return order.status in ("open", "triggered")


def cancel_all(
    state: VenueState,
    now_ms: int,
    account: Account,
    status: str,
    events: list[Event],
    coin: str | None = None,
) -> None:
    """Ends every open order of an account, or those of one coin: stops and targets too."""
    for oid in list(account.open_oids):
        order = state.orders[oid]
        if is_open(order) and (coin is None or order.coin == coin):
            end(state, now_ms, order, status, events)


def reducible_lots(account: Account, coin_name: str, *, is_buy: bool) -> int:
    """Lots that an order of that side could take off the position; 0 when it would add."""
    position = account.positions.get(coin_name)
    if position is None:
        return 0
    return max(0, -position.lots if is_buy else position.lots)


def crowd_out(
    state: VenueState, now_ms: int, account: Account, newest: Order, events: list[Event]
) -> None:
    """Resting reduce-only orders of a side may not reduce more than the position together: when
    a new one rests, the oldest are canceled.  Seen on the venue's testnet."""
    room = reducible_lots(account, newest.coin, is_buy=newest.is_buy)
    older = [
        order
        for oid in account.open_oids
        if (order := state.orders[oid]).coin == newest.coin
        and order.reduce_only
        and order.is_buy == newest.is_buy
        and (order.trigger is None or order.is_triggered)
    ]
    total = sum(order.lots for order in older)
    for order in older:
        if total <= room or order is newest:
            return
        total -= order.lots
        end(state, now_ms, order, "reduceOnlyCanceled", events)


def follow(
    state: VenueState, now_ms: int, account: Account, coin: Coin, events: list[Event]
) -> None:
    """Reduce-only orders of a coin after its position changed: none is larger than it.

    Those that nothing is left for end; those of the whole position take its size.
    """
    for oid in list(account.open_oids):
        order = state.orders[oid]
        if order.coin != coin.name or not order.reduce_only or order.parent_oid is not None:
            continue
        if not is_open(order):
            continue
        room = reducible_lots(account, coin.name, is_buy=order.is_buy)
        if room == 0:
            end(state, now_ms, order, "reduceOnlyCanceled", events)
        elif order.lots > room or (order.is_position_tpsl and order.lots != room):
            order.orig_lots += room - order.lots
            order.lots = room
            tell(order, events)
