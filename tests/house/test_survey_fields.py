"""Rows of a sweep share a survey only if it reads nothing in which they differ."""

from __future__ import annotations

import ast
from pathlib import Path

from core.desk import signal_fields
from kernel.survey import TRADE_FIELDS

KERNEL = Path(__file__).resolve().parents[2] / "kernel"


def functions() -> dict[str, list[ast.FunctionDef]]:
    """Every function of the kernel by its bare name; strategies have some in common."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for path in KERNEL.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append(node)
    return found


def called(node: ast.FunctionDef) -> set[str]:
    """Bare names of all that a function calls."""
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    names = {each.id for each in calls if isinstance(each, ast.Name)}
    return names | {each.attr for each in calls if isinstance(each, ast.Attribute)}


def read_from(name: str) -> set[str]:
    """Parameters read by a function of the kernel and by all that it calls, however deep."""
    known, waiting, seen = functions(), [name], set()
    read: set[str] = set()
    while waiting:
        here = waiting.pop()
        if here in seen or here not in known:
            continue
        seen.add(here)
        for node in known[here]:
            waiting += called(node)
            read |= {
                each.attr
                for each in ast.walk(node)
                if isinstance(each, ast.Attribute)
                and ast.unparse(each.value) in ("params", "rows[own[s]]", "rows[market.own[s]]")
            }
    return read


def test_a_survey_reads_nothing_in_which_rows_that_share_it_may_differ() -> None:
    read = read_from("survey")

    assert {"entry_min_adx", "lookback_bars", "gate_btc_adx_min"} <= read
    assert read - set(signal_fields()) == set()


def test_the_fields_of_the_trade_section_that_are_named_are_read() -> None:
    assert set(TRADE_FIELDS) - read_from("survey") == set()
