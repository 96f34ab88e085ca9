"""Which stretches of time a venue was asked for in full, in the file of the series itself.

A row that is missing inside such a stretch is missing at the venue, and asking again is no help.  A
stretch is noted in the transaction that stores its rows, so that a fetch killed at any instant goes
on exactly where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping

import apsw

from core.market.spans import Stretch, union

TABLE = """CREATE TABLE IF NOT EXISTS asked(symbol TEXT NOT NULL, from_ms INTEGER NOT NULL,
 to_ms INTEGER NOT NULL, PRIMARY KEY(symbol, from_ms), CHECK(from_ms < to_ms))
 STRICT, WITHOUT ROWID"""


def read_asked(connection: apsw.Connection) -> dict[str, list[Stretch]]:
    """Per symbol the stretches that were asked for."""
    is_there = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'asked'").fetchone()
    found: dict[str, list[Stretch]] = {}
    if is_there:
        for symbol, begin, end in connection.execute(
            "SELECT symbol, from_ms, to_ms FROM asked ORDER BY symbol, from_ms"
        ):
            found.setdefault(symbol, []).append((begin, end))
    return found


def add_asked(connection: apsw.Connection, asked: Mapping[str, Stretch]) -> None:
    """Note that these stretches were asked for; inside a transaction of the caller."""
    connection.execute(TABLE)
    for symbol, stretch in asked.items():
        before: list[Stretch] = [
            (int(begin), int(end))
            for begin, end in connection.execute(
                "SELECT from_ms, to_ms FROM asked WHERE symbol = ?", (symbol,)
            )
        ]
        connection.execute("DELETE FROM asked WHERE symbol = ?", (symbol,))
        connection.executemany(
            "INSERT INTO asked VALUES(?, ?, ?)",
            [(symbol, *merged) for merged in union([*before, stretch])],
        )
