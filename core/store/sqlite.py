"""SQLite files of ours: how they are opened, one transaction, and what their errors mean."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import apsw

from core.clock import monotonic_s, sleep_s
from core.errors import InputError, RefusedError

BUSY_TIMEOUT_MS = 30_000
FILE_MODE = 0o600
POLL_S = 0.02


@dataclass(frozen=True)
class Words:
    """What errors call a file, and what to do about one that is damaged."""

    kind: str = "store"
    remedy: str = "move it away and fetch again, or restore a copy"


STORE = Words()


def open_writer(path: Path, words: Words = STORE) -> apsw.Connection:
    """The file at `path`, made with mode 0600 when it is not there yet, in WAL mode."""
    with reported(path, words):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        try:
            # FULL: the report that follows an ingest must not outlive its rows in a power cut.
            use_wal(connection)
            for pragma in ("synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        except apsw.Error:
            connection.close()
            raise
        return connection


def use_wal(connection: apsw.Connection) -> None:
    """Keep a write-ahead log from now on.

    Two programs that open a new file at once both ask for it, and for this SQLite does not wait
    by itself.
    """
    give_up_s = monotonic_s() + BUSY_TIMEOUT_MS / 1000.0
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except apsw.BusyError:
            if monotonic_s() > give_up_s:
                raise
            sleep_s(POLL_S)
        else:
            return


def open_reader(path: Path) -> apsw.Connection:
    """The file at `path`, which must be there, opened so that it cannot be changed.

    What a killed writer left half done is rolled back first, which only a writer may do.
    """
    with reported(path):
        if not path.is_file():
            raise InputError(f"the store has no file {path.name}", at=str(path))
        connection = _read_only(path)
        try:
            connection.execute("PRAGMA schema_version").fetchall()
        except apsw.ReadOnlyError:
            connection.close()
            open_writer(path).close()
            connection = _read_only(path)
        except apsw.Error:
            connection.close()
            raise
        return connection


def _read_only(path: Path) -> apsw.Connection:
    # In a folder that we may not write to, SQLite cannot make the shared-memory file that WAL
    # needs, and nobody else of our kind can be writing either.
    wal = path.with_name(f"{path.name}-wal")
    is_still = not os.access(path.parent, os.W_OK) and not wal.exists()
    connection = apsw.Connection(
        f"file:{quote(str(path.absolute()))}{'?immutable=1' if is_still else ''}",
        flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
    )
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    return connection


@contextmanager
def transaction(connection: apsw.Connection, mode: str) -> Iterator[None]:
    """All of the block or nothing; `mode` is DEFERRED to read, IMMEDIATE to write."""
    connection.execute(f"BEGIN {mode}")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def reported(path: Path, words: Words = STORE) -> Iterator[None]:
    """Turn what SQLite and the file system say about `path` into our errors."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise InputError(
            f"the {words.kind} file is damaged or not an SQLite database: {error}",
            at=str(path),
            hint=words.remedy,
        ) from error
    except apsw.BusyError as error:
        raise RefusedError(
            f"another command is writing to this {words.kind}",
            at=str(path),
            hint="wait until it has ended, then try again",
        ) from error
    except (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, OSError) as error:
        raise InputError(
            f"the {words.kind} file cannot be read or written: {error}",
            at=str(path),
            hint=f"check free space and permissions; the {words.kind} is as it was before",
        ) from error
