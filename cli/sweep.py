"""Which parameter values would have done best on the search window?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Force, InitialEquity, Json, Root, RunId, Store


def sweep(  # noqa: PLR0913
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="Sweep spec YAML.")],
    store: Store = Path("stores"),
    initial_equity_usd: InitialEquity = 10_000.0,
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Worker threads; one per core if left.")
    ] = None,
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Try or search a grid; write the best as strategies.

    Every point tried counts as a trial. Prints the report's path; the best
    lie in the run's configs/. Ctrl-C keeps what is done.

    perpkit validate "$(perpkit sweep config/sweep.example.yaml --store stores)"
    """
    from cli.output import Progress, echo_note, echo_result
    from core.clock import SystemClock
    from core.errors import EXIT_INTERRUPTED
    from pipelines.summaries import sweep_lines
    from pipelines.sweep import SweepRequest, run

    request = SweepRequest(
        spec=spec,
        store=store,
        root=root,
        run_id=run_id,
        initial_equity_usd=initial_equity_usd,
        threads=threads,
        force=force,
    )
    with Progress(0, "sweep") as progress:
        result = run(request, SystemClock(), echo_note, progress)
    for line in sweep_lines(result):
        echo_note(line)
    counts = result.report.combinations.model_dump()
    configs = [str(path) for path in result.configs]
    data = {"combinations": counts, "configs": configs, "interrupted": result.report.interrupted}
    echo_result([result.path], data, as_json=as_json)
    if result.report.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
