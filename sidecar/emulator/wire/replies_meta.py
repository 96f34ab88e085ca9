"""What the venue says of its dexs, coins and margin tables."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sidecar.emulator.exchange.checks import MARKET_ORDER_MAX_USD
from sidecar.emulator.exchange.state import Coin, Tier, VenueState
from sidecar.emulator.exchange.units import MICROS_PER_USD, decimal_text, usd_text
from sidecar.emulator.wire import spot
from sidecar.emulator.wire.requests_info import Nothing, OfDex, OfMarginTable, OfToken, OfTokenIndex
from sidecar.emulator.wire.universe import UnknownNameError, coins_of, dexs, is_live
from sidecar.emulator.wire.view import View

FIRST_TABLE_ID: Final = 50
"""Smaller ids are tables of a single tier with that leverage, which the venue does not list."""
OPEN_INTEREST_CAP_USD: Final = 1_000_000_000
HUNDREDTHS: Final = 100
NEVER: Final = "1970-01-01T00:00:00"
AUCTION_S: Final = 111_600


def meta(state: VenueState, dex: str | None) -> dict[str, Any]:
    """The universe of a dex, by position."""
    coins = coins_of(state, dex)
    return {
        "universe": [asset(coin) for coin in coins],
        "marginTables": [[number, table(tiers)] for number, tiers in _tables(coins)],
        "collateralToken": 0,
    }


def asset(coin: Coin) -> dict[str, Any]:
    """A coin's entry in its universe; keys of what does not hold are absent."""
    entry: dict[str, Any] = {
        "szDecimals": coin.size_decimals,
        "name": coin.name,
        "maxLeverage": coin.leverage_max,
        "marginTableId": coin.margin_table_id,
    }
    if coin.only_isolated:
        entry["onlyIsolated"] = True
    if not is_live(coin):
        entry["isDelisted"] = True
    if coin.margin_mode:
        entry["marginMode"] = coin.margin_mode
    if coin.growth_mode:
        entry["growthMode"] = "enabled"
        entry["lastGrowthModeChangeTime"] = NEVER
    return entry


def table(tiers: list[Tier]) -> dict[str, Any]:
    """A margin table."""
    tiered = f"tiered {tiers[0].leverage_max}x" if len(tiers) > 1 else ""
    return {
        "description": tiered,
        "marginTiers": [
            {"lowerBound": usd_text(tier.lower_bound_micros), "maxLeverage": tier.leverage_max}
            for tier in tiers
        ],
    }


def _tables(coins: list[Coin]) -> list[tuple[int, list[Tier]]]:
    """Tables by id: the general one of 50 times, and those that the coins use."""
    found = {FIRST_TABLE_ID: [Tier(0, FIRST_TABLE_ID)]}
    for coin in coins:
        if coin.margin_table_id > FIRST_TABLE_ID:
            found[coin.margin_table_id] = coin.tiers
    return sorted(found.items())


def meta_of_dex(view: View, asked: OfDex) -> Any:
    """`meta`."""
    return meta(view.state, asked.dex)


def all_perp_metas(view: View, _: Nothing) -> Any:
    """`allPerpMetas`: the universes of all dexs, without contexts."""
    return [meta(view.state, dex) for dex in dexs(view.state)]


def perp_dexs(view: View, _: Nothing) -> Any:
    """`perpDexs`: null for the venue's own, then the builders'."""
    return [_dex_entry(view.state, dex) if dex else None for dex in dexs(view.state)]


def _dex_entry(state: VenueState, dex: str) -> dict[str, Any]:
    coins = coins_of(state, dex)
    scale_hundredths = coins[0].fee_scale_hundredths if coins else HUNDREDTHS
    deployer = "0x" + hashlib.sha256(f"deployer of {dex}".encode()).hexdigest()[:40]
    return {
        "name": dex,
        "fullName": dex.upper(),
        "deployer": deployer,
        "oracleUpdater": None,
        "feeRecipient": deployer,
        "assetToStreamingOiCap": [[coin.name, _cap_text(coin)] for coin in coins],
        "subDeployers": [["setOracle", [deployer]]],
        "deployerFeeScale": decimal_text(scale_hundredths, 2),
        "lastDeployerFeeScaleChangeTime": NEVER,
        "assetToFundingMultiplier": [],
        "assetToFundingInterestRate": [],
    }


