"""The disk: what a commit promises holds when the power goes, and nothing else does."""

from __future__ import annotations

import random
from collections.abc import Iterator

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.disk import SimDisk

HOWS = ("all", "none", "prefix", "subset")


@pytest.fixture
def disk() -> Iterator[SimDisk]:
    found = SimDisk()
    yield found
    found.remove()


def values(disk: SimDisk) -> list[int]:
    return [value for (value,) in disk.open("a.db").execute("SELECT n FROM t ORDER BY n")]


def filled(disk: SimDisk, count: int) -> apsw.Connection:
    connection = disk.open("a.db")
    connection.execute("CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, filler TEXT)")
    for number in range(count):
        connection.execute("INSERT INTO t VALUES(?, ?)", (number, "x" * 700))
    return connection


@pytest.mark.parametrize("how", HOWS)
def test_what_was_committed_survives(disk: SimDisk, how: str) -> None:
    filled(disk, 30)

    disk.cut(random.Random(1), how)

    assert values(disk) == list(range(30))


@pytest.mark.parametrize("how", HOWS)
def test_what_was_not_committed_is_gone(disk: SimDisk, how: str) -> None:
    connection = filled(disk, 3)
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES(99, '')")

    disk.cut(random.Random(1), how)

    assert values(disk) == [0, 1, 2]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32),
    how=st.sampled_from(HOWS),
    at=st.integers(1, 120),
    batches=st.lists(st.integers(1, 9), min_size=1, max_size=12),
)
def test_a_kill_at_any_call_leaves_whole_transactions(
    seed: int, how: str, at: int, batches: list[int]
) -> None:
    disk = SimDisk()
    done: list[int] = []
    started = 0
    connection = filled(disk, 0)
    disk.calls = 0
    killed: list[int] = []

    def before(call: int) -> bool:
        if call == at:
            killed.append(len(done))
            disk.cut(random.Random(seed), how)
        return call < at

    disk.before_call = before
    for size in batches:
        if killed:
            break
        with connection:
            for number in range(started, started + size):
                connection.execute("INSERT INTO t VALUES(?, ?)", (number, "x" * 900))
        started += size
        if not killed:
            done.append(started)
    disk.before_call = None
    if not killed:
        disk.cut(random.Random(seed), how)

    kept = values(disk)
    disk.remove()
    assert kept == list(range(len(kept)))
    sums = [sum(batches[:count]) for count in range(len(batches) + 1)]
    assert len(kept) in sums
    assert len(kept) >= (done[-1] if done else 0)


def test_without_a_sync_power_loss_loses_something() -> None:
    lost = 0
    for seed in range(20):
        disk = SimDisk()
        connection = filled(disk, 1)
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("INSERT INTO t VALUES(50, '')")
        lost += disk.cut(random.Random(seed), "prefix")
        disk.remove()

    assert 0 < lost <= 20


@pytest.mark.parametrize(
    ("kind", "error"), [("full", apsw.FullError), ("eio", apsw.IOError), ("fsync", apsw.IOError)]
)
def test_a_failing_call_fails_the_commit_and_no_more(
    disk: SimDisk, kind: str, error: type[apsw.Error]
) -> None:
    connection = filled(disk, 3)
    disk.fail(kind, 0)

    with pytest.raises(error):
        connection.execute("INSERT INTO t VALUES(99, '')")

    assert disk.failed == {kind: 1}
    disk.cut(random.Random(1), "none")
    assert values(disk) in ([0, 1, 2], [0, 1, 2, 99])


def test_a_short_read_damages_what_is_read(disk: SimDisk) -> None:
    filled(disk, 30).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    disk.cut(random.Random(1), "all")
    damaged = 0
    for number in range(6):
        other = disk.copy()
        other.fail("short_read", number)
        try:
            rows = other.open("a.db").execute("SELECT n, filler FROM t ORDER BY n").fetchall()
            damaged += rows != [(each, "x" * 700) for each in range(30)]
        except (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.SQLError):
            damaged += 1
        assert other.failed == {"short_read": 1}
        other.remove()

    assert damaged > 0


def test_the_dead_change_nothing(disk: SimDisk) -> None:
    connection = filled(disk, 3)
    disk.cut(random.Random(1), "all")

    connection.execute("INSERT INTO t VALUES(99, '')")

    assert values(disk) == [0, 1, 2]


def test_a_copy_lives_by_itself(disk: SimDisk) -> None:
    connection = filled(disk, 2)
    other = disk.copy()

    connection.execute("INSERT INTO t VALUES(9, '')")

    assert values(other) == [0, 1]
    other.remove()
