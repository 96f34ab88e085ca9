"""What the venue said of its symbols, and when, in `metadata.sqlite`; append-only.

    meta       schema_version, holds, synthetic, source
    states     one line per symbol whenever what the venue says of it changes: sizes, leverage,
               margin tiers as JSON, delisted or not, `is_there` 0 once it has left its universe
    lifetimes  one line per symbol whenever more is known of when it was listed and delisted

The venue gives no listing times.  `listed_ms` is the open of the first daily bar with trades, and
`delisted_ms` the close of the last one of a symbol that is delisted, or when no bar is known the
time it was first seen so.  No line is ever changed, so that what was known at any time can be told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from core.clock import Clock
from core.errors import InputError
from core.market.metadata import MarginTier, SymbolMetadata
from core.store.folder import metadata_path, refuse_other_than_folder
from core.store.series import Origin, mixing_error
from core.store.sqlite import open_reader, open_writer, reported, transaction

SCHEMA_VERSION = 1
HOLDS = "symbol metadata"
SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE states(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, symbol TEXT NOT NULL,
 size_decimals INTEGER NOT NULL, leverage_max REAL NOT NULL, tiers TEXT NOT NULL,
 margin_mode TEXT NOT NULL, is_delisted INTEGER NOT NULL, is_there INTEGER NOT NULL) STRICT;
CREATE TABLE lifetimes(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, symbol TEXT NOT NULL,
 listed_ms INTEGER, delisted_ms INTEGER) STRICT;
CREATE INDEX states_of ON states(symbol, id);
CREATE INDEX lifetimes_of ON lifetimes(symbol, id);
CREATE TRIGGER states_never_change BEFORE UPDATE ON states
 BEGIN SELECT RAISE(ABORT, 'what the venue said is never changed'); END;
CREATE TRIGGER states_never_go BEFORE DELETE ON states
 BEGIN SELECT RAISE(ABORT, 'what the venue said is never changed'); END;
CREATE TRIGGER lifetimes_never_change BEFORE UPDATE ON lifetimes
 BEGIN SELECT RAISE(ABORT, 'what was known is never changed'); END;
CREATE TRIGGER lifetimes_never_go BEFORE DELETE ON lifetimes
 BEGIN SELECT RAISE(ABORT, 'what was known is never changed'); END;
"""
STATE_COLUMNS = "size_decimals, leverage_max, tiers, margin_mode, is_delisted, is_there"


@dataclass(frozen=True)
class SymbolState:
    """What the venue says of one symbol at one time."""

    symbol: str
    size_decimals: int
    leverage_max: float
    tiers: tuple[MarginTier, ...]
    margin_mode: str = ""
    is_delisted: bool = False
    is_there: bool = True

    def columns(self) -> tuple[int, float, str, str, int, int]:
        """The values of its line, in the order of STATE_COLUMNS."""
        tiers = json.dumps([[tier.lower_bound_usd, tier.leverage_max] for tier in self.tiers])
        return (
            self.size_decimals,
            self.leverage_max,
            tiers,
            self.margin_mode,
            int(self.is_delisted),
            int(self.is_there),
        )


@dataclass(frozen=True)
class Lifetime:
    """When a symbol was listed and delisted; None where nothing is known or it has not happened."""

    listed_ms: int | None = None
    delisted_ms: int | None = None


@dataclass(frozen=True)
class Known:
    """The newest line of each kind for each symbol, and when each was first seen delisted."""

    states: Mapping[str, SymbolState]
    lifetimes: Mapping[str, Lifetime]
    delisted_seen_ms: Mapping[str, int]


def add(
    store_dir: Path,
    states: Sequence[SymbolState],
    lifetimes: Mapping[str, Lifetime],
    origin: Origin,
    clock: Clock,
) -> int:
    """Add what is new in one transaction and say how many lines that were.

    Folder and file are made when missing.  Raises InputError when made-up symbols would meet
    recorded ones, or when the file is of another network of the venue.
    """
    refuse_other_than_folder(store_dir)
    path = metadata_path(store_dir)
    connection = open_writer(path)
    try:
        with reported(path), transaction(connection, "IMMEDIATE"):
            _set_up_or_check(connection, path, origin)
            before, now_ms = _known(connection), clock.now_ms()
            new_states = [state for state in states if before.states.get(state.symbol) != state]
            new_lifetimes = {
                symbol: lifetime
                for symbol, lifetime in lifetimes.items()
                if before.lifetimes.get(symbol) != lifetime
            }
            connection.executemany(
                f"INSERT INTO states(at_ms, symbol, {STATE_COLUMNS}) VALUES(?,?,?,?,?,?,?,?)",
                [(now_ms, state.symbol, *state.columns()) for state in new_states],
            )
            connection.executemany(
                "INSERT INTO lifetimes(at_ms, symbol, listed_ms, delisted_ms) VALUES(?, ?, ?, ?)",
                [
                    (now_ms, symbol, lifetime.listed_ms, lifetime.delisted_ms)
                    for symbol, lifetime in new_lifetimes.items()
                ],
            )
    finally:
        connection.close()
    return len(new_states) + len(new_lifetimes)


