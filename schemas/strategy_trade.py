"""Parameters of a trade: those of getting in, and stops, targets and smart exits."""

from __future__ import annotations

from typing import Literal

from schemas.base import param
from schemas.strategy_orders import Orders

PartialTpStop = Literal["lock_entry", "keep"]
ExhaustionSource = Literal["own", "entry_threshold"]
ExitTrigger = Literal["close", "intrabar"]

PARTIAL = ("trade.enable_partial_tp", True)
BREAKEVEN = ("trade.enable_breakeven_stop", True)
RSI_EXIT = ("trade.enable_rsi_overextension_exit", True)
GLITCH = ("trade.enable_glitch_guard", True)


class Trade(Orders):
    """How much, at what cost, and when to leave."""

    exit_trigger: ExitTrigger = param(
        "close",
        "trigger",
        "Stops and targets act on closes, or rest in the market and act inside a bar; the stop "
        "comes before the target then, and a gap fills at the open.",
        axis=("close", "intrabar"),
    )
    stop_loss_atr: float = param(
        2.0,
        "ATR",
        "Distance of the stop loss from the average entry.",
        gt=0,
        le=100,
        axis=(1.0, 1.5, 2.0, 2.5, 3.0),
    )
    enable_breakeven_stop: bool = param(
        True,
        "switch",
        "Once far enough in profit, raise the stop beyond the entry and keep it.",
        axis=(False, True),
    )
    breakeven_start_atr: float = param(
        0.7,
        "ATR",
        "Open profit that arms the breakeven stop.",
        gt=0,
        le=100,
        axis=(0.3, 0.5, 0.7, 1.0),
        when=BREAKEVEN,
    )
    breakeven_buffer_atr: float = param(
        0.05,
        "ATR",
        "How far beyond the entry the armed stop lies; less than the start.",
        ge=0,
        le=100,
        axis=(0.05, 0.1, 0.15),
        when=BREAKEVEN,
    )
    trailing_start_atr: float = param(
        1.0,
        "ATR",
        "Open profit from which the stop trails.",
        ge=0,
        le=100,
        axis=(0.8, 1.2, 1.6, 2.0),
    )
    trailing_distance_atr: float = param(
        0.8,
        "ATR",
        "Distance of the trailing stop from the close; never under 0.5 to 0.7.",
        gt=0,
        le=100,
        axis=(0.5, 0.8, 1.2, 1.6),
    )
    trailing_start_low_conf_atr: float = param(
        0.0,
        "ATR",
        "Trailing start of low-confidence positions; 0 takes the common one.",
        ge=0,
        le=100,
        axis=(0.0, 0.7, 1.0),
    )
    trailing_distance_low_conf_atr: float = param(
        0.0,
        "ATR",
        "Trailing distance of low-confidence positions; 0 takes the common one.",
        ge=0,
        le=100,
        axis=(0.0, 0.6, 1.0),
    )
    enable_vol_buffered_trailing: bool = param(
        True,
        "switch",
        "Widen the trailing distance by a quarter while the bands are wide.",
        axis=(False, True),
    )
    take_profit_atr: float = param(
        4.0,
        "ATR",
        "Distance of the full target from the average entry.",
        gt=0,
        le=100,
        axis=(3.0, 4.0, 5.0, 6.0, 8.0),
    )
    enable_dynamic_tp: bool = param(
        False,
        "switch",
        "Take the target multiple from the trend strength "
        "(thresholds.tp_and_momentum) instead of take_profit_atr.",
        axis=(False, True),
    )
    enable_partial_tp: bool = param(
        True, "switch", "Close a part of the position at the first target.", axis=(False, True)
    )
    partial_tp_frac: float = param(
        0.5,
        "fraction of size",
        "Part that the first target closes; 1 closes all.",
        gt=0,
        le=1,
        axis=(0.35, 0.5, 0.65),
        when=PARTIAL,
    )
    partial_tp_atr: float = param(
        0.0,
        "ATR",
        "Distance of the first target; 0 takes that of the full target, and the rest "
        "is then left to the stops.",
        ge=0,
        le=100,
        axis=(0.0, 1.0, 1.5, 2.5),
        when=PARTIAL,
    )
    partial_tp_min_notional_usd: float = param(
        10.0,
        "USD",
        "No partial close that would leave less than this.",
        ge=0,
        le=1e9,
        when=PARTIAL,
    )
    partial_tp_stop: PartialTpStop = param(
        "lock_entry",
        "rule",
        "After a partial close the stop moves to the entry, or keeps its place.",
        axis=("lock_entry", "keep"),
        when=PARTIAL,
    )

    trend_exhaustion_source: ExhaustionSource = param(
        "own",
        "rule",
        "Where the ADX limit of the trend-exhaustion exit comes from: its own keys, "
        "or the ADX threshold that let the position in.",
        axis=("own", "entry_threshold"),
    )
    trend_exhaustion_adx_below: float = param(
        18.0,
        "ADX",
        "Leave when ADX falls below this; 0 for never. With entry_threshold it holds for positions "
        "whose own threshold is 0.",
        ge=0,
        le=100,
        axis=(0.0, 15.0, 30.0),
    )
    trend_exhaustion_low_conf_adx_below: float = param(
        0.0,
        "ADX",
        "The same for low-confidence positions; 0 takes the common one.",
        ge=0,
        le=100,
        axis=(0.0, 15.0, 30.0),
    )
    enable_funding_headwind_exit: bool = param(
        True,
        "switch",
        "Leave a losing position that pays funding, sooner the higher the rate and the longer it "
        "is held; acts where funding rates are stored.",
        axis=(False, True),
    )
    tsme_min_profit_atr: float = param(
        1.0,
        "ATR",
        "Least open profit for the exit on a saturated trend that loses momentum.",
        ge=0,
        le=100,
        axis=(0.7, 1.0, 1.3),
    )
    tsme_require_adx_falling: bool = param(
        True, "switch", "That exit asks for a falling ADX too.", axis=(False, True)
    )
    enable_rsi_overextension_exit: bool = param(
        True, "switch", "Leave at an RSI extreme in the position's favour.", axis=(False, True)
    )
    rsi_exit_switch_atr: float = param(
        1.5,
        "ATR",
        "Open profit from which the tighter RSI limits hold.",
        ge=0,
        le=100,
        axis=(1.0, 1.5, 2.0),
        when=RSI_EXIT,
    )
    rsi_exit_long_above: float = param(
        80.0,
        "RSI",
        "A long leaves above this RSI at small profit.",
        ge=0,
        le=100,
        axis=(75.0, 85.0, 95.0),
        when=RSI_EXIT,
    )
    rsi_exit_long_profit_above: float = param(
        70.0,
        "RSI",
        "A long leaves above this RSI at large profit.",
        ge=0,
        le=100,
        axis=(50.0, 60.0, 70.0),
        when=RSI_EXIT,
    )
    rsi_exit_short_below: float = param(
        20.0,
        "RSI",
        "A short leaves below this RSI at small profit.",
        ge=0,
        le=100,
        axis=(10.0, 15.0, 20.0),
        when=RSI_EXIT,
    )
    rsi_exit_short_profit_below: float = param(
        30.0,
        "RSI",
        "A short leaves below this RSI at large profit.",
        ge=0,
        le=100,
        axis=(25.0, 32.0, 40.0),
        when=RSI_EXIT,
    )
    rsi_exit_long_low_conf_above: float = param(
        0.0,
        "RSI",
        "rsi_exit_long_above of low-confidence positions; 0 takes the common one.",
        ge=0,
        le=100,
        axis=(0.0, 80.0, 90.0),
        when=RSI_EXIT,
    )
    rsi_exit_long_profit_low_conf_above: float = param(
        0.0,
        "RSI",
        "rsi_exit_long_profit_above of low-confidence positions; 0 takes the common one.",
        ge=0,
        le=100,
        axis=(0.0, 60.0, 70.0),
        when=RSI_EXIT,
    )
    rsi_exit_short_low_conf_below: float = param(
        0.0,
        "RSI",
        "rsi_exit_short_below of low-confidence positions; 0 takes the common one.",
        ge=0,
        le=100,
        axis=(0.0, 10.0, 20.0),
        when=RSI_EXIT,
    )
    rsi_exit_short_profit_low_conf_below: float = param(
        0.0,
        "RSI",
        "rsi_exit_short_profit_below of low-confidence positions; 0 takes the common one.",
        ge=0,
        le=100,
        axis=(0.0, 25.0, 38.0),
        when=RSI_EXIT,
    )
    enable_glitch_guard: bool = param(
        False,
        "switch",
        "Hold all exits on a bar whose close jumped beyond belief.",
        axis=(False, True),
    )
    glitch_price_dev_frac: float = param(
        0.4,
        "fraction of price",
        "Jump from the previous close that counts as a glitch.",
        gt=0,
        le=10,
        axis=(0.25, 0.4, 0.55),
        when=GLITCH,
    )
    glitch_atr_mult: float = param(
        12.0,
        "ATR",
        "Jump in current ATRs that counts as a glitch.",
        gt=0,
        le=1000,
        axis=(8.0, 12.0, 16.0),
        when=GLITCH,
    )
