"""A user's money: margin, positions, spot balances, what may be traded, the past of its value."""

from __future__ import annotations

from typing import Any, Final

from core.market.bars import DAY_MS
from sidecar.emulator.exchange import margin
from sidecar.emulator.exchange.state import (
    Account,
    Coin,
    FundingRow,
    LedgerRow,
    Position,
    VenueState,
)
from sidecar.emulator.exchange.units import share_micros, usd_text
from sidecar.emulator.wire.figures import coin_px, coin_size, rate_text
from sidecar.emulator.wire.requests_info import OfUser, OfUserCoin, OfUserDex, OfUserSpan
from sidecar.emulator.wire.universe import MAIN_DEX, coin_named, coins_of, dexs
from sidecar.emulator.wire.view import View

ROWS_MAX: Final = 500
NO_HASH: Final = "0x" + "0" * 64
MODES: Final = {
    "standard": "disabled",
    "unified": "unifiedAccount",
    "portfolio": "portfolioMargin",
}
"""The venue's words for the modes of an account."""
PERIODS: Final = (("day", DAY_MS), ("week", 7 * DAY_MS), ("month", 30 * DAY_MS), ("allTime", None))
POINTS_MAX: Final = 100
"""Points of a curve; a longer one is thinned."""


def account_of(state: VenueState, user: str) -> Account:
    """The user's account, or an empty one: the venue knows everybody and owes them nothing.

    An agent's address is not its master's: it has nothing.
    """
    address = user.lower()
    return state.accounts.get(address) or Account(address)


def clearinghouse_state(view: View, asked: OfUserDex) -> Any:
    """`clearinghouseState`.  Raises UnknownNameError for an unknown dex."""
    coins_of(view.state, asked.dex)
    account = account_of(view.state, asked.user)
    return margin_state(view.state, account, asked.dex or MAIN_DEX, view.now_ms)


def margin_state(state: VenueState, account: Account, dex: str, now_ms: int) -> dict[str, Any]:
    """Margin and positions of an account on a dex.

    Cross money is the main dex's; another dex shows what its isolated positions hold.  In unified
    and portfolio mode the money is on the spot side, and here is only what positions use.
    """
    held = [
        (state.coins[name], position)
        for name, position in account.positions.items()
        if position.lots and state.coins[name].dex == dex
    ]
    cross = [pair for pair in held if not _is_isolated(account, pair[0])]
    isolated_micros = sum(
        position.isolated_micros + position.lots * coin.mark_ticks
        for coin, position in held
        if _is_isolated(account, coin)
    )
    is_main = dex == MAIN_DEX
    value_micros = _cross_value(state, account, cross) if is_main else 0
    free_micros = _free(state, account, cross) if is_main else 0
    return {
        "marginSummary": _summary(account, held, value_micros + isolated_micros),
        "crossMarginSummary": _summary(account, cross, value_micros),
        "crossMaintenanceMarginUsed": usd_text(
            margin.maintenance_micros(state, account) if is_main else 0
        ),
        "withdrawable": usd_text(free_micros),
        "assetPositions": [
            {"type": "oneWay", "position": _position(state, account, coin, position)}
            for coin, position in held
        ],
        "time": now_ms,
    }


def _cross_value(state: VenueState, account: Account, cross: list[tuple[Coin, Position]]) -> int:
    if account.mode == "standard":
        return margin.cross_value_micros(state, account)
    return sum(
        margin.margin_used_micros(account, coin) + _profit(coin, position)
        for coin, position in cross
    )


def _free(state: VenueState, account: Account, cross: list[tuple[Coin, Position]]) -> int:
    if account.mode == "standard":
        return margin.withdrawable_micros(state, account)
    return max(0, sum(_profit(coin, position) for coin, position in cross))


def _summary(
    account: Account, held: list[tuple[Coin, Position]], value_micros: int
) -> dict[str, str]:
    signed = [position.lots * coin.mark_ticks for coin, position in held]
    used = sum(margin.margin_used_micros(account, coin) for coin, _ in held)
    return {
        "accountValue": usd_text(value_micros),
        "totalNtlPos": usd_text(sum(map(abs, signed))),
        "totalRawUsd": usd_text(value_micros - sum(signed)),
        "totalMarginUsed": usd_text(used),
    }


def _is_isolated(account: Account, coin: Coin) -> bool:
    return margin.leverage_of(account, coin).mode == "isolated"


def _profit(coin: Coin, position: Position) -> int:
    """Unrealised profit at the mark."""
    entry = position.entry_micros if position.lots > 0 else -position.entry_micros
    return position.lots * coin.mark_ticks - entry