def add_described(
    store_dir: Path, described: Sequence[SymbolMetadata], origin: Origin, clock: Clock
) -> int:
    """Add symbols that are described as a whole, such as made-up ones; as `add`."""
    states = [
        SymbolState(each.symbol, each.size_decimals, each.leverage_max, each.tiers)
        for each in described
    ]
    lifetimes = {each.symbol: Lifetime(each.listed_ms, each.delisted_ms) for each in described}
    return add(store_dir, states, lifetimes, origin, clock)


def load(store_dir: Path) -> dict[str, SymbolMetadata]:
    """What is known of each symbol now; empty when nothing was ever fetched.

    A symbol that is delisted and of which no last bar is known counts as delisted when it was first
    seen so.  Raises InputError when the file is broken or of another version.
    """
    found = known(store_dir)
    out = {}
    for symbol, state in found.states.items():
        lifetime = found.lifetimes.get(symbol, Lifetime())
        delisted_ms = lifetime.delisted_ms
        if delisted_ms is None and (state.is_delisted or not state.is_there):
            delisted_ms = found.delisted_seen_ms.get(symbol)
        out[symbol] = SymbolMetadata(
            symbol=symbol,
            size_decimals=state.size_decimals,
            leverage_max=state.leverage_max,
            tiers=state.tiers,
            listed_ms=lifetime.listed_ms,
            delisted_ms=delisted_ms,
        )
    return out


def known(store_dir: Path) -> Known:
    """The newest lines; empty when the file is not there."""
    refuse_other_than_folder(store_dir)
    path = metadata_path(store_dir)
    if not path.is_file():
        return Known({}, {}, {})
    connection = open_reader(path)
    try:
        with reported(path):
            if not _tables(connection, path):
                return Known({}, {}, {})
            _meta(connection, path)
            return _known(connection)
    finally:
        connection.close()


def _known(connection: apsw.Connection) -> Known:
    states: dict[str, SymbolState] = {}
    seen: dict[str, int] = {}
    for at_ms, symbol, size, leverage, tiers, mode, delisted, there in connection.execute(
        f"SELECT at_ms, symbol, {STATE_COLUMNS} FROM states ORDER BY id"
    ):
        if delisted or not there:
            seen.setdefault(symbol, at_ms)
        else:
            seen.pop(symbol, None)
        states[symbol] = SymbolState(
            symbol,
            size,
            leverage,
            tuple(MarginTier(*tier) for tier in json.loads(tiers)),
            mode,
            bool(delisted),
            bool(there),
        )
    lifetimes = {
        symbol: Lifetime(listed_ms, delisted_ms)
        for symbol, listed_ms, delisted_ms in connection.execute(
            "SELECT symbol, listed_ms, delisted_ms FROM lifetimes ORDER BY id"
        )
    }
    return Known(states, lifetimes, seen)


def _set_up_or_check(connection: apsw.Connection, path: Path, origin: Origin) -> None:
    if not _tables(connection, path):
        connection.execute(SCHEMA)
        connection.executemany(
            "INSERT INTO meta VALUES(?, ?)",
            [
                ("schema_version", str(SCHEMA_VERSION)),
                ("holds", HOLDS),
                ("synthetic", str(int(origin.synthetic))),
                ("source", origin.source),
            ],
        )
    meta = _meta(connection, path)
    if (meta["synthetic"] == "1") != origin.synthetic:
        raise mixing_error(path, stored_synthetic=meta["synthetic"] == "1")
    if meta["source"] != origin.source and not origin.synthetic:
        raise InputError(
            f"the file holds symbols of {meta['source']}, these are of {origin.source}",
            at=str(path),
            hint="give each network a --store folder of its own",
        )


def _tables(connection: apsw.Connection, path: Path) -> bool:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
    if names and "meta" not in names:
        raise InputError(
            "this SQLite file is not a perpkit store",
            at=f"{path}: it has no meta table",
            hint="give another --store folder",
        )
    return bool(names)


def _meta(connection: apsw.Connection, path: Path) -> dict[str, str]:
    meta = dict(connection.execute("SELECT key, value FROM meta"))
    version = meta.get("schema_version", "")
    if version != str(SCHEMA_VERSION):
        raise InputError(
            f"the store has schema version {version or 'unknown'}, this program knows"
            f" {SCHEMA_VERSION}",
            at=str(path),
            hint="use the perpkit version that wrote it, or fetch into a new --store folder",
        )
    if meta.get("holds") != HOLDS:
        raise InputError(
            f"the file holds {meta.get('holds')}, not {HOLDS}",
            at=str(path),
            hint="restore its name or give another --store folder",
        )
    return meta
