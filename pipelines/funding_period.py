"""Funding rates of a file as rates per hour, whatever period its source pays at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from core.errors import InputError, UsageError
from core.market.bars import DAY_MS, HOUR_MS, INTERVALS, Rows
from core.market.funding import period_hours


def hourly_rates(rows: Rows, interval: str, path: Path) -> Rows:
    """The rows with each rate divided by the hours of `interval`, the period it is paid for.

    The venue pays every hour; a source that pays every eight states what is owed for eight.  Read
    as hourly, its rates would be eight times too high, so a symbol whose payments do not come at
    the stated period is an InputError.
    """
    hours = _hours(interval)
    for index, symbol in enumerate(rows.symbols):
        found = period_hours(rows.ts_ms[rows.symbol_index == index])
        if found in (0, hours):
            continue
        named = f"{found}h"
        raise InputError(
            f"funding of {symbol} is paid every {found} hours in this file, not every {hours}",
            at=str(path),
            hint=f"state the period with --funding-interval {named}: each rate is divided by"
            f" {found} then"
            if named in INTERVALS
            else "give a file of one regular period, symbol by symbol if they differ",
        )
    values = rows.values.copy()
    values[:, 0] /= hours
    return replace(rows, values=values)


def _hours(interval: str) -> int:
    length_ms = INTERVALS.get(interval, 0)
    if length_ms < HOUR_MS or length_ms > DAY_MS:
        raise UsageError(
            f"--funding-interval {interval!r} is no period that funding is paid at",
            hint="take 1h, 2h, 4h, 8h, 12h or 1d",
        )
    return length_ms // HOUR_MS
