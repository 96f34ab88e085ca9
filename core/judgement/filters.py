"""From a signal to the queue: readiness, regime, market gate, confidence, waits, extremes."""

from __future__ import annotations

from core.judgement.check import Check
from core.judgement.gates import reverses
from core.judgement.scene import Scene
from kernel import codes, gates, routing, signals


def readiness_checks(scene: Scene) -> list[Check]:
    """Whether the symbol may be asked for a signal at all."""
    k, s = scene.at
    market = scene.market
    t = int(market.row_of[k])
    tradable = bool(market.tradable[t, s] if t >= 0 else market.tradable_before[s])
    between = market.entry_at.shape[0] > 0 and bool(market.entry_at[k, s])
    asked = scene.closes_row or (between and not bool(market.is_row[k]))
    lives = bool(market.last_bar_index[s] > t)
    least = int(scene.params.lookback_bars)
    seen = scene.bars_seen
    return [
        Check("a bar that entries are taken on closes (1 yes)", "engine.entry_interval",
              float(asked), "==", 1.0, asked),
        Check("of the universe and of --symbols (1 yes)", "engine.universe_top_count",
              float(tradable), "==", 1.0, tradable),
        Check("the symbol's data goes on (1 yes)", "", float(lives), "==", 1.0, lives),
        Check("bars seen", "engine.lookback_bars", seen, ">=", least, seen >= least),
    ]  # fmt: skip


def direction_checks(scene: Scene, raw_side: int) -> list[Check]:
    """What the market's breadth makes of a signal of `raw_side`."""
    snap, params = scene.snap, scene.params
    turned = reverses(scene)
    side = -raw_side if turned else raw_side
    breadth = float(snap["breadth"])
    by_breadth = bool(params.enable_auto_reverse)
    key = "market_regime.enable_auto_reverse" if by_breadth else "trade.reverse_entry_signal"
    blocked = signals.transformed_side(raw_side, snap, params)[1]
    long = side == codes.LONG
    name = "block_long_breadth_below" if long else "block_short_breadth_above"
    return [
        Check("signal turned around (-1) or not (1)", key, -1.0 if turned else 1.0,
              "makes the side", side, passed=True
              ).only_if(by_breadth or params.reverse_entry_signal),
        Check("breadth, % of symbols in an up-trend", f"market_regime.{name}", breadth,
              ">=" if long else "<=", float(params[name]), not blocked
              ).only_if(params.enable_regime_filter),
    ]  # fmt: skip


def market_gate_check(scene: Scene) -> Check:
    """The gate of the whole market, which holds for entries and adds alike."""
    shut = scene.entries_shut
    return Check("market gate shut (1) or open (0)", "market_regime.enable_gate", float(shut),
                 "==", 0.0, not shut).only_if(scene.common.enable_gate)  # fmt: skip


def entry_checks(scene: Scene, side: int, confidence: int) -> list[Check]:
    """The filters that a signal of `side` passes on a flat symbol."""
    snap, params = scene.snap, scene.params
    least = int(params.entry_min_confidence)
    long = side == codes.LONG
    held = bool(gates.gates_hold(params))
    weak = "block" if snap["adx"] < params.reef_adx_threshold else "extreme"
    extreme = f"reef_long_rsi_{weak}_above" if long else f"reef_short_rsi_{weak}_below"
    return [
        market_gate_check(scene),
        Check("confidence (0 low, 1 medium, 2 high)", "trade.entry_min_confidence", confidence,
              ">=", least, confidence >= least),
        _reentry(scene, side),
        Check("sign of the MACD histogram", "trade.enable_ssf_filter", float(snap["macd_hist"]),
              ">" if long else "<", 0.0, signals.ssf_allows(side, snap, params)
              ).only_if(params.enable_ssf_filter and held),
        Check("RSI at an extreme", f"trade.{extreme}", float(snap["rsi"]),
              "<=" if long else ">=", float(params[extreme]),
              signals.reef_allows(side, snap, params)
              ).only_if(params.enable_reef_filter and held),
    ]  # fmt: skip


def _reentry(scene: Scene, side: int) -> Check:
    """The wait after a close of the same side; the closes of this instant count."""
    mark = scene.between.marks[scene.at[1]]
    params = scene.params
    waits = routing.reentry_blocked(
        scene.between, scene.at[1], side, scene.snap, scene.ts_ms, params
    )
    minutes = (scene.ts_ms - int(mark["ts_last_exit_ms"])) / routing.MINUTE_MS
    same = mark["ts_last_exit_ms"] > 0 and mark["last_exit_side"] == side
    return Check("minutes since a close of this side", "trade.reentry_cooldown_max_minutes",
                 minutes, "of a wait up to", float(params.reentry_cooldown_max_minutes), not waits
                 ).only_if(params.enable_reentry_cooldown and same)  # fmt: skip
