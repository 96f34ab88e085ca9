"""What each kind of artifact shows: its sections and its headline, in two tables at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.sections import (
    MAX_ROWS,
    Headline,
    Renderer,
    Section,
    cut,
    day,
    figure,
    label,
    listed,
    minute,
    percent,
    short_hash,
    value_text,
)
from pipelines.show_compare import compare_headline, compare_sections
from pipelines.show_replay import replay_headline, replay_sections
from pipelines.show_search import (
    gate_headline,
    gate_sections,
    sweep_headline,
    sweep_sections,
    top_headline,
    top_sections,
)

ARGUMENTS_SHOWN = 66
FAILURE_CHARS = 90

SYMBOL_COLUMNS = (
    ("first_utc", "first"),
    ("last_utc", "last"),
    ("bars", "bars"),
    ("bad_rows", "bad"),
    ("duplicates", "twice"),
    ("gaps", "gaps"),
    ("missing_bars", "missing"),
    ("gap_longest_bars", "longest"),
    ("outliers", "outliers"),
    ("zero_volume_bars", "no volume"),
    ("move_frac_max", "largest move"),
    ("move_max_utc", "on"),
)
"""Field of a symbol in a data report, and its column's title."""


def data_headline(body: Mapping[str, Any]) -> str:
    """Size and faults of what is stored."""
    rows = {"candles": "bars", "funding": "rates", "contexts": "contexts"}[body["holds"]]
    refused = "" if body.get("stored", True) else "nothing stored; good rows: "
    return (
        f"{refused}{body['symbol_count']} symbols, {body['bars']:,} {rows}, {body['gaps']:,} gaps, "
        f"{body['outliers']:,} outliers"
    )


def data_sections(body: Mapping[str, Any]) -> list[Section]:
    """Totals, what the source held, and the symbols, worst first."""
    source, ingest = body["source_rows"], body["ingest"]
    limits = f"{body['outlier_sigmas']:g} robust sigmas and {percent(body['outlier_move_frac'])}"
    totals = (
        ("holds", f"{body['holds']}, {body['interval']}, from {body['source']}"),
        (
            "stored" if body.get("stored", True) else "good, not stored",
            f"{body['symbol_count']} symbols, {body['bars']:,} rows; the symbol with "
            f"fewest has {body['bars_fewest']:,}",
        ),
        ("from", body["first_utc"] or "-"),
        ("to", body["last_utc"] or "-"),
        (
            "gaps",
            f"{body['gaps']:,} with {body['missing_bars']:,} missing bars, longest "
            f"{body['gap_longest_bars']:,}; never filled",
        ),
        ("outliers", f"{body['outliers']:,} beyond {limits}"),
        ("without volume", f"{body['zero_volume_bars']:,} bars"),
        (
            "this fetch",
            ", ".join(f"{ingest[name]:,} {name}" for name in ("inserted", "unchanged", "revised")),
        ),
    )
    counts = tuple((label(name), f"{count:,}") for name, count in source.items() if count)
    worst = sorted(body["symbols"], key=_fault_order)
    title = "symbols, worst first"
    if len(worst) > MAX_ROWS:
        title = f"symbols, the worst {MAX_ROWS} of {len(worst)}"
    return [
        Section("data", (), totals),
        *([Section("rows of the source", ("", "rows"), counts)] if counts else []),
        *_venue_sections(body),
        Section(
            title,
            ("symbol", *(name for _, name in SYMBOL_COLUMNS)),
            tuple(_symbol(symbol) for symbol in worst[:MAX_ROWS]),
        ),
    ]