def _cap_text(coin: Coin) -> str:
    return usd_text(coin.open_interest_cap_micros or OPEN_INTEREST_CAP_USD * MICROS_PER_USD)


def perp_dex_limits(view: View, asked: OfDex) -> Any:
    """`perpDexLimits`: null for the venue's own dex."""
    if not asked.dex:
        return None
    caps = [[coin.name, _cap_text(coin)] for coin in coins_of(view.state, asked.dex)]
    cap = usd_text(OPEN_INTEREST_CAP_USD * MICROS_PER_USD)
    return {
        "totalOiCap": cap,
        "oiSzCapPerPerp": cap,
        "maxTransferNtl": cap,
        "coinToOiCap": caps,
    }


def perp_dex_status(view: View, asked: OfDex) -> Any:
    """`perpDexStatus`: money that came in and stays."""
    coins_of(view.state, asked.dex)
    deposits = 0 if asked.dex else view.state.deposits_micros
    return {"totalNetDeposit": usd_text(deposits)}


def at_cap(state: VenueState, dex: str | None) -> list[str]:
    """Coins whose open interest has reached its cap."""
    return [
        coin.name
        for coin in coins_of(state, dex)
        if coin.open_interest_cap_micros is not None
        and coin.interest_lots() * coin.mark_ticks >= coin.open_interest_cap_micros
    ]


def perps_at_cap(view: View, asked: OfDex) -> Any:
    """`perpsAtOpenInterestCap`."""
    return at_cap(view.state, asked.dex)


def auction(view: View, _: Nothing) -> Any:
    """`perpDeployAuctionStatus`, and that of spot pairs: one auction after the other."""
    now_s = view.now_ms // 1_000
    return {
        "startTimeSeconds": now_s - now_s % AUCTION_S,
        "durationSeconds": AUCTION_S,
        "startGas": "500.0",
        "currentGas": "500.0",
        "endGas": None,
    }


def max_market_order_ntls(_: View, __: Nothing) -> Any:
    """`maxMarketOrderNtls`: the largest market orders by leverage, in USD."""
    return [[leverage, f"{usd}.0"] for leverage, usd in MARKET_ORDER_MAX_USD]


def margin_table(view: View, asked: OfMarginTable) -> Any:
    """`marginTable`.  Raises UnknownNameError."""
    if 0 < asked.id < FIRST_TABLE_ID:
        return table([Tier(0, asked.id)])
    for dex in dexs(view.state):
        for number, tiers in _tables(coins_of(view.state, dex)):
            if number == asked.id:
                return table(tiers)
    raise UnknownNameError(str(asked.id))


def spot_meta(_: View, __: Nothing) -> Any:
    """`spotMeta`."""
    return spot.meta()


def spot_meta_and_contexts(view: View, _: Nothing) -> Any:
    """`spotMetaAndAssetCtxs`."""
    return [spot.meta(), spot.contexts(view.state)]


def outcome_meta(_: View, __: Nothing) -> Any:
    """`outcomeMeta`: no outcome trades here."""
    return {"outcomes": [], "questions": []}


def token_details(view: View, asked: OfToken) -> Any:
    """`tokenDetails`.  Raises UnknownNameError."""
    found = spot.token_details(view.state, asked.token_id)
    if found is None:
        raise UnknownNameError(asked.token_id)
    return found


def aligned_quote_token(_: View, __: OfTokenIndex) -> Any:
    """`alignedQuoteTokenInfo`: no token is aligned."""
    return {
        "isAligned": False,
        "firstAlignedTime": 0,
        "evmMintedSupply": "0.0",
        "dailyAmountOwed": [],
        "predictedRate": "0.0",
    }


def exchange_status(view: View, _: Nothing) -> Any:
    """`exchangeStatus`: the venue's clock."""
    return {"specialStatuses": None, "time": view.now_ms}
