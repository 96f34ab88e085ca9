"""`perpkit sweep` with a method that draws: what is tried, counted, ranked, and never twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.ratios import pnl_over_drawdown
from core.search.front import non_dominated
from core.store.ledger import TrialLedger
from kernel.records import STATS
from pipelines.summaries import sweep_lines
from pipelines.sweep import SweepRequest, run
from pipelines.sweep_results import losses_of
from schemas.sweep import SweepSpec
from tests.commands import CLOCK, Shell, body, envelope

FAST, SLOW = "indicators.ema_fast_window_bars", "indicators.ema_slow_window_bars"
SPEC = f"""kind: sweep-spec
version: 1
base: easy.yaml
window: {{holdout_frac: 0.3}}
top: 4
min_positions: 5
seed: 3
METHOD
axes:
  - {{path: {FAST}, values: [5, 8, 8, 60]}}
  - {{path: {SLOW}, log: [10, 80, 4]}}
  - {{path: trade.enable_partial_tp}}
  - {{path: trade.partial_tp_frac, range: [0.3, 0.7, 0.1]}}
  - {{path: trade.stop_loss_atr, range: [0.5, 4.0, 0.25]}}
  - {{path: trade.entry_min_confidence}}
constraints:
  - {SLOW} != 20
  - trade.stop_loss_atr < 3.5
