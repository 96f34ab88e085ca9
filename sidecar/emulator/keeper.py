"""`--state FILE`: the venue survives SIGKILL at any instant.

The file is an SQLite database with one snapshot of the venue and every input since.  An input is
committed before it takes effect, so that whatever a client was told is there again: recovery reads
the snapshot, lets the tape run to the time of each input and applies it.  Commits are not forced to
the disk (`synchronous=NORMAL`): a killed process loses nothing, a power cut may lose the last
moments.  Venue time is reserved ahead of the clock, so that it never runs back over a restart.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec
from msgspec import Struct

from core.errors import HaltError, InputError
from core.lock import hold
from core.store.sqlite import Words, open_writer, reported, transaction
from sidecar.emulator.exchange.requests import Envelope, Request
from sidecar.emulator.exchange.state import VenueState

SCHEMA_VERSION: Final = 1
TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (
  id INTEGER PRIMARY KEY CHECK (id = 1), now_ms INTEGER NOT NULL, state BLOB NOT NULL,
  tape BLOB NOT NULL, code TEXT NOT NULL, sha256 BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS plane (
  id INTEGER PRIMARY KEY CHECK (id = 1), data BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY, now_ms INTEGER NOT NULL, input BLOB NOT NULL, crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS reserved (id INTEGER PRIMARY KEY CHECK (id = 1), until_ms INTEGER);
"""
INPUT: Final = "INSERT INTO journal (seq, now_ms, input, crc) VALUES (?, ?, ?, ?)"
PLANE: Final = "INSERT OR REPLACE INTO plane VALUES (1, ?, ?)"
RESERVE: Final = "INSERT OR REPLACE INTO reserved VALUES (1, ?)"
REPLAYED: Final = ("exchange", "faults", "gateway", "tape")
CHECKPOINT_PAGES: Final = 4_000
ANOTHER: Final = "give --state another file, or move this one away"
WORDS: Final = Words("state", ANOTHER)


class Input(Struct, frozen=True, array_like=True):
    """One input: a bare request of the tape's kind or the operator's, or a signed one."""

    request: Request | None = None
    envelope: Envelope | None = None


@dataclass(frozen=True)
class Snapshot:
    """The venue at one instant; `tape` and `plane` are what these gave as plain values.

    The plane is always the newest: what its faults did to the exchange is among the inputs.
    """

    now_ms: int
    state: bytes
    tape: bytes
    plane: bytes
    code: str


@dataclass(frozen=True)
class Kept:
    """What a state file holds: a snapshot, the inputs since, and how far time may have been."""

    snapshot: Snapshot
    inputs: list[tuple[int, Request | Envelope]]
    until_ms: int


class Keeper:
    """An open state file.  `open_keeper` makes it."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self.input_count = 0
        """Inputs since the last snapshot."""
        self._connection = connection
        self._encode = msgspec.msgpack.Encoder().encode
        self._seq = 0

    def identity(self) -> dict[str, Any] | None:
        """What the file is of, as `begin` was told; None for a new file."""
        with reported(self.path, WORDS):
            row = self._connection.execute("SELECT value FROM meta WHERE key = 'market'").get
        return dict(msgspec.json.decode(row)) if row else None

    def begin(self, identity: Mapping[str, Any], snapshot: Snapshot) -> None:
        """Make a new file's first content: what it is of, and the venue as it begins."""
        text = msgspec.json.encode(dict(identity), order="sorted").decode()
        with reported(self.path, WORDS), transaction(self._connection, "IMMEDIATE"):
            self._connection.execute("INSERT INTO meta VALUES ('market', ?)", (text,))
            self._write(snapshot)

    def load(self) -> Kept:
        """All that was kept.  Raises HaltError when a part is not as it was written."""
        with reported(self.path, WORDS), transaction(self._connection, "DEFERRED"):
            found = self._connection.execute(
                "SELECT now_ms, state, tape, code, sha256 FROM snapshot"
            ).fetchone()
            plane = self._connection.execute("SELECT data, crc FROM plane").fetchone()
            rows = self._connection.execute(
                "SELECT seq, now_ms, input, crc FROM journal ORDER BY seq"
            ).fetchall()
            until_ms = self._connection.execute("SELECT until_ms FROM reserved").get or 0
        if found is None:
            raise self._damaged("it has no snapshot")
        if plane is None or zlib.crc32(plane[0]) != plane[1]:
            raise self._damaged("its faults are not as they were written")
        now_ms, state, tape, code, digest = found
        snapshot = Snapshot(now_ms, state, tape, plane[0], code)
        if _digest(snapshot) != digest:
            raise self._damaged("its snapshot is not as it was written")
        inputs = [self._decoded(first + 1, row) for first, row in enumerate(rows)]
        self._seq = self.input_count = len(rows)
        last_ms = inputs[-1][0] if inputs else snapshot.now_ms
        return Kept(snapshot, inputs, max(until_ms, last_ms, snapshot.now_ms))

    def note(self, now_ms: int, request: Request | Envelope) -> None:
        """Commit an input before it takes effect.  Raises InputError when the disk is full."""
        if isinstance(request, Envelope):
            data = self._encode(Input(envelope=request))
        else:
            data = self._encode(Input(request=request))
        seq = self._seq + 1
        with reported(self.path, WORDS):
            self._connection.execute(INPUT, (seq, now_ms, data, _crc(seq, now_ms, data)))
        self._seq = seq
        self.input_count += 1

    def note_plane(self, plane: bytes) -> None:
        """The faults are others than in the snapshot: some acted."""
        with reported(self.path, WORDS):
            self._connection.execute(PLANE, (plane, zlib.crc32(plane)))

    def reserve(self, until_ms: int) -> None:
        """After a restart time goes on from there: clients may have seen all that is before."""
        with reported(self.path, WORDS):
            self._connection.execute(RESERVE, (until_ms,))

    def save(self, snapshot: Snapshot) -> None:
        """Replace snapshot and inputs by a newer snapshot, at once or not at all."""
        with reported(self.path, WORDS), transaction(self._connection, "IMMEDIATE"):
            self._write(snapshot)
        self._seq = self.input_count = 0

    def close(self) -> None:
        """Leave one file behind, without a write-ahead log."""
        with reported(self.path, WORDS):
            self._connection.close()

    def _write(self, snapshot: Snapshot) -> None:
        # First out, then in: replacing would keep room for two of them in the file.
        self._connection.execute("DELETE FROM snapshot")
        self._connection.execute(
            "INSERT INTO snapshot VALUES (1, ?, ?, ?, ?, ?)",
            (
                snapshot.now_ms,
                snapshot.state,
                snapshot.tape,
                snapshot.code,
                _digest(snapshot),
            ),
        )
        self._connection.execute(PLANE, (snapshot.plane, zlib.crc32(snapshot.plane)))
        self._connection.execute("DELETE FROM journal")
        self._connection.execute(RESERVE, (snapshot.now_ms,))

    def _decoded(self, seq: int, row: tuple[Any, ...]) -> tuple[int, Request | Envelope]:
        number, now_ms, data, crc = row
        if number != seq or _crc(seq, now_ms, data) != crc:
            raise self._damaged(f"input {seq} is not as it was written")
        try:
            one = msgspec.msgpack.decode(data, type=Input)
        except msgspec.DecodeError as error:
            raise self._damaged(f"input {seq} cannot be read: {error}") from error
        request = one.envelope or one.request
        if request is None:
            raise self._damaged(f"input {seq} is empty")
        return now_ms, request

    def _damaged(self, what: str) -> HaltError:
        return HaltError(
            f"the state file is damaged: {what}",
            at=str(self.path),
            hint=f"restore a copy of it; or {ANOTHER}",
        )


