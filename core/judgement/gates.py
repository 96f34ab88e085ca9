"""What stands between a bar and a signal: the gates, and the rules of each way to enter."""

from __future__ import annotations

from core.judgement.check import Check
from core.judgement.scene import Scene
from kernel import codes, gates, signals, strategies

ENTRY = "thresholds.entry"


def signal_of(scene: Scene) -> signals.Signal:
    """The signal of this instant as the chosen strategy's rule gives it; side FLAT for none."""
    floor = gates.adx_floor(scene.snap, scene.params)
    failures = gates.gate_failures(scene.snap, floor, scene.params)
    return strategies.raw_signal(scene.snap, failures, floor, scene.params)


def reverses(scene: Scene) -> bool:
    """True if a signal is turned to the other side at this instant."""
    params = scene.stage.params[[scene.market.own[scene.at[1]]]].copy()
    params["enable_regime_filter"] = 0
    return bool(signals.transformed_side(codes.LONG, scene.snap, params[0])[0] == codes.SHORT)


def leaning_side(scene: Scene) -> int:
    """The side that the rule would signal, if any; by the signal, else by the EMAs."""
    found = signal_of(scene)[0]
    if found == codes.FLAT and scene.params.entry_strategy != codes.STRATEGY_TREND:
        found = strategies.raw_signal(scene.snap, 0, 0.0, scene.params)[0]
    if found != codes.FLAT:
        return int(found)
    return codes.LONG if scene.snap["ema_fast"] >= scene.snap["ema_slow"] else codes.SHORT


def mode_checks(scene: Scene, side: int) -> dict[str, list[Check]]:
    """The rules of each entry mode that is on, for a signal of `side`; the first to pass wins."""
    params = scene.params
    if params.entry_strategy != codes.STRATEGY_TREND:
        return {codes.ENTRY_MODES[_own_mode(scene)]: _own_checks(scene, side)}
    out = {"standard": _standard(scene, side)}
    if params.entry_enable_pullback_entries:
        out["pullback"] = _pullback(scene, side)
    if params.entry_enable_slow_drift_entries:
        out["slow_drift"] = _slow_drift(scene, side)
    return out


def _own_mode(scene: Scene) -> int:
    """The mode of a strategy beside the trend family, which has one."""
    return codes.MODE_SLOW_DRIFT + int(scene.params.entry_strategy)


def _own_checks(scene: Scene, side: int) -> list[Check]:
    """A strategy's own rule as one line, then the gates that it is held to."""
    name = codes.ENTRY_MODES[_own_mode(scene)]
    found = strategies.raw_signal(scene.snap, 0, 0.0, scene.params)[0]
    own = Check(f"rule of {name} (1 long, -1 short, 0 none)", "strategies.entry_strategy",
                found, "==", side, found == side)  # fmt: skip
    return [own, *gate_checks(scene, side)] if gates.gates_hold(scene.params) else [own]


def gate_checks(scene: Scene, side: int) -> list[Check]:
    """The gates of a standard entry, BTC's last."""
    snap, params = scene.snap, scene.params
    adx, floor = float(snap["adx"]), float(gates.adx_floor(snap, params))
    return [
        *shared_checks(scene),
        Check("rise of ADX", "filters.require_adx_rising", float(snap["adx_slope"]), ">", 0.0,
              not gates.adx_stalls(snap, params)).only_if(
                  params.require_adx_rising and adx <= params.adx_rising_saturation),
        Check("ADX", f"{ENTRY}.min_adx", adx, ">", floor, adx > floor),
        _btc(scene, side),
    ]  # fmt: skip


