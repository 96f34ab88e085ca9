"""The artifact tree as the rest of the project sees it: one place to import from."""

from __future__ import annotations

from core.artifacts.files import read_any, read_artifact, stored_hash, write_artifact
from core.artifacts.runs import FOLDERS, Run, find_run, find_runs, open_run, resolve_artifact
from core.artifacts.writing import make_folder, replacing, write_bytes_atomic, write_text_atomic

__all__ = [
    "FOLDERS",
    "Run",
    "find_run",
    "find_runs",
    "make_folder",
    "open_run",
    "read_any",
    "read_artifact",
    "replacing",
    "resolve_artifact",
    "stored_hash",
    "write_artifact",
    "write_bytes_atomic",
    "write_text_atomic",
]
