"""Opening a store file: what a killed writer left is rolled back before anyone reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import apsw

from core.store import sqlite


def half_written(folder: Path) -> Path:
    """A database whose writer was killed with a journal behind it, its pages partly overwritten."""
    path, copy = folder / "live.sqlite", folder / "killed.sqlite"
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "DELETE")
    connection.pragma("cache_size", 1)
    connection.execute("CREATE TABLE t (x); INSERT INTO t VALUES (1); BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 2000,)] * 500)
    shutil.copy(path, copy)
    shutil.copy(f"{path}-journal", f"{copy}-journal")
    connection.execute("ROLLBACK")
    connection.close()
    return copy


def test_a_reader_rolls_back_what_a_killed_writer_left(tmp_path: Path) -> None:
    path = half_written(tmp_path)
    assert path.stat().st_size > 500_000

    connection = sqlite.open_reader(path)

    assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]
    assert not Path(f"{path}-journal").exists()
    connection.close()
