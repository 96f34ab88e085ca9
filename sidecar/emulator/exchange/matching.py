"""A taker through the book: what it meets, at which prices, and what that does to others.

At each price it meets clients by time, then the background.  A resting order of the taker's own
is canceled silently, one whose user cannot pay any more is canceled, one that may only reduce
trades no more than the position.
"""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange import book, endings, liquidity, margin, positions
from sidecar.emulator.exchange.events import Event, OrderChanged
from sidecar.emulator.exchange.state import Account, Coin, Order, VenueState

PX_TICKS_MAX: Final = 10**18
"""A limit that no price reaches."""


def is_crossing(state: VenueState, coin: Coin, ticks: int, *, is_buy: bool) -> bool:
    """Would an order at this price trade at once?"""
    best = book.best_of(state, coin, is_bid=not is_buy)
    return best is not None and (best <= ticks if is_buy else best >= ticks)


def is_capped(coin: Coin) -> bool:
    """Is open interest at its cap?"""
    cap = coin.open_interest_cap_micros
    return cap is not None and coin.interest_lots() * coin.mark_ticks >= cap


def fill(state: VenueState, now_ms: int, maker: Order, lots: int, events: list[Event]) -> None:
    """A resting order gave so many lots: it goes on with the rest, or has ended."""
    maker.lots -= lots
    maker.filled_micros += lots * maker.limit_ticks
    if maker.lots == 0:
        endings.end(state, now_ms, maker, "filled", events)
    else:
        endings.tell(maker, events)


def room_of_maker(
    state: VenueState, now_ms: int, coin: Coin, maker: Order, events: list[Event]
) -> int:
    """Lots that a resting order may still trade; 0 when it had to end instead."""
    account = state.accounts[maker.user]
    lots = maker.lots
    if maker.reduce_only:
        lots = min(lots, endings.reducible_lots(account, coin.name, is_buy=maker.is_buy))
        if lots == 0:
            endings.end(state, now_ms, maker, "reduceOnlyCanceled", events)
        return lots
    if is_capped(coin) and adds(account, coin, maker):
        endings.end(state, now_ms, maker, "openInterestCapCanceled", events)
        return 0
    if not margin.can_fill(state, account, coin, is_buy=maker.is_buy, lots=lots):
        endings.end(state, now_ms, maker, "marginCanceled", events)
        return 0
    return lots


def adds(account: Account, coin: Coin, order: Order) -> bool:
    """Would the whole order leave a larger position than there is, on either side?"""
    position = account.positions.get(coin.name)
    held = position.lots if position is not None else 0
    return abs(held + (order.lots if order.is_buy else -order.lots)) > abs(held)


def _meet_clients(
    state: VenueState, now_ms: int, order: Order, ticks: int, events: list[Event]
) -> list[str]:
    """The taker against a client's queue; the users who traded, in order."""
    coin = state.coins[order.coin]
    ladder = book.side_of(coin, is_bid=not order.is_buy)
    met: list[str] = []
    for oid in list(ladder.queues[ticks]):
        if order.lots == 0:
            break
        maker = state.orders[oid]
        if not endings.is_open(maker):
            continue
        if maker.user == order.user:
            endings.end(state, now_ms, maker, "selfTradeCanceled", events)
            continue
        lots = min(order.lots, room_of_maker(state, now_ms, coin, maker, events))
        if lots == 0:
            continue
        positions.settle(state, now_ms, coin, positions.Match(order, maker, ticks, lots), events)
        order.lots -= lots
        order.filled_micros += lots * ticks
        fill(state, now_ms, maker, lots, events)
        met.append(maker.user)
    return met


def _reaches(order: Order, ticks: int | None) -> bool:
    """Is a price within the order's limit?"""
    if ticks is None:
        return False
    return ticks <= order.limit_ticks if order.is_buy else ticks >= order.limit_ticks


