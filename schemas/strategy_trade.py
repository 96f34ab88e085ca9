"""Parameters of a trade: costs, size, exposure, entry filters, adds, stops, targets, smart exits."""

from __future__ import annotations

from typing import Literal

from schemas.base import Group, param

Confidence = Literal["low", "medium", "high"]
PartialTpStop = Literal["lock_entry", "keep"]
ExhaustionSource = Literal["own", "entry_threshold"]

DYNAMIC = ("trade.enable_dynamic_sizing", True)
PYRAMID = ("trade.enable_pyramiding", True)
PARTIAL = ("trade.enable_partial_tp", True)
BREAKEVEN = ("trade.enable_breakeven_stop", True)
REEF = ("trade.enable_reef_filter", True)
RSI_EXIT = ("trade.enable_rsi_overextension_exit", True)
COOLDOWN = ("trade.enable_reentry_cooldown", True)
GLITCH = ("trade.enable_glitch_guard", True)
EXHAUSTION = ("trade.trend_exhaustion_source", "own")


class Trade(Group):
    """How much, at what cost, and when to leave."""

    entry_slippage_bps: float = param(
        5.0, "bps", "Price given away by an entry or add, against us.", ge=0, le=1000
    )
    exit_slippage_bps: float = param(
        5.0, "bps", "Price given away by an exit, against us.", ge=0, le=1000
    )
    taker_fee_bps: float = param(
        4.5, "bps", "Fee of a fill that takes liquidity (venue tier 0).", ge=0, le=100
    )
    fee_on_unslipped_px: bool = param(
        False,
        "switch",
        "Charge entry and add fees on size times the close before slippage, not on the fill.",
    )

    allocation_frac: float = param(
        0.03,
        "fraction of equity",
        "Margin of one position before the sizing multipliers.",
        gt=0,
        le=1,
        axis=(0.02, 0.03, 0.05, 0.1, 0.2),
    )
    leverage_low: float = param(
        1.0, "x", "Leverage of a low-confidence entry.", ge=1, le=50, axis=(1.0, 2.0)
    )
    leverage_medium: float = param(
        3.0, "x", "Leverage of a medium-confidence entry.", ge=1, le=50, axis=(2.0, 3.0, 4.0)
    )
    leverage_high: float = param(
        5.0, "x", "Leverage of a high-confidence entry.", ge=1, le=50, axis=(4.0, 5.0, 6.0)
    )
    enable_dynamic_sizing: bool = param(
        True, "switch", "Scale margin by confidence, ADX and volatility.", axis=(False, True)
    )
    confidence_mult_low: float = param(
        0.5, "factor", "Margin factor at low confidence.", ge=0, le=10, axis=(0.2, 0.3, 0.4, 0.5),
        when=DYNAMIC,
    )
    confidence_mult_medium: float = param(
        0.7, "factor", "Margin factor at medium confidence.", ge=0, le=10,
        axis=(0.5, 0.65, 0.8), when=DYNAMIC,
    )
    confidence_mult_high: float = param(
        1.0, "factor", "Margin factor at high confidence.", ge=0, le=10, axis=(0.9, 1.0, 1.2),
        when=DYNAMIC,
    )
    adx_sizing_mult_min: float = param(
        0.6, "factor", "Least margin factor that a weak ADX leaves.", ge=0, le=1,
        axis=(0.4, 0.6, 0.8), when=DYNAMIC,
    )
    adx_sizing_full_adx: float = param(
        40.0, "ADX", "ADX at which the margin factor reaches 1; 0 keeps the least factor.", ge=0,
        le=100, axis=(28.0, 40.0, 52.0), when=DYNAMIC,
    )
    vol_baseline_frac: float = param(
        0.01, "fraction of price", "ATR share of price at which volatility leaves size alone; "
        "0 switches the volatility factor off.", ge=0, le=1, axis=(0.007, 0.01, 0.013),
        when=DYNAMIC,
    )
    vol_scalar_min: float = param(
        0.5, "factor", "Least volatility factor.", ge=0, le=10, axis=(0.35, 0.5, 0.65),
        when=DYNAMIC,
    )
    vol_scalar_max: float = param(
        1.0, "factor", "Largest volatility factor.", ge=0, le=10, axis=(0.7, 1.0, 1.3),
        when=DYNAMIC,
    )
    min_atr_frac: float = param(
        0.003, "fraction of price", "Floor of the ATR that sizes an entry and sets its stops; "
        "0 for none.", ge=0, le=1, axis=(0.0, 0.002, 0.004),
    )
    min_notional_usd: float = param(
        10.0, "USD", "Smallest order; a smaller entry or add is dropped or raised.", ge=0, le=1e9
    )
    bump_to_min_notional: bool = param(
        False, "switch", "Raise an order below the minimum to the minimum instead of dropping it."
    )
    total_margin_max_frac: float = param(
        0.6, "fraction of equity", "Most margin in use over all positions.", gt=0, le=1,
        axis=(0.4, 0.6, 0.8),
    )
    open_positions_max_count: int = param(
        20, "positions", "Most positions open at once.", ge=1, le=1000, axis=(5, 10, 20, 30)
    )
    entries_per_bar_max_count: int = param(
        6, "entries", "Most new positions in one instant.", ge=1, le=1000, axis=(2, 4, 6, 8)
    )

    entry_min_confidence: Confidence = param(
        "high", "confidence", "Least confidence of a signal that may open a position.",
        axis=("low", "medium", "high"),
    )
    reverse_entry_signal: bool = param(
        False, "switch", "Trade the opposite side of every signal.", axis=(False, True)
    )
    enable_ssf_filter: bool = param(
        True, "switch", "Let an entry through only if the MACD histogram has its sign.",
        axis=(False, True),
    )
    enable_reef_filter: bool = param(
        True, "switch", "Block entries into an RSI extreme.", axis=(False, True)
    )
    reef_adx_threshold: float = param(
        45.0, "ADX", "At this ADX and above the extreme limits hold instead of the block limits.",
        ge=0, le=100, axis=(30.0, 45.0, 60.0), when=REEF,
    )
    reef_long_rsi_block_above: float = param(
        70.0, "RSI", "Longs are blocked above this RSI in a weak trend.", ge=0, le=100,
        axis=(55.0, 65.0, 75.0), when=REEF,
    )
    reef_short_rsi_block_below: float = param(
        30.0, "RSI", "Shorts are blocked below this RSI in a weak trend.", ge=0, le=100,
        axis=(25.0, 35.0, 45.0), when=REEF,
    )
    reef_long_rsi_extreme_above: float = param(
        75.0, "RSI", "Longs are blocked above this RSI in a strong trend.", ge=0, le=100,
        axis=(80.0, 85.0, 90.0), when=REEF,
    )
    reef_short_rsi_extreme_below: float = param(
        25.0, "RSI", "Shorts are blocked below this RSI in a strong trend.", ge=0, le=100,
        axis=(10.0, 15.0, 20.0), when=REEF,
    )
    entry_cooldown_s: int = param(
        20, "s", "No entry or add on a symbol this soon after its last one.", ge=0, le=2_592_000
    )
    exit_cooldown_s: int = param(
        15, "s", "No exit on a symbol this soon after its last one, hard stops excepted.", ge=0,
        le=2_592_000,
    )
    enable_reentry_cooldown: bool = param(
        True, "switch", "After a close, wait before entering the same side again, longer in a "
        "weak trend (flips excepted).", axis=(False, True),
    )
    reentry_cooldown_min_minutes: float = param(
        45.0, "minutes", "Wait at ADX 40 and above.", ge=0, le=43_200, axis=(20.0, 40.0, 60.0),
        when=COOLDOWN,
    )
    reentry_cooldown_max_minutes: float = param(
        180.0, "minutes", "Wait at ADX 25 and below; linear in between.", ge=0, le=43_200,
        axis=(120.0, 180.0, 240.0), when=COOLDOWN,
    )

    enable_pyramiding: bool = param(
        True, "switch", "Add to a winning position on a fresh signal.", axis=(False, True)
    )
    adds_max_count: int = param(
        2, "adds", "Most adds to one position.", ge=1, le=100, axis=(1, 2, 3), when=PYRAMID
    )
    add_margin_frac: float = param(
        0.5, "fraction", "Margin of an add as a share of the allocation.", gt=0, le=10,
        axis=(0.25, 0.5, 0.75, 1.0), when=PYRAMID,
    )
    add_cooldown_minutes: float = param(
        60.0, "minutes", "Least time between the last entry or add and the next add.", ge=0,
        le=43_200, axis=(30.0, 60.0, 90.0), when=PYRAMID,
    )
    add_min_profit_atr: float = param(
        0.5, "ATR", "Least open profit before an add; halved while ADX rises fast and ATR does "
        "not.", ge=0, le=100, axis=(0.35, 0.5, 0.65), when=PYRAMID,
    )
    add_min_confidence: Confidence = param(
        "medium", "confidence", "Least confidence of a signal that may add.",
        axis=("low", "medium", "high"), when=PYRAMID,
    )

    stop_loss_atr: float = param(
        2.0, "ATR", "Distance of the stop loss from the average entry.", gt=0, le=100,
        axis=(1.0, 1.5, 2.0, 2.5, 3.0),
    )
    enable_breakeven_stop: bool = param(
        True, "switch", "Once far enough in profit, raise the stop beyond the entry and keep it.",
        axis=(False, True),
    )
    breakeven_start_atr: float = param(
        0.7, "ATR", "Open profit that arms the breakeven stop.", gt=0, le=100,
        axis=(0.3, 0.5, 0.7, 1.0), when=BREAKEVEN,
    )
    breakeven_buffer_atr: float = param(
        0.05, "ATR", "How far beyond the entry the armed stop lies; less than the start.", ge=0,
        le=100, axis=(0.05, 0.1, 0.15), when=BREAKEVEN,
    )
    trailing_start_atr: float = param(
        1.0, "ATR", "Open profit from which the stop trails.", ge=0, le=100,
        axis=(0.8, 1.2, 1.6, 2.0),
    )
    trailing_distance_atr: float = param(
        0.8, "ATR", "Distance of the trailing stop from the close; never under 0.5 to 0.7.", gt=0,
        le=100, axis=(0.5, 0.8, 1.2, 1.6),
    )
    trailing_start_low_conf_atr: float = param(
        0.0, "ATR", "Trailing start of low-confidence positions; 0 takes the common one.", ge=0,
        le=100, axis=(0.0, 0.7, 1.0),
    )
    trailing_distance_low_conf_atr: float = param(
        0.0, "ATR", "Trailing distance of low-confidence positions; 0 takes the common one.", ge=0,
        le=100, axis=(0.0, 0.6, 1.0),
    )
    enable_vol_buffered_trailing: bool = param(
        True, "switch", "Widen the trailing distance by a quarter while the bands are wide.",
        axis=(False, True),
    )
    take_profit_atr: float = param(
        4.0, "ATR", "Distance of the full target from the average entry.", gt=0, le=100,
        axis=(3.0, 4.0, 5.0, 6.0, 8.0),
    )
    enable_dynamic_tp: bool = param(
        False, "switch", "Take the target multiple from the trend strength "
        "(thresholds.tp_and_momentum) instead of take_profit_atr.", axis=(False, True),
    )
    enable_partial_tp: bool = param(
        True, "switch", "Close a part of the position at the first target.", axis=(False, True)
    )
    partial_tp_frac: float = param(
        0.5, "fraction of size", "Part that the first target closes; 1 closes all.", gt=0, le=1,
        axis=(0.35, 0.5, 0.65), when=PARTIAL,
    )
    partial_tp_atr: float = param(
        0.0, "ATR", "Distance of the first target; 0 takes that of the full target, and the rest "
        "is then left to the stops.", ge=0, le=100, axis=(0.0, 1.0, 1.5, 2.5), when=PARTIAL,
    )
    partial_tp_min_notional_usd: float = param(
        10.0, "USD", "No partial close that would leave less than this.", ge=0, le=1e9,
        when=PARTIAL,
    )
    partial_tp_stop: PartialTpStop = param(
        "lock_entry", "rule", "After a partial close the stop moves to the entry, or keeps its "
        "place.", axis=("lock_entry", "keep"), when=PARTIAL,
    )

    trend_exhaustion_source: ExhaustionSource = param(
        "own", "rule", "Where the ADX limit of the trend-exhaustion exit comes from: its own keys, "
        "or the ADX threshold that let the position in.", axis=("own", "entry_threshold"),
    )
    trend_exhaustion_adx_below: float = param(
        18.0, "ADX", "Leave when ADX falls below this; 0 for never.", ge=0, le=100,
        axis=(0.0, 15.0, 30.0), when=EXHAUSTION,
    )
    trend_exhaustion_low_conf_adx_below: float = param(
        0.0, "ADX", "The same for low-confidence positions; 0 takes the common one.", ge=0, le=100,
        axis=(0.0, 15.0, 30.0), when=EXHAUSTION,
    )
    tsme_min_profit_atr: float = param(
        1.0, "ATR", "Least open profit for the exit on a saturated trend that loses momentum.",
        ge=0, le=100, axis=(0.7, 1.0, 1.3),
    )
    tsme_require_adx_falling: bool = param(
        True, "switch", "That exit asks for a falling ADX too.", axis=(False, True)
    )
    enable_rsi_overextension_exit: bool = param(
        True, "switch", "Leave at an RSI extreme in the position's favour.", axis=(False, True)
    )
    rsi_exit_switch_atr: float = param(
        1.5, "ATR", "Open profit from which the tighter RSI limits hold.", ge=0, le=100,
        axis=(1.0, 1.5, 2.0), when=RSI_EXIT,
    )
    rsi_exit_long_above: float = param(
        80.0, "RSI", "A long leaves above this RSI at small profit.", ge=0, le=100,
        axis=(75.0, 85.0, 95.0), when=RSI_EXIT,
    )
    rsi_exit_long_profit_above: float = param(
        70.0, "RSI", "A long leaves above this RSI at large profit.", ge=0, le=100,
        axis=(50.0, 60.0, 70.0), when=RSI_EXIT,
    )
    rsi_exit_short_below: float = param(
        20.0, "RSI", "A short leaves below this RSI at small profit.", ge=0, le=100,
        axis=(10.0, 15.0, 20.0), when=RSI_EXIT,
    )
    rsi_exit_short_profit_below: float = param(
        30.0, "RSI", "A short leaves below this RSI at large profit.", ge=0, le=100,
        axis=(25.0, 32.0, 40.0), when=RSI_EXIT,
    )
    rsi_exit_long_low_conf_above: float = param(
        0.0, "RSI", "rsi_exit_long_above of low-confidence positions; 0 takes the common one.",
        ge=0, le=100, axis=(0.0, 80.0, 90.0), when=RSI_EXIT,
    )
    rsi_exit_long_profit_low_conf_above: float = param(
        0.0, "RSI", "rsi_exit_long_profit_above of low-confidence positions; 0 takes the common "
        "one.", ge=0, le=100, axis=(0.0, 60.0, 70.0), when=RSI_EXIT,
    )
    rsi_exit_short_low_conf_below: float = param(
        0.0, "RSI", "rsi_exit_short_below of low-confidence positions; 0 takes the common one.",
        ge=0, le=100, axis=(0.0, 10.0, 20.0), when=RSI_EXIT,
    )
    rsi_exit_short_profit_low_conf_below: float = param(
        0.0, "RSI", "rsi_exit_short_profit_below of low-confidence positions; 0 takes the common "
        "one.", ge=0, le=100, axis=(0.0, 25.0, 38.0), when=RSI_EXIT,
    )
    enable_glitch_guard: bool = param(
        False, "switch", "Hold all exits on a bar whose close jumped beyond belief.",
        axis=(False, True),
    )
    glitch_price_dev_frac: float = param(
        0.4, "fraction of price", "Jump from the previous close that counts as a glitch.", gt=0,
        le=10, axis=(0.25, 0.4, 0.55), when=GLITCH,
    )
    glitch_atr_mult: float = param(
        12.0, "ATR", "Jump in current ATRs that counts as a glitch.", gt=0, le=1000,
        axis=(8.0, 12.0, 16.0), when=GLITCH,
    )
