"""`perpkit sweep` as a user runs it: every point counted, the best written, the holdout unseen."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.clock import monotonic_s, sleep_s
from core.config import load_strategy
from core.grid import run_grid
from core.market.synthetic import MarketSpec
from core.ratios import ratio_columns
from core.simulate import Window
from core.store.candles import load
from core.store.ledger import TrialLedger
from kernel.records import STATS
from pipelines.sweep import SweepRequest, run
from pipelines.sweep_results import OBJECTIVES
from schemas.records import to_records
from schemas.strategy import Strategy
from schemas.sweep import Objective
from tests.commands import CLOCK, EASY, Shell, body, envelope, make_store, run_of
from tests.deployments import forged

SPEC = """kind: sweep-spec
version: 1
base: easy.yaml
window: {holdout_frac: 0.3}
top: 4
min_positions: MIN
objective: sharpe
axes:
  - {path: indicators.ema_fast_window_bars, values: [5, 8, 8, 60]}
  - {path: trade.enable_partial_tp, values: [true, false]}
  - {path: trade.partial_tp_frac, values: [0.3, 0.5, 0.7]}
  - {path: trade.stop_loss_atr, values: [1.5, 2.5]}
"""
CLONES = "  - {path: trade.open_positions_max_count, values: [30, 40, 50]}\n"
"""An axis that changes no trade of six symbols."""

# 60 is no fast window (the slow one has 50 bars or fewer); the share taken counts where it is on.
LISTED = 4 * (3 + 1) * 2
DUPLICATES = (3 + 1) * 2
EXCLUDED = (3 + 1) * 2
EVALUATED = LISTED - DUPLICATES - EXCLUDED


@pytest.fixture
def sweep(shell: Shell, small_store: Path) -> list[str]:
    """The command line of a small sweep; tests add options to it."""
    write_spec(shell)
    return ["sweep", "spec.yaml", "--store", str(small_store)]


def write_spec(shell: Shell, least: int = 5, **changes: str) -> None:
    text = SPEC.replace("MIN", str(least))
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (shell.folder / "spec.yaml").write_text(text)


def results(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path.parent.parent / body(path)["results_path"])


def test_every_listed_point_is_accounted_for(shell: Shell, sweep: list[str]) -> None:
    report = body(shell.done(*sweep))

    assert report["combinations"] == {
        "listed_count": LISTED,
        "duplicate_count": DUPLICATES,
        "excluded_count": EXCLUDED,
        "evaluated_count": EVALUATED,
        "unreached_count": 0,
        "short_count": 0,
        "space_count": None,
    }
    assert report["interrupted"] is False
    assert f"{EVALUATED} of {LISTED} points evaluated" in shell.err


def test_the_results_have_a_row_per_point_and_no_number_that_is_not_one(
    shell: Shell, sweep: list[str]
) -> None:
    path = shell.done(*sweep)
    frame = results(path)

    axes = body(path)["axes"]
    ratios = [name for name in frame.columns if name not in ("row", *axes, *(STATS.names or ()))]
    assert frame.columns == ["row", *axes, *(STATS.names or ()), *ratios]
    assert frame["row"].to_list() == list(range(EVALUATED))
    assert frame.select(axes).is_unique().all()
    assert {type(value) for value in frame[axes[1]].to_list()} == {bool}
    for name in (*(STATS.names or ()), *ratios):
        column = frame[name]
        if column.dtype.is_float():
            assert column.is_nan().sum() == 0, name
            assert column.is_infinite().sum() == 0, name
    assert all(frame[name].null_count() == 0 for name in (STATS.names or ()))


def test_a_ratio_that_does_not_exist_is_null(shell: Shell, sweep: list[str]) -> None:
    write_spec(shell, least=0)

    path = shell.done(*sweep, "--initial-equity-usd", "1")  # less than any order's least notional

    frame = results(path)
    assert frame["position_count"].sum() == 0
    assert frame["sharpe"].null_count() == EVALUATED
    assert body(path)["top"] == []


@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_the_best_are_those_with_most_of_the_objective(
    shell: Shell, sweep: list[str], objective: Objective
) -> None:
    write_spec(shell, **{"objective: sharpe": f"objective: {objective}"})
    path = shell.done(*sweep)

    column = OBJECTIVES[objective]
    top = body(path)["top"]
    values = [entry["metrics"][column] for entry in top]
    frame = results(path).filter(pl.col("position_count") >= 5)
    assert [entry["rank"] for entry in top] == [1, 2, 3, 4]
    assert values == sorted(values, reverse=True)
    assert values[0] == frame[column].max()


def test_a_row_with_too_few_positions_is_counted_and_never_ranked(
    shell: Shell, sweep: list[str]
) -> None:
    counts = results(shell.done(*sweep))["position_count"].sort()
    least = int(counts[len(counts) // 2])
    write_spec(shell, least=least)

    path = shell.done(*sweep)

    short = int((counts < least).sum())
    assert 0 < short < EVALUATED
    assert body(path)["combinations"]["short_count"] == short
    assert body(path)["combinations"]["evaluated_count"] == EVALUATED
    assert all(entry["metrics"]["position_count"] >= least for entry in body(path)["top"])


def test_a_bound_on_positions_never_turns_a_loss_into_a_better_rank(
    shell: Shell, sweep: list[str]
) -> None:
    """Of a losing grid the smallest loss is best, whatever the bound: no score changes its sign."""
    costly = "{entry_min_confidence: low, taker_fee_bps: 100.0, entry_slippage_bps: 90.0,"
    text = (shell.folder / "easy.yaml").read_text()
    (shell.folder / "easy.yaml").write_text(text.replace("{entry_min_confidence: low,", costly))
    bests = []
    for least in (0, 20):
        write_spec(shell, least, **{"objective: sharpe": "objective: net_pnl"})
        path = shell.done(*sweep)
        frame = results(path).filter(pl.col("position_count") >= least)
        values = [entry["metrics"]["net_pnl_usd"] for entry in body(path)["top"]]
        assert values == sorted(values, reverse=True)
        assert values[0] == frame["net_pnl_usd"].max()
        bests.append(values[0])

    assert max(bests) < 0.0
    assert bests[1] <= bests[0]


def test_rows_that_made_the_same_trades_are_ranked_once(shell: Shell, sweep: list[str]) -> None:
    write_spec(
        shell,
        **{
            "  - {path: trade.partial_tp_frac, values: [0.3, 0.5, 0.7]}\n": CLONES,
            "top: 4": "top: 9",
        },
    )
    path = shell.done(*sweep)

    names = list(STATS.names or ())
    distinct = results(path).select(names).unique()
    assert len(distinct) < len(results(path))
    figures = {tuple(entry["metrics"][name] for name in names) for entry in body(path)["top"]}
    assert len(figures) == len(body(path)["top"]) == min(9, len(distinct))


def test_the_best_are_whole_strategies_that_replay_to_the_same_figures(
    shell: Shell, sweep: list[str], small_store: Path
) -> None:
    path = shell.done(*sweep)
    report = body(path)
    block = load(small_store, "1h")
    windows = report["windows"]
    assert int(block.ts_open_ms[0]) == windows["search_start_ms"]

    for entry in report["top"]:
        config = path.parent.parent / entry["config_path"]
        loaded = load_strategy(config)
        replayed = shell.done(
            "replay", config, "--store", small_store, "--end", str(windows["search_end_ms"])
        )
        metrics = body(replayed)["metrics"]

        assert entry["verified"] is True
        assert loaded.config_id == entry["config_id"] == config.stem
        assert len(config.read_text().splitlines()) > 100
        for name in STATS.names or ():
            assert metrics[name] == entry["metrics"][name], name


def test_nothing_of_the_purge_or_the_holdout_is_seen(
    shell: Shell, sweep: list[str], small_store: Path
) -> None:
    path = shell.done(*sweep)
    windows = body(path)["windows"]
    block = load(small_store, "1h")

    count = len(block.ts_open_ms)
    hour_ms = block.interval_ms
    holdout = math.ceil(0.3 * count)
    assert windows["holdout_bar_count"] == holdout
    assert windows["search_bar_count"] == count - holdout - windows["purge_bars"]
    assert windows["holdout_start_ms"] - windows["search_end_ms"] == windows["purge_bars"] * hour_ms
    assert results(path)["bar_count"].unique().to_list() == [windows["search_bar_count"]]


def test_the_ledger_has_one_line_with_every_point_evaluated(shell: Shell, sweep: list[str]) -> None:
    path = shell.done(*sweep)
    shell.done(*sweep, "--run", run_of(path))
    shell.done(*sweep, "--run", run_of(path), "--force")

    with TrialLedger.open(Path()) as ledger:
        lines = ledger.lines()
    windows = body(path)["windows"]
    sharpes = results(path)["sharpe_daily"].to_numpy()
    assert len(lines) == 1
    assert (lines[0].row_count, lines[0].purpose) == (EVALUATED, "search")
    assert lines[0].window == (windows["search_start_ms"], windows["search_end_ms"])
    assert lines[0].spec_sha256 == body(path)["spec_sha256"]
    assert lines[0].sharpe_mean == pytest.approx(float(np.mean(sharpes)))
    assert lines[0].sharpe_variance == pytest.approx(float(np.var(sharpes)))


def test_equal_inputs_give_an_equal_hash_and_equal_results_on_any_number_of_threads(
    shell: Shell, sweep: list[str]
) -> None:
    one = shell.done(*sweep, "--threads", "1")
    two = shell.done(*sweep, "--threads", "2")

    assert run_of(one) != run_of(two)
    assert envelope(one)["content_hash"] == envelope(two)["content_hash"]
    assert body(one)["results_sha256"] == body(two)["results_sha256"]


def test_a_run_that_holds_the_report_gives_it_back(shell: Shell, sweep: list[str]) -> None:
    path = shell.done(*sweep)
    written = path.stat().st_mtime_ns

    assert shell.done(*sweep, "--run", run_of(path)) == path
    assert path.stat().st_mtime_ns == written


def test_a_ledger_that_is_damaged_stops_the_sweep_before_it_begins(
    shell: Shell, sweep: list[str]
) -> None:
    (shell.folder / "state").mkdir()
    (shell.folder / "state" / "ledger.sqlite").write_bytes(b"no database" * 100)

    assert shell(*sweep) == 5
    assert "damaged" in shell.error()[0]
    assert list(shell.folder.glob("artifacts/*/*/sweeps/*")) == []


LONG = """kind: sweep-spec
version: 1
base: easy.yaml
min_positions: 1
axes:
  - {path: trade.stop_loss_atr, range: [1.0, 4.0, 0.01]}
  - {path: trade.take_profit_atr, range: [4.1, 8.0, 0.01]}
