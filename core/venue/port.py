"""The port: what the rest of the house asks a venue for.

Symbols are the venue's names (`BTC`, `kPEPE`, `xyz:TSLA`); times are milliseconds since 1970, UTC.
All calls raise VenueError or one of `core.venue.faults`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from core.market.bars import Floats, Ints
from core.market.metadata import MarginTier

CANDLES_KEPT = 5_000
"""The venue keeps this many of the newest bars of each symbol and interval."""
FUNDING_ROWS_MAX = 500
"""A reply over a time range holds at most this many rows."""


@dataclass(frozen=True)
class Span:
    """From one instant up to, and without, another."""

    from_ms: int
    to_ms: int

    @property
    def length_ms(self) -> int:
        """Its length; 0 or less is an empty span."""
        return self.to_ms - self.from_ms


@dataclass(frozen=True)
class Page:
    """Rows of one reply inside the span that was asked for, ascending, no time twice.

    `values` has the columns of the series (bars: open, high, low, close, volume; funding: rate per
    hour, premium).  Rows that cannot be stored are left out and counted by reason; `last_ms` is the
    latest time in the span, of such a row too, and None when the span came back empty.
    """

    ts_ms: Ints
    values: Floats
    row_count: int
    last_ms: int | None
    duplicates: int = 0
    bad_counts: dict[str, int] = field(default_factory=dict)
    bad_example: str = ""

    @property
    def bad_count(self) -> int:
        """Rows that cannot be stored."""
        return sum(self.bad_counts.values())

    def before(self, end_ms: int) -> Page:
        """The rows whose time lies before `end_ms`; the counts stay those of the reply."""
        keep = self.ts_ms < end_ms
        if keep.all():
            return self
        return Page(
            self.ts_ms[keep],
            self.values[keep],
            self.row_count,
            self.last_ms,
            self.duplicates,
            self.bad_counts,
            self.bad_example,
        )


def empty_page(column_count: int) -> Page:
    """A page without rows."""
    return Page(np.zeros(0, np.int64), np.zeros((0, column_count)), 0, None)


@dataclass(frozen=True)
class Asset:
    """One perpetual of a universe; `margin_table_id` is None where the venue gives none."""

    symbol: str
    asset_index: int
    size_decimals: int
    leverage_max: float
    margin_table_id: int | None
    is_delisted: bool
    only_isolated: bool
    margin_mode: str


@dataclass(frozen=True)
class Universe:
    """All perpetuals of a dex (`""` is the venue's own), and its margin tables by their id."""

    dex: str
    assets: tuple[Asset, ...]
    margin_tables: dict[int, tuple[MarginTier, ...]]


@dataclass(frozen=True)
class AssetContext:
    """The state of one perpetual at an instant; None where the venue says null."""

    symbol: str
    mark_px: float
    oracle_px: float
    mid_px: float | None
    funding_rate_1h: float
    open_interest: float
    day_notional_usd: float
    premium: float | None


@dataclass(frozen=True)
class Snapshot:
    """A universe with the state of each of its assets, in the same order."""

    universe: Universe
    contexts: tuple[AssetContext, ...]


class MarketData(Protocol):
    """What can be read from a venue without an account."""

    async def time_ms(self) -> int:
        """The venue's own time."""
        ...

    async def dexs(self) -> tuple[str, ...]:
        """Names of the dexs; the first is `""`, the venue's own."""
        ...

    async def universe(self, dex: str) -> Universe:
        """The perpetuals of a dex and its margin tables."""
        ...

    async def snapshot(self, dex: str) -> Snapshot:
        """The same with the state of each perpetual."""
        ...

    async def candles(self, symbol: str, interval: str, span: Span) -> Page:
        """Bars that open in the span, the one still forming with them; older ones may be cut."""
        ...

    async def funding(self, symbol: str, span: Span) -> Page:
        """Funding payments by the hour at which they fell due, the first 500 of the span."""
        ...
