"""Every kind of artifact, and the one class that reads each version of it."""

from __future__ import annotations

from schemas.artifact import Body, RunMetadata
from schemas.compare import CompareReport
from schemas.deployment import DeploymentEvent
from schemas.fetch import DataReport, UniverseReport
from schemas.replay import ReplayReport
from schemas.state import RunState
from schemas.sweep import SweepReport, SweepTop
from schemas.validation import GateReport

KINDS: tuple[type[Body], ...] = (
    CompareReport,
    DataReport,
    DeploymentEvent,
    GateReport,
    ReplayReport,
    RunMetadata,
    RunState,
    SweepReport,
    SweepTop,
    UniverseReport,
)


def body_type(kind: str, version: int) -> type[Body] | None:
    """The class of this kind and version, or None when this program does not know it."""
    for candidate in KINDS:
        if candidate.kind == kind and candidate.version == version:
            return candidate
    return None


def newest_version(kind: str) -> int:
    """The version of a known kind that this program writes."""
    return max(known.version for known in KINDS if known.kind == kind)


def known_kinds() -> list[str]:
    """Names of all kinds, sorted."""
    return sorted({candidate.kind for candidate in KINDS})
