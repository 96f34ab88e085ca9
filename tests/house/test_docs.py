"""What the documents say is so: commands, options, targets, links, parameters and metrics exist."""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli import main
from core.ratios import NULL_REASONS
from kernel import codes
from kernel.records import STATS
from pipelines.show_replay import AT_CHECKS, METRICS
from schemas.parameters import by_leaf, by_path, group_paths

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text()
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    REPOSITORY / "config" / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
METRIC_NAMES = [*(STATS.names or ()), *NULL_REASONS]
COMMAND_PATHS = [
    *(name for name, _ in main.COMMANDS),
    *(
        f"{group} {command.name or getattr(command.callback, '__name__', '')}"
        for group, members in main.GROUPS
        for command in members.registered_commands
    ),
]


def shell_blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def command_lines(text: str) -> Iterator[list[str]]:
    """Words of every `perpkit ...` in shell blocks, in indented lines and in backticks."""
    for line in re.findall(r"^(?: {4}|)(.*perpkit .*)$", "\n".join(shell_blocks(text)), re.M):
        for _, found in re.findall(r"(^|\$\()(perpkit [^|)#]*)", line.strip()):
            yield shlex.split(found)[1:]
    for found in re.findall(r"^ {4}(perpkit [^|#\n]*)", text, re.MULTILINE):
        yield shlex.split(found)[1:]
    for found in re.findall(r"`perpkit\s+([a-z][^`]*)`", text):
        yield shlex.split(found.replace("\n", " "))


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words call, and the words after its name."""
    command: Any = typer.main.get_command(main.app)
    rest = list(words)
    while rest and hasattr(command, "commands"):
        if command.invoke_without_command and rest[0].startswith("-"):
            break
        assert rest[0] in command.commands, f"there is no command {' '.join(words)!r}"
        command = command.commands[rest.pop(0)]
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_names_commands_and_options_that_exist(page: Path) -> None:
    for words in command_lines(page.read_text()):
        command, rest = command_of(words)
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        used = {word.split("=")[0] for word in rest if word.startswith("--")}

        assert used - known == set(), f"{page.name}: perpkit {' '.join(words)}"


def test_the_readme_has_every_command_and_every_target() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)

    assert [path for path in COMMAND_PATHS if f"| `perpkit {path}` |" not in README] == []
    assert [target for target in targets if f"| `make {target}` |" not in README] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_and_every_link_in_a_page_exists(page: Path) -> None:
    text = page.read_text()
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    called = set(re.findall(r"(?:`| {4}|^)make ([a-z-]+)", text, re.MULTILINE))
    links = re.findall(r"\]\(([^)#:]+)\)", text)

    assert called - targets == set()
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_metric_has_its_formula_and_its_line_on_the_page() -> None:
    documented = set(
        re.findall(r"^\| `([a-z_]+)` \|", (REPOSITORY / "docs/metrics.md").read_text(), re.M)
    )

    assert documented == set(METRIC_NAMES)
    assert {name for name, _, _ in METRICS} == set(METRIC_NAMES)
    assert set(AT_CHECKS) <= set(codes.COUNTERS)


def test_every_exit_code_is_in_the_readme() -> None:
    from core import errors

    used = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    used |= {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.PerpkitError)
    }
    cells = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)

    assert {int(code) for cell in cells for code in cell.split(",")} == used


def test_every_name_in_the_kernel_s_page_is_a_parameter_or_a_word_of_its_results() -> None:
    text = (REPOSITORY / "docs/kernel.md").read_text()
    words = {*codes.REASONS, *codes.ENTRY_MODES, "kernel_id", "entry_px", "lock_entry"}
    paths = set(by_path())

    for name in re.findall(r"`([a-z]+(?:[._*][a-z0-9_*]+)+)(?:: [a-z0-9_]+)?`", text):
        known = name in words or name in paths or name in by_leaf()
        known |= bool(fnmatch.filter(by_leaf(), name)) or name in group_paths()
        assert known, name


def test_every_file_that_contributing_names_is_there() -> None:
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    rooms = "cli|config|core|docs|kernel|pipelines|schemas|tests"
    named = set(re.findall(rf"`((?:{rooms})/[A-Za-z0-9_./]+\.[a-z]+)`", text))

    assert named >= {"cli/main.py", "schemas/kinds.py", "pipelines/show_reports.py"}
    assert {name for name in named if not (REPOSITORY / name).exists()} == set()


def test_the_readme_s_walk_runs_as_written(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    script = "\n".join(shell_blocks(README))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    environment.pop("PERPKIT_ROOT", None)

    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "lanes" / "paper" / "strategy.yaml").is_file()
    quoted = re.findall(r"^((?:replay|best) [0-9a-f]{12}: .*)$", README, re.MULTILINE)
    assert [line for line in quoted if line not in done.stderr] == []
