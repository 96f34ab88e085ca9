"""`perpkit sweep` with another engine, and with little memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import gpu
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
