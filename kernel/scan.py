"""The loop over instants: exits and flips of all symbols, then adds and entries in rank order.

One instant is one row of the timeline, decided at its close.  Live trading calls `step` with the
same arguments for one row.
"""

from __future__ import annotations

from typing import Final

from kernel import account as ledger
from kernel import codes, gates, signals, strategies, strategy_trend
from kernel.exits import exit_decision, tighten
from kernel.jit import device, loop
from kernel.params import Params
from kernel.portfolio import fill_candidates
from kernel.records import Book, Columns, Floats, Ints, Market, Output, Snapshot

REENTRY_WEAK_ADX: Final = 25.0
REENTRY_STRONG_ADX: Final = 40.0
"""Between these the wait before entering the same side again shrinks from longest to shortest."""

MINUTE_MS: Final = 60_000


@device
def breadth(columns: Columns, book: Book, t: int) -> float:
    """Share of symbols, 0 to 100, whose fast EMA was above the slow one before row `t`.

    Symbols with two bars and more count, by their latest values; 50 if there are none.
    """
    above = 0
    known = 0
    for s in range(book.marks.shape[0]):
        if book.marks[s].bar_count >= 2:
            known += 1
            fast = columns.ema_fast[t, s]
            if fast > columns.ema_slow[t, s]:
                above += 1
    return 100.0 * above / known if known > 0 else 50.0


@device
def btc_state(columns: Columns, market: Market, book: Book, t: int) -> int:
    """Whether BTC closed above its slow EMA before row `t`; unknown before its first bar."""
    s = market.btc_index
    if s < 0 or book.marks[s].bar_count < 1:
        return codes.BTC_UNKNOWN
    close = columns.close_px[t, s]
    if close > columns.ema_slow[t, s]:
        return codes.BTC_BULLISH
    return codes.BTC_BEARISH


@device
def take_snapshot(snap: Snapshot, market: Market, columns: Columns, t: int, s: int) -> None:
    """Fill `snap` with symbol `s` at row `t`; breadth and BTC state are the caller's."""
    now = t + 1
    snap.close_px = columns.close_px[now, s]
    snap.prev_close_px = columns.close_px[t, s]
    snap.high_px = market.high_px[t, s]
    snap.low_px = market.low_px[t, s]
    snap.volume = market.volume[t, s]
    snap.funding_rate_1h = market.funding_rate_1h[t, s]
    snap.ema_fast = columns.ema_fast[now, s]
    snap.prev_ema_fast = columns.ema_fast[t, s]
    snap.ema_slow = columns.ema_slow[now, s]
    snap.ema_macro = columns.ema_macro[now, s]
    snap.macd_hist = columns.macd_hist[now, s]
    snap.macd_run = int(columns.macd_run[now, s])
    snap.atr = columns.atr[now, s]
    snap.atr_slope = snap.atr - columns.atr[t, s]
    snap.atr_avg = columns.atr_avg[now, s]
    snap.adx = columns.adx[now, s]
    snap.adx_slope = snap.adx - columns.adx[t, s]
    snap.rsi = columns.rsi[now, s]
    snap.stoch_k = columns.stoch_k[now, s]
    snap.bb_width_ratio = columns.bb_width_ratio[now, s]
    snap.vol_sma = columns.vol_sma[now, s]
    snap.vol_short = columns.vol_short[now, s]
    snap.slow_slope_frac = columns.slow_slope_frac[now, s]
    snap.flags = market.flags[s]


@device
def take_own_series(snap: Snapshot, columns: Columns, is_trend: bool, t: int, s: int) -> None:
    """Fill `snap` with the chosen strategy's own series; the trend family has none."""
    if is_trend:
        return
    now = t + 1
    snap.aux_1 = columns.aux_1[now, s]
    snap.aux_2 = columns.aux_2[now, s]
    snap.aux_3 = columns.aux_3[now, s]
    snap.aux_4 = columns.aux_4[now, s]
    snap.prev_aux_1 = columns.aux_1[t, s]
    snap.prev_aux_2 = columns.aux_2[t, s]
    snap.prev_aux_3 = columns.aux_3[t, s]
    snap.prev_aux_4 = columns.aux_4[t, s]


