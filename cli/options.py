"""Options that several commands share: one name, one meaning, one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def _root(context: typer.Context, value: Path) -> Path:
    """The root as given, or PERPKIT_ROOT when the option was left out."""
    source = context.get_parameter_source("root")
    if source is None or source.name not in ("DEFAULT", "DEFAULT_MAP"):
        return value
    from core.settings import load_settings

    return load_settings().root


Root = Annotated[
    Path,
    typer.Option(
        "--root",
        help="Folder that holds artifacts/, stores/, lanes/ and state/; PERPKIT_ROOT is the same.",
        callback=_root,
        show_default=True,
    ),
]
RunId = Annotated[
    str | None,
    typer.Option(
        "--run",
        metavar="ID",
        help="Join this run (`latest` is the newest); without it the command opens a new one.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout instead of paths.")
]
Store = Annotated[
    Path,
    typer.Option("--store", metavar="DIR", help="Folder with the stored candles and funding."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change one key of the strategy; may be repeated."
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace an artifact of this name that says otherwise.")
]
InitialEquity = Annotated[
    float, typer.Option("--initial-equity-usd", min=1.0, max=1e12, help="Equity to begin with.")
]
Interval = Annotated[
    str, typer.Option("--interval", metavar="NAME", help="Length of a bar: 1m, 5m, 1h, 4h, 1d ...")
]

VENUE_SYMBOLS = "top:50"
"""Symbols of a fetch from the venue, unless others are named."""
