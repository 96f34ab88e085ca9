"""Parameters of a signal: the numeric limits of gates and entry modes."""

from __future__ import annotations

from typing import Literal

from schemas.base import Group, param
from schemas.strategy_orders import Confidence

MacdMode = Literal["accel", "sign", "none"]

RANGING = ("filters.enable_ranging_filter", True)
ANOMALY = ("filters.enable_anomaly_filter", True)
EXTENSION = ("filters.enable_extension_filter", True)
STOCH = ("filters.use_stoch_rsi_filter", True)
BTC = ("filters.require_btc_alignment", True)
AVE = ("thresholds.entry.ave_enabled", True)
PULLBACK = ("thresholds.entry.enable_pullback_entries", True)
DRIFT = ("thresholds.entry.enable_slow_drift_entries", True)
DYNAMIC_TP = ("trade.enable_dynamic_tp", True)


class EntryThresholds(Group):
    """Limits of the three entry modes."""

    min_adx: float = param(
        22.0,
        "ADX",
        "Least ADX of a standard entry, before the two adjustments.",
        ge=0,
        le=100,
        axis=(10.0, 15.0, 20.0, 25.0),
    )
    high_conf_volume_mult: float = param(
        2.5,
        "factor",
        "Volume over its mean that makes a standard signal high confidence.",
        ge=0,
        le=1000,
        axis=(1.5, 2.0, 2.5, 3.0),
    )
    btc_adx_override: float = param(
        40.0,
        "ADX",
        "Above this ADX a symbol may go against BTC.",
        ge=0,
        le=100,
        axis=(28.0, 40.0, 52.0),
        when=BTC,
    )
    ema_fast_dist_max_frac: float = param(
        0.04,
        "fraction of price",
        "Most distance of the close from the fast EMA.",
        gt=0,
        le=10,
        axis=(0.02, 0.03, 0.04, 0.05),
        when=EXTENSION,
    )
    ave_enabled: bool = param(
        True,
        "switch",
        "Raise or lower the ADX limit while ATR is above its mean.",
        axis=(False, True),
    )
    ave_atr_ratio_above: float = param(
        1.5,
        "ratio",
        "ATR over its mean from which the ADX limit changes.",
        gt=0,
        le=100,
        axis=(1.0, 1.25, 1.5, 2.0),
        when=AVE,
    )
    ave_adx_mult: float = param(
        1.25,
        "factor",
        "Factor on the ADX limit then.",
        gt=0,
        le=10,
        axis=(0.8, 1.0, 1.25, 1.5),
        when=AVE,
    )
    macd_mode: MacdMode = param(
        "accel",
        "rule",
        "A standard entry asks the MACD histogram to grow, to have its sign, or nothing.",
        axis=("accel", "sign", "none"),
    )
    enable_pullback_entries: bool = param(
        False, "switch", "Enter when price recrosses the fast EMA in a trend.", axis=(False, True)
    )
    pullback_confidence: Confidence = param(
        "low",
        "confidence",
        "Confidence of a pullback signal.",
        axis=("low", "medium", "high"),
        when=PULLBACK,
    )
    pullback_min_adx: float = param(
        22.0,
        "ADX",
        "Least ADX of a pullback entry.",
        ge=0,
        le=100,
        axis=(15.0, 22.0, 30.0),
        when=PULLBACK,
    )
    pullback_rsi_long_min: float = param(
        50.0,
        "RSI",
        "Least RSI of a long pullback.",
        ge=0,
        le=100,
        axis=(30.0, 40.0, 50.0),
        when=PULLBACK,
    )
    pullback_rsi_short_max: float = param(
        50.0,
        "RSI",
        "Largest RSI of a short pullback.",
        ge=0,
        le=100,
        axis=(55.0, 65.0, 75.0),
        when=PULLBACK,
    )
    pullback_require_macd_sign: bool = param(
        True,
        "switch",
        "A pullback needs the MACD histogram on its side.",
        axis=(False, True),
        when=PULLBACK,
    )
    enable_slow_drift_entries: bool = param(
        False, "switch", "Enter along a persistent slope of the slow EMA.", axis=(False, True)
    )
    slow_drift_min_slope_frac: float = param(
        0.0006,
        "fraction of price",
        "Least slope of the slow EMA over its span.",
        ge=0,
        le=10,
        axis=(0.0004, 0.0006, 0.0008),
        when=DRIFT,
    )
    slow_drift_min_adx: float = param(
        10.0,
        "ADX",
        "Least ADX of a slow-drift entry.",
        ge=0,
        le=100,
        axis=(7.0, 10.0, 13.0),
        when=DRIFT,
    )
    slow_drift_rsi_long_min: float = param(
        50.0,
        "RSI",
        "Least RSI of a long drift.",
        ge=0,
        le=100,
        axis=(30.0, 40.0, 50.0),
        when=DRIFT,
    )
    slow_drift_rsi_short_max: float = param(
        50.0,
        "RSI",
        "Largest RSI of a short drift.",
        ge=0,
        le=100,
        axis=(55.0, 65.0, 75.0),
        when=DRIFT,
    )
    slow_drift_require_macd_sign: bool = param(
        True,
        "switch",
        "A drift needs the MACD histogram on its side.",
        axis=(False, True),
        when=DRIFT,
    )


