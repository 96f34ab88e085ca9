"""What would a strategy have done over stored bars?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Force, Json, Root, RunId, Sets, Store


def replay(  # noqa: PLR0913
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Strategy YAML.")],
    store: Store = Path("stores"),
    interval: Annotated[
        str | None,
        typer.Option("--interval", help="Bars to decide on; the same as --set engine.interval=."),
    ] = None,
    symbols: Annotated[
        str, typer.Option("--symbols", metavar="A,B", help="Trade these only; all give context.")
    ] = "",
    start: Annotated[
        str | None, typer.Option("--start", help="Open time of the first traded bar, UTC or ms.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", help="Close time of the last bar seen, UTC or ms.")
    ] = None,
    initial_equity_usd: Annotated[
        float, typer.Option("--initial-equity-usd", min=0.0, help="Equity to begin with.")
    ] = 10_000.0,
    init_state: Annotated[
        Path | None, typer.Option("--init-state", help="Go on from this state file.")
    ] = None,
    mode: Annotated[
        str | None, typer.Option("--mode", help="Apply this mode of the strategy file.")
    ] = None,
    sets: Sets = None,
    trades_out: Annotated[
        Path | None, typer.Option("--trades-out", help="Write the trades to this parquet file.")
    ] = None,
    indicators_out: Annotated[
        Path | None, typer.Option("--indicators-out", help="Write indicators per bar, parquet.")
    ] = None,
    state_out: Annotated[
        Path | None, typer.Option("--state-out", help="Write the state after the last bar.")
    ] = None,
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Replay a strategy over stored bars and write a replay report.

    Prints the report's path, so that commands chain:

    perpkit show "$(perpkit replay strategy.yaml --store stores)"
    """
    from cli.output import echo_note, echo_result
    from core.clock import SystemClock
    from pipelines.replay import ReplayRequest, run
    from pipelines.summaries import replay_line

    names = tuple(name.strip() for name in symbols.split(",") if name.strip())
    request = ReplayRequest(
        config=config,
        store=store,
        root=root,
        run_id=run_id,
        interval=interval,
        symbols=names,
        start=start,
        end=end,
        initial_equity_usd=initial_equity_usd,
        init_state=init_state,
        mode=mode,
        sets=tuple(sets or ()),
        trades_out=trades_out,
        indicators_out=indicators_out,
        state_out=state_out,
        force=force,
    )
    result = run(request, SystemClock(), echo_note)
    echo_note(replay_line(result.report))
    data = {"metrics": result.report.metrics, "config_id": result.report.config_id}
    files = [str(path) for path in result.files]
    echo_result([result.path], {**data, "files": files}, result.warnings, as_json=as_json)
