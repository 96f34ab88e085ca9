"""Where do two replays, or a replay and another system, part?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Force, Json, Root, RunId

One = Annotated[
    str,
    typer.Argument(
        metavar="A", help="Replay report, run that holds one, or trades (CSV, parquet)."
    ),
]
Other = Annotated[str, typer.Argument(metavar="B", help="The same; differences are B less A.")]
ItsStore = Annotated[
    Path | None,
    typer.Option(
        "--store", metavar="DIR", help="Bars of both replays. [default: the ones they name]"
    ),
]
FailOnDivergence = Annotated[
    bool, typer.Option("--fail-on-divergence", help="Exit with 1 when they diverge, for CI.")
]


def compare(  # noqa: PLR0913
    a: One,
    b: Other,
    store: ItsStore = None,
    fail_on_divergence: FailOnDivergence = False,
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Compare two replays, or a replay and trades of another system, and name where they part.

    perpkit compare first.json second.json
    perpkit show "$(perpkit compare latest theirs.csv)"

    Replays are made again from the configuration in their reports. A file of trades needs columns
    for symbol, side, entry and exit time, entry and exit price, and size; docs/compare.md has
    their names.
    """
    from cli.output import echo_note, echo_result
    from core.clock import SystemClock
    from pipelines.compare import CompareRequest, run
    from pipelines.show_compare import compare_lines

    request = CompareRequest(
        a=a,
        b=b,
        root=root,
        store=store,
        run_id=run_id,
        fail_on_divergence=fail_on_divergence,
        force=force,
    )
    result = run(request, SystemClock(), echo_note)
    body = result.report.model_dump(mode="json")
    for line in compare_lines(body):
        echo_note(line)
    data = {name: body[name] for name in ("diverged", "divergences", "metrics", "configuration")}
    echo_result([result.path], data, as_json=as_json, refusal=result.refusal)
