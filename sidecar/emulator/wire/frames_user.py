"""Stream messages about one user, as JSON text.  Addresses are lower-case."""

from __future__ import annotations

from typing import Any

from sidecar.emulator.exchange.events import Liquidated
from sidecar.emulator.exchange.state import (
    HOUSE,
    FillRow,
    FundingRow,
    LedgerRow,
    Order,
    Twap,
    VenueState,
)
from sidecar.emulator.exchange.units import usd_text
from sidecar.emulator.wire import replies_account as money
from sidecar.emulator.wire import replies_orders as orders_of
from sidecar.emulator.wire.frames import frame
from sidecar.emulator.wire.replies_account import MODES, account_of
from sidecar.emulator.wire.replies_meta import at_cap
from sidecar.emulator.wire.replies_user import unnamed_agent
from sidecar.emulator.wire.replies_venue import web_data2 as page_of
from sidecar.emulator.wire.requests_info import OfUser
from sidecar.emulator.wire.universe import dexs
from sidecar.emulator.wire.view import View


def _named(user: str, name: str, rows: Any, *, is_snapshot: bool) -> dict[str, Any]:
    """Rows of a user; only the first message has `isSnapshot`."""
    if is_snapshot:
        return {"isSnapshot": True, "user": user.lower(), name: rows}
    return {"user": user.lower(), name: rows}


def order_updates(view: View, orders: list[Order]) -> str:
    """Orders that took a new status."""
    return frame(
        "orderUpdates",
        [
            {
                "order": orders_of.open_order_row(view.state.coins[order.coin], order),
                "status": order.status,
                "statusTimestamp": order.status_ms,
            }
            for order in orders
        ],
    )


def user_fills_snapshot(view: View, user: str, *, aggregate_by_time: bool = False) -> str:
    """The newest fills, as the first message."""
    rows = orders_of.newest_fills(view.state, user, aggregate=aggregate_by_time)
    return frame("userFills", _named(user, "fills", rows, is_snapshot=True))


def user_fills(
    view: View, user: str, rows: list[FillRow], *, aggregate_by_time: bool = False
) -> str:
    """New fills; the message has no `isSnapshot`."""
    shown = orders_of.aggregated(rows) if aggregate_by_time else rows
    fills = [orders_of.fill_row(view.state, fill) for fill in shown]
    return frame("userFills", _named(user, "fills", fills, is_snapshot=False))


def user_fundings_snapshot(view: View, user: str) -> str:
    """The newest payments, as the first message."""
    rows = account_of(view.state, user).funding[-money.ROWS_MAX :]
    fundings = [_payment(view.state, row) for row in reversed(rows)]
    return frame("userFundings", _named(user, "fundings", fundings, is_snapshot=True))


def user_fundings(view: View, user: str, rows: list[FundingRow]) -> str:
    """New payments."""
    fundings = [_payment(view.state, row) for row in rows]
    return frame("userFundings", _named(user, "fundings", fundings, is_snapshot=False))


def _payment(state: VenueState, row: FundingRow) -> dict[str, Any]:
    return {"time": row.time_ms, **money.funding_row(state, row)}


def ledger_updates_snapshot(view: View, user: str) -> str:
    """`userNonFundingLedgerUpdates`: the newest rows, as the first message."""
    rows = account_of(view.state, user).ledger[-money.ROWS_MAX :]
    return _ledger(user, rows[::-1], is_snapshot=True)


def ledger_updates(_: View, user: str, rows: list[LedgerRow]) -> str:
    """`userNonFundingLedgerUpdates`: new rows."""
    return _ledger(user, rows, is_snapshot=False)


def _ledger(user: str, rows: list[LedgerRow], *, is_snapshot: bool) -> str:
    updates = [money.ledger_row(row) for row in rows]
    data = _named(user, "nonFundingLedgerUpdates", updates, is_snapshot=is_snapshot)
    return frame("userNonFundingLedgerUpdates", data)


def event_fills(view: View, rows: list[FillRow]) -> str:
    """`userEvents` (channel `user`): fills."""
    return frame("user", {"fills": [orders_of.fill_row(view.state, fill) for fill in rows]})


def event_funding(view: View, row: FundingRow) -> str:
    """`userEvents`: a payment."""
    return frame("user", {"funding": _payment(view.state, row)})


def event_liquidation(_: View, event: Liquidated) -> str:
    """`userEvents`: the user is liquidated."""
    return frame(
        "user",
        {
            "liquidation": {
                "lid": event.liquidation_id,
                "liquidator": HOUSE,
                "liquidated_user": event.user,
                "liquidated_ntl_pos": usd_text(event.notional_micros),
                "liquidated_account_value": usd_text(event.account_value_micros),
            }
        },
    )


def event_cancels(_: View, orders: list[Order]) -> str:
    """`userEvents`: orders that ended without the user's doing (`nonUserCancel`)."""
    return frame(
        "user", {"nonUserCancel": [{"coin": order.coin, "oid": order.oid} for order in orders]}
    )


