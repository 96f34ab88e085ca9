"""The grid kernel over one block, without a sweep around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.bank import distinct_series, fill_bank
from core.market.bars import BarBlock
from core.simulate import market_of, new_book
from kernel import codes
from kernel.grid import run_rows
from kernel.records import STATS, TRADE, Output, Records
from kernel.strategies import series_of
from schemas.records import to_records
from schemas.strategy import Strategy


def grid_stats(
    block: BarBlock, strategies: Sequence[Strategy], *, cash_usd: float = 10_000.0
) -> Records:
    """One Stats record per strategy over the whole block; only bars that may fire are judged."""
    params = to_records(strategies)
    bank = fill_bank(block, distinct_series(params))
    slots = np.array([bank.slots_of(series_of(row)) for row in params])
    rows, symbols = block.close_px.shape
    out = Output(
        equity_usd=np.zeros(rows),
        trades=np.zeros(0, TRADE),
        counters=np.zeros(codes.COUNTER_COUNT, np.int64),
        counts_gates=False,
    )
    books = (new_book(symbols, cash_usd), new_book(symbols, cash_usd))
    stats = np.zeros(len(strategies), STATS)
    run_rows(market_of(block), bank.values, (params, slots), books, out, (0, rows), stats)
    return stats
