"""What can close a position at an instant, in the order in which it is asked.

`passed` means that a rule lets the position live.  The first word of a rule is the reason of the
close that it makes.  Positions are copies: judging one moves no stop.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from core.judgement.check import Check
from core.judgement.scene import Scene, copied, output
from kernel import codes, exits, intrabar, margin, strategies
from kernel.headwind import headwind_exceeded, headwind_limit_atr
from kernel.records import Book
from kernel.scan import close_and_lock, settle_funding


def exit_checks(scene: Scene) -> list[Check]:
    """Every rule that could close what the symbol held; none for a flat symbol.

    The list ends with the first rule after which no other is asked, such as a glitch.
    """
    if scene.position["side"] == codes.FLAT:
        return []
    k, s = scene.at
    book = copied(scene.before)
    if scene.market.funding_due[k]:
        settle_funding(scene.market.funding_px[k], scene.market.own, scene.stage.params, book)
    checks = _liquidation(scene, book)
    if any(not check.passed for check in checks):
        return checks
    checks.append(_judged(scene))
    if not checks[-1].ends:
        checks += _bar_checks(scene, book)
    ended = scene.market.last_bar_index[s] <= scene.market.row_of[k]
    return [*checks, Check("delisted: the symbol's data ends here (1 yes)", "", float(ended),
                           "==", 0.0, not ended)]  # fmt: skip


def _liquidation(scene: Scene, book: Book) -> list[Check]:
    """Whether the margin lasts: of the account in cross mode, of the position in isolated mode."""
    k, s = scene.at
    market, params = scene.market, scene.params
    if not scene.common.enable_liquidation:
        return [Check("liquidation", "trade.enable_liquidation", None, "", None, passed=True)]
    position = book.positions[s]
    px = float(market.mark_px[k + 1, s])
    out = []
    if margin.is_isolated(params):
        value, needed = margin.own_margin_usd(market.rules, position, s, px, params)
    else:
        rows = scene.stage.params
        worst, least = margin.cross_margin_usd(market, book, rows, k, margin.AT_WORST)
        safe = bool(worst >= least)
        out.append(Check("account value at the worst prices, USD",
                         "trade.enable_liquidation", float(worst), ">=", float(least),
                         passed=True))  # fmt: skip
        if safe:
            return out
        value, needed = margin.cross_margin_usd(market, book, rows, k, margin.AT_CLOSE)
    level = float(margin.liquidation_px(market.rules, s, position, (px, value - needed), params))
    reached = bool(margin.is_reached(market, book, (s, k, level), params))
    touched = float(margin.worst_px(market, position, s, k))
    return [*out, Check("liquidation: worst price of the bar", "trade.margin_mode", touched,
                        _inside(position), level, not reached)]  # fmt: skip


def _judged(scene: Scene) -> Check:
    """Whether a bar closes here that opened at the entry or later."""
    k, s = scene.at
    market, position = scene.market, scene.position
    kind = int(market.exit_kind[k, s])
    by_exit = kind == codes.BAR_EXIT or scene.closes_row
    judged = by_exit and bool(margin.is_judged(market, position, s, k))
    return Check("a bar that opened since the entry closes (1 yes)", "engine.exit_interval",
                 float(judged), "==", 1.0, passed=True, ends=not judged)  # fmt: skip


def _bar_checks(scene: Scene, book: Book) -> list[Check]:
    """What the bar and its close do, as `kernel.scan.try_exit` asks it."""
    k, s = scene.at
    snap, params, now_ms = scene.snap, scene.params, scene.ts_ms
    position = book.positions[s]
    last_ms = int(book.marks[s]["ts_last_exit_ms"])
    cooling = last_ms > 0 and now_ms - last_ms < params.exit_cooldown_s * 1000
    out: list[Check] = []
    if intrabar.rests_in_market(params) and not exits.is_glitch(snap, params):
        bar = (float(scene.market.open_px[k, s]), float(snap["high_px"]), float(snap["low_px"]))
        out += _resting(scene, position, bar, cooling=cooling)
        reason, fraction, px, role = intrabar.intrabar_exit(position, bar, params, cooling)
        if reason != codes.REASON_NONE:
            what = (reason, fraction, now_ms)
            rules, given = scene.market.rules, output(scene.stage)
            close_and_lock(rules, book, given, s, (px, role), what, params)
            if position["side"] == codes.FLAT:
                return out
            cooling = params.exit_cooldown_s > 0
            last_ms = now_ms
    return out + _close_checks(scene, position, last_ms, cooling=cooling)


def _resting(
    scene: Scene, position: Any, bar: tuple[float, float, float], *, cooling: bool
) -> list[Check]:
    """The levels that rested in the market while the bar went."""
    _, high, low = bar
    params = scene.params
    long = position["side"] == codes.LONG
    worst, best = (low, high) if long else (high, low)
    inside = _inside(position)
    stop = float(position["stop_px"])
    level = stop if cooling else float(intrabar.resting_stop_px(position))
    reason, *_ = intrabar.intrabar_exit(position, bar, params, cooling)
    stopped = reason in (codes.REASON_STOP_LOSS, codes.REASON_TRAILING_STOP)
    name = "stop_loss" if level == stop else "trailing_stop"
    found = [Check(f"{name}: worst price inside the bar", "trade.exit_trigger", worst, inside,
                   level, not stopped)]  # fmt: skip
    if cooling or stopped:
        return found
    target = float(exits.target_px(position, float(position["target_atr"])))
    taken = reason != codes.REASON_NONE
    first = params.enable_partial_tp and not position["tp1_taken"] and params.partial_tp_atr > 0.0
    if first:
        target = float(exits.target_px(position, float(params.partial_tp_atr)))
    return [*found, Check("take_profit: best price inside the bar", "trade.take_profit_atr", best,
                          "<" if long else ">", target, not taken)]  # fmt: skip


def _close_checks(scene: Scene, position: Any, last_ms: int, *, cooling: bool) -> list[Check]:
    """The rules that are asked at the close, as `kernel.exits.exit_decision` asks them."""
    snap, params = scene.snap, scene.params
    glitch = _glitch(scene)
    if glitch.ends:
        return [glitch]
    side, close = int(position["side"]), float(snap["close_px"])
    inside = _inside(position)
    profit = float(exits.profit_atr(position, snap))
    stop = float(exits.stop_px(position, snap, profit, params))
    since_s = (scene.ts_ms - last_ms) / 1000.0
    out = [
        glitch,
        Check("stop_loss: close", "trade.stop_loss_atr", close, inside, stop,
              side * (close - stop) > 0.0),
        Check("seconds since a close, else the stop alone acts", "trade.exit_cooldown_s",
              since_s, ">=", float(params.exit_cooldown_s), passed=True, ends=cooling
              ).only_if(last_ms > 0 and params.exit_cooldown_s > 0),
    ]  # fmt: skip
    if cooling:
        return out
    trailed = bool(exits.trailing_stop_hit(position, snap, profit, params))
    return [
        *out,
        Check("trailing_stop: close", "trade.trailing_distance_atr", close, inside,
              float(position["trail_px"]), not trailed).only_if(position["trail_px"] != 0.0),
        *_targets(scene, position, profit),
        *_smart(scene, position, profit),
    ]  # fmt: skip


def _glitch(scene: Scene) -> Check:
    snap, params = scene.snap, scene.params
    before = float(snap["prev_close_px"])
    jump = abs(float(snap["close_px"]) - before) / before if before > 0.0 else 0.0
    found = bool(exits.is_glitch(snap, params))
    limit = float(params.glitch_price_dev_frac)
    if before > 0.0 and snap["atr"] > 0.0:
        limit = min(limit, float(params.glitch_atr_mult * snap["atr"]) / before)
    return Check("price change; beyond the limit it is a glitch",
                 "trade.enable_glitch_guard", jump, "<=", limit, passed=True, ends=found
                 ).only_if(params.enable_glitch_guard)  # fmt: skip


def _targets(scene: Scene, position: Any, profit: float) -> list[Check]:
    """The first and the full target."""
    snap, params = scene.snap, scene.params
    close, full = float(snap["close_px"]), float(exits.take_profit_atr(snap, params))
    reason, _, mult = exits.take_profit_exit(position, close, full, params)
    first = float(params.partial_tp_atr) if params.partial_tp_atr > 0.0 else full
    waits = bool(params.enable_partial_tp and position["tp1_taken"] == 0)
    partial = Check("take_profit_partial: profit in ATR", "trade.partial_tp_atr", profit, "<",
                    first, reason != codes.REASON_TAKE_PROFIT_PARTIAL)  # fmt: skip
    hit = reason == codes.REASON_TAKE_PROFIT
    return [
        partial.only_if(waits),
        Check("take_profit: profit in ATR", "trade.take_profit_atr", profit, "<",
              float(mult) if hit else full, not hit),
    ]  # fmt: skip


def _smart(scene: Scene, position: Any, profit: float) -> list[Check]:
    """The strategy's own exit, those of the trend family, funding, momentum, RSI."""
    snap, params = scene.snap, scene.params
    side, rsi = int(position["side"]), float(snap["rsi"])
    trend = bool(exits.trend_exits_hold(params))
    own = bool(strategies.exit_signal(position, snap, params))
    atr = float(exits.entry_atr_px(position))
    paid = headwind_exceeded(position, snap, profit, atr)
    pays = side * snap["funding_rate_1h"] > 0.0
    extreme = "rsi_exit_long_above" if side == codes.LONG else "rsi_exit_short_below"
    limit = float(exits.rsi_exit_limit(position, profit, params))
    inside = "<=" if side == codes.LONG else ">="
    return [
        Check("signal_exit: the strategy's own rule (1 leave)", "strategies.entry_strategy",
              float(own), "==", 0.0, not own
              ).only_if(params.entry_strategy != codes.STRATEGY_TREND),
        *(check.only_if(trend and check.value is not None)
          for check in _trend(scene, position)),
        Check("funding_headwind: loss in ATR", "trade.enable_funding_headwind_exit", -profit,
              "<=", float(headwind_limit_atr(position, snap, atr)), not paid
              ).only_if(params.enable_funding_headwind_exit and pays and profit < 0.0),
        *(check.only_if(trend and check.value is not None)
          for check in _momentum(scene, position, profit)),
        Check("rsi_overextension: RSI", f"trade.{extreme}", rsi, inside, limit,
              not exits.rsi_overextended(position, snap, profit, params)
              ).only_if(params.enable_rsi_overextension_exit),
    ]  # fmt: skip


