"""The reference's configuration keys: what each is called here, its default, which had no effect.

The reference is the program that people come from; its key names are met in `config
import-reference` alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.base import Value
from schemas.parameters import by_path
from schemas.yaml_text import read_scalar

TABLE = """
[trade]
allocation_pct                         allocation_frac                        0.03
sl_atr_mult                            stop_loss_atr                          2
tp_atr_mult                            take_profit_atr                        4
leverage_low                           =                                      1
leverage_medium                        =                                      3
leverage_high                          =                                      5
enable_reef_filter                     =                                      true
reef_long_rsi_block_gt                 reef_long_rsi_block_above              70
reef_short_rsi_block_lt                reef_short_rsi_block_below             30
reef_adx_threshold                     =                                      45
reef_long_rsi_extreme_gt               reef_long_rsi_extreme_above            75
reef_short_rsi_extreme_lt              reef_short_rsi_extreme_below           25
slippage_bps                           entry_slippage_bps                     10
min_notional_usd                       =                                      10
bump_to_min_notional                   =                                      false
max_total_margin_pct                   total_margin_max_frac                  0.6
enable_dynamic_sizing                  =                                      true
confidence_mult_high                   =                                      1
confidence_mult_medium                 =                                      0.7
confidence_mult_low                    =                                      0.5
adx_sizing_min_mult                    adx_sizing_mult_min                    0.6
adx_sizing_full_adx                    =                                      40
vol_baseline_pct                       vol_baseline_frac                      0.01
vol_scalar_min                         =                                      0.5
vol_scalar_max                         =                                      1
enable_pyramiding                      =                                      true
max_adds_per_symbol                    adds_max_count                         2
add_fraction_of_base_margin            add_margin_frac                        0.5
add_cooldown_minutes                   =                                      60
add_min_profit_atr                     =                                      0.5
add_min_confidence                     =                                      medium
entry_min_confidence                   =                                      high
enable_partial_tp                      =                                      true
tp_partial_pct                         partial_tp_frac                        0.5
tp_partial_min_notional_usd            partial_tp_min_notional_usd            10
tp_partial_atr_mult                    partial_tp_atr                         0
trailing_start_atr                     =                                      1
trailing_distance_atr                  =                                      0.8
trailing_start_atr_low_conf            trailing_start_low_conf_atr            0
trailing_distance_atr_low_conf         trailing_distance_low_conf_atr         0
enable_ssf_filter                      =                                      true
smart_exit_adx_exhaustion_lt           trend_exhaustion_adx_below             18
smart_exit_adx_exhaustion_lt_low_conf  trend_exhaustion_low_conf_adx_below    0
enable_rsi_overextension_exit          =                                      true
rsi_exit_profit_atr_switch             rsi_exit_switch_atr                    1.5
rsi_exit_ub_lo_profit                  rsi_exit_long_above                    80
rsi_exit_ub_hi_profit                  rsi_exit_long_profit_above             70
rsi_exit_lb_lo_profit                  rsi_exit_short_below                   20
rsi_exit_lb_hi_profit                  rsi_exit_short_profit_below            30
rsi_exit_ub_lo_profit_low_conf         rsi_exit_long_low_conf_above           0
rsi_exit_ub_hi_profit_low_conf         rsi_exit_long_profit_low_conf_above    0
rsi_exit_lb_lo_profit_low_conf         rsi_exit_short_low_conf_below          0
rsi_exit_lb_hi_profit_low_conf         rsi_exit_short_profit_low_conf_below   0
reentry_cooldown_minutes               enable_reentry_cooldown                60
reentry_cooldown_min_mins              reentry_cooldown_min_minutes           45
reentry_cooldown_max_mins              reentry_cooldown_max_minutes           180
enable_vol_buffered_trailing           =                                      true
tsme_min_profit_atr                    =                                      1
tsme_require_adx_slope_negative        tsme_require_adx_falling               true
min_atr_pct                            min_atr_frac                           0.003
reverse_entry_signal                   =                                      false
block_exits_on_extreme_dev             enable_glitch_guard                    false
glitch_price_dev_pct                   glitch_price_dev_frac                  0.4
glitch_atr_mult                        =                                      12
max_open_positions                     open_positions_max_count               20
entry_cooldown_s                       =                                      20
exit_cooldown_s                        =                                      15
max_entry_orders_per_loop              entries_per_bar_max_count              6
[indicators]
ema_slow_window                        ema_slow_window_bars                   50
ema_fast_window                        ema_fast_window_bars                   20
ema_macro_window                       ema_macro_window_bars                  200
adx_window                             adx_window_bars                        14
bb_window                              bb_window_bars                         20
bb_width_avg_window                    bb_width_avg_window_bars               30
atr_window                             atr_window_bars                        14
rsi_window                             rsi_window_bars                        14
vol_sma_window                         vol_sma_window_bars                    20
vol_trend_window                       vol_trend_window_bars                  5
stoch_rsi_window                       stoch_rsi_window_bars                  14
stoch_rsi_smooth1                      stoch_rsi_smooth_bars                  3
[filters]
enable_ranging_filter                  =                                      true
enable_anomaly_filter                  =                                      true
enable_extension_filter                =                                      true
require_adx_rising                     =                                      true
adx_rising_saturation                  =                                      40
require_volume_confirmation            =                                      false
vol_confirm_include_prev               volume_either_suffices                 true
use_stoch_rsi_filter                   =                                      true
require_btc_alignment                  =                                      true
require_macro_alignment                =                                      false
[market_regime]
enable_regime_filter                   =                                      false
breadth_block_short_above              block_short_breadth_above              90
breadth_block_long_below               block_long_breadth_below               10
enable_auto_reverse                    =                                      false
auto_reverse_breadth_low               =                                      10
auto_reverse_breadth_high              =                                      90
[thresholds.entry]
min_adx                                =                                      22
high_conf_volume_mult                  =                                      2.5
btc_adx_override                       =                                      40
max_dist_ema_fast                      ema_fast_dist_max_frac                 0.04
ave_enabled                            =                                      true
ave_atr_ratio_gt                       ave_atr_ratio_above                    1.5
ave_adx_mult                           =                                      1.25
ave_avg_atr_window                     indicators.atr_avg_window_bars         50
macd_hist_entry_mode                   macd_mode                              accel
enable_pullback_entries                =                                      false
pullback_confidence                    =                                      low
pullback_min_adx                       =                                      22
pullback_rsi_long_min                  =                                      50
pullback_rsi_short_max                 =                                      50
pullback_require_macd_sign             =                                      true
enable_slow_drift_entries              =                                      false
slow_drift_slope_window                indicators.slow_drift_slope_window_bars 20
slow_drift_min_slope_pct               slow_drift_min_slope_frac              0.0006
slow_drift_min_adx                     =                                      10
slow_drift_rsi_long_min                =                                      50
slow_drift_rsi_short_max               =                                      50
slow_drift_require_macd_sign           =                                      true
[thresholds.ranging]
min_signals                            min_votes_count                        2
adx_below                              =                                      21
bb_width_ratio_below                   =                                      0.8
rsi_low                                =                                      47
rsi_high                               =                                      53
[thresholds.anomaly]
price_change_pct_gt                    price_change_above_frac                0.1
ema_fast_dev_pct_gt                    ema_fast_dev_above_frac                0.5
[thresholds.tp_and_momentum]
adx_strong_gt                          adx_strong_above                       40
rsi_long_strong                        =                                      52
rsi_long_weak                          =                                      56
rsi_short_strong                       =                                      48
rsi_short_weak                         =                                      44
[thresholds.stoch_rsi]
block_long_if_k_gt                     block_long_above                       0.85
block_short_if_k_lt                    block_short_below                      0.15
[engine]
interval                               =                                      1h
"""
"""Under each group: their key, our key (`=` the same; with dots: another group), their default."""

BREAKEVEN = "its breakeven stop can never be hit; the result has the breakeven stop off"
DYNAMIC_TP = "its exits always take tp_atr_mult; here: trade.enable_dynamic_tp"
LIVE_LOOP_ONLY = "its live loop reads it, its decisions do not"
REGIME_GATE = "its decisions never ask the regime gate"

NO_EFFECT: dict[str, str] = {
    "trade.leverage": "sizes come from leverage_low, leverage_medium and leverage_high",
    "trade.use_bbo_for_fills": LIVE_LOOP_ONLY,
    "trade.enable_breakeven_stop": BREAKEVEN,
    "trade.breakeven_start_atr": BREAKEVEN,
    "trade.breakeven_buffer_atr": BREAKEVEN,
    "indicators.stoch_rsi_smooth2": "it smooths the D line, which no rule reads",
    "indicators.ave_avg_atr_window": "the window is thresholds.entry.ave_avg_atr_window",
    "thresholds.tp_and_momentum.adx_weak_lt": DYNAMIC_TP,
    "thresholds.tp_and_momentum.tp_mult_strong": DYNAMIC_TP,
    "thresholds.tp_and_momentum.tp_mult_weak": DYNAMIC_TP,
    "market_regime.enable_regime_gate": REGIME_GATE,
    "market_regime.regime_gate_breadth_low": REGIME_GATE,
    "market_regime.regime_gate_breadth_high": REGIME_GATE,
    "market_regime.regime_gate_btc_adx_min": REGIME_GATE,
    "market_regime.regime_gate_btc_atr_pct_min": REGIME_GATE,
    "market_regime.regime_gate_fail_open": REGIME_GATE,
    "engine.loop_target_s": LIVE_LOOP_ONLY,
    "engine.signal_on_candle_close": "it acts together with entry_interval alone",
}
"""Their key -> why it changes no result there."""

NO_EFFECT_GROUPS: dict[str, str] = {
    "runtime": "it chooses storage and logs, not decisions",
    "pipeline": "the order of stages and exits is fixed here, as in its production profile",
}
"""Their group -> why it changes no result there."""

NEUTRAL_PROFILES = ("", "production", "parity_baseline")
"""Profiles of theirs that run the plan that is fixed here."""

CORRECTIONS: dict[str, Value] = {
    "trade.exit_slippage_bps": 0.5,
    "trade.taker_fee_bps": 3.5,
    "trade.fee_on_unslipped_px": True,
    "trade.fee_schedule": "fixed",
    "trade.enable_funding": False,
    "trade.enable_venue_rounding": False,
    "trade.enable_liquidation": False,
    "trade.exit_trigger": "close",
    "trade.enable_breakeven_stop": False,
    "trade.enable_dynamic_tp": False,
    "trade.enable_funding_headwind_exit": False,
    "trade.partial_tp_stop": "keep",
    "trade.trend_exhaustion_source": "entry_threshold",
    "market_regime.enable_gate": False,
    "engine.exit_interval": "same",
    "engine.entry_interval": "same",
    "engine.universe_top_count": 0,
    "engine.lookback_bars": 200,
    "engine.excursions_count_entry_bar": True,
}
"""Our keys that have no key there, at the values that give the reference's results."""

