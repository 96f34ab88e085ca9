"""Events of users on disk: each once, in the order of a cursor that never runs back.

A consumer reads after a cursor and says later how far it got; reading takes nothing away.  An event
is known by (user, kind, key), so that what the stream said and what REST repeats is one event.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, get_args

import apsw
from msgspec import Struct

from core.errors import InputError, UsageError
from core.store.sqlite import transaction
from sidecar.market.facts import UserEvent, UserKind

DATABASE: Final = "user_events.sqlite"
SCHEMA_VERSION: Final = 1
READ_MAX: Final = 1_000
"""Most events of one reading."""
SWEEP_MAX: Final = 5_000
"""Most events that one sweep deletes: it holds the disk no longer than that."""
SWEPT: Final = "swept"
"""In the place of a kind: events from before that mark were deleted and are not taken again."""
KINDS: Final[tuple[UserKind, ...]] = get_args(UserKind)
SCHEMA: Final = f"""
CREATE TABLE events(
  cursor INTEGER PRIMARY KEY AUTOINCREMENT,
  user TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  time_ms INTEGER NOT NULL,
  seen_ms INTEGER NOT NULL,
  data TEXT NOT NULL,
  UNIQUE(user, kind, key)
) STRICT;
CREATE INDEX events_of_user ON events(user, cursor);
CREATE TABLE acks(
  consumer TEXT NOT NULL,
  user TEXT NOT NULL,
  cursor INTEGER NOT NULL,
  lease_until_ms INTEGER NOT NULL,
  PRIMARY KEY(consumer, user)
) STRICT, WITHOUT ROWID;
CREATE TABLE marks(
  user TEXT NOT NULL,
  kind TEXT NOT NULL,
  complete_ms INTEGER NOT NULL,
  PRIMARY KEY(user, kind)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""


class LoggedEvent(Struct, frozen=True):
    """An event as a consumer reads it."""

    cursor: int
    user: str
    kind: UserKind
    key: str
    time_ms: int
    seen_ms: int
    data: dict[str, Any]


class UserLog:
    """The open log.  What the disk refuses comes out as `apsw.Error`, with nothing changed."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        with transaction(connection, "IMMEDIATE"):
            version = connection.pragma("user_version")
            tables = connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
            if version == 0 and not tables:
                connection.execute(SCHEMA)
            elif version != SCHEMA_VERSION:
                raise InputError(
                    f"the log of user events has schema version {version}, this program knows"
                    f" {SCHEMA_VERSION}",
                    at=DATABASE,
                    hint="use the perpkit version that wrote it, or give another --store folder",
                )

    def append(self, events: Sequence[UserEvent], seen_ms: int) -> list[LoggedEvent]:
        """The events that were new, durably stored, with their cursors."""
        fresh = []
        with transaction(self._connection, "IMMEDIATE"):
            for event in events:
                if event.time_ms < self._mark(event.user, SWEPT):
                    continue
                rows = self._connection.execute(
                    "INSERT INTO events(user, kind, key, time_ms, seen_ms, data)"
                    " VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING cursor",
                    (
                        event.user,
                        event.kind,
                        event.key,
                        event.time_ms,
                        seen_ms,
                        json.dumps(event.data, separators=(",", ":")),
                    ),
                ).fetchall()
                if rows:
                    fresh.append(_logged(int(str(rows[0][0])), event, seen_ms))
        return fresh

    def read(self, user: str, after: int, limit: int = READ_MAX) -> list[LoggedEvent]:
        """Events of a user with larger cursors, oldest first, at most `limit`."""
        return [
            LoggedEvent(cursor, name, kind, key, time_ms, seen_ms, json.loads(data))
            for cursor, name, kind, key, time_ms, seen_ms, data in self._connection.execute(
                "SELECT cursor, user, kind, key, time_ms, seen_ms, data FROM events"
                " WHERE user = ? AND cursor > ? ORDER BY cursor LIMIT ?",
                (user, after, min(limit, READ_MAX)),
            )
        ]

    def last_cursor(self, user: str) -> int:
        """Cursor of the newest stored event of a user; 0 for none."""
        return self._value("SELECT max(cursor) FROM events WHERE user = ?", user)

    def first_cursor(self, user: str) -> int:
        """Cursor of the oldest event of a user that is still there; 0 for none."""
        return self._value("SELECT min(cursor) FROM events WHERE user = ?", user)

    def ack(self, consumer: str, user: str, cursor: int, lease_until_ms: int) -> int:
        """How far the consumer is after this; it never goes back.

        Until the lease ends, nothing that it has not acknowledged is deleted.  Raises UsageError
        for a cursor that no event has had yet.
        """
        # Of all users: an event still to come has a larger one, whoever it is of.
        last = self._value("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        if not 0 <= cursor <= last:
            raise UsageError(
                f"cursor {cursor} cannot be acknowledged: the newest event is {last}",
                at=f"consumer {consumer!r}",
                hint="acknowledge cursors that user_events gave",
            )
        self._connection.execute(
            "INSERT INTO acks VALUES(?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " cursor = max(cursor, excluded.cursor),"
            " lease_until_ms = max(lease_until_ms, excluded.lease_until_ms)",
            (consumer, user, cursor, lease_until_ms),
        )
        return self.acked(consumer, user)

    def acked(self, consumer: str, user: str) -> int:
        """How far a consumer got; 0 for one that never said."""
        return self._value(
            "SELECT cursor FROM acks WHERE consumer = ? AND user = ?", consumer, user
        )

    def mark(self, user: str, kind: UserKind) -> int:
        """The time up to which events of that kind are known to be complete; 0 at first."""
        return self._mark(user, kind)

    def set_mark(self, user: str, kind: UserKind, complete_ms: int) -> None:
        """Note that events of that kind are complete up to that time."""
        self._set_mark(user, kind, complete_ms)

    def _mark(self, user: str, kind: str) -> int:
        return self._value("SELECT complete_ms FROM marks WHERE user = ? AND kind = ?", user, kind)

    def _set_mark(self, user: str, kind: str, complete_ms: int) -> None:
        self._connection.execute(
            "INSERT INTO marks VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET"
            " complete_ms = max(complete_ms, excluded.complete_ms)",
            (user, kind, complete_ms),
        )

    def sweep(self, older_than_ms: int, now_ms: int) -> int:
        """Delete events from before that time that no consumer with a lease still has to read.

        How many went; at most SWEEP_MAX at once.
        """
        with transaction(self._connection, "IMMEDIATE"):
            for user in self.users():
                # What a stream or REST repeats of them must not come in as new.
                self._set_mark(user, SWEPT, older_than_ms)
            self._connection.execute(
                "DELETE FROM events WHERE cursor IN (SELECT e.cursor FROM events e"
                " WHERE e.time_ms < ? AND e.seen_ms < ? AND NOT EXISTS (SELECT 1 FROM acks a"
                " WHERE a.user = e.user AND a.lease_until_ms > ? AND a.cursor < e.cursor)"
                " ORDER BY e.cursor LIMIT ?)",
                (older_than_ms, older_than_ms, now_ms, SWEEP_MAX),
            )
            return self._connection.changes()

    def users(self) -> list[str]:
        """Users that events are stored of."""
        return [name for (name,) in self._connection.execute("SELECT DISTINCT user FROM events")]

    def count(self) -> int:
        """How many events are stored."""
        return self._value("SELECT count(*) FROM events")

    def _value(self, sql: str, *bound: str | int) -> int:
        rows = self._connection.execute(sql, bound).fetchall()
        return int(rows[0][0] or 0) if rows else 0


def _logged(cursor: int, event: UserEvent, seen_ms: int) -> LoggedEvent:
    return LoggedEvent(
        cursor, event.user, event.kind, event.key, event.time_ms, seen_ms, event.data
    )
