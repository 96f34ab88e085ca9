"""Faults of accounts: money gone, positions closed, orders of other hands."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from msgspec import structs

from sidecar.emulator.exchange import endings, margin
from sidecar.emulator.exchange.approvals import NOBODY
from sidecar.emulator.exchange.requests import (
    ApproveAgent,
    Elapse,
    EndOrder,
    Envelope,
    Fund,
    Moved,
    MoveToSpot,
    Place,
    ScheduleCancel,
    SetLeverage,
)
from sidecar.emulator.exchange.state import MarginMode, Order
from sidecar.emulator.exchange.units import MICROS_PER_USD, px_decimals, px_step_ticks
from sidecar.emulator.faults.orders import (
    Act,
    at_market,
    filled_lots,
    lots_of,
    move,
    sweep,
    was_done,
)
from sidecar.emulator.faults.ruin import ruin_the_other_side
from sidecar.emulator.faults.turns import Turn, adjust, restore

BEYOND_FRAC: Final = 0.002
"""How far beyond a liquidation or trigger price the market goes."""
FOREIGN_PREFIX: Final = "0xf0"


def _free_money_gone(act: Act) -> bool:
    found = False
    for account in act.users():
        free = margin.withdrawable_micros(act.state, account)
        micros = int(free * min(1.0, act.active.number_of("frac")))
        if micros > 0 and was_done(
            act.apply(act.now_ms, MoveToSpot(account.address, micros, to_perp=False))
        ):
            act.active.was[account.address] = micros
            found = True
    return found


def _free_money_back(act: Act) -> bool:
    for address, micros in act.active.was.items():
        act.apply(act.now_ms, MoveToSpot(address, int(micros or 0), to_perp=True))
    act.active.was.clear()
    return True


def _money_moved(act: Act) -> bool:
    micros = round(act.active.number_of("usd") * MICROS_PER_USD)
    return True in [
        was_done(act.apply(act.now_ms, Fund(one.address, micros))) for one in act.users()
    ]


def _liquidated(act: Act) -> bool:
    """The market goes beyond the price at which the position is closed."""
    found = False
    for account in act.users():
        for name in list(account.positions):
            coin = act.state.coins[name]
            px = margin.liquidation_px(act.state, account, name)
            if act.active.coin not in (None, name) or px is None:
                continue
            lots = account.positions[name].lots
            ticks = px * 10 ** px_decimals(coin.size_decimals)
            beyond = ticks * (1 - BEYOND_FRAC if lots > 0 else 1 + BEYOND_FRAC)
            act.apply(act.now_ms, Moved((move(coin, beyond),)))
            left = account.positions.get(name)
            found |= left is None or left.lots != lots
    return found


def _agent_gone(act: Act) -> bool:
    """Of each user one agent is taken back, the unnamed one first."""
    found = False
    for account in act.users():
        names = sorted(account.agents)
        if names:
            request = ApproveAgent(account.address, NOBODY, names[0], None)
            act.apply(act.now_ms, request)
            found |= names[0] not in account.agents
    return found


def _foreign_order(act: Act) -> bool:
    """Signed by an agent of the user, with a nonce that is the next one."""
    digest = blake2b(f"{act.active.number}:{act.active.seen}".encode(), digest_size=15)
    place = _placed(act, f"{FOREIGN_PREFIX}{digest.hexdigest()}")
    if place is None:
        return False
    agents = act.state.accounts[place.user].agents
    signer = next((agent.address for agent in agents.values()), place.user)
    known = act.state.signers.get(signer)
    last = known.nonces[-1] if known is not None and known.nonces else 0
    envelope = Envelope(place, signer, max(act.now_ms, last + 1))
    return filled_lots(act.apply(act.now_ms, envelope)) > 0


def _own_hand(act: Act) -> bool:
    place = _placed(act, None)
    return place is not None and filled_lots(act.apply(act.now_ms, place)) > 0


def _placed(act: Act, cloid: str | None) -> Place | None:
    """An order at the market for the first of the users; None when nobody or nothing trades."""
    users, coins = act.users(), act.coins()
    if not users or not coins:
        return None
    is_buy = bool(act.active.options["is_buy"])
    lots = lots_of(coins[0], act.active.number_of("usd"))
    return Place(users[0].address, (at_market(coins[0], lots, is_buy=is_buy, cloid=cloid),))


def _sibling(act: Act) -> bool:
    orders = [act.state.orders[oid] for account in act.users() for oid in account.open_oids]
    mine = [order for order in orders if act.active.coin in (None, order.coin)]
    how = SIBLINGS[act.active.word("how")]
    return True in [how(act, one) for one in mine[:1]]


def _triggered(act: Act, first: Order) -> bool:
    """The market reaches a target whose stop ends with it."""
    account = act.state.accounts[first.user]
    for oid in list(account.open_oids):
        order = act.state.orders[oid]
        trigger = order.trigger
        if trigger is None or trigger.tpsl != "tp" or not order.siblings:
            continue
        coin = act.state.coins[order.coin]
        ahead = trigger.ticks * (1 - BEYOND_FRAC if order.is_buy else 1 + BEYOND_FRAC)
        act.apply(act.now_ms, Moved((move(coin, ahead),)))
        return not endings.is_open(order)
    return False


def _self_traded(act: Act, order: Order) -> bool:
    """An order of the same user meets it, and the venue cancels the one that rests."""
    if order.trigger is not None:
        return False
    coin = act.state.coins[order.coin]
    meeting = structs.replace(
        at_market(coin, order.lots, is_buy=not order.is_buy), limit_ticks=order.limit_ticks
    )
    # The stranger takes what stands in the way, so that the two are next to each other.
    step = px_step_ticks(order.limit_ticks, coin.size_decimals)
    before = order.limit_ticks + (step if order.is_buy else -step)
    sweep(act, coin, structs.replace(meeting, limit_ticks=before), 0)
    act.apply(act.now_ms, Place(order.user, (meeting,)))
    return not endings.is_open(order)


def _ended(act: Act, order: Order) -> bool:
    """The venue takes the oldest order off, for a reason of its own."""
    act.apply(act.now_ms, EndOrder(order.user, order.oid, act.active.word("reason")))
    return not endings.is_open(order)


SIBLINGS: Final = {"tpsl": _triggered, "self_trade": _self_traded, "venue": _ended}
"""What each `how` of `sibling` does."""


def _switched_off(act: Act) -> bool:
    """The dead man's switch fires, whatever its conditions."""
    adjust(act, "dms_volume_micros", 0)
    adjust(act, "dms_ahead_ms", 0)
    adjust(act, "dms_fires_per_day", 1_000_000)
    found = False
    for account in act.users():
        had = len(account.open_oids)
        act.apply(act.now_ms, ScheduleCancel(account.address, act.now_ms))
        act.apply(act.now_ms, Elapse())
        found |= len(account.open_oids) < had
    restore(act)
    return found


