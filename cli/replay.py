"""What would a strategy have done over stored bars?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Force, Json, Root, RunId, Sets, Store

if TYPE_CHECKING:
    from pipelines.replay import ReplayRequest

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="Strategy YAML.")]
OwnInterval = Annotated[
    str | None,
    typer.Option("--interval", help="Bars to decide on; the same as --set engine.interval=."),
]
Symbols = Annotated[
    str | None, typer.Option("--symbols", metavar="A,B", help="Trade these only; all give context.")
]
Start = Annotated[
    str | None, typer.Option("--start", help="Open time of the first traded bar, UTC or ms.")
]
End = Annotated[
    str | None, typer.Option("--end", help="Close time of the last bar seen, UTC or ms.")
]
InitialEquity = Annotated[
    float | None,
    typer.Option(
        "--initial-equity-usd",
        min=1.0,
        max=1e12,
        help="Equity to begin with; a state has its own. [default: 10000]",
        show_default=False,
    ),
]
ExitInterval = Annotated[
    str | None,
    typer.Option("--exit-interval", help="Judge exits on these finer bars; `same` for none."),
]
EntryInterval = Annotated[
    str | None,
    typer.Option("--entry-interval", help="Take signals at these closes too; `same` for none."),
]
InitState = Annotated[Path | None, typer.Option("--init-state", help="Go on from this state file.")]
Mode = Annotated[str | None, typer.Option("--mode", help="Apply this mode of the strategy file.")]
TradesOut = Annotated[
    Path | None, typer.Option("--trades-out", help="Write the trades to this parquet file.")
]
IndicatorsOut = Annotated[
    Path | None, typer.Option("--indicators-out", help="Write indicators per bar, parquet.")
]
StateOut = Annotated[
    Path | None, typer.Option("--state-out", help="Write the state after the last bar.")
]
Html = Annotated[
    bool, typer.Option("--html", help="Write a tear sheet beside the report, one HTML file.")
]
Explain = Annotated[
    str | None,
    typer.Option(
        "--explain",
        metavar="SYMBOL@TIME",
        help="Explain the decision of the bar that closes then, and write nothing.",
    ),
]


def replay(  # noqa: PLR0913
    config: Config,
    store: Store = Path("stores"),
    interval: OwnInterval = None,
    exit_interval: ExitInterval = None,
    entry_interval: EntryInterval = None,
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    initial_equity_usd: InitialEquity = None,
    init_state: InitState = None,
    mode: Mode = None,
    sets: Sets = None,
    trades_out: TradesOut = None,
    indicators_out: IndicatorsOut = None,
    state_out: StateOut = None,
    html: Html = False,
    explain: Explain = None,
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Replay a strategy over stored bars and write a replay report.

    Prints the report's path, so that commands chain:

    perpkit show "$(perpkit replay strategy.yaml --store stores)"

    With --html the tear sheet's path follows: one page for a browser, which needs no network.

    perpkit replay strategy.yaml --explain BTC@2026-01-31T12:00:00Z

    With --explain the replay runs up to that bar and says what was decided on it and why.
    """
    from cli.output import echo_note, echo_result
    from core.clock import SystemClock
    from pipelines.replay import ReplayRequest, listed_symbols, run
    from pipelines.summaries import replay_line

    request = ReplayRequest(
        config=config,
        store=store,
        root=root,
        run_id=run_id,
        interval=interval,
        exit_interval=exit_interval,
        entry_interval=entry_interval,
        symbols=() if symbols is None else listed_symbols(symbols),
        start=start,
        end=end,
        initial_equity_usd=initial_equity_usd,
        init_state=init_state,
        mode=mode,
        sets=tuple(sets or ()),
        trades_out=trades_out,
        indicators_out=indicators_out,
        state_out=state_out,
        html=html,
        force=force,
    )
    if explain is not None:
        explain_decision(request, explain, as_json=as_json)
        return
    result = run(request, SystemClock(), echo_note)
    echo_note(replay_line(result.report))
    data = {"metrics": result.report.metrics, "config_id": result.report.config_id}
    files = [str(path) for path in result.files]
    paths = [result.path] if result.sheet is None else [result.path, result.sheet]
    echo_result(paths, {**data, "files": files}, result.warnings, as_json=as_json)


def explain_decision(request: ReplayRequest, place: str, *, as_json: bool) -> None:
    """Print the decision at SYMBOL@TIME."""
    from cli.output import echo_note, echo_result, echo_text, table_text
    from pipelines.explain import as_data, run
    from pipelines.show_decision import decision_sections

    decision = run(request, place, echo_note)
    if as_json:
        echo_result([], {"decision": as_data(decision)}, as_json=True)
        return
    sections = decision_sections(decision)
    shown = [f"{each.title}\n{table_text(each.header, each.rows)}\n" for each in sections]
    echo_text("\n".join(shown))
