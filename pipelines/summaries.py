"""One line about a result, for a person who watches a command end."""

from __future__ import annotations

from pipelines.sweep import SweepResult
from schemas.replay import ReplayReport
from schemas.sweep import SweepReport


def number(value: float | int | None, digits: int = 2) -> str:
    """A figure with thousands separators, or `-` when there is none."""
    if value is None:
        return "-"
    return f"{value:,.{digits}f}" if isinstance(value, float) else f"{value:,}"


def replay_line(report: ReplayReport) -> str:
    """What the replay earned and risked."""
    metrics = report.metrics
    drawdown = 100.0 * float(metrics["drawdown_max_frac"] or 0.0)
    return (
        f"replay {report.config_id[:12]}: net {number(metrics['net_pnl_usd'])} USD, "
        f"fees {number(metrics['fees_usd'])}, {number(metrics['position_count'])} positions, "
        f"max drawdown {drawdown:.1f} %, Sharpe {number(metrics['sharpe'])}"
    )


def sweep_lines(result: SweepResult) -> list[str]:
    """What was tried, how fast, and the best; what was kept if it was stopped."""
    report = result.report
    counts = report.combinations
    lines = [
        f"sweep: {number(counts.evaluated_count)} of {number(counts.listed_count)} points "
        f"evaluated ({number(counts.duplicate_count)} equal to others, "
        f"{number(counts.excluded_count)} invalid, {number(counts.short_count)} with too few "
        "positions to rank)"
    ]
    if result.speed is not None and result.speed.wall_s > 0:
        rate = result.speed.symbol_bars / result.speed.wall_s / 1e6
        lines.append(f"{result.speed.wall_s:.1f} s, {rate:.1f} M symbol-bars/s")
    if report.top:
        best = report.top[0]
        lines.append(
            f"best {best.config_id[:12]}: net {number(best.metrics['net_pnl_usd'])} USD, Sharpe "
            f"{number(best.metrics['sharpe'])}, {number(best.metrics['position_count'])} positions "
            "on the search window"
        )
    else:
        lines.append("no point had enough positions to be ranked")
    if report.interrupted:
        lines.append(
            f"stopped: {_unreached(report)} points were not reached; the "
            f"{number(counts.evaluated_count)} done are kept in {report.results_path}"
        )
    return lines


def _unreached(report: SweepReport) -> str:
    """Points of a grid, or trials of a budget, that a stop left out."""
    budget = report.spec.budget
    if report.spec.method == "grid":
        return number(report.combinations.unreached_count)
    if budget is None or budget.trials is None:
        return "further"
    return number(budget.trials - report.combinations.evaluated_count)
