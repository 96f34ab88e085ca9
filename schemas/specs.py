"""Kinds of YAML files that a person writes, beside strategies."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from schemas.fault_schedule import FaultSchedule
from schemas.sweep import SweepSpec
from schemas.validation import Gates

SPECS: dict[str, type[BaseModel]] = {
    "fault-schedule": FaultSchedule,
    "gates": Gates,
    "sweep-spec": SweepSpec,
}
"""What the file's `kind` says -> the model that reads it."""


def spec_schema(kind: str) -> dict[str, Any]:
    """JSON Schema of one of these kinds, for editors and `config schema`."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **SPECS[kind].model_json_schema()}
