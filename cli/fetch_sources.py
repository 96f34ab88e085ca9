"""The sources of `perpkit fetch`: the venue, rows of a file or a made-up market, stored bars."""

from __future__ import annotations

from dataclasses import asdict, replace

from cli.output import Progress, echo_note, echo_result, echo_text, table_text
from core.clock import SystemClock
from core.errors import UsageError
from pipelines.data_report import fetch_line
from pipelines.fetch import FetchRequest, FetchResult, run
from pipelines.fetch_resample import ResampleRequest, run_resample
from pipelines.venue_options import VenueRequest, intervals_of

PLAN_HEADER = ("requests for", "symbols", "requests", "rows, at most", "weight, at most")


def refuse_contradiction(*, venue: str, is_other: bool, dry_run: bool, resample: str) -> None:
    """Raise UsageError when there is no source, or two, or a plan of what needs none."""
    if venue and is_other:
        raise UsageError(
            "--venue stands beside another source",
            hint="leave out --venue, or leave out --from-file and --synthetic",
        )
    if dry_run and not venue:
        raise UsageError(
            "--dry-run shows what a fetch from the venue costs",
            hint="add --venue mainnet, or leave it out",
        )
    if not (venue or is_other or resample):
        raise UsageError(
            "there is nothing to fetch",
            hint="give --venue mainnet, --from-file PATH, --resample NAME or --synthetic",
        )


def from_venue(
    request: VenueRequest, longer: ResampleRequest | None, *, dry_run: bool, as_json: bool
) -> None:
    """Fetch from the venue, or show what that would cost."""
    from pipelines.fetch_venue import run_venue

    if longer is not None and len(intervals_of(request.interval)) != 1:
        raise UsageError(
            f"--resample {longer.target} needs one interval, --interval was {request.interval}",
            hint=f"for example --interval 1m --resample {longer.target}",
        )
    if dry_run:
        _show_plan(request, as_json=as_json)
        return
    with Progress(0, "fetch") as progress:
        result = run_venue(request, SystemClock(), echo_note, progress)
    for line in result.lines:
        echo_note(line)
    paths, warnings, data = list(result.paths), list(result.warnings), dict(result.data)
    refusal = result.refusal
    if longer is not None and refusal is None:
        run_id = paths[0].parent.parent.name
        made = _resampled(replace(longer, run_id=run_id))
        paths.append(made.path)
        warnings += made.warnings
        data["resampled"] = made.summary()
        refusal = made.refusal
    echo_result(paths, data, warnings, as_json=as_json, refusal=refusal)


def from_rows(request: FetchRequest, longer: ResampleRequest | None, *, as_json: bool) -> None:
    """Store the rows of a file, or of a made-up market."""
    result = run(request, SystemClock(), echo_note)
    echo_note(fetch_line(result.report, result.counts))
    paths, warnings = [result.path], list(result.warnings)
    data: dict[str, object] = {"store": str(request.store), **result.summary()}
    refusal = result.refusal
    if longer is not None and refusal is None:
        made = _resampled(replace(longer, run_id=result.path.parent.parent.name))
        paths.append(made.path)
        warnings += made.warnings
        data["resampled"] = made.summary()
        refusal = made.refusal
    echo_result(paths, data, warnings, as_json=as_json, refusal=refusal)


def from_stored(request: ResampleRequest, *, as_json: bool) -> None:
    """Make longer bars of stored ones."""
    made = _resampled(request)
    data = {"store": str(request.store), **made.summary()}
    echo_result([made.path], data, made.warnings, as_json=as_json, refusal=made.refusal)


def _resampled(request: ResampleRequest) -> FetchResult:
    made = run_resample(request, SystemClock())
    echo_note(fetch_line(made.report, made.counts))
    return made


def _show_plan(request: VenueRequest, *, as_json: bool) -> None:
    from pipelines.fetch_plan import plan_rows, plan_venue

    plan = plan_venue(request, SystemClock(), echo_note)
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
