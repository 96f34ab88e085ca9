"""Quotes and trades as parquet by day: parts, merged when the day is over; retention and quota.

A recording is `quotes/2026-01-31.parquet`; while its day lasts, and until it is merged, it is parts
`quotes/2026-01-31.00042.parquet`.  Each file is written whole or not at all, so a kill loses what
was not yet in a part and nothing else.  What archiving has not taken is never deleted: it leaves
its mark in `archived.json`, the last day of each kind that it has.  Where nobody archives, and the
settings say so, age and quota alone decide.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import polars as pl

from core.clock import utc_date
from core.market.bars import DAY_MS
from sidecar.market.facts import Bbo, Fact, Trade

PART_MS: Final = 60_000
ROWS_MAX: Final = 200_000
"""Rows that wait to be a part; it is written early when there are more, and they go when it cannot
be."""
RETRY_MS: Final = 10_000
TIDY_MS: Final = 600_000
ARCHIVED: Final = "archived.json"
NAME: Final = re.compile(r"(quotes|trades)/(\d{4}-\d\d-\d\d)(?:\.(\d{5}))?\.parquet")
COLUMNS: Final[dict[str, dict[str, Any]]] = {
    "quotes": {
        "symbol": pl.String,
        "time_ms": pl.Int64,
        "seen_ms": pl.Int64,
        "bid_px": pl.Float64,
        "bid_size": pl.Float64,
        "ask_px": pl.Float64,
        "ask_size": pl.Float64,
    },
    "trades": {
        "symbol": pl.String,
        "time_ms": pl.Int64,
        "seen_ms": pl.Int64,
        "is_buy": pl.Boolean,
        "px": pl.Float64,
        "size": pl.Float64,
        "tid": pl.Int64,
    },
}


class Shelf(Protocol):
    """A folder of recordings."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; OSError when it cannot be."""
        ...

    def get(self, name: str) -> bytes:
        """The content of a file; OSError when it cannot be read."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        ...

    def sizes(self) -> dict[str, int]:
        """Size of each file by its name, in the order of names."""
        ...


class Wishes(Protocol):
    """What is recorded, and how much of it is kept."""

    @property
    def record_quotes(self) -> bool:
        """Are quotes recorded?"""
        ...

    @property
    def record_trades(self) -> bool:
        """Are trades recorded?"""
        ...

    @property
    def quote_sample_ms(self) -> int:
        """At most one quote of a symbol in so long."""
        ...

    @property
    def keep_days(self) -> int:
        """Age at which a day may be deleted."""
        ...

    @property
    def archive(self) -> bool:
        """Is there an archive that must have a day before it may be deleted?"""
        ...

    @property
    def quota_bytes(self) -> int:
        """Most that all may take; 0 for no limit."""
        ...


@dataclass
class Recorder:
    """What waits to be written, and the folder it goes to."""

    shelf: Shelf
    wishes: Wishes
    counts: dict[str, int] = field(default_factory=dict)
    error: str = ""
    _rows: dict[tuple[str, str], list[tuple[Any, ...]]] = field(default_factory=dict)
    """Rows by kind and day."""
    _sampled: dict[str, int] = field(default_factory=dict)
    _waiting: int = 0
    _written_ms: int | None = None
    _tidied_ms: int | None = None
    _failed_ms: int | None = None
    _is_over_quota: bool = False

    def take(self, facts: list[Fact], seen_ms: int) -> None:
        """Facts that the board has taken."""
        for fact in facts:
            if isinstance(fact, Bbo) and self.wishes.record_quotes:
                self._quote(fact, seen_ms)
            elif isinstance(fact, Trade) and self.wishes.record_trades:
                row = (fact.symbol, fact.time_ms, seen_ms, fact.is_buy, fact.px, fact.size)
                self._add("trades", fact.time_ms, (*row, fact.tid))

    def tick(self, now_ms: int) -> None:
        """Write, merge and delete what is due; call it about each second."""
        if self._written_ms is None:
            self._written_ms = now_ms
        is_resting = self._failed_ms is not None and 0 <= now_ms - self._failed_ms < RETRY_MS
        is_due = not 0 <= now_ms - self._written_ms < PART_MS or self._waiting > ROWS_MAX // 2
        if is_resting:
            return
        try:
            if is_due:
                self._write()
                self._written_ms = now_ms
            if self._tidied_ms is None or not 0 <= now_ms - self._tidied_ms < TIDY_MS:
                self._tidied_ms = now_ms
                self._merge(utc_date(now_ms - PART_MS))
                self._sweep(now_ms)
        except OSError as error:
            self.error, self._failed_ms = str(error), now_ms
        else:
            self.error, self._failed_ms = "", None

    def close(self, now_ms: int) -> None:
        """Write what waits."""
        try:
            self._write()
        except OSError as error:
            self.error, self._failed_ms = str(error), now_ms

    def status(self) -> dict[str, Any]:
        """For people: is it well, and what waits."""
        error = self.error
        if self._is_over_quota and not error:
            error = "the quota is used up and what is there is not archived: nothing is recorded"
        return {
            "store": "recordings",
            "ok": not error,
            "error": error,
            "pending": self._waiting,
            **self.counts,
        }

    def _quote(self, quote: Bbo, seen_ms: int) -> None:
        since_ms = seen_ms - self._sampled.get(quote.symbol, 0)
        if 0 <= since_ms < self.wishes.quote_sample_ms:
            return
        self._sampled[quote.symbol] = seen_ms
        bid, ask = quote.bid or (None, None), quote.ask or (None, None)
        self._add("quotes", quote.time_ms, (quote.symbol, quote.time_ms, seen_ms, *bid, *ask))

    def _add(self, kind: str, time_ms: int, row: tuple[Any, ...]) -> None:
        if self._waiting >= ROWS_MAX or self._is_over_quota:
            self._count("dropped")
            return
        self._rows.setdefault((kind, utc_date(time_ms)), []).append(row)
        self._waiting += 1

    def _write(self) -> None:
        """Each kind and day that has rows as one more part."""
        taken = self.shelf.sizes() if self._rows else {}
        for (kind, day), rows in list(self._rows.items()):
            numbers = [
                int(found[3])
                for name in taken
                if (found := NAME.fullmatch(name)) and found[1] == kind and found[2] == day
                if found[3]
            ]
            name = f"{kind}/{day}.{max(numbers, default=-1) + 1:05}.parquet"
            self.shelf.put(name, _parquet(pl.DataFrame(rows, COLUMNS[kind], orient="row")))
            self._count("rows", len(rows))
            self._waiting -= len(rows)
            del self._rows[kind, day]

    def _merge(self, today: str) -> None:
        """Parts of days that are over become one file a day; a kill in between loses nothing."""
        parts: dict[tuple[str, str], list[str]] = {}
        for name in self.shelf.sizes():
            found = NAME.fullmatch(name)
            if found and found[3] and found[2] < today and (found[1], found[2]) not in self._rows:
                parts.setdefault((found[1], found[2]), []).append(name)
        for (kind, day), names in parts.items():
            whole = f"{kind}/{day}.parquet"
            frames = [self._frame(kind, name) for name in [whole, *names]]
            # A part that a kill left beside the day that holds it already is in there once.
            merged = pl.concat([frame for frame in frames if frame is not None]).unique()
            self.shelf.put(whole, _parquet(merged.sort("time_ms", "symbol", "seen_ms")))
            for name in names:
                self.shelf.remove(name)
            self._count("days")

    def _frame(self, kind: str, name: str) -> pl.DataFrame | None:
        if name not in self.shelf.sizes():
            return None
        try:
            return pl.read_parquet(io.BytesIO(self.shelf.get(name))).select(list(COLUMNS[kind]))
        except pl.exceptions.PolarsError as error:
            raise OSError(f"{name} is damaged: {error}; move it away") from error

    def _sweep(self, now_ms: int) -> None:
        """Delete days that are old or over the quota, oldest first, if they may go."""
        sizes, archived = self.shelf.sizes(), self._archived()
        total = sum(sizes.values())
        oldest = utc_date(max(0, now_ms - self.wishes.keep_days * DAY_MS))
        quota = self.wishes.quota_bytes
        days = sorted((found[2], name) for name in sizes if (found := NAME.fullmatch(name)))
        for day, name in days:
            is_safe = not self.wishes.archive or day <= archived.get(name.partition("/")[0], "")
            if is_safe and (day < oldest or 0 < quota < total):
                self.shelf.remove(name)
                total -= sizes[name]
                self._count("deleted")
        self._is_over_quota = 0 < quota < total

    def _archived(self) -> dict[str, str]:
        """Per kind the last day that archiving has; nothing where it says nothing."""
        if ARCHIVED not in self.shelf.sizes():
            return {}
        try:
            found = json.loads(self.shelf.get(ARCHIVED))
        except ValueError as error:
            raise OSError(f"{ARCHIVED} is damaged: {error}; mark the last days again") from error
        return {str(kind): str(day) for kind, day in found.items()}

    def _count(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by


def mark_archived(shelf: Shelf, kind: str, day: str) -> None:
    """Note that archiving has all recordings of the kind up to that day, `2026-01-31`."""
    known = json.loads(shelf.get(ARCHIVED)) if ARCHIVED in shelf.sizes() else {}
    shelf.put(ARCHIVED, json.dumps({**known, kind: day}, sort_keys=True).encode())


def _parquet(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    frame.write_parquet(out, compression="zstd")
    return out.getvalue()
