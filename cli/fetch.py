"""How do bars, funding rates and symbols get into a store?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import VENUE_SYMBOLS, Force, Json, Root, RunId, Store

FromVenue = Annotated[
    str,
    typer.Option(
        "--venue",
        metavar="mainnet|testnet|URL",
        help="Fetch from the venue; a URL must be on this machine.",
    ),
]
Clock = Annotated[
    str,
    typer.Option(
        "--clock",
        metavar="URL",
        help="Venue: follow the time of an emulator, at its control address.",
    ),
]
FromFile = Annotated[
    Path | None,
    typer.Option(
        "--from-file",
        metavar="PATH",
        help="Parquet or CSV: symbol,t,o,h,l,c,v or time,symbol,rate[,premium]; times in ms.",
    ),
]
Kind = Annotated[
    str,
    typer.Option(
        "--kind",
        metavar="KINDS",
        help="candles, funding; of the venue also universe, contexts; several with commas.",
    ),
]
Interval = Annotated[
    str,
    typer.Option(
        "--interval",
        metavar="NAMES",
        help="Length of a bar: 1m, 5m, 1h, 4h, 1d ...; several with commas, but of a file one.",
    ),
]
Symbols = Annotated[
    str,
    typer.Option(
        "--symbols",
        metavar="NAMES",
        help="Venue: BTC,xyz:TSLA or all, top:50 (by 24 h notional), xyz:all, xyz:top:10.",
    ),
]
Since = Annotated[
    str,
    typer.Option(
        "--since",
        metavar="WHEN",
        help="Venue: 2026-01-31, or 30d for a month ago; without it the newest 5,000 rows.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Venue: print requests, weight and minutes; change nothing."),
]
Refetch = Annotated[
    bool, typer.Option("--refetch", help="Venue: ask for stored rows again and compare them.")
]
WeightPerMinute = Annotated[
    int,
    typer.Option(
        "--weight-per-minute",
        metavar="N",
        min=110,
        help="Venue: share of its 1,200; less where other programs share this address.",
    ),
]
PatienceSeconds = Annotated[
    float,
    typer.Option(
        "--patience-s", metavar="S", min=0.0, help="Venue: give up on a request after this long."
    ),
]
Resample = Annotated[
    str,
    typer.Option(
        "--resample",
        metavar="NAME",
        help="Then make these bars of the stored --interval: --interval 1m --resample 3m.",
    ),
]
SourceName = Annotated[
    str, typer.Option("--source", metavar="NAME", help="Name of a file's source in the report.")
]
Revise = Annotated[
    str,
    typer.Option(
        "--revise", metavar="REASON", help="Change stored bars; old values stay on record."
    ),
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Store the good rows of a source that has bad ones.")
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
    bool,
    typer.Option(
        "--synthetic", help="Make up a market with a planted trend and funding (docs/synthetic.md)."
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Synthetic: seed of its chance.")]
SymbolCount = Annotated[
    int, typer.Option("--symbols-count", metavar="N", help="Synthetic: symbols.")
]
BarCount = Annotated[
    int, typer.Option("--bars", metavar="N", help="Synthetic: bars of the first interval.")
]
Edge = Annotated[
    float, typer.Option("--edge", help="Synthetic: strength of the trend; 0 is a random walk.")
]


def fetch(  # noqa: PLR0913
    venue: FromVenue = "",
    clock: Clock = "",
    symbols: Symbols = VENUE_SYMBOLS,
    kind: Kind = "candles",
    interval: Interval = "1h",
    since: Since = "",
    dry_run: DryRun = False,
    refetch: Refetch = False,
    weight_per_minute: WeightPerMinute = 1_000,
    patience_s: PatienceSeconds = 180.0,
    resample: Resample = "",
    from_file: FromFile = None,
    source: SourceName = "",
    funding_interval: FundingInterval = "1h",
    revise: Revise = "",
    skip_bad: SkipBad = False,
    require: Require = None,
    synthetic: Synthetic = False,
    seed: Seed = 1,
    symbol_count: SymbolCount = 12,
    bar_count: BarCount = 4_000,
    edge: Edge = 1.0,
    store: Store = Path("stores"),
    root: Root = Path(),
    run_id: RunId = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Store bars, funding rates or symbols and write a data report.

    Fetching the same again changes nothing; stored bars are never changed silently.  From the
    venue only what is missing is asked for, so that a stopped fetch goes on where it was.

    perpkit fetch --venue mainnet --symbols BTC,ETH --kind universe,funding,candles --interval 1h

    perpkit fetch --from-file bars.parquet --interval 1h --store stores --require gaps=0

    perpkit fetch --interval 1m --resample 3m

    perpkit fetch --synthetic --seed 7 --store demo-store

    perpkit fetch --synthetic --symbols-count 50 --bars 8760 --interval 1h,5m --store demo-store
    """
    given = dict(locals())  # each option is a field of `Given`, by its name
    from cli.fetch_sources import Given, fetch_given

    fetch_given(Given(**given))
