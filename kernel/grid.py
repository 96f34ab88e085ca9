"""Many parameter rows over one bank: what a sweep runs, one call per thread and shard."""

from __future__ import annotations

from kernel.features import columns_of
from kernel.jit import device, loop
from kernel.metrics import curve_stats, ledger_stats
from kernel.records import Book, Floats, Ints, Market, Output, Records
from kernel.scan import close_all, scan


@device
def reset_book(book: Book, blank: Book) -> None:
    """Make `book` equal to `blank`, scratch excepted."""
    book.account[0] = blank.account[0]
    for s in range(blank.positions.shape[0]):
        book.positions[s] = blank.positions[s]
        book.marks[s] = blank.marks[s]


@loop
def run_rows(
    market: Market,
    bank: Floats,
    rows: tuple[Records, Ints],
    books: tuple[Book, Book],
    out: Output,
    span: tuple[int, int],
    stats: Records,
) -> None:
    """Fill `stats[i]` with the run of row i; `rows` is (params `[R]`, slots `[R, slot]`).

    `books` is (scratch, blank): each row starts from the blank one.  `span` is the rows of the
    timeline that are traded; `out` must hold no trades.
    """
    params, slots = rows
    book, blank = books
    first, end = span
    start_usd = blank.account[0].cash_usd
    for i in range(params.shape[0]):
        reset_book(book, blank)
        columns = columns_of(bank, slots[i])
        scan(market, columns, params[i], book, out, span)
        close_all(
            book, out, columns.close_px[end], (end - 1, market.ts_close_ms[end - 1]), params[i]
        )
        curve_stats(market.ts_close_ms[first:end], out.equity_usd[first:end], start_usd, stats[i])
        ledger_stats(book.account[0], stats[i])
