"""One decision in words: the rules that spoke on a symbol at an instant, each with its numbers.

Values and verdicts come from the kernel's own leaves; only the order and the names stand here.
Entries are judged by the rules of the standard mode, the weaker modes by their switch and limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.bank import Bank
from core.market.bars import BarBlock
from core.market.record import market_of
from core.simulate import State, book_of
from kernel import codes, context, exits, gates, routing, signals, strategies, view
from kernel.account import margin_used_usd, unrealised_usd
from kernel.headwind import headwind_exceeded
from kernel.portfolio import entry_cools
from kernel.records import Book
from schemas.records import to_records
from schemas.strategy import Strategy


@dataclass(frozen=True)
class Check:
    """One rule: `value` compared with `limit`, whether it let the decision through, and its key.

    A rule that is switched off passes without value and limit.
    """

    rule: str
    key: str
    value: float | None
    relation: str
    limit: float | None
    passed: bool

    def only_if(self, on: object) -> Check:
        """The rule itself, or the rule as switched off."""
        return self if on else replace(self, value=None, limit=None, passed=True)


@dataclass(frozen=True)
class Scene:
    """What a decision saw: one symbol's snapshot at an instant and the book before it."""

    snap: Any
    book: Book
    column: int
    now_ms: int
    params: Any
    ready: bool

    @property
    def position(self) -> Any:
        """The symbol's holding before the instant."""
        return self.book.positions[self.column]


@dataclass(frozen=True)
class Rules:
    """The common strategy, and those of symbols that have values of their own."""

    strategy: Strategy
    symbols: Mapping[str, Strategy]


def scene_of(
    block: BarBlock, bank: Bank, before: State, rules: Rules, at: tuple[int, int], bank_row: int
) -> Scene:
    """The scene of `at` (row of the block, column) with the book as it stood `before` that row.

    `bank_row` is the same instant's row in the bank, which may begin later than the block.
    """
    row, column = at
    own = tuple(symbol for symbol in sorted(rules.symbols) if symbol in block.symbols)
    rows = to_records([rules.strategy, *(rules.symbols[symbol] for symbol in own)])
    seen_part = block.rows(row - bank_row, len(block.ts_open_ms))
    market = market_of(seen_part, own=own, before_px=before.marks["px"].copy())
    columns = bank.columns_of(rows, market.own)
    book = book_of(before, before.symbols, 0.0)
    params = rows[market.own[column]]
    close_ms = int(block.ts_open_ms[row]) + block.interval_ms
    k = int(np.searchsorted(market.ts_close_ms, close_ms))
    state = context.market_before(market, columns, rows[0], book.marks, bank_row)
    account = book.account[0]
    account.btc_state, account.breadth, account.entries_shut = state
    snap = book.snaps[column]
    cell = (bank_row, column)
    bar = (market.volume[cell], market.funding_rate_1h[cell], market.flags[column])
    view.take_snapshot(snap, bar, columns, bank_row, column)
    if params.entry_strategy != codes.STRATEGY_TREND:
        view.take_own_series(snap, columns, bank_row, column)
    view.see_instant(snap, market, state[:2], (k, column))
    seen = int(book.marks[column]["bar_count"]) + 1
    return Scene(snap, book, column, close_ms, params, seen >= params.lookback_bars)


def entry_checks(scene: Scene, side: int) -> list[Check]:
    """Every rule between this bar and an entry on `side`, in the order in which they are asked."""
    snap, params = scene.snap, scene.params
    floor = gates.adx_floor(snap, params)
    failures = gates.gate_failures(snap, floor, params)
    found = strategies.raw_signal(snap, failures, floor, params)
    seen = int(scene.book.marks[scene.column]["bar_count"]) + 1
    least = int(params.lookback_bars)
    held = int(scene.position["side"])
    checks = [
        Check("bars seen", "engine.lookback_bars", seen, ">=", least, seen >= least),
        Check("position held (1 long, -1 short)", "", held, "!=", side, held != side),
        *_mode_checks(scene, side, floor, failures, found),
    ]
    if found[0] == codes.FLAT:
        return checks
    turned, blocked = signals.transformed_side(found[0], snap, params)
    checks.append(
        Check(
            "breadth, % of symbols in an up-trend",
            "market_regime.enable_regime_filter",
            float(snap["breadth"]),
            "allows side",
            side,
            not blocked and turned == side,
        ).only_if(turned != found[0] or params.enable_regime_filter)
    )
    return [*checks, *_filter_checks(scene, side, int(found[1])), *_account_checks(scene)]


