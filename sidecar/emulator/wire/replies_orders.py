"""A user's orders, fills and TWAPs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from sidecar.emulator.exchange.state import Account, Coin, FillRow, Order, Twap, VenueState
from sidecar.emulator.exchange.units import share_micros, usd_text
from sidecar.emulator.wire.figures import coin_px, coin_size, side_text
from sidecar.emulator.wire.replies_account import account_of
from sidecar.emulator.wire.requests_info import OfFills, OfFillSpan, OfOrder, OfUser, OfUserDex
from sidecar.emulator.wire.universe import MAIN_DEX, coins_of
from sidecar.emulator.wire.view import View

ROWS_MAX: Final = 2_000
FILLS_KEPT: Final = 10_000
"""Older fills do not exist for the venue."""
MS_PER_S: Final = 1_000


def open_orders(view: View, asked: OfUserDex) -> Any:
    """`openOrders`, newest first.  Raises UnknownNameError for an unknown dex."""
    return [
        open_order_row(view.state.coins[order.coin], order)
        for order in open_of(view.state, asked.user, asked.dex)
    ]


def frontend_open_orders(view: View, asked: OfUserDex) -> Any:
    """`frontendOpenOrders`: the same with all that a page shows."""
    return [order_row(view.state, order) for order in open_of(view.state, asked.user, asked.dex)]


def open_of(state: VenueState, user: str, dex: str | None) -> list[Order]:
    """Open orders of a user on a dex, newest first.  Raises UnknownNameError."""
    coins_of(state, dex)
    account = account_of(state, user)
    wanted = dex or MAIN_DEX
    return [
        state.orders[oid]
        for oid in sorted(account.open_oids, reverse=True)
        if state.coins[state.orders[oid].coin].dex == wanted
    ]


def open_order_row(coin: Coin, order: Order) -> dict[str, Any]:
    """An order in short; keys of what it does not have are absent."""
    row: dict[str, Any] = {
        "coin": order.coin,
        "side": side_text(order.is_buy),
        "limitPx": coin_px(coin, order.limit_ticks),
        "sz": coin_size(coin, order.lots),
        "oid": order.oid,
        "timestamp": order.placed_ms,
        "origSz": coin_size(coin, order.orig_lots),
    }
    if order.cloid is not None:
        row["cloid"] = order.cloid
    if order.reduce_only:
        row["reduceOnly"] = True
    return row


def order_row(state: VenueState, order: Order) -> dict[str, Any]:
    """An order in full, with the stops and targets that wait for it."""
    coin = state.coins[order.coin]
    trigger = order.trigger
    return {
        "coin": order.coin,
        "side": side_text(order.is_buy),
        "limitPx": coin_px(coin, order.limit_ticks),
        "sz": coin_size(coin, order.lots),
        "oid": order.oid,
        "timestamp": order.placed_ms,
        "triggerCondition": _condition(coin, order),
        "isTrigger": trigger is not None,
        "triggerPx": "0.0" if trigger is None else coin_px(coin, trigger.ticks),
        "children": [
            order_row(state, state.orders[oid]) for oid in order.children if oid in state.orders
        ],
        "isPositionTpsl": order.is_position_tpsl,
        "reduceOnly": order.reduce_only,
        "orderType": _kind(order),
        "origSz": coin_size(coin, order.orig_lots),
        "tif": "LiquidationMarket" if order.is_liquidation else order.tif,
        "cloid": order.cloid,
    }


def _condition(coin: Coin, order: Order) -> str:
    """What the mark price must do."""
    trigger = order.trigger
    if trigger is None:
        return "N/A"
    if order.is_triggered:
        return "Triggered"
    # A target lies where the position gains: above for who will sell, below for who will buy.
    is_above = (trigger.tpsl == "tp") != order.is_buy
    return f"Price {'above' if is_above else 'below'} {_plain(coin_px(coin, trigger.ticks))}"


def _plain(px: str) -> str:
    """A price as in a sentence: whole ones without their `.0`."""
    return px.removesuffix(".0")


def _kind(order: Order) -> str:
    trigger = order.trigger
    if trigger is None:
        is_market = order.is_liquidation or order.tif == "FrontendMarket"
        return "Market" if is_market else "Limit"
    name = "Take Profit" if trigger.tpsl == "tp" else "Stop"
    return f"{name} {'Market' if trigger.is_market else 'Limit'}"


def status_row(state: VenueState, order: Order) -> dict[str, Any]:
    """An order with its status."""
    return {
        "order": order_row(state, order),
        "status": order.status,
        "statusTimestamp": order.status_ms,
    }


def order_status(view: View, asked: OfOrder) -> Any:
    """`orderStatus` by id or client order id, of this user's orders only."""
    account = account_of(view.state, asked.user)
    known = asked.oid if isinstance(asked.oid, int) else account.cloids.get(asked.oid.lower())
    order = None if known is None else view.state.orders.get(known)
    if order is None or order.user != account.address:
        return {"status": "unknownOid"}
    return {"status": "order", "order": status_row(view.state, order)}


