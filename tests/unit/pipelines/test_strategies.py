"""Every strategy replays, sweeps and is judged through the same commands, with no other change."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import load_strategy
from tests.commands import Shell, body, run_of

BASE = """kind: strategy
version: 1
global:
  engine: {{lookback_bars: 60}}
  strategies:
    entry_strategy: {name}
    ma_crossover: {{fast_window_bars: 5, slow_window_bars: 20}}
    quad_ma: {{fast_window_bars: 4, middle_window_bars: 8, slow_window_bars: 16,
      trend_window_bars: 40}}
"""
AXES = {
    "ma_crossover": ("ma_kind", "[ema, sma]"),
    "quad_ma": ("trend_window_bars", "[30, 60]"),
    "rsi_reversion": ("trend_window_bars", "[0, 50]"),
}
SPEC = """kind: sweep-spec
version: 1
base: own.yaml
top: 2
min_positions: 1
axes:
  - {{path: strategies.{name}.{key}, values: {values}}}
  - {{path: trade.stop_loss_atr, values: [1.5, 2.5]}}
"""


@pytest.mark.parametrize("name", AXES)
def test_a_strategy_sweeps_and_is_judged(name: str, shell: Shell, small_store: Path) -> None:
    key, values = AXES[name]
    Path("own.yaml").write_text(BASE.format(name=name))
    Path("spec.yaml").write_text(SPEC.format(name=name, key=key, values=values))

    replayed = shell.done("replay", "own.yaml", "--store", small_store)
    run = ["--store", small_store, "--run", run_of(replayed)]
    swept = shell.done("sweep", "spec.yaml", *run)
    code = shell("validate", run_of(replayed), *run)

    report = body(replayed)
    assert [part["name"] for part in report["by_entry_mode"]] == [name]
    assert report["metrics"]["position_count"] > 0
    assert body(swept)["combinations"]["evaluated_count"] == 4
    assert code in (0, 1), shell.err
    gates = sorted(Path().glob("artifacts/*/*/gates/*.json"))
    assert len(gates) == 2
    for path in Path().glob("artifacts/*/*/configs/*.yaml"):
        assert load_strategy(path).strategy.strategies.entry_strategy == name


def test_the_purge_is_as_long_as_the_longest_window_of_a_strategy_that_may_be_chosen(
    shell: Shell, small_store: Path
) -> None:
    axes = {
        "without": "{path: trade.stop_loss_atr, values: [1.5, 2.5]}",
        "with": "{path: strategies.entry_strategy, values: [trend, ma_crossover]}",
    }
    purges = {}
    for word, axis in axes.items():
        Path("own.yaml").write_text(
            "kind: strategy\nversion: 1\nglobal:\n"
            "  engine: {lookback_bars: 60}\n"
            "  strategies: {ma_crossover: {slow_window_bars: 250}}\n"
        )
        spec = f"kind: sweep-spec\nversion: 1\nbase: own.yaml\nmin_positions: 0\naxes: [{axis}]\n"
        Path(f"{word}.yaml").write_text(spec)
        swept = shell.done("sweep", f"{word}.yaml", "--store", small_store)
        purges[word] = body(swept)["windows"]["purge_bars"]

    assert purges == {"without": 200, "with": 250}
