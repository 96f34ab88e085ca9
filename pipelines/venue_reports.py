"""What a fetch from the venue did: a report for each series, warnings, and the error if any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from core.artifacts.hashing import canonical_json, sha256_hex
from core.artifacts.manifest import RunningCommand
from core.artifacts.tree import Run, write_artifact
from core.clock import Clock, utc_iso
from core.errors import PerpkitError, VenueError
from core.market.bars import DAY_MS, Ints
from core.market.metadata import SymbolMetadata
from core.store import metadata
from core.store.contexts import KEY_INTERVAL
from core.store.series import IngestCounts, Origin, Revision, StoredRows
from core.venue.port import CANDLES_KEPT
from pipelines.data_report import (
    Limit,
    fetch_line,
    limits_refusal,
    report_of,
    stored_series,
)
from pipelines.rows import Holds
from pipelines.venue_options import VenueRequest
from pipelines.venue_series import Found, Series
from schemas.artifact import Body, Source
from schemas.fetch import (
    DataReport,
    Failure,
    Lack,
    RevisedRow,
    UniverseReport,
    UniverseSymbol,
)

REVISED_SHOWN = 100
NAMED = 5


@dataclass
class SeriesOutcome:
    """What became of one series: what its pages held, which symbols failed, what was revised."""

    series: Series
    found: Found
    since_ms: int | None
    failures: dict[str, VenueError] = field(default_factory=dict)
    revisions: list[Revision] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of a fetch; `dead` is the error that ended it before its end."""

    now_ms: int = 0
    symbols: tuple[str, ...] = ()
    has_universe: bool = False
    universe_failures: dict[str, VenueError] = field(default_factory=dict)
    contexts: IngestCounts | None = None
    series: list[SeriesOutcome] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    dead: VenueError | None = None


@dataclass(frozen=True)
class VenueResult:
    """Report files, lines for a person, the figures as plain data, and why it is refused."""

    paths: list[Path]
    lines: list[str]
    data: dict[str, object]
    warnings: list[str]
    refusal: PerpkitError | None


def report_all(
    request: VenueRequest,
    outcome: Outcome,
    origin: Origin,
    limits: Sequence[Limit],
    running: RunningCommand,
    clock: Clock,
) -> VenueResult:
    """Write a report for each series that has rows, and say what the user must know.

    Raises the error that ended the fetch when there is nothing to report at all.
    """
    writer = _Writer(request, running, origin, clock)
    refusal: PerpkitError | None = None
    warnings, lines, figures = list(outcome.warnings), [], []
    if outcome.has_universe:
        about = universe_report(request.store, origin, outcome)
        writer.write("universe", about)
        lines.append(
            f"fetch universe: {about.symbol_count} symbols, {about.delisted_count} delisted,"
            f" {about.dated_count} with a known listing"
        )
        if about.failures:
            names = _named([failure.symbol for failure in about.failures])
            warnings.append(f"universe: {len(about.failures)} symbols failed ({names})")
    for report, counts, more in _data_reports(request, outcome, origin):
        path = writer.write("-".join(["fetch", report.holds, report.interval]), report)
        lines.append(fetch_line(report, counts))
        warnings += more
        figures.append(_figures(report, counts))
        refusal = refusal or limits_refusal(report, limits, path)
    if outcome.dead is not None and not writer.paths:
        raise outcome.dead
    refusal = _error(outcome) or refusal
    if refusal is not None:
        running.exit_code = refusal.exit_code
    data: dict[str, object] = {
        "store": str(request.store),
        "symbols": list(outcome.symbols),
        "series": figures,
    }
    return VenueResult(writer.paths, lines, data, warnings, refusal)


