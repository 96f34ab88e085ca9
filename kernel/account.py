"""The ledger: opening, adding, closing, marking; every fill passes through here."""

from __future__ import annotations

from kernel import codes
from kernel.bits import WORD_BITS, exclude, include, lowest_place
from kernel.fills import BPS, DOWN, count_volume, fee_bps, fill_px, lot_size
from kernel.jit import device, loop
from kernel.params import Params
from kernel.records import (
    Account,
    Book,
    Candidate,
    Floats,
    Output,
    Position,
    Rules,
    Snapshot,
)


@device
def unrealised_usd(book: Book, marks_px: Floats) -> float:
    """Open profit of all positions at the given prices, summed in symbol order."""
    total = 0.0
    for w in range(book.held.shape[0]):
        left = book.held[w]
        while left != 0:
            s = WORD_BITS * w + lowest_place(left)
            left &= left - 1
            position = book.positions[s]
            total += position.side * (marks_px[s] - position.avg_px) * position.size
    return total


@device
def margin_used_usd(book: Book) -> float:
    """Margin of all positions, summed in symbol order."""
    total = 0.0
    for w in range(book.held.shape[0]):
        left = book.held[w]
        while left != 0:
            total += book.positions[WORD_BITS * w + lowest_place(left)].margin_usd
            left &= left - 1
    return total


@device
def pay_entry_fee(
    book: Book, s: int, size: float, px: tuple[float, float], now_ms: int, params: Params
) -> None:
    """Charge the fee of an entry or add and count its slippage; `px` is (close, fill)."""
    account = book.account[0]
    position = book.positions[s]
    fee_px = px[0] if params.fee_on_unslipped_px else px[1]
    fee = size * fee_px * fee_bps(book, codes.TAKER, now_ms, params) * BPS
    account.cash_usd -= fee
    account.fees_usd += fee
    count_volume(book, size * px[1], now_ms)
    position.entry_fee_usd += fee
    position.realised_usd -= fee
    slippage = position.side * (px[1] - px[0]) * size
    account.slippage_usd += slippage
    position.entry_slippage_usd += slippage


@loop
def open_position(
    rules: Rules,
    book: Book,
    candidate: Candidate,
    snap: Snapshot,
    order: tuple[float, float, float],
    now_ms: int,
    params: Params,
) -> None:
    """Fill an entry at the close plus slippage; `order` is (size, margin, leverage)."""
    account = book.account[0]
    s = candidate.symbol
    position = book.positions[s]
    mark = book.marks[s]
    worse = (candidate.side, params.entry_slippage_bps)
    px = fill_px(rules, s, snap.close_px, worse, params)
    account.position_seq += 1
    account.open_count += 1
    include(book.held, s)
    position.side = candidate.side
    position.size = order[0]
    position.margin_usd = order[1]
    position.leverage = order[2]
    position.avg_px = px
    position.first_px = px
    position.entry_atr_px = candidate.atr_px
    position.entry_adx_threshold = candidate.adx_threshold
    position.trail_px = 0.0
    position.entry_fee_usd = 0.0
    position.entry_slippage_usd = 0.0
    position.funding_usd = 0.0
    position.realised_usd = 0.0
    position.min_px = px
    position.max_px = px
    if params.excursions_count_entry_bar and mark.ts_last_exit_ms != now_ms:
        position.min_px = min(px, snap.low_px)
        position.max_px = max(px, snap.high_px)
    position.confidence = candidate.confidence
    position.entry_mode = candidate.entry_mode
    position.adds = 0
    position.tp1_taken = 0
    position.breakeven_armed = 0
    position.ts_entry_ms = now_ms
    position.ts_last_add_ms = now_ms
    position.position_id = account.position_seq
    mark.ts_last_entry_ms = now_ms
    pay_entry_fee(book, s, order[0], (snap.close_px, px), now_ms, params)


@loop
def add_to_position(
    rules: Rules,
    book: Book,
    candidate: Candidate,
    snap: Snapshot,
    order: tuple[float, float, float],
    now_ms: int,
    params: Params,
) -> None:
    """Fill an add at the close plus slippage; stops, confidence and entry ATR stay as they are."""
    s = candidate.symbol
    position = book.positions[s]
    size = order[0]
    worse = (position.side, params.entry_slippage_bps)
    px = fill_px(rules, s, snap.close_px, worse, params)
    total = position.size + size
    position.avg_px = (position.avg_px * position.size + px * size) / total
    position.size = total
    position.margin_usd += order[1]
    position.adds += 1
    position.ts_last_add_ms = now_ms
    book.marks[s].ts_last_entry_ms = now_ms
    pay_entry_fee(book, s, size, (snap.close_px, px), now_ms, params)


