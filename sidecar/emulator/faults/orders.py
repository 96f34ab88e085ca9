"""What faults ask of the exchange: orders of other hands, moves of the market, changed rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from sidecar.emulator.exchange import book
from sidecar.emulator.exchange.events import Answered, Event, Filled, Refused, Rejected
from sidecar.emulator.exchange.requests import Fund, Move, Moved, OrderSpec, Place
from sidecar.emulator.exchange.state import BACKSTOP, HOUSE, Account, Coin, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD, px_step_ticks
from sidecar.emulator.faults.sights import Apply
from sidecar.emulator.faults.state import Active, HeldRule

STRANGER: Final = "0x" + "0" * 38 + "f0"
"""The other trader, who takes what a client wanted."""
DEBTOR: Final = "0x" + "0" * 38 + "f1"
"""Who cannot pay when another is deleveraged."""
NOT_CLIENTS: Final = frozenset({HOUSE, BACKSTOP, STRANGER, DEBTOR})
PURSE_MICROS: Final = 1_000_000_000 * MICROS_PER_USD
REACH_FRAC: Final = 0.04
"""How far from the mark a market order goes."""
THROUGH_FRAC: Final = 0.001
"""How far beyond a price the market goes when it trades through it."""


class Act(Struct):
    """A fault at the moment at which it acts in the exchange."""

    active: Active
    now_ms: int
    state: VenueState
    apply: Apply
    rules: dict[str, HeldRule]

    def users(self) -> list[Account]:
        """The accounts that it is about: one, or all clients."""
        accounts = self.state.accounts
        if self.active.user is not None:
            found = accounts.get(self.active.user)
            return [] if found is None else [found]
        return [one for one in accounts.values() if one.address not in NOT_CLIENTS]

    def coins(self) -> list[Coin]:
        """The symbols that it is about: one, or all that trade."""
        coins = self.state.coins
        if self.active.coin is not None:
            found = coins.get(self.active.coin)
            return [] if found is None else [found]
        return [coin for coin in coins.values() if coin.is_listed and not coin.is_delisted]


def was_done(events: list[Event]) -> bool:
    """Whether the exchange did what was asked, at least a part of it."""
    for event in events:
        if isinstance(event, Rejected):
            return False
        if isinstance(event, Answered) and event.statuses:
            return not all(isinstance(status, Refused) for status in event.statuses)
    return True


def filled_lots(events: list[Event]) -> int:
    """Lots that the orders of a request traded at once."""
    return sum(
        status.lots
        for event in events
        if isinstance(event, Answered)
        for status in event.statuses
        if isinstance(status, Filled)
    )


def at_market(
    coin: Coin, lots: int, *, is_buy: bool, reduce_only: bool = False, cloid: str | None = None
) -> OrderSpec:
    """An order that trades at once or not at all, a few percent through the mark."""
    far = coin.mark_ticks * (1 + REACH_FRAC if is_buy else 1 - REACH_FRAC)
    return OrderSpec(
        asset=coin.asset,
        is_buy=is_buy,
        limit_ticks=on_grid(coin, far),
        lots=lots,
        reduce_only=reduce_only,
        tif="Ioc",
        cloid=cloid,
    )


def on_grid(coin: Coin, ticks: float) -> int:
    """A valid price at or just below this one."""
    whole = max(1, int(ticks))
    return max(1, whole - whole % px_step_ticks(whole, coin.size_decimals))


def lots_of(coin: Coin, usd: float) -> int:
    """Lots that are worth so much at the mark, rounded up."""
    return -(-round(usd * MICROS_PER_USD) // coin.mark_ticks)


def move(coin: Coin, ticks: float, lots: int = 0) -> Move:
    """The whole market of a symbol at another price."""
    px_ticks = on_grid(coin, ticks)
    return Move(coin.name, px_ticks, lots, px_ticks, px_ticks)


def trade_through(act: Act, coin: Coin, ticks: int, lots: int, *, is_bid: bool) -> list[Event]:
    """The market trades so many lots just beyond a price of a side."""
    beyond = ticks * (1 - THROUGH_FRAC if is_bid else 1 + THROUGH_FRAC)
    step = px_step_ticks(ticks, coin.size_decimals)
    beyond = min(beyond, ticks - step) if is_bid else max(beyond, ticks + 2 * step)
    return act.apply(act.now_ms, Moved((move(coin, beyond, lots),)))


def sweep(act: Act, coin: Coin, spec: OrderSpec, left_lots: int) -> int:
    """Lots that the stranger takes of all that the order could take, but for `left_lots`."""
    reachable = sum(level.lots for level in _within(act.state, coin, spec))
    lots = reachable - left_lots
    if lots <= 0:
        return 0
    _fill_purse(act)
    order = OrderSpec(
        asset=spec.asset,
        is_buy=spec.is_buy,
        limit_ticks=spec.limit_ticks,
        lots=lots,
        reduce_only=False,
        tif="Ioc",
    )
    return filled_lots(act.apply(act.now_ms, Place(STRANGER, (order,))))


def _within(state: VenueState, coin: Coin, spec: OrderSpec) -> Iterator[book.Level]:
    """Levels that an order could take."""
    for level in book.side_levels(state, coin, is_bid=not spec.is_buy):
        is_near = (
            level.ticks <= spec.limit_ticks if spec.is_buy else level.ticks >= spec.limit_ticks
        )
        if not is_near:
            return
        yield level


def _fill_purse(act: Act) -> None:
    """The stranger has money enough."""
    account = act.state.accounts.get(STRANGER)
    if account is None or account.cash_micros < PURSE_MICROS // 2:
        act.apply(act.now_ms, Fund(STRANGER, PURSE_MICROS))
