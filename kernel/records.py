"""Layouts: what a bar, a position, an account and a trade look like in memory.

All fields are 8 bytes wide.  The dtypes are `Row` based, so that `position.side` means the same in
compiled and in plain Python.  The annotated classes exist for the reader and the editor.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Kinds = NDArray[np.int8]
Words = NDArray[np.int64]
Records = NDArray[Any]


class Row(np.record):  # type: ignore[misc]  # final in the stubs alone
    """One record, whose fields win over numpy's own names.

    An `np.record` answers `position.size` with its count of elements and `snap.flags` with its
    memory flags; compiled code reads the fields.
    """

    def __getattribute__(self, name: str) -> Any:
        """The field of that name, else what numpy has by it."""
        if name in np.void.__getattribute__(self, "dtype").fields:
            return np.void.__getitem__(self, name)
        return np.void.__getattribute__(self, name)


class Rules(NamedTuple):
    """What the venue says of each symbol.

    `size_scale` are the steps of size in one unit (0: unknown), `px_decimals` the most decimals of
    a price (-1: unknown); `tier_count` margin tiers (0: unknown) begin at `tier_usd`, with
    `tier_rate` maintenance margin per dollar and `tier_deduction_usd` taken off, `[S, J]`.
    """

    size_scale: Floats
    px_decimals: Ints
    tier_count: Ints
    tier_usd: Floats
    tier_rate: Floats
    tier_deduction_usd: Floats


class Market(NamedTuple):
    """What is known of all symbols at each instant: T indicator bars, K instants, S symbols.

    An instant is the close of any bar that decisions are made on; without finer bars K is T.
    `ts_close_ms[K]` are the instants, `row_of[K]` is the last indicator bar closed there (-1 before
    the first), `is_row[K]` says that it closes just there.

    `exit_kind[K, S]` says which bar an exit is judged on: 0 none, 1 an exit bar, 2 an indicator
    bar, for want of an exit bar; `open_px`, `high_px`, `low_px` `[K, S]` are that bar's, and
    `exit_ms`, `interval_ms` the two lengths.  `mark_px[K+1, S]` is the last close known: row k+1
    at instant k, row 0 before the first.  `entry_at[K, S]` marks closes of entry bars between those
    of indicator bars; it has no rows when there are none.

    Of indicator bars, `[T, S]`: `volume`, `present`, `funding_rate_1h` (last rate known at the
    close, 0 if none), `member` (of the universe then), `tradable` (a member that may be entered).
    `tradable_before[S]` is that of the bar before the first, `last_bar_index[S]` the row of a
    symbol's final bar, or T and more while it lives.

    `funding_px[K, S]` is what a unit of a long position pays at an instant, in USD, for all hours
    due since the one before; `funding_due[K]` says that any is.

    Per symbol: `flags` are `codes.SYMBOL_*`, `own` is the row of its parameters; `rules` are the
    venue's, and `maintenance_max_frac` is the most that they ask of a dollar of notional as
    maintenance margin, 0 where that is not known.  `btc_index` is the column of BTC, -1 without it.
    """

    ts_close_ms: Ints
    row_of: Ints
    is_row: Bools
    exit_kind: Kinds
    open_px: Floats
    high_px: Floats
    low_px: Floats
    mark_px: Floats
    entry_at: Bools
    exit_ms: int
    interval_ms: int
    volume: Floats
    present: Bools
    funding_rate_1h: Floats
    member: Bools
    tradable: Bools
    tradable_before: Bools
    last_bar_index: Ints
    funding_px: Floats
    funding_due: Bools
    flags: Ints
    own: Ints
    maintenance_max_frac: Floats
    rules: Rules
    btc_index: int


class Columns(NamedTuple):
    """The series that one strategy reads, each `[T+1, S]`: row t+1 is bar t, row t the one before.

    A series that no active rule reads may be any of the others; see `kernel.features`.  What stands
    in `aux_1` to `aux_4` is up to the chosen strategy.
    """

    close_px: Floats
    ema_fast: Floats
    ema_slow: Floats
    ema_macro: Floats
    macd_hist: Floats
    macd_run: Floats
    atr: Floats
    atr_avg: Floats
    adx: Floats
    rsi: Floats
    stoch_k: Floats
    bb_width_ratio: Floats
    vol_sma: Floats
    vol_short: Floats
    slow_slope_frac: Floats
    aux_1: Floats
    aux_2: Floats
    aux_3: Floats
    aux_4: Floats


class Survey(NamedTuple):
    """What every symbol signals at each indicator bar, whatever is held: T rows, S symbols.

    `calls[T, S]` are signals as `kernel.survey.call_of` writes them, 0 for none, with the ADX
    threshold of each in `floors[T, S]`.  `looks[T, W]` has a bit for each symbol that a flat book
    must look at, 32 to a word.  `breadth`, `btc_state` and `shut` `[T]` are the market as it was
    before a row.  `waited_row[S]` is the first row at which a symbol may be entered, -1 if it is
    before the first.  `first_row` is the bar that row 0 is of; `snaps` are scratch.
    """

    calls: Kinds
    floors: Floats
    looks: Words
    breadth: Floats
    btc_state: Ints
    shut: Ints
    waited_row: Ints
    first_row: int
    snaps: Records


class Book(NamedTuple):
    """All that persists from instant to instant, and scratch space that does not.

    `held[W]` has a bit for each symbol with a position, 32 to a word.  `snaps` hold each symbol's
    last view; only finer bars need them to persist.  `volumes_usd` is a ring of what was traded on
    the last days, `candidates` are scratch.
    """

    account: Records
    positions: Records
    held: Words
    marks: Records
    snaps: Records
    volumes_usd: Floats
    candidates: Records


class Output(NamedTuple):
    """Where a run writes: marked equity per instant, trades (may be empty) and counters."""

    equity_usd: Floats
    trades: Records
    counters: Ints


class Snapshot:
    """One symbol's view at one instant.

    `macd_run` counts strict moves of the histogram in a row, negative while it falls;
    `slow_slope_frac` is the slope of the slow EMA over price, `breadth` is 0 to 100; `aux_1` to
    `aux_4` are the chosen strategy's own series, with their values at the symbol's previous bar;
    the trend family has none and leaves them as they are.
    """

    close_px: float
    high_px: float
    low_px: float
    volume: float
    prev_close_px: float
    ema_fast: float
    prev_ema_fast: float
    ema_slow: float
    ema_macro: float
    macd_hist: float
    atr: float
    atr_avg: float
    atr_slope: float
    adx: float
    adx_slope: float
    rsi: float
    stoch_k: float
    bb_width_ratio: float
    vol_sma: float
    vol_short: float
    slow_slope_frac: float
    aux_1: float
    aux_2: float
    aux_3: float
    aux_4: float
    prev_aux_1: float
    prev_aux_2: float
    prev_aux_3: float
    prev_aux_4: float
    breadth: float
    funding_rate_1h: float
    ts_ms: int
    macd_run: int
    btc_state: int
    flags: int


class Position:
    """One symbol's holding; `side` FLAT means none.

    `trail_px` 0 means no trailing stop yet.  `stop_px` and `target_atr` rest in the market where
    exits are triggered inside a bar, as the last close set them.  `entry_fee_usd`,
    `entry_slippage_usd` and `funding_usd` (received, negative when paid) are what is not yet
    assigned to closed parts; `realised_usd` is net of all fees and funding; `min_px` and `max_px`
    are the extremes since entry.
    """

    size: float
    avg_px: float
    first_px: float
    entry_atr_px: float
    entry_adx_threshold: float
    trail_px: float
    stop_px: float
    target_atr: float
    margin_usd: float
    leverage: float
    entry_fee_usd: float
    entry_slippage_usd: float
    funding_usd: float
    realised_usd: float
    min_px: float
    max_px: float
    side: int
    confidence: int
    entry_mode: int
    adds: int
    tp1_taken: int
    breakeven_armed: int
    ts_entry_ms: int
    ts_last_add_ms: int
    position_id: int


class Mark:
    """What is remembered of a symbol between positions; times are 0 before the first event.

    `px` is the last close known when a run ended.
    """

    px: float
    bar_count: int
    ts_last_entry_ms: int
    ts_last_exit_ms: int
    last_exit_side: int
    last_exit_reason: int


class Account:
    """One ledger: cash holds realised PnL less fees; margin is a use of equity, not a payment.

    `slippage_usd` is what fills cost against the prices they were decided on; it is in the PnL.
    `funding_usd` is what was received, negative when paid.  `breadth`, `btc_state` and
    `entries_shut` are the market as the last indicator bar saw it.  `fee_tier` is that of
    `fee_day`, the last day with a fill.  `trade_count` and `candidate_count` are how many rows of
    the trades and of the queue are filled.
    """

    cash_usd: float
    funding_usd: float
    breadth: float
    fees_usd: float
    slippage_usd: float
    gross_pnl_usd: float
    turnover_usd: float
    gross_profit_usd: float
    gross_loss_usd: float
    best_position_usd: float
    exposure_sum: float
    btc_state: int
    entries_shut: int
    open_count: int
    fee_day: int
    fee_tier: int
    position_seq: int
    position_count: int
    win_count: int
    trade_count: int
    candidate_count: int
    exposed_bar_count: int


class Candidate:
    """An entry or add that waits for its rank."""

    atr_px: float
    adx_threshold: float
    symbol: int
    side: int
    confidence: int
    entry_mode: int
    score: int
    is_add: int


class Trade:
    """One close or partial close; `symbol` is the column index, times are bar closes."""

    entry_px: float
    exit_px: float
    size: float
    leverage: float
    gross_pnl_usd: float
    entry_fee_usd: float
    exit_fee_usd: float
    entry_slippage_usd: float
    exit_slippage_usd: float
    funding_usd: float
    mae_frac: float
    mfe_frac: float
    entry_atr_px: float
    position_id: int
    symbol: int
    side: int
    entry_ts_ms: int
    exit_ts_ms: int
    is_partial: int
    adds: int
    confidence: int
    entry_mode: int
    reason: int


class Stats:
    """What a run amounts to; ratios are not annualised."""

    equity_end_usd: float
    net_pnl_usd: float
    gross_pnl_usd: float
    fees_usd: float
    slippage_usd: float
    funding_usd: float
    turnover_usd: float
    gross_profit_usd: float
    gross_loss_usd: float
    best_position_usd: float
    drawdown_max_frac: float
    drawdown_max_usd: float
    sharpe_daily: float
    return_daily_mean: float
    return_daily_std: float
    downside_daily_std: float
    exposure_frac: float
    exposure_mean_frac: float
    position_count: int
    win_count: int
    day_count: int
    bar_count: int


def _layout(record: type) -> np.dtype[Any]:
    """The dtype of an annotated class: f8 for float, i8 for int, in order."""
    letters = {"float": "f8", "int": "i8"}
    fields = [(name, letters[kind]) for name, kind in record.__annotations__.items()]
    return np.dtype((Row, fields))


SNAPSHOT = _layout(Snapshot)
POSITION = _layout(Position)
MARK = _layout(Mark)
ACCOUNT = _layout(Account)
CANDIDATE = _layout(Candidate)
TRADE = _layout(Trade)
STATS = _layout(Stats)