def take(state: VenueState, now_ms: int, order: Order, events: list[Event]) -> None:
    """Runs an order through the book as far as its limit and its lots go.

    Trades are settled one by one; `order.lots` is what is left, and with nothing left it has ended
    as `filled`.  Reduce-only orders of everyone who traded follow their positions afterwards.
    """
    coin = state.coins[order.coin]
    if coin.is_halted:
        return
    asked = order.lots
    met = [order.user]
    is_bid = not order.is_buy
    house = list(_house_within(state, coin, order))
    first_ticks = last_ticks = None
    at = 0
    while order.lots > 0:
        client = book.client_best(coin, is_bid=is_bid)
        back = house[at][0] if at < len(house) else None
        if client is not None and _reaches(order, client) and not _is_behind(client, back, order):
            met += _meet_clients(state, now_ms, order, client, events)
            continue
        if back is None:
            break
        lots = min(order.lots, house[at][1])
        liquidity.eat(coin.quote, back, lots)
        match = positions.Match(order, None, back, lots)
        positions.settle(state, now_ms, coin, match, events)
        order.lots -= lots
        order.filled_micros += lots * back
        first_ticks = back if first_ticks is None else first_ticks
        last_ticks = back
        at += 1
    if first_ticks is not None and last_ticks is not None:
        liquidity.push(coin.quote, first_ticks, last_ticks)
    if order.lots == 0:
        # Before others follow: its end is what ends the sibling of a stop or target.
        endings.end(state, now_ms, order, "filled", events)
    for user in dict.fromkeys(met) if order.lots < asked else ():
        endings.follow(state, now_ms, state.accounts[user], coin, events)


def _house_within(state: VenueState, coin: Coin, order: Order) -> list[tuple[int, int]]:
    """The background's levels that the order reaches, enough of them to fill it alone."""
    found: list[tuple[int, int]] = []
    left = order.lots
    for ticks, lots in book.house(state, coin, is_bid=not order.is_buy):
        if left <= 0 or not _reaches(order, ticks):
            break
        found.append((ticks, lots))
        left -= lots
    return found


def _is_behind(client: int, back: int | None, order: Order) -> bool:
    """Is the background's price better for the taker than the client's?"""
    if back is None:
        return False
    return back < client if order.is_buy else back > client


def enter(state: VenueState, now_ms: int, order: Order, events: list[Event]) -> None:
    """An order that passed its checks trades as it can, then rests or ends.

    An IOC order that met nothing ends as `iocCancelRejected`, with `marketOrderNoLiquidityRejected`
    where the other side of the book is empty; with a rest it ends as `canceled`.
    """
    coin = state.coins[order.coin]
    account = state.accounts[order.user]
    if order.reduce_only:
        room = endings.reducible_lots(account, coin.name, is_buy=order.is_buy)
        if room == 0:
            endings.end(state, now_ms, order, "reduceOnlyCanceled", events)
            return
        order.orig_lots -= max(0, order.lots - room)
        order.lots = min(order.lots, room)
    before = order.lots
    take(state, now_ms, order, events)
    if order.lots == 0:
        return
    if order.tif in ("Ioc", "FrontendMarket"):
        status = "canceled" if order.lots < before else _unmet(state, coin, order)
        endings.end(state, now_ms, order, status, events)
        return
    if order.oid not in account.open_oids:
        account.open_oids.append(order.oid)
    book.rest(coin, order)
    events.append(OrderChanged(endings.copied(order)))
    if order.reduce_only:
        endings.crowd_out(state, now_ms, account, order, events)


def _unmet(state: VenueState, coin: Coin, order: Order) -> str:
    """How an order ends that had to trade at once and met nothing."""
    has_other_side = book.best_of(state, coin, is_bid=not order.is_buy) is not None
    return "iocCancelRejected" if has_other_side else "marketOrderNoLiquidityRejected"


def sell_out(
    state: VenueState, now_ms: int, account: Account, coin: Coin, lots: int, events: list[Event]
) -> int:
    """Closes so many lots of a position at any price, as a liquidation; how many it could."""
    position = account.positions.get(coin.name)
    held = position.lots if position is not None else 0
    wanted = min(lots, abs(held))
    if wanted <= 0:
        return 0
    is_buy = held < 0
    order = Order(
        oid=state.next_oid,
        user=account.address,
        coin=coin.name,
        is_buy=is_buy,
        limit_ticks=PX_TICKS_MAX if is_buy else 1,
        orig_lots=wanted,
        lots=wanted,
        tif="Ioc",
        reduce_only=True,
        placed_ms=now_ms,
        is_liquidation=True,
    )
    state.next_oid += 1
    take(state, now_ms, order, events)
    return wanted - order.lots
