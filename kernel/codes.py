"""Small integers spoken across the house; append-only, since artifacts and journals hold them."""

from __future__ import annotations

from typing import Final

LONG: Final = 1
FLAT: Final = 0
SHORT: Final = -1

CONFIDENCE_LOW: Final = 0
CONFIDENCE_MEDIUM: Final = 1
CONFIDENCE_HIGH: Final = 2

MACD_ACCEL: Final = 0
MACD_SIGN: Final = 1
MACD_NONE: Final = 2

STOP_LOCK_ENTRY: Final = 0
STOP_KEEP: Final = 1

EXHAUSTION_OWN: Final = 0
EXHAUSTION_ENTRY_THRESHOLD: Final = 1

STRATEGY_TREND: Final = 0
"""The others stand in `kernel.strategies`."""

MODE_NONE: Final = 0
MODE_STANDARD: Final = 1
MODE_PULLBACK: Final = 2
MODE_SLOW_DRIFT: Final = 3

REASON_NONE: Final = 0
REASON_STOP_LOSS: Final = 1
REASON_TRAILING_STOP: Final = 2
REASON_TAKE_PROFIT: Final = 3
REASON_TAKE_PROFIT_PARTIAL: Final = 4
REASON_SIGNAL_FLIP: Final = 5
REASON_TREND_BREAKDOWN: Final = 6
REASON_TREND_EXHAUSTION: Final = 7
REASON_EMA_MACRO: Final = 8
REASON_STAGNATION: Final = 9
REASON_FUNDING_HEADWIND: Final = 10
REASON_TSME: Final = 11
REASON_MMDE: Final = 12
REASON_RSI_OVEREXTENSION: Final = 13
REASON_LIQUIDATION: Final = 14
REASON_DELISTED: Final = 15
REASON_END_OF_DATA: Final = 16
REASON_SIGNAL_EXIT: Final = 17

SYMBOL_IS_BTC: Final = 1
SYMBOL_IS_PAXG: Final = 2

BTC_UNKNOWN: Final = -1
BTC_BEARISH: Final = 0
BTC_BULLISH: Final = 1

GATE_RANGING: Final = 1
GATE_ANOMALY: Final = 2
GATE_EXTENSION: Final = 4
GATE_VOLUME: Final = 8
GATE_ADX_NOT_RISING: Final = 16
GATE_ADX_LOW: Final = 32
GATE_BTC_LONG: Final = 64
GATE_BTC_SHORT: Final = 128
GATES_STANDARD: Final = 63
"""Every gate of a standard entry; the BTC gates are per side and not among them."""

COUNT_CHECKS: Final = 0
COUNT_RANGING: Final = 1
COUNT_ANOMALY: Final = 2
COUNT_EXTENSION: Final = 3
COUNT_VOLUME: Final = 4
COUNT_ADX_NOT_RISING: Final = 5
COUNT_ADX_LOW: Final = 6
COUNT_BTC: Final = 7
COUNT_SIGNALS: Final = 8
COUNT_REGIME: Final = 9
COUNT_CONFIDENCE: Final = 10
COUNT_REENTRY: Final = 11
COUNT_SSF: Final = 12
COUNT_REEF: Final = 13
COUNT_MAX_POSITIONS: Final = 14
COUNT_MAX_ENTRIES: Final = 15
COUNT_ENTRY_COOLDOWN: Final = 16
COUNT_MARGIN: Final = 17
COUNT_MIN_NOTIONAL: Final = 18
COUNT_ENTRIES: Final = 19
COUNT_ADDS: Final = 20
COUNT_MARKET_GATE: Final = 21
COUNTER_COUNT: Final = 22

TRIGGER_CLOSE: Final = 0
TRIGGER_INTRABAR: Final = 1

MARGIN_CROSS: Final = 0
MARGIN_ISOLATED: Final = 1

FEES_FIXED: Final = 0
FEES_BY_VOLUME: Final = 1

TAKER: Final = 0
MAKER: Final = 1

BAR_NONE: Final = 0
BAR_EXIT: Final = 1
BAR_INDICATOR: Final = 2

SIDES: Final = {LONG: "long", SHORT: "short"}
CONFIDENCES: Final = ("low", "medium", "high")
ENTRY_MODES: Final = (
    "none",
    "standard",
    "pullback",
    "slow_drift",
    "ma_crossover",
    "quad_ma",
    "rsi_reversion",
)
"""The three of the trend family, then the name of each other strategy."""
REASONS: Final = (
    "none",
    "stop_loss",
    "trailing_stop",
    "take_profit",
    "take_profit_partial",
    "signal_flip",
    "trend_breakdown",
    "trend_exhaustion",
    "ema_macro",
    "stagnation",
    "funding_headwind",
    "tsme",
    "mmde",
    "rsi_overextension",
    "liquidation",
    "delisted",
    "end_of_data",
    "signal_exit",
)
COUNTERS: Final = (
    "checks",
    "blocked_by_ranging",
    "blocked_by_anomaly",
    "blocked_by_extension",
    "blocked_by_volume",
    "blocked_by_adx_not_rising",
    "blocked_by_adx_low",
    "blocked_by_btc",
    "signals",
    "blocked_by_regime",
    "blocked_by_confidence",
    "blocked_by_reentry_cooldown",
    "blocked_by_ssf",
    "blocked_by_reef",
    "blocked_by_max_positions",
    "blocked_by_max_entries",
    "blocked_by_entry_cooldown",
    "blocked_by_margin",
    "blocked_by_min_notional",
    "entries",
    "adds",
    "blocked_by_market_gate",
)
