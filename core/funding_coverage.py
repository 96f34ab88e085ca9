"""How much of the funding that fell due on held positions was known.  Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from core.market.bars import HOUR_MS, BarBlock, Ints
from core.market.funding import HOURLY_SINCE_MS, HOURS_BEFORE_HOURLY
from core.simulate import Simulation


@dataclass(frozen=True)
class FundingCoverage:
    """Hours at which funding fell due on held positions, and of these the unknown, by symbol."""

    due_count: int
    missing: dict[str, int]

    @property
    def frac(self) -> float | None:
        """Share of the hours whose rate was known; None when none fell due."""
        if self.due_count == 0:
            return None
        return 1.0 - sum(self.missing.values()) / self.due_count


def funding_coverage(
    simulation: Simulation, block: BarBlock, charged: Collection[str]
) -> FundingCoverage:
    """What the positions of the `charged` symbols met.

    A position pays for the hours after its entry up to its last close, that included: an hour
    settles before the exits of its instant.  One taken over from a state counts from the beginning.
    """
    trades = simulation.trades
    began_ms = int(simulation.ts_close_ms[0]) - block.interval_ms
    due_count, missing = 0, {}
    for column, symbol in enumerate(simulation.symbols):
        rows = trades[trades["symbol"] == column]
        if not len(rows) or symbol not in charged:
            continue
        due = unknown = 0
        for position in np.unique(rows["position_id"]):
            own = rows[rows["position_id"] == position]
            since_ms = max(int(own["entry_ts_ms"][0]), began_ms)
            hours = _hours(since_ms, int(own["exit_ts_ms"].max()), synthetic=block.synthetic)
            due += len(hours)
            unknown += len(hours) - _known_count(block, symbol, hours)
        due_count += due
        if unknown:
            missing[symbol] = unknown
    return FundingCoverage(due_count, missing)


def _hours(after_ms: int, until_ms: int, *, synthetic: bool) -> Ints:
    """The hours at which funding fell due; the venue's own was eight-hourly at first."""
    hours = HOUR_MS * np.arange(after_ms // HOUR_MS + 1, until_ms // HOUR_MS + 1, dtype=np.int64)
    if synthetic:
        return hours
    eighth = hours % (HOURS_BEFORE_HOURLY * HOUR_MS) == 0
    kept: Ints = hours[eighth | (hours > HOURLY_SINCE_MS)]
    return kept


def _known_count(block: BarBlock, symbol: str, hours: Ints) -> int:
    funding = block.funding
    if funding is None:
        return 0
    known = funding.ts_ms[~np.isnan(funding.rate[:, block.symbols.index(symbol)])]
    return int(np.isin(hours, known).sum())
