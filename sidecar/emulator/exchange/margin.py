"""What accounts are worth, what they must hold, and where they would be liquidated.

All at mark prices, in whole micros, rounded down as the venue does.  Money is raw: a long of 10
USD paid for leaves 10 USD less cash and shows 10 USD of position.

Open orders need margin as well.  Of a coin the larger side counts: with all bids filled, or with
all asks, what would the position need beyond what it needs now?  So orders that only reduce need
none.  A resting order counts at its limit; one that comes in counts no worse than the mark, for it
would trade there.  Stops, targets and reduce-only orders count nothing.  Fees are not set aside.

Source: Hyperliquid, "Margining", "Margin tiers", "Liquidations".
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from sidecar.emulator.exchange.state import (
    BACKSTOP,
    HOUSE,
    Account,
    Coin,
    Leverage,
    MarginMode,
    Position,
    Tier,
    VenueState,
)
from sidecar.emulator.exchange.units import PRICE_DECIMALS

LEVERAGE_DEFAULT: Final = 20
WITHDRAW_PARTS: Final = 10
"""A tenth of the notional stays whatever the leverage."""


def is_venue(address: str) -> bool:
    """Is it an account of the venue's own, with unbounded credit?"""
    return address in (HOUSE, BACKSTOP)


def takes_cross(coin: Coin) -> bool:
    """May positions of the coin share the cross account?"""
    return not coin.only_isolated and coin.margin_mode not in ("strictIsolated", "noCross")


def leverage_of(account: Account, coin: Coin) -> Leverage:
    """What the account set for the coin, or the venue's default for it."""
    found = account.leverages.get(coin.name)
    if found is not None:
        return found
    mode: MarginMode = "cross" if takes_cross(coin) else "isolated"
    return Leverage(mode, min(LEVERAGE_DEFAULT, coin.leverage_max))


def is_cross(account: Account, coin: Coin) -> bool:
    """Is the coin's position held by the cross account?"""
    found = account.leverages.get(coin.name)
    return takes_cross(coin) if found is None else found.mode == "cross"


def tiers_of(coin: Coin) -> list[Tier]:
    """The margin tiers, of which there is always one."""
    return coin.tiers or [Tier(0, coin.leverage_max)]


def tier_leverage(coin: Coin, notional_micros: int) -> int:
    """Highest leverage for a notional."""
    best = coin.leverage_max
    for tier in tiers_of(coin):
        if notional_micros >= tier.lower_bound_micros:
            best = tier.leverage_max
    return best


