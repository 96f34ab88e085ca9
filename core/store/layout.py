"""The tables of a store file, and the three kinds of file with rows by symbol and time.

Tables of a file:

    meta       schema_version, holds, interval, synthetic
    symbols    id, name; rows name their symbol by id, which keeps the file a third smaller
    <table>    the rows, clustered by (symbol_id, time), which is the order they are read in
    ingests    one line per ingest that changed something: when, from what, how many, and why
    revisions  one line per changed row: its old and new values and the ingest that changed it
    asked      stretches of time that a venue was asked for in full (`core.store.asked`); made when
               first needed
"""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA_VERSION = 1


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

    def schema_sql(self) -> str:
        """The statements that make the tables."""
        values = [
            f"{name} REAL" if name in self.optional else f"{name} REAL NOT NULL"
            for name in self.columns
        ]
        changes = [f"{age}_{name} REAL" for age in ("old", "new") for name in self.columns]
        key = f"symbol_id INTEGER NOT NULL REFERENCES symbols, {self.time_column} INTEGER NOT NULL"
        return (
            "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
            "CREATE TABLE symbols(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
            f"CREATE TABLE {self.table}({key}, {', '.join(values)},"
            f" PRIMARY KEY(symbol_id, {self.time_column}), CHECK({self.check}))"
            " STRICT, WITHOUT ROWID;"
            "CREATE TABLE ingests(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
            " source TEXT NOT NULL, sha256 TEXT NOT NULL, inserted INTEGER NOT NULL,"
            " revised INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
            "CREATE TABLE revisions(id INTEGER PRIMARY KEY, ingest_id INTEGER NOT NULL"
            f" REFERENCES ingests, {key}, {', '.join(changes)}) STRICT;"
        )


# The checks repeat what `perpkit fetch` tests, so that no other writer can store a broken row.
CANDLES = Layout(
    holds="bars",
    table="candles",
    time_column="ts_open_ms",
    columns=("open_px", "high_px", "low_px", "close_px", "volume"),
    check="low_px > 0 AND low_px <= min(open_px, close_px) AND high_px >= max(open_px, close_px)"
    " AND high_px <= 1.7976931348623157e308 AND volume BETWEEN 0 AND 1.7976931348623157e308",
)
FUNDING = Layout(
    holds="funding rates",
    table="funding",
    time_column="ts_ms",
    columns=("rate", "premium"),
    optional=("premium",),
    check="abs(rate) <= 1.7976931348623157e308",
)
CONTEXTS = Layout(
    holds="asset contexts",
    table="contexts",
    time_column="ts_ms",
    columns=(
        "mark_px",
        "oracle_px",
        "mid_px",
        "funding_rate_1h",
        "open_interest",
        "day_notional_usd",
        "premium",
    ),
    optional=("mid_px", "premium"),
    check="mark_px > 0 AND oracle_px > 0 AND open_interest >= 0 AND day_notional_usd >= 0",
)
