"""A size worked over minutes: a slice every 30 seconds, as an IOC order near the middle.

A slice that traded too little is caught up by the next ones, none of them larger than three times
the plain size.  Slices are the venue's own orders: they are in no list, only their fills are.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from sidecar.emulator.exchange import book, checks, endings, margin, matching, placing
from sidecar.emulator.exchange.events import (
    Answered,
    Event,
    Refused,
    Rejected,
    Status,
    TwapChanged,
    TwapStarted,
    Waiting,
)
from sidecar.emulator.exchange.requests import StartTwap, StopTwap
from sidecar.emulator.exchange.state import Account, Coin, Order, Twap, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD

SLICE_MS: Final = 30_000
MINUTE_MS: Final = 60_000
SLIPPAGE_PARTS: Final = (3, 100)
"""A slice trades within 3 of 100 parts of the middle price."""
CATCH_UP_TIMES: Final = 3
RANDOM_PARTS: Final = 20
"""A randomized slice is up to 20 of 100 parts smaller or larger."""
LEAST_USD: Final = 100
LEAST_USD_PER_MINUTE: Final = 10
ACTIVE_MAX: Final = 100
"""Of one account; the venue has a limit, but nowhere says which."""
KEPT: Final = 2_000
"""Twaps that the venue remembers."""
NOT_RUNNING: Final = "TWAP was never placed, already canceled, or filled."


def slice_count(minutes: int) -> int:
    """How many slices so many minutes have."""
    return minutes * MINUTE_MS // SLICE_MS


def start(state: VenueState, now_ms: int, request: StartTwap, events: list[Event]) -> None:
    """Starts one; its first slice goes at once."""
    coin = placing.coin_of(state, request.asset)
    if coin is None or coin.is_delisted:
        events.append(Rejected(f"Unknown asset {request.asset}."))
        return
    account = state.accounts[request.user]
    text = _refusal(state, now_ms, account, coin, request)
    if text is not None:
        events.append(Answered("twapOrder", (Refused(text),)))
        return
    twap = Twap(
        twap_id=state.next_twap_id,
        user=request.user,
        coin=coin.name,
        is_buy=request.is_buy,
        lots=request.lots,
        reduce_only=request.reduce_only,
        minutes=request.minutes,
        randomize=request.randomize,
        started_ms=now_ms,
        next_ms=now_ms,
        slices_left=slice_count(request.minutes),
        status_ms=now_ms,
    )
    state.next_twap_id += 1
    state.twaps[twap.twap_id] = twap
    state.running_twaps.append(twap.twap_id)
    _forget(state)
    events.append(TwapChanged(twap.user, twap.twap_id, twap.status))
    slice_out(state, now_ms, twap.twap_id, events)
    events.append(Answered("twapOrder", (TwapStarted(twap.twap_id),)))


def _refusal(
    state: VenueState, now_ms: int, account: Account, coin: Coin, request: StartTwap
) -> str | None:
    """Why it cannot start."""
    rules = state.rules
    if not rules.twap_minutes_min <= request.minutes <= rules.twap_minutes_max:
        return f"Invalid TWAP duration: {request.minutes} min(s)"
    if request.fault is not None:
        return request.fault
    if request.lots <= 0:
        return checks.ZERO_SIZE
    if coin.is_halted or max(state.halted_until_ms, state.post_only_until_ms) > now_ms:
        return checks.HALTED
    least_usd = max(LEAST_USD, LEAST_USD_PER_MINUTE * request.minutes)
    if request.lots * coin.mark_ticks < least_usd * MICROS_PER_USD:
        return f"TWAP order value too small. Min is ${least_usd}."
    if sum(state.twaps[one].user == request.user for one in state.running_twaps) >= ACTIVE_MAX:
        return "Exceeded max number of active TWAP orders."
    if request.reduce_only:
        room = endings.reducible_lots(account, coin.name, is_buy=request.is_buy)
        return "Reduce-only TWAP order would increase position." if room == 0 else None
    return None


def _forget(state: VenueState) -> None:
    """Only so many are remembered; those that run are never forgotten."""
    while len(state.twaps) > KEPT:
        oldest = next(iter(state.twaps))
        if oldest in state.running_twaps:
            return
        del state.twaps[oldest]


def stop(state: VenueState, now_ms: int, request: StopTwap, events: list[Event]) -> None:
    """Ends one on its user's word."""
    coin = placing.coin_of(state, request.asset)
    status: Status = Refused(NOT_RUNNING)
    if request.twap_id in state.running_twaps:
        twap = state.twaps[request.twap_id]
        if twap.user == request.user and coin is not None and twap.coin == coin.name:
            _end(state, now_ms, twap, "terminated", events)
            status = Waiting("success")
    events.append(Answered("twapCancel", (status,)))