@device
def may_fire(columns: Columns, params: Params, is_trend: bool, t: int, s: int) -> bool:
    """False only if the chosen strategy cannot signal at row `t`; it spares a full judgement."""
    if is_trend:
        return strategy_trend.may_fire(columns, params, t, s)
    return strategies.own_may_fire(columns, params, t, s)


@device
def count_gates(counters: Ints, failures: int) -> None:
    """Count each failed gate on its own; BTC counts if either side is refused."""
    counters[codes.COUNT_CHECKS] += 1
    if failures & codes.GATE_RANGING:
        counters[codes.COUNT_RANGING] += 1
    if failures & codes.GATE_ANOMALY:
        counters[codes.COUNT_ANOMALY] += 1
    if failures & codes.GATE_EXTENSION:
        counters[codes.COUNT_EXTENSION] += 1
    if failures & codes.GATE_VOLUME:
        counters[codes.COUNT_VOLUME] += 1
    if failures & codes.GATE_ADX_NOT_RISING:
        counters[codes.COUNT_ADX_NOT_RISING] += 1
    if failures & codes.GATE_ADX_LOW:
        counters[codes.COUNT_ADX_LOW] += 1
    if failures & (codes.GATE_BTC_LONG | codes.GATE_BTC_SHORT):
        counters[codes.COUNT_BTC] += 1


@device
def try_exit(
    book: Book, out: Output, snap: Snapshot, where: tuple[int, int, int], params: Params
) -> None:
    """Judge an open position by its exits; `where` is (symbol, row time, is its last bar)."""
    s, now_ms, ended = where
    position = book.positions[s]
    position.min_px = min(position.min_px, snap.low_px)
    position.max_px = max(position.max_px, snap.high_px)
    last_ms = book.marks[s].ts_last_exit_ms
    cooling = last_ms > 0 and now_ms - last_ms < params.exit_cooldown_s * 1000
    reason, fraction = exit_decision(position, snap, params, cooling)
    if reason != codes.REASON_NONE:
        ledger.close_position(book, out, s, snap.close_px, (reason, fraction, now_ms), params)
        locks = params.partial_tp_stop == codes.STOP_LOCK_ENTRY
        if locks and reason == codes.REASON_TAKE_PROFIT_PARTIAL:
            tighten(position, position.avg_px)
    if ended and position.side != codes.FLAT:
        what = (codes.REASON_DELISTED, 1.0, now_ms)
        ledger.close_position(book, out, s, snap.close_px, what, params)


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
    book: Book, count: int, s: int, found: signals.Signal, snap: Snapshot, params: Params
) -> int:
    """Write a candidate; new number of candidates."""
    side, confidence, mode, threshold = found
    candidate = book.candidates[count]
    candidate.symbol = s
    candidate.side = side
    candidate.confidence = confidence
    candidate.entry_mode = mode
    candidate.adx_threshold = threshold
    candidate.atr_px = max(snap.atr, snap.close_px * params.min_atr_frac)
    candidate.score = 100 * confidence + int(snap.adx)
    candidate.is_add = 1 if book.positions[s].side != codes.FLAT else 0
    return count + 1


@device
def route_signal(
    book: Book, out: Output, snap: Snapshot, where: tuple[int, int, int], params: Params
) -> int:
    """Signal of one symbol to flip or candidate; `where` is (symbol, time, candidates so far)."""
    s, now_ms, count = where
    floor = gates.adx_floor(snap, params)
    failures = gates.gate_failures(snap, floor, params)
    count_gates(out.counters, failures)
    found = strategies.raw_signal(snap, failures, floor, params)
    if found[0] == codes.FLAT:
        return count
    out.counters[codes.COUNT_SIGNALS] += 1
    side, blocked = signals.transformed_side(found[0], snap, params)
    if blocked:
        out.counters[codes.COUNT_REGIME] += 1
        return count
    found = (side, found[1], found[2], found[3])
    position = book.positions[s]
    if position.side == side:
        return queue_candidate(book, count, s, found, snap, params)
    if position.side != codes.FLAT:
        what = (codes.REASON_SIGNAL_FLIP, 1.0, now_ms)
        ledger.close_position(book, out, s, snap.close_px, what, params)
    block = entry_block(book, s, found, snap, now_ms, params)
    if block >= 0:
        out.counters[block] += 1
        return count
    return queue_candidate(book, count, s, found, snap, params)


