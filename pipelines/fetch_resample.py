"""Longer bars made of stored shorter ones, into the same store, with a data report."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.manifest import running_command
from core.artifacts.tree import write_artifact
from core.clock import Clock
from core.errors import InputError
from core.market.bars import Rows, block_from_rows
from core.market.quality import REASONS
from core.market.resample import parts_per_bar, resample
from core.store import candles
from core.store.series import Origin
from pipelines.data_report import limits_of, limits_refusal, report_of, stored_series
from pipelines.fetch import FetchedSeries, FetchResult
from pipelines.rows import FileRows
from schemas.artifact import Source

NAMED = 5


@dataclass(frozen=True)
class ResampleRequest:
    """Which stored interval becomes which longer one."""

    store: Path
    root: Path
    interval: str
    target: str
    revise_reason: str = ""
    require: tuple[str, ...] = ()
    run_id: str | None = None
    force: bool = False


def run_resample(request: ResampleRequest, clock: Clock) -> FetchResult:
    """Store the whole bars of the longer interval and write a data report.

    Bars of which a part is missing are not made; the warnings count them.  Doing it again changes
    nothing.  Raises InputError when the intervals do not fit or stored bars have other values.
    """
    parts_per_bar(request.interval, request.target)
    limits = limits_of(request.require)
    stored = candles.load_rows(request.store, request.interval)
    made = resample(stored.rows, request.interval, request.target)
    if not len(made.rows):
        raise InputError(
            f"no {request.target} bar is whole: parts of each are missing",
            at=str(request.store),
            hint=f"fetch more {request.interval} bars",
        )
    block = block_from_rows(stored.rows, request.interval, synthetic=stored.synthetic)
    origin = Origin(
        f"resampled from {request.interval}",
        block.sha256,
        synthetic=stored.synthetic,
        revise_reason=request.revise_reason,
    )
    with running_command(
        request.root, clock, request.run_id, command="fetch", argv=sys.argv[1:]
    ) as running:
        counts = candles.ingest(request.store, request.target, made.rows, origin, clock)
        series = stored_series(request.store, "candles", request.target)
        source = _counted(made.rows)
        report = report_of(series, "candles", request.target, origin, source, counts)
        name = f"fetch-candles-{request.target}-{block.sha256[:8]}-{report.store_sha256[:8]}"
        path = running.run.path(report.folder, f"{name}.json")
        if not path.exists() or request.force:
            path = write_artifact(
                running.run,
                report,
                name=name,
                sources=[Source(path=f"{request.interval} bars", sha256=block.sha256)],
                synthetic=stored.synthetic,
                clock=clock,
                force=request.force,
            )
        running.outputs.append(path)
        refusal = limits_refusal(report, limits, path)
        if refusal is not None:
            running.exit_code = refusal.exit_code
    done = [FetchedSeries(path, report, counts)]
    return FetchResult(done, _warnings(request, made.left_out), refusal)


def _warnings(request: ResampleRequest, left_out: dict[str, int]) -> list[str]:
    if not left_out:
        return []
    names = ", ".join(list(left_out)[:NAMED]) + (", ..." if len(left_out) > NAMED else "")
    return [
        f"{sum(left_out.values())} bars of {request.target} were not made, since a part of each is"
        f" missing ({names}); they are gaps now"
    ]


def _counted(made: Rows) -> FileRows:
    nothing: dict[str, int] = {}
    return FileRows(made, len(made), 0, 0, dict.fromkeys(REASONS, 0), (), nothing, nothing, nothing)
