"""The data report: what a fetch found in its source and what the store holds after it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.artifact import SHA256_PATTERN, UTC_PATTERN, Body
from schemas.base import Strict


class IngestReport(Strict):
    """What the fetch changed in the store."""

    inserted: int = Field(ge=0, description="Rows added.")
    unchanged: int = Field(ge=0, description="Rows that were stored already with these values.")
    revised: int = Field(ge=0, description="Stored rows changed by --revise, old values kept.")


class SourceRows(Strict):
    """What the source held, row by row; rows that are not stored are counted by the reason."""

    rows: int = Field(ge=0, description="All rows of the source.")
    duplicates: int = Field(ge=0, description="Rows that repeat another one exactly; stored once.")
    unclosed: int = Field(ge=0, description="Rows whose bar had not closed yet; left out.")
    unnamed: int = Field(ge=0, description="Bad: no usable symbol or time.")
    misaligned: int = Field(ge=0, description="Bad: time off the interval's grid.")
    not_finite: int = Field(ge=0, description="Bad: a value is missing, NaN or infinite.")
    not_positive: int = Field(ge=0, description="Bad: a price at or below zero, or volume below.")
    crossed_ohlc: int = Field(ge=0, description="Bad: open or close outside of low to high.")


class SymbolData(Strict):
    """One symbol: its rows in the store, and the odd rows that its source had."""

    symbol: str = Field(min_length=1)
    first_utc: str = Field(pattern=UTC_PATTERN, description="Open time of the first stored bar.")
    last_utc: str = Field(pattern=UTC_PATTERN, description="Open time of the last stored bar.")
    bars: int = Field(ge=1, description="Stored bars (funding: rates).")
    gaps: int = Field(ge=0, description="Stretches without bars between first and last.")
    missing_bars: int = Field(ge=0, description="Bars missing in all gaps.")
    gap_longest_bars: int = Field(ge=0, description="Bars missing in the longest gap.")
    outliers: int = Field(ge=0, description="Bars that moved beyond both outlier limits.")
    move_frac_max: float = Field(
        ge=0, description="Largest move from the previous close (funding: rate from the median)."
    )
    move_max_utc: str | None = Field(description="Open time of that bar; null without neighbours.")
    zero_volume_bars: int = Field(ge=0, description="Stored bars without trades.")
    duplicates: int = Field(ge=0, description="Exact repeats in the source.")
    crossed_ohlc: int = Field(ge=0, description="Crossed rows in the source; not stored.")
    bad_rows: int = Field(ge=0, description="Rows of the source not stored, crossed included.")


class Lack(Strict):
    """Bars of one symbol that were wanted, are not stored, and that the venue no longer keeps."""

    symbol: str = Field(min_length=1)
    from_utc: str = Field(pattern=UTC_PATTERN, description="Open time of the first missing bar.")
    to_utc: str = Field(pattern=UTC_PATTERN, description="Open time after the last missing bar.")
    bars: int = Field(ge=1, description="Bars missing in between, at most.")


class RevisedRow(Strict):
    """A stored row that the source now gives otherwise; both are on record in the store."""

    symbol: str = Field(min_length=1)
    at_utc: str = Field(pattern=UTC_PATTERN, description="Time of the row.")
    old: tuple[float | None, ...] = Field(description="Values before, in the order of the columns.")
    new: tuple[float | None, ...] = Field(description="Values now.")


class Failure(Strict):
    """One symbol that could not be fetched to its end, and why."""

    symbol: str = Field(min_length=1)
    what: str = Field(min_length=1, description="The error.")


class DataReport(Body):
    """What a fetch found and stored; gaps are said here and never filled.

    When bad rows kept the fetch from storing anything, `stored` is false and the figures are those
    of the source's good rows.
    """

    folder: ClassVar[str] = "data_checks"
    kind: ClassVar[Literal["data-report"]] = "data-report"
    version: ClassVar[Literal[1]] = 1

    holds: Literal["candles", "funding", "contexts"] = Field(description="What the rows are.")
    interval: str = Field(min_length=1, description="Bar length; of funding, the expected period.")
    source: str = Field(min_length=1, description="Name of the source.")
    stored: bool = Field(
        default=True, description="False when bad rows kept the source out of the store."
    )
    store_sha256: str = Field(
        pattern=SHA256_PATTERN, description="Logical content of the whole series after the fetch."
    )
    first_utc: str | None = Field(
        pattern=UTC_PATTERN, description="Earliest stored open time; null without bars."
    )
    last_utc: str | None = Field(
        pattern=UTC_PATTERN, description="Latest stored open time; null without bars."
    )
    symbol_count: int = Field(ge=0, description="Symbols stored.")
    bars: int = Field(ge=0, description="Bars stored, all symbols.")
    bars_fewest: int = Field(ge=0, description="Bars of the symbol that has fewest.")
    gaps: int = Field(ge=0, description="Gaps, all symbols.")
    missing_bars: int = Field(ge=0, description="Bars missing in gaps, all symbols.")
    gap_longest_bars: int = Field(
        ge=0, description="Bars missing in the longest gap of any symbol."
    )
    outliers: int = Field(ge=0, description="Outliers, all symbols.")
    outlier_sigmas: float = Field(gt=0, description="Outlier limit in robust sigmas.")
    outlier_move_frac: float = Field(gt=0, description="Outlier limit as a move.")
    zero_volume_bars: int = Field(ge=0, description="Bars without trades, all symbols.")
    bad_rows: int = Field(ge=0, description="Bad rows in the source, by any reason.")
    source_rows: SourceRows = Field(description="What the source held.")
    ingest: IngestReport = Field(description="What changed in the store.")
    kept_from_utc: str | None = Field(
        default=None,
        pattern=UTC_PATTERN,
        description="The venue keeps no bars before this; null for other sources.",
    )
    lacks: tuple[Lack, ...] = Field(
        default=(), description="What was asked for, is not stored, and the venue cannot give."
    )
    revised_rows: tuple[RevisedRow, ...] = Field(
        default=(), description="The first rows that this fetch revised."
    )
    failures: tuple[Failure, ...] = Field(
        default=(), description="Symbols that could not be fetched to their end."
    )
    symbols: tuple[SymbolData, ...] = Field(description="Each stored symbol.")


class UniverseSymbol(Strict):
    """One perpetual as the venue describes it."""

    symbol: str = Field(min_length=1)
    size_decimals: int = Field(ge=0, description="Sizes are multiples of 10 to the minus this.")
    leverage_max: float = Field(ge=1, description="Most leverage at entry.")
    tiers: tuple[tuple[float, float], ...] = Field(
        description="Margin tiers: from this notional in USD on, at most that leverage."
    )
    margin_mode: str = Field(description="`noCross`, `strictIsolated`, or empty for any.")
    is_delisted: bool = Field(description="Delisted, or gone from its universe.")
    listed_utc: str | None = Field(
        pattern=UTC_PATTERN, description="Open of the first daily bar with trades, where known."
    )
    delisted_utc: str | None = Field(
        pattern=UTC_PATTERN, description="Close of the last one, or first seen so; null if listed."
    )


class UniverseReport(Body):
    """What is known of the venue's symbols after a fetch."""

    folder: ClassVar[str] = "data_checks"
    kind: ClassVar[Literal["universe-report"]] = "universe-report"
    version: ClassVar[Literal[1]] = 1

    source: str = Field(min_length=1, description="Name of the source.")
    symbol_count: int = Field(ge=0, description="Symbols ever seen.")
    delisted_count: int = Field(ge=0, description="Of these, delisted or gone.")
    dated_count: int = Field(ge=0, description="Of these, with a known listing time.")
    failures: tuple[Failure, ...] = Field(
        description="Symbols about which nothing was stored, and why."
    )
    symbols: tuple[UniverseSymbol, ...] = Field(description="Each symbol.")
