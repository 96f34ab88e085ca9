"""`perpkit sweep` with another engine, and with little memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import gpu
from core.store.ledger import TrialLedger, count_trials
from pipelines import sweep_trials
from tests.commands import Shell, body

SPEC = """kind: sweep-spec
version: 1
base: easy.yaml
min_positions: 0
axes:
  - {path: trade.stop_loss_atr, values: [1.0, 2.0]}
  - {path: indicators.ema_fast_window_bars, values: [5, 8, 12]}
"""


def test_a_sweep_on_cuda_without_a_device_names_the_cpu_command(
    shell: Shell, small_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shell.folder / "spec.yaml").write_text(SPEC)
    monkeypatch.setattr(gpu, "problem", lambda: ("no CUDA device can be used", "look"))

    assert shell("sweep", "spec.yaml", "--store", small_store, "--engine", "cuda") == 3

    assert shell.error() == [
        "error: no CUDA device can be used",
        "  at:   --engine cuda",
        "  next: look; or sweep on the CPU: leave --engine out, or give --engine cpu",
    ]
    assert shell("sweep", "spec.yaml", "--store", small_store, "--engine", "auto") == 0


def test_little_memory_changes_no_result(shell: Shell, small_store: Path) -> None:
    (shell.folder / "spec.yaml").write_text(SPEC)
    command = ("sweep", "spec.yaml", "--store", small_store, "--engine", "cpu")

    much = shell.done(*command)
    little = shell.done(*command, "--memory", "1", "--threads", "3")

    assert body(much)["result_hash"] == body(little)["result_hash"]
    assert shell(*command, "--memory", "0") == 2


def test_the_ledger_counts_a_search_while_it_runs(
    shell: Shell, small_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that one which is killed, and never gone on with, is counted all the same."""
    monkeypatch.setattr(sweep_trials, "LINE_EVERY_S", 0.0)
    (shell.folder / "spec.yaml").write_text(
        SPEC.replace("[5, 8, 12]", "[4, 5, 6, 7, 8, 9, 10, 12]")
    )

    path = shell.done("sweep", "spec.yaml", "--store", small_store, "--threads", "1")

    evaluated = body(path)["combinations"]["evaluated_count"]
    with TrialLedger.open(shell.folder) as ledger:
        lines = ledger.lines()
    assert [line.row_count for line in lines] == sorted(line.row_count for line in lines)
    assert len(lines) > 1
    assert 0 < lines[0].row_count < evaluated
    assert count_trials(lines).count == evaluated