"""


@pytest.fixture(scope="module")
def wide_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market that keeps a long sweep busy for minutes, with the sweep's kernel compiled."""
    spec = MarketSpec(seed=5, symbol_count=30, bar_count=4_000, edge=1.0)
    store = make_store(tmp_path_factory.mktemp("wide") / "stores", spec)
    one = to_records([Strategy()])
    run_grid(load(store, "1h"), one, window=Window(), initial_equity_usd=1e4)
    return store


def stopped(folder: Path, store: Path, number: signal.Signals, *options: str) -> tuple[int, str]:
    """(exit code, stderr) of a long sweep that gets the signal once it is at work."""
    command = [sys.executable, "-m", "cli", "sweep", "long.yaml", "--store", str(store), *options]
    errors = folder / "stderr.txt"
    with errors.open("w") as stderr:
        process = subprocess.Popen(command, cwd=folder, stderr=stderr, stdout=subprocess.DEVNULL)
        try:
            give_up_s = monotonic_s() + 60.0
            while not list(folder.glob("state/ledger.sqlite")) and monotonic_s() < give_up_s:
                sleep_s(0.02)
            sleep_s(1.0)
            os.kill(process.pid, number)
            code = process.wait(timeout=60.0)
        finally:
            process.kill()
            process.wait()
    return code, errors.read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_keeps_what_was_done_and_names_it(
    shell: Shell, wide_store: Path, number: signal.Signals, code: int
) -> None:
    (shell.folder / "long.yaml").write_text(LONG)

    found, said = stopped(shell.folder, wide_store, number)

    assert found == code, said
    path = report_in(shell.folder)
    report = body(path)
    evaluated = report["combinations"]["evaluated_count"]
    assert report["interrupted"] is True
    assert 0 < evaluated < report["combinations"]["listed_count"]
    assert len(results(path)) == evaluated
    assert report["top"]
    assert f"the {evaluated:,} done are kept in {report['results_path']}" in said
    (command,) = body(path.parent.parent / "run_metadata.json")["commands"]
    assert command["exit_code"] == code
    with TrialLedger.open(shell.folder) as ledger:
        assert [line.row_count for line in ledger.lines()] == [evaluated]