INERT = (
    "trade.maker_fee_bps",
    "trade.margin_mode",
    "trade.unknown_maintenance_frac",
    "engine.universe_keep_count",
    *(path for path in by_path() if path.startswith("market_regime.gate_")),
    "trade.breakeven_start_atr",
    "trade.breakeven_buffer_atr",
    "thresholds.tp_and_momentum.adx_weak_below",
    "thresholds.tp_and_momentum.take_profit_strong_atr",
    "thresholds.tp_and_momentum.take_profit_weak_atr",
    *(path for path in by_path() if path.startswith("strategies.")),
)
"""Our keys that the switches above put out of action, and those of strategies beside `trend`,
which it does not have; they keep our defaults."""


@dataclass(frozen=True)
class ReferenceKey:
    """A key that acts there: our path for it, and its default in their file."""

    theirs: str
    ours: str
    default: Value


def _parse(table: str) -> dict[str, ReferenceKey]:
    keys = {}
    group = ""
    for line in table.strip().splitlines():
        if line.startswith("["):
            group = line.strip("[]")
            continue
        name, ours, word = line.split()
        path = name if ours == "=" else ours
        default = read_scalar(word)
        assert default is not None, line
        theirs = f"{group}.{name}"
        keys[theirs] = ReferenceKey(theirs, path if "." in path else f"{group}.{path}", default)
    return keys


KEYS = _parse(TABLE)
"""Their dotted path -> the key, for every key that acts there."""

KNOWN = (*KEYS, *NO_EFFECT, *NO_EFFECT_GROUPS)
GROUPS = frozenset(
    path.rsplit(".", depth)[0]
    for path in (*KEYS, *NO_EFFECT)
    for depth in range(1, path.count(".") + 1)
)
"""Paths of their groups, such as `trade` and `thresholds.entry`."""
