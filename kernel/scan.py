"""The loop over instants: funding, exits and flips of all symbols, then adds and entries by rank.

An instant is the close of an indicator bar, of a finer exit or entry bar, or of several at once.
Live trading calls `survey` and `scan` with the same arguments for a span of one instant.
"""

from __future__ import annotations

from kernel import account as ledger
from kernel import codes
from kernel.bits import WORD_BITS, lowest_place
from kernel.exits import exit_decision, is_glitch, tighten
from kernel.intrabar import intrabar_exit, rest_levels, rests_in_market
from kernel.jit import device, loop, part
from kernel.margin import is_judged, is_watched, liquidate_all, surely_lasts
from kernel.params import Params
from kernel.portfolio import fill_candidates
from kernel.records import (
    Account,
    Book,
    Columns,
    Floats,
    Ints,
    Market,
    Output,
    Records,
    Rules,
    Snapshot,
    Survey,
)
from kernel.routing import route_signal
from kernel.survey import find_signal, signal_of
from kernel.view import see_instant, take_held_series, take_own_series, take_snapshot


@device
def close_and_lock(
    rules: Rules,
    book: Book,
    out: Output,
    s: int,
    at: tuple[float, int],
    what: tuple[int, float, int],
    params: Params,
) -> None:
    """Close as decided; after a partial target the stop moves to the entry, if declared."""
    ledger.close_position(rules, book, out, s, at, what, params)
    position = book.positions[s]
    locks = params.partial_tp_stop == codes.STOP_LOCK_ENTRY
    if locks and what[0] == codes.REASON_TAKE_PROFIT_PARTIAL and position.tp1_taken:
        tighten(position, position.avg_px)


@device
def try_exit(
    market: Market, book: Book, out: Output, snap: Snapshot, where: tuple[int, int], params: Params
) -> None:
    """Judge an open position by the bar that closed; `where` is (symbol, instant)."""
    s, k = where
    now_ms = snap.ts_ms
    position = book.positions[s]
    position.min_px = min(position.min_px, snap.low_px)
    position.max_px = max(position.max_px, snap.high_px)
    last_ms = book.marks[s].ts_last_exit_ms
    cooling = last_ms > 0 and now_ms - last_ms < params.exit_cooldown_s * 1000
    inside = rests_in_market(params)
    if inside and not is_glitch(snap, params):
        bar = (market.open_px[k, s], snap.high_px, snap.low_px)
        reason, fraction, px, role = intrabar_exit(position, bar, params, cooling)
        if reason != codes.REASON_NONE:
            what = (reason, fraction, now_ms)
            close_and_lock(market.rules, book, out, s, (px, role), what, params)
            if position.side == codes.FLAT:
                return
            cooling = params.exit_cooldown_s > 0
    reason, fraction = exit_decision(position, snap, params, cooling)
    if reason != codes.REASON_NONE:
        what = (reason, fraction, now_ms)
        close_and_lock(market.rules, book, out, s, (snap.close_px, codes.TAKER), what, params)
    if inside and position.side != codes.FLAT:
        rest_levels(position, snap, params)


@device
def close_delisted(
    rules: Rules, book: Book, out: Output, s: int, at: tuple[float, int], params: Params
) -> None:
    """Close what is held of a symbol that has ended; `at` is (last close, time)."""
    if book.positions[s].side == codes.FLAT:
        return
    what = (codes.REASON_DELISTED, 1.0, at[1])
    ledger.close_position(rules, book, out, s, (at[0], codes.TAKER), what, params)


@device
def keeps_views(market: Market) -> bool:
    """True if entry bars close between indicator bars, so that every symbol's view is needed."""
    return market.entry_at.shape[0] > 0


@part
def decide_row(
    market: Market,
    columns: Columns,
    seen: Survey,
    rows: Records,
    book: Book,
    out: Output,
    k: int,
) -> None:
    """Exits, flips and candidates of an instant at which an indicator bar closes."""
    t = market.row_of[k]
    ends = market.last_bar_index
    rules, mark_px, now_ms = market.rules, market.mark_px[k + 1], market.ts_close_ms[k]
    keeps = keeps_views(market)
    u = t - seen.first_row
    note_market(book.account[0], seen, u)
    for w in range(book.held.shape[0]):
        left = seen.looks[u, w] | book.held[w]
        while left != 0:
            s = WORD_BITS * w + lowest_place(left)
            left &= left - 1
            params = rows[market.own[s]]
            if not market.present[t, s]:
                if ends[s] < t:
                    close_delisted(rules, book, out, s, (mark_px[s], now_ms), params)
                continue
            snap = book.snaps[s]
            rate, flags = market.funding_rate_1h[t, s], market.flags[s]
            if keeps:
                take_snapshot(snap, (market.volume[t, s], rate, flags), columns, t, s)
            else:
                take_held_series(snap, (rate, flags), columns, t, s)
            if params.entry_strategy != codes.STRATEGY_TREND:
                take_own_series(snap, columns, t, s)
            see_instant(snap, market, (seen.btc_state[u], seen.breadth[u]), (k, s))
            position = book.positions[s]
            if position.side != codes.FLAT and is_judged(market, position, s, k):
                try_exit(market, book, out, snap, (s, k), params)
            call = int(seen.calls[u, s])
            if ends[s] == t:
                close_delisted(rules, book, out, s, (mark_px[s], now_ms), params)
            elif call != 0:
                found = signal_of(call, seen.floors[u, s])
                route_signal(rules, book, out, snap, s, found, params)


