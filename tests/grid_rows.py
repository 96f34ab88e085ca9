"""The grid kernel over one block, without a sweep around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.bank import distinct_series, fill_bank, slot_keys
from core.desk import NO_COUNTERS, columns_at, gather, run_rows, silent_output
from core.market.bars import BarBlock
from core.market.record import market_of
from core.market.universe import with_universe
from core.simulate import new_book, new_survey, span_of_rows
from kernel.records import STATS, Records
from kernel.survey import survey
from schemas.records import to_records
from schemas.strategy import Strategy


def grid_stats(
    block: BarBlock, strategies: Sequence[Strategy], *, cash_usd: float = 10_000.0
) -> Records:
    """One Stats record per strategy over the whole block, each with a survey of its own."""
    params = to_records(strategies).reshape(-1, 1)
    bank = fill_bank(block, distinct_series(params))
    engine = strategies[0].engine
    block = with_universe(block, engine.universe_top_count, engine.universe_keep_count)
    market = market_of(block)
    span = span_of_rows(block, market.ts_close_ms, 0, goes_on=False)
    count, symbols = len(market.ts_close_ms), len(block.symbols)
    seen = new_survey(len(market.present), symbols)
    blank = new_book(symbols, cash_usd)
    lane = (new_book(symbols, cash_usd), silent_output(count))
    stats = np.zeros(len(strategies), STATS)
    for row, found in zip(params, stats, strict=True):
        columns = columns_at(bank, bank.slots_of(slot_keys(row)))
        marks = blank.marks.copy()
        survey(market, columns, row, marks, seen, NO_COUNTERS, span)
        run_rows(market, (columns, seen), row[None], blank, [lane], span)
        gather(market, lane, blank, span, found)
    return stats