def _position(
    state: VenueState, account: Account, coin: Coin, position: Position
) -> dict[str, Any]:
    profit = _profit(coin, position)
    leverage = margin.leverage_of(account, coin)
    entry_px = share_micros(position.entry_micros, 1, abs(position.lots))
    stake = position.entry_micros / leverage.value
    liquidation_px = margin.liquidation_px(state, account, coin.name)
    return {
        "coin": coin.name,
        "szi": coin_size(coin, position.lots),
        "leverage": leverage_row(account, coin),
        "entryPx": coin_px(coin, entry_px),
        "positionValue": usd_text(abs(position.lots) * coin.mark_ticks),
        "unrealizedPnl": usd_text(profit),
        "returnOnEquity": rate_text(profit / stake if stake else 0.0),
        "liquidationPx": None if liquidation_px is None else rate_text(liquidation_px),
        "marginUsed": usd_text(margin.margin_used_micros(account, coin)),
        "maxLeverage": coin.leverage_max,
        "cumFunding": {
            "allTime": usd_text(account.funding_micros.get(coin.name, 0)),
            "sinceOpen": usd_text(position.funding_open_micros),
            "sinceChange": usd_text(position.funding_change_micros),
        },
    }


def leverage_row(account: Account, coin: Coin) -> dict[str, Any]:
    """Mode and leverage of a coin; `rawUsd` is what an isolated position holds in USD."""
    leverage = margin.leverage_of(account, coin)
    row: dict[str, Any] = {"type": leverage.mode, "value": leverage.value}
    if leverage.mode == "isolated":
        position = account.positions.get(coin.name)
        row["rawUsd"] = usd_text(position.isolated_micros if position else 0)
    return row


def spot_clearinghouse_state(view: View, asked: OfUserDex) -> Any:
    """`spotClearinghouseState`."""
    return spot_balances(view.state, account_of(view.state, asked.user))


def spot_balances(state: VenueState, account: Account) -> dict[str, Any]:
    """Balances of an account; in unified and portfolio mode the perpetuals' collateral."""
    if account.mode == "portfolio":
        return _portfolio_balances(state, account)
    total, hold = account.spot_micros, 0
    if account.mode == "unified":
        total += margin.account_value_micros(state, account)
        hold = _held_back(state, account)
    if not total and not hold:
        return {"balances": []}
    return {"balances": [_balance(total, hold)]}


def _portfolio_balances(state: VenueState, account: Account) -> dict[str, Any]:
    """The same with what is lent and what maintenance leaves; nothing is borrowed here."""
    value = margin.account_value_micros(state, account)
    total = account.spot_micros + value
    maintenance = margin.maintenance_micros(state, account)
    balance = _balance(total, _held_back(state, account))
    return {
        "portfolioMarginEnabled": True,
        "balances": [{**balance, "ltv": "0.0", "supplied": usd_text(account.spot_micros)}],
        "portfolioMarginRatio": rate_text(maintenance / total if total > 0 else 0.0),
        "tokenToPortfolioBorrowRatio": [[0, "0.0"]],
        "tokenToPortfolioSupplyRatio": [],
        "tokenToAvailableAfterMaintenance": [[0, usd_text(max(0, total - maintenance))]],
    }


def _balance(total_micros: int, hold_micros: int) -> dict[str, Any]:
    return {
        "coin": "USDC",
        "token": 0,
        "total": usd_text(total_micros),
        "hold": usd_text(hold_micros),
        "entryNtl": "0.0",
    }


def _held_back(state: VenueState, account: Account) -> int:
    """What positions use of the collateral."""
    return sum(
        margin.margin_used_micros(account, state.coins[name])
        for name, position in account.positions.items()
        if position.lots
    )


def active_asset_data(view: View, asked: OfUserCoin) -> Any:
    """`activeAssetData`.  Raises UnknownNameError."""
    return trading_room(view.state, asked.user, asked.coin)


def trading_room(state: VenueState, user: str, name: str) -> dict[str, Any]:
    """Leverage of a coin and what the user could buy and sell of it.  Raises UnknownNameError."""
    coin = coin_named(state, name)
    account = account_of(state, user)
    leverage = margin.leverage_of(account, coin)
    room = margin.max_trade_lots(state, account, coin)
    return {
        "user": account.address,
        "coin": coin.name,
        "leverage": leverage_row(account, coin),
        "maxTradeSzs": [coin_size(coin, lots) for lots in room],
        "availableToTrade": [
            usd_text(share_micros(lots * coin.mark_ticks, 1, leverage.value)) for lots in room
        ],
        "markPx": coin_px(coin, coin.mark_ticks),
    }


