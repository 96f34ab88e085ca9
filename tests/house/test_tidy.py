"""The rules of the house that can be counted."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("cli", "core", "kernel", "pipelines", "schemas", "sidecar")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
ALLOWED_NAMES = {Path("schemas/base.py")}
SKIPPED_FOLDERS = {
    ".git", ".venv", ".cache", ".demo", ".hypothesis", ".import_linter_cache", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", "__pycache__", "artifacts", "build", "dist", "lanes", "state",
    "stores",
}  # fmt: skip
MAX_FILE_LINES = 400
MAX_TEST_LINES = 600
MAX_FUNCTION_LINES = 70


def walked(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        at_root = Path(place) == REPOSITORY
        folders[:] = sorted(
            name
            for name in folders
            if not (name.startswith(".") and name in SKIPPED_FOLDERS)
            and name != "__pycache__"
            and not (at_root and name in SKIPPED_FOLDERS)
            and not name.endswith(".egg-info")
        )
        yield from (Path(place) / name for name in sorted(names))


def python_files(*folders: str) -> list[Path]:
    return [path for name in folders for path in walked(REPOSITORY / name) if path.suffix == ".py"]


def shown(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@pytest.mark.parametrize(
    ("folders", "limit"), [(ROOMS, MAX_FILE_LINES), (("tests",), MAX_TEST_LINES)]
)
def test_no_file_is_longer_than_its_limit(folders: tuple[str, ...], limit: int) -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in python_files(*folders)}

    assert {name: count for name, count in lengths.items() if count > limit} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        f"{shown(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in python_files(*ROOMS)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    }

    assert long == {}


def test_no_file_has_a_name_that_says_nothing() -> None:
    named = {
        shown(path)
        for path in python_files(*ROOMS, "tests")
        if FORBIDDEN_NAMES & {path.stem, *path.relative_to(REPOSITORY).parts[:-1]}
        and path.relative_to(REPOSITORY) not in ALLOWED_NAMES
    }

    assert named == set()


def test_only_the_command_line_catches_everything() -> None:
    broad = {
        f"{shown(path)}:{node.lineno}"
        for path in python_files(*ROOMS)
        if path != REPOSITORY / "cli/main.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    }

    assert broad == set()


def test_only_the_clock_asks_for_the_time_or_for_chance() -> None:
    asking = {
        f"{shown(path)}:{node.lineno}"
        for path in python_files(*ROOMS)
        if path != REPOSITORY / "core/clock.py"
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Import) and {a.name for a in node.names} & {"time", "random"})
        or (isinstance(node, ast.ImportFrom) and node.module in {"time", "random", "secrets"})
        or (isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"})
    }

    assert asking == set()


def test_only_the_command_line_prints() -> None:
    printing = {
        f"{shown(path)}:{node.lineno}"
        for path in python_files(*ROOMS)
        if path.relative_to(REPOSITORY).parts[0] != "cli"
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print")
        or (isinstance(node, ast.Import) and any(a.name == "typer" for a in node.names))
    }

    assert printing == set()


def test_no_test_limits_the_process_that_runs_it() -> None:
    """A limit on file sizes also ends the runner's own log; it belongs in a process of its own."""
    limiting = {
        f"{shown(path)}:{node.lineno}"
        for path in python_files("tests")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr in {"setrlimit", "prlimit"}
    }

    assert limiting == set()


def test_every_folder_of_modules_lists_them_in_its_docstring() -> None:
    missing = set()
    for path in python_files(*ROOMS):
        contents = path.parent / "__init__.py"
        if not contents.exists():
            missing.add(f"{shown(contents)} is not there")
            continue
        text = ast.get_docstring(parsed(contents)) or ""
        name = path.stem
        if path == contents and path.parent.parent != REPOSITORY:
            text = ast.get_docstring(parsed(path.parents[1] / "__init__.py")) or ""
            name = path.parent.name
        if not name.startswith("__") and not re.search(rf"\b{name}\b", text):
            missing.add(f"{shown(path)} is not in its table of contents")

    assert missing == set()


def test_every_room_is_typed() -> None:
    assert [room for room in ROOMS if not (REPOSITORY / room / "py.typed").exists()] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    places = re.compile(
        r"(?<![\w.])/(?:work|root|home|Users|opt)/\w"
        r"|(?<!no-emit-)(?:index-url|find-links)|/simple/?\b|pythonhosted"
    )
    found = set()
    for path in walked(REPOSITORY):
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found |= {
            f"{shown(path)}:{text.count(chr(10), 0, match.start()) + 1} {match.group()}"
            for match in places.finditer(text)
        }

    assert found == set()


def test_every_command_is_in_the_readme() -> None:
    from cli.main import COMMANDS, GROUPS

    readme = (REPOSITORY / "README.md").read_text()

    assert [n for n, _ in (*COMMANDS, *GROUPS) if f"perpkit {n}" not in readme] == []