def end_all(state: VenueState, now_ms: int, coin: str, events: list[Event]) -> None:
    """Ends every one of a coin."""
    for twap_id in list(state.running_twaps):
        twap = state.twaps[twap_id]
        if twap.coin == coin:
            _end(state, now_ms, twap, "terminated", events)


def _end(state: VenueState, now_ms: int, twap: Twap, status: str, events: list[Event]) -> None:
    """It runs no more."""
    twap.status = status
    twap.status_ms = now_ms
    state.running_twaps.remove(twap.twap_id)
    events.append(TwapChanged(twap.user, twap.twap_id, status))


def slice_out(state: VenueState, now_ms: int, twap_id: int, events: list[Event]) -> None:
    """Sends the slice that is due and sets the time of the next; ends what is done.

    A slice that cannot be sent (a halt, no book, no margin) is left to those after it.
    """
    twap = state.twaps[twap_id]
    twap.slices_left -= 1
    twap.next_ms = now_ms + SLICE_MS
    order = _order_of(state, now_ms, twap)
    if order is not None:
        matching.take(state, now_ms, order, events)
        twap.executed_lots += order.orig_lots - order.lots
        twap.executed_micros += order.filled_micros
    if twap.slices_left == 0:
        _end(state, now_ms, twap, "finished", events)


def _order_of(state: VenueState, now_ms: int, twap: Twap) -> Order | None:
    """The slice that is due as an order; None when none can be sent."""
    coin = state.coins[twap.coin]
    account = state.accounts[twap.user]
    bid, ask = book.best(state, coin)
    is_closed = max(state.halted_until_ms, state.post_only_until_ms) > now_ms
    if bid is None or ask is None or is_closed:
        return None
    lots = _lots_due(state, twap)
    if twap.reduce_only:
        lots = min(lots, endings.reducible_lots(account, coin.name, is_buy=twap.is_buy))
    part, whole = SLIPPAGE_PARTS
    sign = 1 if twap.is_buy else -1
    limit_ticks = (bid + ask) * (whole + sign * part) // (2 * whole)
    if lots <= 0 or not margin.affords(
        state,
        account,
        coin,
        is_buy=twap.is_buy,
        lots=lots,
        ticks=limit_ticks,
        reduce_only=twap.reduce_only,
    ):
        return None
    order = Order(
        oid=state.next_oid,
        user=twap.user,
        coin=coin.name,
        is_buy=twap.is_buy,
        limit_ticks=limit_ticks,
        orig_lots=lots,
        lots=lots,
        tif="Ioc",
        reduce_only=twap.reduce_only,
        placed_ms=now_ms,
        twap_id=twap.twap_id,
    )
    state.next_oid += 1
    return order


def _lots_due(state: VenueState, twap: Twap) -> int:
    """What lacks to where the size should stand after this slice, within the catch-up rule."""
    count = slice_count(twap.minutes)
    done = count - twap.slices_left
    most = -(-CATCH_UP_TIMES * twap.lots // count)
    lots = twap.lots * done // count - twap.executed_lots
    if twap.randomize and twap.slices_left:
        lots += lots * (_draw(state, twap) - RANDOM_PARTS) // 100
    return max(0, min(lots, most, twap.lots - twap.executed_lots))


def _draw(state: VenueState, twap: Twap) -> int:
    """0 to 40, of this slice."""
    text = f"{state.seed}:twap:{twap.twap_id}:{twap.slices_left}"
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (2 * RANDOM_PARTS + 1)