def user_funding(view: View, asked: OfUserSpan) -> Any:
    """`userFunding`: the first 500 payments of the span."""
    account = account_of(view.state, asked.user)
    rows = [
        {
            "time": row.time_ms,
            "hash": NO_HASH,
            "delta": {"type": "funding", **funding_row(view.state, row)},
        }
        for row in account.funding
        if _is_inside(asked, row.time_ms)
    ]
    return rows[:ROWS_MAX]


def funding_row(state: VenueState, row: FundingRow) -> dict[str, Any]:
    """What a payment was for; the number of samples is that of days before hourly funding."""
    coin = state.coins[row.coin]
    return {
        "coin": row.coin,
        "usdc": usd_text(row.micros),
        "szi": coin_size(coin, row.lots),
        "fundingRate": rate_text(row.rate_1h),
        "nSamples": None,
    }


def ledger_updates(view: View, asked: OfUserSpan) -> Any:
    """`userNonFundingLedgerUpdates`: the first 500 rows of the span."""
    account = account_of(view.state, asked.user)
    return [ledger_row(row) for row in account.ledger if _is_inside(asked, row.time_ms)][:ROWS_MAX]


def ledger_row(row: LedgerRow) -> dict[str, Any]:
    """Money that came, went or moved."""
    return {"time": row.time_ms, "hash": row.hash, "delta": row.delta}


def _is_inside(asked: OfUserSpan, time_ms: int) -> bool:
    after = asked.start_time is None or time_ms >= asked.start_time
    return after and (asked.end_time is None or time_ms <= asked.end_time)


def sub_accounts(view: View, asked: OfUser) -> Any:
    """`subAccounts`; None when there is none."""
    return [
        {
            "name": sub.name,
            "subAccountUser": sub.address,
            "master": sub.master,
            "clearinghouseState": margin_state(view.state, sub, MAIN_DEX, view.now_ms),
            "spotState": spot_balances(view.state, sub),
        }
        for sub in _subs_of(view.state, asked.user)
    ] or None


def sub_accounts_by_dex(view: View, asked: OfUser) -> Any:
    """`subAccounts2`: the same with the state on every dex, and the mode."""
    return [
        {
            "name": sub.name,
            "subAccountUser": sub.address,
            "master": sub.master,
            "dexToClearinghouseState": [
                [dex, margin_state(view.state, sub, dex, view.now_ms)] for dex in dexs(view.state)
            ],
            "spotState": spot_balances(view.state, sub),
            "abstraction": MODES[sub.mode],
        }
        for sub in _subs_of(view.state, asked.user)
    ] or None


def _subs_of(state: VenueState, user: str) -> list[Account]:
    address = user.lower()
    return [
        account
        for account in state.accounts.values()
        if account.role == "subAccount" and account.master == address
    ]


def portfolio(view: View, asked: OfUser) -> Any:
    """`portfolio`: curves of the value and the profit by period; perpetuals are all there is.

    The last point is now.  Volumes count whole UTC days.
    """
    account = account_of(view.state, asked.user)
    points = list(account.equity)
    if account.address in view.state.accounts and (not points or points[-1][0] < view.now_ms):
        value = margin.account_value_micros(view.state, account) + account.spot_micros
        points.append((view.now_ms, value, value - account.deposited_micros))
    periods = [
        (name, _curve(account, points, None if span_ms is None else view.now_ms - span_ms))
        for name, span_ms in PERIODS
    ]
    own = [[name, curve] for name, curve in periods]
    return own + [[f"perp{name[0].upper()}{name[1:]}", curve] for name, curve in periods]


def _curve(
    account: Account, all_points: list[tuple[int, int, int]], since_ms: int | None
) -> dict[str, Any]:
    """One period; its profit begins at 0, that of all time with the first deposit."""
    points = [point for point in all_points if since_ms is None or point[0] >= since_ms]
    first_profit = points[0][2] if points and since_ms is not None else 0
    step = max(1, -(-len(points) // POINTS_MAX))
    thin = points[:-1][::step] + points[-1:]
    days = [sums for day, sums in account.day_volumes.items() if since_ms is None or day > since_ms]
    volume = account.volume_micros if since_ms is None else sum(map(sum, days))
    return {
        "accountValueHistory": [[time_ms, usd_text(value)] for time_ms, value, _ in thin],
        "pnlHistory": [[time_ms, usd_text(profit - first_profit)] for time_ms, _, profit in thin],
        "vlm": usd_text(volume),
    }
