"""Which parameter values would have done best on the search window?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Force, Json, Root, RunId

if TYPE_CHECKING:
    from pipelines.sweep import SweepResult


class EngineChoice(StrEnum):
    """Which engine runs the rows."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


Spec = Annotated[
    Path | None,
    typer.Argument(metavar="SPEC", help="Sweep spec YAML.", show_default=False),
]
OwnStore = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Folder with the stored candles and funding. [default: stores]",
        show_default=False,
    ),
]
Equity = Annotated[
    float | None,
    typer.Option(
        "--initial-equity-usd",
        min=1.0,
        max=1e12,
        help="Equity to begin with. [default: 10000]",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, help="Worker threads; one per core if left.")
]
EngineName = Annotated[
    EngineChoice,
    typer.Option("--engine", help="auto takes a GPU if one can be used; results are equal."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="tcp://HOST:PORT",
        help="Have the workers of this Dask cluster run the rows; results are equal.",
    ),
]
Memory = Annotated[
    int, typer.Option("--memory", metavar="MIB", min=1, help="For indicator series, in MiB.")
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume", metavar="RUN", help="Go on with the stopped sweep of this run; `latest` too."
    ),
]


def sweep(  # noqa: PLR0913
    spec: Spec = None,
    store: OwnStore = None,
    initial_equity_usd: Equity = None,
    threads: Threads = None,
    engine: EngineName = EngineChoice.AUTO,
    cluster: Cluster = None,
    memory_mib: Memory = 1024,
    resume: Resume = None,
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Try or search a grid; write the best as strategies.

    Every point tried counts as a trial. Prints the report's path; the best
    lie in the run's configs/. What is done is kept at any instant:

    perpkit validate "$(perpkit sweep config/sweep.example.yaml --store stores)"

    perpkit sweep --resume latest
    """
    from cli.output import Progress, echo_note, echo_result
    from core.clock import SystemClock
    from core.errors import EXIT_INTERRUPTED
    from pipelines.summaries import sweep_lines
    from pipelines.sweep import SweepRequest, run
    from pipelines.sweep_resume import refuse_beside, resumed

    if cluster is not None:
        from core.cluster import cluster_address

        cluster = cluster_address(cluster, threads)
    refuse_beside(resume, spec, initial_equity_usd, run_id, force=force)
    request = SweepRequest(
        spec=spec or Path(),
        store=store or Path("stores"),
        root=root,
        run_id=run_id,
        initial_equity_usd=10_000.0 if initial_equity_usd is None else initial_equity_usd,
        threads=threads,
        engine=engine.value,
        cluster=cluster,
        memory_bytes=memory_mib << 20,
        force=force,
    )
    if resume is not None:
        request = resumed(request, resume, spec=spec, store=store)
    with Progress(0, "sweep") as progress:
        result = run(request, SystemClock(), echo_note, progress)
    for line in sweep_lines(result):
        echo_note(line)
    echo_result([result.path], summary(result), as_json=as_json)
    if result.report.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)


def summary(result: SweepResult) -> dict[str, Any]:
    """What a sweep did, for programs; times are null when the report was there already."""
    report, speed = result.report, result.speed
    counts = report.combinations
    return {
        "combinations": counts.listed_count,
        "evaluated": counts.evaluated_count,
        "evaluated_now": None if speed is None else speed.evaluated_count,
        "duplicates": counts.duplicate_count,
        "excluded": counts.excluded_count,
        "unreached": counts.unreached_count,
        "short": counts.short_count,
        "symbol_bars": None if speed is None else speed.symbol_bars,
        "wall_s": None if speed is None else speed.wall_s,
        "cpu_s": None if speed is None else speed.cpu_s,
        "results": str(result.path.parent.parent / report.results_path),
        "top": str(result.top),
        "result_hash": report.result_hash,
        "configs": [str(path) for path in result.configs],
        "interrupted": report.interrupted,
    }
