"""The page of a sweep: true to its results, of one file, and clear about what is missing."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.artifacts.hashing import sha256_file
from core.ratios import DAYS_PER_YEAR
from core.statistics import expected_best
from core.store.ledger import TrialLedger, count_trials
from pipelines.sweep_page_data import histogram, importance_rows
from pipelines.sweep_results import OBJECTIVES
from tests.commands import Shell, body, run_of
from tests.deployments import forged
from tests.html_page import Page, assert_alone

SPEC = """kind: sweep-spec
version: 1
base: easy.yaml
window: {holdout_frac: 0.3}
top: 4
min_positions: 5
objective: OBJECTIVE
axes:
  - {path: thresholds.entry.min_adx, values: [12.0, 16.0, 20.0]}
  - {path: trade.entry_min_confidence, values: [low, medium]}
  - {path: trade.enable_partial_tp, values: [true, false]}
  - {path: trade.partial_tp_frac, values: [0.3, 0.6]}
  - {path: trade.stop_loss_atr, values: [1.5, 2.5]}
"""
EVALUATED = 3 * 2 * (2 + 1) * 2
SECTIONS = ["Best candidates", "Which parameters decide", "Distribution", "All axes at once"]

Sweep = Callable[..., Path]


@pytest.fixture
def sweep(shell: Shell, small_store: Path) -> Sweep:
    """Runs the small sweep by an objective; the path of its report."""

    def run(objective: str = "sharpe") -> Path:
        (shell.folder / "spec.yaml").write_text(SPEC.replace("OBJECTIVE", objective))
        return shell.done("sweep", "spec.yaml", "--store", small_store)

    return run


def page_of(shell: Shell, what: str | Path) -> tuple[Page, dict[str, Any], str]:
    """The page that `show --html` makes, the data that it draws, and its text."""
    path = shell.done("show", what, "--html")
    text = path.read_text()
    page = Page(text)
    assert_alone(page, text)
    assert "http" not in text.split("</style>")[1]
    return page, json.loads(page.blocks["sheet-data"]), text


def results_path(report: Path) -> Path:
    return report.parent.parent / str(body(report)["results_path"])


def results(report: Path) -> pl.DataFrame:
    return pl.read_parquet(results_path(report))


def planted(report: Path, frame: pl.DataFrame, **changes: object) -> Path:
    """A report like this one with other results, its hashes in order."""
    path = report.with_name("planted.parquet")
    frame.write_parquet(path)
    told = {"results_path": f"sweeps/{path.name}", "results_sha256": sha256_file(path)}
    return forged(report, body={**body(report), **told, **changes})


def grid_frame(report: Path, levels: dict[str, Sequence[object]], repeats: int = 1) -> pl.DataFrame:
    """Results over a full grid of these axes, each figure 0 and 99 positions."""
    frame = pl.DataFrame({"": [0] * repeats})
    for path, values in levels.items():
        frame = frame.join(pl.DataFrame({path: values}), how="cross")
    figures = [name for name in results(report).columns if name not in body(report)["axes"]]
    zeros = [pl.lit(0.0).alias(name) for name in figures]
    return (
        frame.drop("")
        .with_columns(zeros)
        .with_columns(pl.int_range(pl.len()).alias("row"), pl.lit(99).alias("position_count"))
    )


def test_the_page_holds_every_part_and_loads_nothing(shell: Shell, sweep: Sweep) -> None:
    report = sweep()

    page, data, text = page_of(shell, report)

    assert [title for title in page.titles if title in SECTIONS] == SECTIONS
    assert len(page.ids) == len(set(page.ids))
    assert {"chart-parallel", "chart-distribution-0", "heat-median", "heat-best"} <= set(page.ids)
    assert f"of {EVALUATED} listed" in text
    assert f"All {len(data['parallel']['row'])} ranked rows are drawn" in text
    assert len(text.encode()) < 150_000
    best = body(report)["top"][0]
    assert best["config_id"][:12] in text
    made = json.loads((report.parents[1] / "run_metadata.json").read_text())["body"]["commands"]
    assert made[-1]["outputs"] == [f"reports/{report.stem}.html"]


def test_what_is_drawn_is_what_the_results_say(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    ranked = results(report).filter((pl.col("position_count") >= 5) & pl.col("sharpe").is_finite())

    _, data, _ = page_of(shell, report)

    parallel = data["parallel"]
    assert sorted(parallel["row"]) == ranked["row"].to_list()
    assert parallel["row"][-1] == body(report)["top"][0]["row"]
    assert parallel["value"] == sorted(parallel["value"])
    for axis in parallel["axes"]:
        values = dict(zip(ranked["row"], ranked[axis["path"]].to_list(), strict=True))
        said = [axis["labels"][k] for k in axis["at"]]
        for row, label in zip(parallel["row"], said, strict=True):
            value = values[row]
            expected = str(value).lower() if isinstance(value, bool | str) else f"{value:g}"
            assert label == expected
    chart = data["distributions"][0]
    assert sum(chart["counts"]) == len(ranked)
    assert chart["edges"][0] <= ranked["sharpe"].min()  # type: ignore[operator]
    lines = {line["name"]: line["value"] for line in chart["lines"]}
    assert lines["median"] == pytest.approx(ranked["sharpe"].median(), rel=1e-4)
    assert lines["best found"] == pytest.approx(ranked["sharpe"].max(), rel=1e-4)


def test_the_line_of_chance_is_the_figure_of_validate(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    with TrialLedger.open(shell.folder) as ledger:
        trials = count_trials(ledger.lines())

    _, data, text = page_of(shell, report)

    chance = expected_best(trials.count, trials.variance)
    lines = {line["name"]: line["value"] for line in data["distributions"][0]["lines"]}
    assert trials.count == EVALUATED
    assert lines["best from chance"] == pytest.approx(chance * math.sqrt(DAYS_PER_YEAR), rel=1e-4)
    assert f"expected of {EVALUATED} worthless trials, {chance:.4f} a day" in text


@pytest.mark.parametrize("objective", sorted(set(OBJECTIVES) - {"sharpe"}))
def test_another_objective_has_the_sharpe_drawn_beside(
    shell: Shell, sweep: Sweep, objective: str
) -> None:
    page, data, text = page_of(shell, sweep(objective))

    own, sharpe = data["distributions"]
    assert "best from chance" not in {line["name"] for line in own["lines"]}
    assert sharpe["title"] == "Sharpe"
    assert {line["name"] for line in sharpe["lines"]} == {
        "median", "best found", "best from chance", "the best row's",
    }  # fmt: skip
    assert "It is a Sharpe, so it is drawn beside" in text
    assert "chart-distribution-1" in page.ids


def test_an_axis_that_decides_everything_is_named_and_cells_are_right(
    shell: Shell, sweep: Sweep
) -> None:
    report = sweep()
    levels = {"x.size": [1.0, 2.0, 4.0], "x.word": ["b", "a"], "x.on": [True, False]}
    frame = grid_frame(report, levels, repeats=3).with_columns(
        (pl.col("x.size") * 10 + pl.col("row") // 12).alias("sharpe")
    )
    frame = frame.filter((pl.col("x.size") != 4.0) | (pl.col("x.word") != "a"))

    _, data, text = page_of(shell, planted(report, frame, axes=list(levels), top=[]))

    assert data["heatmap"]["axes"][0]["path"] == "x.size"
    assert len(data["heatmap"]["pairs"]) == 3
    shares = re.findall(r'title="(x\.\w+)">.*?width:([\d.]+)%', text)
    assert shares[0][0] == "x.size"
    assert float(shares[0][1]) > 80.0
    assert all(float(share) < 25.0 for _, share in shares[1:])
    axes = data["heatmap"]["axes"]
    names = [axis["path"] for axis in axes]
    pair = next(
        each for each in data["heatmap"]["pairs"]
        if {names[each["down"]], names[each["across"]]} == {"x.size", "x.word"}
    )  # fmt: skip
    assert (names[pair["down"]], axes[pair["across"]]["labels"]) == ("x.size", ["a", "b"])
    # Three repeats of two rows each: 10 x size + 0, 1, 2; no row for size 4 with the word a.
    assert pair["count"] == [6, 6, 6, 6, 0, 6]
    assert pair["median"] == [11.0, 11.0, 21.0, 21.0, None, 41.0]
    assert pair["best"] == [12.0, 12.0, 22.0, 22.0, None, 42.0]


def test_gated_axes_without_values_and_columns_that_nobody_knows_are_no_fault(
    shell: Shell, sweep: Sweep
) -> None:
    report = sweep()
    path = "trade.partial_tp_frac"
    frame = results(report).with_columns(
        pl.when("trade.enable_partial_tp").then(path).alias(path), pl.lit("x").alias("rung")
    )

    _, data, _ = page_of(shell, planted(report, frame))

    (axis,) = (axis for axis in data["parallel"]["axes"] if axis["path"] == path)
    assert axis["labels"] == ["0.3", "0.6", "not acting"]


def test_an_axis_of_many_numbers_is_drawn_by_number_and_binned_in_cells(
    shell: Shell, sweep: Sweep
) -> None:
    report = sweep()
    count = 5_000
    random = np.random.default_rng(1)
    frame = grid_frame(report, {"x.free": list(random.uniform(1.0, 2.0, count)), "x.on": [0, 1]})
    frame = frame.with_columns((pl.col("x.free") + pl.col("x.on")).alias("sharpe"))

    _, data, text = page_of(shell, planted(report, frame, axes=["x.free", "x.on"], top=[]))

    drawn = {axis["path"]: axis for axis in data["parallel"]["axes"]}
    assert len(data["parallel"]["row"]) == 2_000
    assert "Of 10,000 ranked rows the best 500 are drawn and 1,500 of the others" in text
    by_row = frame["x.free"].to_list()
    rows = data["parallel"]["row"]
    assert drawn["x.free"]["numbers"] == pytest.approx([by_row[k] for k in rows], rel=1e-4)
    assert set(frame.sort("sharpe")["row"][-500:]) <= set(rows)
    assert {len(axis["labels"]) for axis in data["heatmap"]["axes"]} == {12, 2}
    assert sum(data["heatmap"]["pairs"][0]["count"]) == 2 * count


def test_a_run_that_holds_a_sweep_has_its_page_and_its_best(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    best = body(report)["top"][0]

    assert shell("show", run_of(report)) == 0
    told = " ".join(shell.out.split())
    _, data, text = page_of(shell, run_of(report))

    assert f"candidates on the search window, best 4 of 4, of {report.name}" in told
    assert f"1 {best['config_id'][:12]} " in told
    assert data["parallel"]["row"][-1] == best["row"]
    assert "The run that it lies in" in text


def test_of_several_sweeps_of_a_run_the_newest_is_shown(
    shell: Shell, sweep: Sweep, small_store: Path
) -> None:
    report = sweep()
    spec = (shell.folder / "spec.yaml").read_text()
    (shell.folder / "spec.yaml").write_text(spec.replace("[12.0, 16.0, 20.0]", "[12.0]"))
    arguments = ("--store", small_store, "--run", run_of(report).removeprefix("run_"))
    newest = shell.done("sweep", "spec.yaml", *arguments)
    report.with_name("broken.json").write_text("{")

    _, data, _ = page_of(shell, run_of(report))

    assert "holds 2 sweeps" in shell.err
    assert len(data["parallel"]["row"]) <= EVALUATED // 3
    assert data["parallel"]["row"][-1] == body(newest)["top"][0]["row"]


def test_results_that_are_gone_or_changed_are_refused_by_name(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    path = results_path(report)
    whole = path.read_bytes()

    path.write_bytes(whole[:-1] + b"?")
    assert shell("show", report, "--html") == 3
    assert "these are not the results of this sweep" in shell.error()[0]
    assert str(path) in shell.error()[1]
    path.unlink()
    assert shell("show", report, "--html") == 3

    assert len(shell.error()) == 3
    assert "the results of this sweep are not there" in shell.error()[0]
    assert "run the sweep again" in shell.error()[2]
    assert not (report.parents[1] / "reports").exists()
    assert shell("show", report) == 0


def test_results_that_are_no_table_or_lack_a_column_are_refused(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    lacking = planted(report, results(report).drop("sharpe_daily"))
    assert shell("show", lacking, "--html") == 3
    assert "no column 'sharpe_daily'" in shell.error()[0]

    path = results_path(lacking)
    path.write_bytes(b"no parquet")
    told = {**body(lacking), "results_sha256": sha256_file(path)}

    assert shell("show", forged(report, body=told), "--html") == 3
    assert "not a parquet file" in shell.error()[0]
    assert len(shell.error()) == 3


def test_a_report_and_its_results_copied_elsewhere_have_a_page(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    folder = shell.folder / "mail"
    folder.mkdir()
    for path in (report, results_path(report)):
        (folder / path.name).write_bytes(path.read_bytes())

    page_of(shell, folder / report.name)

    assert (folder / f"{report.stem}.html").exists()


def test_a_sweep_that_was_stopped_says_so(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    counts = {**body(report)["combinations"], "evaluated_count": 5, "unreached_count": 31}
    frame = results(report).head(5)

    _, data, text = page_of(
        shell, planted(report, frame, interrupted=True, combinations=counts, top=[])
    )

    assert "stopped before its end: 31 points were not reached" in text
    assert len(data["parallel"]["row"]) == 5


@pytest.mark.parametrize("rows", ["one", "one axis", "equal"])
def test_too_little_for_a_chart_is_said(shell: Shell, sweep: Sweep, rows: str) -> None:
    report = sweep()
    frame, axes = results(report), list(body(report)["axes"])
    if rows == "one":
        frame = frame.head(1)
    elif rows == "equal":
        frame = frame.with_columns(pl.lit(1.5).alias("sharpe"))
    else:
        frame, axes = frame.head(3).with_columns(pl.Series("x.a", [1, 2, 3])), ["x.a"]

    _, data, text = page_of(shell, planted(report, frame, axes=axes, top=[]))

    counts = data["distributions"][0]["counts"]
    assert sum(counts) == len(frame)
    if rows == "one":
        assert data["parallel"] is None
        assert "No axis takes two values" in text
    if rows != "equal":
        assert data["heatmap"] is None
        assert "Fewer than two axes" in text
    if rows != "one":
        assert "there is no telling" in text


@pytest.mark.parametrize("why", ["short", "null", "NaN"])
def test_rows_that_cannot_be_ranked_leave_a_page_that_says_so(
    shell: Shell, sweep: Sweep, why: str
) -> None:
    report = sweep()
    value = {"short": 1.0, "null": None, "NaN": math.nan}[why]
    frame = results(report).with_columns(pl.lit(value, pl.Float64).alias("sharpe"))
    if why == "short":
        frame = frame.with_columns(pl.lit(2).alias("position_count"))

    page, data, text = page_of(shell, planted(report, frame, top=[]))

    assert data["parallel"] is None
    assert data["distributions"] == []
    assert "No row was ranked" in text
    assert "Best candidates" in page.titles
    said = dict(re.findall(r'<dt>(.*?)</dt><dd class="value ">(\S+)', text))
    assert said["Too few positions"] == (str(EVALUATED) if why == "short" else "0")
    assert said["Rows ranked"] == "0"


def test_a_name_that_is_a_script_stays_text(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    evil = "x.<img src=x onerror=alert(1)>"
    frame = results(report).with_columns(pl.Series(evil, ["</script>", "<b>"] * (EVALUATED // 2)))

    _, data, text = page_of(shell, planted(report, frame, axes=[evil], top=[]))

    assert data["parallel"]["axes"][0]["labels"] == ["</script>", "<b>"]
    assert "<img" not in text
    assert "<b>" not in text


@pytest.mark.proof
def test_a_million_rows_take_five_seconds_and_a_gigabyte(shell: Shell, sweep: Sweep) -> None:
    report = sweep()
    count = 1_000_000
    random = np.random.default_rng(6)
    frame = grid_frame(report, {"x.a": [1.0]}, repeats=count).drop("x.a")
    axes = [f"x.axis_{k}" for k in range(10)]
    columns = [
        pl.Series(path, random.uniform(1.0, 9.0, count) if k % 2 else random.integers(1, 12, count))
        for k, path in enumerate(axes)
    ]
    noise = pl.Series("sharpe", random.normal(0.0, 1.0, count))
    frame = frame.with_columns(*columns, noise, (noise / 19.1).alias("sharpe_daily"))
    big = planted(report, frame, axes=axes, top=[])
    command = [sys.executable, "-m", "cli", "show", str(big), "--html"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)  # of this child alone
        process.returncode = status

    assert status == 0
    assert used.ru_utime + used.ru_stime < 5.0
    assert used.ru_maxrss * (1 if sys.platform == "darwin" else 1_024) < 1_000_000_000
    assert Path(printed.strip()).stat().st_size < 1_000_000


def test_a_histogram_joins_what_lies_far_out_and_says_how_much() -> None:
    values = np.concatenate([np.linspace(0.0, 1.0, 1_000), [500.0]])
    lines = [{"name": "best found", "value": 500.0, "tone": "gain"}]

    chart = histogram("Calmar", values, lines)

    assert chart["edges"][-1] < 1.1
    assert sum(chart["counts"]) == 1_001
    assert chart["joined"] == 1
    assert chart["counts"][-1] >= 1


def test_importance_looks_at_fewer_rows_where_there_are_more_axes() -> None:
    assert importance_rows(1) == importance_rows(10) == 200_000
    assert 20_000 <= importance_rows(40) < 30_000
    assert importance_rows(1_000) == 20_000
