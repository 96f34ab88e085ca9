"""Kinds of YAML files that a person writes, beside strategies."""

from __future__ import annotations

from pydantic import BaseModel

from schemas.sweep import SweepSpec

SPECS: dict[str, type[BaseModel]] = {
    "sweep-spec": SweepSpec,
}
"""What the file's `kind` says -> the model that reads it."""
