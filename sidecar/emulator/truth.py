"""What the exchange holds of a user, for tests that compare it with what a client believes.

Money is in micros of USD and sizes are in lots beside their decimals, so that nothing is rounded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from core.errors import InputError
from sidecar.emulator.exchange import margin
from sidecar.emulator.exchange.state import Account, Order, VenueState
from sidecar.emulator.exchange.units import px_text, size_text, usd_text


def truth_of(state: VenueState, user: str) -> dict[str, Any]:
    """Balances, positions, open orders, ended orders and fills of one account.

    Raises InputError for a user that the exchange has no account of.
    """
    account = state.accounts.get(user)
    if account is None:
        raise InputError(
            f"the exchange has no account of {user!r}",
            at="user",
            hint="fund it with --fund ADDRESS=USD or POST /fund",
        )
    return {
        "user": user,
        "now_ms": state.now_ms,
        "role": account.role,
        "master": account.master,
        "mode": account.mode,
        "account_value_usd": usd_text(margin.account_value_micros(state, account)),
        "withdrawable_usd": usd_text(margin.withdrawable_micros(state, account)),
        "cash_micros": account.cash_micros,
        "spot_micros": account.spot_micros,
        "requests_used": account.requests_used,
        "volume_micros": account.volume_micros,
        "positions": _positions(state, account),
        "open_orders": [_order(state, state.orders[oid]) for oid in account.open_oids],
        "ended_orders": [
            _order(state, state.orders[oid]) for oid in account.ended if oid in state.orders
        ],
        "fills": [
            {
                **msgspec.to_builtins(fill),
                "px": px_text(fill.ticks, decimals := state.coins[fill.coin].size_decimals),
                "size": size_text(fill.lots, decimals),
                "fee_usd": usd_text(fill.fee_micros),
            }
            for fill in account.fills
        ],
        "agents": [msgspec.to_builtins(agent) for agent in account.agents.values()],
    }


def _positions(state: VenueState, account: Account) -> dict[str, Any]:
    """Open positions by coin."""
    found = {}
    for name, position in account.positions.items():
        if not position.lots:
            continue
        coin = state.coins[name]
        found[name] = {
            **msgspec.to_builtins(position),
            "size": size_text(position.lots, coin.size_decimals),
            "entry_usd": usd_text(position.entry_micros),
            "mark_px": px_text(coin.mark_ticks, coin.size_decimals),
            "liquidation_px": margin.liquidation_px(state, account, name),
        }
    return found


def _order(state: VenueState, order: Order) -> dict[str, Any]:
    """One order with its numbers as text beside them."""
    decimals = state.coins[order.coin].size_decimals
    return {
        **msgspec.to_builtins(order),
        "limit_px": px_text(order.limit_ticks, decimals),
        "size": size_text(order.lots, decimals),
        "orig_size": size_text(order.orig_lots, decimals),
    }
