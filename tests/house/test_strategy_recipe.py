"""A strategy is one kernel file and one class: CONTRIBUTING's recipe, followed to the letter."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from kernel import codes, strategies
from schemas.parameters import parameters
from schemas.strategies import EntryStrategy, strategy_groups

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "config", "core", "kernel", "pipelines", "schemas", "sidecar")
SWEEP = """kind: sweep-spec
version: 1
base: toy.yaml
min_positions: 1
axes: [{path: strategies.price_cross.window_bars, values: [5, 20]}]
"""
STRATEGY = """kind: strategy
version: 1
global: {engine: {lookback_bars: 20}, strategies: {entry_strategy: price_cross}}
"""


def in_copy(folder: Path, *words: str) -> str:
    """What a command says in the copied tree, which it must end well in; nothing is compiled."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert "bug" not in done.stderr, done.stderr
    return done.stdout


def edit(path: Path, *changes: tuple[str, str]) -> None:
    """Put the second text of each change in the place of the first, which must occur once."""
    text = path.read_text()
    for old, new in changes:
        assert text.count(old) == 1, (path, old)
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rooms with the recipe's strategy in them, and a small market in its store."""
    folder = tmp_path_factory.mktemp("recipe")
    for room in ROOMS:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / room, folder / room, ignore=ignore)
    (folder / "docs").mkdir()
    recipe = (REPOSITORY / "CONTRIBUTING.md").read_text()
    files = re.findall(r"^```python\n# (\S+)\n(.*?)^```", recipe, re.MULTILINE | re.DOTALL)
    assert [path for path, _ in files] == [
        "kernel/strategy_price_cross.py",
        "schemas/strategy_price_cross.py",
    ]
    for path, text in files:
        (folder / path).write_text(text)
    last = list(strategy_groups())[-1]
    class_name = type(strategy_groups()[last]).__name__
    field = f"    {last}: {class_name} = {class_name}()\n"
    edit(
        folder / "schemas" / "strategies.py",
        (f'"{last}"]', f'"{last}", "price_cross"]'),
        (field, f"{field}    price_cross: PriceCross = PriceCross()\n"),
        (
            "from schemas.strategy_quad_ma",
            "from schemas.strategy_price_cross import PriceCross\nfrom schemas.strategy_quad_ma",
        ),
    )
    edit(
        folder / "kernel" / "codes.py",
        (f'    "{last}",\n)', f'    "{last}",\n    "price_cross",\n)'),
    )
    in_copy(folder, "pipelines.gen")
    (folder / "toy.yaml").write_text(STRATEGY)
    (folder / "sweep.yaml").write_text(SWEEP)
    market = ("--symbols-count", "5", "--bars", "500", "--seed", "3")
    in_copy(folder, "cli", "fetch", "--synthetic", *market, "--store", "stores")
    return folder


def test_the_strategy_of_the_recipe_replays_sweeps_and_is_judged(tree: Path) -> None:
    replay = in_copy(
        tree, "cli", "replay", "toy.yaml", "--store", "stores", "--run", "latest", "--json"
    )
    swept = in_copy(
        tree, "cli", "sweep", "sweep.yaml", "--store", "stores", "--run", "latest", "--json"
    )
    in_copy(tree, "cli", "validate", "latest", "--store", "stores", "--run", "latest", "--json")

    assert replay
    assert swept
    report = next(tree.glob("artifacts/*/*/replays/*.json")).read_text()
    assert '"price_cross"' in report
    assert '"signal_exit"' in report
    assert list(tree.glob("artifacts/*/*/gates/*.json"))


def test_the_files_of_the_recipe_keep_the_house_s_rules(tree: Path) -> None:
    files = [tree / room / "strategy_price_cross.py" for room in ("kernel", "schemas")]
    files += [tree / "kernel/strategies.py", tree / "schemas/strategies.py"]

    for rule in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *rule,
                "--config",
                REPOSITORY / "pyproject.toml",
                *files,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", strategy_groups())
def test_every_strategy_has_its_files_its_words_its_series_and_its_page(name: str) -> None:
    rule = import_module(f"kernel.strategy_{name}")
    path = REPOSITORY / "kernel" / f"strategy_{name}.py"
    own_series = next(
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "own_series"
    )
    read = {
        node.attr
        for node in ast.walk(own_series)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id == "params"
    }

    assert (REPOSITORY / "schemas" / f"strategy_{name}.py").is_file()
    assert set(rule.SERIES_FIELDS) == read
    assert codes.ENTRY_MODES[rule.MODE] == name
    assert hasattr(rule, "exit_signal") == strategy_groups()[name].has_exit
    assert f"\n## `{name}`\n" in (REPOSITORY / "docs" / "strategies.md").read_text()


def test_the_words_of_the_table_are_the_codes_of_the_chain() -> None:
    words = get_args(EntryStrategy)

    assert words == ("trend", *strategy_groups())
    assert words.index("trend") == codes.STRATEGY_TREND
    for code, name in enumerate(words[1:], 1):
        assert getattr(strategies, name.upper()) == code


def test_every_key_of_a_strategy_is_gated_by_it() -> None:
    own = [each for each in parameters() if each.path.count(".") == 2]
    own = [each for each in own if each.path.startswith("strategies.")]

    assert {each.path.split(".")[1] for each in own} == set(strategy_groups())
    for each in own:
        assert each.when == ("strategies.entry_strategy", each.path.split(".")[1]), each.path
