"""Fingerprints: of bytes, of files, and of what an artifact says regardless of when it was made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError


def canonical_json(value: object) -> bytes:
    """The one spelling of a JSON value: keys sorted, no blanks, shortest floats, UTF-8.

    Raises ValueError for NaN and infinities, TypeError for what is not JSON: both are our bugs.
    """
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def sha256_hex(data: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """64 hexadecimal digits over the file's bytes; InputError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", at=str(path)) from error


def content_hash(
    *,
    kind: str,
    version: int,
    kernel_id: str,
    synthetic: bool,
    source_hashes: Sequence[str],
    body: Mapping[str, Any],
) -> str:
    """Hash of what an artifact says: equal inputs and equal rules give an equal hash.

    It leaves out the run, the time, the perpkit version and the paths of the sources.
    """
    return sha256_hex(
        canonical_json(
            {
                "body": body,
                "kernel_id": kernel_id,
                "kind": kind,
                "sources": list(source_hashes),
                "synthetic": synthetic,
                "version": version,
            }
        )
    )