def _data_reports(
    request: VenueRequest, outcome: Outcome, origin: Origin
) -> list[tuple[DataReport, IngestCounts, list[str]]]:
    """Each report with what changed and its warnings; a series without a row has none."""
    out: list[tuple[DataReport, IngestCounts, list[str]]] = []
    if outcome.contexts is not None and outcome.contexts.inserted + outcome.contexts.unchanged:
        stored = stored_series(request.store, "contexts", KEY_INTERVAL)
        empty = Found(row_count=outcome.contexts.inserted + outcome.contexts.unchanged)
        report = _report(stored, "contexts", KEY_INTERVAL, origin, empty, outcome.contexts)
        out.append((report, outcome.contexts, []))
    symbols_known = metadata.load(request.store)
    for done in outcome.series:
        if not done.series.path.is_file():
            continue
        series, counts = done.series, done.found.counts
        stored = stored_series(request.store, series.holds, series.interval)
        report = _report(stored, series.holds, series.interval, origin, done.found, counts)
        kept_ms = series.kept_from_ms(outcome.now_ms)
        lacks = lacks_of(done, stored, outcome, symbols_known)
        report = report.model_copy(
            update={
                "kept_from_utc": utc_iso(kept_ms) if kept_ms else None,
                "lacks": lacks,
                "failures": _failures(done.failures),
                "revised_rows": tuple(_revised(row) for row in done.revisions[:REVISED_SHOWN]),
            }
        )
        out.append((report, counts, _warnings(report, done)))
    return out


def _report(
    stored: StoredRows,
    holds: Holds,
    interval: str,
    origin: Origin,
    found: Found,
    counts: IngestCounts,
) -> DataReport:
    return report_of(stored, holds, interval, origin, found.file_rows(), counts)


