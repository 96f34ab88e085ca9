"""Faults of signed actions: what the exchange takes instead, later, or after something else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import structs

from schemas.fault_kind import REASONS
from sidecar.emulator.exchange import book, endings
from sidecar.emulator.exchange.leverages import coin_of
from sidecar.emulator.exchange.requests import (
    Cancel,
    Envelope,
    Modify,
    Moved,
    Noop,
    OrderSpec,
    Place,
)
from sidecar.emulator.exchange.state import Order, VenueState
from sidecar.emulator.exchange.units import px_text
from sidecar.emulator.faults.calls import lost
from sidecar.emulator.faults.orders import (
    THROUGH_FRAC,
    Act,
    at_market,
    filled_lots,
    move,
    sweep,
    trade_through,
    was_done,
)
from sidecar.emulator.faults.shift import shifted_request
from sidecar.emulator.faults.state import HeldRequest
from sidecar.emulator.faults.tally import Tally
from sidecar.emulator.gateway.messages import HttpReply

Outcome = Envelope | HttpReply
HELD_MAX: Final = 10_000
UNDOCUMENTED: Final = "rejected"
"""Status of an order that is refused for a reason that has none of its own."""


def _meets(act: Act, asset: int) -> bool:
    """Whether the fault is about this symbol."""
    coin = coin_of(act.state, asset)
    return coin is not None and act.active.coin in (None, coin.name)


def _orders(act: Act, envelope: Envelope) -> list[OrderSpec]:
    """Orders of the request that the fault is about."""
    request = envelope.request
    if not isinstance(request, Place):
        return []
    return [spec for spec in request.orders if spec.fault is None and _meets(act, spec.asset)]


def _with_orders(envelope: Envelope, changed: Callable[[OrderSpec], OrderSpec]) -> Envelope:
    request = envelope.request
    if isinstance(request, Place):
        orders = tuple(changed(spec) for spec in request.orders)
        return structs.replace(envelope, request=structs.replace(request, orders=orders))
    if isinstance(request, Modify):
        changes = tuple((target, changed(spec)) for target, spec in request.changes)
        return structs.replace(envelope, request=structs.replace(request, changes=changes))
    return envelope


def _held(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """Taken later: whoever asks before that hears that it is not there."""
    held = tally.state.requests
    if len(held) >= HELD_MAX or not tally.strikes(act.active):
        return envelope
    at_ms = act.now_ms + act.active.whole("delay_ms")
    held.append(HeldRequest(act.active.number, at_ms, envelope))
    return lost(0)


def _outrun(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """The stranger takes what the order would, but for a part."""
    frac = act.active.number_of("frac")
    for spec in _orders(act, envelope):
        coin = coin_of(act.state, spec.asset)
        if coin is None or spec.trigger is not None or spec.tif == "Alo" or spec.lots < 2:
            continue
        if tally.strikes(act.active):
            left_lots = min(spec.lots - 1, max(1, int(spec.lots * frac)))
            tally.effect(act.active, int(sweep(act, coin, spec, left_lots) > 0))
    return envelope


def _rested(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    if act.active.word("how") == "fill":
        return _crossed(tally, act, envelope)

    def rest(spec: OrderSpec) -> OrderSpec:
        coin = coin_of(act.state, spec.asset)
        is_taker = spec.tif in ("Ioc", "FrontendMarket") and spec.trigger is None
        if coin is None or not is_taker or not _meets(act, spec.asset):
            return spec
        best = book.best_of(act.state, coin, is_bid=spec.is_buy)
        if best is None or not tally.strikes(act.active):
            return spec
        tally.effect(act.active)
        nearer = min if spec.is_buy else max
        return structs.replace(spec, tif="Gtc", limit_ticks=nearer(spec.limit_ticks, best))

    return _with_orders(envelope, rest)


def _crossed(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """The market comes to an order that would have rested."""

    def cross(spec: OrderSpec) -> OrderSpec:
        coin = coin_of(act.state, spec.asset)
        if coin is None or spec.tif not in ("Gtc", "Alo") or not _meets(act, spec.asset):
            return spec
        best = book.best_of(act.state, coin, is_bid=not spec.is_buy)
        crosses = best is not None and (
            best <= spec.limit_ticks if spec.is_buy else best >= spec.limit_ticks
        )
        if best is None or crosses or not tally.strikes(act.active):
            return spec
        tally.effect(act.active)
        beyond = spec.limit_ticks * (1 - THROUGH_FRAC if spec.is_buy else 1 + THROUGH_FRAC)
        act.apply(act.now_ms, Moved((move(coin, beyond),)))
        return structs.replace(spec, tif="Gtc")

    return _with_orders(envelope, cross)


def _raced(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """The orders to be cancelled or changed fill first."""
    for order in _targets(act.state, envelope):
        coin = act.state.coins[order.coin]
        if act.active.coin not in (None, order.coin) or order.trigger is not None:
            continue
        if tally.strikes(act.active):
            left = order.lots
            trade_through(act, coin, order.limit_ticks, left, is_bid=order.is_buy)
            tally.effect(act.active, int(order.lots < left))
    return envelope


def _targets(state: VenueState, envelope: Envelope) -> list[Order]:
    """Open orders that the request names."""
    request = envelope.request
    named: list[int | str] = []
    if isinstance(request, Cancel):
        named = [target for _, target in request.targets]
    elif isinstance(request, Modify):
        named = [target for target, _ in request.changes]
    account = state.accounts.get(request.user)
    if account is None:
        return []
    oids = [name if isinstance(name, int) else account.cloids.get(name, 0) for name in named]
    return [state.orders[oid] for oid in oids if oid in account.open_oids]


def _rejected(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    reason = act.active.word("reason")
    words, status = act.active.word("text"), UNDOCUMENTED
    if not words:
        words, status = REASONS[reason], reason

    def refuse(spec: OrderSpec) -> OrderSpec:
        if spec.fault is not None or not _meets(act, spec.asset):
            return spec
        if not tally.strikes(act.active):
            return spec
        tally.effect(act.active)
        # The words of the documented reasons name the asset, as those of the exchange do.
        said = words if status == UNDOCUMENTED else _in_full(act.state, spec.asset, words)
        return structs.replace(spec, fault=said, fault_status=status)

    return _with_orders(envelope, refuse)


def _in_full(state: VenueState, asset: int, words: str) -> str:
    """A documented reason with the best prices where it tells them, and the asset's number."""
    coin = coin_of(state, asset)
    assert coin is not None, asset
    bid, ask = (
        "none" if ticks is None else px_text(ticks, coin.size_decimals).removesuffix(".0")
        for ticks in book.best(state, coin)
    )
    return f"{words.format(bid=bid, ask=ask)} asset={asset}"