def _venue_sections(body: Mapping[str, Any]) -> list[Section]:
    """What only a fetch from the venue has: what it cannot give, what it changed, what failed."""
    out = []
    if lacks := body.get("lacks"):
        title = f"the venue keeps nothing before {_minute(body['kept_from_utc'])}; missing before"
        cells = tuple(
            (one["symbol"], _minute(one["from_utc"]), _minute(one["to_utc"]), f"{one['bars']:,}")
            for one in lacks[:MAX_ROWS]
        )
        out.append(Section(title, ("symbol", "from", "to", "bars"), cells))
    if revised := body.get("revised_rows"):
        cells = tuple(
            (one["symbol"], _minute(one["at_utc"]), _values(one["old"]), _values(one["new"]))
            for one in revised[:MAX_ROWS]
        )
        out.append(Section("rows that were revised", ("symbol", "at", "old", "new"), cells))
    return [*out, *_failure_sections(body)]


def _failure_sections(body: Mapping[str, Any]) -> list[Section]:
    failures = body.get("failures") or ()
    cells = tuple((one["symbol"], cut(one["what"], FAILURE_CHARS)) for one in failures[:MAX_ROWS])
    return [Section("symbols that failed", ("symbol", "why"), cells)] if cells else []


def _minute(text_utc: str) -> str:
    return text_utc[:16].replace("T", " ")


def _values(values: Sequence[float | None]) -> str:
    return " ".join("-" if value is None else f"{value:g}" for value in values)


def universe_headline(body: Mapping[str, Any]) -> str:
    """How many symbols are known, and how well."""
    return (
        f"{body['symbol_count']} symbols, {body['delisted_count']} delisted, "
        f"{body['dated_count']} with a known listing"
    )


def universe_sections(body: Mapping[str, Any]) -> list[Section]:
    """Totals and each symbol with its leverage, tiers and life."""
    totals = (
        ("from", body["source"]),
        ("symbols", f"{body['symbol_count']:,}"),
        ("delisted or gone", f"{body['delisted_count']:,}"),
        ("with a known listing", f"{body['dated_count']:,}"),
    )
    cells = tuple(
        (
            one["symbol"],
            f"{one['leverage_max']:g}x",
            "; ".join(f"{tier[1]:g}x from {tier[0]:,.0f}" for tier in one["tiers"]),
            str(one["size_decimals"]),
            "-" if one["listed_utc"] is None else day(one["listed_utc"]),
            "-" if one["delisted_utc"] is None else day(one["delisted_utc"]),
        )
        for one in body["symbols"][:MAX_ROWS]
    )
    title = "symbols"
    if len(body["symbols"]) > MAX_ROWS:
        title = f"symbols, the first {MAX_ROWS} of {len(body['symbols'])}"
    header = ("symbol", "leverage", "tiers, USD", "decimals", "listed", "delisted")
    return [
        Section("universe", (), totals),
        *_failure_sections(body),
        Section(title, header, cells),
    ]


def _fault_order(symbol: Mapping[str, Any]) -> tuple[Any, ...]:
    faults = ("bad_rows", "missing_bars", "outliers", "zero_volume_bars", "duplicates")
    return (*(-symbol[name] for name in faults), -symbol["move_frac_max"], symbol["symbol"])


def _symbol(symbol: Mapping[str, Any]) -> tuple[str, ...]:
    cells = []
    for name, _ in SYMBOL_COLUMNS:
        value = symbol[name]
        if name.endswith("_utc"):
            cells.append("-" if value is None else day(value))
        elif name == "move_frac_max":
            cells.append(percent(value))
        else:
            cells.append(f"{value:,}")
    return (symbol["symbol"], *cells)


def deployment_headline(body: Mapping[str, Any]) -> str:
    """What changed where, and by whom."""
    return (
        f"{body['lane']}: {_config(body['before_config_id'])} -> "
        f"{_config(body['after_config_id'])} by {body['by']}"
    )


def deployment_sections(body: Mapping[str, Any]) -> list[Section]:
    """The change, in the order who, what, why, on what grounds."""
    grounds = body["gate_report_hash"]
    rows = (
        ("lane", body["lane"]),
        ("action", body["action"]),
        ("at", body["at"]),
        ("by", body["by"]),
        ("reason", body["reason"] or "none given"),
        ("before", _change(body["before_config_id"], body["before_sha256"])),
        ("after", _change(body["after_config_id"], body["after_sha256"])),
        ("gate report", f"content hash {grounds[:16]}" if grounds else "not known"),
    )
    return [Section("deployment", (), rows)]


