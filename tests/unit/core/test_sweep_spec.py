"""Sweep specs as files: each fault with its line, and a hash of what is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.axes import resolve_axes
from core.errors import InputError
from core.sweep_spec import LoadedSweep, load_sweep

BASE = "kind: strategy\nversion: 1\n"
SPEC = """kind: sweep-spec
version: 1
base: base.yaml
axes:
  - path: trade.stop_loss_atr
    values: [1.0, 2.0]
"""
TPE = "base: base.yaml\nmethod: tpe\n"
HALVING = "base: base.yaml\nmethod: successive_halving\nbudget: {trials: 9}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def loaded(folder: Path, text: str) -> LoadedSweep:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return load_sweep(path)


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("axes:", "axis:", 4, "unknown key `axis`"),
        ("version: 1", "version: 2", 2, "knows version 1"),
        ("base: base.yaml", "base: base.yaml\ntop: 0", 4, "greater than or equal to 1"),
        ("base: base.yaml", "base: base.yaml\nobjective: luck", 4, "sharpe"),
        ("values: [1.0, 2.0]", "values: [1.0]\n    range: [1, 2, 1]", 5, "values or range"),
        ("base: base.yaml", "base: base.yaml\nwindow: {holdout_frac: 0}", 4, "greater than 0"),
        ("values: [1.0, 2.0]", "values: [1.0]\n    log: [1, 2, 3]", 5, "not values and log"),
        ("values: [1.0, 2.0]", "log: [1, 2]", 6, "log"),
        ("base: base.yaml", "base: base.yaml\nmethod: luck", 4, "successive_halving"),
        ("base: base.yaml", "base: base.yaml\nseed: -1", 4, "greater than or equal to 0"),
        ("base: base.yaml", "base: base.yaml\nmethod: tpe", 1, "needs a budget"),
        ("base: base.yaml", "base: base.yaml\nbudget: {trials: 5}", 1, "takes no budget"),
        ("base: base.yaml", TPE + "budget: {}", 5, "trials, seconds or both"),
        ("base: base.yaml", TPE + "budget: {trials: 0}", 5, "greater than or equal to 1"),
        ("base: base.yaml", TPE + "budget: {trials: -7}", 5, "greater than or equal to 1"),
        ("base: base.yaml", TPE + "budget: {trials: 1.5}", 5, "integer"),
        ("base: base.yaml", TPE + "budget: {seconds: 0}", 5, "greater than 0"),
        ("base: base.yaml", TPE + "budget: {seconds: -3}", 5, "greater than 0"),
        ("base: base.yaml", TPE + "budget: {trials: 5}\ntpe: {gamma: 0.1}", 6, "gamma"),
        (
            "base: base.yaml",
            TPE + "budget: {trials: 5}\nsuccessive_halving: {eta: 3}",
            1,
            "the method is tpe",
        ),
        (
            "base: base.yaml",
            HALVING + "successive_halving: {eta: 1}",
            6,
            "greater than or equal to 2",
        ),
        ("base: base.yaml", HALVING + "successive_halving: {first_frac: 1}", 6, "less than 1"),
        (
            "base: base.yaml",
            HALVING + "successive_halving: {min_bars: 0}",
            6,
            "greater than or equal to 1",
        ),
    ],
)
def test_a_fault_in_the_file_is_named_with_its_line(
    folder: Path, old: str, new: str, line: int, what: str
) -> None:
    with pytest.raises(InputError) as caught:
        loaded(folder, SPEC.replace(old, new))

    told = f"{caught.value.what} {caught.value.at} {caught.value.hint}"
    assert what.lower() in told.lower()
    assert f"sweep.yaml:{line}:" in told


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("stop_loss_atr", "stop_los_atr", "sweep.yaml:5:11: axes[0].path"),
        ("[1.0, 2.0]", "[]", "sweep.yaml:6:13: axes[0].values"),
        ("[1.0, 2.0]", "[1.0, 200.0]", "sweep.yaml:6:19: axes[0].values[1]"),
    ],
)
def test_a_fault_of_an_axis_is_named_with_its_line(
    folder: Path, old: str, new: str, place: str
) -> None:
    sweep = loaded(folder, SPEC.replace(old, new))

    with pytest.raises(InputError) as caught:
        resolve_axes(sweep.spec, sweep.base.strategy, sweep.place)

    assert caught.value.at.endswith(place)


def test_the_base_is_found_from_the_specs_folder(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "base.yaml").write_text(BASE + "name: deep\n")

    sweep = loaded(folder, SPEC.replace("base.yaml", "deep/base.yaml"))

    assert sweep.base.name == "deep"


def test_a_missing_base_is_an_input_error(folder: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        loaded(folder, SPEC.replace("base.yaml", "none.yaml"))


def test_a_base_keeps_its_values_by_symbol(folder: Path) -> None:
    (folder / "base.yaml").write_text(BASE + "symbols: {BTC: {trade: {stop_loss_atr: 9.0}}}\n")

    sweep = loaded(folder, SPEC)

    assert sweep.base.symbols["BTC"].trade.stop_loss_atr == 9.0


def test_the_hash_is_of_what_is_asked_not_of_how_it_is_written(folder: Path) -> None:
    (folder / "copy.yaml").write_text(BASE + "# the same\nname: other\n")
    first = loaded(folder, SPEC).sha256

    assert loaded(folder, SPEC + "top: 10 # the default\n").sha256 == first
    assert loaded(folder, SPEC.replace("base.yaml", "copy.yaml")).sha256 == first
    assert loaded(folder, SPEC + "top: 9\n").sha256 != first
    (folder / "base.yaml").write_text(BASE + "global: {trade: {take_profit_atr: 9.0}}\n")
    assert loaded(folder, SPEC).sha256 != first