def lacks_of(
    done: SeriesOutcome,
    stored: StoredRows,
    outcome: Outcome,
    known: Mapping[str, SymbolMetadata],
) -> tuple[Lack, ...]:
    """What `--since` wanted of bars older than the venue keeps and the store has not.

    Nothing is lacking before a listing.  Where that is not known, a symbol whose bars begin inside
    of what the venue keeps counts as listed then.
    """
    series, since_ms = done.series, done.since_ms
    kept_ms, unit_ms = series.kept_from_ms(outcome.now_ms), series.unit_ms
    if since_ms is None or since_ms >= kept_ms:
        return ()
    out = []
    edges = np.searchsorted(stored.rows.symbol_index, np.arange(len(stored.rows.symbols) + 1))
    for at, symbol in enumerate(stored.rows.symbols):
        if symbol not in outcome.symbols:
            continue
        ts_ms: Ints = stored.rows.ts_ms[edges[at] : edges[at + 1]]
        about = known.get(symbol)
        listed_ms = about.listed_ms if about is not None else None
        if listed_ms is None and ts_ms[0] > kept_ms + unit_ms:
            continue
        begin_ms = max(since_ms, listed_ms or 0)
        end_ms = min(kept_ms, (about.delisted_ms if about is not None else None) or kept_ms)
        wanted = np.arange(-(-begin_ms // unit_ms) * unit_ms, end_ms, unit_ms)
        missing = wanted[~np.isin(wanted, ts_ms)]
        if len(missing):
            first, last = int(missing[0]), int(missing[-1]) + unit_ms
            out.append(
                Lack(
                    symbol=symbol,
                    from_utc=utc_iso(first),
                    to_utc=utc_iso(last),
                    bars=len(missing),
                )
            )
    return tuple(out)


def universe_report(store: Path, origin: Origin, outcome: Outcome) -> UniverseReport:
    """What is known of all symbols after the fetch."""
    states, known = metadata.known(store).states, metadata.load(store)
    symbols = tuple(
        UniverseSymbol(
            symbol=symbol,
            size_decimals=about.size_decimals,
            leverage_max=about.leverage_max,
            tiers=tuple((tier.lower_bound_usd, tier.leverage_max) for tier in about.tiers),
            margin_mode=states[symbol].margin_mode,
            is_delisted=states[symbol].is_delisted or not states[symbol].is_there,
            listed_utc=None if about.listed_ms is None else utc_iso(about.listed_ms),
            delisted_utc=None if about.delisted_ms is None else utc_iso(about.delisted_ms),
        )
        for symbol, about in sorted(known.items())
    )
    return UniverseReport(
        source=origin.source,
        symbol_count=len(symbols),
        delisted_count=sum(symbol.is_delisted for symbol in symbols),
        dated_count=sum(symbol.listed_utc is not None for symbol in symbols),
        failures=_failures(outcome.universe_failures),
        symbols=symbols,
    )


@dataclass
class _Writer:
    """Writes reports into the run; the same facts again meet their own file."""

    request: VenueRequest
    running: RunningCommand
    origin: Origin
    clock: Clock
    paths: list[Path] = field(default_factory=list)

    def write(self, name: str, report: Body) -> Path:
        """Path of the report.

        Its name carries what it says, but for what this one fetch happened to ask and insert.
        """
        said = report.model_dump(mode="json", exclude={"ingest", "source_rows"})
        digest = sha256_hex(canonical_json(said))[:8]
        run: Run = self.running.run
        named = f"{name}-{self.origin.sha256[:8]}-{digest}"
        path = run.path(type(report).folder, f"{named}.json")
        if not path.exists() or self.request.force:
            source = Source(path=self.origin.source, sha256=self.origin.sha256)
            path = write_artifact(
                run,
                report,
                name=named,
                sources=[source],
                synthetic=False,
                clock=self.clock,
                force=self.request.force,
            )
        self.paths.append(path)
        self.running.outputs.append(path)
        return path


def _error(outcome: Outcome) -> PerpkitError | None:
    """The error of the whole fetch: the dead network, or the symbols that failed."""
    if outcome.dead is not None:
        return outcome.dead
    failed = dict(outcome.universe_failures)
    for done in outcome.series:
        failed |= done.failures
    if not failed:
        return None
    first = next(iter(failed))
    if len(failed) == 1:
        return failed[first]
    others = ", ".join(list(failed)[1 : NAMED + 1]) + (", ..." if len(failed) > NAMED + 1 else "")
    return VenueError(
        f"{len(failed)} symbols could not be fetched to their end; {first}: {failed[first].what}",
        at=f"{failed[first].at}; also {others}",
        hint="the others are stored; the report names each, and the same command goes on with what"
        " is missing",
    )


def _warnings(report: DataReport, done: SeriesOutcome) -> list[str]:
    """What the user should know of one series."""
    out, name = [], f"{report.holds} {report.interval}"
    if report.bad_rows:
        out.append(f"{name}: bad rows: {report.bad_rows}, not stored; {done.found.bad_examples[0]}")
    if report.lacks:
        bars = sum(lack.bars for lack in report.lacks)
        days = CANDLES_KEPT * done.series.unit_ms // DAY_MS
        out.append(
            f"{name}: the venue keeps the newest {CANDLES_KEPT:,} bars, from"
            f" {report.kept_from_utc} on; {bars:,} older bars of {len(report.lacks)} symbols are"
            f" missing ({_named([lack.symbol for lack in report.lacks])}); files fill them"
            f" (--from-file), and fetching at least every {days} days keeps what comes"
        )
    if report.ingest.revised:
        first = report.revised_rows[0]
        out.append(
            f"{name}: {report.ingest.revised} stored rows were revised, the first {first.symbol}"
            f" {first.at_utc}; old and new values are in the report and on record in the store"
        )
    if report.failures:
        names = _named([failure.symbol for failure in report.failures])
        out.append(f"{name}: {len(report.failures)} symbols failed ({names})")
    if report.gaps:
        out.append(
            f"{name}: gaps: {report.gaps}, with {report.missing_bars} missing rows, the longest of"
            f" {report.gap_longest_bars}; they are not filled"
        )
    if report.outliers:
        out.append(f"{name}: outliers: {report.outliers}; the report names the largest moves")
    return out


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _failures(errors: Mapping[str, VenueError]) -> tuple[Failure, ...]:
    return tuple(Failure(symbol=symbol, what=errors[symbol].what) for symbol in sorted(errors))


def _revised(row: Revision) -> RevisedRow:
    return RevisedRow(symbol=row.symbol, at_utc=utc_iso(row.ts_ms), old=row.old, new=row.new)


def _figures(report: DataReport, counts: IngestCounts) -> dict[str, object]:
    names = ("holds", "interval", "symbol_count", "bars", "gaps", "missing_bars", "outliers")
    return {
        **{name: getattr(report, name) for name in names},
        "store_sha256": report.store_sha256,
        "bad_rows": report.bad_rows,
        "lacks": len(report.lacks),
        "failures": len(report.failures),
        "ingest": asdict(counts),
    }
