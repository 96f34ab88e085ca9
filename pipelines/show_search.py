"""A sweep's report and a gate report for people: what was tried, and what held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import Any

from pipelines.sections import (
    PAGE_COLUMNS,
    Section,
    cut,
    figure,
    label,
    listed,
    minute,
    percent,
    short_hash,
    signed_usd,
)

TEXT_COLUMNS = 105
TOP_SHOWN = 10
SHOWN_OBJECTIVES = ("sharpe", "net_pnl")
"""Objectives whose figures every table of candidates has; another one gets a column."""

CHECK_TITLES = {
    "position_count": "positions closed",
    "net_pnl_usd": "net PnL, USD",
    "best_position_frac": "best position's share",
    "slices_positive_count": "slices that rose",
    "sharpe_daily": "Sharpe of a day",
}


def sweep_headline(body: Mapping[str, Any]) -> str:
    """How much was tried, and the best of it."""
    tried = f"{body['combinations']['evaluated_count']:,} points"
    stopped = ", stopped early" if body["interrupted"] else ""
    if not body["top"]:
        return f"{tried}{stopped}, none with enough positions"
    best = body["top"][0]["metrics"]
    return (
        f"{tried}{stopped}, best of {len(body['top'])}: net "
        f"{signed_usd(best['net_pnl_usd'])} USD, Sharpe {figure(best['sharpe'])}"
    )


def sweep_sections(body: Mapping[str, Any]) -> list[Section]:
    """What was asked, the windows, where the points went, and the candidates."""
    spec, counts = body["spec"], body["combinations"]
    asked = (
        ("base", f"{spec['base']}, config {short_hash(body['base_config_id'])}"),
        ("method", f"{spec['method']} over {len(body['axes'])} axes, best by {spec['objective']}"),
        *_budget(spec),
        ("axes", cut(listed(body["axes"], 3), TEXT_COLUMNS)),
        ("bars", f"{body['interval']}, {len(body['symbols'])} symbols: {listed(body['symbols'])}"),
        ("equity", f"{figure(body['initial_equity_usd'])} USD at the start of each row"),
        ("results", f"{body['results_path']}, one row per point"),
        *(
            ("" if number else "note", line)
            for text in body["notes"]
            for number, line in enumerate(wrap(text, TEXT_COLUMNS))
        ),
        *((("stopped", "before the end: what was done is kept"),) if body["interrupted"] else ()),
    )
    is_grid = spec["method"] == "grid"
    points = (
        *(() if is_grid else (("that the axes span", counts["space_count"]),)),
        ("listed by the axes" if is_grid else "drawn by the method", counts["listed_count"]),
        ("equal to another point", counts["duplicate_count"]),
        ("against an order or a constraint", counts["excluded_count"]),
        ("evaluated", counts["evaluated_count"]),
        ("of these with too few positions", counts["short_count"]),
        ("not reached", counts["unreached_count"]),
    )
    return [
        Section("sweep", (), asked),
        _windows(body["windows"]),
        Section("points", ("", "points"), tuple((name, f"{count:,}") for name, count in points)),
        *candidate_sections(body),
    ]


def _budget(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The budget and the seed of a method that draws, and what its points keep."""
    if spec["method"] != "grid":
        limits = {name: each for name, each in spec["budget"].items() if each is not None}
        yield "budget", ", ".join(f"{figure(each)} {name}" for name, each in limits.items())
        yield "seed", str(spec["seed"])
    for number, text in enumerate(spec.get("constraints", ())):
        yield "" if number else "constraints", text


def _windows(windows: Mapping[str, int]) -> Section:
    rows = (
        ("search", "search_start_ms", "search_end_ms", windows["search_bar_count"]),
        ("purge", "search_end_ms", "holdout_start_ms", windows["purge_bars"]),
        ("holdout", "holdout_start_ms", "holdout_end_ms", windows["holdout_bar_count"]),
    )
    return Section(
        "windows, UTC",
        ("window", "from", "to", "bars"),
        tuple((n, minute(windows[a]), minute(windows[b]), f"{count:,}") for n, a, b, count in rows),
    )


def candidate_sections(body: Mapping[str, Any]) -> list[Section]:
    """The candidates with the values in which they differ, in one table if the page is wide enough.

    Otherwise the values stand in a table of their own, one line per axis.
    """
    top = body["top"][:TOP_SHOWN]
    if not top:
        return [Section("candidates", (), (("none", "no point had enough positions"),))]
    varying = varying_axes(body, top)
    leaves = tuple(axis_name(path) for path in varying)
    values = [tuple(axis_value(each["values"].get(path)) for path in varying) for each in top]
    more = () if body["spec"]["objective"] in SHOWN_OBJECTIVES else (body["spec"]["objective"],)
    figures = [_candidate(each, more) for each in top]
    header = ("rank", "config", "net USD", "Sharpe", *map(label, more), "drawdown", "positions")
    title = f"candidates on the search window, best {len(top)} of {len(body['top'])}"
    same = [path for path in body["axes"] if path not in varying]
    shared = _shared(same, top[0]["values"])
    wide = [(*row, *rest) for row, rest in zip(figures, values, strict=True)]
    if _width((*header, *leaves), wide) <= PAGE_COLUMNS:
        return [Section(title, (*header, *leaves), tuple(wide)), *shared]
    return [
        Section(title, header, tuple(figures)),
        _differences(varying, values),
        *shared,
    ]


