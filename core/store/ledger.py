"""The trial ledger: every configuration ever tried is counted, and no line is ever changed.

`state/ledger.sqlite` holds one line per run and window. Each line carries the hash of the line
before it, so that a line that was changed, or lost from the middle, is noticed; the triggers keep
honest programs from doing either. A ledger that does not add up halts whoever asks it: a gate that
counts too few trials would pass what chance explains.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Literal

import apsw

from core.artifacts.hashing import canonical_json, sha256_hex
from core.artifacts.writing import make_folder
from core.errors import HaltError, InputError, RefusedError
from core.statistics import Sample, pooled
from core.store.sqlite import transaction, use_wal
from core.windows import overlaps

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 30_000
FILE_MODE = 0o600
FIRST_HASH = "0" * 64

Purpose = Literal["search", "judge"]

SCHEMA = f"""
CREATE TABLE trials (
  id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  made_at TEXT NOT NULL,
  purpose TEXT NOT NULL CHECK (purpose IN ('search', 'judge')),
  venue TEXT NOT NULL,
  interval TEXT NOT NULL,
  symbols TEXT NOT NULL,
  start_ms INTEGER NOT NULL,
  end_ms INTEGER NOT NULL CHECK (end_ms > start_ms),
  spec_sha256 TEXT NOT NULL,
  row_count INTEGER NOT NULL CHECK (row_count > 0),
  sharpe_mean REAL NOT NULL,
  sharpe_variance REAL NOT NULL CHECK (sharpe_variance >= 0),
  line_sha256 TEXT NOT NULL
) STRICT;
CREATE TRIGGER trials_never_change BEFORE UPDATE ON trials
  BEGIN SELECT RAISE(ABORT, 'the trial ledger only grows'); END;
CREATE TRIGGER trials_never_go BEFORE DELETE ON trials
  BEGIN SELECT RAISE(ABORT, 'the trial ledger only grows'); END;
