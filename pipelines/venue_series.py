"""One series from the venue: which stretches are missing, and page by page into the store.

Each page is stored in a transaction of its own together with the stretch that it answers, so that a
fetch which is stopped at any instant goes on from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from core.clock import Clock
from core.market.bars import DAY_MS, HOUR_MS, MINUTE_MS, Rows, interval_to_ms
from core.market.quality import REASONS
from core.market.spans import Stretch, union, without
from core.store.folder import candles_path, funding_path
from core.store.funding import KEY_INTERVAL
from core.store.layout import CANDLES, FUNDING, Layout
from core.store.metadata import Lifetime
from core.store.series import IngestCounts, Origin, Revision, SeriesStore
from core.venue.faults import WireError
from core.venue.port import CANDLES_KEPT, FUNDING_ROWS_MAX, MarketData, Page, Span
from pipelines.rows import FileRows, Holds

# A bar counts as closed this long after its end, by the venue's time: its last trades are in then.
SETTLE_MS = 2_000
# A payment is asked for this long after its hour; a later one comes with the next fetch.
FUNDING_SETTLE_MS = 2 * MINUTE_MS
# Stored bars before new ones that are asked for again, and compared.
OVERLAP_BARS = 2
# After an empty page the rest is asked for in pieces of this many bars, so that a hole is passed.
STEP_BARS = 1_000


@dataclass(frozen=True)
class Series:
    """Bars of one interval, or funding rates, in a store."""

    holds: Holds
    interval: str
    store: Path

    @property
    def unit_ms(self) -> int:
        """From one row to the next."""
        return interval_to_ms(self.interval)

    @property
    def path(self) -> Path:
        """The store's file of this series."""
        if self.holds == "candles":
            return candles_path(self.store, self.interval)
        return funding_path(self.store)

    @property
    def layout(self) -> Layout:
        """What that file holds."""
        return CANDLES if self.holds == "candles" else FUNDING

    @property
    def step_ms(self) -> int:
        """Length of the pieces in which a hole is passed."""
        return self.unit_ms * (STEP_BARS if self.holds == "candles" else FUNDING_ROWS_MAX)

    def end_ms(self, now_ms: int) -> int:
        """The time before which every row is final at `now_ms` of the venue."""
        if self.holds == "funding":
            return (now_ms - FUNDING_SETTLE_MS) // HOUR_MS * HOUR_MS + HOUR_MS
        phase_ms = min(self.unit_ms, DAY_MS)
        return (now_ms - SETTLE_MS - self.unit_ms) // phase_ms * phase_ms + phase_ms

    def kept_from_ms(self, now_ms: int) -> int:
        """The earliest time that the venue can give rows of; funding has no limit of its own.

        The bar that is still forming is one of those that the venue keeps.
        """
        if self.holds == "funding":
            return 0
        return max(0, self.end_ms(now_ms) - (CANDLES_KEPT - 1) * self.unit_ms)

    def span(self, since_ms: int | None, now_ms: int, lifetime: Lifetime) -> Span:
        """What to ask for: from `since_ms` (else the newest 5,000 rows) to the last final row.

        Nothing before the listing, which the venue back-fills, nothing after the delisting.
        """
        end_ms = self.end_ms(now_ms)
        default_ms = max(0, end_ms - (CANDLES_KEPT - 1) * self.unit_ms)
        begin_ms = default_ms if since_ms is None else -(-since_ms // self.unit_ms) * self.unit_ms
        begin_ms = max(begin_ms, self.kept_from_ms(now_ms))
        if lifetime.listed_ms is not None:
            begin_ms = max(begin_ms, lifetime.listed_ms // self.unit_ms * self.unit_ms)
        if lifetime.delisted_ms is not None:
            end_ms = min(end_ms, lifetime.delisted_ms)
        return Span(begin_ms, end_ms)

    def missing(self, span: Span, asked: list[Stretch], *, refetch: bool) -> list[Span]:
        """The stretches of `span` to ask for, each with some stored bars before it to compare."""
        whole = (span.from_ms, span.to_ms)
        if span.length_ms <= 0:
            return []
        if refetch:
            return [span]
        overlap_ms = OVERLAP_BARS * self.unit_ms
        return [
            Span(begin, end)
            for begin, end in union(
                (max(span.from_ms, begin - overlap_ms), end) for begin, end in without(whole, asked)
            )
        ]


@dataclass
class Found:
    """What the pages of a series held, over all symbols."""

    row_count: int = 0
    duplicates: int = 0
    unclosed: int = 0
    empty_pages: int = 0
    counts: IngestCounts = field(default_factory=lambda: IngestCounts(0, 0, 0))
    bad_counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REASONS, 0))
    bad_examples: list[str] = field(default_factory=list)
    symbol_bad: dict[str, int] = field(default_factory=dict)
    symbol_crossed: dict[str, int] = field(default_factory=dict)
    symbol_duplicates: dict[str, int] = field(default_factory=dict)

    def add(self, symbol: str, page: Page) -> None:
        """Count the rows of one page."""
        self.row_count += page.row_count
        self.duplicates += page.duplicates
        self.empty_pages += page.last_ms is None
        for reason, count in page.bad_counts.items():
            self.bad_counts[reason] += count
        if page.bad_example:
            self.bad_examples.append(page.bad_example)
        for target, count in (
            (self.symbol_bad, page.bad_count),
            (self.symbol_crossed, page.bad_counts.get("crossed_ohlc", 0)),
            (self.symbol_duplicates, page.duplicates),
        ):
            if count:
                target[symbol] = target.get(symbol, 0) + count

    def file_rows(self) -> FileRows:
        """The counts in the form of those of a file."""
        nothing = Rows((), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 5)))
        return FileRows(
            rows=nothing,
            row_count=self.row_count,
            duplicates=self.duplicates,
            unclosed=self.unclosed,
            bad_counts=self.bad_counts,
            bad_examples=tuple(self.bad_examples[:5]),
            symbol_duplicates=self.symbol_duplicates,
            symbol_bad=self.symbol_bad,
            symbol_crossed=self.symbol_crossed,
        )