def event_twap(view: View, twaps: list[Twap]) -> str:
    """`userEvents`: TWAPs that took a new status (`twapHistory`)."""
    return frame("user", {"twapHistory": [orders_of.twap_row(view.state, twap) for twap in twaps]})


def event_twap_fills(view: View, rows: list[FillRow]) -> str:
    """`userEvents`: fills of TWAP slices (`twapSliceFills`)."""
    return frame("user", {"twapSliceFills": [orders_of.slice_row(view.state, row) for row in rows]})


def notification(message: str) -> str:
    """A message of the venue to the user."""
    return frame("notification", {"notification": message})


def web_data3(view: View, user: str) -> str:
    """The user's agent, mode and dexs."""
    account = account_of(view.state, user)
    agent = unnamed_agent(view, account)
    user_state = {
        "agentAddress": agent.address if agent else None,
        "agentValidUntil": agent.valid_until_ms if agent else None,
        "serverTime": view.now_ms,
        "cumLedger": usd_text(account.deposited_micros),
        "isVault": account.role == "vault",
        "user": account.address,
        "abstraction": MODES[account.mode],
    }
    states = [
        {"totalVaultEquity": "0.0", "perpsAtOpenInterestCap": at_cap(view.state, dex)}
        for dex in dexs(view.state)
    ]
    return frame("webData3", {"userState": user_state, "perpDexStates": states})


def web_data2(view: View, user: str) -> str:
    """The user's whole page of the older kind."""
    return frame("webData2", page_of(view, OfUser(user)))


def clearinghouse_state(view: View, user: str, dex: str = "") -> str:
    """Margin and positions."""
    account = account_of(view.state, user)
    state = money.margin_state(view.state, account, dex, view.now_ms)
    return frame(
        "clearinghouseState", {"dex": dex, "user": account.address, "clearinghouseState": state}
    )


def all_dexs_clearinghouse_state(view: View, user: str) -> str:
    """Margin and positions on every dex."""
    account = account_of(view.state, user)
    states = [
        [dex, money.margin_state(view.state, account, dex, view.now_ms)] for dex in dexs(view.state)
    ]
    return frame(
        "allDexsClearinghouseState", {"user": account.address, "clearinghouseStates": states}
    )


def open_orders(view: View, user: str, dex: str = "") -> str:
    """Open orders.  Raises UnknownNameError."""
    rows = [
        orders_of.order_row(view.state, one) for one in orders_of.open_of(view.state, user, dex)
    ]
    return frame("openOrders", {"dex": dex, "user": user.lower(), "orders": rows})


def spot_state(view: View, user: str) -> str:
    """Spot balances."""
    account = account_of(view.state, user)
    balances = money.spot_balances(view.state, account)
    return frame("spotState", {"user": account.address, "spotState": balances})


def active_asset_data(view: View, user: str, coin: str) -> str:
    """Leverage and what may be traded.  Raises UnknownNameError."""
    return frame("activeAssetData", money.trading_room(view.state, user, coin))


def twap_states(view: View, user: str, dex: str = "") -> str:
    """Running TWAPs."""
    account = account_of(view.state, user)
    states = orders_of.running_twaps(view.state, account, dex)
    return frame("twapStates", {"dex": dex, "user": account.address, "states": states})


def twap_slice_fills_snapshot(view: View, user: str) -> str:
    """`userTwapSliceFills`: the newest ones, as the first message."""
    rows = orders_of.twap_fill_rows(view.state, account_of(view.state, user))
    return frame("userTwapSliceFills", _named(user, "twapSliceFills", rows, is_snapshot=True))


def twap_slice_fills(view: View, user: str, rows: list[FillRow]) -> str:
    """`userTwapSliceFills`: new ones."""
    shown = [orders_of.slice_row(view.state, row) for row in rows]
    return frame("userTwapSliceFills", _named(user, "twapSliceFills", shown, is_snapshot=False))


def historical_orders(view: View, user: str, orders: list[Order] | None = None) -> str:
    """`userHistoricalOrders`: the newest ones when `orders` is None, else new ones."""
    if orders is None:
        rows = orders_of.history_rows(view.state, account_of(view.state, user))
    else:
        rows = [orders_of.status_row(view.state, order) for order in orders]
    data = _named(user, "orderHistory", rows, is_snapshot=orders is None)
    return frame("userHistoricalOrders", data)


def twap_history_snapshot(view: View, user: str) -> str:
    """`userTwapHistory`: the newest ones, as the first message."""
    rows = orders_of.twap_rows(view.state, account_of(view.state, user))
    return frame("userTwapHistory", _named(user, "history", rows, is_snapshot=True))


def twap_history(view: View, user: str, twaps: list[Twap]) -> str:
    """`userTwapHistory`: new ones."""
    rows = [orders_of.twap_row(view.state, twap) for twap in twaps]
    return frame("userTwapHistory", _named(user, "history", rows, is_snapshot=False))
