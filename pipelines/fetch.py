"""Fetch: rows of a file or of a synthetic market into the store, and a data report about both."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from core.artifacts.hashing import canonical_json, sha256_file, sha256_hex
from core.artifacts.manifest import running_command
from core.artifacts.tree import Run, read_artifact, write_artifact
from core.clock import Clock
from core.errors import InputError, PerpkitError, UsageError
from core.market.bars import Rows, interval_to_ms
from core.market.metadata import SymbolMetadata
from core.market.quality import REASONS
from core.market.synthetic import MarketSpec, synthetic_market
from core.store import candles, funding, metadata
from core.store.series import IngestCounts, Origin, StoredRows
from pipelines.data_report import Limit, limits_of, limits_refusal, report_of, stored_series
from pipelines.funding_period import hourly_rates
from pipelines.rows import FileRows, Holds, read_rows
from schemas.artifact import Source
from schemas.fetch import DataReport

Note = Callable[[str], None]
HOLDS: tuple[Holds, ...] = ("candles", "funding")


@dataclass(frozen=True)
class FetchRequest:
    """What the command line asked for; exactly one of `from_file` and `synthetic` is given."""

    store: Path
    root: Path
    interval: str = "1h"
    holds: str = "candles"
    from_file: Path | None = None
    synthetic: MarketSpec | None = None
    source: str = ""
    revise_reason: str = ""
    skip_bad: bool = False
    require: tuple[str, ...] = ()
    funding_interval: str = "1h"
    run_id: str | None = None
    force: bool = False


@dataclass(frozen=True)
class FetchedSeries:
    """One series that was stored: its report as file and body, and what changed."""

    path: Path
    report: DataReport
    counts: IngestCounts

    def summary(self) -> dict[str, object]:
        """The figures that a script wants, as plain JSON."""
        names = ("symbol_count", "bars", "gaps", "missing_bars", "outliers", "bad_rows")
        return {
            "store_sha256": self.report.store_sha256,
            "ingest": asdict(self.counts),
            **{name: getattr(self.report, name) for name in names},
        }


@dataclass(frozen=True)
class FetchResult:
    """What was stored, what the user should know, and why it is refused.

    A file is one series; a synthetic market is its candles of each interval, then its funding.
    """

    series: list[FetchedSeries]
    warnings: list[str] = field(default_factory=list)
    refusal: PerpkitError | None = None

    def summary(self) -> dict[str, object]:
        """The figures of the first series, and below `series` those of each when there are more."""
        first = self.series[0].summary()
        if len(self.series) == 1:
            return first
        each = [
            {"holds": one.report.holds, "interval": one.report.interval, **one.summary()}
            for one in self.series
        ]
        return {**first, "series": each}


@dataclass(frozen=True)
class _Found:
    """Rows of one series at hand with where they come from."""

    holds: Holds
    interval: str
    file_rows: FileRows
    origin: Origin
    place: str
    metadata: tuple[SymbolMetadata, ...] = ()

    @property
    def bad_count(self) -> int:
        """Rows that cannot be stored."""
        return sum(self.file_rows.bad_counts.values())

    @property
    def more(self) -> str:
        """What stands after the examples when they are not all."""
        return "" if self.bad_count == len(self.file_rows.bad_examples) else "; ..."


def run(request: FetchRequest, clock: Clock, note: Note) -> FetchResult:
    """Store the rows and write the data report into the run.

    The ingest of a series is one transaction.  A second fetch of the same rows changes nothing.  A
    broken `--require` limit does not undo it: the result carries the refusal.  A source with bad
    rows is not stored at all unless they are to be skipped: the result then carries the report of
    what was found and the InputError.  Raises InputError for other values than stored.
    """
    holds = _holds(request.holds)
    limits = limits_of(request.require)
    found = _find(request, holds, clock, note)
    for each in found:
        if not _is_refused(request, each) and not len(each.file_rows.rows):
            raise InputError(
                f"the source has no usable {each.holds}: {_rejects(each.file_rows)}",
                at=each.place,
                hint="give a file with closed bars",
            )
    with running_command(
        request.root, clock, request.run_id, command="fetch", argv=sys.argv[1:]
    ) as running:
        done = [_store(request, each, running.run, clock) for each in found]
        running.outputs.extend(one.path for one in done)
        refusal = _refusal(request, done, found, holds, limits)
        if refusal is not None:
            running.exit_code = refusal.exit_code
    warnings = [
        warning
        for one, each in zip(done, found, strict=True)
        for warning in _warnings(one.report, each)
    ]
    if request.synthetic is not None:
        warnings.append("this store is synthetic, and so is everything that is made from it")
    return FetchResult(done, warnings, refusal)


def _is_refused(request: FetchRequest, found: _Found) -> bool:
    """True if bad rows keep the source out of the store."""
    return bool(found.bad_count) and not request.skip_bad


def _store(request: FetchRequest, found: _Found, run: Run, clock: Clock) -> FetchedSeries:
    """The series in the store, unless bad rows keep it out, and its report in the run."""
    counts = None
    series = StoredRows(found.file_rows.rows, found.origin.synthetic)
    if not _is_refused(request, found):
        counts = _ingest(request, found, clock)
        if found.metadata:
            metadata.add_described(request.store, found.metadata, found.origin, clock)
        series = stored_series(request.store, found.holds, found.interval)
    report = report_of(series, found.holds, found.interval, found.origin, found.file_rows, counts)
    path = _write(request, run, report, found, clock)
    return FetchedSeries(path, report, counts or IngestCounts(0, 0, 0))


def _refusal(
    request: FetchRequest,
    done: list[FetchedSeries],
    found: list[_Found],
    holds: Holds,
    limits: list[Limit],
) -> PerpkitError | None:
    """Why the data is refused: the first limit that a series of that kind breaks, or bad rows."""
    for one in done:
        broken = limits_refusal(one.report, limits, one.path) if one.report.holds == holds else None
        if broken is not None:
            return broken
    for one, each in zip(done, found, strict=True):
        if _is_refused(request, each):
            return _bad_rows_error(each, one.path)
    return None


def _holds(text: str) -> Holds:
    for known in HOLDS:
        if text == known:
            return known
    raise UsageError(f"--kind {text!r} is not known", hint=f"take one of {', '.join(HOLDS)}")


def _find(request: FetchRequest, holds: Holds, clock: Clock, note: Note) -> list[_Found]:
    """The rows of the request's source, series by series."""
    if request.synthetic is not None:
        if request.from_file is not None or holds != "candles":
            raise UsageError(
                "a synthetic market makes candles and funding of its own",
                hint="leave out --from-file and --kind, or leave out --synthetic",
            )
        return _made_up(request.synthetic, request.interval.split(","), request.source, note)
    interval_ms = interval_to_ms(request.interval)
    path = request.from_file
    if path is None:
        raise UsageError("there is nothing to fetch", hint="give --from-file PATH or --synthetic")
    found = read_rows(path, holds, interval_ms, clock.now_ms())
    if holds == "funding":
        found = replace(found, rows=hourly_rates(found.rows, request.funding_interval, path))
    origin = Origin(
        request.source or path.name, sha256_file(path), revise_reason=request.revise_reason
    )
    return [_Found(holds, request.interval, found, origin, place=str(path))]