class RangingThresholds(Group):
    """Votes that call a market ranging."""

    min_votes_count: int = param(
        2, "votes", "Votes of three that make a range.", ge=1, le=3, axis=(1, 2, 3), when=RANGING
    )
    adx_below: float = param(
        21.0,
        "ADX",
        "First vote: ADX below this.",
        ge=0,
        le=100,
        axis=(15.0, 21.0, 28.0),
        when=RANGING,
    )
    bb_width_ratio_below: float = param(
        0.8,
        "ratio",
        "Second vote: band width over its mean below this.",
        ge=0,
        le=100,
        axis=(0.5, 0.8, 1.1),
        when=RANGING,
    )
    rsi_low: float = param(
        47.0,
        "RSI",
        "Third vote: RSI above this and below rsi_high.",
        ge=0,
        le=100,
        axis=(30.0, 38.0, 46.0),
        when=RANGING,
    )
    rsi_high: float = param(
        53.0,
        "RSI",
        "Upper end of the third vote.",
        ge=0,
        le=100,
        axis=(54.0, 62.0, 70.0),
        when=RANGING,
    )


class AnomalyThresholds(Group):
    """Jumps that make a bar abnormal."""

    price_change_above_frac: float = param(
        0.1,
        "fraction of price",
        "Change from the previous close.",
        gt=0,
        le=10,
        axis=(0.07, 0.1, 0.13),
        when=ANOMALY,
    )
    ema_fast_dev_above_frac: float = param(
        0.5,
        "fraction of price",
        "Distance from the fast EMA.",
        gt=0,
        le=10,
        axis=(0.35, 0.5, 0.65),
        when=ANOMALY,
    )


class TpAndMomentumThresholds(Group):
    """RSI limits that bend with ADX, and target multiples by trend strength."""

    adx_strong_above: float = param(
        40.0,
        "ADX",
        "Strong trend: the strong RSI limits and the strong target hold.",
        ge=0,
        le=100,
        axis=(28.0, 40.0, 52.0),
    )
    adx_weak_below: float = param(
        30.0,
        "ADX",
        "Weak trend: the weak target holds.",
        ge=0,
        le=100,
        axis=(20.0, 30.0),
        when=DYNAMIC_TP,
    )
    take_profit_strong_atr: float = param(
        7.0,
        "ATR",
        "Target in a strong trend.",
        gt=0,
        le=100,
        axis=(6.0, 7.0, 8.0),
        when=DYNAMIC_TP,
    )
    take_profit_weak_atr: float = param(
        3.0, "ATR", "Target in a weak trend.", gt=0, le=100, axis=(2.0, 3.0, 4.0), when=DYNAMIC_TP
    )
    rsi_long_strong: float = param(
        52.0,
        "RSI",
        "A standard long needs more than this in a strong trend.",
        ge=0,
        le=100,
        axis=(36.0, 52.0, 68.0),
    )
    rsi_long_weak: float = param(
        56.0,
        "RSI",
        "A standard long needs more than this at the least ADX.",
        ge=0,
        le=100,
        axis=(39.0, 56.0, 73.0),
    )
    rsi_short_strong: float = param(
        48.0,
        "RSI",
        "A standard short needs less than this in a strong trend.",
        ge=0,
        le=100,
        axis=(34.0, 48.0, 62.0),
    )
    rsi_short_weak: float = param(
        44.0,
        "RSI",
        "A standard short needs less than this at the least ADX.",
        ge=0,
        le=100,
        axis=(31.0, 44.0, 57.0),
    )


class StochRsiThresholds(Group):
    """Extremes of the stochastic RSI that block standard entries."""

    block_long_above: float = param(
        0.85, "0..1", "No longs at or above this K.", ge=0, le=1, axis=(0.6, 0.75, 0.9), when=STOCH
    )
    block_short_below: float = param(
        0.15,
        "0..1",
        "No shorts at or below this K.",
        ge=0,
        le=1,
        axis=(0.1, 0.15, 0.2),
        when=STOCH,
    )


class Thresholds(Group):
    """Numeric limits of the gates and entry modes."""

    entry: EntryThresholds = EntryThresholds()
    ranging: RangingThresholds = RangingThresholds()
    anomaly: AnomalyThresholds = AnomalyThresholds()
    tp_and_momentum: TpAndMomentumThresholds = TpAndMomentumThresholds()
    stoch_rsi: StochRsiThresholds = StochRsiThresholds()