def shared_checks(scene: Scene) -> list[Check]:
    """The gates that every mode of the trend family shares."""
    snap, params = scene.snap, scene.params
    close, before = float(snap["close_px"]), float(snap["prev_close_px"])
    jump = abs(close - before) / before if before > 0.0 else 0.0
    distance = float(gates.ema_fast_dist_frac(snap))
    return [
        _ranging(scene),
        Check("price change since the bar before", "thresholds.anomaly.price_change_above_frac",
              jump, "<=", float(params.anomaly_price_change_above_frac),
              jump <= params.anomaly_price_change_above_frac
              ).only_if(params.enable_anomaly_filter),
        Check("distance from the fast EMA, anomaly", "thresholds.anomaly.ema_fast_dev_above_frac",
              distance, "<=", float(params.anomaly_ema_fast_dev_above_frac),
              distance <= params.anomaly_ema_fast_dev_above_frac
              ).only_if(params.enable_anomaly_filter),
        Check("distance from the fast EMA", f"{ENTRY}.ema_fast_dist_max_frac", distance, "<=",
              float(params.entry_ema_fast_dist_max_frac), not gates.is_extended(snap, params)
              ).only_if(params.enable_extension_filter),
        _volume(scene),
    ]  # fmt: skip


def _ranging(scene: Scene) -> Check:
    snap, params = scene.snap, scene.params
    low, high = float(params.ranging_rsi_low), float(params.ranging_rsi_high)
    votes = sum(map(bool, (
        snap["adx"] < params.ranging_adx_below,
        snap["bb_width_ratio"] < params.ranging_bb_width_ratio_below,
        low < snap["rsi"] < high,
    )))  # fmt: skip
    least = int(params.ranging_min_votes_count)
    passed = not gates.is_ranging(snap, params)
    excused = passed and votes >= least and params.enable_ranging_filter
    relation = "excused by a slow drift, else <" if excused else "<"
    return Check("votes for a range", "thresholds.ranging.min_votes_count", votes, relation,
                 least, passed).only_if(params.enable_ranging_filter)  # fmt: skip


def _volume(scene: Scene) -> Check:
    snap, params = scene.snap, scene.params
    both = (float(snap["volume"]), float(snap["vol_short"]))
    either = bool(params.volume_either_suffices)
    value = max(both) if either else min(both)
    return Check("volume over its mean", "filters.require_volume_confirmation", value, ">",
                 float(snap["vol_sma"]), gates.volume_confirms(snap, params)
                 ).only_if(params.require_volume_confirmation)  # fmt: skip


def _btc(scene: Scene, side: int) -> Check:
    snap, params = scene.snap, scene.params
    override = float(params.entry_btc_adx_override)
    overruled = "overruled by ADX, side" if snap["adx"] > override else "allows side"
    return Check("BTC's trend (1 up, 0 down, -1 unknown)", "filters.require_btc_alignment",
                 float(snap["btc_state"]), overruled, side, gates.btc_agrees(side, snap, params)
                 ).only_if(params.require_btc_alignment)  # fmt: skip


def _trend(scene: Scene, side: int) -> list[Check]:
    """The EMAs in the order of `side`."""
    snap, params = scene.snap, scene.params
    fast, slow, macro = (float(snap[name]) for name in ("ema_fast", "ema_slow", "ema_macro"))
    beyond = _beyond(side)
    return [
        Check("fast EMA against the slow one", "indicators.ema_slow_window_bars", fast, beyond,
              slow, side * (fast - slow) > 0.0),
        Check("slow EMA against the macro one", "filters.require_macro_alignment", slow, beyond,
              macro, side * (slow - macro) > 0.0).only_if(params.require_macro_alignment),
    ]  # fmt: skip


def _close(scene: Scene, side: int, ema: str) -> Check:
    """The close beyond an EMA, `fast` or `slow`."""
    close, mean = float(scene.snap["close_px"]), float(scene.snap[f"ema_{ema}"])
    return Check(f"close beyond the {ema} EMA", f"indicators.ema_{ema}_window_bars", close,
                 _beyond(side), mean, side * (close - mean) > 0.0)  # fmt: skip


def _beyond(side: int) -> str:
    return ">" if side == codes.LONG else "<"


