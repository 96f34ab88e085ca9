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
from core.market.bars import interval_to_ms
from core.market.quality import REASONS
from core.market.synthetic import MarketSpec, synthetic_rows
from core.store import candles, funding
from core.store.series import IngestCounts, Origin, StoredRows
from pipelines.data_report import limits_of, limits_refusal, report_of, stored_series
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
class FetchResult:
    """Report file and body, what changed, what the user should know, and why it is refused."""

    path: Path
    report: DataReport
    counts: IngestCounts
    warnings: list[str] = field(default_factory=list)
    refusal: PerpkitError | None = None

    def summary(self) -> dict[str, object]:
        """The figures that a script wants, as plain JSON."""
        names = ("symbol_count", "bars", "gaps", "missing_bars", "outliers", "bad_rows")
        return {
            "store_sha256": self.report.store_sha256,
            "ingest": asdict(self.counts),
            **{name: getattr(self.report, name) for name in names},
        }


@dataclass(frozen=True)
class _Found:
    """Rows at hand with where they come from."""

    file_rows: FileRows
    origin: Origin
    place: str

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

    The whole ingest is one transaction.  A second fetch of the same rows changes nothing.  A
    broken `--require` limit does not undo it: the result carries the refusal.  A source with bad
    rows is not stored at all unless they are to be skipped: the result then carries the report of
    what was found and the InputError.  Raises InputError for other values than stored.
    """
    holds = _holds(request.holds)
    limits = limits_of(request.require)
    found = _find(request, holds, clock, note)
    is_refused = bool(found.bad_count) and not request.skip_bad
    if not is_refused and not len(found.file_rows.rows):
        raise InputError(
            f"the source has no usable {holds}: {_rejects(found.file_rows)}",
            at=found.place,
            hint="give a file with closed bars",
        )
    with running_command(
        request.root, clock, request.run_id, command="fetch", argv=sys.argv[1:]
    ) as running:
        counts = None if is_refused else _ingest(request, holds, found, clock)
        series = (
            StoredRows(found.file_rows.rows, found.origin.synthetic)
            if is_refused
            else stored_series(request.store, holds, request.interval)
        )
        report = report_of(series, holds, request.interval, found.origin, found.file_rows, counts)
        path = _write(request, running.run, report, found, clock)
        running.outputs.append(path)
        refusal: PerpkitError | None = limits_refusal(report, limits, path)
        if refusal is None and is_refused:
            refusal = _bad_rows_error(found, path)
        if refusal is not None:
            running.exit_code = refusal.exit_code
    done = counts or IngestCounts(0, 0, 0)
    return FetchResult(path, report, done, _warnings(request, report, found), refusal)


def _holds(text: str) -> Holds:
    for known in HOLDS:
        if text == known:
            return known
    raise UsageError(f"--kind {text!r} is not known", hint=f"take one of {', '.join(HOLDS)}")


def _find(request: FetchRequest, holds: Holds, clock: Clock, note: Note) -> _Found:
    """The rows of the request's source."""
    interval_ms = interval_to_ms(request.interval)
    if request.synthetic is not None:
        if request.from_file is not None or holds != "candles":
            raise UsageError(
                "a synthetic market makes candles of its own",
                hint="leave out --from-file and --kind, or leave out --synthetic",
            )
        spec = request.synthetic
        digest = sha256_hex(canonical_json(spec.identity()))
        origin = Origin(request.source or f"synthetic seed {spec.seed}", digest, synthetic=True)
        note(
            f"generating {spec.symbol_count} symbols x {spec.bar_count:,} bars, seed {spec.seed},"
            f" edge {spec.edge:g}"
        )
        rows = synthetic_rows(spec)
        nothing: dict[str, int] = {}
        found = FileRows(
            rows, len(rows), 0, 0, dict.fromkeys(REASONS, 0), (), nothing, nothing, nothing
        )
        return _Found(found, origin, place=origin.source)
    path = request.from_file
    if path is None:
        raise UsageError("there is nothing to fetch", hint="give --from-file PATH or --synthetic")
    found = read_rows(path, holds, interval_ms, clock.now_ms())
    if holds == "funding":
        found = replace(found, rows=hourly_rates(found.rows, request.funding_interval, path))
    origin = Origin(
        request.source or path.name, sha256_file(path), revise_reason=request.revise_reason
    )
    return _Found(found, origin, place=str(path))


def _bad_rows_error(found: _Found, report: Path) -> InputError:
    return InputError(
        f"{found.bad_count} of {found.file_rows.row_count} rows cannot be stored:"
        f" {'; '.join(found.file_rows.bad_examples)}{found.more}",
        at=found.place,
        hint="mend the file and check --interval, or store the good rows with --skip-bad;"
        f" counted in {report}",
    )


def _ingest(request: FetchRequest, holds: Holds, found: _Found, clock: Clock) -> IngestCounts:
    rows = found.file_rows.rows
    if holds == "candles":
        return candles.ingest(request.store, request.interval, rows, found.origin, clock)
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


def _warnings(request: FetchRequest, report: DataReport, found: _Found) -> list[str]:
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
    if request.synthetic is not None:
        warnings.append("this store is synthetic, and so is everything that is made from it")
    return warnings
