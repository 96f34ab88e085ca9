"""One line about a result, for a person who watches a command end."""

from __future__ import annotations

from schemas.replay import ReplayReport


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
