"""The bench measures what it says it measures, in processes of its own."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from pipelines import bench

PROMISED = {
    "replay_process_cpu_s",
    "replay_kernel_s",
    "store_load_cpu_s",
    "sweep_1t_symbol_bars_per_s",
    "sweep_2t_symbol_bars_per_s",
    "sweep_real_1t_symbol_bars_per_s",
    "sweep_subbars_1t_per_s",
    "sweep_vs_plain_loop",
    "sweep_peak_mb",
    "tpe_ms_per_trial_100k",
    "help_cpu_s",
    "replay_subbars_kernel_s",
    "jit_cold_s",
    "load_average",
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder to run in, and a bench over little data and few repeats."""
    small = {
        "SYNTHETIC_SYMBOLS": 5,
        "SYNTHETIC_BARS": 800,
        "FINER_SYMBOLS": 5,
        "FINER_BARS": 400,
        "SWEEP_SYMBOLS": 5,
        "SWEEP_BARS": 800,
        "REPEATS": 1,
        "MIXED_STOPS": 1,
    }
    for name, value in small.items():
        monkeypatch.setattr(bench, name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_says_which_limit_was_missed() -> None:
    figures = [
        bench.Figure("quick_s", 1.0, "s", 2.5),
        bench.Figure("slow_s", 3.0, "s", 2.5),
        bench.Figure("high_per_s", 13e6, "/s", 12e6, at_least=True),
        bench.Figure("low_per_s", 11e6, "/s", 12e6, at_least=True),
        bench.Figure("free", 0.25, ""),
    ]

    lines = bench.table(figures).splitlines()

    assert [line.split()[-1] for line in lines[1:]] == ["ok", "MISSED", "ok", "MISSED", "0.250"]
    assert ">= 12,000,000" in lines[3]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("kernel", "STORE"), {"cpu_s", "rate"}),
        (("load", "STORE"), {"cpu_s", "bars"}),
        (("cold", "STORE"), {"wall_s"}),
        (("mixed", "STORE", "2", "1", "400"), {"rate", "wall_s", "cpu_s", "symbol_bars"}),
        (("plain", "STORE"), {"swept", "plain", "ratio"}),
    ],
)
def test_a_probe_prints_its_figures_as_json(
    small_store: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    names: set[str],
) -> None:
    given = [str(small_store) if word == "STORE" else word for word in arguments]

    assert bench.main(["--probe", *given]) == 0

    found = json.loads(capsys.readouterr().out)
    assert set(found) == names
    assert all(value > 0 for value in found.values())


def test_a_command_that_fails_ends_the_bench() -> None:
    with pytest.raises(RuntimeError, match="exited 3"):
        bench.perpkit("config", "check", "nowhere.yaml")


def test_the_promised_figures_are_among_those_measured() -> None:
    tree = ast.parse(Path(bench.__file__).read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    measured = {
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "Figure"
        and isinstance(call.args[0], ast.Constant)
    }

    assert measured >= PROMISED


@pytest.mark.proof
def test_the_whole_bench_writes_every_figure_that_was_promised(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--out", str(tiny / "bench.json")]) == 0

    figures = json.loads((tiny / "bench.json").read_text())
    assert set(figures) >= PROMISED
    assert all(isinstance(value, float) and value >= 0 for value in figures.values())
    printed = capsys.readouterr().out
    assert all(name in printed for name in figures)