def _standard(scene: Scene, side: int) -> list[Check]:
    snap, params = scene.snap, scene.params
    rsi, limit = float(snap["rsi"]), float(signals.rsi_limit(side, snap, params))
    hist, run = float(snap["macd_hist"]), float(snap["macd_run"])
    allowed = signals.macd_allows(side, hist, run, params)
    block = "block_long_above" if side == codes.LONG else "block_short_below"
    *gated, btc = gate_checks(scene, side)
    return [
        *gated,
        *_trend(scene, side),
        _close(scene, side, "fast"),
        Check("RSI", f"thresholds.tp_and_momentum.rsi_{codes.SIDES[side]}_weak", rsi,
              _beyond(side), limit, side * (rsi - limit) > 0.0),
        btc,
        Check("MACD histogram, bars in a row", f"{ENTRY}.macd_mode", run, _beyond(side), 0.0,
              allowed).only_if(params.entry_macd_mode == codes.MACD_ACCEL),
        Check("MACD histogram", f"{ENTRY}.macd_mode", hist, _beyond(side), 0.0, allowed
              ).only_if(params.entry_macd_mode == codes.MACD_SIGN),
        Check("stochastic RSI", f"thresholds.stoch_rsi.{block}", float(snap["stoch_k"]),
              "<" if side == codes.LONG else ">", float(params[f"stoch_rsi_{block}"]),
              signals.stoch_allows(side, snap, params)).only_if(params.use_stoch_rsi_filter),
    ]  # fmt: skip


def _pullback(scene: Scene, side: int) -> list[Check]:
    snap = scene.snap
    before, mean = float(snap["prev_close_px"]), float(snap["prev_ema_fast"])
    return [
        *_weaker(scene, side, "pullback", "fast"),
        Check("close of the bar before, not beyond its fast EMA",
              f"{ENTRY}.enable_pullback_entries", before,
              "<=" if side == codes.LONG else ">=", mean,
              signals.was_behind(side, before, mean)),
        *_weaker_limits(scene, side, "pullback"),
    ]  # fmt: skip


def _slow_drift(scene: Scene, side: int) -> list[Check]:
    snap, params = scene.snap, scene.params
    slope, least = float(snap["slow_slope_frac"]), float(params.entry_slow_drift_min_slope_frac)
    return [
        *_weaker(scene, side, "slow_drift", "slow"),
        Check("slope of the slow EMA", f"{ENTRY}.slow_drift_min_slope_frac", slope,
              ">=" if side == codes.LONG else "<=", side * least,
              signals.drifts(side, slope, params)),
        *_weaker_limits(scene, side, "slow_drift"),
    ]  # fmt: skip


def _weaker(scene: Scene, side: int, mode: str, ema: str) -> list[Check]:
    """What both weaker modes ask first."""
    adx, least = float(scene.snap["adx"]), float(scene.params[f"entry_{mode}_min_adx"])
    return [
        *shared_checks(scene),
        Check("ADX", f"{ENTRY}.{mode}_min_adx", adx, ">=", least, adx >= least),
        *_trend(scene, side),
        _close(scene, side, ema),
        _btc(scene, side),
    ]


def _weaker_limits(scene: Scene, side: int, mode: str) -> list[Check]:
    """What both weaker modes ask of MACD and RSI."""
    params = scene.params
    hist, rsi = float(scene.snap["macd_hist"]), float(scene.snap["rsi"])
    name = "rsi_long_min" if side == codes.LONG else "rsi_short_max"
    limit = float(params[f"entry_{mode}_{name}"])
    return [
        Check("MACD histogram", f"{ENTRY}.{mode}_require_macd_sign", hist, _beyond(side), 0.0,
              side * hist > 0.0).only_if(params[f"entry_{mode}_require_macd_sign"]),
        Check("RSI", f"{ENTRY}.{mode}_{name}", rsi, ">=" if side == codes.LONG else "<=", limit,
              side * (rsi - limit) >= 0.0),
    ]  # fmt: skip
