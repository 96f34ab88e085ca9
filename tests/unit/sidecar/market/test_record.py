"""Recordings: parts, days, retention that waits for the archive, and quota."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from core.market.bars import DAY_MS
from sidecar.market.facts import Bbo, Trade
from sidecar.market.record import Recorder, mark_archived
from sidecar.market.shelf import FolderShelf

NOON_MS = 20_700 * DAY_MS + DAY_MS // 2


@dataclass(frozen=True)
class Wishes:
    record_quotes: bool = True
    record_trades: bool = True
    quote_sample_ms: int = 1_000
    keep_days: int = 2
    archive: bool = True
    quota_bytes: int = 0


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "recordings")


def trade(tid: int, time_ms: int) -> Trade:
    return Trade("BTC", time_ms, True, 100.0, 0.5, tid)


def recorded(shelf: FolderShelf, kind: str) -> pl.DataFrame:
    names = [name for name in shelf.sizes() if name.startswith(kind)]
    return pl.concat([pl.read_parquet(io.BytesIO(shelf.get(name))) for name in names])


def day_of_trades(recorder: Recorder, start_ms: int, minutes: int) -> None:
    for minute in range(minutes):
        at_ms = start_ms + minute * 60_000
        recorder.take([trade(minute, at_ms)], at_ms)
        recorder.tick(at_ms)
    recorder.close(start_ms + minutes * 60_000)


def test_a_part_a_minute_and_a_file_a_day(shelf: FolderShelf) -> None:
    recorder = Recorder(shelf, Wishes())
    day_of_trades(recorder, NOON_MS, 5)
    assert len(shelf.sizes()) > 1

    recorder.tick(NOON_MS + DAY_MS)

    assert list(shelf.sizes()) == ["trades/2026-09-04.parquet"]
    assert recorded(shelf, "trades")["tid"].to_list() == [0, 1, 2, 3, 4]


def test_quotes_are_sampled(shelf: FolderShelf) -> None:
    recorder = Recorder(shelf, Wishes())
    for at_ms in range(NOON_MS, NOON_MS + 3_000, 100):
        recorder.take([Bbo("BTC", at_ms, (1.0, 2.0), None)], at_ms)
    recorder.close(NOON_MS + 3_000)

    assert len(recorded(shelf, "quotes")) == 3


def test_what_is_not_archived_is_never_deleted(shelf: FolderShelf) -> None:
    recorder = Recorder(shelf, Wishes())
    day_of_trades(recorder, NOON_MS, 3)
    recorder.tick(NOON_MS + 30 * DAY_MS)
    assert len(recorded(shelf, "trades")) == 3

    mark_archived(shelf, "trades", "2026-09-04")
    recorder.tick(NOON_MS + 31 * DAY_MS)

    assert list(shelf.sizes()) == ["archived.json"]


def test_without_an_archive_age_alone_decides(shelf: FolderShelf) -> None:
    recorder = Recorder(shelf, Wishes(archive=False))
    day_of_trades(recorder, NOON_MS, 3)
    recorder.tick(NOON_MS + DAY_MS)
    assert shelf.sizes()

    recorder.tick(NOON_MS + 3 * DAY_MS)

    assert shelf.sizes() == {}


def test_a_quota_that_is_used_up_stops_recording_and_is_told(shelf: FolderShelf) -> None:
    recorder = Recorder(shelf, Wishes(quota_bytes=10))
    day_of_trades(recorder, NOON_MS, 3)
    recorder.tick(NOON_MS + DAY_MS)

    recorder.take([trade(9, NOON_MS + DAY_MS)], NOON_MS + DAY_MS)

    assert not recorder.status()["ok"]
    assert recorder.counts["dropped"] == 1


class FullShelf(FolderShelf):
    is_full = True

    def put(self, name: str, content: bytes) -> None:
        if self.is_full:
            raise OSError("no space left on device")
        super().put(name, content)


def test_a_full_disk_is_told_and_what_waits_is_written_later(tmp_path: Path) -> None:
    shelf = FullShelf(tmp_path / "recordings")
    recorder = Recorder(shelf, Wishes())
    recorder.take([trade(1, NOON_MS)], NOON_MS)
    recorder.tick(NOON_MS)
    recorder.tick(NOON_MS + 61_000)
    assert "no space" in recorder.status()["error"]

    shelf.is_full = False
    recorder.tick(NOON_MS + 75_000)

    assert recorder.status()["ok"]
    assert recorded(shelf, "trades")["tid"].to_list() == [1]
