"""A replay report for people: result, span, metrics, breakdowns, gates, curve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.sections import (
    Section,
    figure,
    listed,
    minute,
    percent,
    short_hash,
    signed_usd,
    value_text,
)

SYMBOLS_SHOWN = 5
CHART_COLUMNS = 90
CHART_ROWS = 9

METRICS: tuple[tuple[str, str, str], ...] = (
    ("net_pnl_usd", "net PnL", "USD"),
    ("return_frac", "return on the equity at the start", "%"),
    ("gross_pnl_usd", "PnL before fees", "USD"),
    ("fees_usd", "fees", "USD"),
    ("slippage_usd", "slippage, within the PnL", "USD"),
    ("funding_usd", "funding received, within the net PnL", "USD"),
    ("turnover_usd", "turnover, all fills", "USD"),
    ("equity_end_usd", "equity at the end", "USD"),
    ("drawdown_max_frac", "largest drawdown, marked", "%"),
    ("drawdown_max_usd", "largest drawdown in money", "USD"),
    ("sharpe", "Sharpe, daily x sqrt(365)", "1/sqrt(year)"),
    ("sortino", "Sortino, daily x sqrt(365)", "1/sqrt(year)"),
    ("calmar", "Calmar, yearly return over drawdown", "1/year"),
    ("sharpe_daily", "Sharpe of a day", "1/sqrt(day)"),
    ("return_daily_mean", "mean return of a day", "%"),
    ("return_daily_std", "deviation of daily returns", "%"),
    ("downside_daily_std", "deviation of losing days", "%"),
    ("position_count", "positions closed", "positions"),
    ("win_count", "positions won, net", "positions"),
    ("win_frac", "share won", "%"),
    ("profit_factor", "profit factor, net", "ratio"),
    ("gross_profit_usd", "sum of the winners, net", "USD"),
    ("gross_loss_usd", "sum of the losers, net", "USD"),
    ("best_position_usd", "best position, net", "USD"),
    ("best_position_frac", "best position, share of net PnL", "%"),
    ("exposure_frac", "time with a position", "%"),
    ("exposure_mean_frac", "mean notional over equity", "%"),
    ("day_count", "days", "days"),
    ("bar_count", "instants", "bars"),
)
"""Metric, what it is, unit: in the order of a reader's questions; docs/metrics.md has formulas."""


