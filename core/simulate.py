"""One strategy over one block of bars: what replay, sweep verification and validation share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.bank import Bank, SeriesMemory, distinct_series, fill_bank
from core.clock import utc_iso
from core.errors import InputError
from core.market.bars import BarBlock
from kernel import codes
from kernel.features import KIND_CLOSE, NO_SERIES, Series, series_of
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
    Floats,
    Ints,
    Market,
    Output,
    Records,
)
from kernel.scan import close_all, scan
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

    `ts_ms` is the close of that row.  Positions, marks and series are per symbol, in order.
    """

    ts_ms: int
    symbols: tuple[str, ...]
    account: Records
    positions: Records
    marks: Records
    series: dict[Series, SeriesMemory]


@dataclass(frozen=True)
class Simulation:
    """What a run gave.  `trades` are kernel rows; `equity_usd` is marked, the closes at the end in.

    `stats` is one kernel Stats record; `state` is from before the closes at the end.
    """

    symbols: tuple[str, ...]
    ts_close_ms: Ints
    equity_usd: Floats
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


def symbol_flags(symbols: Collection[str]) -> Ints:
    """`codes.SYMBOL_*` of each symbol."""
    special = {"BTC": codes.SYMBOL_IS_BTC, "PAXG": codes.SYMBOL_IS_PAXG}
    return np.array([special.get(symbol, 0) for symbol in symbols], np.int64)


def market_of(block: BarBlock, tradable: Collection[str] | None = None) -> Market:
    """The block as the kernel reads it; only `tradable` symbols (None: all) may enter."""
    allowed = [tradable is None or symbol in tradable for symbol in block.symbols]
    return Market(
        ts_close_ms=block.ts_open_ms + block.interval_ms,
        high_px=block.high_px,
        low_px=block.low_px,
        volume=block.volume,
        present=block.present,
        last_bar_index=block.last_bar_index,
        flags=symbol_flags(block.symbols),
        tradable=np.array(allowed, np.bool_),
        btc_index=block.symbols.index("BTC") if "BTC" in block.symbols else -1,
        funding_rate_1h=np.zeros(block.close_px.shape)
        if block.funding_rate_1h is None
        else block.funding_rate_1h,
    )


def new_book(symbol_count: int, cash_usd: float) -> Book:
    """An empty book with `cash_usd`."""
    book = Book(
        account=np.zeros(1, ACCOUNT),
        positions=np.zeros(symbol_count, POSITION),
        marks=np.zeros(symbol_count, MARK),
        snaps=np.zeros(1, SNAPSHOT),
        candidates=np.zeros(symbol_count, CANDIDATE),
    )
    book.account["cash_usd"] = cash_usd
    return book


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


def simulate(
    block: BarBlock,
    strategy: Strategy,
    *,
    window: Window | None = None,
    initial_equity_usd: float = 10_000.0,
    state: State | None = None,
    tradable: Collection[str] | None = None,
    record_trades: bool = True,
) -> Simulation:
    """Trade `strategy` over `block` from `initial_equity_usd`, or go on from `state`."""
    window = window or Window()
    if state is not None:
        start_ms = max(window.start_ms or state.ts_ms, state.ts_ms)
        window = Window(start_ms, window.end_ms)
    first, end = rows_of(block, window)
    known = 0 if state is None else int(np.searchsorted(block.ts_open_ms, state.ts_ms))
    view = block.rows(known, end)
    params = to_records([strategy])
    wanted = series_of(params[0])
    memories = None if state is None else aligned_memories(state, view.symbols, wanted)
    bank = fill_bank(view, distinct_series(params), memories)
    book = book_of(state, view.symbols, initial_equity_usd)
    equity_start_usd = opening_equity_usd(book, bank)
    first -= known
    book.marks["bar_count"] += view.present[:first].sum(axis=0)
    return _run(
        view,
        market_of(view, tradable),
        bank,
        params,
        book,
        first,
        equity_start_usd,
        TRADE_ROWS if record_trades else 0,
    )


