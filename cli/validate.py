"""Do a sweep's best, or one strategy, hold on bars that no search has seen?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Force, Json, Root, RunId, Store


def validate(  # noqa: PLR0913  a command's signature is its interface
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|CONFIG", help="Run id or report of a sweep, or a strategy YAML."
        ),
    ],
    store: Store = Path("stores"),
    gates: Annotated[
        Path | None,
        typer.Option("--gates", metavar="FILE", help="Limits; config/gates.yaml if it is there."),
    ] = None,
    holdout_frac: Annotated[
        float | None,
        typer.Option(
            "--holdout-frac",
            min=0.01,
            max=0.9,
            help="For CONFIG: last part of the bars to judge on. [default: 0.25]",
            show_default=False,
        ),
    ] = None,
    initial_equity_usd: Annotated[
        float,
        typer.Option(
            "--initial-equity-usd", min=1.0, max=1e12, help="For CONFIG: equity to start."
        ),
    ] = 10_000.0,
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Judge candidates on the holdout; print those that passed.

    Each candidate gets a gate report, gates/<config id>.json beside configs/<config id>.yaml.
    Exits 1 when all were refused.

    perpkit validate latest --store stores
    """
    from cli.output import Progress, echo_note, echo_result, table_text
    from core.clock import SystemClock
    from pipelines.validate import ValidateRequest, run
    from pipelines.verdict_table import verdict_data, verdict_head, verdict_table

    request = ValidateRequest(
        target=target,
        store=store,
        root=root,
        run_id=run_id,
        gates=gates,
        holdout_frac=holdout_frac,
        initial_equity_usd=initial_equity_usd,
        force=force,
    )
    with Progress(0, "validate") as progress:
        result = run(request, SystemClock(), echo_note, progress)
    echo_note("\n".join(verdict_head(result.verdicts)))
    echo_note(table_text(*verdict_table(result.verdicts)))
    for verdict in result.survivors:
        echo_note(f"gate report: {verdict.path}")
    configs = [verdict.config for verdict in result.survivors]
    data = verdict_data(result.verdicts)
    echo_result(configs, data, result.warnings, as_json=as_json, refusal=result.refusal)
