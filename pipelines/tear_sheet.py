"""The tear sheet of a replay: one page that shows what a strategy made, risked, paid and held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from core.artifacts.tree import write_text_atomic
from pipelines.sections import figure, percent, short_hash, signed_usd
from pipelines.sheet_data import Replayed, sheet_data
from pipelines.sheet_page import (
    chart_box,
    data_block,
    figure_cards,
    own_script,
    page,
    page_footer,
    page_header,
    plotly_script,
    section_html,
    titled,
)
from pipelines.show_replay import COSTS, replay_sections
from schemas.artifact import Envelope

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FULL_COLOUR_FRAC = 0.10
"""Monthly return from which a cell has the strongest colour."""

REPORT_ONLY_NOTE = (
    "This sheet was made from the report alone. Exposure, distributions and trades on candles are "
    "drawn when the bars that were replayed are at hand: `perpkit replay --html`."
)
LEVELS_NOTE = (
    "Stop and targets are drawn as set at entry, from the average entry price. What moves them "
    "later is not drawn: trailing, breakeven, a stop that tightens under water, trend strength. "
    "Candles are joined where they are too many to see: zoom in for single bars."
)
EXPOSURE_NOTE = (
    "Notional of open positions over equity; 100 % is once the equity. What was added to a "
    "position counts from its entry on."
)


def write_sheet(path: Path, envelope: Envelope, replayed: Replayed | None) -> Path:
    """`path`, which now holds the sheet of a replay report, whole or not at all."""
    write_text_atomic(path, tear_sheet(envelope, replayed))
    return path


def tear_sheet(envelope: Envelope, replayed: Replayed | None) -> str:
    """The page of a replay report; charts of single trades need what was `replayed`."""
    body = envelope.body
    data = sheet_data(body, replayed)
    content = (
        _header(envelope),
        "<main>",
        _headline(body),
        titled(
            "Equity and drawdown",
            "Marked to market at each close, net of all costs.",
            chart_box("equity"),
        ),
        titled("Return by month", "Of the equity at the start of each month.", months_table(data)),
        *_trade_sections(replayed is not None),
        _costs(body["costs"]),
        titled(
            "What stopped entries",
            "Left: bars on which each gate failed; one bar may fail several. Right: what became "
            "of the signals that passed them.",
            f'<div class="pair">{chart_box("gates")}{chart_box("signals")}</div>',
        ),
        _details(body),
        "</main>",
        page_footer(envelope),
        data_block("sheet-data", data),
    )
    scripts = (plotly_script(), own_script("sheet_ground.js"), own_script("sheet.js"))
    return page(_title(body), "\n".join(content), scripts)


def _title(body: Mapping[str, Any]) -> str:
    span = body["span"]
    return (
        f"Replay {short_hash(body['config_id'])}, {span['first_open_utc'][:10]} to "
        f"{span['last_close_utc'][:10]}"
    )


def _header(envelope: Envelope) -> str:
    body = envelope.body
    span = body["span"]
    strategy = envelope.sources[0].path if envelope.sources else "unknown strategy"
    traded = (
        "all of them traded"
        if span["tradable"] is None
        else (f"{len(span['tradable'])} of them traded")
    )
    changed = [f"--set {text}" for text in body["sets"]]
    if body["mode"] is not None:
        changed.insert(0, f"mode {body['mode']}")
    lines = [
        f"{strategy}, configuration {short_hash(body['config_id'])}",
        f"{span['first_open_utc']} to {span['last_close_utc']}, bars of {span['interval']}, "
        f"{span['symbol_count']} symbols, {traded}",
        *((f"changed by {' '.join(changed)}",) if changed else ()),
    ]
    return page_header(_title(body), lines, synthetic=envelope.synthetic)


def _headline(body: Mapping[str, Any]) -> str:
    metrics = body["metrics"]
    net_usd = metrics["net_pnl_usd"]
    tone = "gain" if net_usd > 0 else "loss" if net_usd < 0 else ""
    costs = body["costs"]
    paid_usd = metrics["fees_usd"]
    paid = "fees"
    if costs is not None:
        paid_usd += costs["slippage_usd"] - costs["funding_usd"]
        paid = "fees, slippage, funding"
    figures = (
        ("Net PnL", signed_usd(net_usd), "USD", f"on {figure(body['equity_start_usd'])} USD", tone),
        ("Return", percent(metrics["return_frac"]), "", f"{metrics['day_count']:,} days", tone),
        (
            "Largest drawdown",
            percent(metrics["drawdown_max_frac"]),
            "",
            f"{figure(metrics['drawdown_max_usd'])} USD at most",
            "",
        ),
        ("Sharpe", figure(metrics["sharpe"]), "", "daily returns x sqrt(365)", ""),
        ("Profit factor", figure(metrics["profit_factor"]), "", "won over lost, net", ""),
        (
            "Positions",
            f"{metrics['position_count']:,}",
            "",
            f"{percent(metrics['win_frac'])} won",
            "",
        ),
        (
            "In the market",
            percent(metrics["exposure_frac"]),
            "",
            f"of the time, mean notional {percent(metrics['exposure_mean_frac'])} of equity",
            "",
        ),
        ("Costs", figure(float(paid_usd)), "USD", paid, ""),
    )
    return figure_cards(figures)


def months_table(data: Mapping[str, Any]) -> str:
    """Years down, months across, each with its return; the year's return is compounded."""
    years: dict[str, dict[int, float | None]] = {}
    for entry in data["months"]:
        year, month = entry["month"].split("-")
        years.setdefault(year, {})[int(month)] = entry["return_frac"]
    rows = []
    for year, found in years.items():
        total: float | None = 1.0
        for change in found.values():
            total = None if total is None or change is None else total * (1.0 + change)
        cells = [_month(found.get(month)) for month in range(1, 13)]
        cells.append(_month(None if total is None else total - 1.0))
        rows.append(f"<tr><th>{escape(year)}</th>{''.join(cells)}</tr>")
    head = "".join(f"<th>{name}</th>" for name in ("Year", *MONTHS, "All"))
    return (
        f'<div class="wide"><table class="months"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _month(change: float | None) -> str:
    if change is None:
        return "<td></td>"
    share = round(min(abs(change) / FULL_COLOUR_FRAC, 1.0) * 45)
    colour = "gain" if change >= 0 else "loss"
    tint = f"background:color-mix(in srgb, var(--{colour}) {share}%, transparent)"
    return f'<td style="{tint}">{change * 100:+.1f} %</td>'


def _trade_sections(has_trades: bool) -> Sequence[str]:  # noqa: FBT001
    if not has_trades:
        return (f'<p class="note">{escape(REPORT_ONLY_NOTE)}</p>',)
    picks = (
        '<div class="picks"><label>Symbol <select id="symbol"></select></label>'
        '<button id="before" type="button">Earlier position</button>'
        '<button id="after" type="button">Later position</button>'
        '<button id="whole" type="button">All bars</button></div>'
        '<p class="quiet" id="position" aria-live="polite"></p>'
    )
    distributions = "".join(
        f"<div><h3>{escape(title)}</h3>{chart_box(name)}</div>"
        for name, title in (
            ("pnl", "Net PnL of a position, USD"),
            ("holding", "Holding time, hours"),
            ("mae", "Worst excursion (MAE), % of entry price"),
            ("mfe", "Best excursion (MFE), % of entry price"),
        )
    )
    return (
        titled("Exposure", EXPOSURE_NOTE, chart_box("exposure")),
        titled(
            "Distributions",
            "One count for each position, winners and losers apart.",
            f'<div class="pair">{distributions}</div>',
        ),
        titled("Trades on candles", LEVELS_NOTE, picks + chart_box("candles")),
    )


def _costs(costs: Mapping[str, float] | None) -> str:
    title = "Costs"
    if costs is None:
        return titled(title, "The report is of version 1, which did not split its costs.", "")
    rows = []
    for name, text, sign in COSTS:
        strong = ' class="strong"' if name == "net_pnl_usd" else ""
        value = signed_usd(sign * costs[name] + 0.0)
        rows.append(f'<tr{strong}><td>{escape(text)}</td><td class="n">{value}</td></tr>')
    table = (
        '<div class="wide"><table><thead><tr><th></th><th class="n">USD</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
    note = "The same fills at zero fees, zero slippage, zero funding; nothing is decided anew."
    return titled(title, note, f'<div class="pair">{chart_box("costs")}{table}</div>')


def _details(body: Mapping[str, Any]) -> str:
    tables = "\n".join(
        section_html(section)
        for section in replay_sections(body)
        if not section.title.startswith(("marked equity", "costs", "result"))
    )
    return f"<details><summary>Every figure of the report</summary>{tables}</details>"