def _made_up(spec: MarketSpec, intervals: list[str], source: str, note: Note) -> list[_Found]:
    """The candles of a synthetic market at each interval, then its funding."""
    digest = sha256_hex(canonical_json(spec.identity()))
    origin = Origin(source or f"synthetic seed {spec.seed}", digest, synthetic=True)
    note(
        f"generating {spec.symbol_count} symbols x {spec.bar_count:,} bars of {spec.interval},"
        f" seed {spec.seed}, edge {spec.edge:g}"
    )
    market = synthetic_market(spec, intervals)
    series: list[tuple[Holds, str, Rows]] = [
        ("candles", interval, rows) for interval, rows in market.candles.items()
    ]
    if len(market.funding):
        series.append(("funding", funding.KEY_INTERVAL, market.funding))
    nothing: dict[str, int] = {}
    rules = market.metadata
    return [
        _Found(
            holds,
            interval,
            FileRows(
                rows, len(rows), 0, 0, dict.fromkeys(REASONS, 0), (), nothing, nothing, nothing
            ),
            origin,
            place=origin.source,
            metadata=rules if holds == "candles" else (),
        )
        for holds, interval, rows in series
    ]


def _bad_rows_error(found: _Found, report: Path) -> InputError:
    return InputError(
        f"{found.bad_count} of {found.file_rows.row_count} rows cannot be stored:"
        f" {'; '.join(found.file_rows.bad_examples)}{found.more}",
        at=found.place,
        hint="mend the file and check --interval, or store the good rows with --skip-bad;"
        f" counted in {report}",
    )


def _ingest(request: FetchRequest, found: _Found, clock: Clock) -> IngestCounts:
    rows = found.file_rows.rows
    if found.holds == "candles":
        return candles.ingest(request.store, found.interval, rows, found.origin, clock)
    return funding.ingest(request.store, rows, found.origin, clock)


def _write(
    request: FetchRequest, run: Run, report: DataReport, found: _Found, clock: Clock
) -> Path:
    """Path of the report, which the run may hold already.

    The name carries the source and the state of the store.  A repeated fetch meets its own report,
    which differs in what was inserted only: that is the same fact, seen before, and it stays.
    """
    source = Source(path=found.place, sha256=found.origin.sha256)
    name = "-".join(
        [
            "fetch" if report.stored else "refused",
            report.holds,
            report.interval,
            source.sha256[:8],
            report.store_sha256[:8],
        ]
    )
    path = run.path(report.folder, f"{name}.json")
    if path.exists() and not request.force:
        _, earlier = read_artifact(path, DataReport)
        if earlier.model_copy(update={"ingest": report.ingest}) == report:
            return path
    return write_artifact(
        run,
        report,
        name=name,
        sources=[source],
        synthetic=found.origin.synthetic,
        clock=clock,
        force=request.force,
    )


def _rejects(found: FileRows) -> str:
    counts = {**found.bad_counts, "unclosed": found.unclosed}
    said = [f"{count} {name}" for name, count in counts.items() if count]
    return f"of {found.row_count} rows {', '.join(said)}"


def _warnings(report: DataReport, found: _Found) -> list[str]:
    """What the user should know of a fetch that was done."""
    warnings = []
    if report.bad_rows and report.stored:
        warnings.append(
            f"bad rows: {report.bad_rows}, not stored;"
            f" {'; '.join(found.file_rows.bad_examples)}{found.more}"
        )
    if found.file_rows.unclosed:
        warnings.append(f"bars not closed yet: {found.file_rows.unclosed}, left out")
    if report.gaps:
        warnings.append(
            f"gaps: {report.gaps}, with {report.missing_bars} missing {report.interval} bars, the"
            f" longest of {report.gap_longest_bars}; they are not filled"
        )
    if report.outliers:
        warnings.append(f"outliers: {report.outliers}; the report names each symbol's largest move")
    return warnings
