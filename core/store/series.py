"""A store of rows keyed by symbol and time: one SQLite file, one table, one transaction per ingest.

Candles and funding rates differ only in their `Layout`.  Stored rows never change except by a
revision, which keeps the old values beside the new ones with the reason.  A process killed during
an ingest leaves the store as it was before or as it is after, never between.

Tables of a file:

    meta       schema_version, holds, interval, synthetic
    symbols    id, name; rows name their symbol by id, which keeps the file a third smaller
    <table>    the rows, clustered by (symbol_id, time), which is the order they are read in
    ingests    one line per ingest that changed something: when, from what, how many, and why
    revisions  one line per changed row: its old and new values and the ingest that changed it
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote

import apsw
import numpy as np

from core.clock import Clock, utc_iso
from core.errors import InputError, RefusedError
from core.market.bars import Bools, Floats, Rows

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 30_000
FILE_MODE = 0o600


@dataclass(frozen=True)
class Layout:
    """What one kind of store file holds.

    `columns` are the value columns in the order of `Rows.values`; those in `optional` may be
    absent (NaN in memory, NULL in the file).  `check` is an SQL condition that each row meets.
    """

    holds: str
    table: str
    time_column: str
    columns: tuple[str, ...]
    optional: tuple[str, ...] = ()
    check: str = "1"


@dataclass(frozen=True)
class Origin:
    """Where rows come from: a name for people, the hash of the source, made up or recorded.

    A `revise_reason` allows stored values to be changed; without one a conflict is refused.
    """

    source: str
    sha256: str
    synthetic: bool = False
    revise_reason: str = ""


@dataclass(frozen=True)
class IngestCounts:
    """What an ingest did: rows added, rows found there already, rows whose values were revised."""

    inserted: int
    unchanged: int
    revised: int


@dataclass(frozen=True)
class StoredRows:
    """All rows of a file, and whether they are made up."""

    rows: Rows
    synthetic: bool


class SeriesStore:
    """One open store file.  Use it as a context manager; `open_writer` makes the file if need be."""

    def __init__(self, path: Path, layout: Layout, connection: apsw.Connection) -> None:
        self.path = path
        self.layout = layout
        self._connection = connection

    @classmethod
    def open_writer(cls, path: Path, layout: Layout) -> SeriesStore:
        """The store file at `path`, made with mode 0600 when it is not there yet."""
        with reported(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # FULL: the report that follows an ingest must not outlive its bars in a power cut.
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}").fetchall()
        return cls(path, layout, connection)

    @classmethod
    def open_reader(cls, path: Path, layout: Layout) -> SeriesStore:
        """The store file at `path`, which must be there, opened so that it cannot be changed."""
        with reported(path):
            if not path.is_file():
                raise InputError(f"the store has no file {path.name}", at=str(path))
            # In a folder that we may not write to, SQLite cannot make the shared-memory file that
            # WAL needs, and nobody else of our kind can be writing either.
            wal = path.with_name(f"{path.name}-wal")
            is_still = not os.access(path.parent, os.W_OK) and not wal.exists()
            fixed = "?immutable=1" if is_still else ""
            connection = apsw.Connection(
                f"file:{quote(str(path.absolute()))}{fixed}",
                flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
            )
            connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        return cls(path, layout, connection)

    def __enter__(self) -> SeriesStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def synthetic(self) -> bool | None:
        """Whether the stored rows are made up; None while the file holds no rows."""
        with reported(self.path):
            return self._meta()["synthetic"] == "1" if self._is_set_up() else None

    def ingest(self, rows: Rows, interval: str, origin: Origin, clock: Clock) -> IngestCounts:
        """Add `rows` in one transaction and say what that changed.

        Raises InputError, with nothing changed, when a stored row has other values and the origin
        gives no reason to revise it, or when made-up rows would meet recorded ones.
        """
        with reported(self.path), self._transaction("IMMEDIATE"):
            if not self._is_set_up():
                self._set_up(interval, origin)
            if self._read_meta(interval) != origin.synthetic:
                raise mixing_error(self.path, stored_synthetic=not origin.synthetic)
            is_stored, stored = self._stored_values(rows)
            differs = is_stored & ~same_values(rows.values, stored)
            if differs.any() and not origin.revise_reason:
                self._refuse_conflict(rows, stored, differs)
            counts = IngestCounts(
                inserted=int((~is_stored).sum()),
                unchanged=int((is_stored & ~differs).sum()),
                revised=int(differs.sum()),
            )
            if counts.inserted or counts.revised:
                ingest_id = self._record_ingest(origin, counts, clock)
                ids = self._symbol_ids(rows.symbols, create=True)
                self._insert(rows, ids, ~is_stored)
                self._revise(rows, ids, stored, differs, ingest_id)
        return counts

    def read(self, interval: str) -> StoredRows:
        """All rows, sorted by symbol and time; a file without rows is an InputError.

        Numbers come as float64 from one flat pass over the cursor: ids and times are below 2**53,
        so nothing is lost, and it takes half the time of building a list of rows first.
        """
        layout = self.layout
        with reported(self.path), self._transaction("DEFERRED"):
            if not self._is_set_up():
                raise self._empty_error()
            synthetic = self._read_meta(interval)
            names = dict(self._connection.execute("SELECT id, name FROM symbols"))
            flat = np.fromiter(
                chain.from_iterable(
                    self._connection.execute(
                        f"SELECT symbol_id, {layout.time_column}, {', '.join(layout.columns)}"
                        f" FROM {layout.table} ORDER BY symbol_id, {layout.time_column}"
                    )
                ),
                np.float64,
            ).reshape(-1, 2 + len(layout.columns))
        if not len(flat):
            raise self._empty_error()
        symbols = tuple(sorted(names.values()))
        rank = {name: index for index, name in enumerate(symbols)}
        index_of_id = np.zeros(max(names) + 1, np.int64)
        for symbol_id, name in names.items():
            index_of_id[symbol_id] = rank[name]
        symbol_index = index_of_id[flat[:, 0].astype(np.int64)]
        if (np.diff(symbol_index) < 0).any():  # ids follow the order of arrival, not of names
            order = np.argsort(symbol_index, kind="stable")
            flat, symbol_index = flat[order], symbol_index[order]
        rows = Rows(symbols, symbol_index, flat[:, 1].astype(np.int64), flat[:, 2:])
        return StoredRows(rows, synthetic)

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[None]:
        self._connection.execute(f"BEGIN {mode}")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _is_set_up(self) -> bool:
        tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_schema")}
        if tables and "meta" not in tables:
            raise InputError(
                "this SQLite file is not a perpkit store",
                at=f"{self.path}: it has no meta table",
                hint="give another --store folder",
            )
        return bool(tables)

    def _set_up(self, interval: str, origin: Origin) -> None:
        layout = self.layout
        values = [
            f"{name} REAL" if name in layout.optional else f"{name} REAL NOT NULL"
            for name in layout.columns
        ]
        changes = [f"{age}_{name} REAL" for age in ("old", "new") for name in layout.columns]
        row_key = f"symbol_id INTEGER NOT NULL REFERENCES symbols, {layout.time_column} INTEGER"
        self._connection.execute(
            "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
            "CREATE TABLE symbols(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
            f"CREATE TABLE {layout.table}({row_key} NOT NULL, {', '.join(values)},"
            f" PRIMARY KEY(symbol_id, {layout.time_column}), CHECK({layout.check}))"
            " STRICT, WITHOUT ROWID;"
            "CREATE TABLE ingests(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
            " source TEXT NOT NULL, sha256 TEXT NOT NULL, inserted INTEGER NOT NULL,"
            " revised INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
            "CREATE TABLE revisions(id INTEGER PRIMARY KEY, ingest_id INTEGER NOT NULL"
            f" REFERENCES ingests, {row_key} NOT NULL, {', '.join(changes)}) STRICT;"
        )
        self._connection.executemany(
            "INSERT INTO meta VALUES(?, ?)",
            [
                ("schema_version", str(SCHEMA_VERSION)),
                ("holds", layout.holds),
                ("interval", interval),
                ("synthetic", str(int(origin.synthetic))),
            ],
        )

    def _meta(self) -> dict[str, str]:
        meta = dict(self._connection.execute("SELECT key, value FROM meta"))
        version = meta.get("schema_version", "")
        if version != str(SCHEMA_VERSION):
            raise InputError(
                f"the store has schema version {version or 'unknown'}, this program knows"
                f" {SCHEMA_VERSION}",
                at=str(self.path),
                hint="use the perpkit version that wrote it, or fetch into a new --store folder",
            )
        if meta["holds"] != self.layout.holds:
            raise InputError(
                f"the file holds {meta['holds']}, not {self.layout.holds}",
                at=str(self.path),
                hint="restore its name or give another --store folder",
            )
        return meta

    def _read_meta(self, interval: str) -> bool:
        """Whether the rows are made up; raises when the file is not one of `interval`."""
        meta = self._meta()
        if meta["interval"] != interval:
            raise InputError(
                f"the file holds interval {meta['interval']}, not {interval}",
                at=str(self.path),
                hint=f"give it its own name back, or take --interval {meta['interval']}",
            )
        return meta["synthetic"] == "1"

    def _symbol_ids(self, symbols: tuple[str, ...], *, create: bool) -> list[int]:
        """Id of each symbol; 0, which no symbol has, when it is unknown and not to be created."""
        if create:
            self._connection.executemany(
                "INSERT INTO symbols(name) VALUES(?) ON CONFLICT DO NOTHING",
                [(name,) for name in symbols],
            )
        known = {name: key for key, name in self._connection.execute("SELECT * FROM symbols")}
        return [known.get(name, 0) for name in symbols]

    def _stored_values(self, rows: Rows) -> tuple[Bools, Floats]:
        """Which of `rows` have a stored row of the same key, and that row's values (NaN if none)."""
        layout = self.layout
        is_stored = np.zeros(len(rows), np.bool_)
        stored = np.full(rows.values.shape, np.nan)
        edges = np.searchsorted(rows.symbol_index, np.arange(len(rows.symbols) + 1))
        query = (
            f"SELECT {layout.time_column}, {', '.join(layout.columns)} FROM {layout.table}"
            f" WHERE symbol_id = ? AND {layout.time_column} BETWEEN ? AND ?"
            f" ORDER BY {layout.time_column}"
        )
        for index, symbol_id in enumerate(self._symbol_ids(rows.symbols, create=False)):
            ours = slice(edges[index], edges[index + 1])
            wanted_ms = rows.ts_ms[ours]
            if not symbol_id or not len(wanted_ms):
                continue
            bounds = (symbol_id, int(wanted_ms[0]), int(wanted_ms[-1]))
            cursor = self._connection.execute(query, bounds)
            found = np.fromiter(chain.from_iterable(cursor), np.float64)
            table = found.reshape(-1, 1 + len(layout.columns))
            _, at_ours, at_table = np.intersect1d(
                wanted_ms, table[:, 0].astype(np.int64), assume_unique=True, return_indices=True
            )
            is_stored[ours][at_ours] = True
            stored[ours][at_ours] = table[at_table, 1:]
        return is_stored, stored

    def _refuse_conflict(self, rows: Rows, stored: Floats, differs: Bools) -> None:
        first = int(np.argmax(differs))
        symbol = rows.symbols[rows.symbol_index[first]]
        changes = ", ".join(
            f"{name} {old!r} -> {new!r}"
            for name, old, new in zip(
                self.layout.columns, stored[first].tolist(), rows.values[first].tolist(),
                strict=True,
            )
            if old != new
        )
        raise InputError(
            f"{int(differs.sum())} of {len(rows)} {self.layout.holds} are stored with other"
            f" values; the first: {symbol} {utc_iso(int(rows.ts_ms[first]))} {changes}",
            at=str(self.path),
            hint="closed bars do not change; if the new values are right, say why with"
            " --revise REASON, and both are kept on record",
        )

    def _record_ingest(self, origin: Origin, counts: IngestCounts, clock: Clock) -> int:
        self._connection.execute(
            "INSERT INTO ingests(at_ms, source, sha256, inserted, revised, reason)"
            " VALUES(?, ?, ?, ?, ?, ?)",
            (
                clock.now_ms(),
                origin.source,
                origin.sha256,
                counts.inserted,
                counts.revised,
                origin.revise_reason,
            ),
        )
        return self._connection.last_insert_rowid()

    def _insert(self, rows: Rows, ids: list[int], chosen: Bools) -> None:
        marks = ", ".join("?" * (2 + len(self.layout.columns)))
        self._connection.executemany(
            f"INSERT INTO {self.layout.table} VALUES({marks})",
            zip(
                np.array(ids, np.int64)[rows.symbol_index[chosen]].tolist(),
                rows.ts_ms[chosen].tolist(),
                *rows.values[chosen].T.tolist(),
                strict=True,
            ),
        )

    def _revise(
        self, rows: Rows, ids: list[int], stored: Floats, chosen: Bools, ingest_id: int
    ) -> None:
        layout = self.layout
        setters = ", ".join(f"{name} = ?" for name in layout.columns)
        marks = ", ".join("?" * (3 + 2 * len(layout.columns)))
        names = [f"{age}_{name}" for age in ("old", "new") for name in layout.columns]
        into = f"ingest_id, symbol_id, {layout.time_column}, {', '.join(names)}"
        for row in np.flatnonzero(chosen).tolist():
            key = (ids[rows.symbol_index[row]], int(rows.ts_ms[row]))
            old, new = stored[row].tolist(), rows.values[row].tolist()
            self._connection.execute(
                f"INSERT INTO revisions({into}) VALUES({marks})",
                (ingest_id, *key, *old, *new),
            )
            self._connection.execute(
                f"UPDATE {layout.table} SET {setters}"
                f" WHERE symbol_id = ? AND {layout.time_column} = ?",
                (*new, *key),
            )

    def _empty_error(self) -> InputError:
        return InputError(
            f"the store holds no {self.layout.holds} yet",
            at=str(self.path),
            hint="fill it with `perpkit fetch --from-file FILE --store DIR`",
        )


def same_values(left: Floats, right: Floats) -> Bools:
    """Per row: are all values equal, two absent ones included?"""
    return ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)


def mixing_error(path: Path, *, stored_synthetic: bool) -> InputError:
    """The refusal to put made-up and recorded rows into one store."""
    stored, given = ("synthetic", "recorded") if stored_synthetic else ("recorded", "synthetic")
    return InputError(
        f"the store holds {stored} data, the new rows are {given}; they are never mixed",
        at=str(path),
        hint="give another --store folder",
    )


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system say about `path` into our errors."""
    try:
        yield
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise InputError(
            f"the store file is damaged or not an SQLite database: {error}",
            at=str(path),
            hint="move it away and fetch again, or restore a copy",
        ) from error
    except apsw.BusyError as error:
        raise RefusedError(
            "another command is writing to this store",
            at=str(path),
            hint="wait until it has ended, then try again",
        ) from error
    except (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, OSError) as error:
        raise InputError(
            f"the store file cannot be read or written: {error}",
            at=str(path),
            hint="check free space and permissions; the store is as it was before",
        ) from error
