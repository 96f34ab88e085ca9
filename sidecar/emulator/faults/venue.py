"""Faults of the exchange itself: rules that change and change back, and what happens to accounts.

Each acts when its time comes.  `on` says whether the state became another; `off` undoes it when
the fault ends.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct

from sidecar.emulator.exchange import endings, margin
from sidecar.emulator.exchange.approvals import NOBODY
from sidecar.emulator.exchange.requests import (
    Adjust,
    ApproveAgent,
    Elapse,
    Envelope,
    Fund,
    Listed,
    Moved,
    MoveToSpot,
    Place,
    ScheduleCancel,
    SetLeverage,
)
from sidecar.emulator.exchange.state import Account, Coin, MarginMode, Order, Tier
from sidecar.emulator.exchange.units import MICROS_PER_USD
from sidecar.emulator.faults.orders import (
    Act,
    at_market,
    filled_lots,
    lots_of,
    move,
    was_done,
)
from sidecar.emulator.faults.ruin import ruin_the_other_side

FAR_MS: Final = 253_402_300_799_999
BEYOND_FRAC: Final = 0.002
"""How far beyond a liquidation or trigger price the market goes."""
FOREIGN_PREFIX: Final = "0xf0"


def nothing(act: Act) -> bool:
    """Needs no undoing."""
    del act
    return False


class Turn(Struct, frozen=True):
    """How a fault begins and ends."""

    on: Callable[[Act], bool]
    off: Callable[[Act], bool] = nothing


def adjust(act: Act, what: str, value: Any, coin: Coin | None = None) -> bool:
    """Whether the rule became another; what it was is kept for `restore`."""
    place: Any = coin
    if coin is None:
        rules = act.state.rules
        place = rules if what in rules.__struct_fields__ else act.state
    before = getattr(place, what)
    name = None if coin is None else coin.name
    key = f"{name or ''}.{what}"
    if isinstance(before, list):
        act.active.tiers_were.setdefault(key, list(before))
    else:
        act.active.was.setdefault(key, before)
    return was_done(act.apply(act.now_ms, Adjust(what, value, name))) and before != value


def restore(act: Act) -> bool:
    """Everything that `adjust` changed is as it was."""
    kept: dict[str, Any] = {**act.active.was, **act.active.tiers_were}
    for key, value in kept.items():
        coin, _, what = key.rpartition(".")
        act.apply(act.now_ms, Adjust(what, value, coin or None))
    act.active.was.clear()
    act.active.tiers_were.clear()
    return bool(kept)


def _halted(act: Act) -> bool:
    if act.active.coin is None:
        return adjust(act, "halted_until_ms", act.active.to_ms or FAR_MS)
    return True in [adjust(act, "is_halted", value=True, coin=coin) for coin in act.coins()]


def _capped(act: Act) -> bool:
    cap = round(act.active.number_of("usd") * MICROS_PER_USD)
    return True in [adjust(act, "open_interest_cap_micros", cap, coin) for coin in act.coins()]


def _post_only(act: Act) -> bool:
    return adjust(act, "post_only_until_ms", act.active.to_ms or FAR_MS)


def _coin_of(act: Act) -> list[Coin]:
    """The symbol of the fault; the last of the universe when it names none."""
    return act.coins()[-1:]


def _delisted(act: Act) -> bool:
    return True in [
        was_done(act.apply(act.now_ms, Listed(one.name, is_delisted=True))) for one in _coin_of(act)
    ]


def _relisted(act: Act) -> bool:
    names = [coin.name for coin in act.state.coins.values() if coin.is_delisted]
    mine = [name for name in names if act.active.coin in (None, name)][-1:]
    return True in [
        was_done(act.apply(act.now_ms, Listed(name, is_delisted=False))) for name in mine
    ]


def _lowered(act: Act) -> bool:
    """Fewer times leverage, in every tier."""
    most = max(1, act.active.whole("leverage"))
    found = False
    for coin in act.coins():
        tiers = [Tier(tier.lower_bound_micros, min(tier.leverage_max, most)) for tier in coin.tiers]
        if tiers:
            found |= adjust(act, "tiers", tiers, coin)
        found |= adjust(act, "leverage_max", min(coin.leverage_max, most), coin)
    return found


def _least_value(act: Act) -> bool:
    return adjust(act, "min_order_micros", round(act.active.number_of("usd") * MICROS_PER_USD))


def _narrowed(act: Act) -> bool:
    return adjust(act, "oracle_band_frac", act.active.number_of("frac"))


def _fewer_orders(act: Act) -> bool:
    return adjust(act, "open_orders_max", act.active.whole("limit_count"))


def _funded_at(act: Act) -> bool:
    """The hour that ends next pays this rate; it holds for every hour until the fault ends."""
    rate_1h = act.active.number_of("rate_1h")
    found = True in [adjust(act, "known_rate_1h", rate_1h, coin) for coin in act.coins()]
    act.active.next_ms = act.state.next_hour_ms + 1 if act.state.next_hour_ms else None
    return found


def _crashed(act: Act) -> bool:
    times = 1 + act.active.number_of("frac")
    moves = tuple(move(coin, coin.quote.px_ticks * times) for coin in act.coins())
    return was_done(act.apply(act.now_ms, Moved(moves)))


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
            ticks = px * 10 ** (6 - coin.size_decimals)
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
    found = False
    for account in act.users()[:1]:
        signer = next((agent.address for agent in account.agents.values()), account.address)
        known = act.state.signers.get(signer)
        last = known.nonces[-1] if known is not None and known.nonces else 0
        digest = blake2b(f"{act.active.number}:{act.active.seen}".encode(), digest_size=15)
        place = _placed(act, account, f"{FOREIGN_PREFIX}{digest.hexdigest()}")
        envelope = Envelope(place, signer, max(act.now_ms, last + 1))
        found |= filled_lots(act.apply(act.now_ms, envelope)) > 0
    return found


def _own_hand(act: Act) -> bool:
    return True in [
        filled_lots(act.apply(act.now_ms, _placed(act, account, None))) > 0
        for account in act.users()[:1]
    ]


def _placed(act: Act, account: Account, cloid: str | None) -> Place:
    coin = act.coins()[0]
    is_buy = bool(act.active.options["is_buy"])
    lots = lots_of(coin, act.active.number_of("usd"))
    return Place(account.address, (at_market(coin, lots, is_buy=is_buy, cloid=cloid),))


def _sibling(act: Act) -> bool:
    orders = [act.state.orders[oid] for account in act.users() for oid in account.open_oids]
    mine = [order for order in orders if act.active.coin in (None, order.coin)]
    is_self_trade = act.active.word("how") == "self_trade"
    return True in [(_self_traded if is_self_trade else _triggered)(act, one) for one in mine[:1]]


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
    coin = act.state.coins[order.coin]
    if order.trigger is not None:
        return False
    step = at_market(coin, order.lots, is_buy=not order.is_buy)
    act.apply(act.now_ms, Moved((move(coin, order.limit_ticks * _outside(order)),)))
    if not endings.is_open(order):
        return False
    act.apply(act.now_ms, Place(order.user, (step,)))
    return not endings.is_open(order)


def _outside(order: Order) -> float:
    """Times its price at which the background stands so far behind that the order is the best."""
    return 1 + BEYOND_FRAC if order.is_buy else 1 - BEYOND_FRAC


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


def _universe_shifted(act: Act) -> bool:
    """Choose the two symbols; answers and actions do the rest."""
    coins = [coin for coin in act.state.coins.values() if coin.is_listed and not coin.dex]
    if len(coins) < 2:
        return False
    names = [coin.name for coin in coins]
    at = names.index(act.active.coin) if act.active.coin in names else 0
    act.active.was["one"] = coins[at].asset
    act.active.was["other"] = coins[at + 1 if at + 1 < len(coins) else 0].asset
    return False


def _forgotten(act: Act) -> bool:
    act.active.was.clear()
    return False


def _clock_ahead(act: Act) -> bool:
    """The window of nonces lies where the venue's clock says."""
    by_ms = act.active.whole("by_ms")
    rules = act.state.rules
    adjust(act, "nonce_past_ms", rules.nonce_past_ms - by_ms)
    return adjust(act, "nonce_future_ms", rules.nonce_future_ms + by_ms)


TURNS: Final[dict[str, Turn]] = {
    "halt": Turn(_halted, restore),
    "oi_cap": Turn(_capped, restore),
    "postonly": Turn(_post_only, restore),
    "delist": Turn(_delisted, _relisted),
    "tier": Turn(_lowered, restore),
    "min_ntl": Turn(_least_value, restore),
    "oracle": Turn(_narrowed, restore),
    "oo_limit": Turn(_fewer_orders, restore),
    "funding": Turn(_funded_at, restore),
    "crash": Turn(_crashed),
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
    "meta_shift": Turn(_universe_shifted, _forgotten),
    "skew": Turn(_clock_ahead, restore),
}
"""Faults that act in the exchange when their time comes."""
