"""The data report of a fetch, and the limits that `--require` sets on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.clock import utc_iso
from core.errors import RefusedError, UsageError
from core.market.bars import Floats, Ints, block_from_rows, interval_to_ms, nearest, rows_sha256
from core.market.quality import (
    OUTLIER_MOVE_FRAC,
    OUTLIER_RATE_FRAC,
    OUTLIER_SIGMAS,
    VOLUME,
    Outliers,
    find_gaps,
    find_outliers,
    find_rate_outliers,
)
from core.store import candles, contexts, funding
from core.store.series import IngestCounts, Origin, StoredRows
from pipelines.rows import FileRows, Holds
from schemas.fetch import DataReport, IngestReport, SourceRows, SymbolData

# What `--require` may limit: fields of the report, and whether the limit is the least allowed.
LIMITS: dict[str, bool] = {
    "symbol_count": True,
    "bars": True,
    "bars_fewest": True,
    "gaps": False,
    "missing_bars": False,
    "gap_longest_bars": False,
    "outliers": False,
    "zero_volume_bars": False,
    "bad_rows": False,
    "duplicates": False,
    "crossed_ohlc": False,
}
INSTANT_MS = 1 << 62
IN_SOURCE = ("duplicates", "crossed_ohlc")


@dataclass(frozen=True)
class Limit:
    """One `--require NAME=NUMBER`: the most allowed, or the least where `is_least`."""

    name: str
    value: int
    is_least: bool


def limits_of(require: Sequence[str]) -> list[Limit]:
    """The limits of `--require`; each text may hold several with commas between them.

    Raises UsageError for an unknown name or a value that is no count.
    """
    limits = []
    for part in ",".join(require).split(","):
        if not part.strip():
            continue
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in LIMITS:
            near = nearest(name, tuple(LIMITS), 1)
            raise UsageError(
                f"--require knows no limit {name!r}",
                at=f"--require {part.strip()}",
                hint=f"did you mean {near[0]}?" if near else f"known: {', '.join(LIMITS)}",
            )
        if not value.isdecimal():
            raise UsageError(
                f"--require {name} was {value!r}, it must be a whole number from 0 on",
                at=f"--require {part.strip()}",
                hint=f"for example --require {name}=0",
            )
        limits.append(Limit(name, int(value), LIMITS[name]))
    return limits


def broken_limits(report: DataReport, limits: Sequence[Limit]) -> list[str]:
    """One phrase per limit that the report breaks."""
    broken = []
    for limit in limits:
        holder = report.source_rows if limit.name in IN_SOURCE else report
        actual = int(getattr(holder, limit.name))
        if limit.is_least and actual < limit.value:
            broken.append(f"{limit.name} is {actual}, at least {limit.value} required")
        elif not limit.is_least and actual > limit.value:
            broken.append(f"{limit.name} is {actual}, at most {limit.value} allowed")
    return broken


def limits_refusal(report: DataReport, limits: Sequence[Limit], path: Path) -> RefusedError | None:
    """The answer of a fetch whose report, at `path`, breaks limits; None when it breaks none."""
    broken = broken_limits(report, limits)
    if not broken:
        return None
    return RefusedError(
        f"the data breaks {len(broken)} of {len(limits)} limits: {'; '.join(broken)}",
        at=str(path),
        hint=f"`perpkit show {path}` lists each symbol; mend the data or the --require",
    )


def stored_series(store: Path, holds: Holds, interval: str) -> StoredRows:
    """The whole series that the store holds."""
    if holds == "candles":
        return candles.load_rows(store, interval)
    return funding.load(store) if holds == "funding" else contexts.load(store)


def report_of(
    series: StoredRows,
    holds: Holds,
    interval: str,
    origin: Origin,
    source: FileRows,
    counts: IngestCounts | None,
) -> DataReport:
    """What the whole series looks like after the fetch, and what the source held.

    Without `counts` nothing was stored, and the series is that of the source's good rows.
    """
    # Contexts are instants: nothing is expected between two of them.
    unit_ms = INSTANT_MS if holds == "contexts" else interval_to_ms(interval)
    symbols = _symbols(series, holds, unit_ms, source)
    return DataReport(
        holds=holds,
        interval=interval,
        source=origin.source,
        stored=counts is not None,
        store_sha256=_digest(series, holds, interval),
        first_utc=min((symbol.first_utc for symbol in symbols), default=None),
        last_utc=max((symbol.last_utc for symbol in symbols), default=None),
        symbol_count=len(symbols),
        bars=sum(symbol.bars for symbol in symbols),
        bars_fewest=min((symbol.bars for symbol in symbols), default=0),
        gaps=sum(symbol.gaps for symbol in symbols),
        missing_bars=sum(symbol.missing_bars for symbol in symbols),
        gap_longest_bars=max((symbol.gap_longest_bars for symbol in symbols), default=0),
        outliers=sum(symbol.outliers for symbol in symbols),
        outlier_sigmas=OUTLIER_SIGMAS,
        outlier_move_frac=OUTLIER_MOVE_FRAC if holds == "candles" else OUTLIER_RATE_FRAC,
        zero_volume_bars=sum(symbol.zero_volume_bars for symbol in symbols),
        bad_rows=sum(source.bad_counts.values()),
        source_rows=SourceRows(
            rows=source.row_count,
            duplicates=source.duplicates,
            unclosed=source.unclosed,
            **source.bad_counts,
        ),
        ingest=IngestReport(**asdict(counts or IngestCounts(0, 0, 0))),
        symbols=symbols,
    )


def fetch_line(report: DataReport, counts: IngestCounts) -> str:
    """One line about a fetch, for a person who watches it end."""
    if not report.stored:
        return (
            f"fetch {report.holds} {report.interval}: nothing stored; {report.bad_rows:,} of"
            f" {report.source_rows.rows:,} rows are bad, {report.bars:,} are good"
        )
    changed = counts.inserted or counts.revised
    revised = f", {counts.revised:,} revised" if counts.revised else ""
    return (
        f"fetch {report.holds} {report.interval}: "
        + (f"{counts.inserted:,} stored{revised}, " if changed else "store unchanged, ")
        + f"{counts.unchanged:,} were there; now {report.symbol_count} symbols,"
        f" {report.bars:,} rows, {report.first_utc} to {report.last_utc}, gaps: {report.gaps},"
        f" outliers: {report.outliers}"
    )


def _digest(series: StoredRows, holds: Holds, interval: str) -> str:
    if holds == "candles" and len(series.rows):
        return block_from_rows(series.rows, interval, synthetic=series.synthetic).sha256
    return rows_sha256(series.rows)


def _symbols(
    stored: StoredRows, holds: Holds, interval_ms: int, source: FileRows
) -> tuple[SymbolData, ...]:
    rows = stored.rows
    edges = np.searchsorted(rows.symbol_index, np.arange(len(rows.symbols) + 1)).tolist()
    return tuple(
        _symbol(
            name,
            rows.ts_ms[edges[at] : edges[at + 1]],
            rows.values[edges[at] : edges[at + 1]],
            holds,
            interval_ms,
            source,
        )
        for at, name in enumerate(rows.symbols)
    )


def _symbol(
    name: str, ts_ms: Ints, values: Floats, holds: Holds, interval_ms: int, source: FileRows
) -> SymbolData:
    gaps = find_gaps(ts_ms, interval_ms)
    if holds == "candles":
        outliers = find_outliers(ts_ms, values, interval_ms)
        still = int((values[:, VOLUME] == 0.0).sum())
    elif holds == "funding":
        outliers, still = find_rate_outliers(values[:, 0]), 0
    else:
        outliers, still = Outliers(0, 0.0, -1), 0
    worst = outliers.move_max_index
    return SymbolData(
        symbol=name,
        first_utc=utc_iso(int(ts_ms[0])),
        last_utc=utc_iso(int(ts_ms[-1])),
        bars=len(ts_ms),
        gaps=gaps.count,
        missing_bars=gaps.missing_bars,
        gap_longest_bars=gaps.longest_bars,
        outliers=outliers.count,
        move_frac_max=outliers.move_frac_max,
        move_max_utc=utc_iso(int(ts_ms[worst])) if worst >= 0 else None,
        zero_volume_bars=still,
        duplicates=source.symbol_duplicates.get(name, 0),
        crossed_ohlc=source.symbol_crossed.get(name, 0),
        bad_rows=source.symbol_bad.get(name, 0),
    )
