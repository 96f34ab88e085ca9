"""Put a configuration that passed every gate into a lane, or take the last one back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Json, Root, RunId


def deploy(  # noqa: PLR0913  a command's signature is its interface
    lane: Annotated[
        str, typer.Option("--lane", metavar="NAME", help="Lane: small letters, digits and -.")
    ],
    config: Annotated[
        Path | None, typer.Argument(metavar="CONFIG", help="Strategy YAML that was judged.")
    ] = None,
    gate_report: Annotated[
        Path | None,
        typer.Option("--gate-report", metavar="FILE", help="Passing report of `validate`."),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Bring back what the lane held before.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, change nothing.")
    ] = False,
    by: Annotated[
        str, typer.Option("--by", metavar="NAME", help="Who does it; your login if left out.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why.")] = "",
    root: Root = Path(),
    run_id: RunId = None,
    as_json: Json = False,
) -> None:
    """Deploy a configuration into a lane, lanes/<lane>/strategy.yaml.

    Refuses without a gate report that passed and fits the file and today's decision rules. Killed
    at any instant, the lane holds the old file or the new one. Prints the lane's file and the
    event.

    perpkit deploy configs/ID.yaml --lane paper --gate-report gates/ID.json --reason "first try"
    """
    from cli.output import echo_note, echo_result
    from core.clock import SystemClock
    from core.login import login_name
    from pipelines.deploy import DeployRequest, run

    request = DeployRequest(
        lane=lane,
        root=root,
        by=by or login_name(),
        config=config,
        gate_report=gate_report,
        rollback=rollback,
        reason=reason,
        dry_run=dry_run,
        run_id=run_id,
    )
    result = run(request, SystemClock(), echo_note)
    before = (result.before_config_id or "nothing")[:12]
    verb = "would change" if dry_run else "changed"
    if result.changed:
        echo_note(f"lane {lane} {verb} from {before} to {result.after_config_id[:12]}")
    echo_result(
        [path for path in (result.strategy, result.event) if path is not None],
        {
            "lane": lane,
            "action": result.action,
            "changed": result.changed,
            "dry_run": dry_run,
            "before_config_id": result.before_config_id,
            "after_config_id": result.after_config_id,
        },
        as_json=as_json,
    )
