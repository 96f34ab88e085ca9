"""The market moves: quotes, clients' resting orders in their way, marks, triggers, liquidations."""

from __future__ import annotations

from sidecar.emulator.exchange import (
    book,
    endings,
    liquidation,
    liquidity,
    marks,
    matching,
    positions,
    triggers,
)
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Moved
from sidecar.emulator.exchange.state import Coin, VenueState


def moved(state: VenueState, now_ms: int, request: Moved, events: list[Event]) -> None:
    """All coins of one instant: first every book, then marks, then triggers, then liquidations.

    While the venue is halted the market goes on without it.
    """
    if state.halted_until_ms > now_ms:
        return
    found = [
        (coin, move)
        for move in request.moves
        if (coin := state.coins.get(move.coin)) is not None
        and coin.is_listed
        and not coin.is_delisted
    ]
    for coin, move in found:
        liquidity.move(coin, move.px_ticks)
        if not coin.is_halted and coin.has_background:
            _trade(state, now_ms, coin, move.lots, events)
    for coin, move in found:
        marks.on_move(state, now_ms, coin, move)
    for coin, _ in found:
        if coin.triggers:
            triggers.fire(state, now_ms, coin, events)
    liquidation.check(state, now_ms, events)


def _trade(state: VenueState, now_ms: int, coin: Coin, lots: int, events: list[Event]) -> None:
    """What trades at this instant: clients' orders in the way, then the tape's volume."""
    met_lots = 0
    if coin.bids.prices or coin.asks.prices:
        met_lots = _meet(state, now_ms, coin, lots, events)
    if lots > met_lots:
        px_ticks = liquidity.price(coin)
        is_buy = liquidity.touch(state.seed, coin)[1] == px_ticks
        left = lots - met_lots
        positions.print_house(state, now_ms, coin, px_ticks, left, events, is_buy=is_buy)


def _meet(state: VenueState, now_ms: int, coin: Coin, lots: int, events: list[Event]) -> int:
    """Fills the clients' orders that the market reached; lots traded at the market's own price.

    An order that it went through is filled whole.  One at its price gets what traded there, or,
    when nothing did, what the background's first level would have taken.
    """
    bid, ask = liquidity.touch(state.seed, coin)
    px_ticks = liquidity.price(coin)
    met: list[str] = []
    met_lots = 0
    for is_bid in (True, False):
        reach = px_ticks if lots else (ask if is_bid else bid)
        while (ticks := book.client_best(coin, is_bid=is_bid)) is not None:
            is_through = ticks > reach if is_bid else ticks < reach
            if not is_through and ticks != reach:
                break
            room = matching.PX_TICKS_MAX if is_through else _room(state, coin, lots, is_bid=is_bid)
            took = _fill_queue(state, now_ms, coin, (ticks, room), met, events, is_bid=is_bid)
            if not is_through:
                met_lots += took if lots else 0
                break
    for user in dict.fromkeys(met):
        endings.follow(state, now_ms, state.accounts[user], coin, events)
    return met_lots


def _room(state: VenueState, coin: Coin, lots: int, *, is_bid: bool) -> int:
    """Lots for the orders at the market's price: its volume, or its first level."""
    if lots:
        return lots
    first = next(liquidity.walk(state.seed, coin, is_bid=not is_bid), None)
    return first[1] if first is not None else 0


def _fill_queue(
    state: VenueState,
    now_ms: int,
    coin: Coin,
    at: tuple[int, int],
    met: list[str],
    events: list[Event],
    *,
    is_bid: bool,
) -> int:
    """Fills the orders of one price, by time, with so many lots at most; how many it took."""
    ticks, room = at
    left = room
    for oid in list(book.side_of(coin, is_bid=is_bid).queues[ticks]):
        maker = state.orders[oid]
        if left == 0 or not endings.is_open(maker):
            continue
        wanted = matching.room_of_maker(state, now_ms, coin, maker, events)
        lots = min(left, wanted)
        if lots == 0:
            continue
        positions.settle_house_taker(state, now_ms, coin, maker, ticks, lots, events)
        left -= lots
        met.append(maker.user)
        matching.fill(state, now_ms, maker, lots, events)
    return room - left
