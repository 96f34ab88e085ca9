"""Clients' orders and the background together: best prices, levels, impact prices.

At one price clients come first and the background last: it has no times of arrival, it is renewed
at every move, and a queue that starts anew each second would never let a client through.  The
background never shows a level at or through a client's order on the other side, so a book is never
crossed nor locked.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from msgspec import Struct

from sidecar.emulator.exchange import liquidity
from sidecar.emulator.exchange.state import Coin, Ladder, Order, VenueState


class Level(Struct, frozen=True):
    """One price of a book: its lots and its number of orders, the background being one."""

    ticks: int
    lots: int
    n: int


def side_of(coin: Coin, *, is_bid: bool) -> Ladder:
    """The clients' orders of one side."""
    return coin.bids if is_bid else coin.asks


def client_best(coin: Coin, *, is_bid: bool) -> int | None:
    """Best price that a client shows on a side."""
    prices = side_of(coin, is_bid=is_bid).prices
    if not prices:
        return None
    return prices[-1] if is_bid else prices[0]


def rest(coin: Coin, order: Order) -> None:
    """Puts an order at the end of its queue."""
    ladder = side_of(coin, is_bid=order.is_buy)
    queue = ladder.queues.get(order.limit_ticks)
    if queue is None:
        ladder.queues[order.limit_ticks] = [order.oid]
        insort(ladder.prices, order.limit_ticks)
    else:
        queue.append(order.oid)


def remove(coin: Coin, order: Order) -> bool:
    """Takes an order out of its queue; False when it was not there."""
    ladder = side_of(coin, is_bid=order.is_buy)
    queue = ladder.queues.get(order.limit_ticks)
    if queue is None or order.oid not in queue:
        return False
    queue.remove(order.oid)
    if not queue:
        del ladder.queues[order.limit_ticks]
        del ladder.prices[bisect_left(ladder.prices, order.limit_ticks)]
    return True


def house(state: VenueState, coin: Coin, *, is_bid: bool) -> Iterator[tuple[int, int]]:
    """The background's levels of a side, less those at or through clients of the other side."""
    bar = client_best(coin, is_bid=not is_bid)
    for ticks, lots in liquidity.walk(state.seed, coin, is_bid=is_bid):
        if bar is None or (ticks < bar if is_bid else ticks > bar):
            yield ticks, lots


def _better(one: int | None, other: int | None, *, is_bid: bool) -> int | None:
    """The better of two prices for the one who takes them."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other) if is_bid else min(one, other)


def best_of(state: VenueState, coin: Coin, *, is_bid: bool) -> int | None:
    """Best price of a side; None when nothing is there."""
    if coin.is_halted:
        return None
    first = next(house(state, coin, is_bid=is_bid), None)
    client = client_best(coin, is_bid=is_bid)
    return _better(client, first[0] if first else None, is_bid=is_bid)


def best(state: VenueState, coin: Coin) -> tuple[int | None, int | None]:
    """Best bid and ask in ticks; a halted book is empty."""
    if not (coin.bids.prices or coin.asks.prices or coin.quote.eaten):
        # Nobody is there but the background, whole: it need not be walked.
        if not liquidity.has_any(coin):
            return None, None
        bid, ask = liquidity.touch(state.seed, coin)
        return bid or None, ask
    return best_of(state, coin, is_bid=True), best_of(state, coin, is_bid=False)


def _client_levels(state: VenueState, coin: Coin, *, is_bid: bool) -> Iterator[Level]:
    """Clients' levels from the best on."""
    ladder = side_of(coin, is_bid=is_bid)
    for ticks in reversed(ladder.prices) if is_bid else ladder.prices:
        queue = ladder.queues[ticks]
        yield Level(ticks, sum(state.orders[oid].lots for oid in queue), len(queue))


def side_levels(state: VenueState, coin: Coin, *, is_bid: bool) -> Iterator[Level]:
    """Levels of a side, both together, from the best on."""
    if coin.is_halted:
        return
    ours = _client_levels(state, coin, is_bid=is_bid)
    theirs = house(state, coin, is_bid=is_bid)
    mine = next(ours, None)
    back = next(theirs, None)
    while mine is not None or back is not None:
        ticks = _better(
            mine.ticks if mine is not None else None,
            back[0] if back is not None else None,
            is_bid=is_bid,
        )
        assert ticks is not None
        lots = count = 0
        if mine is not None and mine.ticks == ticks:
            lots, count = mine.lots, mine.n
            mine = next(ours, None)
        if back is not None and back[0] == ticks:
            lots, count = lots + back[1], count + 1
            back = next(theirs, None)
        yield Level(ticks, lots, count)


def _first(levels: Iterator[Level], count: int) -> list[Level]:
    """At most so many levels."""
    return [level for level, _ in zip(levels, range(count), strict=False)]


def levels(state: VenueState, coin: Coin, count: int) -> tuple[list[Level], list[Level]]:
    """Bids and asks, best first, at most `count` a side."""
    return (
        _first(side_levels(state, coin, is_bid=True), count),
        _first(side_levels(state, coin, is_bid=False), count),
    )


def _depths(state: VenueState, coin: Coin, *, is_bid: bool) -> Iterator[tuple[int, int]]:
    """(ticks, lots) of each level of a side, best first."""
    if not (coin.bids.prices or coin.asks.prices):
        return liquidity.walk(state.seed, coin, is_bid=is_bid)
    return ((level.ticks, level.lots) for level in side_levels(state, coin, is_bid=is_bid))


def _average_ticks(depths: Iterator[tuple[int, int]], notional_micros: int) -> int | None:
    """Average price of taking so much from a side, or as much as there is."""
    left = notional_micros
    lots = micros = 0
    for ticks, there in depths:
        took = min(there, max(1, left // ticks))
        lots += took
        micros += took * ticks
        left -= took * ticks
        if left < ticks:
            break
    return round(micros / lots) if lots else None


def impact_ticks(
    state: VenueState, coin: Coin, notional_micros: int
) -> tuple[int | None, int | None]:
    """Average prices of selling and of buying so much at once: impact bid and impact ask."""
    return (
        _average_ticks(_depths(state, coin, is_bid=True), notional_micros),
        _average_ticks(_depths(state, coin, is_bid=False), notional_micros),
    )