def historical_orders(view: View, asked: OfUser) -> Any:
    """`historicalOrders`: the newest 2000, open ones among them, newest first."""
    return history_rows(view.state, account_of(view.state, asked.user))


def history_rows(state: VenueState, account: Account) -> list[dict[str, Any]]:
    """Orders of an account with their status, newest first."""
    oids = account.open_oids + account.ended
    orders = [state.orders[oid] for oid in oids if oid in state.orders]
    orders.sort(key=lambda order: (order.status_ms, order.oid), reverse=True)
    return [status_row(state, order) for order in orders[:ROWS_MAX]]


def user_fills(view: View, asked: OfFills) -> Any:
    """`userFills`: the newest 2000, newest first."""
    return newest_fills(view.state, asked.user, aggregate=bool(asked.aggregate_by_time))


def newest_fills(state: VenueState, user: str, *, aggregate: bool) -> list[dict[str, Any]]:
    """The newest fills, newest first."""
    account = account_of(state, user)
    rows = aggregated(account.fills[-FILLS_KEPT:]) if aggregate else account.fills
    return [fill_row(state, fill) for fill in reversed(rows[-ROWS_MAX:])]


def user_fills_by_time(view: View, asked: OfFillSpan) -> Any:
    """`userFillsByTime`: the first 2000 of the span, of the newest 10,000 that exist."""
    return [fill_row(view.state, fill) for fill in _span_of(view, asked, twap=False)]


def twap_fills_by_time(view: View, asked: OfFillSpan) -> Any:
    """`userTwapSliceFillsByTime`."""
    return [slice_row(view.state, fill) for fill in _span_of(view, asked, twap=True)]


def _span_of(view: View, asked: OfFillSpan, *, twap: bool) -> list[FillRow]:
    account = account_of(view.state, asked.user)
    end_ms = view.now_ms if asked.end_time is None else asked.end_time
    rows = [
        fill
        for fill in account.fills[-FILLS_KEPT:]
        if asked.start_time <= fill.time_ms <= end_ms and (not twap or fill.twap_id is not None)
    ]
    if asked.aggregate_by_time:
        rows = aggregated(rows)
    return rows[::-1][:ROWS_MAX] if asked.reversed else rows[:ROWS_MAX]


def user_twap_fills(view: View, asked: OfUser) -> Any:
    """`userTwapSliceFills`: the newest 2000, newest first."""
    return twap_fill_rows(view.state, account_of(view.state, asked.user))


def twap_fill_rows(state: VenueState, account: Account) -> list[dict[str, Any]]:
    """Fills of TWAP slices, newest first."""
    rows = [fill for fill in account.fills if fill.twap_id is not None]
    return [slice_row(state, fill) for fill in reversed(rows[-ROWS_MAX:])]


