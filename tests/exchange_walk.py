"""Random requests of some users and a random market, and what must hold of books after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from sidecar.emulator.exchange import book, endings
from sidecar.emulator.exchange.events import Event, FillSeen
from sidecar.emulator.exchange.requests import (
    Adjust,
    Cancel,
    Elapse,
    Modify,
    Move,
    Moved,
    OrderSpec,
    Place,
    Request,
    ScheduleCancel,
    SetLeverage,
    StartTwap,
    StopTwap,
)
from sidecar.emulator.exchange.state import Coin, Order, Trigger, VenueState
from sidecar.emulator.exchange.units import px_step_ticks
from tests.exchange_floor import ALICE, BOB, CAROL, Floor

USERS = (ALICE, BOB, CAROL)


class Walk:
    """Draws requests that make sense often enough."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.floor = Floor()
        self.floor.fund(*USERS)
        for user in USERS:
            self.floor.state.accounts[user].volume_micros = 2_000_000_000_000

    def requests(self, count: int) -> Iterator[Request]:
        """So many requests; each depends on what came of those before."""
        kinds: list[tuple[int, Callable[[], Request]]] = [
            (50, self.order),
            (8, self.bracket),
            (12, self.cancel),
            (8, self.modify),
            (15, self.move),
            (2, self.leverage),
            (1, self.twap),
            (1, self.stop_twap),
            (1, self.schedule),
            (2, Elapse),
            (1, self.dry),
        ]
        draws = [make for weight, make in kinds for _ in range(weight)]
        for _ in range(count):
            self.floor.now_ms += self.random.randrange(400)
            yield self.random.choice(draws)()

    def user(self) -> str:
        return self.random.choice(USERS)

    def coin(self) -> Coin:
        return self.random.choice(list(self.floor.state.coins.values()))

    def near(self, coin: Coin, steps: int) -> int:
        """A valid price some steps from the market's."""
        step = px_step_ticks(coin.quote.px_ticks, coin.size_decimals)
        ticks = coin.quote.px_ticks + self.random.randint(-steps, steps) * step
        return ticks - ticks % step

    def lots(self, coin: Coin) -> int:
        """Worth 5 to 40,000 USD, mostly little."""
        usd = self.random.choice((5, 20, 200, 2_000, 40_000))
        return max(1, usd * 1_000_000 // coin.mark_ticks)

    def limit(self, coin: Coin) -> OrderSpec:
        draw = self.random
        return OrderSpec(
            asset=coin.asset,
            is_buy=draw.random() < 0.5,
            limit_ticks=self.near(coin, 12),
            lots=self.lots(coin),
            reduce_only=draw.random() < 0.2,
            tif=draw.choice(("Gtc", "Gtc", "Gtc", "Alo", "Ioc", "FrontendMarket")),
            cloid=f"0x{draw.getrandbits(128):032x}" if draw.random() < 0.3 else None,
        )

    def trigger(self, coin: Coin, *, is_buy: bool, reduce_only: bool) -> OrderSpec:
        draw = self.random
        ticks = self.near(coin, 15)
        is_market = draw.random() < 0.7
        step = px_step_ticks(ticks, coin.size_decimals) * (10 if is_buy else -10)
        return OrderSpec(
            asset=coin.asset,
            is_buy=is_buy,
            limit_ticks=ticks + step if is_market else ticks,
            lots=self.lots(coin),
            reduce_only=reduce_only,
            tif=None,
            trigger=Trigger(ticks, is_market, draw.choice(("tp", "sl"))),
        )

    def order(self) -> Request:
        specs = []
        for _ in range(self.random.choice((1, 1, 1, 2, 4))):
            coin = self.coin()
            if self.random.random() < 0.2:
                is_buy = self.random.random() < 0.5
                reduces = self.random.random() < 0.7
                specs.append(self.trigger(coin, is_buy=is_buy, reduce_only=reduces))
            else:
                specs.append(self.limit(coin))
        return Place(self.user(), tuple(specs))

    def bracket(self) -> Request:
        coin, user = self.coin(), self.user()
        if self.random.random() < 0.7:
            entry = self.limit(coin)
            kids = [
                self.trigger(coin, is_buy=not entry.is_buy, reduce_only=True)
                for _ in range(self.random.choice((1, 2)))
            ]
            return Place(user, (entry, *kids), "normalTpsl")
        is_buy = self.floor.held(user, coin.name) < 0
        kids = [self.trigger(coin, is_buy=is_buy, reduce_only=True) for _ in range(2)]
        return Place(user, tuple(kids), "positionTpsl")

    def some(self, user: str) -> Order | None:
        oids = self.floor.state.accounts[user].open_oids
        return self.floor.get(self.random.choice(oids)) if oids else None

    def name_of(self, order: Order) -> int | str:
        if order.cloid is not None and self.random.random() < 0.5:
            return order.cloid
        return order.oid

    def cancel(self) -> Request:
        user = self.user()
        found = [order for _ in range(3) if (order := self.some(user)) is not None]
        coins = self.floor.state.coins
        targets: list[tuple[int, int | str]] = [
            (coins[order.coin].asset, self.name_of(order)) for order in found
        ]
        return Cancel(user, (*targets, (0, self.random.randrange(1, 999_999))))

    def modify(self) -> Request:
        user = self.user()
        order = self.some(user)
        if order is None:
            return Elapse()
        coin = self.floor.state.coins[order.coin]
        if order.trigger is not None and not order.is_triggered:
            new = self.trigger(coin, is_buy=order.is_buy, reduce_only=order.reduce_only)
        else:
            new = self.limit(coin)
        always = self.random.random() < 0.7
        return Modify(user, ((self.name_of(order), new),), is_batch=True, always_place=always)

    def move(self) -> Request:
        moves = []
        for coin in self.floor.state.coins.values():
            ticks = self.near(coin, 6)
            lots = self.random.choice((0, 0, 1, 500))
            oracle = self.near(coin, 4)
            moves.append(Move(coin.name, ticks, lots, oracle, ticks))
        return Moved(tuple(moves))

    def leverage(self) -> Request:
        mode: Any = self.random.choice(("cross", "isolated"))
        return SetLeverage(self.user(), self.coin().asset, mode, self.random.randint(1, 10))

    def twap(self) -> Request:
        coin = self.coin()
        lots = 20_000 * 1_000_000 // coin.mark_ticks
        is_buy = self.random.random() < 0.5
        return StartTwap(
            self.user(), coin.asset, is_buy, lots, reduce_only=False, minutes=5, randomize=is_buy
        )

    def stop_twap(self) -> Request:
        running = self.floor.state.running_twaps
        if not running:
            return Elapse()
        twap = self.floor.state.twaps[self.random.choice(running)]
        return StopTwap(twap.user, self.floor.state.coins[twap.coin].asset, twap.twap_id)

    def schedule(self) -> Request:
        ahead = self.random.choice((None, 1_000, 6_000, 60_000))
        at_ms = self.floor.now_ms + ahead if ahead is not None else None
        return ScheduleCancel(self.user(), at_ms)

    def dry(self) -> Request:
        """The background of a coin comes or goes."""
        coin = self.coin()
        return Adjust("has_background", not coin.has_background, coin.name)


def assert_book(state: VenueState) -> None:
    """Books are not crossed, queues hold what is open, and every open order is in one place."""
    places: dict[int, int] = {}
    for coin in state.coins.values():
        bid, ask = book.best(state, coin)
        assert bid is None or ask is None or bid < ask, (coin.name, bid, ask)
        for is_bid in (True, False):
            _assert_side(state, coin, places, is_bid=is_bid)
        for oid in coin.triggers:
            order = state.orders[oid]
            assert order.status == "open", order
            assert order.trigger is not None, order
            assert not order.is_triggered, order
            places[oid] = places.get(oid, 0) + 1
    for account in state.accounts.values():
        for oid in account.open_oids:
            order = state.orders[oid]
            assert endings.is_open(order), order
            if order.parent_oid is not None:
                assert oid in state.orders[order.parent_oid].children, order
                places[oid] = places.get(oid, 0) + 1
            assert places.pop(oid, 0) == 1, order
    assert not places, places


def _assert_side(state: VenueState, coin: Coin, places: dict[int, int], *, is_bid: bool) -> None:
    """Prices and queues of a side agree, with orders in the order of their coming."""
    ladder = book.side_of(coin, is_bid=is_bid)
    assert ladder.prices == sorted(ladder.queues), ladder
    for ticks, queue in ladder.queues.items():
        assert queue, ticks
        for oid in queue:
            order = state.orders[oid]
            assert (order.coin, order.is_buy, order.limit_ticks) == (coin.name, is_bid, ticks)
            assert order.lots > 0, order
            places[oid] = places.get(oid, 0) + 1


Resting = dict[int, tuple[str, bool, int, int, int]]
"""By number: coin, side, price, place in the queue, lots."""


def resting_orders(state: VenueState) -> Resting:
    """Everything that rests in a book."""
    found: Resting = {}
    for coin in state.coins.values():
        for ladder in (coin.bids, coin.asks):
            for ticks, queue in ladder.queues.items():
                for place, oid in enumerate(queue):
                    order = state.orders[oid]
                    found[oid] = (coin.name, order.is_buy, ticks, place, order.lots)
    return found


def assert_priority(before: Resting, state: VenueState, events: list[Event]) -> None:
    """Nobody was passed over: whoever stood before one that traded has traded or ended too."""
    after = resting_orders(state)
    for event in events:
        if not isinstance(event, FillSeen) or event.fill.crossed or event.fill.oid not in before:
            continue
        coin, is_buy, ticks, place, _ = before[event.fill.oid]
        assert event.fill.ticks == ticks, event
        for oid, (name, side, px, at, lots) in before.items():
            if (name, side) != (coin, is_buy) or oid not in after:
                continue
            is_ahead = (px > ticks if is_buy else px < ticks) or (px == ticks and at < place)
            assert not is_ahead or after[oid][4] != lots, (oid, event)


class Tally:
    """Sums of fills by order, against what the orders say of themselves."""

    def __init__(self) -> None:
        self.lots: dict[int, int] = {}
        self.micros: dict[int, int] = {}

    def note(self, state: VenueState, events: list[Event]) -> None:
        """Adds the fills of a step; none is beyond its order's limit."""
        for event in events:
            if isinstance(event, FillSeen):
                fill = event.fill
                self.lots[fill.oid] = self.lots.get(fill.oid, 0) + fill.lots
                self.micros[fill.oid] = self.micros.get(fill.oid, 0) + fill.lots * fill.ticks
                order = state.orders.get(fill.oid)
                if order is not None:
                    limit = order.limit_ticks
                    assert fill.ticks <= limit if order.is_buy else fill.ticks >= limit, fill

    def assert_conserved(self, state: VenueState) -> None:
        """What was asked for is what is left and what was filled."""
        for oid, order in state.orders.items():
            assert order.orig_lots == order.lots + self.lots.get(oid, 0), order
            assert order.filled_micros == self.micros.get(oid, 0), order
            assert order.lots > 0 or order.status == "filled" or order.orig_lots <= 0, order
