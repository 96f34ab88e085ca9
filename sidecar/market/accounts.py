"""Events of users: from streams and REST into the log, each once, none forgotten.

Streams say soonest, REST says all: what no stream repeats is read again from a mark minus an
overlap, at the start, after each connection, and every so often.  The mark moves only when all up
to it is on disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import apsw

from core.errors import InputError, VenueError
from core.market.bars import DAY_MS
from core.ports import Ports
from core.venue.weights import info_weight
from sidecar.market import decode
from sidecar.market.facts import Odd, UserEvent, UserKind
from sidecar.market.rest import Rest
from sidecar.market.user_log import DATABASE, LoggedEvent, UserLog
from sidecar.market.venue_time import VenueTime

OVERLAP_MS: Final = 120_000
"""How far before its mark a reading begins: what the venue enters late is not missed."""
DEEP_OVERLAP_MS: Final = 3_600_000
"""The same of a whole round: a reply that was empty by mistake moved the mark, and is made good."""
PAGES_MAX: Final = 200
SELDOM: Final = 3
"""Whole rounds, with funding and transfers of money, are every so many, and after a connection."""
WEIGHT_PER_MINUTE: Final = 400
"""What all rounds together may weigh: the rest is for bars."""
RETRY_MS: Final = 3_000
PENDING_MAX: Final = 100_000
"""Events that wait for the disk; beyond that they go, and REST brings them once it is well."""
TICK_MS: Final = 500
BUSY_MS: Final = 200


@dataclass(frozen=True)
class Source:
    """Where REST has events of a kind."""

    kind: UserKind
    request: str
    rows_max: int
    event: Callable[..., UserEvent | Odd]
    has_span: bool = True


SOURCES: Final = (
    Source("fill", "userFillsByTime", 2_000, decode.fill_event),
    Source("order", "historicalOrders", 2_000, decode.order_event, has_span=False),
    Source("funding", "userFunding", 500, decode.funding_event),
    Source("ledger", "userNonFundingLedgerUpdates", 500, decode.ledger_event),
)


class Heard(Protocol):
    """Who is told of new events."""

    def user_events(self, user: str, cursor: int) -> None:
        """Events of a user are stored, up to that cursor."""
        ...


@dataclass
class Account:
    """One user whose events are wanted."""

    user: str
    due_ms: int = 0
    rounds: int = 0
    is_new: bool = True
    """Connected since the last round: all kinds are read."""
    weight: int = 0
    """What the last round weighed."""
    done_ms: int | None = None
    error: str = ""


@dataclass
class Accounts:
    """All of them, and their log."""

    ports: Ports
    rest: Rest
    time: VenueTime
    hub: Heard
    reconcile_ms: int
    keep_ms: int = 30 * DAY_MS
    counts: dict[str, int] = field(default_factory=dict)
    error: str = ""
    """What the disk says; empty while it takes events."""
    _accounts: dict[str, Account] = field(default_factory=dict)
    _pending: list[UserEvent] = field(default_factory=list)
    _log: UserLog | None = None
    _connection: apsw.Connection | None = None
    _failed_ms: int | None = None

    def log(self) -> UserLog:
        """The open log.  Raises InputError for one that is not ours, `apsw.Error` for the disk."""
        if self._log is None:
            self._connection = self.ports.disk.open(DATABASE)
            self._connection.set_busy_timeout(BUSY_MS)
            self._log = UserLog(self._connection)
        return self._log

    def check(self) -> None:
        """Open the log now; InputError when it is not one that may be written."""
        try:
            self.log()
        except apsw.Error as error:
            self._fail(error)

    def want(self, users: tuple[str, ...]) -> None:
        """Follow these users and no others."""
        self._accounts = {user: self._accounts.get(user) or Account(user) for user in users}

    def connected(self, user: str) -> None:
        """The user's streams were opened anew: what happened meanwhile is read."""
        account = self._accounts.get(user)
        if account is not None:
            account.is_new = True
            account.due_ms = 0

    def heard(self, event: UserEvent) -> None:
        """An event of a stream; `flush` stores it."""
        if len(self._pending) < PENDING_MAX:
            self._pending.append(event)
        else:
            self._count("events left to REST")
            self.connected(event.user)

    def flush(self) -> None:
        """Store what streams said, if the disk takes it."""
        if self._pending and not self._is_resting():
            given = self._pending
            self._pending = []
            if not self._append(given):
                self._pending = given + self._pending

    @property
    def pending(self) -> int:
        """Events that are not on disk yet."""
        return len(self._pending)

    async def work(self) -> None:
        """Read of each user what is due, for ever."""
        while True:
            await self.ports.clock.sleep_ms(TICK_MS)
            if not self.time.is_trusted():
                continue
            for account in list(self._accounts.values()):
                now_ms = self.time.now_ms()
                if account.due_ms <= now_ms and account.user in self._accounts:
                    await self._round(account)

    def status(self) -> list[dict[str, Any]]:
        """Each user: when all its events were last known to be here."""
        return [
            {
                "user": account.user,
                "reconciled_ms": account.done_ms,
                "error": account.error,
                "weight": account.weight,
            }
            for account in self._accounts.values()
        ]

    def interval_ms(self) -> int:
        """Time between two rounds of a user: longer when rounds of all weigh too much."""
        weight = sum(account.weight for account in self._accounts.values())
        return max(self.reconcile_ms, weight * 60_000 // WEIGHT_PER_MINUTE)

    def sweep(self) -> int:
        """Delete old events that nobody waits for; how many."""
        now_ms = self.time.now_ms()
        if not self.time.is_trusted() or self._is_resting():
            return 0
        try:
            return self.log().sweep(now_ms - self.keep_ms, now_ms)
        except apsw.Error as error:
            self._fail(error)
            return 0

    def close(self) -> None:
        """Give the log back."""
        if self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.close(force=True)
        self._connection = self._log = None

    async def _round(self, account: Account) -> None:
        began_ms = self.time.now_ms()
        is_whole = account.is_new or account.rounds % SELDOM == 0
        account.is_new = False
        weight = 0
        try:
            for source in SOURCES:
                if is_whole or source.kind in ("fill", "order"):
                    weight += await self._read(
                        account.user, source, began_ms, DEEP_OVERLAP_MS if is_whole else OVERLAP_MS
                    )
        except (VenueError, apsw.Error) as error:
            account.error = f"{type(error).__name__}: {error}"
            account.is_new |= is_whole
            account.due_ms = self.time.now_ms() + RETRY_MS
            if isinstance(error, apsw.Error):
                self._fail(error)
            return
        account.rounds += 1
        account.weight, account.error, account.done_ms = weight, "", began_ms
        if not account.is_new:
            account.due_ms = began_ms + self.interval_ms()

    async def _read(self, user: str, source: Source, began_ms: int, overlap_ms: int) -> int:
        """Store all events of a kind since its mark; gives back what that weighed."""
        weight = 0
        mark_ms = self.log().mark(user, source.kind)
        from_ms = max(mark_ms - overlap_ms, began_ms - self.keep_ms, 0)
        for _ in range(PAGES_MAX):
            request: dict[str, Any] = {"type": source.request, "user": user}
            if source.has_span:
                request["startTime"] = from_ms
            rows = await self.rest.rows(request, source.rows_max)
            weight += info_weight(source.request, len(rows))
            events = self._events(user, source, rows)
            is_last = not source.has_span or len(rows) < source.rows_max or not events
            if not self._append(events, was_missed=mark_ms > 0):
                raise apsw.IOError(self.error)
            if is_last:
                break
            last_ms = max(event.time_ms for event in events)
            self.log().set_mark(user, source.kind, last_ms)
            from_ms = max(last_ms, from_ms + 1)
        self.log().set_mark(user, source.kind, began_ms)
        return weight

    def _events(self, user: str, source: Source, rows: list[Any]) -> list[UserEvent]:
        """The rows as events, oldest first; rows that make no sense are counted."""
        found = []
        for row in rows:
            event = source.event(user, row)
            if isinstance(event, Odd):
                self._count(f"odd {source.kind}")
            else:
                found.append(event)
        found.sort(key=lambda event: event.time_ms)
        return found

    def _append(self, events: list[UserEvent], *, was_missed: bool = False) -> bool:
        """Are they on disk now?  Who waits for them is told of those that were new."""
        if not events:
            return True
        try:
            fresh = self.log().append(events, self.time.now_ms())
        except apsw.Error as error:
            self._fail(error)
            return False
        self.error, self._failed_ms = "", None
        if was_missed and fresh:
            self._count("events that only REST had", len(fresh))
        newest: dict[str, LoggedEvent] = {event.user: event for event in fresh}
        for user, event in newest.items():
            self.hub.user_events(user, event.cursor)
        return True

    def _fail(self, error: apsw.Error) -> None:
        self.close()
        self.error, self._failed_ms = str(error) or type(error).__name__, self.time.now_ms()

    def _is_resting(self) -> bool:
        return self._failed_ms is not None and (
            0 <= self.time.now_ms() - self._failed_ms < RETRY_MS
        )

    def _count(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by


def disk_error(error: apsw.Error) -> InputError:
    """What a client hears whose question the disk could not answer."""
    return InputError(
        f"the log of user events cannot be read: {error}",
        at=DATABASE,
        hint="check free space and permissions; nothing was lost",
    )
