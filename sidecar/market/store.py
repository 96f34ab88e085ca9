"""What the sidecar learns for good, written to the stores of `core.store` while others read them.

Rows wait here until the disk takes them: a disk that is full, read-only or locked by another writer
makes the store unhealthy and is tried again; nothing that is served waits for it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw
import numpy as np

from core.errors import InputError, RefusedError
from core.market.bars import Rows, interval_to_ms
from core.market.spans import Stretch, union
from core.ports import Ports
from core.store.folder import candles_path, contexts_path, funding_path
from core.store.layout import CANDLES, CONTEXTS, FUNDING, Layout
from core.store.series import Origin, SeriesStore
from core.store.sqlite import reported
from sidecar.market.bar_facts import Bar, FinalBar, Revision

HERE: Final = Path()
CONFLICT_REASON: Final = "the venue's later answer differs"
BUSY_MS: Final = 200
"""How long a write waits for another writer: the streams wait with it."""
RETRY_MS: Final = 5_000
ROWS_AT_ONCE: Final = 2_000
"""Rows of one transaction: it holds up the streams for a few hundredths of a second."""
PENDING_MAX: Final = 500_000
"""Rows of one file that wait for its disk; beyond that the oldest go, for REST to bring again."""
WAL_PAGES: Final = 1_000
JOURNAL_BYTES_MAX: Final = 16 * 1024 * 1024


@dataclass
class Row:
    """A row that waits; no values: nothing is there, which is known of this stretch."""

    symbol: str
    ts_ms: int
    values: tuple[float, ...] | None
    stretch: Stretch | None
    reason: str = ""


@dataclass
class StoreFile:
    """One file of the folder, and what waits for it."""

    name: str
    layout: Layout
    interval: str
    pending: list[Row] = field(default_factory=list)
    series: SeriesStore | None = None
    connection: apsw.Connection | None = None
    error: str = ""
    failed_ms: int | None = None
    written: int = 0
    revised: int = 0
    dropped: int = 0
    last_ok_ms: int | None = None

    def status(self) -> dict[str, Any]:
        """For people: is it well, and what waits."""
        return {
            "store": self.name,
            "ok": not self.error,
            "error": self.error,
            "pending": len(self.pending),
            "written": self.written,
            "revised": self.revised,
            "dropped": self.dropped,
            "last_ok_ms": self.last_ok_ms,
        }


class Stores:
    """All series of one store folder.  Its writer is one process; `core.lock` sees to that."""

    def __init__(self, ports: Ports, venue: str, *, synthetic: bool = False) -> None:
        self._ports, self._venue, self._synthetic = ports, venue, synthetic
        self.files: dict[str, StoreFile] = {}

    def candles(self, interval: str) -> StoreFile:
        """The file of an interval's bars."""
        return self._file(candles_path(HERE, interval).name, CANDLES, interval)

    def funding(self) -> StoreFile:
        """The file of the funding rates."""
        return self._file(funding_path(HERE).name, FUNDING, "1h")

    def contexts(self) -> StoreFile:
        """The file of the contexts."""
        return self._file(contexts_path(HERE).name, CONTEXTS, "instant")

    def add_finals(self, symbol: str, interval: str, finals: Sequence[FinalBar]) -> None:
        """Store these bars; for those that the venue does not have, that it does not."""
        length_ms = interval_to_ms(interval)
        self._add(
            self.candles(interval),
            [
                Row(
                    symbol,
                    final.ts_open_ms,
                    None if final.bar is None else _values(final.bar),
                    (final.ts_open_ms, final.ts_open_ms + length_ms),
                )
                for final in finals
            ],
        )

    def add_revisions(self, symbol: str, interval: str, revisions: Sequence[Revision]) -> None:
        """Store the new values of bars that were final, on record."""
        rows = [
            Row(symbol, each.ts_open_ms, _values(each.after), None, each.reason)
            for each in revisions
        ]
        self._add(self.candles(interval), rows)

    def add_absent(self, symbol: str, interval: str, spans: Sequence[Stretch]) -> None:
        """The venue has nothing for these stretches, and never will."""
        self._add(
            self.candles(interval),
            [Row(symbol, span[0], None, (span[0], span[1])) for span in spans],
        )

    def add_funding(
        self, symbol: str, times: Sequence[int], values: Sequence[Sequence[float]], asked: Stretch
    ) -> None:
        """Store rates and premiums that fell due at these hours, of a stretch asked for in full."""
        file = self.funding()
        rows = zip(times, values, strict=True)
        self._add(file, [Row(symbol, at_ms, tuple(row), None) for at_ms, row in rows])
        self._add(file, [Row(symbol, asked[0], None, asked)])

    def add_contexts(self, ts_ms: int, states: Mapping[str, tuple[float, ...]]) -> None:
        """Store what was seen of these symbols at that instant."""
        rows = [Row(symbol, ts_ms, values, None) for symbol, values in states.items()]
        self._add(self.contexts(), rows)

    def flush(self, now_ms: int) -> bool:
        """Write some of what waits.  Is there more that could be written now?"""
        more = False
        for file in self.files.values():
            # A file that failed is looked at again even when nothing waits for it.
            if not (file.pending or file.error) or _is_resting(file, now_ms):
                continue
            part = file.pending[:ROWS_AT_ONCE]
            if self._write(file, part, now_ms):
                del file.pending[: len(part)]
                more |= bool(file.pending)
        return more

    def newest(self, symbol: str, interval: str, count: int) -> tuple[list[Bar], list[Stretch]]:
        """The newest stored bars of a key, oldest first, and which stretches are known in full.

        Nothing when the file cannot be read now; the venue is asked then.
        """
        file = self.candles(interval)
        found = self._read(
            file,
            f"SELECT {CANDLES.time_column}, {', '.join(CANDLES.columns)} FROM candles WHERE"
            " symbol_id = (SELECT id FROM symbols WHERE name = ?)"
            " ORDER BY ts_open_ms DESC LIMIT ?",
            (symbol, count),
        )
        # The file does not hold how many trades a bar had.
        bars = [
            Bar(ts_ms, open_px, high_px, low_px, close_px, volume, 0)
            for ts_ms, open_px, high_px, low_px, close_px, volume in reversed(found)
        ]
        asked = self._read(
            file,
            "SELECT from_ms, to_ms FROM asked WHERE symbol = ? ORDER BY from_ms",
            (symbol,),
            table="asked",
        )
        return bars, [(begin, end) for begin, end in asked]

    def funding_rows(
        self, symbol: str, from_ms: int, to_ms: int
    ) -> list[tuple[int, float, float | None]]:
        """(hour, rate, premium) of the stored payments of a span."""
        return self._read(
            self.funding(),
            "SELECT ts_ms, rate, premium FROM funding WHERE"
            " symbol_id = (SELECT id FROM symbols WHERE name = ?) AND ts_ms >= ? AND ts_ms < ?"
            " ORDER BY ts_ms",
            (symbol, from_ms, to_ms),
        )

    def funding_asked(self) -> dict[str, list[Stretch]]:
        """Per symbol the stretches whose funding is known in full."""
        found: dict[str, list[Stretch]] = {}
        sql = "SELECT symbol, from_ms, to_ms FROM asked ORDER BY symbol, from_ms"
        for symbol, begin, end in self._read(self.funding(), sql, (), table="asked"):
            found.setdefault(symbol, []).append((begin, end))
        return found

    def close(self) -> None:
        """Give the files back."""
        for file in self.files.values():
            _close(file)

    def _file(self, name: str, layout: Layout, interval: str) -> StoreFile:
        file = self.files.get(name)
        if file is None:
            file = self.files[name] = StoreFile(name, layout, interval)
        return file

    def _add(self, file: StoreFile, rows: list[Row]) -> None:
        file.pending += rows
        over = len(file.pending) - PENDING_MAX
        if over > 0:
            file.dropped += over
            del file.pending[:over]

    def _open(self, file: StoreFile) -> SeriesStore:
        """The file, open; InputError as `reported` says, or when it is not one of ours."""
        if file.series is None:
            with reported(Path(file.name)):
                connection = self._ports.disk.open(file.name)
                connection.set_busy_timeout(BUSY_MS)
                connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}").fetchall()
                connection.execute(f"PRAGMA journal_size_limit={JOURNAL_BYTES_MAX}").fetchall()
            file.connection = connection
            file.series = SeriesStore(Path(file.name), file.layout, connection)
        return file.series

    def check(self, file: StoreFile) -> None:
        """Open the file now.  Raises InputError when it is not one that may be written.

        A disk that fails is no such reason: it is tried again later.
        """
        try:
            stored = self._open(file).synthetic()
        except InputError as error:
            if error.__cause__ is None:
                raise
            self._failed(file, error, self._ports.clock.now_ms())
        else:
            if stored is not None and stored != self._synthetic:
                raise InputError(
                    "the store holds synthetic data, the venue's is recorded; they are never mixed",
                    at=file.name,
                    hint="give another --store folder",
                )

    def _read(
        self, file: StoreFile, sql: str, bound: tuple[Any, ...], table: str = ""
    ) -> list[Any]:
        try:
            self._open(file)
            assert file.connection is not None
            with reported(Path(file.name)):
                is_there = file.connection.execute(
                    "SELECT 1 FROM sqlite_schema WHERE name = ?", (table or file.layout.table,)
                ).fetchall()
                return file.connection.execute(sql, bound).fetchall() if is_there else []
        except (InputError, RefusedError) as error:
            self._failed(file, error, self._ports.clock.now_ms())
            return []

    def _write(self, file: StoreFile, rows: list[Row], now_ms: int) -> bool:
        """Was all of it stored?  In as few transactions as its stretches and reasons need."""
        try:
            series = self._open(file)
            for batch in _batches(rows):
                given = _rows(batch, file.layout)
                digest = hashlib.sha256(given.values.tobytes() + given.ts_ms.tobytes()).hexdigest()
                reason = batch[0].reason or CONFLICT_REASON
                origin = Origin(self._venue, digest, self._synthetic, reason)
                counts = series.ingest(
                    given, file.interval, origin, self._ports.clock, _asked(batch)
                )
                file.written += counts.inserted
                file.revised += counts.revised
        except (InputError, RefusedError) as error:
            self._failed(file, error, now_ms)
            return False
        file.error, file.failed_ms, file.last_ok_ms = "", None, now_ms
        return True

    def _failed(self, file: StoreFile, error: InputError | RefusedError, now_ms: int) -> None:
        # What a failed write left in memory of the connection is not to be trusted.
        _close(file)
        file.error, file.failed_ms = error.what, now_ms


