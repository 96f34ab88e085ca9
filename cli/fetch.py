"""How do bars and funding rates get into a store?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Force, Interval, Json, Root, RunId, Store

FromFile = Annotated[
    Path | None,
    typer.Option(
        "--from-file",
        metavar="PATH",
        help="Parquet or CSV: symbol,t,o,h,l,c,v or time,symbol,rate[,premium]; times in ms.",
    ),
]
Kind = Annotated[str, typer.Option("--kind", metavar="candles|funding", help="What the rows are.")]
SourceName = Annotated[
    str, typer.Option("--source", metavar="NAME", help="Name of the source in the report.")
]
Revise = Annotated[
    str,
    typer.Option(
        "--revise", metavar="REASON", help="Change stored bars; old values stay on record."
    ),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Store the good rows of a file that has bad ones.")
]
Require = Annotated[
    list[str] | None,
    typer.Option(
        "--require",
        metavar="NAME=N",
        help="Exit 1 beyond a limit: gaps=0, missing_bars=5, outliers=10, bars=1000 (least).",
    ),
]
FundingInterval = Annotated[
    str,
    typer.Option(
        "--funding-interval",
        metavar="NAME",
        help="Funding from a file: the period that each rate is for; rates are stored per hour.",
    ),
]
Synthetic = Annotated[
    bool, typer.Option("--synthetic", help="Make up a market with a planted trend instead.")
]
Seed = Annotated[int, typer.Option("--seed", help="Synthetic: seed of its chance.")]
SymbolCount = Annotated[
    int, typer.Option("--symbols-count", metavar="N", help="Synthetic: symbols.")
]
BarCount = Annotated[int, typer.Option("--bars", metavar="N", help="Synthetic: bars per symbol.")]
Edge = Annotated[
    float, typer.Option("--edge", help="Synthetic: strength of the trend; 0 is a random walk.")
]


def fetch(  # noqa: PLR0913
    from_file: FromFile = None,
    kind: Kind = "candles",
    interval: Interval = "1h",
    store: Store = Path("stores"),
    source: SourceName = "",
    revise: Revise = "",
    skip_bad: SkipBad = False,
    require: Require = None,
    funding_interval: FundingInterval = "1h",
    synthetic: Synthetic = False,
    seed: Seed = 1,
    symbol_count: SymbolCount = 12,
    bar_count: BarCount = 4_000,
    edge: Edge = 1.0,
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Store bars or funding rates and write a data report.

    Fetching the same rows again changes nothing; stored bars are never changed silently.

    perpkit fetch --from-file bars.parquet --interval 1h --store stores --require gaps=0
    perpkit fetch --synthetic --seed 7 --store demo-store
    """
    from cli.output import echo_note, echo_result
    from core.clock import SystemClock
    from core.market.synthetic import MarketSpec
    from pipelines.data_report import fetch_line
    from pipelines.fetch import FetchRequest, run

    market = MarketSpec(
        seed=seed, symbol_count=symbol_count, bar_count=bar_count, interval=interval, edge=edge
    )
    request = FetchRequest(
        store=store,
        root=root,
        interval=interval,
        holds=kind,
        from_file=from_file,
        synthetic=market if synthetic else None,
        source=source,
        revise_reason=revise,
        skip_bad=skip_bad,
        require=tuple(require or ()),
        funding_interval=funding_interval,
        run_id=run_id,
        force=force,
    )
    result = run(request, SystemClock(), echo_note)
    echo_note(fetch_line(result.report, result.counts))
    data = {"store": str(store), **result.summary()}
    echo_result([result.path], data, result.warnings, as_json=as_json, refusal=result.refusal)
