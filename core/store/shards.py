"""The journal of a search: each shard of rows with its figures, durable before the next is begun.

A shard's id is a hash of what it evaluates, so that a search which is taken up again finds the
shards that it has done, whatever the order in which it asks.  The journal carries what the search
rests on, and refuses to be gone on with by another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import apsw
import numpy as np
import numpy.typing as npt

from core.artifacts.hashing import sha256_hex
from core.errors import InputError
from core.lock import hold
from core.store.sqlite import open_writer, reported, transaction
from kernel.records import STATS, Records

SCHEMA_VERSION: Final = 1
SCHEMA = f"""
CREATE TABLE identity(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE shards(
  id TEXT PRIMARY KEY,
  row_count INTEGER NOT NULL CHECK (row_count > 0),
  stats BLOB NOT NULL,
  stats_sha256 TEXT NOT NULL,
  cpu_s REAL NOT NULL CHECK (cpu_s >= 0)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""


@dataclass(frozen=True)
class Shard:
    """A few rows of a search, as levels `[n, axes]` on its axes, and what else they depend on.

    `bars_frac` is the share of the window that they are run on.
    """

    levels: npt.NDArray[np.uint16]
    bars_frac: float = 1.0

    @property
    def id(self) -> str:
        """What is evaluated, as a name: equal shards have equal ones."""
        shape = f"{self.levels.shape} {self.bars_frac!r} ".encode()
        return sha256_hex(shape + np.ascontiguousarray(self.levels).tobytes())[:32]


class ShardJournal:
    """The open journal of one search.  Use `opened`; one process at a time has it."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._connection = connection

    def figures_of(self, shard: Shard) -> Records | None:
        """The figures of a shard that was done, one Stats record per row; None if it was not.

        Raises InputError when they are not what was written.
        """
        with reported(self.path):
            found = self._connection.execute(
                "SELECT row_count, stats, stats_sha256 FROM shards WHERE id = ?", (shard.id,)
            ).fetchone()
        if found is None:
            return None
        row_count, blob, digest = found
        sound = sha256_hex(blob) == digest and len(blob) == row_count * STATS.itemsize
        if not sound or row_count != len(shard.levels):
            raise InputError(
                f"the figures of shard {shard.id} are damaged",
                at=str(self.path),
                hint="the disk may be failing; run the sweep anew in another run",
            )
        return np.frombuffer(blob, STATS).copy()

    def add(self, shard: Shard, stats: Records, cpu_s: float) -> None:
        """Keep the figures of a shard for good; once this returns they survive any kill.

        A shard that is there already stays as it is.  Raises InputError when the disk is full.
        """
        blob = np.ascontiguousarray(stats).tobytes()
        values = (shard.id, len(stats), blob, sha256_hex(blob), cpu_s)
        with _resumable(self.path):
            self._connection.execute(
                "INSERT INTO shards VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", values
            )

    @property
    def identity(self) -> dict[str, str]:
        """What the search rests on, as it was when the journal was made."""
        with reported(self.path):
            return dict(self._connection.execute("SELECT name, value FROM identity"))

    @property
    def shard_count(self) -> int:
        """Shards that are done."""
        with reported(self.path):
            return int(self._connection.execute("SELECT count(*) FROM shards").get)

    @property
    def cpu_s(self) -> float:
        """CPU seconds that the shards took, over all processes that worked on them."""
        with reported(self.path):
            return float(self._connection.execute("SELECT total(cpu_s) FROM shards").get)


@contextmanager
def opened(path: Path, identity: Mapping[str, str]) -> Iterator[ShardJournal]:
    """The journal at `path`, made when it is not there yet, and nobody else's while the block runs.

    Raises InputError when it belongs to a search that rests on something else, which it names, and
    RefusedError when another process is at work on it.
    """
    with hold(path.with_name(f"{path.name}.lock"), what=f"the search {path.stem}"):
        connection = open_writer(path)
        try:
            with _resumable(path):
                _prepare(path, connection, identity)
            journal = ShardJournal(path, connection)
            _refuse_other(journal, identity)
            yield journal
        finally:
            connection.close()


def _prepare(path: Path, connection: apsw.Connection, identity: Mapping[str, str]) -> None:
    version = int(connection.execute("PRAGMA user_version").get)
    if version > SCHEMA_VERSION:
        raise InputError(
            f"the journal has schema version {version}, this perpkit knows up to {SCHEMA_VERSION}",
            at=str(path),
            hint="go on with the perpkit that began the search",
        )
    if version == 0:
        with transaction(connection, "IMMEDIATE"):
            connection.execute(SCHEMA)
            connection.executemany("INSERT INTO identity VALUES (?, ?)", list(identity.items()))


def _refuse_other(journal: ShardJournal, identity: Mapping[str, str]) -> None:
    before = journal.identity
    names = sorted(name for name in {*before, *identity} if before.get(name) != identity.get(name))
    if not names:
        return
    name = names[0]
    raise InputError(
        f"the search cannot be gone on with: {', '.join(names)} differ from when it began",
        at=f"{journal.path}: {name} was {before.get(name, '-')}, now {identity.get(name, '-')}",
        hint="give what it began with, or sweep anew without --resume",
    )


@contextmanager
def _resumable(path: Path) -> Iterator[None]:
    """A full disk as an error that says what is kept and how to go on."""
    try:
        with reported(path):
            yield
    except InputError as error:
        if not isinstance(error.__cause__, apsw.FullError):
            raise
        raise InputError(
            "the disk is full; the shards done so far are kept",
            at=str(path),
            hint="free some space, then go on with `perpkit sweep --resume RUN`",
        ) from error