def best_first(slices: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Slices by net PnL, the largest first; equal ones by name."""
    return sorted(slices, key=lambda part: (-part["net_pnl_usd"], part["name"]))


BREAKDOWNS: tuple[tuple[str, str, Callable[[Any], Sequence[Mapping[str, Any]]]], ...] = (
    ("by_side", "side", list),
    ("by_confidence", "confidence", list),
    ("by_entry_mode", "entry mode", list),
    ("by_reason", "reason of the exit", best_first),
    ("by_month", "month of the exit, UTC", list),
)
"""Field of the body, what it is split by, and in which order."""

AT_CHECKS = (
    "blocked_by_ranging",
    "blocked_by_anomaly",
    "blocked_by_extension",
    "blocked_by_volume",
    "blocked_by_adx_not_rising",
    "blocked_by_adx_low",
    "blocked_by_btc",
)
"""Counters of gates that are judged on every bar, each on its own; the others stop signals."""

EXCURSIONS = (
    ("mae_median_frac", "worst excursion, median"),
    ("mae_worst_frac", "worst excursion of all"),
    ("mfe_median_frac", "best excursion, median"),
    ("mfe_best_frac", "best excursion of all"),
    ("winners_mae_median_frac", "how deep winners went first, median"),
    ("losers_mfe_median_frac", "how far losers had been ahead, median"),
)


def replay_headline(body: Mapping[str, Any]) -> str:
    """Net result and risk in one line."""
    metrics = body["metrics"]
    return (
        f"net {signed_usd(metrics['net_pnl_usd'])} USD, Sharpe {figure(metrics['sharpe'])}, "
        f"drawdown {percent(metrics['drawdown_max_frac'])}, {metrics['position_count']:,} positions"
    )


def replay_sections(body: Mapping[str, Any]) -> list[Section]:
    """The whole report."""
    return [
        _result(body),
        _span(body),
        _metrics(body),
        *_costs(body["costs"]),
        *(_breakdown(title, ordered(body[key])) for key, title, ordered in BREAKDOWNS if body[key]),
        *_symbols(body["by_symbol"]),
        _excursions(body["excursions"]),
        *_gates(body["gates"]),
        curve_section(body["curve"], body["equity_start_usd"]),
    ]


def _result(body: Mapping[str, Any]) -> Section:
    metrics = body["metrics"]
    changed = [f"--set {text}" for text in body["sets"]]
    if body["mode"] is not None:
        changed.insert(0, f"mode {body['mode']}")
    rows = (
        ("config", short_hash(body["config_id"])),
        *((("changed by", " ".join(changed)),) if changed else ()),
        (
            "net PnL",
            f"{signed_usd(metrics['net_pnl_usd'])} USD on {figure(body['equity_start_usd'])}"
            f" ({percent(metrics['return_frac'])}), after {figure(metrics['fees_usd'])} of fees",
        ),
        (
            "positions",
            f"{metrics['position_count']:,}, {percent(metrics['win_frac'])} won, "
            f"profit factor {figure(metrics['profit_factor'])}",
        ),
        (
            "risk",
            f"drawdown {percent(metrics['drawdown_max_frac'])}, Sharpe "
            f"{figure(metrics['sharpe'])}, in the market {percent(metrics['exposure_frac'])} of "
            "the time",
        ),
    )
    return Section("result", (), rows)


def _span(body: Mapping[str, Any]) -> Section:
    span = body["span"]
    missing = span["missing_bars"]
    worst = sorted(missing, key=lambda symbol: (-missing[symbol], symbol))
    holes = "none"
    if missing:
        named = listed([f"{symbol} {missing[symbol]:,}" for symbol in worst], 5)
        holes = f"{sum(missing.values()):,}, not filled: {named}"
    rows = (
        ("from", span["first_open_utc"]),
        ("to", span["last_close_utc"]),
        (
            "bars",
            f"{span['instant_count']:,} instants of {span['interval']}, "
            f"{span['symbol_bar_count']:,} bars of {span['symbol_count']} symbols",
        ),
        ("traded", "all symbols" if span["tradable"] is None else listed(span["tradable"], 10)),
        ("missing bars", holes),
        ("funding known", _funding(body)),
    )
    return Section("span", (), rows)


def _funding(body: Mapping[str, Any]) -> str:
    """Share of the hours due on positions whose rate was known, and where it was not."""
    share, missing = body["funding_coverage_frac"], body["funding_missing_hours"]
    if share is None:
        return f"- ({body['null_reasons']['funding_coverage_frac']})"
    worst = sorted(missing, key=lambda symbol: (-missing[symbol], symbol))
    named = listed([f"{symbol} {missing[symbol]:,}" for symbol in worst], 5)
    return f"{percent(share)} of the hours" + (f", not of {named}" if missing else "")


def _metrics(body: Mapping[str, Any]) -> Section:
    metrics, why = body["metrics"], body["null_reasons"]
    named = {name for name, _, _ in METRICS}
    rest = tuple((name, name, "") for name in metrics if name not in named)
    rows = [
        (text, _metric(name, metrics[name], unit), unit, why.get(name, ""))
        for name, text, unit in (*METRICS, *rest)
        if name in metrics
    ]
    if not why:
        return Section("metrics", ("metric", "value", "unit"), tuple(row[:3] for row in rows))
    return Section("metrics", ("metric", "value", "unit", "why there is none"), tuple(rows))


def _metric(name: str, value: float | None, unit: str) -> str:
    if value is None or isinstance(value, int):
        return figure(value)
    return figure(100.0 * value if unit == "%" else value, 4 if "daily" in name else 2)


COSTS = (
    ("gross_at_mid_usd", "PnL at the decided prices", 1),
    ("fees_usd", "fees", -1),
    ("entry_slippage_usd", "slippage of entries and adds", -1),
    ("exit_slippage_usd", "slippage of exits", -1),
    ("funding_usd", "funding received", 1),
    ("net_pnl_usd", "net PnL, as traded", 1),
    ("net_without_fees_usd", "net PnL without fees", 1),
    ("net_without_slippage_usd", "net PnL without slippage", 1),
    ("net_without_funding_usd", "net PnL without funding", 1),
)
"""Field of the costs, what it is, and its sign: from gross to net, then net without each."""


def _costs(costs: Mapping[str, float] | None) -> list[Section]:
    if costs is None:
        return []
    rows = tuple((text, signed_usd(sign * costs[name])) for name, text, sign in COSTS)
    return [Section("costs of the same fills, nothing decided anew", ("", "USD"), rows)]


def _breakdown(title: str, slices: Sequence[Mapping[str, Any]]) -> Section:
    header = ("", "positions", "won", "closes", "gross USD", "fees USD", "net USD")
    return Section(f"by {title}", header, tuple(_slice(part) for part in slices))


def _slice(part: Mapping[str, Any]) -> tuple[str, ...]:
    count = part["position_count"]
    return (
        part["name"],
        f"{count:,}",
        percent(part["win_count"] / count if count else None, 0),
        f"{part['close_count']:,}",
        signed_usd(part["gross_pnl_usd"]),
        f"{part['fees_usd']:,.2f}",
        signed_usd(part["net_pnl_usd"]),
    )


def _symbols(slices: Sequence[Mapping[str, Any]]) -> list[Section]:
    """All symbols if they are few, else the best and the worst."""
    ranked = best_first(slices)
    if not ranked:
        return []
    if len(ranked) <= 2 * SYMBOLS_SHOWN:
        return [_breakdown("symbol", ranked)]
    return [
        _breakdown(f"symbol, best {SYMBOLS_SHOWN} of {len(ranked)}", ranked[:SYMBOLS_SHOWN]),
        _breakdown(f"symbol, worst {SYMBOLS_SHOWN}", ranked[: -SYMBOLS_SHOWN - 1 : -1]),
    ]


def _excursions(excursions: Mapping[str, Any]) -> Section:
    rows = tuple((text, value_text(name, excursions[name])) for name, text in EXCURSIONS)
    return Section("excursions from the first fill", ("", "of price"), rows)


def _gates(counters: Mapping[str, int]) -> list[Section]:
    checks, signals = counters["checks"], counters["signals"]
    bars = _blocks(counters, AT_CHECKS, checks)
    others = [name for name in counters if name.startswith("blocked_by_") and name not in AT_CHECKS]
    stops = _blocks(counters, others, signals)
    ended = (
        ("became entries", f"{counters['entries']:,}", _share(counters["entries"], signals)),
        ("became adds", f"{counters['adds']:,}", _share(counters["adds"], signals)),
    )
    return [
        Section(
            f"gates on {checks:,} judged bars; one bar may fail several",
            ("gate", "bars", "share"),
            bars,
        ),
        Section(f"what became of {signals:,} signals", ("", "times", "share"), (*stops, *ended)),
    ]


def _blocks(
    counters: Mapping[str, int], names: Sequence[str], total: int
) -> tuple[tuple[str, str, str], ...]:
    """The counters that are not 0, most first."""
    found = sorted((name for name in names if counters.get(name)), key=lambda n: -counters[n])
    return tuple(
        (name.replace("_", " "), f"{counters[name]:,}", _share(counters[name], total))
        for name in found
    )


def _share(count: int, total: int) -> str:
    return percent(count / total if total else None)


def curve_section(curve: Sequence[Mapping[str, Any]], start_usd: float) -> Section:
    """The daily equity as a chart of characters, from the equity at the start on."""
    equity = [start_usd, *(point["equity_usd"] for point in curve)]
    low, high = min(equity), max(equity)
    columns = min(CHART_COLUMNS, len(equity))
    picked = [equity[k * (len(equity) - 1) // max(columns - 1, 1)] for k in range(columns)]
    height = high - low or 1.0
    levels = [round((value - low) / height * (CHART_ROWS - 1)) for value in picked]
    rows = []
    for level in reversed(range(CHART_ROWS)):
        name = f"{low + height * level / (CHART_ROWS - 1):,.0f}" if level % 4 == 0 else ""
        rows.append((name, "|" + "".join("*" if at == level else " " for at in levels).rstrip()))
    width = max(len(name) for name, _ in rows)
    if curve:
        ends = (minute(curve[0]["ts_ms"])[:10], minute(curve[-1]["ts_ms"])[:10])
        gap = " " * max(columns + 1 - len(ends[0]) - len(ends[1]), 1)
        rows.append(("", f"{ends[0]}{gap}{ends[1]}"))
    aligned = tuple((name.rjust(width), line) for name, line in rows)
    return Section(f"marked equity in USD at the end of {len(curve):,} days", (), aligned)