def _other_mode(act: Act) -> bool:
    found = False
    for account in act.users():
        for coin in act.coins() if act.active.coin else act.coins()[:1]:
            now = margin.leverage_of(account, coin)
            mode: MarginMode = "isolated" if now.mode == "cross" else "cross"
            value = act.active.whole("leverage") or now.value
            key = f"{account.address} {coin.name} {now.mode}"
            request = SetLeverage(account.address, coin.asset, mode, value)
            if was_done(act.apply(act.now_ms, request)):
                act.active.was[key] = now.value
                found = True
    return found


def _mode_back(act: Act) -> bool:
    for key, value in act.active.was.items():
        address, name, mode = key.split(" ")
        asset = act.state.coins[name].asset
        kept: MarginMode = "isolated" if mode == "isolated" else "cross"
        act.apply(act.now_ms, SetLeverage(address, asset, kept, int(value or 1)))
    act.active.was.clear()
    return True


ACCOUNT_TURNS: Final[dict[str, Turn]] = {
    "margin": Turn(_free_money_gone, _free_money_back),
    "transfer": Turn(_money_moved),
    "liq": Turn(_liquidated),
    "adl": Turn(ruin_the_other_side),
    "agent": Turn(_agent_gone),
    "foreign": Turn(_foreign_order),
    "external": Turn(_own_hand),
    "sibling": Turn(_sibling),
    "dms": Turn(_switched_off),
    "mode": Turn(_other_mode, _mode_back),
}
"""Faults that act on accounts when their time comes."""
