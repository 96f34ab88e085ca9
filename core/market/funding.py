"""Funding rates beside bars: what was known of them at each close.  Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from core.market.bars import HOUR_MS, MINUTE_MS, BarBlock, Ints, Rows, block_sha256

# A funding payment is stamped at most this long before or after the hour it fell due at; the
# longest delay in two years of the venue's history is 24 minutes.
FUNDING_EARLY_MS: Final = MINUTE_MS
FUNDING_LATE_MS: Final = 30 * MINUTE_MS

RATE_AGE_MAX_MS: Final = 8 * HOUR_MS
"""A rate older than this says nothing of the present one: the longest period that venues pay at."""


HOURLY_SINCE_MS: Final = 1_686_182_400_000
"""2023-06-08T00:00Z: payments that fell due up to then were for eight hours, later ones for one."""
HOURS_BEFORE_HOURLY: Final = 8


def due_hours_ms(ts_ms: Ints) -> Ints:
    """The hour at which each payment fell due, from the time that it was stamped with."""
    return (ts_ms + FUNDING_EARLY_MS) // HOUR_MS * HOUR_MS


def period_hours(due_ms: Ints) -> int:
    """Hours between one symbol's payments, by the lower median; 0 when there are not two.

    A missing payment now and then does not move the median.
    """
    spacing = np.sort(np.diff(np.unique(due_ms)))
    return int(spacing[(len(spacing) - 1) // 2]) // HOUR_MS if len(spacing) else 0


def with_funding(block: BarBlock, rates: Rows) -> BarBlock:
    """The block with the last rate that was due at or before each close, 0.0 where none is known.

    `rates` are per hour, one row per symbol and hour at which they fell due; symbols without bars
    are left out.  Nothing later than a close is looked at.
    """
    out = np.zeros(block.close_px.shape)
    closes = block.ts_open_ms + block.interval_ms
    columns = {symbol: column for column, symbol in enumerate(block.symbols)}
    for index, symbol in enumerate(rates.symbols):
        if symbol not in columns:
            continue
        mine = rates.symbol_index == index
        due_ms, rate = rates.ts_ms[mine], rates.values[mine, 0]
        last = np.searchsorted(due_ms, closes, side="right") - 1
        known = (last >= 0) & (closes - due_ms[last] <= RATE_AGE_MAX_MS)
        out[known, columns[symbol]] = rate[last[known]]
    part = replace(block, funding_rate_1h=out)
    return replace(part, sha256=block_sha256(part))