@contextmanager
def open_keeper(path: Path) -> Iterator[Keeper]:
    """The state file at `path`, made when it is not there, ours alone until the block ends.

    Raises RefusedError with the process that has it open, InputError for a file that is none of
    ours or of a newer schema, HaltError for a damaged one.
    """
    with hold(path.with_name(f"{path.name}.lock"), what=f"the state file {path.name}"):
        connection = open_writer(path, WORDS)
        try:
            with reported(path, WORDS):
                _prepare(connection, path)
            yield Keeper(path, connection)
        finally:
            connection.close()


def _prepare(connection: apsw.Connection, path: Path) -> None:
    """Check whose file it is, and make its tables when it is empty."""
    connection.execute("PRAGMA synchronous=NORMAL").fetchall()
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}").fetchall()
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if not tables:
        with transaction(connection, "IMMEDIATE"):
            connection.execute(TABLES)
            connection.execute(
                "INSERT INTO meta VALUES ('kind', 'emulator-state'), ('schema_version', ?)",
                (str(SCHEMA_VERSION),),
            )
        return
    if ("meta",) not in tables:
        raise InputError("the file is no emulator's state", at=str(path), hint=ANOTHER)
    rows = connection.execute("SELECT key, value FROM meta").fetchall()
    meta = {str(key): str(value) for key, value in rows}
    if meta.get("kind") != "emulator-state":
        raise InputError("the file is no emulator's state", at=str(path), hint=ANOTHER)
    if meta.get("schema_version") != str(SCHEMA_VERSION):
        raise InputError(
            f"the state file has schema version {meta.get('schema_version')}, this perpkit knows"
            f" {SCHEMA_VERSION}",
            at=str(path),
            hint=f"use the perpkit that wrote it; or {ANOTHER}",
        )


def state_of(snapshot: Snapshot, path: Path) -> VenueState:
    """The exchange of a snapshot.  Raises InputError when another build wrote it differently."""
    try:
        return msgspec.msgpack.decode(snapshot.state, type=VenueState)
    except msgspec.DecodeError as error:
        raise InputError(
            f"the state was written by another perpkit: {error}",
            at=str(path),
            hint=f"use the perpkit that wrote it; or {ANOTHER}",
        ) from error


def encode_state(state: VenueState) -> bytes:
    """The whole exchange as bytes, equal for equal states."""
    return msgspec.msgpack.encode(state)


def code_identity(folder: Path) -> str:
    """A hash of the sources that recovery runs: others may make other fills of the same inputs."""
    digest = sha256()
    for path in sorted(path for name in REPLAYED for path in (folder / name).rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _digest(snapshot: Snapshot) -> bytes:
    digest = sha256(f"{snapshot.now_ms} {snapshot.code} {len(snapshot.state)}".encode())
    for part in (snapshot.state, snapshot.tape):
        digest.update(part)
    return digest.digest()


def _crc(seq: int, now_ms: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(f"{seq} {now_ms}".encode()))
