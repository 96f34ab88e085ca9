"""Leverage of a coin and money of an isolated position, as a user asks for them."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange import margin
from sidecar.emulator.exchange.positions import sweep
from sidecar.emulator.exchange.requests import ChangeMargin, SetLeverage
from sidecar.emulator.exchange.state import Account, Coin, Leverage, Position, VenueState

INVALID: Final = "Invalid leverage value"
NO_CROSS: Final = "Cross margin is not allowed for this asset."
NO_SWITCH: Final = "Cannot switch leverage type with open position."
CROSS_SHORT: Final = (
    "Cross position does not have sufficient margin available to decrease leverage. "
    "To decrease leverage, deposit more collateral."
)
ISOLATED_SHORT: Final = (
    "Isolated position does not have sufficient margin available to decrease leverage. "
    "To decrease leverage, add margin to the position."
)
NO_CHANGE: Final = "Update to isolated margin cannot be zero."
NO_POSITION: Final = "Cannot update margin for empty position."
NOT_ISOLATED: Final = "Position does not use isolated margin."
NO_REMOVAL: Final = (
    "Cannot remove isolated margin for this asset. To remove margin, reduce the position."
)
NO_INCREASE: Final = "Account does not have sufficient margin available for increase."
NO_REDUCTION: Final = "Position does not have sufficient margin for reduction."


def coin_of(state: VenueState, asset: int) -> Coin | None:
    """The listed coin of an asset number."""
    for coin in state.coins.values():
        if coin.asset == asset and coin.is_listed:
            return coin
    return None


def _unknown(asset: int) -> str:
    return f"Unknown asset: {asset}"


def set_leverage(state: VenueState, account: Account, request: SetLeverage) -> str | None:
    """Sets mode and leverage of a coin; the venue's words when it will not.

    The mode stands while there is a position.  The value may rise as far as the position's tier
    allows and falls only as far as the margin goes: a cross account must cover it, an isolated
    position takes what it lacks from what the account has available.
    """
    coin = coin_of(state, request.asset)
    if coin is None:
        return _unknown(request.asset)
    if not 1 <= request.value <= coin.leverage_max:
        return INVALID
    if request.mode == "cross" and not margin.takes_cross(coin):
        return NO_CROSS
    before = margin.leverage_of(account, coin)
    position = account.positions.get(coin.name)
    if position is not None:
        if before.mode != request.mode:
            return NO_SWITCH
        if request.value > margin.tier_leverage(coin, abs(position.lots) * coin.mark_ticks):
            return INVALID
    after = Leverage(request.mode, request.value)
    if request.value >= before.value:
        account.leverages[coin.name] = after
        return None
    return _lower(state, account, coin, after)


def _lower(state: VenueState, account: Account, coin: Coin, after: Leverage) -> str | None:
    """Sets a lower leverage where the margin goes so far."""
    had = account.leverages.get(coin.name)
    position = account.positions.get(coin.name)
    is_isolated = position is not None and after.mode == "isolated"
    lacks = 0
    if position is not None and is_isolated:
        need = abs(position.lots) * coin.mark_ticks // after.value
        lacks = max(0, need - margin.isolated_value_micros(coin, position))
    account.leverages[coin.name] = after
    if margin.available_micros(state, account) < lacks:
        if had is None:
            del account.leverages[coin.name]
        else:
            account.leverages[coin.name] = had
        return ISOLATED_SHORT if is_isolated else CROSS_SHORT
    if position is not None and lacks:
        _move(state, account, position, lacks)
    return None


def _move(state: VenueState, account: Account, position: Position, micros: int) -> None:
    """Money from the cash into an isolated position, or back."""
    account.cash_micros -= micros
    position.isolated_micros += micros
    sweep(state, account)


def change_margin(state: VenueState, account: Account, request: ChangeMargin) -> str | None:
    """Moves money into or out of an isolated position; the venue's words when it will not.

    What stays must cover the initial margin and a tenth of the notional.  The side that the request
    names has no effect, as on the venue.
    """
    coin = coin_of(state, request.asset)
    if coin is None:
        return _unknown(request.asset)
    if request.micros == 0:
        return NO_CHANGE
    position = account.positions.get(coin.name)
    if position is None:
        return NO_POSITION
    if margin.is_cross(account, coin):
        return NOT_ISOLATED
    if request.micros > 0:
        if margin.available_micros(state, account) < request.micros:
            return NO_INCREASE
    else:
        if coin.only_isolated or coin.margin_mode == "strictIsolated":
            return NO_REMOVAL
        notional = abs(position.lots) * coin.mark_ticks
        least = max(margin.initial_of(account, coin, notional), notional // margin.WITHDRAW_PARTS)
        if margin.isolated_value_micros(coin, position) + request.micros < least:
            return NO_REDUCTION
    _move(state, account, position, request.micros)
    return None
