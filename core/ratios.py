"""Ratios of a run, for one run or for a whole sweep; the only place that divides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from kernel.records import Floats, Records

DAYS_PER_YEAR: Final = 365
"""Perpetuals trade every day, so a year of daily returns has 365 of them."""

NULL_REASONS: Final = {
    "return_frac": "no equity to begin with",
    "sharpe": "fewer than two days, or equity never moved",
    "sortino": "no day lost",
    "calmar": "equity never fell below its peak",
    "profit_factor": "no position lost",
    "win_frac": "no position was closed",
    "best_position_frac": "net PnL is not positive",
}
"""Why a ratio has no value: its denominator is not above 0."""


def ratio_columns(stats: Records | Mapping[str, Any]) -> dict[str, Floats]:
    """Each ratio of Stats records, or of one mapping of their fields; NaN where undefined.

    Sharpe (1994) and Sortino are daily means over deviations times sqrt(365), without a risk-free
    rate; Calmar is the linear yearly return over the largest marked drawdown.  `win_frac` and
    `profit_factor` are per position, net of fees.
    """
    field = {name: np.asarray(stats[name], np.float64) for name in FIELDS}
    start = field["equity_end_usd"] - field["net_pnl_usd"]
    days = field["day_count"]
    year = math.sqrt(DAYS_PER_YEAR)
    deviation = np.where(days >= 2, field["return_daily_std"], 0.0)
    return_frac = _over(field["net_pnl_usd"], start)
    yearly = np.nan_to_num(return_frac) * DAYS_PER_YEAR / np.maximum(days, 1.0)
    return {
        "return_frac": return_frac,
        "sharpe": _over(field["return_daily_mean"] * year, deviation),
        "sortino": _over(field["return_daily_mean"] * year, field["downside_daily_std"]),
        "calmar": _over(yearly, field["drawdown_max_frac"]),
        "profit_factor": _over(field["gross_profit_usd"], field["gross_loss_usd"]),
        "win_frac": _over(field["win_count"], field["position_count"]),
        "best_position_frac": _over(field["best_position_usd"], field["net_pnl_usd"]),
    }


def pnl_over_drawdown(stats: Records | Mapping[str, Any]) -> Floats:
    """Net PnL over the largest marked drawdown, both in USD; NaN where equity never fell."""
    return _over(np.asarray(stats["net_pnl_usd"]), np.asarray(stats["drawdown_max_usd"]))


FIELDS: Final = (
    "equity_end_usd",
    "net_pnl_usd",
    "day_count",
    "return_daily_mean",
    "return_daily_std",
    "downside_daily_std",
    "drawdown_max_frac",
    "gross_profit_usd",
    "gross_loss_usd",
    "win_count",
    "position_count",
    "best_position_usd",
)


def ratios(metrics: Mapping[str, Any]) -> tuple[dict[str, float | None], dict[str, str]]:
    """(ratios, reason of each that is None) of one run's Stats fields."""
    columns = {name: float(column) for name, column in ratio_columns(metrics).items()}
    why = {name: NULL_REASONS[name] for name, value in columns.items() if math.isnan(value)}
    return {name: None if name in why else value for name, value in columns.items()}, why


def _over(top: Floats, bottom: Floats) -> Floats:
    """top / bottom where bottom is above 0, else NaN."""
    out: Floats = np.full(np.broadcast(top, bottom).shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0.0)
    return out