def _forestalled(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """The position of a reduce-only order is closed before it arrives."""
    user = envelope.request.user
    account = act.state.accounts.get(user)
    for spec in _orders(act, envelope):
        coin = coin_of(act.state, spec.asset)
        if account is None or coin is None or not spec.reduce_only:
            continue
        lots = endings.reducible_lots(account, coin.name, is_buy=spec.is_buy)
        if lots and tally.strikes(act.active):
            order = at_market(coin, lots, is_buy=spec.is_buy, reduce_only=True)
            done = filled_lots(act.apply(act.now_ms, Place(user, (order,))))
            tally.effect(act.active, int(done > 0))
    return envelope


def _used_up(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """The nonce was there before, or enough higher ones were."""
    if not tally.strikes(act.active):
        return envelope
    user = envelope.request.user
    kept = act.state.rules.nonces_kept
    nonces = range(1, kept + 1) if act.active.word("how") == "low" else range(1)
    done = [
        was_done(
            act.apply(
                act.now_ms,
                Envelope(Noop(user), envelope.signer, envelope.nonce + more, weight=0),
            )
        )
        for more in nonces
    ]
    tally.effect(act.active, int(all(done)))
    return envelope


def _reassigned(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """Asset ids mean what the changed universe says."""
    if "one" not in act.active.was:
        return envelope
    one, other = int(act.active.was["one"] or 0), int(act.active.was["other"] or 0)
    changed = shifted_request(act.state, envelope.request, one, other)
    if changed == envelope.request or not tally.strikes(act.active):
        return envelope
    tally.effect(act.active)
    return structs.replace(envelope, request=changed)


def _aged(tally: Tally, act: Act, envelope: Envelope) -> Outcome:
    """The venue's clock being ahead, requests expire earlier by as much."""
    if envelope.expires_ms is None or not tally.strikes(act.active):
        return envelope
    tally.effect(act.active)
    expires_ms = max(0, envelope.expires_ms - act.active.whole("by_ms"))
    return structs.replace(envelope, expires_ms=expires_ms)


ACTIONS: Final[dict[str, Callable[[Tally, Act, Envelope], Outcome]]] = {
    "meta_shift": _reassigned,
    "skew": _aged,
    "reject": _rejected,
    "nonce": _used_up,
    "ro_reject": _forestalled,
    "cancel_race": _raced,
    "partial": _outrun,
    "rest_instead": _rested,
    "late_accept": _held,
}
"""What becomes of an action, in this order."""