def _momentum(scene: Scene, position: Any, profit: float) -> list[Check]:
    """The exits on a strong trend whose momentum runs against the position."""
    snap, params = scene.snap, scene.params
    side, adx = int(position["side"]), float(snap["adx"])
    fading = snap["adx_slope"] < 0.0 or not params.tsme_require_adx_falling
    reason = int(exits.momentum_exit(position, snap, profit, params))
    run = float(side * snap["macd_run"])
    strong = adx > exits.TSME_ADX and profit >= params.tsme_min_profit_atr and fading
    gained = adx > exits.MMDE_ADX and profit > exits.MMDE_PROFIT_ATR
    return [
        Check("tsme: MACD bars in a row, our way", "trade.tsme_min_profit_atr", run, ">",
              -float(exits.TSME_RUN_BARS), reason != codes.REASON_TSME).only_if(strong),
        Check("mmde: MACD bars in a row, our way", "", run, ">", -float(exits.MMDE_RUN_BARS),
              reason != codes.REASON_MMDE).only_if(gained),
    ]  # fmt: skip


def _trend(scene: Scene, position: Any) -> list[Check]:
    """The exits of a trend that broke, ended or fell asleep."""
    snap, params = scene.snap, scene.params
    side, close, adx = int(position["side"]), float(snap["close_px"]), float(snap["adx"])
    fast, slow, macro = (float(snap[name]) for name in ("ema_fast", "ema_slow", "ema_macro"))
    tired = float(exits.exhaustion_adx(position, params))
    calm, calm_limit = (
        float(snap["atr"]),
        exits.STAGNATION_ATR_RATIO * float(exits.entry_atr_px(position)),
    )
    underwater = side * (close - float(position["avg_px"])) < 0.0
    inside = _inside(position)
    return [
        Check("trend_breakdown: fast EMA against the slow one", "indicators.ema_slow_window_bars",
              fast, inside, slow, not exits.trend_broke(position, snap)),
        Check("trend_exhaustion: ADX", "trade.trend_exhaustion_adx_below", adx, ">=", tired,
              adx >= tired),
        Check("ema_macro: close", "filters.require_macro_alignment", close, inside, macro,
              side * (close - macro) >= 0.0
              ).only_if(params.require_macro_alignment and macro > 0.0),
        Check("stagnation: ATR of a losing position", "", calm, ">=", calm_limit,
              calm >= calm_limit
              ).only_if(underwater and not is_paxg(snap)),
    ]  # fmt: skip


def is_paxg(snap: Any) -> bool:
    """True for the symbol whose calm is no sign of stagnation."""
    return bool(int(np.int64(snap["flags"])) & codes.SYMBOL_IS_PAXG)


def _inside(position: Any) -> str:
    """How a price stands to a level that it has not crossed against the position."""
    return ">" if position["side"] == codes.LONG else "<"