@device
def write_trade(
    book: Book,
    out: Output,
    s: int,
    closed: tuple[float, float, float, float, float],
    what: tuple[int, int, int],
) -> None:
    """Append a row; `what` is (reason, partial, ms).

    `closed` is (exit px, size, gross, exit fee, exit slippage).
    """
    account = book.account[0]
    if out.trades.shape[0] == 0:
        return
    position = book.positions[s]
    row = out.trades[account.trade_count]
    account.trade_count += 1
    row.position_id = position.position_id
    row.symbol = s
    row.side = position.side
    row.entry_ts_ms = position.ts_entry_ms
    row.exit_ts_ms = what[2]
    row.entry_px = position.avg_px
    row.exit_px = closed[0]
    row.size = closed[1]
    row.is_partial = what[1]
    row.leverage = position.leverage
    row.gross_pnl_usd = closed[2]
    row.entry_fee_usd = position.entry_fee_usd * (closed[1] / position.size)
    row.exit_fee_usd = closed[3]
    row.entry_slippage_usd = position.entry_slippage_usd * (closed[1] / position.size)
    row.exit_slippage_usd = closed[4]
    row.funding_usd = position.funding_usd * (closed[1] / position.size)
    low = (position.min_px - position.first_px) / position.first_px
    high = (position.max_px - position.first_px) / position.first_px
    row.mae_frac = low if position.side == codes.LONG else -high
    row.mfe_frac = high if position.side == codes.LONG else -low
    row.adds = position.adds
    row.confidence = position.confidence
    row.entry_mode = position.entry_mode
    row.entry_atr_px = position.entry_atr_px
    row.reason = what[0]


@device
def settle_position(account: Account, position: Position) -> None:
    """Count a position that is now flat; win or loss is net of its fees and funding."""
    net = position.realised_usd
    account.open_count -= 1
    account.position_count += 1
    if net > 0.0:
        account.win_count += 1
        account.gross_profit_usd += net
    else:
        account.gross_loss_usd -= net
    account.best_position_usd = max(account.best_position_usd, net)
    position.side = codes.FLAT
    position.size = 0.0
    position.margin_usd = 0.0


@loop
def close_position(
    rules: Rules,
    book: Book,
    out: Output,
    s: int,
    at: tuple[float, int],
    what: tuple[int, float, int],
    params: Params,
) -> None:
    """Fill a full or partial exit; `at` is (price, role), `what` is (reason, fraction, ms).

    A taker gives slippage away, a maker's order rested at the price.  A part of less than a lot
    closes nothing.
    """
    reason, fraction, now_ms = what
    account = book.account[0]
    position = book.positions[s]
    mark = book.marks[s]
    size = position.size * fraction
    if fraction < 1.0:
        size = lot_size(rules, s, size, DOWN, params)
        if size <= 0.0:
            return
    slippage_bps = params.exit_slippage_bps if at[1] == codes.TAKER else 0.0
    px = fill_px(rules, s, at[0], (-position.side, slippage_bps), params)
    gross = position.side * (px - position.avg_px) * size
    fee = px * size * fee_bps(book, at[1], now_ms, params) * BPS
    slippage = position.side * (at[0] - px) * size
    account.cash_usd += gross - fee
    account.fees_usd += fee
    account.slippage_usd += slippage
    account.gross_pnl_usd += gross
    count_volume(book, px * size, now_ms)
    position.realised_usd += gross - fee
    is_partial = 1 if size < position.size else 0
    write_trade(book, out, s, (px, size, gross, fee, slippage), (reason, is_partial, now_ms))
    mark.ts_last_exit_ms = now_ms
    mark.last_exit_side = position.side
    mark.last_exit_reason = reason
    if is_partial:
        rest = 1.0 - (fraction if size == position.size * fraction else size / position.size)
        position.tp1_taken = 1
        position.entry_fee_usd *= rest
        position.entry_slippage_usd *= rest
        position.funding_usd *= rest
        position.margin_usd *= rest
        position.size -= size
    else:
        settle_position(account, position)
        exclude(book.held, s)


@device
def pay_funding(position: Position, account: Account, due_px: float, params: Params) -> None:
    """Settle what fell due on a held position; `due_px` is what a long unit pays, in USD."""
    if not params.enable_funding:
        return
    received = -position.side * position.size * due_px
    account.cash_usd += received
    account.funding_usd += received
    position.funding_usd += received
    position.realised_usd += received
