"""Verdicts as a table that a person can read: one line per candidate, one column per gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.clock import utc_iso
from pipelines.validate import Verdict
from schemas.validation import Check, GateReport

TITLES = {
    "position_count": "positions",
    "net_pnl_usd": "net PnL USD",
    "best_position_frac": "best position",
    "slices_positive_count": "slices up",
    "sharpe_daily": "daily Sharpe",
}
PASSED, FAILED = "ok", "NO"


def verdict_head(verdicts: Sequence[Verdict]) -> list[str]:
    """Lines that say on what all of these verdicts rest."""
    report = verdicts[0].report
    start, end = (utc_iso(ms)[:16] for ms in (report.holdout_start_ms, report.holdout_end_ms))
    count = len(report.symbols)
    return [
        f"holdout {start} to {end}, {report.interval} bars, {count} symbols, "
        f"{len(report.slices)} slices, {report.gates.slippage_bps:g} bps on both legs",
        f"{report.trial_count:,} trials counted: chance alone is expected to reach a daily Sharpe "
        f"of {report.sharpe_expected_best:.4f}",
    ]


def verdict_table(verdicts: Sequence[Verdict]) -> tuple[list[str], list[list[str]]]:
    """(header, rows): what each gate asks, then one row per candidate with what was measured."""
    first = verdicts[0].report
    header = [
        "rank",
        "config",
        *(TITLES.get(check.name, check.name) for check in first.checks),
        *(f"at {each.slippage_bps:g} bps" for each in first.holdout[1:]),
        "verdict",
    ]
    asked = [f"   {check.comparison} {_text(check, check.limit)}" for check in first.checks]
    limits = ["", "limit", *asked, *("" for _ in first.holdout[1:]), ""]
    return header, [limits, *(_row(verdict.report) for verdict in verdicts)]


def verdict_data(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The same for machines."""
    first = verdicts[0].report
    return {
        "candidates": [
            {
                "rank": verdict.report.rank,
                "config_id": verdict.report.config_id,
                "config": str(verdict.config),
                "gate_report": str(verdict.path),
                "passed": verdict.report.passed,
                "checks": [check.model_dump() for check in verdict.report.checks],
            }
            for verdict in verdicts
        ],
        "trial_count": first.trial_count,
        "sharpe_expected_best": first.sharpe_expected_best,
    }


def _row(report: GateReport) -> list[str]:
    marks = [f"{PASSED if check.passed else FAILED} {_value(check)}" for check in report.checks]
    shown = [_usd(each.metrics.get("net_pnl_usd")) for each in report.holdout[1:]]
    rank = "-" if report.rank is None else str(report.rank)
    verdict = "passed" if report.passed else "refused"
    return [rank, report.config_id[:12], *marks, *shown, verdict]


def _value(check: Check) -> str:
    if check.value is None:
        return "none"
    if check.name == "slices_positive_count":
        return f"{check.value:g} {check.note}"
    return _text(check, check.value)


def _text(check: Check, value: float) -> str:
    if check.name.endswith("_frac"):
        return f"{100 * value:.1f} %"
    if check.name.endswith("_count"):
        return f"{value:,g}"
    if check.name.endswith("_usd"):
        return "0" if value == 0 else _usd(value)
    return f"{value:.4f}"


def _usd(value: float | None) -> str:
    return "none" if value is None else f"{value:+,.0f}"
