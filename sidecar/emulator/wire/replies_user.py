"""Who a user is to the venue: role, agents, builders, fees, request budget, referral."""

from __future__ import annotations

from typing import Any, Final

from core.clock import utc_date
from core.market.bars import DAY_MS
from sidecar.emulator.exchange import fees
from sidecar.emulator.exchange.state import Account, Agent
from sidecar.emulator.exchange.units import MICROS_PER_USD, decimal_text, usd_text
from sidecar.emulator.wire.replies_account import MODES, account_of
from sidecar.emulator.wire.requests_info import OfBuilder, OfTransfer, OfUser
from sidecar.emulator.wire.view import View

RATE_DECIMALS: Final = 8
THOUSANDTHS: Final = 3
FEE_DAYS: Final = 15
REFERRAL_DISCOUNT: Final = decimal_text(100 - fees.REFERRED_HUNDREDTHS, 2)
SPOT_RATES_E8: Final = (
    (70_000, 40_000),
    (60_000, 30_000),
    (50_000, 20_000),
    (40_000, 10_000),
    (35_000, 0),
    (30_000, 0),
    (25_000, 0),
)
"""Taker and maker on the spot side, by the same tiers of volume."""
STAKING_TIERS: Final = (
    ("0.0", "0.0"),
    ("0.0001", "0.05"),
    ("0.001", "0.1"),
    ("0.01", "0.15"),
    ("0.1", "0.2"),
    ("1.0", "0.3"),
    ("5.0", "0.4"),
)


def user_role(view: View, asked: OfUser) -> Any:
    """`userRole`: also tells an agent's master."""
    address = asked.user.lower()
    account = view.state.accounts.get(address)
    if account is None:
        master = _master_of(view, address)
        return {"role": "agent", "data": {"user": master}} if master else {"role": "missing"}
    if account.role == "subAccount":
        return {"role": "subAccount", "data": {"master": account.master}}
    return {"role": account.role}


def _master_of(view: View, address: str) -> str | None:
    """Whose agent an address is, while it is valid."""
    master, name = view.state.agent_of.get(address, ("", ""))
    agent = account_of(view.state, master).agents.get(name)
    is_valid = agent and agent.address == address and agent.valid_until_ms > view.now_ms
    return master if is_valid else None


def user_rate_limit(view: View, asked: OfUser) -> Any:
    """`userRateLimit`: the cap is the initial requests and one for each USD traded.

    Requests that were bought are used up first.
    """
    account = account_of(view.state, asked.user)
    bought, used = account.requests_bought, account.requests_used
    cap = view.state.rules.requests_initial + account.volume_micros // MICROS_PER_USD
    return {
        "cumVlm": usd_text(account.volume_micros),
        "nRequestsUsed": max(0, used - bought),
        "nRequestsCap": cap,
        "nRequestsSurplus": max(0, bought - used),
    }


def user_fees(view: View, asked: OfUser) -> Any:
    """`userFees`: the rates in force, the schedule, and volumes by day."""
    account = account_of(view.state, asked.user)
    taker, maker = fees.rates_e8(view.state, account, view.now_ms)
    return {
        "dailyUserVlm": _daily_volumes(view, account),
        "feeSchedule": _schedule(),
        "userCrossRate": _rate(taker),
        "userAddRate": _rate(maker),
        "userSpotCrossRate": _rate(SPOT_RATES_E8[0][0]),
        "userSpotAddRate": _rate(SPOT_RATES_E8[0][1]),
        "activeReferralDiscount": REFERRAL_DISCOUNT if fees.is_referred(account) else "0.0",
        "trial": None,
        "feeTrialEscrow": "0.0",
        "nextTrialAvailableTimestamp": None,
        "stakingLink": None,
        "activeStakingDiscount": {"bpsOfMaxSupply": "0.0", "discount": "0.0"},
    }