"""
TRIALS = 70
METHODS = {
    "random": f"method: random\nbudget: {{trials: {TRIALS}}}",
    "tpe": f"method: tpe\nbudget: {{trials: {TRIALS}}}",
    "joint": f"method: tpe\nbudget: {{trials: {TRIALS}}}\ntpe: {{multivariate: true}}",
    "halving": f"method: successive_halving\nbudget: {{trials: {TRIALS}}}\n"
    "successive_halving: {eta: 4, first_frac: 0.2, min_bars: 100}",
}


def swept(shell: Shell, store: Path, method: str, *options: str) -> Path:
    (shell.folder / "spec.yaml").write_text(SPEC.replace("METHOD", method))
    return shell.done("sweep", "spec.yaml", "--store", store, *options)


def results(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path.parent.parent / body(path)["results_path"])


@pytest.mark.parametrize("name", METHODS)
def test_a_search_tries_as_many_distinct_valid_points_as_its_budget_says(
    shell: Shell, small_store: Path, name: str
) -> None:
    path = swept(shell, small_store, METHODS[name])

    report = body(path)
    counts = report["combinations"]
    frame = results(path)
    assert counts["evaluated_count"] == len(frame) == TRIALS
    assert counts["listed_count"] == TRIALS + counts["duplicate_count"] + counts["excluded_count"]
    assert counts["excluded_count"] > 0
    assert counts["space_count"] == 3 * 4 * (5 + 1) * 15 * 3
    assert report["interrupted"] is False
    assert frame.select(report["axes"]).is_unique().all()
    assert (frame[FAST] < frame[SLOW]).all()
    assert (frame[SLOW] != 20).all()
    assert frame["trade.stop_loss_atr"].max() < 3.5
    off = frame.filter(~pl.col("trade.enable_partial_tp"))
    assert off["trade.partial_tp_frac"].n_unique() == 1
    assert report["top"]
    assert all(entry["verified"] for entry in report["top"])
    with TrialLedger.open(shell.folder) as ledger:
        assert [line.row_count for line in ledger.lines()] == [TRIALS]


@pytest.mark.parametrize("name", ["tpe", "halving"])
def test_equal_seeds_give_equal_results_on_any_number_of_threads_and_other_seeds_others(
    shell: Shell, small_store: Path, name: str
) -> None:
    one = swept(shell, small_store, METHODS[name], "--threads", "1")
    two = swept(shell, small_store, METHODS[name], "--threads", "2")
    (shell.folder / "other.yaml").write_text(
        SPEC.replace("METHOD", METHODS[name]).replace("seed: 3", "seed: 4")
    )
    other = shell.done("sweep", "other.yaml", "--store", small_store)

    assert envelope(one)["content_hash"] == envelope(two)["content_hash"]
    assert body(one)["results_sha256"] == body(two)["results_sha256"]
    assert not results(one).equals(results(other))


def test_a_row_has_the_figures_that_a_grid_gives_it(shell: Shell, small_store: Path) -> None:
    drawn = results(swept(shell, small_store, METHODS["tpe"]))
    grid = results(swept(shell, small_store, "method: grid"))

    names = [name for name in grid.columns if name not in ("row", "on_front")]
    assert len(drawn.join(grid, on=names, how="semi", nulls_equal=True)) == TRIALS


def test_halving_ranks_only_points_that_saw_the_whole_window(
    shell: Shell, small_store: Path
) -> None:
    path = swept(shell, small_store, METHODS["halving"])

    frame = results(path)
    bars = body(path)["windows"]["search_bar_count"]
    assert body(path)["combinations"]["short_count"] < TRIALS
    whole = frame.filter(pl.col("window_frac") == 1.0)
    assert len(whole) == 18
    assert whole["bar_count"].unique().to_list() == [bars]
    part = frame.filter(pl.col("window_frac") < 1.0)
    assert part["bar_count"].unique().to_list() == [100]
    assert part["window_frac"].unique().to_list() == pytest.approx([100 / bars])
    assert {entry["row"] for entry in body(path)["top"]} <= set(whole["row"].to_list())
    assert frame.filter(pl.col("window_frac") < 1.0)["on_front"].sum() == 0


def test_a_space_that_ends_before_the_budget_says_so(shell: Shell, small_store: Path) -> None:
    grid = body(swept(shell, small_store, "method: grid"))["combinations"]
    path = swept(shell, small_store, "method: random\nbudget: {trials: 5000}")

    counts = body(path)["combinations"]
    assert counts["evaluated_count"] == grid["evaluated_count"] < 5_000
    assert f"after {grid['evaluated_count']:,} of 5,000 trials" in shell.err


def test_a_budget_in_seconds_ends_after_the_batch_at_work(shell: Shell, small_store: Path) -> None:
    path = swept(shell, small_store, "method: tpe\nbudget: {seconds: 0.000001}")

    report = body(path)
    assert report["combinations"]["evaluated_count"] in (0, 16)
    assert report["interrupted"] is False


def test_a_stop_between_batches_keeps_what_was_done(shell: Shell, small_store: Path) -> None:
    (shell.folder / "spec.yaml").write_text(SPEC.replace("METHOD", METHODS["tpe"]))

    def tell(done: int, total: int, note: str) -> None:
        assert total == TRIALS
        if done >= 30:
            raise KeyboardInterrupt

    found = run(SweepRequest(Path("spec.yaml"), small_store, Path()), CLOCK, print, tell)

    counts = found.report.combinations
    assert found.report.interrupted
    assert 30 <= counts.evaluated_count < TRIALS
    left = TRIALS - counts.evaluated_count
    assert any(f"stopped: {left} points were not" in line for line in sweep_lines(found))
    assert len(results(found.path)) == counts.evaluated_count
    with TrialLedger.open(shell.folder) as ledger:
        assert [line.row_count for line in ledger.lines()] == [counts.evaluated_count]


def test_a_constraint_that_leaves_no_point_is_refused_before_any_bar_is_read(
    shell: Shell, small_store: Path
) -> None:
    text = SPEC.replace("METHOD", METHODS["random"]).replace("!= 20", "> 200")
    (shell.folder / "spec.yaml").write_text(text)

    assert shell("sweep", "spec.yaml", "--store", "nowhere") == 3
    assert "exclude every point" in shell.error()[0]
    assert f"{SLOW} > 200" in shell.error()[2]
    assert shell("config", "check", "spec.yaml") == 3


def spec_with(**keys: Any) -> SweepSpec:
    axes = [{"path": "trade.stop_loss_atr"}]
    return SweepSpec.model_validate(
        {"kind": "sweep-spec", "version": 1, "base": "b", "axes": axes} | keys
    )


def test_too_few_positions_leave_a_row_unranked_and_never_change_its_sign() -> None:
    stats = np.zeros(4, STATS)
    stats["net_pnl_usd"] = [-50.0, 80.0, -1.0, 20.0]
    stats["position_count"] = [40, 3, 3, 40]

    losses = losses_of(stats, spec_with(objective="net_pnl", min_positions=30))

    assert np.isnan(losses).tolist() == [False, True, True, False]
    assert losses[[0, 3]].tolist() == [50.0, -20.0]
    assert losses_of(stats, spec_with(objective="net_pnl", min_positions=30), 0.1)[1] == -80.0


def test_pnl_over_drawdown_has_no_value_where_equity_never_fell() -> None:
    stats = np.zeros(2, STATS)
    stats["net_pnl_usd"], stats["drawdown_max_usd"] = [30.0, 30.0], [60.0, 0.0]
    stats["position_count"] = 99

    assert pnl_over_drawdown(stats)[0] == 0.5
    assert losses_of(stats, spec_with(objective="pnl_over_drawdown")).tolist()[0] == -0.5
    assert np.isnan(losses_of(stats, spec_with(objective="pnl_over_drawdown"))[1])


def test_the_results_name_the_rows_that_no_other_row_beats(shell: Shell, small_store: Path) -> None:
    frame = results(swept(shell, small_store, "method: grid"))

    ranked = frame.filter((pl.col("position_count") >= 5) & pl.col("sharpe").is_not_null())
    columns = ("net_pnl_usd", "drawdown_max_frac", "sharpe")
    front = non_dominated(*(ranked[name].to_numpy() for name in columns))
    assert ranked["on_front"].to_list() == front.tolist()
    assert 0 < front.sum() < len(ranked)