def test_a_sweep_that_is_killed_leaves_no_half_file(shell: Shell, wide_store: Path) -> None:
    (shell.folder / "long.yaml").write_text(LONG)

    code, _ = stopped(shell.folder, wide_store, signal.SIGKILL)

    assert code == -signal.SIGKILL
    left = [path.name for path in shell.folder.glob("artifacts/*/*/sweeps/*")]
    assert left, "the journal is what is gone on with"
    assert all(".journal.sqlite" in name for name in left)


def report_in(folder: Path) -> Path:
    """The one sweep report below a root."""
    found = list(folder.glob("artifacts/*/*/sweeps/*.json"))
    (path,) = (each for each in found if not each.name.endswith(".top.json"))
    return path


def test_an_interrupted_sweep_is_taken_up_whole_by_the_same_command(
    shell: Shell, small_store: Path
) -> None:
    """A stopped report is replaced by the whole one, and its trials are counted once."""
    (shell.folder / "long.yaml").write_text(
        LONG.replace("[1.0, 4.0, 0.01]", "[1.0, 3.0, 0.01]").replace(
            "[4.1, 8.0, 0.01]", "[5, 7, 1]"
        )
    )
    command = ["sweep", "long.yaml", "--store", str(small_store)]
    path = shell.done(*command)
    whole = envelope(path)
    interrupt(path)

    again = shell.done(*command, "--run", run_of(path))

    assert again == path
    assert envelope(path)["content_hash"] == whole["content_hash"]
    with TrialLedger.open(shell.folder) as ledger:
        assert len(ledger.lines()) == 1