PRAGMA user_version = {SCHEMA_VERSION};
"""


@dataclass(frozen=True)
class TrialLine:
    """How many distinct parameter rows were tried on which bars, and how their Sharpes spread.

    `purpose` is `search` for a sweep's window and `judge` for one configuration that `validate`
    tried on a holdout. `sharpe_mean` and `sharpe_variance` (population) are of the rows' daily
    Sharpe, not annualised. `venue` is `synthetic` for made-up bars.
    """

    run_id: str
    made_at: str
    purpose: Purpose
    venue: str
    interval: str
    symbols: tuple[str, ...]
    start_ms: int
    end_ms: int
    spec_sha256: str
    row_count: int
    sharpe_mean: float
    sharpe_variance: float

    @property
    def window(self) -> tuple[int, int]:
        """(start, end) in ms."""
        return self.start_ms, self.end_ms

    @property
    def key(self) -> tuple[object, ...]:
        """What makes two lines the same trials; judging again, in any run, is no new trial."""
        run_id = self.run_id if self.purpose == "search" else ""
        asked = (self.purpose, self.spec_sha256, self.venue, self.interval, *sorted(self.symbols))
        return (run_id, *asked, *self.window)


COLUMNS = tuple(field.name for field in fields(TrialLine))


def venue_of(*, synthetic: bool) -> str:
    """Name under which trials on these bars are counted."""
    return "synthetic" if synthetic else "hyperliquid"


def overlapping(
    lines: Iterable[TrialLine], *, venue: str, symbols: Sequence[str], window: tuple[int, int]
) -> list[TrialLine]:
    """The lines of that venue that share any symbol and any instant with the window.

    Bars of another interval are the same history, so the interval does not matter.
    """
    wanted = set(symbols)
    return [
        line
        for line in lines
        if line.venue == venue
        and overlaps(line.window, window)
        and not wanted.isdisjoint(line.symbols)
    ]


def count_trials(lines: Iterable[TrialLine]) -> Sample:
    """All rows of the lines as one sample of daily Sharpes.

    Of several lines with one key, as a sweep that was stopped and taken up again leaves them, the
    one with most rows counts. Counts add up and the spread is pooled as `core.statistics.pooled`
    says.
    """
    largest: dict[tuple[object, ...], TrialLine] = {}
    for line in lines:
        before = largest.get(line.key)
        if before is None or line.row_count > before.row_count:
            largest[line.key] = line
    return pooled(
        Sample(line.row_count, line.sharpe_mean, line.sharpe_variance) for line in largest.values()
    )


class TrialLedger:
    """The open ledger of one root. Use it as a context manager."""

    def __init__(self, path: Path, connection: apsw.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, root: Path) -> TrialLedger:
        """The ledger below `root`, made when it is not there yet, every line checked.

        Raises HaltError when it is damaged, InputError when it cannot be opened or was written by
        a newer perpkit.
        """
        path = root / "state" / "ledger.sqlite"
        make_folder(path.parent)
        with _reported(path):
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            os.close(handle)
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        ledger = cls(path, connection)
        try:
            ledger._prepare()
            ledger.lines()
        except BaseException:
            connection.close()
            raise
        return ledger

    def __enter__(self) -> TrialLedger:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def append(self, line: TrialLine) -> bool:
        """Put the line at the end, durably; False when it was counted already.

        A line of the same key with as many rows or more counts it; so a command that is run again
        adds nothing. Nor does a line of no rows.
        """
        assert math.isfinite(line.sharpe_mean), line
        assert math.isfinite(line.sharpe_variance), line
        if line.row_count == 0:
            return False
        with _reported(self.path), transaction(self._connection, "IMMEDIATE"):
            rows = self._rows()
            if any(old.key == line.key and old.row_count >= line.row_count for old, _ in rows):
                return False
            before = rows[-1][1] if rows else FIRST_HASH
            marks = ", ".join("?" * (len(COLUMNS) + 1))
            self._connection.execute(
                f"INSERT INTO trials ({', '.join(COLUMNS)}, line_sha256) VALUES ({marks})",
                (*_stored(line), _line_hash(before, line)),
            )
        return True

    def lines(self) -> list[TrialLine]:
        """Every line, oldest first; HaltError when one does not follow from the one before."""
        with _reported(self.path):
            return [line for line, _ in self._rows()]

    def _prepare(self) -> None:
        with _reported(self.path):
            self._connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # FULL: a count must not be lost in a power cut that its report survives.
            use_wal(self._connection)
            self._connection.pragma("synchronous", "FULL")
            with transaction(self._connection, "IMMEDIATE"):
                version = self._connection.pragma("user_version")
                tables = self._connection.execute("SELECT name FROM sqlite_schema").fetchall()
                if version == 0 and not tables:
                    self._connection.execute(SCHEMA)
                elif version > SCHEMA_VERSION:
                    raise InputError(
                        f"the ledger has schema version {version}, this perpkit knows "
                        f"{SCHEMA_VERSION}",
                        at=str(self.path),
                        hint="use the perpkit that wrote it, or a newer one",
                    )
            report = self._connection.pragma("quick_check")
            if report != "ok" or version not in (0, SCHEMA_VERSION):
                raise _damaged(self.path, str(report) if report != "ok" else "it is no ledger")

    def _rows(self) -> list[tuple[TrialLine, str]]:
        """Every line with its hash, checked."""
        query = f"SELECT id, {', '.join(COLUMNS)}, line_sha256 FROM trials ORDER BY id"
        found: list[tuple[TrialLine, str]] = []
        before = FIRST_HASH
        for number, (row_id, *values, stored_hash) in enumerate(self._connection.execute(query), 1):
            line = _line(values)
            before = _line_hash(before, line)
            if row_id != number or stored_hash != before:
                raise _damaged(self.path, f"line {row_id} was changed, or one before it is missing")
            found.append((line, before))
        return found


def _stored(line: TrialLine) -> tuple[str | int | float, ...]:
    values = dict(zip(COLUMNS, astuple(line), strict=True))
    return tuple((values | {"symbols": json.dumps(sorted(line.symbols))}).values())


def _line(values: Sequence[object]) -> TrialLine:
    named = dict(zip(COLUMNS, values, strict=True))
    try:
        symbols = tuple(json.loads(str(named["symbols"])))
    except json.JSONDecodeError:
        symbols = ()  # the line's hash will not match
    return TrialLine(**(named | {"symbols": symbols}))  # type: ignore[arg-type]


def _line_hash(before: str, line: TrialLine) -> str:
    return sha256_hex(canonical_json([before, *_stored(line)]))


def _damaged(path: Path, why: str) -> HaltError:
    return HaltError(
        f"the trial ledger is damaged: {why}",
        at=str(path),
        hint="restore it from a backup; without it no gate knows how many trials there were",
    )


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:
        raise _damaged(path, str(error)) from error
    except apsw.FullError as error:
        raise InputError(
            "the disk is full; the ledger is as it was",
            at=str(path),
            hint="free some space and run the command again",
        ) from error
    except (apsw.BusyError, apsw.LockedError) as error:
        raise RefusedError(
            "the trial ledger is in use by another command", at=str(path), hint="try again"
        ) from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError, apsw.IOError) as error:
        raise InputError(
            f"the trial ledger cannot be written: {error}",
            at=str(path),
            hint="check free space and permissions, or choose another --root; it is as it was",
        ) from error
    except OSError as error:
        raise InputError(
            f"the trial ledger cannot be opened: {error.strerror}",
            at=str(path),
            hint="make the folder writable, or choose another --root",
        ) from error
