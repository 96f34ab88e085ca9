"""Second phase of an instant: adds, then entries, in rank order under the caps of the account."""

from __future__ import annotations

from typing import Final

from kernel import account as ledger
from kernel import codes
from kernel.jit import device
from kernel.params import Params
from kernel.records import Book, Candidate, Columns, Market, Output, Position, Snapshot
from kernel.sizing import entry_margin_usd, leverage_of

FAST_ADX_SLOPE: Final = 0.75
EXTREME_RSI_LONG: Final = 65.0
EXTREME_RSI_SHORT: Final = 35.0
MINUTE_MS: Final = 60_000


@device
def best_candidate(book: Book, count: int, is_add: int) -> int:
    """Index of the waiting candidate with the highest score, first symbol on a tie; -1 for none.

    A candidate taken from the queue has score -1.
    """
    best = -1
    for k in range(count):
        candidate = book.candidates[k]
        if candidate.is_add != is_add or candidate.score < 0:
            continue
        if best < 0 or candidate.score > book.candidates[best].score:
            best = k
    return best


@device
def entry_cools(book: Book, s: int, now_ms: int, params: Params) -> bool:
    """True while the last entry or add of a symbol is too recent."""
    last_ms = book.marks[s].ts_last_entry_ms
    return last_ms > 0 and now_ms - last_ms < params.entry_cooldown_s * 1000


@device
def add_profit_needed_atr(position: Position, snap: Snapshot, params: Params) -> float:
    """Open profit that an add asks for; half of it while the trend speeds up in calm."""
    needed = params.add_min_profit_atr
    if snap.adx_slope <= FAST_ADX_SLOPE or snap.atr_slope > 0.0:
        return needed
    extreme = snap.rsi > EXTREME_RSI_LONG
    if position.side == codes.SHORT:
        extreme = snap.rsi < EXTREME_RSI_SHORT
    return needed if extreme else 0.5 * needed


@device
def may_add(book: Book, candidate: Candidate, snap: Snapshot, now_ms: int, params: Params) -> bool:
    """True if a position has room, time and profit for another add."""
    position = book.positions[candidate.symbol]
    if not params.enable_pyramiding or position.adds >= params.adds_max_count:
        return False
    if candidate.confidence < params.add_min_confidence:
        return False
    if now_ms - position.ts_last_add_ms < params.add_cooldown_minutes * MINUTE_MS:
        return False
    profit = position.side * (snap.close_px - position.avg_px)
    if candidate.atr_px <= 0.0:
        return False
    if profit / candidate.atr_px < add_profit_needed_atr(position, snap, params):
        return False
    return not entry_cools(book, candidate.symbol, now_ms, params)


@device
def fill_add(
    book: Book,
    out: Output,
    candidate: Candidate,
    snap: Snapshot,
    now: tuple[int, float],
    params: Params,
) -> None:
    """Size and fill one add; `now` is (time, frozen equity)."""
    now_ms, equity_usd = now
    if not may_add(book, candidate, snap, now_ms, params):
        return
    position = book.positions[candidate.symbol]
    margin = equity_usd * params.allocation_frac * params.add_margin_frac
    notional = margin * position.leverage
    if notional < params.min_notional_usd:
        if not params.bump_to_min_notional:
            out.counters[codes.COUNT_MIN_NOTIONAL] += 1
            return
        notional = params.min_notional_usd
        margin = notional / position.leverage
    used = ledger.margin_used_usd(book) + margin
    if equity_usd * params.total_margin_max_frac - used < 0.0 or notional <= 0.0:
        out.counters[codes.COUNT_MARGIN] += 1
        return
    order = (notional / snap.close_px, margin, position.leverage)
    ledger.add_to_position(book, candidate, snap, order, now_ms, params)
    out.counters[codes.COUNT_ADDS] += 1


@device
def fill_entry(
    book: Book,
    out: Output,
    candidate: Candidate,
    snap: Snapshot,
    now: tuple[int, float],
    params: Params,
) -> bool:
    """Size and fill one entry; True if a position was opened.  `now` is (time, frozen equity)."""
    now_ms, equity_usd = now
    if entry_cools(book, candidate.symbol, now_ms, params):
        out.counters[codes.COUNT_ENTRY_COOLDOWN] += 1
        return False
    headroom = equity_usd * params.total_margin_max_frac - ledger.margin_used_usd(book)
    if headroom <= 0.0:
        out.counters[codes.COUNT_MARGIN] += 1
        return False
    leverage = leverage_of(candidate.confidence, params)
    margin = entry_margin_usd(equity_usd, candidate, snap, params)
    size = margin * leverage / snap.close_px
    if margin > headroom:
        size *= headroom / margin
        margin = headroom
    if size * snap.close_px < params.min_notional_usd:
        margin = params.min_notional_usd / leverage
        if not params.bump_to_min_notional or margin > headroom:
            out.counters[codes.COUNT_MIN_NOTIONAL] += 1
            return False
        size = params.min_notional_usd / snap.close_px
    if size <= 0.0:
        return False
    ledger.open_position(book, candidate, snap, (size, margin, leverage), now_ms, params)
    out.counters[codes.COUNT_ENTRIES] += 1
    return True


@device
def size_snapshot(columns: Columns, snap: Snapshot, market: Market, t: int, s: int) -> None:
    """The part of a snapshot that sizing, adding and filling read."""
    snap.close_px = columns.close_px[t + 1, s]
    snap.high_px = market.high_px[t, s]
    snap.low_px = market.low_px[t, s]
    snap.atr = columns.atr[t + 1, s]
    snap.atr_slope = snap.atr - columns.atr[t, s]
    snap.adx = columns.adx[t + 1, s]
    snap.adx_slope = snap.adx - columns.adx[t, s]
    snap.rsi = columns.rsi[t + 1, s]


@device
def fill_candidates(
    market: Market,
    columns: Columns,
    params: Params,
    book: Book,
    out: Output,
    now: tuple[int, int],
) -> None:
    """Execute the queue of one instant; `now` is (row, candidates).

    Equity is frozen once, after the exits.  Adds answer to the margin cap and their own limits;
    entries to the entry budget, the position cap and the margin cap.
    """
    t, count = now
    now_ms = market.ts_close_ms[t]
    snap = book.snaps[0]
    close_px = columns.close_px[t + 1]
    equity_usd = book.account[0].cash_usd + ledger.unrealised_usd(book, close_px)
    for _ in range(count):
        k = best_candidate(book, count, 1)
        if k < 0:
            break
        candidate = book.candidates[k]
        candidate.score = -1
        size_snapshot(columns, snap, market, t, candidate.symbol)
        fill_add(book, out, candidate, snap, (now_ms, equity_usd), params)
    entries = 0
    for _ in range(count):
        k = best_candidate(book, count, 0)
        if k < 0:
            break
        if entries >= params.entries_per_bar_max_count:
            out.counters[codes.COUNT_MAX_ENTRIES] += 1
            break
        if ledger.open_count(book) >= params.open_positions_max_count:
            out.counters[codes.COUNT_MAX_POSITIONS] += 1
            break
        candidate = book.candidates[k]
        candidate.score = -1
        size_snapshot(columns, snap, market, t, candidate.symbol)
        if fill_entry(book, out, candidate, snap, (now_ms, equity_usd), params):
            entries += 1