def maintenance_of(coin: Coin, notional_micros: int) -> int:
    """Maintenance margin of a notional: half the initial margin at the highest leverage, by tier.

    The same as rate x notional less the tier's deduction, summed tier by tier instead.
    """
    tiers = tiers_of(coin)
    if len(tiers) == 1:
        return notional_micros // (2 * tiers[0].leverage_max)
    whole = math.lcm(*(2 * tier.leverage_max for tier in tiers))
    total = 0
    for index, tier in enumerate(tiers):
        top = notional_micros
        if index + 1 < len(tiers):
            top = min(top, tiers[index + 1].lower_bound_micros)
        if top <= tier.lower_bound_micros:
            break
        total += (top - tier.lower_bound_micros) * (whole // (2 * tier.leverage_max))
    return total // whole


def collateral_micros(account: Account) -> int:
    """Raw money of the cross account; in unified and portfolio mode the spot side is part of it."""
    if account.mode == "standard":
        return account.cash_micros
    return account.cash_micros + account.spot_micros


def _cross(state: VenueState, account: Account) -> list[tuple[Coin, Position]]:
    """Cross positions with their coins."""
    return [
        (coin, position)
        for name, position in account.positions.items()
        if is_cross(account, coin := state.coins[name])
    ]


def isolated_value_micros(coin: Coin, position: Position) -> int:
    """What an isolated position is worth: its own money and what it would sell for."""
    return position.isolated_micros + position.lots * coin.mark_ticks


def cross_value_micros(state: VenueState, account: Account) -> int:
    """What the cross account is worth."""
    total = collateral_micros(account)
    for coin, position in _cross(state, account):
        total += position.lots * coin.mark_ticks
    return total


def account_value_micros(state: VenueState, account: Account) -> int:
    """All perpetual money: cash, cross and isolated positions.  The spot side is not in it.

    In unified and portfolio mode all cash lies on the spot side, so this is 0 without a position.
    """
    total = account.cash_micros
    for name, position in account.positions.items():
        total += position.isolated_micros + position.lots * state.coins[name].mark_ticks
    return total


def notional_micros(state: VenueState, account: Account, *, cross_only: bool = False) -> int:
    """Sum of the positions' values, without sign."""
    return sum(
        abs(position.lots) * coin.mark_ticks
        for name, position in account.positions.items()
        if not cross_only or is_cross(account, state.coins[name])
        for coin in (state.coins[name],)
    )


def initial_of(account: Account, coin: Coin, notional: int) -> int:
    """Initial margin of a notional at the leverage that is set."""
    return notional // leverage_of(account, coin).value


def margin_used_micros(account: Account, coin: Coin) -> int:
    """What the position of a coin uses: initial margin, or the equity of an isolated one."""
    position = account.positions.get(coin.name)
    if position is None:
        return 0
    if is_cross(account, coin):
        return initial_of(account, coin, abs(position.lots) * coin.mark_ticks)
    return isolated_value_micros(coin, position)


def initial_micros(state: VenueState, account: Account) -> int:
    """Initial margin that the cross positions use: size x mark / leverage."""
    return sum(margin_used_micros(account, coin) for coin, _ in _cross(state, account))


def maintenance_micros(state: VenueState, account: Account) -> int:
    """Value below which the cross account is liquidated."""
    return sum(
        maintenance_of(coin, abs(position.lots) * coin.mark_ticks)
        for coin, position in _cross(state, account)
    )


def _open_notionals(state: VenueState, account: Account) -> dict[str, tuple[int, int]]:
    """(bids, asks) in micros of the orders that count, by coin."""
    sums: dict[str, tuple[int, int]] = {}
    for oid in account.open_oids:
        order = state.orders[oid]
        if order.reduce_only or (order.trigger is not None and not order.is_triggered):
            continue
        bids, asks = sums.get(order.coin, (0, 0))
        micros = order.lots * order.limit_ticks
        sums[order.coin] = (bids + micros, asks) if order.is_buy else (bids, asks + micros)
    return sums


def _hold(account: Account, coin: Coin, bids: int, asks: int) -> int:
    """What open orders of a coin need beyond what the position uses."""
    position = account.positions.get(coin.name)
    held = position.lots * coin.mark_ticks if position is not None else 0
    most = max(abs(held), held + bids, asks - held)
    leverage = leverage_of(account, coin).value
    return most // leverage - abs(held) // leverage


def available_micros(state: VenueState, account: Account) -> int:
    """What may back new positions: cross value less the margin of positions and orders."""
    total = cross_value_micros(state, account) - initial_micros(state, account)
    for name, (bids, asks) in _open_notionals(state, account).items():
        total -= _hold(account, state.coins[name], bids, asks)
    return total


def withdrawable_micros(state: VenueState, account: Account) -> int:
    """What may leave: value less initial margin, and never so much that a tenth of the notional
    would not stay.  In unified and portfolio mode it counts the spot side.  Never negative."""
    tenth = notional_micros(state, account, cross_only=True) // WITHDRAW_PARTS
    most = cross_value_micros(state, account) - tenth
    return max(0, min(available_micros(state, account), most))


def refusal(
    state: VenueState,
    account: Account,
    coin: Coin,
    *,
    is_buy: bool,
    lots: int,
    ticks: int,
    reduce_only: bool,
) -> str | None:
    """`perpMarginRejected` or `perpMaxPositionRejected`; None when the order is affordable.

    Resting orders count, so the order itself must not rest yet.  Always affordable is what does
    not raise the need for margin.
    """
    if reduce_only or is_venue(account.address):
        return None
    sums = _open_notionals(state, account)
    bids, asks = sums.get(coin.name, (0, 0))
    before = _hold(account, coin, bids, asks)
    px_ticks = min(ticks, coin.mark_ticks) if is_buy else max(ticks, coin.mark_ticks)
    if is_buy:
        bids += lots * px_ticks
    else:
        asks += lots * px_ticks
    after = _hold(account, coin, bids, asks)
    if after == before:
        return None
    position = account.positions.get(coin.name)
    held = position.lots * coin.mark_ticks if position is not None else 0
    reach = held + bids if is_buy else asks - held
    if leverage_of(account, coin).value > tier_leverage(coin, max(0, reach)):
        return "perpMaxPositionRejected"
    left = available_micros(state, account) + before - after
    return None if left >= 0 else "perpMarginRejected"


def affords(
    state: VenueState,
    account: Account,
    coin: Coin,
    *,
    is_buy: bool,
    lots: int,
    ticks: int,
    reduce_only: bool,
) -> bool:
    """May the account place this order?  See `refusal`, which says why not."""
    return (
        refusal(
            state,
            account,
            coin,
            is_buy=is_buy,
            lots=lots,
            ticks=ticks,
            reduce_only=reduce_only,
        )
        is None
    )


def can_fill(state: VenueState, account: Account, coin: Coin, *, is_buy: bool, lots: int) -> bool:
    """Can a resting order of the account still trade?  If not the venue cancels it as
    `marginCanceled`: the cross value must cover the positions' margin with the fill at the mark."""
    if is_venue(account.address):
        return True
    position = account.positions.get(coin.name)
    held = position.lots if position is not None else 0
    after = abs(held + (lots if is_buy else -lots))
    more = (after - abs(held)) * coin.mark_ticks
    if more <= 0:
        return True
    value = cross_value_micros(state, account)
    return value - initial_micros(state, account) >= initial_of(account, coin, more)


def liquidation_px(state: VenueState, account: Account, coin_name: str) -> float | None:
    """Mark price in USD at which the position is liquidated; None when no price does it.

    Other prices stand still.  Solved for each tier of the coin; the one whose bounds hold the
    answer is right, and there is at most one.
    """
    coin = state.coins[coin_name]
    position = account.positions.get(coin_name)
    if position is None or position.lots == 0:
        return None
    lots, size = position.lots, abs(position.lots)
    if is_cross(account, coin):
        notional = size * coin.mark_ticks
        others = maintenance_micros(state, account) - maintenance_of(coin, notional)
        base = cross_value_micros(state, account) - lots * coin.mark_ticks
    else:
        others, base = 0, position.isolated_micros
    tiers = tiers_of(coin)
    deduction = Fraction(0)
    rate = Fraction(0)
    for index, tier in enumerate(tiers):
        own = Fraction(1, 2 * tier.leverage_max)
        if index:
            deduction += tier.lower_bound_micros * (own - rate)
        rate = own
        ticks = (others - deduction - base) / (lots - size * rate)
        last = index + 1 == len(tiers)
        if last or size * ticks < tiers[index + 1].lower_bound_micros:
            if ticks <= 0:
                return None
            return float(ticks / 10 ** (PRICE_DECIMALS - coin.size_decimals))
    return None


def max_trade_lots(state: VenueState, account: Account, coin: Coin) -> tuple[int, int]:
    """The largest (buy, sell) that the account could trade now: closing comes first and frees its
    own margin, then what is available opens."""
    available = max(0, available_micros(state, account))
    more = available * leverage_of(account, coin).value // coin.mark_ticks
    position = account.positions.get(coin.name)
    held = position.lots if position is not None else 0
    return more + max(0, -2 * held), more + max(0, 2 * held)


def audit(state: VenueState) -> int:
    """Micros by which the venue's money is off; 0 always.

    Positions sum to zero over all accounts, so their values cancel and raw money must add up.
    """
    total = state.fees_micros + state.insurance_micros - state.deposits_micros
    for account in state.accounts.values():
        total += account.cash_micros + account.spot_micros
        for position in account.positions.values():
            total += position.isolated_micros
    return total


def positions_off(state: VenueState) -> dict[str, int]:
    """Lots by coin that positions of all accounts fail to sum to zero by; empty always."""
    sums: dict[str, int] = {}
    for account in state.accounts.values():
        for name, position in account.positions.items():
            sums[name] = sums.get(name, 0) + position.lots
    return {name: lots for name, lots in sums.items() if lots}
