"""A store of rows keyed by symbol and time: one SQLite file, one table, one transaction per ingest.

Candles and funding rates differ only in their `Layout`.  Stored rows never change except by a
revision, which keeps the old values beside the new ones with the reason.  A process killed during
an ingest leaves the store as it was before or as it is after, never between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import apsw
import numpy as np

from core.clock import Clock, utc_iso
from core.errors import InputError
from core.market.bars import Bools, Floats, Rows
from core.market.spans import Stretch
from core.store.asked import add_asked, read_asked
from core.store.layout import SCHEMA_VERSION, Layout
from core.store.sqlite import open_reader, open_writer, reported, transaction


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
class Revision:
    """One changed row: its id in the file, its key, and its values before and after."""

    revision_id: int
    symbol: str
    ts_ms: int
    old: tuple[float | None, ...]
    new: tuple[float | None, ...]


@dataclass(frozen=True)
class StoredRows:
    """All rows of a file, and whether they are made up."""

    rows: Rows
    synthetic: bool


class SeriesStore:
    """One open store file.  Use it as a context manager."""

    def __init__(self, path: Path, layout: Layout, connection: apsw.Connection) -> None:
        self.path = path
        self.layout = layout
        self._connection = connection

    @classmethod
    def open_writer(cls, path: Path, layout: Layout) -> SeriesStore:
        """The store file at `path`, made with mode 0600 when it is not there yet."""
        return cls(path, layout, open_writer(path))

    @classmethod
    def open_reader(cls, path: Path, layout: Layout) -> SeriesStore:
        """The store file at `path`, which must be there, opened so that it cannot be changed."""
        return cls(path, layout, open_reader(path))

    def __enter__(self) -> SeriesStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def synthetic(self) -> bool | None:
        """Whether the stored rows are made up; None while the file holds no rows."""
        with reported(self.path):
            return self._meta()["synthetic"] == "1" if self._is_set_up() else None

    def ingest(
        self,
        rows: Rows,
        interval: str,
        origin: Origin,
        clock: Clock,
        asked: Mapping[str, Stretch] | None = None,
    ) -> IngestCounts:
        """Add `rows` in one transaction and say what that changed.

        `asked` names the stretches that a venue was asked for to get them.  Raises InputError, with
        nothing changed, when a stored row has other values and the origin gives no reason to revise
        it, or when made-up rows would meet recorded ones.
        """
        with reported(self.path), transaction(self._connection, "IMMEDIATE"):
            if not self._is_set_up():
                self._set_up(interval, origin)
            if self._read_meta(interval) != origin.synthetic:
                raise mixing_error(self.path, stored_synthetic=not origin.synthetic)
            is_stored, stored = self._stored_values(rows)
            differs = is_stored & ~same_values(rows.values, stored)
            if differs.any() and not origin.revise_reason:
                self._refuse_conflict(rows, stored, differs, origin)
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
            if asked:
                add_asked(self._connection, asked)
        return counts

    def asked(self) -> dict[str, list[Stretch]]:
        """Per symbol the stretches that a venue was asked for in full."""
        with reported(self.path):
            return read_asked(self._connection)

    def sources(self) -> set[str]:
        """Names of the sources that rows came from."""
        with reported(self.path):
            if not self._is_set_up():
                return set()
            return {name for (name,) in self._connection.execute("SELECT source FROM ingests")}

    def revisions(self, after_id: int = 0) -> list[Revision]:
        """The changed rows, oldest first, whose id is larger than `after_id`."""
        layout = self.layout
        names = [f"r.{age}_{name}" for age in ("old", "new") for name in layout.columns]
        width = len(layout.columns)
        with reported(self.path):
            if not self._is_set_up():
                return []
            return [
                Revision(key, name, ts_ms, tuple(values[:width]), tuple(values[width:]))
                for key, name, ts_ms, *values in self._connection.execute(
                    f"SELECT r.id, s.name, r.{layout.time_column}, {', '.join(names)}"
                    " FROM revisions r JOIN symbols s ON s.id = r.symbol_id"
                    " WHERE r.id > ? ORDER BY r.id",
                    (after_id,),
                )
            ]

    def read(self, interval: str) -> StoredRows:
        """All rows, sorted by symbol and time; a file without rows is an InputError.

        Numbers come as float64 from one flat pass over the cursor: ids and times are below 2**53,
        so nothing is lost, and it takes half the time of building a list of rows first.
        """
        layout = self.layout
        with reported(self.path), transaction(self._connection, "DEFERRED"):
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
        self._connection.execute(self.layout.schema_sql())
        self._connection.executemany(
            "INSERT INTO meta VALUES(?, ?)",
            [
                ("schema_version", str(SCHEMA_VERSION)),
                ("holds", self.layout.holds),
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
        """Which of `rows` have a stored row of their key, and that row's values (NaN if none)."""
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

    def _refuse_conflict(self, rows: Rows, stored: Floats, differs: Bools, origin: Origin) -> None:
        first = int(np.argmax(differs))
        symbol = rows.symbols[rows.symbol_index[first]]
        changes = ", ".join(
            f"{name} {old!r} -> {new!r}"
            for name, old, new in zip(
                self.layout.columns,
                stored[first].tolist(),
                rows.values[first].tolist(),
                strict=True,
            )
            if old != new
        )
        raise InputError(
            f"{int(differs.sum())} of {len(rows)} {self.layout.holds} are stored with other"
            f" values; the first: {symbol} {utc_iso(int(rows.ts_ms[first]))} {changes}",
            at=str(self.path),
            hint="take another --store folder for another synthetic market"
            if origin.synthetic
            else "closed bars do not change; if the new values are right, say why with"
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
    same: Bools = ((left == right) | (np.isnan(left) & np.isnan(right))).all(axis=1)
    return same


def mixing_error(path: Path, *, stored_synthetic: bool) -> InputError:
    """The refusal to put made-up and recorded rows into one store."""
    stored, given = ("synthetic", "recorded") if stored_synthetic else ("recorded", "synthetic")
    return InputError(
        f"the store holds {stored} data, the new rows are {given}; they are never mixed",
        at=str(path),
        hint="give another --store folder",
    )