def aggregated(rows: Iterable[FillRow]) -> list[FillRow]:
    """Fills of one taker at one instant as one, at their average price.

    A resting order that several takers hit stays several fills.
    """
    out: list[FillRow] = []
    for row in rows:
        last = out[-1] if out else None
        is_same = last is not None and (last.oid, last.time_ms, last.crossed) == (
            row.oid,
            row.time_ms,
            True,
        )
        if last is None or not is_same or not row.crossed:
            out.append(row)
            continue
        lots = last.lots + row.lots
        out[-1] = replace(
            last,
            lots=lots,
            ticks=share_micros(last.ticks * last.lots + row.ticks * row.lots, 1, lots),
            closed_pnl_micros=last.closed_pnl_micros + row.closed_pnl_micros,
            fee_micros=last.fee_micros + row.fee_micros,
            builder_fee_micros=last.builder_fee_micros + row.builder_fee_micros,
            dir=row.dir,
        )
    return out


def fill_row(state: VenueState, fill: FillRow) -> dict[str, Any]:
    """A fill; keys of what it does not have are absent."""
    coin = state.coins[fill.coin]
    row: dict[str, Any] = {
        "coin": fill.coin,
        "px": coin_px(coin, fill.ticks),
        "sz": coin_size(coin, fill.lots),
        "side": side_text(fill.is_buy),
        "time": fill.time_ms,
        "startPosition": coin_size(coin, fill.start_lots),
        "dir": fill.dir,
        "closedPnl": usd_text(fill.closed_pnl_micros),
        "hash": fill.hash,
        "oid": fill.oid,
        "crossed": fill.crossed,
        "fee": usd_text(fill.fee_micros),
    }
    if fill.builder_fee_micros:
        row["builderFee"] = usd_text(fill.builder_fee_micros)
    row["tid"] = fill.tid
    if fill.cloid is not None:
        row["cloid"] = fill.cloid
    if fill.liquidated_user is not None:
        row["liquidation"] = {
            "liquidatedUser": fill.liquidated_user,
            "markPx": coin_px(coin, fill.liquidation_mark_ticks),
            "method": fill.liquidation_method,
        }
    row["feeToken"] = "USDC"
    row["twapId"] = fill.twap_id
    return row


def slice_row(state: VenueState, fill: FillRow) -> dict[str, Any]:
    """A fill of a TWAP's slice."""
    return {"fill": fill_row(state, fill), "twapId": fill.twap_id}


def twap_history(view: View, asked: OfUser) -> Any:
    """`twapHistory`, newest first."""
    return twap_rows(view.state, account_of(view.state, asked.user))


def twap_rows(state: VenueState, account: Account) -> list[dict[str, Any]]:
    """TWAPs of an account with their status, newest first."""
    mine = [twap for twap in state.twaps.values() if twap.user == account.address]
    mine.sort(key=lambda twap: (twap.status_ms, twap.twap_id), reverse=True)
    return [twap_row(state, twap) for twap in mine[:ROWS_MAX]]


def twap_row(state: VenueState, twap: Twap) -> dict[str, Any]:
    """A TWAP with its status; its time is in seconds."""
    return {
        "time": twap.status_ms // MS_PER_S,
        "state": twap_state(state, twap),
        "status": {"status": twap.status},
        "twapId": twap.twap_id,
    }


def twap_state(state: VenueState, twap: Twap) -> dict[str, Any]:
    """What a TWAP has to do and has done."""
    coin = state.coins[twap.coin]
    return {
        "coin": twap.coin,
        "user": twap.user,
        "side": side_text(twap.is_buy),
        "sz": coin_size(coin, twap.lots),
        "executedSz": coin_size(coin, twap.executed_lots),
        "executedNtl": usd_text(twap.executed_micros),
        "minutes": twap.minutes,
        "reduceOnly": twap.reduce_only,
        "randomize": twap.randomize,
        "timestamp": twap.started_ms,
    }


def running_twaps(state: VenueState, account: Account, dex: str | None) -> list[list[Any]]:
    """(id, state) of the TWAPs of an account that run on a dex."""
    wanted = dex or MAIN_DEX
    return [
        [twap.twap_id, twap_state(state, twap)]
        for twap in state.twaps.values()
        if twap.user == account.address
        and twap.status == "activated"
        and state.coins[twap.coin].dex == wanted
    ]
