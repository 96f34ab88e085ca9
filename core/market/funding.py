"""Funding rates beside bars: what was known of them at each close, and what falls due.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from core.market.bars import HOUR_MS, MINUTE_MS, BarBlock, Bools, Floats, Ints, Rows, block_sha256

# A funding payment is stamped at most this long before or after the hour it fell due at; the
# longest delay in two years of the venue's history is 24 minutes.
FUNDING_EARLY_MS: Final = MINUTE_MS
FUNDING_LATE_MS: Final = 30 * MINUTE_MS

RATE_AGE_MAX_MS: Final = 8 * HOUR_MS
"""A rate older than this says nothing of the present one: the longest period that venues pay at."""
ORACLE_AGE_MAX_MS: Final = 10 * MINUTE_MS
"""An oracle price older than this is not that of the hour; the mark stands in for it."""


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


@dataclass(frozen=True)
class HourlyFunding:
    """What falls due at each full hour, `[H, S]`; a rate that is not known is NaN, as is a price.

    A long position pays rate x oracle price x size (Hyperliquid, funding).
    """

    ts_ms: Ints
    rate: Floats
    oracle_px: Floats

    def until(self, end_ms: int) -> HourlyFunding:
        """The hours up to `end_ms`, that included."""
        end = int(np.searchsorted(self.ts_ms, end_ms, side="right"))
        return HourlyFunding(self.ts_ms[:end], self.rate[:end], self.oracle_px[:end])


def with_funding(block: BarBlock, rates: Rows, contexts: Rows | None = None) -> BarBlock:
    """The block with the rates known at each close and those that fall due at each hour.

    `rates` are per hour, one row per symbol and hour at which they fell due; `contexts` have the
    oracle price in their second column.  Symbols without bars are left out.  Nothing later than a
    close is known to it.
    """
    out = np.zeros(block.close_px.shape)
    closes = block.ts_open_ms + block.interval_ms
    hours = _hours(block)
    shape = (len(hours), len(block.symbols))
    due = HourlyFunding(hours, np.full(shape, np.nan), np.full(shape, np.nan))
    columns = {symbol: column for column, symbol in enumerate(block.symbols)}
    for index, symbol in enumerate(rates.symbols):
        if symbol not in columns:
            continue
        column = columns[symbol]
        mine = rates.symbol_index == index
        due_ms, rate = rates.ts_ms[mine], rates.values[mine, 0]
        last = np.searchsorted(due_ms, closes, side="right") - 1
        known = (last >= 0) & (closes - due_ms[last] <= RATE_AGE_MAX_MS)
        out[known, column] = rate[last[known]]
        hour = due_hours_ms(due_ms)
        place = np.searchsorted(hours, hour)
        fits = (due_ms - hour <= FUNDING_LATE_MS) & (place < len(hours))
        fits &= hours[np.minimum(place, len(hours) - 1)] == hour
        due.rate[place[fits], column] = rate[fits]
    if contexts is not None:
        _add_oracle(due, contexts, columns)
    part = replace(block, funding_rate_1h=out, funding=due)
    return replace(part, sha256=block_sha256(part))


def _hours(block: BarBlock) -> Ints:
    """Every full hour from the first open to the last close."""
    first = -(-int(block.ts_open_ms[0]) // HOUR_MS)
    last = (int(block.ts_open_ms[-1]) + block.interval_ms) // HOUR_MS
    return HOUR_MS * np.arange(first, last + 1, dtype=np.int64)


def _add_oracle(due: HourlyFunding, contexts: Rows, columns: dict[str, int]) -> None:
    """Write the last oracle price observed before each hour, unless it is too old."""
    for index, symbol in enumerate(contexts.symbols):
        if symbol not in columns:
            continue
        mine = contexts.symbol_index == index
        seen_ms, px = contexts.ts_ms[mine], contexts.values[mine, 1]
        last = np.searchsorted(seen_ms, due.ts_ms, side="right") - 1
        known = (last >= 0) & (due.ts_ms - seen_ms[last] <= ORACLE_AGE_MAX_MS)
        due.oracle_px[known, columns[symbol]] = px[last[known]]


def due_of(
    block: BarBlock, ts_close_ms: Ints, mark_px: Floats, after_ms: int
) -> tuple[Floats, Bools]:
    """(what a long unit pays at each instant, in USD; whether any does) for hours after `after_ms`.

    `mark_px[k+1]` is known at instant k and stands in for an oracle price that is not: the close of
    the hour where an instant falls on it, else the last one before.
    """
    shape = (len(ts_close_ms), len(block.symbols))
    funding = block.funding
    if funding is None or not len(ts_close_ms):
        return np.zeros(shape), np.zeros(shape[0], np.bool_)
    due_px = np.zeros(shape)
    inside = (funding.ts_ms > after_ms) & (funding.ts_ms <= ts_close_ms[-1])
    at = np.searchsorted(ts_close_ms, funding.ts_ms[inside], side="left")
    on_the_hour = (ts_close_ms[at] == funding.ts_ms[inside])[:, None]
    px = np.where(on_the_hour, mark_px[at + 1], mark_px[at])
    oracle = funding.oracle_px[inside]
    px = np.where(np.isnan(oracle), px, oracle)
    np.add.at(due_px, at, np.nan_to_num(funding.rate[inside]) * px)
    return due_px, (due_px != 0.0).any(axis=1)