@device
def note_market(account: Account, seen: Survey, u: int) -> None:
    """Note the market as it was before row `u` of the survey; it holds until the next row."""
    account.btc_state = seen.btc_state[u]
    account.breadth = seen.breadth[u]
    account.entries_shut = seen.shut[u]


@part
def decide_between(
    market: Market, seen: Survey, rows: Records, book: Book, out: Output, k: int
) -> None:
    """Exits, flips and candidates of symbols without an indicator bar at this instant.

    There are no candidates where an indicator bar of another symbol closes.
    """
    t = market.row_of[k]
    closes_row = market.is_row[k]
    tradable = market.tradable[t] if t >= 0 else market.tradable_before
    enters = keeps_views(market) and not closes_row
    account = book.account[0]
    for s in range(book.marks.shape[0]):
        if closes_row and market.present[t, s]:
            continue
        params = rows[market.own[s]]
        snap = book.snaps[s]
        position = book.positions[s]
        exits = market.exit_kind[k, s] == codes.BAR_EXIT and position.side != codes.FLAT
        if exits and is_judged(market, position, s, k):
            see_instant(snap, market, (account.btc_state, account.breadth), (k, s))
            try_exit(market, book, out, snap, (s, k), params)
        if not enters or not market.entry_at[k, s] or market.last_bar_index[s] <= t:
            continue
        if tradable[s] and seen.waited_row[s] <= t:
            see_instant(snap, market, (account.btc_state, account.breadth), (k, s))
            found = find_signal(snap, out.counters, params)
            if found[0] != codes.FLAT:
                route_signal(market.rules, book, out, snap, s, found, params)


@device
def settle_funding(due_px: Floats, own: Ints, rows: Records, book: Book) -> None:
    """Pay or receive what fell due on all that was held; `due_px[S]` is what a long unit pays."""
    for w in range(book.held.shape[0]):
        left = book.held[w]
        while left != 0:
            s = WORD_BITS * w + lowest_place(left)
            left &= left - 1
            ledger.pay_funding(book.positions[s], book.account[0], due_px[s], rows[own[s]])


@device
def mark_equity(mark_px: Floats, book: Book, equity_usd: Floats, k: int) -> None:
    """Write cash plus open profit at instant `k`, and what share of equity was at work."""
    account = book.account[0]
    if account.open_count == 0:
        equity_usd[k] = account.cash_usd
        return
    open_usd = 0.0
    notional = 0.0
    for w in range(book.held.shape[0]):
        left = book.held[w]
        while left != 0:
            s = WORD_BITS * w + lowest_place(left)
            left &= left - 1
            position = book.positions[s]
            open_usd += position.side * (mark_px[s] - position.avg_px) * position.size
            notional += position.size * mark_px[s]
    equity = account.cash_usd + open_usd
    equity_usd[k] = equity
    account.exposed_bar_count += 1
    if equity > 0.0:
        account.exposure_sum += notional / equity


@loop
def scan(
    market: Market,
    columns: Columns,
    seen: Survey,
    rows: Records,
    book: Book,
    out: Output,
    span: tuple[int, int],
) -> int:
    """Decide instants `span[0]` up to `span[1]` and write marked equity; the one where it stopped.

    `rows[0]` are the common parameters, `market.own` says which row a symbol has; `seen` is the
    survey of the span, with the same rows.  It stops early
    when the trades array might not hold another instant's closes: the caller drains it, sets
    `trade_count` to 0 and goes on from the instant returned.
    """
    room = 4 * market.flags.shape[0]
    finer = market.exit_ms != market.interval_ms or keeps_views(market)
    for k in range(span[0], span[1]):
        full = book.account[0].trade_count + room > out.trades.shape[0]
        if full and out.trades.shape[0] > 0:
            return k
        if book.account[0].open_count > 0:
            if market.funding_due[k]:
                settle_funding(market.funding_px[k], market.own, rows, book)
            if is_watched(rows[0]) and not surely_lasts(market, rows, book, k):
                liquidate_all(market, rows, book, out, k)
        if finer:
            decide_between(market, seen, rows, book, out, k)
        if market.is_row[k]:
            decide_row(market, columns, seen, rows, book, out, k)
        if book.account[0].candidate_count > 0:
            mark_px, now_ms = market.mark_px[k + 1], market.ts_close_ms[k]
            fill_candidates(market.rules, mark_px, market.own, rows, book, out, now_ms)
        mark_equity(market.mark_px[k + 1], book, out.equity_usd, k)
    return span[1]


@loop
def close_all(market: Market, rows: Records, book: Book, out: Output, k: int) -> None:
    """Close what is open at the end of the data, and mark its last instant `k`."""
    for s in range(book.positions.shape[0]):
        if book.positions[s].side != codes.FLAT:
            what = (codes.REASON_END_OF_DATA, 1.0, market.ts_close_ms[k])
            at = (market.mark_px[k + 1, s], codes.TAKER)
            ledger.close_position(market.rules, book, out, s, at, what, rows[market.own[s]])
    out.equity_usd[k] = book.account[0].cash_usd
