"""Two traders and the house on a venue without background liquidity: trades are made by hand."""

from __future__ import annotations

from sidecar.emulator.exchange import margin, positions, transfers
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Fund
from sidecar.emulator.exchange.state import HOUSE, Account, Coin, Leverage, Order, Tier, VenueState
from tests.emulator_scene import coin

NOW_MS = 1_790_000_040_000
ALICE = "0x" + "a1" * 20
BOB = "0x" + "b0" * 20
CAROL = "0x" + "ca" * 20
USD = 1_000_000
BTC_LOTS = 100_000
"""Lots of one bitcoin."""
PX = 500_000
"""50,000 USD in ticks of BTC."""


def venue(*, usd: int = 100_000) -> VenueState:
    """BTC in two tiers, ETH, and xyz:GOLD of a builder's dex; Alice, Bob and Carol have money."""
    made = [
        coin("BTC", 0, 5, PX),
        coin("ETH", 1, 4, 300_000, tiers=[Tier(0, 25)], leverage_max=25),
        coin(
            "xyz:GOLD",
            110_000,
            4,
            200_000,
            tiers=[Tier(0, 20)],
            leverage_max=20,
            only_isolated=True,
        ),
    ]
    state = VenueState(seed=7, now_ms=NOW_MS, coins={one.name: one for one in made})
    state.accounts[HOUSE] = Account(HOUSE)
    for user in (ALICE, BOB, CAROL):
        fund(state, user, usd)
    return state


def fund(state: VenueState, user: str, usd: int) -> list[Event]:
    """Money comes in."""
    events: list[Event] = []
    transfers.handle(state, NOW_MS, Fund(user, usd * USD), events)
    return events


def order(state: VenueState, user: str, *, is_buy: bool, ticks: int, lots: int, name: str) -> Order:
    """An order that is in no book."""
    state.next_oid += 1
    return Order(
        oid=state.next_oid - 1,
        user=user,
        coin=name,
        is_buy=is_buy,
        limit_ticks=ticks,
        orig_lots=lots,
        lots=lots,
        tif="Gtc",
        reduce_only=False,
        placed_ms=NOW_MS,
    )


def rest(
    state: VenueState, user: str, *, is_buy: bool, ticks: int, lots: int, name: str = "BTC"
) -> Order:
    """An order that its account lists as open."""
    made = order(state, user, is_buy=is_buy, ticks=ticks, lots=lots, name=name)
    state.orders[made.oid] = made
    state.accounts[user].open_oids.append(made.oid)
    return made


def trade(
    state: VenueState,
    buyer: str,
    seller: str,
    ticks: int,
    lots: int,
    *,
    name: str = "BTC",
    is_buyer_taker: bool = True,
    now_ms: int = NOW_MS,
) -> list[Event]:
    """A trade between two clients, or between one and the house."""
    events: list[Event] = []
    pair = {
        True: order(state, buyer, is_buy=True, ticks=ticks, lots=lots, name=name),
        False: order(state, seller, is_buy=False, ticks=ticks, lots=lots, name=name),
    }
    taker, maker = pair[is_buyer_taker], pair[not is_buyer_taker]
    one = state.coins[name]
    if taker.user == HOUSE:
        positions.settle_house_taker(state, now_ms, one, maker, ticks, lots, events)
    else:
        other = None if maker.user == HOUSE else maker
        match = positions.Match(taker, other, ticks, lots)
        positions.settle(state, now_ms, one, match, events)
    assert_sound(state)
    return events


def isolate(state: VenueState, user: str, name: str, value: int) -> None:
    """The user holds the coin in isolated mode."""
    state.accounts[user].leverages[name] = Leverage("isolated", value)


def mark(state: VenueState, name: str, ticks: int) -> Coin:
    """Sets all prices of a coin."""
    one = state.coins[name]
    one.mark_ticks = one.oracle_ticks = one.external_ticks = ticks
    return one


def assert_sound(state: VenueState) -> None:
    """Money and positions add up."""
    assert margin.audit(state) == 0
    assert margin.positions_off(state) == {}
