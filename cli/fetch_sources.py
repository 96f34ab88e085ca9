"""The sources of `perpkit fetch`: the venue, rows of a file or a made-up market, stored bars."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cli.options import VENUE_SYMBOLS
from cli.output import Progress, echo_note, echo_result, echo_text, table_text
from core.clock import PacingClock, SystemClock
from core.errors import UsageError
from core.market.synthetic import market_spec
from core.venue.address import parse_address
from core.venue_clock import clock_for
from pipelines.data_report import fetch_line
from pipelines.fetch import FetchRequest, FetchResult, run
from pipelines.fetch_resample import ResampleRequest, run_resample
from pipelines.venue_options import VenueRequest, intervals_of

PLAN_HEADER = ("requests for", "symbols", "requests", "rows, at most", "weight, at most")


@dataclass(frozen=True)
class Given:
    """The options of `perpkit fetch`, each under its name there."""

    venue: str
    clock: str
    symbols: str
    kind: str
    interval: str
    since: str
    dry_run: bool
    refetch: bool
    weight_per_minute: int
    patience_s: float
    resample: str
    from_file: Path | None
    source: str
    funding_interval: str
    revise: str
    skip_bad: bool
    require: list[str] | None
    synthetic: bool
    seed: int
    symbol_count: int
    bar_count: int
    edge: float
    store: Path
    root: Path
    run_id: str | None
    force: bool
    as_json: bool

    def shared(self) -> dict[str, Any]:
        """What every source takes."""
        return {
            "store": self.store,
            "root": self.root,
            "interval": self.interval,
            "revise_reason": self.revise,
            "require": tuple(self.require or ()),
            "run_id": self.run_id,
            "force": self.force,
        }

    def venue_request(self) -> VenueRequest:
        """What is asked of the venue."""
        return VenueRequest(
            venue=self.venue,
            symbols=self.symbols,
            kind=self.kind,
            since=self.since,
            skip_bad=self.skip_bad,
            refetch=self.refetch,
            weight_per_minute=self.weight_per_minute,
            patience_s=self.patience_s,
            **self.shared(),
        )

    def rows_request(self) -> FetchRequest:
        """What is asked of a file, or of a made-up market."""
        market = None
        if self.synthetic:
            first = self.interval.split(",")[0]
            market = market_spec(self.seed, self.symbol_count, self.bar_count, first, self.edge)
        return FetchRequest(
            holds=self.kind,
            from_file=self.from_file,
            synthetic=market,
            source=self.source,
            skip_bad=self.skip_bad,
            funding_interval=self.funding_interval,
            **self.shared(),
        )


def fetch_given(given: Given) -> None:
    """Fetch from the one source that is given, and make longer bars of it if asked for."""
    is_other = given.synthetic or given.from_file is not None
    _refuse_contradiction(given, is_other=is_other)
    longer = ResampleRequest(target=given.resample, **given.shared()) if given.resample else None
    if given.venue:
        clock = clock_for(given.clock, parse_address(given.venue))
        request = given.venue_request()
        from_venue(request, longer, clock, dry_run=given.dry_run, as_json=given.as_json)
    elif longer is not None and not is_other:
        from_stored(longer, as_json=given.as_json)
    else:
        from_rows(given.rows_request(), longer, as_json=given.as_json)


def _refuse_contradiction(given: Given, *, is_other: bool) -> None:
    """Raise UsageError when there is no source, or two, or a plan of what needs none."""
    if given.venue and is_other:
        raise UsageError(
            "--venue stands beside another source",
            hint="leave out --venue, or leave out --from-file and --synthetic",
        )
    if given.dry_run and not given.venue:
        raise UsageError(
            "--dry-run shows what a fetch from the venue costs",
            hint="add --venue mainnet, or leave it out",
        )
    venue_only = {
        "--clock": given.clock,
        "--symbols": given.symbols != VENUE_SYMBOLS,
        "--since": given.since,
        "--refetch": given.refetch,
    }
    named = [option for option, value in venue_only.items() if value]
    if named and not given.venue:
        raise UsageError(
            f"{named[0]} is for a fetch from the venue",
            hint=f"leave out {named[0]}, or add --venue mainnet; --symbols-count says how many"
            " symbols --synthetic makes",
        )
    if not (given.venue or is_other or given.resample):
        raise UsageError(
            "there is nothing to fetch",
            hint="give --venue mainnet, --from-file PATH, --resample NAME or --synthetic",
        )


def from_venue(
    request: VenueRequest,
    longer: ResampleRequest | None,
    clock: PacingClock,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fetch from the venue, or show what that would cost."""
    from pipelines.fetch_venue import run_venue

    if longer is not None and len(intervals_of(request.interval)) != 1:
        raise UsageError(
            f"--resample {longer.target} needs one interval, --interval was {request.interval}",
            hint=f"for example --interval 1m --resample {longer.target}",
        )
    if dry_run:
        _show_plan(request, clock, as_json=as_json)
        return
    with Progress(0, "fetch") as progress:
        result = run_venue(request, clock, echo_note, progress)
    for line in result.lines:
        echo_note(line)
    paths, warnings, data = list(result.paths), list(result.warnings), dict(result.data)
    refusal = result.refusal
    if longer is not None and refusal is None:
        run_id = paths[0].parent.parent.name
        made = _resampled(replace(longer, run_id=run_id))
        paths += [series.path for series in made.series]
        warnings += made.warnings
        data["resampled"] = made.summary()
        refusal = made.refusal
    echo_result(paths, data, warnings, as_json=as_json, refusal=refusal)


def from_rows(request: FetchRequest, longer: ResampleRequest | None, *, as_json: bool) -> None:
    """Store the rows of a file, or of a made-up market."""
    result = run(request, SystemClock(), echo_note)
    for series in result.series:
        echo_note(fetch_line(series.report, series.counts))
    paths, warnings = [series.path for series in result.series], list(result.warnings)
    data: dict[str, object] = {"store": str(request.store), **result.summary()}
    refusal = result.refusal
    if longer is not None and refusal is None:
        made = _resampled(replace(longer, run_id=paths[0].parent.parent.name))
        paths += [series.path for series in made.series]
        warnings += made.warnings
        data["resampled"] = made.summary()
        refusal = made.refusal
    echo_result(paths, data, warnings, as_json=as_json, refusal=refusal)


def from_stored(request: ResampleRequest, *, as_json: bool) -> None:
    """Make longer bars of stored ones."""
    made = _resampled(request)
    data = {"store": str(request.store), **made.summary()}
    paths = [series.path for series in made.series]
    echo_result(paths, data, made.warnings, as_json=as_json, refusal=made.refusal)


def _resampled(request: ResampleRequest) -> FetchResult:
    made = run_resample(request, SystemClock())
    for series in made.series:
        echo_note(fetch_line(series.report, series.counts))
    return made


def _show_plan(request: VenueRequest, clock: PacingClock, *, as_json: bool) -> None:
    from pipelines.fetch_plan import plan_rows, plan_venue

    plan = plan_venue(request, clock, echo_note)
    if as_json:
        data = {
            "requests": [asdict(line) for line in plan.lines],
            "weight": plan.weight,
            "weight_per_minute": plan.weight_per_minute,
            "minutes": round(plan.minutes, 1),
        }
        echo_result([], data, as_json=True)
        return
    echo_text(table_text(PLAN_HEADER, plan_rows(plan)))
    echo_text(
        f"about {plan.minutes:,.1f} minutes at a weight of {plan.weight_per_minute:,} a minute;"
        " nothing was changed"
    )
