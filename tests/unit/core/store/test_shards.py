"""The journal of a search: what is kept, what is found again, what is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import apsw
import numpy as np
import pytest

from core.errors import InputError, RefusedError
from core.store.shards import Shard, ShardJournal, opened
from core.store.sqlite import open_writer
from kernel.records import STATS, Records

IDENTITY = {"spec": "a", "data": "b"}


def shard(seed: int, rows: int = 5) -> Shard:
    rng = np.random.default_rng(seed)
    return Shard(rng.integers(0, 9, (rows, 3)).astype(np.uint16))


def figures(seed: int, rows: int = 5) -> Records:
    rng = np.random.default_rng(seed)
    out = np.zeros(rows, STATS)
    for name in STATS.names or ():
        out[name] = rng.normal(size=rows) * 100
    return out


def test_what_is_added_is_found_again_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite"
    with opened(path, IDENTITY) as journal:
        assert journal.figures_of(shard(1)) is None
        journal.add(shard(1), figures(1), 0.5)
        journal.add(shard(2), figures(2), 0.25)

    with opened(path, IDENTITY) as journal:
        found = journal.figures_of(shard(1))

        assert found is not None
        assert found.tobytes() == figures(1).tobytes()
        assert journal.figures_of(shard(3)) is None
        assert (journal.shard_count, journal.cpu_s) == (2, 0.75)


def test_a_shard_is_named_by_its_rows_and_by_the_bars_it_is_run_on() -> None:
    levels = shard(1).levels

    assert Shard(levels.copy()).id == shard(1).id
    assert Shard(np.asfortranarray(levels)).id == shard(1).id
    others = {
        Shard(levels, 0.5).id,
        Shard(levels[::-1]).id,
        Shard(levels.reshape(3, 5)).id,
        Shard(levels[:4]).id,
    }
    assert len(others | {shard(1).id}) == 5


def test_a_shard_that_was_done_stays_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path / "s.sqlite", IDENTITY) as journal:
        journal.add(shard(1), figures(1), 1.0)
        journal.add(shard(1), figures(2), 1.0)

        found = journal.figures_of(shard(1))
        assert found is not None
        assert found.tobytes() == figures(1).tobytes()
        assert journal.shard_count == 1


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"spec": "a", "data": "c"}, "data was b, now c"),
        ({"spec": "x", "data": "c"}, "data was b, now c"),
        ({"spec": "a"}, "data was b, now -"),
        ({"spec": "a", "data": "b", "equity": "1"}, "equity was -, now 1"),
    ],
)
def test_another_search_is_refused_and_told_what_differs(
    tmp_path: Path, other: dict[str, str], named: str
) -> None:
    path = tmp_path / "s.sqlite"
    with opened(path, IDENTITY) as journal:
        journal.add(shard(1), figures(1), 1.0)

    with pytest.raises(InputError) as caught, opened(path, other):
        pass

    assert named in (caught.value.at or "")
    with opened(path, IDENTITY) as journal:
        assert journal.shard_count == 1


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with (
        opened(path, IDENTITY),
        pytest.raises(RefusedError, match="in use by process"),
        opened(path, IDENTITY),
    ):
        pass


def test_damaged_figures_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with opened(path, IDENTITY) as journal:
        journal.add(shard(1), figures(1), 1.0)
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE shards SET stats = zeroblob(length(stats))")
    connection.close()

    with opened(path, IDENTITY) as journal, pytest.raises(InputError, match="damaged"):
        journal.figures_of(shard(1))


def test_a_journal_of_a_newer_perpkit_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with opened(path, IDENTITY):
        pass
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version = 9")
    connection.close()

    with pytest.raises(InputError, match="schema version 9"), opened(path, IDENTITY):
        pass


def add_many(journal: ShardJournal) -> None:
    for seed in range(2, 200):
        journal.add(shard(seed, 50), figures(seed, 50), 1.0)


def test_a_full_disk_keeps_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with opened(path, IDENTITY) as journal:
        journal.add(shard(1), figures(1), 1.0)
        journal._connection.execute("PRAGMA max_page_count = 8")

        with pytest.raises(InputError, match="disk is full") as caught:
            add_many(journal)

        assert "--resume" in (caught.value.hint or "")
        done = journal.shard_count
    assert done >= 1

    with opened(path, IDENTITY) as journal:
        assert journal.shard_count == done
        journal.add(shard(500, 50), figures(500, 50), 1.0)
        assert journal.shard_count == done + 1


def test_two_that_open_a_new_file_at_once_wait_for_each_other(tmp_path: Path) -> None:
    """Asking for the write-ahead log meets a lock that SQLite would not wait for."""
    path = tmp_path / "new.sqlite"
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE t(x); BEGIN EXCLUSIVE; INSERT INTO t VALUES (1)")
    release = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    release.start()

    connection = open_writer(path)

    assert connection.pragma("journal_mode") == "wal"
    release.join()
    connection.close()
    other.close()
