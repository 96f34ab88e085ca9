"""One strategy over one block of bars: what replay, sweep verification and validation share."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bank import Bank, SeriesMemory, distinct_series, fill_bank
from core.clock import utc_iso
from core.errors import InputError
from core.market.bars import BarBlock
from core.market.record import market_of
from core.market.universe import with_universe
from kernel import codes
from kernel.bits import WORD_BITS, include
from kernel.features import Series
from kernel.fills import RING_DAYS
from kernel.metrics import curve_stats, ledger_stats
from kernel.records import (
    ACCOUNT,
    CANDIDATE,
    MARK,
    POSITION,
    SNAPSHOT,
    STATS,
    TRADE,
    Book,
    Columns,
    Floats,
    Ints,
    Market,
    Output,
    Records,
    Survey,
)
from kernel.scan import close_all, scan
from kernel.survey import survey
from schemas.records import to_records
from schemas.strategy import Strategy

TRADE_ROWS = 8192
"""Rows of the trades array that the kernel fills before it is drained."""


@dataclass(frozen=True)
class Window:
    """Bars that open at or after `start_ms` and close at or before `end_ms` are traded.

    None leaves an end open.  Earlier bars warm the indicators up, later ones are not seen.
    """

    start_ms: int | None = None
    end_ms: int | None = None


@dataclass(frozen=True)
class State:
    """Where a run stood after its last row: enough to go on bit for bit.

    `ts_ms` is the close of that row.  Positions, marks, views and series are per symbol, in order.
    """

    ts_ms: int
    symbols: tuple[str, ...]
    account: Records
    positions: Records
    marks: Records
    snaps: Records
    volumes_usd: Floats
    series: dict[Series, SeriesMemory]


@dataclass(frozen=True)
class Simulation:
    """What a run gave.  `trades` are kernel rows; `equity_usd` is marked, the closes at the end in.

    `stats` is one kernel Stats record; `state` is from before the closes at the end.  `mark_px` is
    the last known close of each symbol at each instant.
    """

    symbols: tuple[str, ...]
    ts_close_ms: Ints
    equity_usd: Floats
    mark_px: Floats
    trades: Records
    stats: np.record
    counters: dict[str, int]
    state: State
    bank: Bank
    equity_start_usd: float

    @property
    def metrics(self) -> dict[str, float | int]:
        """The stats record as a plain mapping."""
        names = STATS.names or ()
        return {name: self.stats[name].item() for name in names}


def new_book(symbol_count: int, cash_usd: float) -> Book:
    """An empty book with `cash_usd`."""
    book = Book(
        account=np.zeros(1, ACCOUNT),
        positions=np.zeros(symbol_count, POSITION),
        held=np.zeros(word_count(symbol_count), np.int64),
        marks=np.zeros(symbol_count, MARK),
        snaps=np.zeros(symbol_count, SNAPSHOT),
        volumes_usd=np.zeros(RING_DAYS),
        candidates=np.zeros(symbol_count, CANDIDATE),
    )
    book.account["cash_usd"] = cash_usd
    return book


def word_count(symbol_count: int) -> int:
    """Words that a set of symbols takes."""
    return -(-symbol_count // WORD_BITS)


def new_survey(row_count: int, symbol_count: int) -> Survey:
    """Room for the survey of `row_count` indicator bars."""
    shape = (row_count, symbol_count)
    return Survey(
        calls=np.zeros(shape, np.int8),
        floors=np.zeros(shape),
        looks=np.zeros((row_count, word_count(symbol_count)), np.int64),
        breadth=np.zeros(row_count),
        btc_state=np.zeros(row_count, np.int64),
        shut=np.zeros(row_count, np.int64),
        waited_row=np.zeros(symbol_count, np.int64),
        first_row=0,
        snaps=np.zeros(1, SNAPSHOT),
    )


def rows_of(block: BarBlock, window: Window) -> tuple[int, int]:
    """(first row traded, rows seen) of a window; an empty window is an InputError."""
    ts_open = block.ts_open_ms
    first = 0
    if window.start_ms is not None:
        first = int(np.searchsorted(ts_open, window.start_ms, side="left"))
    end = len(ts_open)
    if window.end_ms is not None:
        end = int(np.searchsorted(ts_open, window.end_ms - block.interval_ms, side="right"))
    if first >= end:
        asked = [
            "the first bar" if window.start_ms is None else utc_iso(window.start_ms),
            "the last bar" if window.end_ms is None else utc_iso(window.end_ms),
        ]
        last_ms = int(ts_open[-1]) + block.interval_ms
        raise InputError(
            f"no bars inside the window from {' to '.join(asked)}",
            at=f"{block.path}: bars from {utc_iso(int(ts_open[0]))} to {utc_iso(last_ms)}",
            hint="choose a start before the end, inside the stored range",
        )
    return first, end


@dataclass(frozen=True)
class Stage:
    """A run before its first instant: what it will see, its parameters and its book.

    `span` are the instants that it decides.
    """

    view: BarBlock
    market: Market
    bank: Bank
    columns: Columns
    params: npt.NDArray[np.record]
    book: Book
    span: tuple[int, int]

    def survey(self, marks: Records, counters: Ints) -> Survey:
        """What every symbol signals in the span; `marks` are brought to its end, gates counted."""
        seen = new_survey(len(self.market.present), len(self.view.symbols))
        survey(self.market, self.columns, self.params, marks, seen, counters, self.span)
        return seen


def simulate(  # noqa: PLR0913  all but two are given by name
    block: BarBlock,
    strategy: Strategy,
    *,
    symbols: Mapping[str, Strategy] | None = None,
    window: Window | None = None,
    initial_equity_usd: float = 10_000.0,
    state: State | None = None,
    tradable: Collection[str] | None = None,
    record_trades: bool = True,
) -> Simulation:
    """Trade `strategy` over `block` from `initial_equity_usd`, or go on from `state`.

    `symbols` are the strategies of symbols that have values of their own.
    """
    stage = staged(
        block,
        strategy,
        symbols=symbols,
        window=window,
        initial_equity_usd=initial_equity_usd,
        state=state,
        tradable=tradable,
    )
    return _run(stage, TRADE_ROWS if record_trades else 0)


def staged(
    block: BarBlock,
    strategy: Strategy,
    *,
    symbols: Mapping[str, Strategy] | None = None,
    window: Window | None = None,
    initial_equity_usd: float = 10_000.0,
    state: State | None = None,
    tradable: Collection[str] | None = None,
) -> Stage:
    """The run that `simulate` makes of the same arguments, before its first instant."""
    window = window or Window()
    own = {each: (symbols or {})[each] for each in sorted(symbols or {}) if each in block.symbols}
    block = with_universe(
        block, strategy.engine.universe_top_count, strategy.engine.universe_keep_count
    )
    if state is not None:
        start_ms = max(window.start_ms or state.ts_ms, state.ts_ms)
        window = Window(start_ms, window.end_ms)
    first, end = rows_of(block, window)
    known = 0 if state is None else int(np.searchsorted(block.ts_open_ms, state.ts_ms))
    view = block.rows(known, end)
    params = to_records([strategy, *own.values()])
    memories = None if state is None else aligned_memories(state, view.symbols, params)
    bank = fill_bank(view, distinct_series(params), memories)
    book = book_of(state, view.symbols, initial_equity_usd)
    market = market_of(
        view,
        tradable,
        tuple(own),
        before_px=book.marks["px"].copy(),
        after_ms=None if state is None else state.ts_ms,
        before_member=None if block.member is None or known == 0 else block.member[known - 1],
    )
    first -= known
    book.marks["bar_count"] += view.present[:first].sum(axis=0)
    span = span_of_rows(view, market.ts_close_ms, first, goes_on=state is not None)
    columns = bank.columns_of(params, market.own)
    return Stage(view, market, bank, columns, params, book, span)


def span_of_rows(
    view: BarBlock, ts_close_ms: Ints, first: int, *, goes_on: bool
) -> tuple[int, int]:
    """Instants that are decided: from the close of row `first`, or from the first one of a view
    that goes on from a state."""
    if goes_on and first == 0:
        return 0, len(ts_close_ms)
    close_ms = view.ts_open_ms[first] + view.interval_ms
    return int(np.searchsorted(ts_close_ms, close_ms)), len(ts_close_ms)


def _run(stage: Stage, trade_rows: int) -> Simulation:
    """Scan the instants, drain the trades, close what is open, and gather the figures."""
    market, params, book, symbols = stage.market, stage.params, stage.book, stage.view.symbols
    first, count = stage.span
    equity_start_usd = opening_equity_usd(book, market.mark_px[first])
    out = Output(
        equity_usd=np.zeros(count),
        trades=np.zeros(max(trade_rows, 4 * len(symbols)) if trade_rows else 0, TRADE),
        counters=np.zeros(codes.COUNTER_COUNT, np.int64),
    )
    seen = stage.survey(book.marks, out.counters)
    drained: list[Records] = []
    instant = first
    while instant < count:
        instant = scan(market, stage.columns, seen, params, book, out, (instant, count))
        drained.append(drain(book, out))
    book.marks["px"] = market.mark_px[-1]
    state = State(
        int(market.ts_close_ms[-1]),
        symbols,
        book.account.copy(),
        book.positions.copy(),
        book.marks.copy(),
        book.snaps.copy(),
        book.volumes_usd.copy(),
        stage.bank.memories,
    )
    close_all(market, params, book, out, count - 1)
    drained.append(drain(book, out))
    stats = np.zeros(1, STATS)
    curve_stats(market.ts_close_ms[first:], out.equity_usd[first:], equity_start_usd, stats[0])
    ledger_stats(book.account[0], stats[0])
    return Simulation(
        symbols=symbols,
        ts_close_ms=market.ts_close_ms[first:],
        equity_usd=out.equity_usd[first:],
        mark_px=market.mark_px[first + 1 :],
        trades=np.concatenate(drained),
        stats=stats[0],
        counters=dict(zip(codes.COUNTERS, out.counters.tolist(), strict=True)),
        state=state,
        bank=stage.bank,
        equity_start_usd=equity_start_usd,
    )


def drain(book: Book, out: Output) -> Records:
    """The trades written so far, copied; the array is free again."""
    count = int(book.account["trade_count"][0])
    book.account["trade_count"] = 0
    return out.trades[:count].copy()


def opening_equity_usd(book: Book, mark_px: Floats) -> float:
    """Cash plus the open profit of positions taken over, marked at their last known closes."""
    positions = book.positions
    open_usd = positions["side"] * (mark_px - positions["avg_px"]) * positions["size"]
    return float(book.account["cash_usd"][0] + open_usd[positions["side"] != 0].sum())


CARRIED = (
    "cash_usd",
    "position_seq",
    "breadth",
    "btc_state",
    "entries_shut",
    "fee_day",
    "fee_tier",
)
"""Fields of the ledger that a later run goes on from; the others count within one run."""


def book_of(state: State | None, symbols: tuple[str, ...], cash_usd: float) -> Book:
    """A book for `symbols`: empty with `cash_usd`, or taken over from `state` by symbol name."""
    book = new_book(len(symbols), cash_usd)
    if state is None:
        return book
    for name in CARRIED:
        book.account[name] = state.account[name]
    book.volumes_usd[:] = state.volumes_usd
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    for k, symbol in enumerate(state.symbols):
        if symbol in columns:
            book.positions[columns[symbol]] = state.positions[k]
            book.marks[columns[symbol]] = state.marks[k]
            book.snaps[columns[symbol]] = state.snaps[k]
        elif state.positions[k]["side"] != codes.FLAT:
            raise InputError(
                f"the state holds an open position in {symbol}, which has no bars here",
                at=f"symbols stored: {len(symbols)}",
                hint=f"fetch {symbol}, or start without --init-state",
            )
    for s in np.flatnonzero(book.positions["side"] != codes.FLAT):
        include(book.held, int(s))
    book.account["open_count"] = int((book.positions["side"] != codes.FLAT).sum())
    return book


def aligned_memories(
    state: State, symbols: tuple[str, ...], params: npt.NDArray[np.record]
) -> dict[Series, SeriesMemory]:
    """The state's series memories in the order of `symbols`; new symbols start cold."""
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    kept = [k for k, symbol in enumerate(state.symbols) if symbol in columns]
    places = [columns[state.symbols[k]] for k in kept]
    out: dict[Series, SeriesMemory] = {}
    for series, before in state.series.items():
        memory = np.zeros((len(symbols), before.memory.shape[1]))
        last = np.zeros(len(symbols))
        memory[places] = before.memory[kept]
        last[places] = before.last[kept]
        out[series] = SeriesMemory(memory, last)
    missing = set(distinct_series(params)) - set(out)
    if missing:
        raise InputError(
            "the state was made by a strategy with other indicator windows",
            at=f"series missing: {sorted(missing)}",
            hint="continue with the strategy that made the state",
        )
    return out
