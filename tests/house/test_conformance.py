"""Every rule of the venue has a test that shows it, or a reason why it has none."""

from __future__ import annotations

import ast
import re
from functools import lru_cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "conformance.md").read_text()
LINES = [*(f"C.{number}" for number in range(1, 14)), "C.15", "A.4"]
SECTIONS = dict(re.findall(r"^## (\S+) .*?\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def rules(section: str) -> list[tuple[str, str]]:
    """(rule, what shows it) of each row of a section's table."""
    rows = re.findall(r"^\| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert rows[:1] == [("rule", "shown by")]
    return rows[1:]


@lru_cache
def names_in(name: str) -> set[str]:
    """Names of the test functions of a file."""
    tree = ast.parse((REPOSITORY / "tests" / name).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_line_of_the_protocol_is_on_the_page() -> None:
    assert list(SECTIONS) == LINES
    assert {line for line in LINES if not rules(SECTIONS[line])} == set()


@pytest.mark.parametrize("line", LINES)
def test_every_rule_is_shown_by_tests_that_exist(line: str) -> None:
    for rule, shown in rules(SECTIONS[line]):
        if re.fullmatch(r"none: \S.*", shown):
            continue
        for cell in shown.split("<br>"):
            named = re.fullmatch(r"`([\w/]+\.py)::(test_\w+)`", cell)
            assert named is not None, f"{line}: {rule}: {cell}"
            assert named[2] in names_in(named[1]), f"{line}: {rule}: there is no {cell}"


def test_no_rule_stands_twice_in_a_section() -> None:
    for line, section in SECTIONS.items():
        words = [rule for rule, _ in rules(section)]

        assert len(words) == len(set(words)), line


def test_every_test_that_names_a_line_is_on_the_page() -> None:
    named = {
        f"conformance/{path.name}::{test}"
        for path in sorted((REPOSITORY / "tests" / "conformance").glob("test_*.py"))
        for test in names_in(f"conformance/{path.name}")
        if re.match(r"test_[ac]\d+_", test)
    }

    assert {test for test in named if f"`{test}`" not in PAGE} == set()
