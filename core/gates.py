"""Gates: figures of the holdout in, verdict with reasons out. Pure.

A value that is missing or not finite never passes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence

import numpy as np

from core.market.bars import Floats, Ints
from schemas.validation import Check, Comparison, Gates

COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le}


def judge(
    gates: Gates,
    metrics: Mapping[str, float | int | None],
    slice_pnl_usd: Sequence[float | None],
    *,
    expected_best_sharpe: float,
    trial_count: int,
) -> tuple[Check, ...]:
    """Each gate's check of a candidate's figures at the slippage that is judged.

    `metrics` are those of a replay: position_count, net_pnl_usd, best_position_frac (of net PnL)
    and sharpe_daily.
    """
    positive = [pnl is not None and pnl > 0.0 for pnl in slice_pnl_usd]
    known = all(pnl is not None and math.isfinite(pnl) for pnl in slice_pnl_usd)
    checks = [
        check("position_count", metrics.get("position_count"), ">=", gates.positions_min_count),
        check(
            "net_pnl_usd",
            metrics.get("net_pnl_usd"),
            ">",
            0,
            note=f"at {gates.slippage_bps:g} bps on both legs",
        ),
        check(
            "best_position_frac",
            metrics.get("best_position_frac"),
            "<=",
            gates.best_position_max_frac,
            note="of net PnL",
            missing="net PnL is not positive",
        ),
        check(
            "slices_positive_count",
            sum(positive) if known else None,
            ">=",
            gates.slices_positive_min_count,
            note=f"of {len(positive)}",
        ),
    ]
    if gates.require_sharpe_above_expected_best:
        checks.append(
            check(
                "sharpe_daily",
                metrics.get("sharpe_daily"),
                ">",
                expected_best_sharpe,
                note=f"best expected from chance in {trial_count:,} trials",
            )
        )
    return tuple(checks)


def check(
    name: str,
    value: float | int | None,
    comparison: Comparison,
    limit: float | int,
    *,
    note: str = "",
    missing: str = "it has no value",
) -> Check:
    """One gate's verdict; `missing` says why there is no value."""
    assert math.isfinite(limit), name
    if value is None or not math.isfinite(value):
        return Check(
            name=name, value=None, comparison=comparison, limit=limit, passed=False, note=missing
        )
    passed = bool(COMPARE[comparison](value, limit))
    return Check(
        name=name, value=value, comparison=comparison, limit=limit, passed=passed, note=note
    )


def slice_changes_usd(
    ts_close_ms: Ints,
    equity_usd: Floats,
    equity_start_usd: float,
    slices: Sequence[tuple[int, int]],
) -> tuple[float | None, ...]:
    """Change of marked equity over each (start, end) slice, which tile the curve in order.

    None where the curve is not finite.
    """
    ends = [np.searchsorted(ts_close_ms, end_ms, side="right") - 1 for _, end_ms in slices]
    marks = [equity_start_usd, *(float(equity_usd[end]) for end in ends)]
    changes = np.diff(marks)
    return tuple(float(change) if math.isfinite(change) else None for change in changes)
