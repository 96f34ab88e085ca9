"""Who may be entered: the symbols of the largest 24 h notional, as known at each midnight.  Pure.

Membership is made anew at the first bar after each UTC midnight from the bars that closed by then:
a symbol enters at a rank within the top and stays until its rank falls behind the keep rank, so
that the last places do not flicker.  One that was not listed yet, or no longer, is no member.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.market.bars import DAY_MS, BarBlock, Bools, Floats


def with_universe(block: BarBlock, top_count: int, keep_count: int) -> BarBlock:
    """The block with its members; with `top_count` 0 all are while they are listed."""
    if block.member is not None:
        return block
    if 0 < top_count < len(block.symbols):
        return replace(block, member=membership(block, top_count, keep_count))
    if not block.metadata:
        return block
    closes = block.ts_open_ms + block.interval_ms
    days = closes - closes % DAY_MS
    member = np.array([listed(block, int(day)) for day in np.unique(days)])
    return replace(block, member=member[np.unique(days, return_inverse=True)[1]])


def membership(block: BarBlock, top_count: int, keep_count: int) -> Bools:
    """`[T, S]`: is the symbol a member at this bar?  Before the first midnight all are."""
    closes = block.ts_open_ms + block.interval_ms
    day = (closes - 1) // DAY_MS
    starts = np.flatnonzero(np.append([False], day[1:] != day[:-1]))
    notional = np.where(block.present, block.close_px * block.volume, 0.0)
    total = np.concatenate([np.zeros((1, notional.shape[1])), np.cumsum(notional, axis=0)])
    out = np.ones(block.present.shape, np.bool_)
    members = np.zeros(len(block.symbols), np.bool_)
    for place, first in enumerate(starts):
        midnight_ms = int(day[first]) * DAY_MS
        since = int(np.searchsorted(closes, midnight_ms - DAY_MS, side="right"))
        traded = total[first] - total[since]
        rank = ranks(np.where(listed(block, midnight_ms), traded, 0.0))
        members = (traded > 0.0) & (rank < np.where(members, keep_count, top_count))
        end = starts[place + 1] if place + 1 < len(starts) else len(out)
        out[first:end] = members
    return out


def ranks(notional_usd: Floats) -> np.ndarray:
    """Rank of each symbol, 0 for the largest; equal ones in the order of symbols."""
    order = np.argsort(-notional_usd, kind="stable")
    out = np.empty(len(order), np.int64)
    out[order] = np.arange(len(order))
    return out


def listed(block: BarBlock, at_ms: int) -> Bools:
    """Whether each symbol was listed at a time, as far as its metadata says."""
    out = np.ones(len(block.symbols), np.bool_)
    for column, each in enumerate(block.metadata):
        if each is None:
            continue
        early = each.listed_ms is not None and at_ms < each.listed_ms
        late = each.delisted_ms is not None and at_ms >= each.delisted_ms
        out[column] = not early and not late
    return out
