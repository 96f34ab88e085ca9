"""The loop over instants: funding, exits and flips of all symbols, then adds and entries by rank.

An instant is the close of an indicator bar, of a finer exit or entry bar, or of several at once.
Live trading calls `scan` with the same arguments for a span of one instant.
"""

from __future__ import annotations

from kernel import account as ledger
from kernel import codes, strategies, strategy_trend
from kernel.context import see_market
from kernel.exits import exit_decision, is_glitch, tighten
from kernel.intrabar import intrabar_exit, rest_levels, rests_in_market
from kernel.jit import device, loop
from kernel.margin import is_judged, is_watched, liquidate_all
from kernel.params import Params
from kernel.portfolio import fill_candidates
from kernel.records import Book, Columns, Floats, Ints, Market, Output, Records, Rules, Snapshot
from kernel.routing import route_signal
from kernel.view import see_instant, take_own_series, take_snapshot


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
def has_waited(book: Book, s: int, params: Params) -> bool:
    """True if a symbol has had the bars that an entry asks for."""
    return book.marks[s].bar_count >= params.lookback_bars


@device
def chose_trend(params: Params) -> bool:
    """True for the trend family."""
    return params.entry_strategy == codes.STRATEGY_TREND


@device
def keeps_views(market: Market) -> bool:
    """True if there are finer bars, so that what a symbol looked like is needed between rows."""
    return market.exit_ms != market.interval_ms or market.entry_at.shape[0] > 0


@device
def decide_row(  # noqa: C901  the questions of one symbol, in the order in which they are asked
    market: Market, columns: Columns, rows: Records, book: Book, out: Output, k: int
) -> None:
    """Exits, flips and candidates of an instant at which an indicator bar closes."""
    t = market.row_of[k]
    present, tradable, ends = market.present, market.tradable, market.last_bar_index
    rules, mark_px, now_ms = market.rules, market.mark_px[k + 1], market.ts_close_ms[k]
    keeps = keeps_views(market)
    positions, marks = book.positions, book.marks
    # Asked once where it can be: read anew at each symbol it cost a sweep 3 %.
    one = rows.shape[0] == 1
    all_trend = one and chose_trend(rows[0])
    for s in range(marks.shape[0]):
        if not present[t, s]:
            if ends[s] < t:
                close_delisted(rules, book, out, s, (mark_px[s], now_ms), rows[market.own[s]])
            continue
        params = rows[market.own[s]]
        marks[s].bar_count += 1
        ready = tradable[t, s] and has_waited(book, s, params)
        holding = positions[s].side != codes.FLAT
        is_trend = all_trend if one else chose_trend(params)
        if not holding and not keeps:
            if not ready:
                continue
            if not out.counts_gates:  # a full judgement is spared where no signal can come
                if is_trend and not strategy_trend.may_fire(columns, params, t, s):
                    continue
                if not is_trend and not strategies.own_may_fire(columns, params, t, s):
                    continue
        snap = book.snaps[s]
        bar = (market.volume[t, s], market.funding_rate_1h[t, s], market.flags[s])
        take_snapshot(snap, bar, columns, t, s)
        if not is_trend:
            take_own_series(snap, columns, t, s)
        see_instant(snap, market, book, (k, s))
        if holding and is_judged(market, positions[s], s, k):
            try_exit(market, book, out, snap, (s, k), params)
        if ends[s] == t:
            close_delisted(rules, book, out, s, (mark_px[s], now_ms), params)
        elif ready:
            route_signal(market.rules, book, out, snap, s, params)


@device
def decide_between(market: Market, rows: Records, book: Book, out: Output, k: int) -> None:
    """Exits, flips and candidates of symbols without an indicator bar at this instant.

    There are no candidates where an indicator bar of another symbol closes.
    """
    t = market.row_of[k]
    closes_row = market.is_row[k]
    tradable = market.tradable[t] if t >= 0 else market.tradable_before
    enters = market.entry_at.shape[0] > 0 and not closes_row
    for s in range(book.marks.shape[0]):
        if closes_row and market.present[t, s]:
            continue
        params = rows[market.own[s]]
        snap = book.snaps[s]
        position = book.positions[s]
        exits = market.exit_kind[k, s] == codes.BAR_EXIT and position.side != codes.FLAT
        if exits and is_judged(market, position, s, k):
            see_instant(snap, market, book, (k, s))
            try_exit(market, book, out, snap, (s, k), params)
        if not enters or not market.entry_at[k, s] or market.last_bar_index[s] <= t:
            continue
        if tradable[s] and has_waited(book, s, params):
            see_instant(snap, market, book, (k, s))
            route_signal(market.rules, book, out, snap, s, params)


@device
def settle_funding(due_px: Floats, own: Ints, rows: Records, book: Book) -> None:
    """Pay or receive what fell due on all that was held; `due_px[S]` is what a long unit pays."""
    for s in range(book.positions.shape[0]):
        position = book.positions[s]
        if position.side != codes.FLAT:
            ledger.pay_funding(position, book.account[0], due_px[s], rows[own[s]])


@device
def mark_equity(mark_px: Floats, book: Book, equity_usd: Floats, k: int) -> None:
    """Write cash plus open profit at instant `k`, and what share of equity was at work."""
    account = book.account[0]
    if account.open_count == 0:
        equity_usd[k] = account.cash_usd
        return
    open_usd = 0.0
    notional = 0.0
    for s in range(book.positions.shape[0]):
        position = book.positions[s]
        if position.side != codes.FLAT:
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
    rows: Records,
    book: Book,
    out: Output,
    span: tuple[int, int],
) -> int:
    """Decide instants `span[0]` up to `span[1]` and write marked equity; the one where it stopped.

    `rows[0]` are the common parameters, `market.own` says which row a symbol has.  It stops early
    when the trades array might not hold another instant's closes: the caller drains it, sets
    `trade_count` to 0 and goes on from the instant returned.
    """
    room = 4 * market.flags.shape[0]
    finer = keeps_views(market)
    for k in range(span[0], span[1]):
        full = book.account[0].trade_count + room > out.trades.shape[0]
        if full and out.trades.shape[0] > 0:
            return k
        if book.account[0].open_count > 0:
            if market.funding_due[k]:
                settle_funding(market.funding_px[k], market.own, rows, book)
            if is_watched(rows[0]):
                liquidate_all(market, rows, book, out, k)
        if finer:
            decide_between(market, rows, book, out, k)
        if market.is_row[k]:
            see_market(market, columns, rows[0], book, market.row_of[k])
            decide_row(market, columns, rows, book, out, k)
        if book.account[0].candidate_count > 0:
            fill_candidates(market, rows, book, out, k)
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
