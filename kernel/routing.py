"""From a signal to a flip or a candidate: filters and the rank of one symbol."""

from __future__ import annotations

from typing import Final

from kernel import account as ledger
from kernel import codes, signals
from kernel.jit import device
from kernel.params import Params
from kernel.portfolio import may_add
from kernel.records import Book, Output, Rules, Snapshot

REENTRY_WEAK_ADX: Final = 25.0
REENTRY_STRONG_ADX: Final = 40.0
"""Between these the wait before entering the same side again shrinks from longest to shortest."""

MINUTE_MS: Final = 60_000


@device
def reentry_blocked(
    book: Book, s: int, side: int, snap: Snapshot, now_ms: int, params: Params
) -> bool:
    """True while a close of the same side is too recent; the wait shrinks as ADX grows."""
    mark = book.marks[s]
    if not params.enable_reentry_cooldown or mark.last_exit_side != side:
        return False
    if mark.last_exit_reason == codes.REASON_SIGNAL_FLIP:
        return False
    span = REENTRY_STRONG_ADX - REENTRY_WEAK_ADX
    weight = min(max((snap.adx - REENTRY_WEAK_ADX) / span, 0.0), 1.0)
    longest = params.reentry_cooldown_max_minutes
    minutes = longest + weight * (params.reentry_cooldown_min_minutes - longest)
    return now_ms - mark.ts_last_exit_ms < int(minutes * MINUTE_MS)


@device
def entry_block(
    book: Book, s: int, found: signals.Signal, snap: Snapshot, now_ms: int, params: Params
) -> int:
    """Counter of the first filter that stops an entry on a flat symbol, or -1."""
    side, confidence, _, _ = found
    if confidence < params.entry_min_confidence:
        return codes.COUNT_CONFIDENCE
    if reentry_blocked(book, s, side, snap, now_ms, params):
        return codes.COUNT_REENTRY
    if not signals.ssf_allows(side, snap, params):
        return codes.COUNT_SSF
    if not signals.reef_allows(side, snap, params):
        return codes.COUNT_REEF
    return -1


@device
def queue_candidate(
    book: Book, s: int, found: signals.Signal, snap: Snapshot, params: Params
) -> None:
    """Append a candidate to the queue of this instant, an add only if it may be."""
    side, confidence, mode, threshold = found
    account = book.account[0]
    candidate = book.candidates[account.candidate_count]
    candidate.symbol = s
    candidate.side = side
    candidate.confidence = confidence
    candidate.entry_mode = mode
    candidate.adx_threshold = threshold
    candidate.atr_px = max(snap.atr, snap.close_px * params.min_atr_frac)
    candidate.score = 100 * confidence + int(snap.adx)
    candidate.is_add = 1 if book.positions[s].side != codes.FLAT else 0
    if candidate.is_add == 0 or may_add(book, candidate, snap, params):
        account.candidate_count += 1


@device
def route_signal(
    rules: Rules,
    book: Book,
    out: Output,
    snap: Snapshot,
    s: int,
    found: signals.Signal,
    params: Params,
) -> None:
    """Signal of one symbol to flip or candidate; `found` has a side."""
    now_ms = snap.ts_ms
    side = found[0]
    position = book.positions[s]
    shut = book.account[0].entries_shut
    if position.side == side and not shut:
        queue_candidate(book, s, found, snap, params)
        return
    if position.side == -side:
        what = (codes.REASON_SIGNAL_FLIP, 1.0, now_ms)
        at = (snap.close_px, codes.TAKER)
        ledger.close_position(rules, book, out, s, at, what, params)
    if shut:
        out.counters[codes.COUNT_MARKET_GATE] += 1
        return
    block = entry_block(book, s, found, snap, now_ms, params)
    if block >= 0:
        out.counters[block] += 1
        return
    queue_candidate(book, s, found, snap, params)
