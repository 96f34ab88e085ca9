"""What the venue has beside trading: vaults, staking, votes, lists.  Empty here, in its shape."""

from __future__ import annotations

from typing import Any

from sidecar.emulator.exchange.units import usd_text
from sidecar.emulator.wire import spot
from sidecar.emulator.wire.replies_account import account_of, margin_state, spot_balances
from sidecar.emulator.wire.replies_market import contexts
from sidecar.emulator.wire.replies_meta import at_cap, auction, meta
from sidecar.emulator.wire.replies_orders import open_of, order_row, running_twaps
from sidecar.emulator.wire.replies_user import unnamed_agent
from sidecar.emulator.wire.requests_info import Nothing, OfTokenIndex, OfUser
from sidecar.emulator.wire.universe import MAIN_DEX
from sidecar.emulator.wire.view import View


def none(_: View, __: object) -> Any:
    """A list without entries."""
    return []


def null(_: View, __: object) -> Any:
    """Nothing of that name exists."""
    return None


def no(_: View, __: object) -> Any:
    """It is not so."""
    return False


def delegator_summary(_: View, __: OfUser) -> Any:
    """`delegatorSummary`: nobody stakes."""
    return {
        "delegated": "0.0",
        "undelegated": "0.0",
        "totalPendingWithdrawal": "0.0",
        "nPendingWithdrawals": 0,
    }


def legal_check(_: View, __: OfUser) -> Any:
    """`legalCheck`: everybody may."""
    return {"ipAllowed": True, "acceptedTerms": True, "userAllowed": True}


def borrow_reserve(_: View, __: OfTokenIndex) -> Any:
    """`borrowLendReserveState`: nobody lends, and nothing is lent."""
    return {
        "borrowYearlyRate": "0.0",
        "supplyYearlyRate": "0.0",
        "balance": "0.0",
        "utilization": "0.0",
        "oraclePx": "1.0",
        "ltv": "0.0",
        "totalSupplied": "0.0",
        "totalBorrowed": "0.0",
    }


def borrow_user(_: View, __: OfUser) -> Any:
    """`borrowLendUserState`: nobody borrows."""
    return {"tokenToState": [], "health": "healthy", "healthFactor": None}


def spot_deploy_state(view: View, _: OfUser) -> Any:
    """`spotDeployState`: nobody deploys."""
    return {"states": [], "gasAuction": auction(view, Nothing())}


def web_data2(view: View, asked: OfUser) -> Any:
    """`webData2`: the whole page of the older kind."""
    state, account = view.state, account_of(view.state, asked.user)
    agent = unnamed_agent(view, account)
    return {
        "clearinghouseState": margin_state(state, account, MAIN_DEX, view.now_ms),
        "leadingVaults": [],
        "totalVaultEquity": "0.0",
        "openOrders": [
            order_row(state, order) for order in open_of(state, account.address, MAIN_DEX)
        ],
        "agentAddress": agent.address if agent else None,
        "agentValidUntil": agent.valid_until_ms if agent else None,
        "cumLedger": usd_text(account.deposited_micros),
        "meta": meta(state, MAIN_DEX),
        "assetCtxs": contexts(state, MAIN_DEX, view.now_ms),
        "serverTime": view.now_ms,
        "isVault": account.role == "vault",
        "user": account.address,
        "twapStates": running_twaps(state, account, MAIN_DEX),
        "spotState": spot_balances(state, account),
        "spotAssetCtxs": spot.contexts(state),
        "perpsAtOpenInterestCap": at_cap(state, MAIN_DEX),
    }