def top_headline(body: Mapping[str, Any]) -> str:
    """How many candidates there are."""
    return f"{len(body['top'])} candidates by {body['objective']}"


def top_sections(body: Mapping[str, Any]) -> list[Section]:
    """The candidates of a file that holds nothing else."""
    return candidate_sections({**body, "spec": {"objective": body["objective"]}})


def varying_axes(body: Mapping[str, Any], top: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paths of the axes in which these candidates differ, in the order of the spec."""
    return [
        path for path in body["axes"] if len({str(each["values"].get(path)) for each in top}) > 1
    ]


def axis_name(path: str) -> str:
    """The last word of a parameter's path."""
    return path.rsplit(".", 1)[-1]


def _differences(paths: Sequence[str], values: Sequence[Sequence[str]]) -> Section:
    """One line per axis, one column per candidate, as many of them as the page is wide."""
    for count in range(len(values), 0, -1):
        header = ("axis", *(f"#{rank}" for rank in range(1, count + 1)))
        rows = [(path, *(row[k] for row in values[:count])) for k, path in enumerate(paths)]
        if _width(header, rows) <= PAGE_COLUMNS:
            break
    return Section("where the candidates differ", header, tuple(rows))


def _shared(paths: Sequence[str], values: Mapping[str, Any]) -> list[Section]:
    if not paths:
        return []
    rows = tuple((path, axis_value(values.get(path))) for path in paths)
    return [Section("the same in all of them", (), rows)]


def _candidate(entry: Mapping[str, Any], more: Sequence[str]) -> tuple[str, ...]:
    metrics = entry["metrics"]
    return (
        str(entry["rank"]),
        short_hash(entry["config_id"]),
        signed_usd(metrics["net_pnl_usd"]),
        figure(metrics["sharpe"]),
        *(figure(metrics.get(name)) for name in more),
        percent(metrics["drawdown_max_frac"]),
        figure(metrics["position_count"]),
    )


def axis_value(value: object) -> str:
    """A value of an axis for people; `-` where its gate leaves it without one."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _width(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns that the table takes when printed, two blanks between cells."""
    lines = [header, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    return sum(widths) + 2 * (len(widths) - 1)


def gate_headline(body: Mapping[str, Any]) -> str:
    """The verdict, and the first gate that said no."""
    name = "alone" if body["rank"] is None else f"rank {body['rank']}"
    failed = [check for check in body["checks"] if not check["passed"]]
    if not failed:
        return f"{name}: passed all {len(body['checks'])} gates"
    first = failed[0]
    return (
        f"{name}: refused by {len(failed)} of {len(body['checks'])} gates: "
        f"{label(first['name'])} {_check_value(first)}, asked {first['comparison']} "
        f"{_check_number(first['name'], first['limit'])}"
    )


def gate_sections(body: Mapping[str, Any]) -> list[Section]:
    """The verdict, one line per gate, and the figures that it rests on."""
    start, end = minute(body["holdout_start_ms"]), minute(body["holdout_end_ms"])
    rank = "judged alone" if body["rank"] is None else f"rank {body['rank']} of its sweep"
    verdict = (
        ("verdict", "PASSED" if body["passed"] else "REFUSED"),
        ("config", f"{short_hash(body['config_id'])}, {rank}"),
        (
            "holdout",
            f"{start} to {end} UTC, {body['interval']} bars, {len(body['symbols'])} "
            f"symbols, {figure(body['initial_equity_usd'])} USD at its start",
        ),
        (
            "trials",
            f"{body['trial_count']:,} counted; chance alone is expected to reach a daily "
            f"Sharpe of {body['sharpe_expected_best']:.4f}",
        ),
    )
    checks = tuple(
        (
            CHECK_TITLES.get(check["name"], label(check["name"])),
            _check_value(check),
            f"{check['comparison']} {_check_number(check['name'], check['limit'])}",
            "passed" if check["passed"] else "FAILED",
            check["note"],
        )
        for check in body["checks"]
    )
    slices = tuple(
        (minute(part["start_ms"]), minute(part["end_ms"]), signed_usd(part["pnl_usd"]))
        for part in body["slices"]
    )
    return [
        Section("verdict", (), verdict),
        Section("gates", ("gate", "value", "asked", "verdict", "note"), checks),
        Section("slices of the holdout, UTC", ("from", "to", "net USD"), slices),
        Section(
            "the holdout by slippage on both legs, the judged one first",
            ("slippage", "net USD", "fees USD", "Sharpe", "drawdown", "positions", "won"),
            tuple(_at_slippage(each) for each in body["holdout"]),
        ),
    ]


def _at_slippage(entry: Mapping[str, Any]) -> tuple[str, ...]:
    metrics = entry["metrics"]
    return (
        f"{entry['slippage_bps']:g} bps",
        signed_usd(metrics["net_pnl_usd"]),
        figure(metrics["fees_usd"]),
        figure(metrics["sharpe"]),
        percent(metrics["drawdown_max_frac"]),
        figure(metrics["position_count"]),
        percent(metrics["win_frac"]),
    )


def _check_value(check: Mapping[str, Any]) -> str:
    return "-" if check["value"] is None else _check_number(check["name"], check["value"])


def _check_number(name: str, value: float) -> str:
    if name == "sharpe_daily":
        return f"{value:.4f}"
    if name.endswith("_usd"):
        return "0" if value == 0 else signed_usd(value)
    return percent(value) if name.endswith("_frac") else f"{value:,g}"
