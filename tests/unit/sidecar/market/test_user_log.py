"""Events of users on disk: once each, by cursor, kept for those who still have to read them."""

from __future__ import annotations

import apsw
import pytest

from core.errors import InputError, UsageError
from sidecar.market.facts import UserEvent
from sidecar.market.user_log import UserLog

USER, OTHER = "0x" + "ab" * 20, "0x" + "cd" * 20


def event(key: str, time_ms: int = 1_000, user: str = USER) -> UserEvent:
    return UserEvent(user, "fill", key, time_ms, {"tid": key})


@pytest.fixture
def log() -> UserLog:
    return UserLog(apsw.Connection(":memory:"))


def test_an_event_comes_in_once_however_often_it_is_told(log: UserLog) -> None:
    assert [each.key for each in log.append([event("a"), event("b"), event("a")], 5)] == ["a", "b"]
    assert log.append([event("b")], 6) == []
    assert [each.key for each in log.read(USER, 0)] == ["a", "b"]


def test_users_are_apart_and_cursors_rise(log: UserLog) -> None:
    log.append([event("a"), event("a", user=OTHER), event("b")], 5)

    first, second = log.read(USER, 0)

    assert first.cursor < second.cursor
    assert [each.key for each in log.read(OTHER, 0)] == ["a"]
    assert log.read(USER, first.cursor, 1) == [second]


def test_an_acknowledgement_never_goes_back_nor_ahead_of_all(log: UserLog) -> None:
    last = log.append([event("a"), event("b")], 5)[-1].cursor

    assert log.ack("one", USER, last, 10) == last
    assert log.ack("one", USER, last - 1, 20) == last
    assert log.acked("two", USER) == 0
    with pytest.raises(UsageError, match="newest event"):
        log.ack("one", USER, last + 1, 10)


def test_nothing_goes_that_a_consumer_with_a_lease_has_not_read(log: UserLog) -> None:
    first, second = log.append([event("a"), event("b")], 5)
    log.ack("slow", USER, first.cursor, 1_000_000)

    assert log.sweep(10_000, 500_000) == 1
    assert log.read(USER, 0) == [second]
    assert log.sweep(10_000, 2_000_000) == 1, "the lease is over"
    assert log.ack("slow", USER, second.cursor, 1) == second.cursor


def test_what_was_deleted_does_not_come_in_again(log: UserLog) -> None:
    log.append([event("a")], 5)
    log.sweep(10_000, 20_000)

    assert log.append([event("a")], 30_000) == []
    assert [each.key for each in log.append([event("c", 40_000)], 40_000)] == ["c"]


def test_marks_move_forward_only(log: UserLog) -> None:
    log.set_mark(USER, "fill", 50)
    log.set_mark(USER, "fill", 40)

    assert log.mark(USER, "fill") == 50
    assert log.mark(USER, "order") == 0


def test_a_log_of_a_newer_program_is_refused() -> None:
    connection = apsw.Connection(":memory:")
    UserLog(connection)
    connection.execute("PRAGMA user_version=2")

    with pytest.raises(InputError, match="schema version 2"):
        UserLog(connection)
