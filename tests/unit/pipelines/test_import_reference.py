"""Files of the reference, written as ours and read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import load_strategy
from core.errors import InputError, UsageError
from pipelines.import_reference import import_reference, write_imported
from schemas.reference_preset import preset_values
from schemas.strategy import strategy_from, value_at

THEIRS = """\
global:
  engine: {interval: 4h}
  trade: {sl_atr_mult: 1.5, leverage: 3}
symbols:
  kPEPE: {trade: {sl_atr_mult: 2.5}}
modes:
  safe: {trade: {allocation_pct: 0.01}}
live:
  trade: {max_open_positions: 3}
"a\\n evil: 1": 2
"""


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.yaml"
    path.write_text(THEIRS)
    return path


def test_the_result_is_a_strategy_file_with_all_sections(theirs: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours.yaml"

    result = write_imported(theirs, out, force=False)

    loaded = load_strategy(out)
    expected = preset_values() | {"engine.interval": "4h", "trade.stop_loss_atr": 1.5}
    assert loaded.strategy == strategy_from(expected)
    assert loaded.name == "theirs"
    assert loaded.for_symbol("kPEPE").trade.stop_loss_atr == 2.5
    assert load_strategy(out, mode="conservative").strategy.trade.allocation_frac == 0.01
    assert load_strategy(out, live=True).strategy.trade.open_positions_max_count == 3
    assert len(result.warnings) == 3
    assert all(warning.isprintable() for warning in result.warnings)


def test_every_value_is_explicit_so_that_new_defaults_change_nothing(theirs: Path) -> None:
    text = import_reference(theirs).text

    assert all(f" {path.rsplit('.', 1)[-1]}: " in text for path in preset_values())


def test_a_file_that_is_there_is_kept_unless_forced(theirs: Path, tmp_path: Path) -> None:
    out = tmp_path / "ours.yaml"
    out.write_text("mine")

    with pytest.raises(UsageError, match="there already"):
        write_imported(theirs, out, force=False)
    assert out.read_text() == "mine"
    write_imported(theirs, out, force=True)
    assert load_strategy(out).name == "theirs"


def test_windows_that_contradict_each_other_are_refused_at_their_line(tmp_path: Path) -> None:
    path = tmp_path / "theirs.yaml"
    path.write_text("global:\n  indicators:\n    ema_fast_window: 60\n")

    with pytest.raises(InputError, match="must be less than") as caught:
        import_reference(path)

    assert caught.value.at.startswith(f"{path}:3:5")
    assert "the reference preset" in caught.value.hint


def test_the_recorded_overlays_are_taken_over(shared_dir: Path, tmp_path: Path) -> None:
    overlays = sorted((shared_dir / "golden" / "trades").glob("*.yaml"))
    assert len(overlays) == 9
    for overlay in overlays:
        out = tmp_path / overlay.name

        result = write_imported(overlay, out, force=False)

        strategy = load_strategy(out).strategy
        assert [warning.split(": ")[1] for warning in result.warnings] == [
            "global.trade.enable_breakeven_stop"
        ]
        assert value_at(strategy, "trade.enable_pyramiding") == overlay.name.startswith("n01")
        assert not strategy.trade.enable_breakeven_stop
