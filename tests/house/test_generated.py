"""What is generated is what the declarations say today."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import load_strategy
from pipelines import gen
from schemas.reference_preset import preset_values
from schemas.strategy import Strategy, strategy_from

REPOSITORY = Path(__file__).resolve().parents[2]


def test_generated_files_are_fresh() -> None:
    assert gen.stale_paths() == [], "run `make gen`"


def test_the_files_in_config_load() -> None:
    config = REPOSITORY / "config"

    assert load_strategy(config / "strategy.example.yaml").strategy == Strategy()
    preset = load_strategy(config / "presets" / "reference.yaml")
    assert preset.strategy == strategy_from(preset_values())


def test_stale_missing_and_left_over_files_are_named_and_mended(tmp_path: Path) -> None:
    gen.write_all(tmp_path)
    (tmp_path / "kernel/params.py").write_text("old")
    (tmp_path / "docs/parameters.md").unlink()
    (tmp_path / "schemas/json/gone.schema.json").write_text("{}")
    stale = {"kernel/params.py", "docs/parameters.md", "schemas/json/gone.schema.json"}

    assert set(gen.stale_paths(tmp_path)) == stale
    assert set(gen.write_all(tmp_path)) == stale
    assert gen.stale_paths(tmp_path) == []


def test_the_check_exits_1_and_the_command_line_is_strict(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gen, "stale_paths", lambda: ["kernel/params.py"])

    assert gen.main(["--check"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "kernel/params.py\n"
    assert printed.err.splitlines() == [
        "error: 1 generated file is stale",
        "  at:   kernel/params.py",
        "  next: make gen",
    ]
    assert gen.main(["--chek"]) == 2
