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


class DataReport(Body):
    """What a fetch found and stored; gaps are said here and never filled.

    When bad rows kept the fetch from storing anything, `stored` is false and the figures are those
    of the source's good rows.
    """

    folder: ClassVar[str] = "data_checks"
    kind: ClassVar[Literal["data-report"]] = "data-report"
    version: ClassVar[Literal[1]] = 1

    holds: Literal["candles", "funding"] = Field(description="What the rows are.")
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
    symbols: tuple[SymbolData, ...] = Field(description="Each stored symbol.")
