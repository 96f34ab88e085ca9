"""Stops and targets: they wait for the mark price, then go to the book as they were asked for.

A market one becomes an IOC order at its limit price, the other a GTC order.
"""

from __future__ import annotations

from sidecar.emulator.exchange import endings, margin, matching
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.state import Coin, Order, Trigger, VenueState


def is_reached(trigger: Trigger, mark_ticks: int, *, is_buy: bool) -> bool:
    """Is the price there?  Selling, a target waits for a rise and a stop for a fall."""
    waits_for_rise = (trigger.tpsl == "tp") != is_buy
    return mark_ticks >= trigger.ticks if waits_for_rise else mark_ticks <= trigger.ticks


def fire(state: VenueState, now_ms: int, coin: Coin, events: list[Event]) -> None:
    """Sends every stop and target whose price the mark has reached, the oldest first.

    While nothing may be taken, in a halt or after an upgrade, they wait.
    """
    if coin.is_halted or max(state.halted_until_ms, state.post_only_until_ms) > now_ms:
        return
    for oid in list(coin.triggers):
        order = state.orders.get(oid)
        if order is None or oid not in coin.triggers or order.trigger is None:
            continue  # one that fired before it ended it
        if is_reached(order.trigger, coin.mark_ticks, is_buy=order.is_buy):
            _send(state, now_ms, order, events)


def _send(state: VenueState, now_ms: int, order: Order, events: list[Event]) -> None:
    """A stop or target goes to the book; one that may add to a position must be paid for."""
    coin = state.coins[order.coin]
    account = state.accounts[order.user]
    assert order.trigger is not None
    endings.unplace(state, account, order)
    order.is_triggered = True
    order.tif = "Ioc" if order.trigger.is_market else "Gtc"
    endings.set_status(order, now_ms, "triggered", events)
    if not order.reduce_only:
        refusal = margin.refusal(
            state,
            account,
            coin,
            is_buy=order.is_buy,
            lots=order.lots,
            ticks=order.limit_ticks,
            reduce_only=False,
        )
        if refusal is not None:
            endings.end(state, now_ms, order, refusal, events)
            return
    matching.enter(state, now_ms, order, events)
