"""Fees of a trade: tiers by volume, maker shares, builders.

A rate counts 1e-8 of the notional, so that every tier and discount is a whole number.  The venue
sets the tier at the start of a UTC day from the 14 days before it; sub-accounts trade on the tier
of their master, to which all their volume adds.  A fee is rounded toward zero to a whole micro:
recorded fills agree (66.653 USD at 0.015 % cost 0.009997).

Source: Hyperliquid, "Fees".  At tier 0 the maker pays; the first rebate is for a share of all
makers' volume.
"""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange.state import Account, Coin, Order, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD

DAY_MS: Final = 86_400_000
TIER_DAYS: Final = 14
E8: Final = 100_000_000

TIERS: Final = (
    (0, 45_000, 15_000),
    (5_000_000, 40_000, 12_000),
    (25_000_000, 35_000, 8_000),
    (100_000_000, 30_000, 4_000),
    (500_000_000, 28_000, 0),
    (2_000_000_000, 26_000, 0),
    (7_000_000_000, 24_000, 0),
)
"""(volume of 14 days in USD above which it holds, taker, maker)."""
MAKER_SHARES: Final = ((5, -1_000), (15, -2_000), (30, -3_000))
"""(share of all volume in thousandths above which it holds, maker rate)."""

REFERRED_HUNDREDTHS: Final = 96
"""What is left of a fee after the discount of a referral..."""
REFERRED_USD: Final = 25_000_000
"""...up to this volume."""

TENTHS_BP: Final = 100_000
"""A builder's fee counts tenths of a basis point."""
BUILDER_TENTHS_MAX: Final = 100
"""0.1 % on perpetuals."""


def _day_of(now_ms: int) -> int:
    return now_ms - now_ms % DAY_MS


def _window(day_ms: int) -> tuple[int, int]:
    """First day of the tier's window, and the day after its last."""
    return day_ms - TIER_DAYS * DAY_MS, day_ms


def _volumes(account: Account, day_ms: int) -> tuple[int, int]:
    """Taker and maker volume of the tier's window."""
    first, end = _window(day_ms)
    taker = maker = 0
    for day, (taken, made) in account.day_volumes.items():
        if first <= day < end:
            taker += taken
            maker += made
    return taker, maker


def _family(state: VenueState, account: Account) -> list[Account]:
    """The master and its sub-accounts, whose volumes count together."""
    head = account.master or account.address
    return [a for a in state.accounts.values() if a.address == head or a.master == head]


def tier_rates_e8(state: VenueState, account: Account, day_ms: int) -> tuple[int, int]:
    """(taker, maker) of the account's tier on a day, before discounts."""
    taker = maker = 0
    for member in _family(state, account):
        taken, made = _volumes(member, day_ms)
        taker += taken
        maker += made
    volume = taker + maker
    rates = TIERS[0][1:]
    for bound_usd, *found in TIERS:
        if volume > bound_usd * MICROS_PER_USD or bound_usd == 0:
            rates = (found[0], found[1])
    first, end = _window(day_ms)
    whole = sum(micros for day, micros in state.day_volumes.items() if first <= day < end)
    maker_rate = rates[1]
    for thousandths, rebate in MAKER_SHARES:
        if maker * 1_000 > thousandths * whole:
            maker_rate = min(maker_rate, rebate)
    return rates[0], maker_rate


def rates_e8(state: VenueState, account: Account, now_ms: int) -> tuple[int, int]:
    """(taker, maker) that the account pays now: 45,000 and 15,000 at tier 0; below 0 is a rebate.

    The tier is worked out once a day and kept on the account.
    """
    day_ms = _day_of(now_ms)
    if account.fee_day_ms != day_ms:
        account.fee_rates_e8 = tier_rates_e8(state, account, day_ms)
        account.fee_day_ms = day_ms
    taker, maker = account.fee_rates_e8
    if not is_referred(account):
        return taker, maker
    return _referred(taker), _referred(maker)


def is_referred(account: Account) -> bool:
    """Does a referral still make its fees lower?"""
    return (
        account.referrer is not None
        and account.role != "subAccount"
        and account.volume_micros < REFERRED_USD * MICROS_PER_USD
    )


def _referred(rate_e8: int) -> int:
    return rate_e8 * REFERRED_HUNDREDTHS // 100 if rate_e8 > 0 else rate_e8


def fee_micros(notional_micros: int, rate_e8: int, coin: Coin) -> int:
    """The venue's fee for a notional on a coin; below 0 is a rebate.  Rounded toward zero.

    On a coin of another dex the deployer's scale s makes it s + 1 times as much below 1, else 2 s
    times; growth mode leaves a tenth.
    """
    part = notional_micros * abs(rate_e8)
    whole = E8
    if coin.dex:
        scale = coin.fee_scale_hundredths
        part *= scale + 100 if scale < 100 else 2 * scale
        whole *= 1_000 if coin.growth_mode else 100
    magnitude = part // whole
    return magnitude if rate_e8 >= 0 else -magnitude


def builder_micros(notional_micros: int, order: Order) -> int:
    """The builder's share of a fill of the order, at most 0.1 % whatever was approved."""
    if order.builder is None:
        return 0
    return notional_micros * min(order.builder_fee_tenths, BUILDER_TENTHS_MAX) // TENTHS_BP


def note_volume(account: Account, now_ms: int, notional_micros: int, *, is_taker: bool) -> None:
    """Adds a trade to what the account traded; days that no tier looks at are dropped."""
    account.volume_micros += notional_micros
    _note(account.day_volumes, now_ms, notional_micros, is_taker=is_taker)


def _note(
    days: dict[int, tuple[int, int]], now_ms: int, notional_micros: int, *, is_taker: bool
) -> None:
    day_ms = _day_of(now_ms)
    taker, maker = days.get(day_ms, (0, 0))
    days[day_ms] = (
        taker + (notional_micros if is_taker else 0),
        maker + (0 if is_taker else notional_micros),
    )
    if len(days) > TIER_DAYS + 1:
        del days[min(days)]


def note_venue_volume(state: VenueState, now_ms: int, notional_micros: int) -> None:
    """Adds a trade to what the whole venue traded."""
    days = state.day_volumes
    day_ms = _day_of(now_ms)
    days[day_ms] = days.get(day_ms, 0) + notional_micros
    if len(days) > TIER_DAYS + 1:
        del days[min(days)]
