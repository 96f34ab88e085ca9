"""Bodies of older versions as today's: one pure step per version, applied when a file is read.

A file is never changed: its hash is checked as it was written, then its body is carried over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Step = Callable[[dict[str, Any]], dict[str, Any]]


def _replay_report_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 held neither its configuration, nor slippage, nor hours of funding: unknown."""
    why = {**body["null_reasons"], "funding_coverage_frac": "version 1 did not count hours"}
    return {
        **body,
        "costs": None,
        "configuration": None,
        "symbol_configurations": {},
        "funding_coverage_frac": None,
        "funding_missing_hours": {},
        "null_reasons": why,
    }


STEPS: Mapping[tuple[str, int], Step] = {("replay-report", 1): _replay_report_2}
"""(kind, version) -> the body of the next version."""


def migrated(kind: str, version: int, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """(version, body) after every step from `version` on; the same when there is none."""
    while (kind, version) in STEPS:
        body = STEPS[(kind, version)](body)
        version += 1
    return version, body


def readable(kind: str, version: int, newest: int) -> bool:
    """Whether steps lead from `version` to the newest one."""
    return version <= newest and all((kind, step) in STEPS for step in range(version, newest))
