"""Tables on disk: parquet files, whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from core.artifacts.writing import write_bytes_atomic

if TYPE_CHECKING:
    import polars as pl


def write_parquet_atomic(path: Path, frame: pl.DataFrame) -> Path:
    """`path`, which now holds the frame; a place that cannot be written is an InputError."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    write_bytes_atomic(path, buffer.getvalue())
    return path
