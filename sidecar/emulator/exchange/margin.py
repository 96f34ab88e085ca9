"""What accounts are worth, what they must hold, and where they would be liquidated."""

from __future__ import annotations

from sidecar.emulator.exchange.state import Account, Coin, Leverage, VenueState


def leverage_of(account: Account, coin: Coin) -> Leverage:
    """What the account set for the coin, or the venue's default for it."""
    raise NotImplementedError


def account_value_micros(state: VenueState, account: Account) -> int:
    """All perpetual money at mark prices: cross and isolated."""
    raise NotImplementedError


def cross_value_micros(state: VenueState, account: Account) -> int:
    """What the cross account is worth at mark prices."""
    raise NotImplementedError


def initial_micros(state: VenueState, account: Account) -> int:
    """Initial margin that the cross positions use: size x mark / leverage."""
    raise NotImplementedError


def maintenance_micros(state: VenueState, account: Account) -> int:
    """Value below which the cross account is liquidated."""
    raise NotImplementedError


def margin_used_micros(account: Account, coin: Coin) -> int:
    """What the position of a coin uses: initial margin, or the equity of an isolated one."""
    raise NotImplementedError


def withdrawable_micros(state: VenueState, account: Account) -> int:
    """What may leave the perpetual side; never negative."""
    raise NotImplementedError


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
    """`perpMarginRejected` or `perpMaxPositionRejected`; None when the order is affordable."""
    raise NotImplementedError


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
    """May the account place this order?  Resting orders count, the order itself must not rest."""
    raise NotImplementedError


def liquidation_px(state: VenueState, account: Account, coin_name: str) -> float | None:
    """Mark price in USD at which the position is liquidated; None when no price does it."""
    raise NotImplementedError


def max_trade_lots(state: VenueState, account: Account, coin: Coin) -> tuple[int, int]:
    """The largest (buy, sell) that the account could open now."""
    raise NotImplementedError


def audit(state: VenueState) -> int:
    """Micros by which the venue's money is off; 0 always."""
    raise NotImplementedError


def positions_off(state: VenueState) -> dict[str, int]:
    """Lots by coin that positions of all accounts fail to sum to zero by; empty always."""
    raise NotImplementedError