def _run(  # noqa: PLR0913
    view: BarBlock,
    market: Market,
    bank: Bank,
    params: npt.NDArray[np.record],
    book: Book,
    first: int,
    equity_start_usd: float,
    trade_rows: int,
) -> Simulation:
    """Scan the rows, drain the trades, close what is open, and gather the figures."""
    rows = len(view.ts_open_ms)
    columns = bank.columns_of(series_of(params[0]))
    capacity = max(trade_rows, 4 * len(view.symbols)) if trade_rows else 0
    out = Output(
        equity_usd=np.zeros(rows),
        trades=np.zeros(capacity, TRADE),
        counters=np.zeros(codes.COUNTER_COUNT, np.int64),
        counts_gates=True,
    )
    drained: list[Records] = []
    row = first
    while row < rows:
        row = scan(market, columns, params[0], book, out, (row, rows))
        drained.append(drain(book, out))
    state = State(
        int(market.ts_close_ms[-1]),
        view.symbols,
        book.account.copy(),
        book.positions.copy(),
        book.marks.copy(),
        bank.memories,
    )
    now = (rows - 1, int(market.ts_close_ms[-1]))
    close_all(book, out, columns.close_px[-1], now, params[0])
    drained.append(drain(book, out))
    stats = np.zeros(1, STATS)
    curve_stats(market.ts_close_ms[first:], out.equity_usd[first:], equity_start_usd, stats[0])
    ledger_stats(book.account[0], stats[0])
    return Simulation(
        symbols=view.symbols,
        ts_close_ms=market.ts_close_ms[first:],
        equity_usd=out.equity_usd[first:],
        trades=np.concatenate(drained),
        stats=stats[0],
        counters=dict(zip(codes.COUNTERS, out.counters.tolist(), strict=True)),
        state=state,
        bank=bank,
        equity_start_usd=equity_start_usd,
    )


def drain(book: Book, out: Output) -> Records:
    """The trades written so far, copied; the array is free again."""
    count = int(book.account["trade_count"][0])
    book.account["trade_count"] = 0
    return out.trades[:count].copy()


def opening_equity_usd(book: Book, bank: Bank) -> float:
    """Cash plus the open profit of positions taken over, marked at their last known closes."""
    close_px = bank.values[bank.series.index((KIND_CLOSE, 0, 0, 0)), 0]
    positions = book.positions
    open_usd = positions["side"] * (close_px - positions["avg_px"]) * positions["size"]
    return float(book.account["cash_usd"][0] + open_usd[positions["side"] != 0].sum())


def book_of(state: State | None, symbols: tuple[str, ...], cash_usd: float) -> Book:
    """A book for `symbols`: empty with `cash_usd`, or taken over from `state` by symbol name."""
    book = new_book(len(symbols), cash_usd)
    if state is None:
        return book
    book.account[:] = state.account
    for name in (
        "gross_pnl_usd",
        "fees_usd",
        "slippage_usd",
        "turnover_usd",
        "gross_profit_usd",
        "gross_loss_usd",
        "best_position_usd",
        "exposure_sum",
        "position_count",
        "win_count",
        "trade_count",
        "exposed_bar_count",
    ):
        book.account[name] = 0
    columns = {symbol: column for column, symbol in enumerate(symbols)}
    for k, symbol in enumerate(state.symbols):
        if symbol in columns:
            book.positions[columns[symbol]] = state.positions[k]
            book.marks[columns[symbol]] = state.marks[k]
        elif state.positions[k]["side"] != codes.FLAT:
            raise InputError(
                f"the state holds an open position in {symbol}, which has no bars here",
                at=f"symbols stored: {len(symbols)}",
                hint=f"fetch {symbol}, or start without --init-state",
            )
    return book


def aligned_memories(
    state: State, symbols: tuple[str, ...], wanted: tuple[Series, ...]
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
    missing = set(wanted) - set(out) - {NO_SERIES}
    if missing:
        raise InputError(
            "the state was made by a strategy with other indicator windows",
            at=f"series missing: {sorted(missing)}",
            hint="continue with the strategy that made the state",
        )
    return out