@device
def close_ended(
    book: Book, out: Output, columns: Columns, where: tuple[int, int, int, int], params: Params
) -> None:
    """Close what is still held of a symbol that has ended.

    `where` is (row without a bar, symbol, row of its last bar, time).
    Only a state from before its end was known can hold it: `try_exit` closes at the last bar.
    """
    t, s, last_row, now_ms = where
    if last_row < t and book.positions[s].side != codes.FLAT:
        what = (codes.REASON_DELISTED, 1.0, now_ms)
        ledger.close_position(book, out, s, columns.close_px[t + 1, s], what, params)


@device
def step(market: Market, columns: Columns, params: Params, book: Book, out: Output, t: int) -> None:
    """Decide row `t` for all symbols and write the marked equity at its close."""
    now_ms = market.ts_close_ms[t]
    snap = book.snaps[0]
    snap.ts_ms = now_ms
    snap.btc_state = btc_state(columns, market, book, t)
    snap.breadth = 50.0
    if params.enable_regime_filter or params.enable_auto_reverse:
        snap.breadth = breadth(columns, book, t)
    count = 0
    present, tradable, last_bar_index = market.present, market.tradable, market.last_bar_index
    positions, marks = book.positions, book.marks
    # Asked once: read anew at each symbol it cost a sweep 3 %.
    is_trend = params.entry_strategy == codes.STRATEGY_TREND
    for s in range(marks.shape[0]):
        if not present[t, s]:
            close_ended(book, out, columns, (t, s, last_bar_index[s], now_ms), params)
            continue
        marks[s].bar_count += 1
        ready = tradable[s] and marks[s].bar_count >= params.lookback_bars
        holding = positions[s].side != codes.FLAT
        if not holding:
            if not ready:
                continue
            if not out.counts_gates and not may_fire(columns, params, is_trend, t, s):
                continue
        take_snapshot(snap, market, columns, t, s)
        take_own_series(snap, columns, is_trend, t, s)
        ended = 1 if last_bar_index[s] == t else 0
        if holding:
            try_exit(book, out, snap, (s, now_ms, ended), params)
        if ready and not ended:
            count = route_signal(book, out, snap, (s, now_ms, count), params)
    close_px = columns.close_px[t + 1]
    if count > 0:
        fill_candidates(market, columns, params, book, out, (t, count))
    mark_equity(book, out, close_px, t)


@device
def mark_equity(book: Book, out: Output, close_px: Floats, t: int) -> None:
    """Write cash plus open profit of row `t`, and what share of equity was at work."""
    account = book.account[0]
    open_usd = 0.0
    notional = 0.0
    for s in range(book.positions.shape[0]):
        position = book.positions[s]
        if position.side != codes.FLAT:
            open_usd += position.side * (close_px[s] - position.avg_px) * position.size
            notional += position.size * close_px[s]
    equity = account.cash_usd + open_usd
    out.equity_usd[t] = equity
    if notional > 0.0:
        account.exposed_bar_count += 1
        if equity > 0.0:
            account.exposure_sum += notional / equity


@loop
def scan(
    market: Market,
    columns: Columns,
    params: Params,
    book: Book,
    out: Output,
    span: tuple[int, int],
) -> int:
    """Decide rows `span[0]` up to `span[1]`; the row where it stopped.

    It stops early when the trades array might not hold another row's closes: the caller drains it,
    sets `trade_count` to 0 and goes on from the row returned.
    """
    room = 3 * market.flags.shape[0]
    for t in range(span[0], span[1]):
        full = book.account[0].trade_count + room > out.trades.shape[0]
        if full and out.trades.shape[0] > 0:
            return t
        step(market, columns, params, book, out, t)
    return span[1]


@loop
def close_all(
    book: Book, out: Output, close_px: Floats, now: tuple[int, int], params: Params
) -> None:
    """Close what is open at the end of the data, and mark the row; `now` is (row, time)."""
    for s in range(book.positions.shape[0]):
        if book.positions[s].side != codes.FLAT:
            what = (codes.REASON_END_OF_DATA, 1.0, now[1])
            ledger.close_position(book, out, s, close_px[s], what, params)
    out.equity_usd[now[0]] = book.account[0].cash_usd
