"""The report's figures: parts that sum to their totals, ratios, excursions and the daily curve."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from core.ratios import NULL_REASONS, ratios
from core.report import breakdowns, daily_curve, excursions, position_ends, slices
from core.simulate import Simulation, simulate
from kernel.metrics import DAY_MS
from kernel.records import STATS, TRADE
from tests.strategies import random_market, random_strategy, seeds


def run_of(seed: int) -> Simulation:
    return simulate(random_market(seed), random_strategy(seed))


def metrics(**fields: float) -> dict[str, Any]:
    """A run's figures: nothing happened, but for these."""
    return {**dict.fromkeys(STATS.names or (), 0.0), "equity_end_usd": 10_000.0, **fields}


@given(seeds)
def test_every_breakdown_sums_to_the_totals(seed: int) -> None:
    run = run_of(seed)
    scale_usd = 1.0 + float(np.abs(run.trades["gross_pnl_usd"]).sum()) + run.stats["fees_usd"]

    for name, parts in breakdowns(run).items():
        names = [part.name for part in parts]
        assert names == sorted(set(names)), name
        assert sum(part.position_count for part in parts) == run.stats["position_count"]
        assert sum(part.win_count for part in parts) == run.stats["win_count"]
        assert sum(part.close_count for part in parts) == len(run.trades)
        for field in ("gross_pnl_usd", "fees_usd", "net_pnl_usd"):
            total = sum(getattr(part, field) for part in parts)
            assert abs(total - run.stats[field]) <= 1e-9 * scale_usd, (name, field)


@given(seeds)
def test_each_row_belongs_to_its_symbol_side_and_reason(seed: int) -> None:
    run = run_of(seed)
    parts = {name: {part.name for part in found} for name, found in breakdowns(run).items()}

    assert parts["by_symbol"] <= set(run.symbols)
    assert parts["by_side"] <= {"long", "short"}
    assert "none" not in parts["by_reason"] | parts["by_entry_mode"]


def trades_of(*rows: tuple[int, float, int]) -> np.ndarray:
    """Trades of (position, gross PnL, is partial), with a fee of one dollar each."""
    trades = np.zeros(len(rows), TRADE)
    for trade, (position_id, gross_pnl_usd, is_partial) in zip(trades, rows, strict=True):
        trade["position_id"], trade["is_partial"] = position_id, is_partial
        trade["gross_pnl_usd"], trade["exit_fee_usd"] = gross_pnl_usd, 1.0
    return trades


def test_a_position_wins_by_the_sum_of_its_closes_and_counts_where_it_ended() -> None:
    trades = trades_of((1, 5.0, 1), (2, -3.0, 0), (1, -2.0, 0), (3, 1.0, 0))

    parts = slices(trades, np.array(["a", "a", "b", "b"]))

    assert [(part.position_count, part.win_count, part.close_count) for part in parts] == [
        (1, 0, 2),
        (2, 1, 2),
    ]
    assert [part.net_pnl_usd for part in parts] == [0.0, -3.0]


def test_a_position_that_is_still_open_has_no_end() -> None:
    ends = position_ends(trades_of((1, 5.0, 1), (2, 3.0, 0)))

    assert ends.last_row.tolist() == [1]
    assert ends.won.tolist() == [True]


def test_no_trades_give_no_parts_and_no_excursions() -> None:
    trades = trades_of()

    assert slices(trades, np.zeros(0, np.str_)) == ()
    assert set(excursions(trades).model_dump().values()) == {None}


def test_excursions_are_those_of_each_positions_last_row() -> None:
    trades = trades_of((1, 9.0, 1), (1, 9.0, 0), (2, -9.0, 0), (3, -9.0, 0))
    trades["mae_frac"] = [-0.9, -0.01, -0.03, -0.02]
    trades["mfe_frac"] = [0.9, 0.05, 0.01, 0.03]

    found = excursions(trades)

    assert (found.mae_median_frac, found.mae_worst_frac) == pytest.approx((-0.02, -0.03))
    assert (found.mfe_median_frac, found.mfe_best_frac) == pytest.approx((0.03, 0.05))
    assert found.winners_mae_median_frac == pytest.approx(-0.01)
    assert found.losers_mfe_median_frac == pytest.approx(0.02)


def test_ratios_are_yearly_and_net() -> None:
    found, why = ratios(
        metrics(
            equity_end_usd=11_000.0,
            net_pnl_usd=1_000.0,
            day_count=73,
            return_daily_mean=0.002,
            return_daily_std=0.01,
            downside_daily_std=0.005,
            drawdown_max_frac=0.25,
            gross_profit_usd=3_000.0,
            gross_loss_usd=2_000.0,
            position_count=8,
            win_count=6,
            best_position_usd=400.0,
        )
    )

    assert why == {}
    assert found == pytest.approx(
        {
            "return_frac": 0.1,
            "sharpe": 0.2 * math.sqrt(365),
            "sortino": 0.4 * math.sqrt(365),
            "calmar": 0.1 * 5 / 0.25,
            "profit_factor": 1.5,
            "win_frac": 0.75,
            "best_position_frac": 0.4,
        }
    )


def test_a_ratio_over_nothing_is_null_with_its_reason() -> None:
    found, why = ratios(metrics())

    assert found["return_frac"] == 0.0
    nulls = [name for name, value in found.items() if value is None]
    assert nulls == [name for name in NULL_REASONS if name != "return_frac"]
    assert why == {name: NULL_REASONS[name] for name in nulls}


def test_one_day_has_no_sharpe() -> None:
    day = {"return_daily_mean": 0.01, "return_daily_std": 0.01}

    assert ratios(metrics(day_count=1, **day))[0]["sharpe"] is None
    assert ratios(metrics(day_count=2, **day))[0]["sharpe"] == pytest.approx(math.sqrt(365))


@given(seeds)
def test_the_curve_has_the_last_close_of_each_day(seed: int) -> None:
    run = run_of(seed)
    curve = daily_curve(run)
    days = [(point.ts_ms - 1) // DAY_MS for point in curve]

    assert len(curve) == run.stats["day_count"]
    assert days == sorted(set(days))
    assert curve[-1].equity_usd == run.equity_usd[-1] == run.stats["equity_end_usd"]
    assert max(point.drawdown_frac for point in curve) <= run.stats["drawdown_max_frac"]
    by_time = dict(zip(run.ts_close_ms.tolist(), run.equity_usd.tolist(), strict=True))
    assert all(by_time[point.ts_ms] == point.equity_usd for point in curve)


@given(seeds)
def test_ratios_of_a_run_are_finite_or_explained(seed: int) -> None:
    found, why = ratios(run_of(seed).metrics)

    for name, value in found.items():
        assert (value is None) == (name in why)
        assert value is None or math.isfinite(value)