class Sink:
    """Where pages of one series go.  Use it as a context manager; a file is made with its rows."""

    def __init__(self, series: Series, origin: Origin, clock: Clock, *, skip_bad: bool) -> None:
        self.series = series
        self.found = Found()
        self._origin = origin
        self._clock = clock
        self._skip_bad = skip_bad
        self._writer: SeriesStore | None = None
        self._asked: dict[str, list[Stretch]] = {}
        self._revised_before = 0

    def __enter__(self) -> Self:
        if self.series.path.is_file():
            with SeriesStore.open_reader(self.series.path, self.series.layout) as reader:
                self._asked = reader.asked()
                revisions = reader.revisions()
                self._revised_before = revisions[-1].revision_id if revisions else 0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__()

    def asked(self, symbol: str) -> list[Stretch]:
        """The stretches that were asked for before this fetch."""
        return self._asked.get(symbol, [])

    def revisions(self) -> list[Revision]:
        """The rows that this fetch revised."""
        return self._writer.revisions(self._revised_before) if self._writer else []

    def put(self, symbol: str, page: Page, answered: Stretch | None) -> None:
        """Store the rows of a page, and the stretch that it answers, in one transaction.

        A page with rows that cannot be stored is a WireError, unless they are to be skipped.
        """
        if page.bad_count and not self._skip_bad:
            raise WireError(
                f"{page.bad_count} of {page.row_count} rows of {symbol} cannot be stored:"
                f" {page.bad_example}",
                at=str(self.series.path),
                hint="fetch again later, or store the good rows with --skip-bad",
            )
        self.found.add(symbol, page)
        if not len(page.ts_ms) and answered is None:
            return
        if not len(page.ts_ms) and not self.series.path.is_file():
            return
        if self._writer is None:
            self._writer = SeriesStore.open_writer(self.series.path, self.series.layout)
        count = len(page.ts_ms)
        rows = Rows((symbol,), np.zeros(count, np.int64), page.ts_ms, page.values)
        interval = self.series.interval if self.series.holds == "candles" else KEY_INTERVAL
        done = self._writer.ingest(
            rows, interval, self._origin, self._clock, {symbol: answered} if answered else None
        )
        before = self.found.counts
        self.found.counts = IngestCounts(
            before.inserted + done.inserted,
            before.unchanged + done.unchanged,
            before.revised + done.revised,
        )


Ask = Callable[[Span], Awaitable[Page]]


def asker(market: MarketData, series: Series, symbol: str) -> Ask:
    """The call that asks the venue for a span of this series."""

    async def ask(span: Span) -> Page:
        if series.holds == "candles":
            return await market.candles(symbol, series.interval, span)
        return await market.funding(symbol, span)

    return ask


async def walk(ask: Ask, sink: Sink, symbol: str, span: Span, *, is_delisted: bool) -> None:
    """Ask for a span page by page and store each page.

    A page may be cut, so the next one begins after its last row.  An empty page may be a hole: the
    rest is then asked for in pieces, and what came back empty stays open to be asked again.  After
    the end of a delisted symbol nothing more can come, so that its emptiness is an answer.
    """
    cursor, piece_ms = span.from_ms, span.length_ms
    unit_ms, step_ms = sink.series.unit_ms, sink.series.step_ms
    while cursor < span.to_ms:
        to_ms = min(span.to_ms, cursor + piece_ms)
        page = await ask(Span(cursor, to_ms))
        if page.last_ms is not None:
            answered_ms = min(to_ms, page.last_ms + unit_ms)
            sink.put(symbol, page, (cursor, answered_ms))
            cursor = answered_ms
        elif is_delisted:
            sink.put(symbol, page, (cursor, span.to_ms))
            return
        else:
            sink.put(symbol, page, None)
            if piece_ms > step_ms and to_ms - cursor > step_ms:
                piece_ms = step_ms
            else:
                cursor = to_ms
