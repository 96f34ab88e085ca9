"""What the venue says of a symbol: sizes, leverage, margin tiers, and when it was listed.  Pure.

Sources: Hyperliquid's `meta` (universe and marginTables) and its margin page.  Maintenance margin
is `notional x rate(tier) - deduction(tier)`, the rate half of the initial margin at the tier's
leverage, the deduction such that the sum has no step at a tier's lower bound.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True)
class MarginTier:
    """From `lower_bound_usd` of notional on, at most `leverage_max` times leverage."""

    lower_bound_usd: float
    leverage_max: float

    @property
    def maintenance_rate_frac(self) -> float:
        """Maintenance margin of a further dollar of notional in this tier."""
        return 1.0 / (2.0 * self.leverage_max)


@dataclass(frozen=True)
class SymbolMetadata:
    """One perpetual as the venue describes it.

    Sizes are multiples of 10 to the minus `size_decimals`.  `tiers` start at 0 USD and ascend.
    `listed_ms` and `delisted_ms` are None where nothing is known of them.
    """

    symbol: str
    size_decimals: int
    leverage_max: float
    tiers: tuple[MarginTier, ...]
    listed_ms: int | None = None
    delisted_ms: int | None = None


def deductions_usd(tiers: tuple[MarginTier, ...]) -> tuple[float, ...]:
    """What each tier's maintenance margin is reduced by, in USD; 0 for the first."""
    out = [0.0]
    for before, tier in itertools.pairwise(tiers):
        step = tier.maintenance_rate_frac - before.maintenance_rate_frac
        out.append(out[-1] + tier.lower_bound_usd * step)
    return tuple(out)


def maintenance_usd(tiers: tuple[MarginTier, ...], notional_usd: float) -> float:
    """Maintenance margin of a position of that notional, in USD."""
    at = max(k for k, tier in enumerate(tiers) if tier.lower_bound_usd <= notional_usd)
    return notional_usd * tiers[at].maintenance_rate_frac - deductions_usd(tiers)[at]
