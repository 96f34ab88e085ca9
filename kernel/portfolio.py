"""Second phase of an instant: adds, then entries, in rank order under the caps of the account."""

from __future__ import annotations

from typing import Final

from kernel import account as ledger
from kernel import codes
from kernel.fills import DOWN, UP, lot_size
from kernel.intrabar import rest_levels, rests_in_market
from kernel.jit import device, loop
from kernel.margin import capped_leverage
from kernel.params import Params
from kernel.records import (
    Book,
    Candidate,
    Floats,
    Ints,
    Output,
    Position,
    Records,
    Rules,
    Snapshot,
)
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
def may_add(book: Book, candidate: Candidate, snap: Snapshot, params: Params) -> bool:
    """True if a position has room, time and profit for another add."""
    position = book.positions[candidate.symbol]
    now_ms = snap.ts_ms
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
def order_of(
    rules: Rules, s: int, px: float, wanted: tuple[float, float], room_usd: float, params: Params
) -> tuple[float, float]:
    """(size, margin) of an order within lots and the least notional; size 0 if it is dropped.

    `wanted` is (margin, leverage), `room_usd` the margin that may still be used.
    """
    margin, leverage = wanted
    size = lot_size(rules, s, margin * leverage / px, DOWN, params)
    if size != margin * leverage / px:
        margin = size * px / leverage
    if size * px >= params.min_notional_usd:
        return size, margin
    size = lot_size(rules, s, params.min_notional_usd / px, UP, params)
    margin = params.min_notional_usd / leverage
    if size != params.min_notional_usd / px:
        margin = size * px / leverage
    if not params.bump_to_min_notional or margin > room_usd:
        return 0.0, 0.0
    return size, margin


@device
def fill_add(
    rules: Rules,
    book: Book,
    out: Output,
    candidate: Candidate,
    snap: Snapshot,
    now: tuple[int, float, float],
    params: Params,
) -> None:
    """Size and fill one add that may be; `now` is (time, frozen equity, most margin in use)."""
    now_ms, equity_usd, margin_max_usd = now
    s = candidate.symbol
    position = book.positions[s]
    wanted = equity_usd * params.allocation_frac * params.add_margin_frac
    room_usd = margin_max_usd - ledger.margin_used_usd(book)
    order = (wanted, position.leverage)
    size, margin = order_of(rules, s, snap.close_px, order, room_usd, params)
    if size <= 0.0:
        out.counters[codes.COUNT_MIN_NOTIONAL] += 1
        return
    if room_usd - margin < 0.0:
        out.counters[codes.COUNT_MARGIN] += 1
        return
    filled = (size, margin, position.leverage)
    ledger.add_to_position(rules, book, candidate, snap, filled, now_ms, params)
    if rests_in_market(params):
        rest_levels(position, snap, params)
    out.counters[codes.COUNT_ADDS] += 1


@device
def fill_entry(
    rules: Rules,
    book: Book,
    out: Output,
    candidate: Candidate,
    snap: Snapshot,
    now: tuple[int, float, float],
    params: Params,
) -> bool:
    """Size and fill one entry; True if a position was opened.  `now` as in `fill_add`."""
    now_ms, equity_usd, margin_max_usd = now
    s = candidate.symbol
    if entry_cools(book, s, now_ms, params):
        out.counters[codes.COUNT_ENTRY_COOLDOWN] += 1
        return False
    room_usd = margin_max_usd - ledger.margin_used_usd(book)
    if room_usd <= 0.0:
        out.counters[codes.COUNT_MARGIN] += 1
        return False
    margin = min(entry_margin_usd(equity_usd, candidate, snap, params), room_usd)
    leverage = capped_leverage(rules, s, leverage_of(candidate.confidence, params), margin, params)
    size, margin = order_of(rules, s, snap.close_px, (margin, leverage), room_usd, params)
    if size <= 0.0:
        out.counters[codes.COUNT_MIN_NOTIONAL] += 1
        return False
    order = (size, margin, leverage)
    ledger.open_position(rules, book, candidate, snap, order, now_ms, params)
    if rests_in_market(params):
        rest_levels(book.positions[s], snap, params)
    out.counters[codes.COUNT_ENTRIES] += 1
    return True


@loop
def fill_candidates(
    rules: Rules,
    mark_px: Floats,
    own: Ints,
    rows: Records,
    book: Book,
    out: Output,
    now_ms: int,
) -> None:
    """Execute the queue of an instant, whose known closes are `mark_px[S]`, and empty it.

    Equity is frozen once, after the exits.  Adds answer to the margin cap and their own limits;
    entries to the entry budget, the position cap and the margin cap.  The limits of the account are
    those of the common parameters, `rows[0]`.
    """
    equity_usd = book.account[0].cash_usd + ledger.unrealised_usd(book, mark_px)
    count = book.account[0].candidate_count
    book.account[0].candidate_count = 0
    budget, most_open, margin_frac = account_limits(rows[0])
    order = (now_ms, equity_usd, equity_usd * margin_frac)
    for _ in range(count):
        best = best_candidate(book, count, 1)
        if best < 0:
            break
        candidate = book.candidates[best]
        candidate.score = -1
        s = candidate.symbol
        fill_add(rules, book, out, candidate, book.snaps[s], order, rows[own[s]])
    entries = 0
    for _ in range(count):
        best = best_candidate(book, count, 0)
        if best < 0:
            break
        if entries >= budget:
            out.counters[codes.COUNT_MAX_ENTRIES] += 1
            break
        if book.account[0].open_count >= most_open:
            out.counters[codes.COUNT_MAX_POSITIONS] += 1
            break
        candidate = book.candidates[best]
        candidate.score = -1
        s = candidate.symbol
        if fill_entry(rules, book, out, candidate, book.snaps[s], order, rows[own[s]]):
            entries += 1


@device
def account_limits(params: Params) -> tuple[int, int, float]:
    """(entries in one instant, open positions, margin in use as a share of equity), at most."""
    return (
        params.entries_per_bar_max_count,
        params.open_positions_max_count,
        params.total_margin_max_frac,
    )
