"""Who holds the market's data, and is it well?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import Json

RECORDS = ("bbo", "contexts", "trades")

sidecar = typer.Typer(
    name="sidecar",
    help="Hold the market's data for all programs on this machine.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

Venue = Annotated[
    str, typer.Option("--venue", metavar="NAME", help="mainnet, testnet, or an address here.")
]
ClockUrl = Annotated[
    str,
    typer.Option("--clock", metavar="URL", help="Follow an emulator's clock: its control address."),
]
Store = Annotated[
    Path, typer.Option("--store", metavar="DIR", help="Folder of bars, funding and events.")
]
Socket = Annotated[
    Path | None,
    typer.Option("--socket", metavar="FILE", help="Unix socket; by default in the runtime folder."),
]
Symbols = Annotated[
    str,
    typer.Option("--symbols", metavar="LIST", help="Symbols to keep while no client wants any."),
]
Intervals = Annotated[
    str, typer.Option("--interval", metavar="LIST", help="Intervals of their bars: 1m,1h ...")
]
History = Annotated[
    int, typer.Option("--history-bars", min=0, max=5_000, help="Bars to have of each at once.")
]
Users = Annotated[
    str, typer.Option("--users", metavar="LIST", help="Addresses whose events are kept.")
]
Record = Annotated[
    str, typer.Option("--record", metavar="LIST", help="What to record: bbo, contexts, trades.")
]
KeepDays = Annotated[
    int, typer.Option("--keep-days", min=1, max=3_650, help="Age at which recordings may go.")
]
Quota = Annotated[
    int, typer.Option("--quota-mib", min=0, help="Most that recordings may take; 0 for no limit.")
]
SilentBars = Annotated[
    str,
    typer.Option(
        "--silent-bars", metavar="HOW", help="Bars without trades: absent, or flat when read."
    ),
]
MetricsPort = Annotated[
    int,
    typer.Option(
        "--metrics-port", min=-1, max=65_535, help="Prometheus, on loopback; 0 takes a free one."
    ),
]


@sidecar.callback()
def sidecar_command(  # noqa: PLR0913
    context: typer.Context,
    venue: Venue = "mainnet",
    clock: ClockUrl = "",
    store: Store = Path("stores"),
    socket: Socket = None,
    symbols: Symbols = "",
    interval: Intervals = "1m",
    history_bars: History = 500,
    users: Users = "",
    record: Record = "contexts",
    keep_days: KeepDays = 30,
    quota_mib: Quota = 0,
    silent_bars: SilentBars = "absent",
    metrics_port: MetricsPort = -1,
    as_json: Json = False,
) -> None:
    """Hold the venue's streams, bars and users' events for all programs on this machine.

    Prints its socket when it answers, a line of JSON a minute on stderr, and runs until Ctrl-C or
    SIGTERM.  Programs talk to it by core.feed (docs/sidecar.md).

    perpkit sidecar --venue mainnet --symbols BTC,ETH,SOL --interval 1m,1h --record bbo,contexts

    perpkit sidecar --venue http://127.0.0.1:8100 --clock http://127.0.0.1:8101

    perpkit sidecar stat
    """
    if context.invoked_subcommand is not None:
        return
    from cli.output import echo_note
    from core.errors import UsageError
    from core.market.bars import interval_to_ms
    from core.venue.address import parse_address
    from sidecar.market.desired import Interest
    from sidecar.market.run import SidecarOptions, run

    named, intervals, recorded = _names(symbols), _names(interval), _names(record)
    for name in intervals:
        interval_to_ms(name)
    for name in recorded:
        if name not in RECORDS:
            raise UsageError(f"--record {name!r} is not known", hint=f"known: {', '.join(RECORDS)}")
    if silent_bars not in ("absent", "flat"):
        raise UsageError(f"--silent-bars {silent_bars!r} is not known", hint="absent or flat")
    always = Interest(
        symbols=named,
        intervals=intervals if named else (),
        history_bars=history_bars,
        channels=_channels(recorded),
        users=_addresses(users),
    )
    options = SidecarOptions(
        venue=parse_address(venue),
        clock_url=clock,
        store=store,
        socket=_socket(socket),
        always=always,
        record_quotes="bbo" in recorded,
        record_contexts="contexts" in recorded,
        record_trades="trades" in recorded,
        keep_days=keep_days,
        quota_mib=quota_mib,
        silent_bars=silent_bars,
        metrics_port=metrics_port,
    )
    run(options, echo_note, lambda data: _ready(data, as_json=as_json))


@sidecar.command()
def stat(socket: Socket = None, as_json: Json = False) -> None:
    """Print the health of every stream and store; exit 1 when something is not well.

    perpkit sidecar stat

    perpkit sidecar stat --json
    """
    from cli.output import echo_result, echo_text
    from core.errors import RefusedError
    from core.feed import Feed

    with Feed(_socket(socket), client="") as feed:
        found = feed.health()
        stats = feed.stats()
    refusal = None
    if not found["ok"]:
        refusal = RefusedError(
            f"the sidecar is not healthy: {'; '.join(found['reasons'])}",
            at=str(_socket(socket)),
            hint="its log tells since when; docs/sidecar.md lists what each reason means",
        )
    if not as_json:
        echo_text(stat_text(found))
    echo_result([], found | {"stats": stats}, as_json=as_json, refusal=refusal)


def stat_text(found: dict[str, Any]) -> str:
    """The health as tables."""
    from cli.output import table_text

    process = found["process"]
    parts = [
        f"{'healthy' if found['ok'] else 'NOT HEALTHY'}: up {process['up_s']:,.0f} s, pid"
        f" {process['pid']}, {process['rss_mib']} MiB, WAL {process['wal_mib']} MiB, boot"
        f" {process['boot']}",
        *(f"  {reason}" for reason in found["reasons"]),
        f"keys {found['keys']}, not ready {found['not_ready_count']};"
        f" candles by {found['candles_by']}; weight used {found['weight_used']}",
    ]
    for title, rows in (
        ("streams", found["streams"]),
        ("stores", found["stores"]),
        ("users", found["users"]),
        ("not ready", found["not_ready"]),
        ("clients", found["clients"]),
    ):
        if rows:
            header = list(dict.fromkeys(key for row in rows for key in row))
            cells = [[_cell(row.get(key)) for key in header] for row in rows]
            parts += ["", title, table_text(header, cells)]
    return "\n".join(parts) + "\n"


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, dict)):
        return str(len(value))
    return str(value)


def _names(text: str) -> tuple[str, ...]:
    """Names between commas, each once."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _channels(recorded: tuple[str, ...]) -> tuple[str, ...]:
    """Streams that recordings are made of; quotes are always streamed, as the newest prices are."""
    found = ["bbo"]
    if "contexts" in recorded:
        found.append("activeAssetCtx")
    if "trades" in recorded:
        found.append("trades")
    return tuple(found)


def _addresses(text: str) -> tuple[str, ...]:
    """Addresses between commas, in small letters.  Raises UsageError for what is none."""
    import re

    from core.errors import UsageError

    for name in _names(text):
        if not re.fullmatch("0[xX][0-9a-fA-F]{40}", name):
            raise UsageError(
                f"--users {name!r} is no address", hint="0x and forty hexadecimal digits"
            )
    return tuple(dict.fromkeys(name.lower() for name in _names(text)))


def _socket(given: Path | None) -> Path:
    from core.feed.place import socket_path

    return socket_path(given)


def _ready(data: dict[str, Any], *, as_json: bool) -> None:
    """Print where it answers: one line, at once."""
    import json

    from cli.output import ENVELOPE_VERSION, echo_text

    if not as_json:
        echo_text(data["socket"])
        return
    envelope = {
        "schema": "perpkit.sidecar",
        "version": ENVELOPE_VERSION,
        "ok": True,
        **data,
        "data": {"paths": [data["socket"]], **data},
        "warnings": [],
        "error": None,
    }
    echo_text(json.dumps(envelope))