def _config(config_id: str | None) -> str:
    return "nothing" if config_id is None else short_hash(config_id)


def _change(config_id: str | None, sha256: str | None) -> str:
    if sha256 is None:
        return "nothing"
    known = "a configuration that cannot be read" if config_id is None else _config(config_id)
    return f"{known}, file {short_hash(sha256)}"


def state_headline(body: Mapping[str, Any]) -> str:
    """When, and what was held."""
    return (
        f"{len(body['positions'])} open positions at {minute(body['ts_ms'])} UTC, cash "
        f"{figure(float(body['account']['cash_usd']))} USD"
    )


def state_sections(body: Mapping[str, Any]) -> list[Section]:
    """The account, the open positions, and what else is remembered."""
    held = {1: "long", -1: "short"}
    account = (
        ("as of", f"{minute(body['ts_ms'])} UTC, {body['interval']} bars"),
        ("config", short_hash(body["config_id"])),
        ("cash", f"{figure(float(body['account']['cash_usd']))} USD"),
        ("symbols", f"{len(body['symbols'])}: {listed(body['symbols'])}"),
        ("memories", f"{len(body['series'])} indicator series, {len(body['marks'])} marks"),
    )
    rows = tuple(
        (
            symbol,
            held.get(int(position["side"]), "-"),
            f"{position['size']:,.6g}",
            f"{position['avg_px']:,.6g}",
            figure(float(position["margin_usd"])),
            f"{position['leverage']:g}",
            value_text("adds", position["adds"]),
            minute(int(position["ts_entry_ms"])),
        )
        for symbol, position in body["positions"].items()
    )
    header = (
        "symbol",
        "side",
        "size",
        "average px",
        "margin USD",
        "leverage",
        "adds",
        "since, UTC",
    )
    return [Section("state", (), account), *([Section("positions", header, rows)] if rows else [])]


def command_section(commands: Sequence[Mapping[str, Any]]) -> Section:
    """The commands of a run in the order in which they ended."""
    rows = tuple(
        (
            str(number),
            str(record["command"]),
            str(record["ended_at"]),
            str(record["exit_code"]),
            str(len(record["outputs"])),
            cut(_typed(record), ARGUMENTS_SHOWN),
        )
        for number, record in enumerate(commands, 1)
    )
    return Section("commands", ("#", "command", "ended at", "exit", "files", "arguments"), rows)


def _typed(record: Mapping[str, Any]) -> str:
    """The arguments after the command's own name."""
    argv = list(record["argv"])
    return " ".join(argv[1:] if argv[:1] == [record["command"]] else argv)


def _run_sections(body: Mapping[str, Any]) -> list[Section]:
    return [command_section(body["commands"])]


def _run_headline(body: Mapping[str, Any]) -> str:
    names = [record["command"] for record in body["commands"]]
    return f"{len(names)} commands: {listed(names)}"


RENDERERS: dict[str, Renderer] = {
    "compare-report": compare_sections,
    "data-report": data_sections,
    "replay-report": replay_sections,
    "sweep-report": sweep_sections,
    "sweep-top": top_sections,
    "gate-report": gate_sections,
    "deployment-event": deployment_sections,
    "state": state_sections,
    "run-metadata": _run_sections,
    "universe-report": universe_sections,
}
HEADLINES: dict[str, Headline] = {
    "compare-report": compare_headline,
    "data-report": data_headline,
    "replay-report": replay_headline,
    "sweep-report": sweep_headline,
    "sweep-top": top_headline,
    "gate-report": gate_headline,
    "deployment-event": deployment_headline,
    "state": state_headline,
    "run-metadata": _run_headline,
    "universe-report": universe_headline,
}
