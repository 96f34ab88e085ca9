"""A small exchange without a gateway: three coins, some funded users, and short ways to ask it.

BTC trades in steps of one dollar (10 ticks of 0.1, 5 decimals of size), ETH and DOGE in their own.
Nothing of the exchange is replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from core.market.bars import DAY_MS
from sidecar.emulator.exchange import machine
from sidecar.emulator.exchange.events import Answered, Event, OrderChanged, Rejected, Status
from sidecar.emulator.exchange.requests import (
    Adjust,
    Cancel,
    Elapse,
    Fund,
    Modify,
    Move,
    Moved,
    OrderSpec,
    Place,
    Request,
)
from sidecar.emulator.exchange.state import Coin, Order, Quote, Tier, Trigger, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD

START_MS = 20_700 * DAY_MS + 12 * 3_600_000
ALICE, BOB, CAROL = ("0x" + digit * 40 for digit in "abc")
BTC, ETH, DOGE = 0, 1, 2
NAMES = ("BTC", "ETH", "DOGE")
USD = MICROS_PER_USD
FUNDS_USD = 1_000_000
T = TypeVar("T", bound=Event)


def coin(name: str, asset: int, decimals: int, px_ticks: int, leverage_max: int) -> Coin:
    """A coin that stands at a price."""
    return Coin(
        name=name,
        asset=asset,
        dex="",
        size_decimals=decimals,
        leverage_max=leverage_max,
        margin_table_id=leverage_max,
        tiers=[Tier(0, leverage_max)],
        quote=Quote(px_ticks),
        oracle_ticks=px_ticks,
        mark_ticks=px_ticks,
        last_ticks=px_ticks,
        external_ticks=px_ticks,
        prev_day_ticks=px_ticks,
    )


def new_state(seed: int = 1) -> VenueState:
    """Three coins, nobody there."""
    state = VenueState(seed=seed, now_ms=START_MS)
    for one in (
        coin("BTC", BTC, 5, 600_000, 40),
        coin("ETH", ETH, 4, 300_000, 25),
        coin("DOGE", DOGE, 0, 200_000, 10),
    ):
        state.coins[one.name] = one
    return state


def spec(asset: int = BTC, **fields: Any) -> OrderSpec:
    """An order as asked for: a GTC buy unless said otherwise."""
    values: dict[str, Any] = {
        "asset": asset,
        "is_buy": True,
        "limit_ticks": 600_000,
        "lots": 1_000,
        "reduce_only": False,
        "tif": "Gtc",
    }
    values |= fields
    if values.get("trigger") is not None:
        values["tif"] = None
    return OrderSpec(**values)


def stop(ticks: int, *, is_market: bool = True) -> Trigger:
    """A stop at a mark price."""
    return Trigger(ticks, is_market, "sl")


def target(ticks: int, *, is_market: bool = True) -> Trigger:
    """A target at a mark price."""
    return Trigger(ticks, is_market, "tp")


@dataclass
class Floor:
    """The exchange, the time, and what was heard of the last request."""

    state: VenueState = field(default_factory=new_state)
    now_ms: int = START_MS
    events: list[Event] = field(default_factory=list)

    def ask(self, request: Request) -> list[Event]:
        """One request at the time that it is."""
        self.events = machine.step(self.state, self.now_ms, request)
        return self.events

    def wait(self, ms: int) -> list[Event]:
        """Time passes."""
        self.now_ms += ms
        return self.ask(Elapse())

    def fund(self, *users: str, usd: int = FUNDS_USD) -> None:
        """Money for users."""
        for user in users:
            self.ask(Fund(user, usd * USD))

    def set(self, what: str, value: Any, coin: str | None = None) -> None:
        """The operator changes a rule."""
        self.ask(Adjust(what, value, coin))

    def quiet(self) -> None:
        """No background: only clients' orders are in the books."""
        for name in NAMES:
            self.set("has_background", False, name)

    def place(self, user: str, *specs: OrderSpec, **fields: Any) -> list[Status]:
        """The replies to a batch, which must not be refused as a whole."""
        self.ask(Place(user, specs, **fields))
        return list(self.the(Answered).statuses)

    def order(self, user: str, **fields: Any) -> Status:
        """The reply to one order."""
        asset = fields.pop("asset", BTC)
        return self.place(user, spec(asset, **fields))[0]

    def cancel(self, user: str, *targets: tuple[int, int | str]) -> list[Status]:
        """The replies to cancels."""
        self.ask(Cancel(user, targets))
        return list(self.the(Answered).statuses)

    def modify(self, user: str, target_: int | str, new: OrderSpec, **fields: Any) -> list[Status]:
        """The reply to one change, in the form of a batch."""
        self.ask(Modify(user, ((target_, new),), is_batch=True, **fields))
        return list(self.the(Answered).statuses)

    def move(self, ticks: int, lots: int = 0, coin: str = "BTC", **fields: int) -> list[Event]:
        """The market moves to a price; oracle and others follow unless said otherwise."""
        self.now_ms += 3_000
        oracle = fields.get("oracle_ticks", ticks)
        external = fields.get("external_ticks", ticks)
        return self.ask(Moved((Move(coin, ticks, lots, oracle, external),)))

    def mark(self, ticks: int, coin: str = "BTC") -> list[Event]:
        """The mark price is set, and nothing else moves."""
        return self.ask(Adjust("mark_ticks", ticks, coin))

    def all(self, kind: type[T]) -> list[T]:
        """Events of a kind of the last request."""
        return [event for event in self.events if isinstance(event, kind)]

    def the(self, kind: type[T]) -> T:
        """The one event of a kind."""
        found = self.all(kind)
        assert len(found) == 1, self.events
        return found[0]

    def error(self, request: Request) -> str:
        """The words with which a whole request is refused."""
        self.ask(request)
        return self.the(Rejected).text

    def told(self) -> list[tuple[int, str]]:
        """(number, status) of the orders that changed with the last request, in order."""
        return [(event.order.oid, event.order.status) for event in self.all(OrderChanged)]

    def get(self, oid: int) -> Order:
        """An order as it is."""
        return self.state.orders[oid]

    def held(self, user: str, coin: str = "BTC") -> int:
        """Lots of a position."""
        position = self.state.accounts[user].positions.get(coin)
        return position.lots if position is not None else 0