def _is_resting(file: StoreFile, now_ms: int) -> bool:
    """Did it fail so lately that it is not tried again yet?"""
    return file.failed_ms is not None and 0 <= now_ms - file.failed_ms < RETRY_MS


def _close(file: StoreFile) -> None:
    if file.connection is not None:
        with contextlib.suppress(apsw.Error):
            file.connection.close(force=True)
    file.connection = file.series = None


def _values(bar: Bar) -> tuple[float, ...]:
    return bar.open_px, bar.high_px, bar.low_px, bar.close_px, bar.volume


def _batches(rows: list[Row]) -> list[list[Row]]:
    """Rows in their order; a new batch begins where one ingest could not hold them.

    That is where a key comes again, the reason changes, or the stretches of a symbol are not one.
    """
    out: list[list[Row]] = []
    seen: set[tuple[str, int]] = set()
    ends: dict[str, int] = {}
    for row in rows:
        key = (row.symbol, row.ts_ms)
        begin_ms = row.stretch[0] if row.stretch else None
        is_apart = begin_ms is not None and ends.get(row.symbol, begin_ms) != begin_ms
        if not out or key in seen or row.reason != out[-1][0].reason or is_apart:
            out.append([])
            seen.clear()
            ends.clear()
        seen.add(key)
        if row.stretch:
            ends[row.symbol] = row.stretch[1]
        out[-1].append(row)
    return out


def _asked(batch: list[Row]) -> dict[str, Stretch]:
    by_symbol: dict[str, list[Stretch]] = {}
    for row in batch:
        if row.stretch is not None:
            by_symbol.setdefault(row.symbol, []).append(row.stretch)
    return {symbol: union(stretches)[0] for symbol, stretches in by_symbol.items()}


def _rows(batch: list[Row], layout: Layout) -> Rows:
    """The rows that have values, sorted by symbol and time."""
    given = sorted((row.symbol, row.ts_ms, row.values) for row in batch if row.values is not None)
    symbols = tuple(sorted({symbol for symbol, _, _ in given}))
    place = {symbol: index for index, symbol in enumerate(symbols)}
    return Rows(
        symbols,
        np.array([place[symbol] for symbol, _, _ in given], np.int64),
        np.array([ts_ms for _, ts_ms, _ in given], np.int64),
        np.array([values for _, _, values in given], np.float64).reshape(
            len(given), len(layout.columns)
        ),
    )
