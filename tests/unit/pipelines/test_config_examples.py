"""The files in config/ are what a new user starts from: each of them is valid as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.yaml_file import read_model, read_yaml_file
from pipelines.config_files import check
from schemas.validation import Gates

CONFIG = Path(__file__).resolve().parents[3] / "config"
FILES = sorted(CONFIG.rglob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_passes_its_check(path: Path) -> None:
    assert check(path).version == 1


def test_the_example_sweep_is_of_a_size_to_start_with() -> None:
    points = int(check(CONFIG / "sweep.example.yaml").notes["points"])

    assert 200 <= points <= 500


def test_the_gates_file_says_what_is_declared() -> None:
    declared = Gates(kind="gates", version=1)

    assert read_model(read_yaml_file(CONFIG / "gates.yaml"), Gates) == declared


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_listed_in_the_folder_s_readme(path: Path) -> None:
    assert f"`{path.relative_to(CONFIG).as_posix()}`" in (CONFIG / "README.md").read_text()
