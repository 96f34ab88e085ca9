"""The page of a sweep: what was tried, the best of it, and which axes it hangs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.importance import Importance
from pipelines.sections import Section, figure, label, minute, percent, short_hash, signed_usd
from pipelines.sheet_page import (
    breakable,
    chart_box,
    data_block,
    figure_cards,
    own_script,
    page,
    page_footer,
    page_header,
    section_html,
    titled,
)
from pipelines.show_search import axis_name, axis_value, sweep_sections, varying_axes
from pipelines.sweep_page_data import (
    BEST_DRAWN,
    HEATMAP_AXES_MAX,
    PARALLEL_AXES_MAX,
    REST_DRAWN,
    Landscape,
    page_data,
    read_landscape,
    results_of,
)
from schemas.artifact import Envelope

NAMES: Final = {"sharpe": "Sharpe", "net_pnl": "net PnL", "pnl_over_drawdown": "PnL over drawdown"}
IMPORTANCE_SHOWN: Final = 16
TABLE_ROWS: Final = 20
METRICS: Final = (
    ("net_pnl_usd", "net USD", signed_usd),
    ("return_frac", "return", percent),
    ("sharpe", "Sharpe", figure),
    ("drawdown_max_frac", "drawdown", percent),
    ("profit_factor", "profit factor", figure),
    ("win_frac", "won", percent),
    ("position_count", "positions", figure),
)
IMPORTANCE_NOTE = (
    "Share of the variance of the rows' ranks by {objective}: alone is what the mean ranks of the "
    "axis's values explain (first-order analysis of variance), with its best partner what the two "
    "explain together beyond that. What as many values would explain by chance is taken off, and "
    "no partner is named for what chance may give. "
    "Shares need not add up to 100 %: axes may act together in threes and more, and where rows are "
    "not a full grid (gates, rules, rows not ranked, a guided search) axes share what they "
    "explain. It says what moved the objective on these bars between these values, not what will."
)
CANDIDATES_NOTE = (
    "Figures of the search window, fees included, each replayed in full and found equal. They are "
    "the best of many and so look better than they are: `perpkit validate` judges them on bars "
    "that no search has seen."
)


def sweep_page(envelope: Envelope, report: Path, more: Sequence[Section] = ()) -> str:
    """The page of a sweep report; `more` are tables of the run that it lies in.

    Raises InputError when the results that the report names are gone or not those.
    """
    body = envelope.body
    land = read_landscape(results_of(report, body), body)
    name = objective_name(land.objective)
    chart_title = ", ".join(filter(None, (_begun(name), _unit(land.objective))))
    content = (
        page_header(_title(body), _lines(envelope), synthetic=envelope.synthetic),
        "<main>",
        _stopped(body),
        figure_cards(_figures(body, land)),
        titled("Best candidates", CANDIDATES_NOTE if body["top"] else "", _candidates(body)),
        _importance(land, name),
        *_charts(land, name),
        _details("Every figure of the report", sweep_sections(body)),
        _details("The run that it lies in", more) if more else "",
        "</main>",
        page_footer(envelope),
        data_block("sheet-data", page_data(land, chart_title)),
    )
    scripts = (own_script("sheet_ground.js"), own_script("sweep_page.js"))
    return page(_title(body), "\n".join(content), scripts)


def objective_name(objective: str) -> str:
    """What an objective is called within a sentence."""
    return NAMES.get(objective, label(objective).capitalize())


def _begun(name: str) -> str:
    """The name at the beginning of a sentence."""
    return name[0].upper() + name[1:]


def _unit(objective: str) -> str:
    return "USD" if objective == "net_pnl" else ""


def objective_text(objective: str, value: float) -> str:
    """A value of the objective for people."""
    return signed_usd(value) if objective == "net_pnl" else figure(value)


def _title(body: Mapping[str, Any]) -> str:
    windows = body["windows"]
    start, end = minute(windows["search_start_ms"])[:10], minute(windows["search_end_ms"])[:10]
    return f"Sweep {short_hash(body['spec_sha256'])}, {start} to {end}"


def _lines(envelope: Envelope) -> list[str]:
    body = envelope.body
    spec, windows = body["spec"], body["windows"]
    asked = envelope.sources[0].path if envelope.sources else "unknown spec"
    return [
        f"{asked}, base {spec['base']}, configuration {short_hash(body['base_config_id'])}",
        f"method {spec['method']} over {len(body['axes'])} axes, best by "
        f"{objective_name(spec['objective'])}, at least {spec['min_positions']} positions",
        f"search window {minute(windows['search_start_ms'])} to "
        f"{minute(windows['search_end_ms'])} UTC, {windows['search_bar_count']:,} bars of "
        f"{body['interval']}, {len(body['symbols'])} symbols; holdout from "
        f"{minute(windows['holdout_start_ms'])}, unseen",
    ]


def _stopped(body: Mapping[str, Any]) -> str:
    if not body["interrupted"]:
        return ""
    counts = body["combinations"]
    said = (
        f"This sweep was stopped before its end: {counts['unreached_count']:,} points were not "
        "reached, and all below is about those that were."
    )
    return f'<p class="note">{escape(said)}</p>'


def _figures(body: Mapping[str, Any], land: Landscape) -> list[tuple[str, str, str, str, str]]:
    counts, ranked, chance = body["combinations"], len(land.values), land.chance
    name, unit = objective_name(land.objective), _unit(land.objective)
    best, median, sharpe = "-", "-", None
    if ranked:
        best = objective_text(land.objective, float(land.values[-1]))
        median = objective_text(land.objective, float(np.median(land.values)))
        sharpe = float(land.sharpe[-1]) if np.isfinite(land.sharpe[-1]) else None
    tone = "" if sharpe is None else "gain" if sharpe > chance.sharpe else "loss"
    first = body["top"][0] if body["top"] else None
    whose = "no candidate" if first is None else f"configuration {short_hash(first['config_id'])}"
    worthless = (
        f"expected of {chance.trial_count:,} worthless trials, {chance.sharpe_daily:.4f} a day"
    )
    listed = f"of {counts['listed_count']:,} listed, {counts['unreached_count']:,} not reached"
    equal, excluded = counts["duplicate_count"], counts["excluded_count"]
    left_out = f"{equal:,} equal to others, {excluded:,} excluded"
    least = f"fewer than {body['spec']['min_positions']}, never ranked"
    second = ("Sharpe of the best", figure(sharpe), "", "daily returns x sqrt(365)", tone)
    if land.objective == "sharpe":
        metrics = first["metrics"] if first else {}
        second = (
            "Net PnL of the best",
            signed_usd(metrics.get("net_pnl_usd")),
            "USD",
            f"drawdown {percent(metrics.get('drawdown_max_frac'))}",
            "",
        )
    return [
        (f"Best {name}", best, unit, whose, tone if land.objective == "sharpe" else ""),
        second,
        ("Best Sharpe from chance", figure(chance.sharpe), "", worthless, ""),
        (f"Median {name}", median, unit, "of the ranked rows", ""),
        ("Rows evaluated", f"{land.row_count:,}", "", listed, ""),
        ("Rows ranked", f"{ranked:,}", "", f"{land.valueless_count:,} others had no value", ""),
        ("Too few positions", f"{land.short_count:,}", "", least, ""),
        ("Not evaluated", f"{equal + excluded:,}", "", left_out, ""),
    ]


def _candidates(body: Mapping[str, Any]) -> str:
    top = body["top"][:TABLE_ROWS]
    if not top:
        return "<p>No row had enough positions and a value, so none was ranked.</p>"
    objective = body["spec"]["objective"]
    known = {name for name, _, _ in METRICS}
    shown = list(METRICS)
    if objective not in (*known, "net_pnl"):
        shown.insert(0, (objective, _begun(objective_name(objective)), figure))
    varying = varying_axes(body, top)
    rows = tuple(
        (
            str(each["rank"]),
            short_hash(each["config_id"]),
            *(write(each["metrics"].get(name)) for name, _, write in shown),
            *(axis_value(each["values"].get(path)) for path in varying),
        )
        for each in top
    )
    header = ("rank", "config", *(title for _, title, _ in shown), *map(axis_name, varying))
    title = f"Best {len(top)} of {len(body['top'])}, with the parameters in which they differ"
    same = [
        f"{axis_name(path)} {axis_value(top[0]['values'].get(path))}"
        for path in body["axes"]
        if path not in varying
    ]
    shared = f'<p class="note">The same in all: {escape(", ".join(same))}.</p>' if same else ""
    return section_html(Section(title, header, rows)) + shared


def _importance(land: Landscape, name: str) -> str:
    title = "Which parameters decide"
    if not land.importance:
        return titled(title, "No axis takes two values among the ranked rows.", "")
    note = IMPORTANCE_NOTE.format(objective=name)
    if land.importance_rows < len(land.rows):
        note += f" From {land.importance_rows:,} of {len(land.rows):,} ranked rows, evenly drawn."
    varied = {each.path for each in land.importance}
    still = [axis_name(axis.path) for axis in land.axes if axis.path not in varied]
    if still:
        note += f" With one value among the ranked rows: {', '.join(still)}."
    if any(each.alone_frac is None for each in land.importance):
        note += (
            " A dash: each value was ranked once, or all rows are equal, so there is no telling."
        )
    shown, rest = land.importance[:IMPORTANCE_SHOWN], land.importance[IMPORTANCE_SHOWN:]
    rows = "".join(_importance_row(each) for each in shown)
    head = (
        '<th>axis</th><th></th><th class="n"><i class="alone"></i>alone</th>'
        '<th class="n"><i class="more"></i>with its partner</th><th>best partner</th>'
    )
    table = (
        '<div class="wide"><table class="shares"><thead><tr>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    if rest:
        names = ", ".join(axis_name(each.path) for each in rest)
        most = percent(rest[0].total_frac)
        table += f'<p class="note">{len(rest)} more, {most} or less each: {escape(names)}.</p>'
    return titled(title, note, table)


def _importance_row(each: Importance) -> str:
    bars = "".join(
        f'<i class="{kind}" style="width:{100.0 * (frac or 0.0):.2f}%"></i>'
        for kind, frac in (("alone", each.alone_frac), ("more", each.partner_frac))
    )
    more = f"+{percent(each.partner_frac)}" if each.partner else percent(each.partner_frac)
    partner = "-" if each.partner is None else axis_name(each.partner)
    return (
        f'<tr><td title="{escape(each.path)}">{breakable(axis_name(each.path))}</td>'
        f'<td class="bars"><div>{bars}</div></td>'
        f'<td class="n">{percent(each.alone_frac)}</td><td class="n">{more}</td>'
        f"<td>{breakable(partner)}</td></tr>"
    )


def _charts(land: Landscape, name: str) -> Sequence[str]:
    if len(land.values) == 0:
        return ('<p class="note">No row was ranked, so there is nothing to draw.</p>',)
    return (
        titled("Distribution", _distribution_note(land, name), _distributions(land)),
        titled("All axes at once", parallel_note(land, name), _parallel(land)),
        titled("Two axes at a time", _heatmap_note(land, name), _heatmaps(land)),
    )


def _distribution_note(land: Landscape, name: str) -> str:
    chance = land.chance
    note = (
        f"{_begun(name)} of the {len(land.values):,} ranked rows. The best from chance is the "
        f"Sharpe that the best of {chance.trial_count:,} worthless trials is expected to show, "
        "given how the daily Sharpes of all evaluated rows spread: the figure that `perpkit "
        "validate` asks a candidate to pass on the holdout, there with every other trial that the "
        "ledger counts."
    )
    if land.objective != "sharpe":
        note += " It is a Sharpe, so it is drawn beside, over the Sharpes of the same rows."
    return note


def _distributions(land: Landscape) -> str:
    if land.objective == "sharpe" or not np.isfinite(land.sharpe).any():
        return chart_box("distribution-0")
    return f'<div class="pair">{chart_box("distribution-0")}{chart_box("distribution-1")}</div>'


def parallel_note(land: Landscape, name: str) -> str:
    """Which rows are drawn, by which axes, and how to read them."""
    count = len(land.rows)
    drawn = f"All {count:,} ranked rows are drawn"
    if count > BEST_DRAWN + REST_DRAWN:
        drawn = (
            f"Of {count:,} ranked rows the best {BEST_DRAWN:,} are drawn and {REST_DRAWN:,} of the "
            "others, spread evenly over their order"
        )
    axes = len(land.importance)
    of = "" if axes <= PARALLEL_AXES_MAX else f", by the {PARALLEL_AXES_MAX} most important axes"
    return (
        f"One line per row, coloured by {name}. {drawn}{of}; the most important axis stands next "
        "to the objective. Rows of one value are fanned out in the order of the objective. Drag "
        "along an axis to keep a range of it, click the axis to let it go; "
        "point at a line to read it."
    )


def _parallel(land: Landscape) -> str:
    if not land.importance:
        return "<p>No axis takes two values among the ranked rows.</p>"
    return (
        '<div class="wide"><div id="chart-parallel"><canvas></canvas></div></div>'
        '<div class="picks"><button id="all-rows" type="button">All rows</button>'
        '<span class="quiet" id="chosen" aria-live="polite"></span></div>'
    )


def _heatmap_note(land: Landscape, name: str) -> str:
    count = len(land.importance)
    of = "" if count <= HEATMAP_AXES_MAX else f" The {HEATMAP_AXES_MAX} most important axes."
    return (
        f"{_begun(name)} of the ranked rows in each cell: the median says whether a place is good "
        "whatever the other axes are, the best what can be reached there. A broad field of good "
        f"medians is worth more than one bright cell. A cell without rows is blank.{of}"
    )


def _heatmaps(land: Landscape) -> str:
    if len(land.importance) < 2:
        return "<p>Fewer than two axes take two values among the ranked rows.</p>"
    picks = "".join(
        f'<label>{text} <select id="{name}"></select></label>'
        for name, text in (("down", "Down"), ("across", "Across"))
    )
    maps = "".join(
        f'<div><h3>{title}</h3><div class="wide" id="heat-{name}"></div></div>'
        for name, title in (("median", "Median"), ("best", "Best"))
    )
    return f'<div class="picks">{picks}</div><div class="pair" id="heat">{maps}</div>'


def _details(title: str, sections: Sequence[Section]) -> str:
    tables = "\n".join(section_html(section) for section in sections)
    return f"<details><summary>{escape(title)}</summary>{tables}</details>"