def test_a_sweep_that_is_stopped_again_has_more_than_before(shell: Shell, wide_store: Path) -> None:
    (shell.folder / "long.yaml").write_text(LONG)
    request = SweepRequest(Path("long.yaml"), wide_store, Path(), threads=1)

    def at_once(done: int, _total: int, _note: str) -> None:
        if done > before:
            raise KeyboardInterrupt

    before = 0
    first = run(request, CLOCK, lambda _: None, at_once)
    before = first.report.combinations.evaluated_count
    again = run(replace(request, run_id=run_of(first.path)), CLOCK, lambda _: None, at_once)

    assert first.report.interrupted
    assert again.path == first.path
    assert again.report.combinations.evaluated_count > before > 0
    assert len(results(again.path)) == again.report.combinations.evaluated_count


def interrupt(path: Path) -> None:
    """Make the report at `path` one of a sweep that was stopped after three rows."""
    report = body(path) | {"interrupted": True}
    counts = report["combinations"]
    counts["unreached_count"], counts["evaluated_count"] = counts["evaluated_count"] - 3, 3
    forged(path, body=report).replace(path)


def test_the_ratios_of_the_results_are_those_of_the_figures(shell: Shell, sweep: list[str]) -> None:
    frame = results(shell.done(*sweep))

    stats = np.zeros(len(frame), STATS)
    for name in STATS.names or ():
        stats[name] = frame[name].to_numpy()
    for name, column in ratio_columns(stats).items():
        expected = pl.Series(name, column).fill_nan(None)
        assert frame[name].to_list() == expected.to_list(), name


def test_the_base_is_found_beside_the_spec(shell: Shell, small_store: Path) -> None:
    folder = shell.folder / "else where"
    folder.mkdir()
    (folder / "easy.yaml").write_text(EASY)
    (folder / "spec.yaml").write_text(SPEC.replace("MIN", "5"))

    path = shell.done("sweep", folder / "spec.yaml", "--store", small_store)

    assert body(path)["top"]
