"""Where do I trade without a venue?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import Json

LOOPBACK = ("127.0.0.1", "::1")
SHOWN = 12

Port = Annotated[
    int, typer.Option("--port", metavar="N", help="Port of REST and WebSocket; 0 takes a free one.")
]
ControlPort = Annotated[
    int,
    typer.Option(
        "--control-port", metavar="N", help="Port of clock, money, faults and truth; JSON."
    ),
]
ProxyPort = Annotated[
    int,
    typer.Option(
        "--proxy-port", metavar="N", help="Port of the same through a proxy that can spoil bytes."
    ),
]
Host = Annotated[
    str, typer.Option("--host", metavar="IP", help="Address to listen at; others need a consent.")
]
AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote", help="Let other machines reach it: no password, and no encryption."
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of all its chance.")]
SymbolCount = Annotated[
    int, typer.Option("--symbols-count", metavar="N", help="Symbols of the made-up market.")
]
HistoryDays = Annotated[
    int, typer.Option("--history-days", metavar="N", help="Past of the made-up market.")
]
Edge = Annotated[
    float, typer.Option("--edge", help="Trend of the made-up market; 0 is a random walk.")
]
Store = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", help="Trade the candles of a store, not a made-up one."),
]
Interval = Annotated[
    str, typer.Option("--interval", metavar="NAME", help="Of the store's candles; else the finest.")
]
Start = Annotated[
    str,
    typer.Option(
        "--start", metavar="WHEN", help="Venue time to begin at; now, or where the store allows."
    ),
]
Rebase = Annotated[
    bool, typer.Option("--rebase", help="Move the store's candles so that they go on from now.")
]
Speed = Annotated[
    float,
    typer.Option("--speed", metavar="X", help="Speed of its clock; 600 is ten hours a minute."),
]
Stepped = Annotated[
    bool, typer.Option("--stepped", help="Its clock moves only when the control port says so.")
]
Fund = Annotated[
    list[str] | None,
    typer.Option("--fund", metavar="ADDRESS=USD", help="Money of an account; may be repeated."),
]
Agent = Annotated[
    list[str] | None,
    typer.Option(
        "--agent", metavar="MASTER=AGENT", help="A key that may sign for another; may be repeated."
    ),
]
Faults = Annotated[
    Path | None,
    typer.Option("--faults", metavar="FILE", help="What goes wrong, and when (docs/faults.md)."),
]
State = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="Keep everything here, SIGKILL or not."),
]
Network = Annotated[
    str,
    typer.Option(
        "--network",
        metavar="NAME",
        help="Take signatures of mainnet or testnet only; else of both.",
    ),
]
Limits = Annotated[
    bool,
    typer.Option(
        "--limits/--no-limits", help="The venue's limits on requests, connections and orders."
    ),
]


def emulator(  # noqa: PLR0913
    port: Port = 8100,
    control_port: ControlPort = 0,
    proxy_port: ProxyPort = 0,
    host: Host = "127.0.0.1",
    allow_remote: AllowRemote = False,
    seed: Seed = 1,
    symbol_count: SymbolCount = 12,
    history_days: HistoryDays = 30,
    edge: Edge = 1.0,
    store: Store = None,
    interval: Interval = "",
    start: Start = "",
    rebase: Rebase = False,
    speed: Speed = 1.0,
    stepped: Stepped = False,
    fund: Fund = None,
    agent: Agent = None,
    faults: Faults = None,
    state: State = None,
    network: Network = "",
    limits: Limits = True,
    as_json: Json = False,
) -> None:
    """Run a Hyperliquid of one's own on this machine, with faults on request.

    Prints its base address, with --json all its addresses in one line, when it is ready; runs until
    Ctrl-C or SIGTERM.  Give its address to any client in place of the venue's (docs/emulator.md).

    perpkit emulator --port 8100 --seed 1 --fund 0x1111111111111111111111111111111111111111=10000

    perpkit emulator --port 0 --store stores --interval 1m --rebase --state venue.sqlite --json

    perpkit emulator --port 8100 --speed 600 --faults faults.yaml
    """
    given = dict(locals())
    from cli.output import echo_note
    from core.clock import SystemClock
    from sidecar.emulator.run import run

    run(_options(given), SystemClock(), echo_note, lambda data: _ready(data, as_json=as_json))


def _options(given: dict[str, Any]) -> Any:
    """The options as the emulator takes them.  Raises UsageError for a contradiction."""
    from core.errors import UsageError
    from sidecar.emulator.markets import MarketOptions
    from sidecar.emulator.opening import EmulatorOptions

    if given["host"] not in LOOPBACK and not given["allow_remote"]:
        raise UsageError(
            f"--host {given['host']} lets other machines in: whoever reaches it trades there, it"
            " asks for no password, and nothing is encrypted",
            hint="leave out --host, or add --allow-remote if that is what you want",
        )
    if given["stepped"] and given["speed"] != 1.0:
        raise UsageError(
            "--stepped and --speed contradict each other", hint="leave out one of the two"
        )
    if not given["stepped"] and given["speed"] <= 0:
        raise UsageError(
            f"--speed was {given['speed']:g}, and a clock runs forwards",
            hint="give a speed above 0, or --stepped for a clock that waits",
        )
    if given["network"] not in ("", "mainnet", "testnet"):
        raise UsageError(
            f"--network {given['network']!r} is not known",
            hint="take mainnet or testnet, or leave it out to take the signatures of both",
        )
    market = MarketOptions(
        seed=given["seed"],
        symbol_count=given["symbol_count"],
        history_days=given["history_days"],
        edge=given["edge"],
        store=given["store"],
        interval=given["interval"],
        start=given["start"],
        rebase=given["rebase"],
    )
    return EmulatorOptions(
        market=market,
        host=given["host"],
        port=given["port"],
        control_port=given["control_port"],
        proxy_port=given["proxy_port"],
        speed=0.0 if given["stepped"] else given["speed"],
        fund=tuple(given["fund"] or ()),
        agents=tuple(given["agent"] or ()),
        faults=given["faults"],
        state=given["state"],
        network=given["network"] or None,
        limits_on=given["limits"],
    )


def _ready(data: dict[str, Any], *, as_json: bool) -> None:
    """Print where it listens: one line, at once."""
    import json

    from cli.output import ENVELOPE_VERSION, echo_note, echo_text

    if as_json:
        envelope = {
            "schema": "perpkit.emulator",
            "version": ENVELOPE_VERSION,
            "ok": True,
            # The same again at the top, where a shell's one-liner looks for an address.
            **data,
            "data": {"paths": [], **data},
            "warnings": [],
            "error": None,
        }
        echo_text(json.dumps(envelope))
        return
    echo_text(data["http"])
    speed = f"{data['speed']:g} x" if data["speed"] else "stepped"
    echo_note(
        f"venue   {data['http']} and {data['ws']}\n"
        f"proxy   {data['proxy']}\n"
        f"control {data['control']}\n"
        f"clock   {data['time']}, {speed}\n"
        f"coins   {', '.join(data['coins'][:SHOWN])}{' ...' if data['coins'][SHOWN:] else ''}\n"
        "ready; Ctrl-C ends it"
    )