def _mode_checks(
    scene: Scene, side: int, floor: float, failures: int, found: signals.Signal
) -> list[Check]:
    """The rules of the standard mode, or the one line of the weaker mode that fired."""
    snap, params = scene.snap, scene.params
    adx = float(snap["adx"])
    if found[0] != codes.FLAT and found[2] != codes.MODE_STANDARD:
        mode = codes.ENTRY_MODES[int(found[2])]
        group = f"thresholds.entry.{mode}_min_adx"
        return [Check(f"ADX of a {mode} entry", group, adx, ">=", float(found[3]), passed=True)]
    close, fast, slow = (float(snap[name]) for name in ("close_px", "ema_fast", "ema_slow"))
    rsi, rsi_limit = float(snap["rsi"]), float(signals.rsi_limit(side, snap, params))
    btc = codes.GATE_BTC_LONG if side == codes.LONG else codes.GATE_BTC_SHORT
    beyond = ">" if side == codes.LONG else "<"
    distance = float(gates.ema_fast_dist_frac(snap))
    entry = "thresholds.entry"
    return [
        Check("votes for a range", "thresholds.ranging.min_votes_count", _votes(snap, params),
              "<", int(params.ranging_min_votes_count), not failures & codes.GATE_RANGING
              ).only_if(params.enable_ranging_filter),
        Check("distance from the fast EMA, anomaly", "filters.enable_anomaly_filter", distance,
              "<=", float(params.anomaly_ema_fast_dev_above_frac),
              not failures & codes.GATE_ANOMALY).only_if(params.enable_anomaly_filter),
        Check("distance from the fast EMA", f"{entry}.ema_fast_dist_max_frac", distance, "<=",
              float(params.entry_ema_fast_dist_max_frac), not failures & codes.GATE_EXTENSION
              ).only_if(params.enable_extension_filter),
        Check("volume over its mean", "filters.require_volume_confirmation",
              float(snap["volume"]), ">", float(snap["vol_sma"]),
              not failures & codes.GATE_VOLUME).only_if(params.require_volume_confirmation),
        Check("rise of ADX", "filters.require_adx_rising", float(snap["adx_slope"]), ">", 0.0,
              not failures & codes.GATE_ADX_NOT_RISING).only_if(
                  params.require_adx_rising and adx <= params.adx_rising_saturation),
        Check("ADX", f"{entry}.min_adx", adx, ">", float(floor),
              not failures & codes.GATE_ADX_LOW),
        Check("fast EMA against the slow one", "indicators.ema_slow_window_bars", fast, beyond,
              slow, side * (fast - slow) > 0.0),
        Check("slow EMA against the macro one", "filters.require_macro_alignment", slow, beyond,
              float(snap["ema_macro"]), side * (slow - float(snap["ema_macro"])) > 0.0
              ).only_if(params.require_macro_alignment),
        Check("close beyond the fast EMA", "indicators.ema_fast_window_bars", close, beyond, fast,
              side * (close - fast) > 0.0),
        Check("RSI", f"thresholds.tp_and_momentum.rsi_{codes.SIDES[side]}_weak", rsi, beyond,
              rsi_limit, side * (rsi - rsi_limit) > 0.0),
        Check("BTC's trend (1 up, 0 down, -1 unknown)", "filters.require_btc_alignment",
              float(snap["btc_state"]), "allows side", side, not failures & btc
              ).only_if(params.require_btc_alignment),
        Check("MACD histogram, bars in a row", f"{entry}.macd_mode", float(snap["macd_run"]),
              beyond, 0.0, signals.macd_allows(side, snap["macd_hist"], snap["macd_run"], params)
              ).only_if(params.entry_macd_mode == codes.MACD_ACCEL),
        Check("MACD histogram", f"{entry}.macd_mode", float(snap["macd_hist"]), beyond, 0.0,
              signals.macd_allows(side, snap["macd_hist"], snap["macd_run"], params)
              ).only_if(params.entry_macd_mode == codes.MACD_SIGN),
        Check("stochastic RSI", "filters.use_stoch_rsi_filter", float(snap["stoch_k"]),
              "allows side", side, signals.stoch_allows(side, snap, params)
              ).only_if(params.use_stoch_rsi_filter),
    ]  # fmt: skip


def _votes(snap: Any, params: Any) -> int:
    """Signs of a range, as the ranging filter counts them."""
    low, high = float(params.ranging_rsi_low), float(params.ranging_rsi_high)
    signs = (
        snap["adx"] < params.ranging_adx_below,
        snap["bb_width_ratio"] < params.ranging_bb_width_ratio_below,
        low < snap["rsi"] < high,
    )
    return sum(map(bool, signs))


def _filter_checks(scene: Scene, side: int, confidence: int) -> list[Check]:
    """The filters that a signal on a flat symbol passes."""
    snap, params, book = scene.snap, scene.params, scene.book
    least = int(params.entry_min_confidence)
    since_ms = scene.now_ms - int(book.marks[scene.column]["ts_last_exit_ms"])
    waits = routing.reentry_blocked(book, scene.column, side, snap, scene.now_ms, params)
    rsi = float(snap["rsi"])
    return [
        Check("confidence (0 low, 1 medium, 2 high)", "trade.entry_min_confidence", confidence,
              ">=", least, confidence >= least),
        Check("minutes since the last exit", "trade.reentry_cooldown_max_minutes",
              since_ms / routing.MINUTE_MS, "of a wait up to",
              float(params.reentry_cooldown_max_minutes), not waits
              ).only_if(params.enable_reentry_cooldown),
        Check("sign of the MACD histogram", "trade.enable_ssf_filter", float(snap["macd_hist"]),
              ">" if side == codes.LONG else "<", 0.0, signals.ssf_allows(side, snap, params)
              ).only_if(params.enable_ssf_filter),
        Check("RSI at an extreme", "trade.enable_reef_filter", rsi, "allows side", side,
              signals.reef_allows(side, snap, params)).only_if(params.enable_reef_filter),
    ]  # fmt: skip


