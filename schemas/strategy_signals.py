"""Parameters of a signal: indicator windows, gates, market regime."""

from __future__ import annotations

from schemas.base import Group, param

VOLUME = ("filters.require_volume_confirmation", True)
STOCH = ("filters.use_stoch_rsi_filter", True)
RISING = ("filters.require_adx_rising", True)
AVE = ("thresholds.entry.ave_enabled", True)
DRIFT = ("thresholds.entry.enable_slow_drift_entries", True)
REGIME = ("market_regime.enable_regime_filter", True)
GATE = ("market_regime.enable_gate", True)
REVERSE = ("market_regime.enable_auto_reverse", True)
WINDOW_MAX_BARS = 2000


class Indicators(Group):
    """Windows of the indicators, in bars of `engine.interval`."""

    ema_fast_window_bars: int = param(
        20,
        "bars",
        "Fast EMA; less than the slow one.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(5, 8, 12, 16, 20),
    )
    ema_slow_window_bars: int = param(
        50, "bars", "Slow EMA.", ge=2, le=WINDOW_MAX_BARS, axis=(21, 30, 40, 50)
    )
    ema_macro_window_bars: int = param(
        200,
        "bars",
        "Macro EMA.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(140, 200, 260),
    )
    adx_window_bars: int = param(
        14,
        "bars",
        "ADX and its directional indices.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(8, 10, 12, 14, 16, 18),
    )
    atr_window_bars: int = param(
        14, "bars", "Average true range.", ge=1, le=WINDOW_MAX_BARS, axis=(10, 12, 14, 16, 18, 20)
    )
    rsi_window_bars: int = param(
        14, "bars", "RSI.", ge=1, le=WINDOW_MAX_BARS, axis=(10, 12, 14, 16, 18, 20)
    )
    bb_window_bars: int = param(
        20,
        "bars",
        "Bollinger bands at two standard deviations.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(10, 15, 20, 25, 30),
    )
    bb_width_avg_window_bars: int = param(
        30,
        "bars",
        "Mean band width that the present one is compared with.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(20, 30, 40, 50),
    )
    vol_sma_window_bars: int = param(
        20, "bars", "Mean volume.", ge=1, le=WINDOW_MAX_BARS, axis=(10, 15, 20, 25, 30)
    )
    vol_trend_window_bars: int = param(
        5,
        "bars",
        "Short mean volume; above the long one the volume trend is up.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(3, 5, 7, 10),
        when=VOLUME,
    )
    stoch_rsi_window_bars: int = param(
        14,
        "bars",
        "Range of the stochastic RSI.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(10, 12, 14, 16, 18, 20),
        when=STOCH,
    )
    stoch_rsi_smooth_bars: int = param(
        3,
        "bars",
        "Smoothing of the stochastic RSI into its K line.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(2, 3, 4, 5),
        when=STOCH,
    )
    atr_avg_window_bars: int = param(
        50,
        "bars",
        "Mean ATR that the present one is compared with.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(30, 40, 50, 60, 70, 80),
        when=AVE,
    )
    slow_drift_slope_window_bars: int = param(
        20,
        "bars",
        "Span over which the slope of the slow EMA is taken, both ends counted.",
        ge=2,
        le=WINDOW_MAX_BARS,
        axis=(10, 15, 20, 25, 30, 35, 40),
        when=DRIFT,
    )


class Filters(Group):
    """Which gates an entry has to pass."""

    enable_ranging_filter: bool = param(
        True, "switch", "No entries in a ranging market.", axis=(False, True)
    )
    enable_anomaly_filter: bool = param(
        True, "switch", "No entries on an abnormal bar.", axis=(False, True)
    )
    enable_extension_filter: bool = param(
        True, "switch", "No entries far from the fast EMA.", axis=(False, True)
    )
    require_adx_rising: bool = param(
        True, "switch", "Entries need a rising ADX, or one above saturation.", axis=(False, True)
    )
    adx_rising_saturation: float = param(
        40.0,
        "ADX",
        "Above this ADX it need not rise.",
        ge=0,
        le=100,
        axis=(28.0, 40.0, 52.0),
        when=RISING,
    )
    require_volume_confirmation: bool = param(
        False,
        "switch",
        "Entries need volume above its mean or a rising volume trend.",
        axis=(False, True),
    )
    volume_either_suffices: bool = param(
        True,
        "switch",
        "Volume above the mean or a rising trend is enough; off asks for both.",
        axis=(False, True),
        when=VOLUME,
    )
    use_stoch_rsi_filter: bool = param(
        True, "switch", "No standard entries into a stochastic RSI extreme.", axis=(False, True)
    )
    require_btc_alignment: bool = param(
        True,
        "switch",
        "Entries go with BTC's trend unless the symbol's own ADX is high.",
        axis=(False, True),
    )
    require_macro_alignment: bool = param(
        False,
        "switch",
        "The slow EMA must lie beyond the macro EMA; losing it is an exit.",
        axis=(False, True),
    )


class MarketRegime(Group):
    """Rules on breadth: the share of symbols, in 0..100, whose fast EMA is above the slow one."""

    enable_regime_filter: bool = param(
        False, "switch", "Block the side that the whole market goes against.", axis=(False, True)
    )
    block_short_breadth_above: float = param(
        90.0,
        "breadth 0..100",
        "No shorts above this breadth.",
        ge=0,
        le=100,
        axis=(65.0, 80.0, 95.0),
        when=REGIME,
    )
    block_long_breadth_below: float = param(
        10.0,
        "breadth 0..100",
        "No longs below this breadth.",
        ge=0,
        le=100,
        axis=(5.0, 10.0, 15.0),
        when=REGIME,
    )
    enable_auto_reverse: bool = param(
        False,
        "switch",
        "Fade signals while breadth is mixed, follow them while it is not; "
        "overrides reverse_entry_signal.",
        axis=(False, True),
    )
    auto_reverse_breadth_low: float = param(
        10.0,
        "breadth 0..100",
        "Lower end of the mixed range, counted in.",
        ge=0,
        le=100,
        axis=(5.0, 10.0, 15.0),
        when=REVERSE,
    )
    auto_reverse_breadth_high: float = param(
        90.0,
        "breadth 0..100",
        "Upper end of the mixed range, counted in.",
        ge=0,
        le=100,
        axis=(65.0, 80.0, 95.0),
        when=REVERSE,
    )
    enable_gate: bool = param(
        False,
        "switch",
        "No entries and adds at all while the market is mixed or calm, by the limits below.",
        axis=(False, True),
    )
    gate_breadth_low: float = param(
        20.0,
        "breadth 0..100",
        "Lower end of the mixed range, counted in.",
        ge=0,
        le=100,
        axis=(10.0, 20.0, 30.0),
        when=GATE,
    )
    gate_breadth_high: float = param(
        80.0,
        "breadth 0..100",
        "Upper end of the mixed range, counted in.",
        ge=0,
        le=100,
        axis=(70.0, 80.0, 90.0),
        when=GATE,
    )
    gate_btc_adx_min: float = param(
        20.0,
        "ADX",
        "Below this ADX of BTC the market counts as calm.",
        ge=0,
        le=100,
        axis=(15.0, 20.0, 25.0),
        when=GATE,
    )
    gate_btc_atr_min_frac: float = param(
        0.003,
        "fraction of price",
        "Below this ATR of BTC the market counts as calm.",
        ge=0,
        le=1,
        axis=(0.002, 0.003, 0.005),
        when=GATE,
    )
    gate_fail_open: bool = param(
        False,
        "switch",
        "Let entries through while BTC is not known.",
        when=GATE,
    )
