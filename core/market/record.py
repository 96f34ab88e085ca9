"""A block of bars as the kernel reads it: one Market record of arrays.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from core.market.bars import BarBlock, Bools, Floats, Ints
from core.market.funding import due_of
from core.market.instants import instants_of
from core.market.metadata import deductions_usd
from kernel import codes
from kernel.records import Market, Rules


def symbol_flags(symbols: Collection[str]) -> Ints:
    """`codes.SYMBOL_*` of each symbol."""
    special = {"BTC": codes.SYMBOL_IS_BTC, "PAXG": codes.SYMBOL_IS_PAXG}
    return np.array([special.get(symbol, 0) for symbol in symbols], np.int64)


def tradable_of(block: BarBlock, symbols: Collection[str] | None) -> Bools:
    """Which columns may be entered: those of `symbols`, or all where none is named."""
    return np.array([not symbols or symbol in symbols for symbol in block.symbols], np.bool_)


PX_DECIMALS_MAX = 6
"""Decimals of a perpetual's price and size together, at most (Hyperliquid, tick and lot size)."""


def market_of(
    block: BarBlock,
    tradable: Collection[str] | None = None,
    own: Sequence[str] = (),
    before_px: Floats | None = None,
    after_ms: int | None = None,
    before_member: Bools | None = None,
) -> Market:
    """The block as the kernel reads it.

    Only `tradable` symbols (None: all) may enter.  `own` are the symbols with parameters of their
    own, which stand in rows 1, 2, ... beside the common ones.  `before_px` are the last closes
    known before the block, `before_member` the members then; funding is due for the hours after
    `after_ms`.
    """
    symbols = block.symbols
    count = len(symbols)
    instants = instants_of(block, np.zeros(count) if before_px is None else before_px)
    after = int(block.ts_open_ms[0]) if after_ms is None else after_ms
    due_px, due = due_of(block, instants.ts_close_ms, instants.mark_px, after)
    member = np.ones(block.present.shape, np.bool_) if block.member is None else block.member
    allowed = tradable_of(block, tradable)
    rules = rules_of(block)
    rows = {symbol: row for row, symbol in enumerate(own, start=1)}
    return Market(
        ts_close_ms=instants.ts_close_ms,
        row_of=instants.row_of,
        is_row=instants.is_row,
        exit_kind=instants.exit_kind,
        open_px=instants.open_px,
        high_px=instants.high_px,
        low_px=instants.low_px,
        mark_px=instants.mark_px,
        entry_at=instants.entry_at,
        exit_ms=instants.exit_ms,
        interval_ms=block.interval_ms,
        volume=block.volume,
        present=block.present,
        funding_rate_1h=np.zeros(block.close_px.shape)
        if block.funding_rate_1h is None
        else block.funding_rate_1h,
        member=member,
        tradable=member if allowed.all() else member & allowed,
        tradable_before=allowed if before_member is None else allowed & before_member,
        last_bar_index=block.last_bar_index,
        funding_px=due_px,
        funding_due=due,
        flags=symbol_flags(symbols),
        own=np.array([rows.get(symbol, 0) for symbol in symbols], np.int64),
        maintenance_max_frac=maintenance_max_frac(rules),
        rules=rules,
        btc_index=symbols.index("BTC") if "BTC" in symbols else -1,
    )


def maintenance_max_frac(rules: Rules) -> Floats:
    """The highest share of notional that any margin tier of a symbol asks for, 0 without tiers.

    Within a tier the share is its rate less the deduction over the notional.
    """
    least_usd = np.where(rules.tier_usd > 0.0, rules.tier_usd, 1.0)
    share = rules.tier_rate + np.maximum(-rules.tier_deduction_usd, 0.0) / least_usd
    highest: Floats = share.max(axis=1)
    return highest


def rules_of(block: BarBlock) -> Rules:
    """Lots, prices and margin tiers of each symbol, 0 or -1 where its metadata is not known."""
    known = block.metadata or (None,) * len(block.symbols)
    most = max((len(each.tiers) for each in known if each is not None), default=1)
    shape = (len(known), most)
    scale, decimals = np.zeros(len(known)), np.full(len(known), -1, np.int64)
    count = np.zeros(len(known), np.int64)
    usd, rate, deduction = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for s, each in enumerate(known):
        if each is None:
            continue
        scale[s] = 10.0**each.size_decimals
        decimals[s] = max(PX_DECIMALS_MAX - each.size_decimals, 0)
        count[s] = len(each.tiers)
        usd[s, : count[s]] = [tier.lower_bound_usd for tier in each.tiers]
        rate[s, : count[s]] = [tier.maintenance_rate_frac for tier in each.tiers]
        deduction[s, : count[s]] = deductions_usd(each.tiers)
    return Rules(scale, decimals, count, usd, rate, deduction)
