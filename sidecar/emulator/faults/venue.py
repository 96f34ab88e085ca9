"""Faults of the exchange itself: rules that change and change back, markets that jump.

Each acts when its time comes.  `on` says whether the state became another; `off` undoes it when
the fault ends.
"""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange.requests import Listed, Move, Moved
from sidecar.emulator.exchange.state import Coin, Tier
from sidecar.emulator.exchange.units import MICROS_PER_USD
from sidecar.emulator.faults.accounts import ACCOUNT_TURNS
from sidecar.emulator.faults.orders import Act, move, was_done
from sidecar.emulator.faults.turns import Turn, adjust, restore

HOUR_MS: Final = 3_600_000
FAR_MS: Final = 253_402_300_799_999


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


def _before_the_hour(act: Act) -> int | None:
    """The last instant of the hour, after the tape has said its own rate."""
    last_ms = act.now_ms - act.now_ms % HOUR_MS + HOUR_MS - 1
    return last_ms if act.now_ms < last_ms else None


def _funded_at(act: Act) -> bool:
    """The hour that ends now pays this rate, and so does every one until the fault ends.

    The market tells it as the tape would, without moving.
    """
    moves = tuple(
        Move(
            coin.name,
            coin.quote.px_ticks,
            0,
            coin.oracle_ticks,
            coin.external_ticks,
            act.active.number_of("rate_1h"),
        )
        for coin in act.coins()
    )
    act.active.next_ms = act.now_ms + HOUR_MS
    return was_done(act.apply(act.now_ms, Moved(moves)))


def _crashed(act: Act) -> bool:
    times = 1 + act.active.number_of("frac")
    moves = tuple(move(coin, coin.quote.px_ticks * times) for coin in act.coins())
    return was_done(act.apply(act.now_ms, Moved(moves)))


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
    **ACCOUNT_TURNS,
    "halt": Turn(_halted, restore),
    "oi_cap": Turn(_capped, restore),
    "postonly": Turn(_post_only, restore),
    "delist": Turn(_delisted, _relisted),
    "tier": Turn(_lowered, restore),
    "min_ntl": Turn(_least_value, restore),
    "oracle": Turn(_narrowed, restore),
    "oo_limit": Turn(_fewer_orders, restore),
    "funding": Turn(_funded_at, until_ms=_before_the_hour),
    "crash": Turn(_crashed),
    "meta_shift": Turn(_universe_shifted, _forgotten),
    "skew": Turn(_clock_ahead, restore),
}
"""Faults that act in the exchange when their time comes."""