def _account_checks(scene: Scene) -> list[Check]:
    """The caps of the account before the instant; its own exits come before its entries."""
    book, params = scene.book, scene.params
    count, most = int(book.account[0]["open_count"]), int(params.open_positions_max_count)
    marks = np.zeros(len(book.positions))
    marks[scene.column] = scene.snap["close_px"]
    flat = book.positions["side"] == codes.FLAT
    marks = np.where(flat | (marks > 0.0), marks, book.positions["avg_px"])
    equity = float(book.account[0]["cash_usd"]) + float(unrealised_usd(book, marks))
    used, cap = float(margin_used_usd(book)), equity * float(params.total_margin_max_frac)
    cools = bool(entry_cools(book, scene.column, scene.now_ms, params))
    since_s = (scene.now_ms - int(book.marks[scene.column]["ts_last_entry_ms"])) / 1000.0
    return [
        Check("open positions", "trade.open_positions_max_count", count, "<", most, count < most),
        Check("margin in use, USD", "trade.total_margin_max_frac", used, "<", cap, used < cap),
        Check("seconds since the last entry", "trade.entry_cooldown_s", since_s, ">=",
              float(params.entry_cooldown_s), not cools),
    ]  # fmt: skip


def exit_checks(scene: Scene) -> list[Check]:
    """Every rule that can close the position at this close; `passed` means that it does not fire.

    The position is a copy: judging it moves no stop.
    """
    snap, params = scene.snap, scene.params
    position = scene.book.positions[scene.column : scene.column + 1].copy()[0]
    side = int(position["side"])
    close, avg = float(snap["close_px"]), float(position["avg_px"])
    inside = ">" if side == codes.LONG else "<"
    profit = float(exits.profit_atr(position, snap))
    stop = float(exits.stop_px(position, snap, profit, params))
    trailed = bool(exits.trailing_stop_hit(position, snap, profit, params))
    target = float(exits.take_profit_atr(snap, params))
    reason, _, _ = exits.take_profit_exit(position, close, target, params)
    fast, slow = float(snap["ema_fast"]), float(snap["ema_slow"])
    adx, tired = float(snap["adx"]), float(exits.exhaustion_adx(position, params))
    calm = float(snap["atr"])
    calm_limit = exits.STAGNATION_ATR_RATIO * float(exits.entry_atr_px(position))
    stagnant = calm < calm_limit and side * (close - avg) < 0.0
    rsi = float(snap["rsi"])
    overextended = bool(exits.rsi_overextended(position, snap, profit, params))
    momentum = exits.momentum_exit(position, snap, profit, params)
    return [
        Check("stop_loss: close", "trade.stop_loss_atr", close, inside, stop,
              side * (close - stop) > 0.0),
        Check("trailing_stop: close", "trade.trailing_distance_atr", close, inside,
              float(position["trail_px"]), not trailed).only_if(position["trail_px"] != 0.0),
        Check("take_profit: profit in ATR", "trade.take_profit_atr", profit, "<", target,
              reason == codes.REASON_NONE),
        Check("trend_breakdown: fast EMA against the slow one", "indicators.ema_slow_window_bars",
              fast, inside, slow, not exits.trend_broke(position, snap)),
        Check("trend_exhaustion: ADX", "trade.trend_exhaustion_adx_below", adx, ">=", tired,
              adx >= tired),
        Check("ema_macro: close", "filters.require_macro_alignment", close, inside,
              float(snap["ema_macro"]), side * (close - float(snap["ema_macro"])) >= 0.0
              ).only_if(params.require_macro_alignment and snap["ema_macro"] > 0.0),
        Check("stagnation: ATR", "", calm, ">=", calm_limit, not stagnant),
        Check("funding_headwind: funding rate", "trade.enable_funding_headwind_exit",
              float(snap["funding_rate_1h"]), "bearable for side", side, not headwind_exceeded(
                  position, snap, profit, exits.entry_atr_px(position))
              ).only_if(params.enable_funding_headwind_exit),
        Check("tsme, mmde: MACD bars in a row", "trade.tsme_min_profit_atr",
              float(snap["macd_run"]), "with side", side, momentum == codes.REASON_NONE),
        Check("rsi_overextension: RSI", "trade.enable_rsi_overextension_exit", rsi, "not beyond",
              float(params.rsi_exit_long_above if side == codes.LONG
                    else params.rsi_exit_short_below), not overextended
              ).only_if(params.enable_rsi_overextension_exit),
    ]  # fmt: skip