def _daily_volumes(view: View, account: Account) -> list[dict[str, str]]:
    today_ms = view.now_ms - view.now_ms % DAY_MS
    days = range(today_ms - (FEE_DAYS - 1) * DAY_MS, today_ms + 1, DAY_MS)
    rows = []
    for day_ms in days:
        taken, made = account.day_volumes.get(day_ms, (0, 0))
        rows.append(
            {
                "date": utc_date(day_ms),
                "userCross": usd_text(taken),
                "userAdd": usd_text(made),
                "exchange": usd_text(view.state.day_volumes.get(day_ms, 0)),
            }
        )
    return rows


def _schedule() -> dict[str, Any]:
    tiers = [
        {
            "ntlCutoff": decimal_text(volume_usd, 0),
            "cross": _rate(taker),
            "add": _rate(maker),
            "spotCross": _rate(spot_taker),
            "spotAdd": _rate(spot_maker),
        }
        for (volume_usd, taker, maker), (spot_taker, spot_maker) in zip(
            fees.TIERS, SPOT_RATES_E8, strict=True
        )
    ]
    first = {name: rate for name, rate in tiers[0].items() if name != "ntlCutoff"}
    return first | {
        "tiers": {
            "vip": tiers[1:],
            "mm": [
                {"makerFractionCutoff": decimal_text(share, THOUSANDTHS), "add": _rate(rate)}
                for share, rate in fees.MAKER_SHARES
            ],
        },
        "referralDiscount": REFERRAL_DISCOUNT,
        "stakingDiscountTiers": [
            {"bpsOfMaxSupply": supply, "discount": discount} for supply, discount in STAKING_TIERS
        ],
    }


def _rate(rate_e8: int) -> str:
    return decimal_text(rate_e8, RATE_DECIMALS)


def user_abstraction(view: View, asked: OfUser) -> Any:
    """`userAbstraction`: the account's mode."""
    return MODES[account_of(view.state, asked.user).mode]


def user_dex_abstraction(_: View, __: OfUser) -> Any:
    """`userDexAbstraction`: always, a builder's dex draws on the account's one perpetual side."""
    return True


def extra_agents(view: View, asked: OfUser) -> Any:
    """`extraAgents`: the named ones that are still valid."""
    agents = account_of(view.state, asked.user).agents
    return [
        {"name": name, "address": agent.address, "validUntil": agent.valid_until_ms}
        for name, agent in agents.items()
        if name and agent.valid_until_ms > view.now_ms
    ]


def unnamed_agent(view: View, account: Account) -> Agent | None:
    """The agent without a name, while it is valid."""
    agent = account.agents.get("")
    return agent if agent and agent.valid_until_ms > view.now_ms else None


def max_builder_fee(view: View, asked: OfBuilder) -> Any:
    """`maxBuilderFee` in tenths of a basis point; 0 without approval."""
    return account_of(view.state, asked.user).builders.get(asked.builder.lower(), 0)


def approved_builders(view: View, asked: OfUser) -> Any:
    """`approvedBuilders`."""
    return [
        builder for builder, fee in account_of(view.state, asked.user).builders.items() if fee > 0
    ]


def referral(view: View, asked: OfUser) -> Any:
    """`referral`: only who referred the user; nobody earns by it here."""
    account = account_of(view.state, asked.user)
    volume = usd_text(account.volume_micros)
    by = {"referrer": _referrer(account.referrer), "code": account.referrer}
    return {
        "referredBy": by if account.referrer else None,
        "cumVlm": volume,
        "unclaimedRewards": "0.0",
        "claimedRewards": "0.0",
        "builderRewards": "0.0",
        "referrerState": {"stage": "needToTrade", "data": {"required": "10000.0"}},
        "rewardHistory": [],
        "tokenToState": [],
    }


def _referrer(code: str | None) -> str:
    """An address that stands for the owner of a code, who is none of the accounts here."""
    return "0x" + (code or "").encode().hex()[:40].rjust(40, "0")


def pre_transfer_check(view: View, asked: OfTransfer) -> Any:
    """`preTransferCheck`: an account that is new costs 1 USDC."""
    account = view.state.accounts.get(asked.user.lower())
    return {
        "fee": "1.0" if account is None else "0.0",
        "isSanctioned": False,
        "userExists": account is not None,
        "userHasSentTx": account is not None and account.requests_used > 0,
    }
