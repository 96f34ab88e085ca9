"""Parameters of getting in: costs, size, exposure, entry filters, adds."""

from __future__ import annotations

from typing import Literal

from schemas.base import Group, param

Confidence = Literal["low", "medium", "high"]
FeeSchedule = Literal["fixed", "by_volume"]
MarginMode = Literal["cross", "isolated"]

DYNAMIC = ("trade.enable_dynamic_sizing", True)
PYRAMID = ("trade.enable_pyramiding", True)
REEF = ("trade.enable_reef_filter", True)
LIQUIDATION = ("trade.enable_liquidation", True)
INTRABAR = ("trade.exit_trigger", "intrabar")
COOLDOWN = ("trade.enable_reentry_cooldown", True)


class Orders(Group):
    """At what cost, how much, and which signals become positions."""

    entry_slippage_bps: float = param(
        5.0, "bps", "Price given away by an entry or add, against us.", ge=0, le=1000
    )
    exit_slippage_bps: float = param(
        5.0, "bps", "Price given away by an exit, against us.", ge=0, le=1000
    )
    taker_fee_bps: float = param(
        4.5, "bps", "Fee of a fill that takes liquidity (venue tier 0).", ge=0, le=100
    )
    maker_fee_bps: float = param(
        1.5,
        "bps",
        "Fee of a fill that rested in the market: a target met inside a bar (venue tier 0).",
        ge=0,
        le=100,
        when=INTRABAR,
    )
    fee_schedule: FeeSchedule = param(
        "fixed",
        "schedule",
        "The two fees above, or the venue's tiers by the account's volume of 14 days.",
    )
    fee_on_unslipped_px: bool = param(
        False,
        "switch",
        "Charge entry and add fees on size times the close before slippage, not on the fill.",
    )
    enable_funding: bool = param(
        True,
        "switch",
        "Pay and receive hourly funding, where the store holds rates.",
    )
    enable_venue_rounding: bool = param(
        True,
        "switch",
        "Sizes in whole lots, valid prices and the venue's leverage caps, where a symbol's "
        "metadata is stored.",
    )
    enable_liquidation: bool = param(
        True,
        "switch",
        "Close positions whose margin falls to the maintenance margin inside a bar.",
    )
    margin_mode: MarginMode = param(
        "cross",
        "mode",
        "Positions answer with the whole account, or each with its own margin.",
        when=LIQUIDATION,
    )
    unknown_maintenance_frac: float = param(
        0.05,
        "fraction of notional",
        "Maintenance margin of a symbol whose margin tiers are not stored.",
        gt=0,
        lt=1,
        when=LIQUIDATION,
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
        0.5,
        "factor",
        "Margin factor at low confidence.",
        ge=0,
        le=10,
        axis=(0.2, 0.3, 0.4, 0.5),
        when=DYNAMIC,
    )
    confidence_mult_medium: float = param(
        0.7,
        "factor",
        "Margin factor at medium confidence.",
        ge=0,
        le=10,
        axis=(0.5, 0.65, 0.8),
        when=DYNAMIC,
    )
    confidence_mult_high: float = param(
        1.0,
        "factor",
        "Margin factor at high confidence.",
        ge=0,
        le=10,
        axis=(0.9, 1.0, 1.2),
        when=DYNAMIC,
    )
    adx_sizing_mult_min: float = param(
        0.6,
        "factor",
        "Least margin factor that a weak ADX leaves.",
        ge=0,
        le=1,
        axis=(0.4, 0.6, 0.8),
        when=DYNAMIC,
    )
    adx_sizing_full_adx: float = param(
        40.0,
        "ADX",
        "ADX at which the margin factor reaches 1; 0 keeps the least factor.",
        ge=0,
        le=100,
        axis=(28.0, 40.0, 52.0),
        when=DYNAMIC,
    )
    vol_baseline_frac: float = param(
        0.01,
        "fraction of price",
        "ATR share of price at which volatility leaves size alone; "
        "0 switches the volatility factor off.",
        ge=0,
        le=1,
        axis=(0.007, 0.01, 0.013),
        when=DYNAMIC,
    )
    vol_scalar_min: float = param(
        0.5,
        "factor",
        "Least volatility factor.",
        ge=0,
        le=10,
        axis=(0.35, 0.5, 0.65),
        when=DYNAMIC,
    )
    vol_scalar_max: float = param(
        1.0,
        "factor",
        "Largest volatility factor.",
        ge=0,
        le=10,
        axis=(0.7, 1.0, 1.3),
        when=DYNAMIC,
    )
    min_atr_frac: float = param(
        0.003,
        "fraction of price",
        "Floor of the ATR that sizes an entry and sets its stops; 0 for none.",
        ge=0,
        le=1,
        axis=(0.0, 0.002, 0.004),
    )
    min_notional_usd: float = param(
        10.0, "USD", "Smallest order; a smaller entry or add is dropped or raised.", ge=0, le=1e9
    )
    bump_to_min_notional: bool = param(
        False, "switch", "Raise an order below the minimum to the minimum instead of dropping it."
    )
    total_margin_max_frac: float = param(
        0.6,
        "fraction of equity",
        "Most margin in use over all positions.",
        gt=0,
        le=1,
        axis=(0.4, 0.6, 0.8),
    )
    open_positions_max_count: int = param(
        20, "positions", "Most positions open at once.", ge=1, le=1000, axis=(5, 10, 20, 30)
    )
    entries_per_bar_max_count: int = param(
        6, "entries", "Most new positions in one instant.", ge=1, le=1000, axis=(2, 4, 6, 8)
    )

    entry_min_confidence: Confidence = param(
        "high",
        "confidence",
        "Least confidence of a signal that may open a position.",
        axis=("low", "medium", "high"),
    )
    reverse_entry_signal: bool = param(
        False, "switch", "Trade the opposite side of every signal.", axis=(False, True)
    )
    enable_ssf_filter: bool = param(
        True,
        "switch",
        "Let an entry through only if the MACD histogram has its sign.",
        axis=(False, True),
    )
    enable_reef_filter: bool = param(
        True, "switch", "Block entries into an RSI extreme.", axis=(False, True)
    )
    reef_adx_threshold: float = param(
        45.0,
        "ADX",
        "At this ADX and above the extreme limits hold instead of the block limits.",
        ge=0,
        le=100,
        axis=(30.0, 45.0, 60.0),
        when=REEF,
    )
    reef_long_rsi_block_above: float = param(
        70.0,
        "RSI",
        "Longs are blocked above this RSI in a weak trend.",
        ge=0,
        le=100,
        axis=(55.0, 65.0, 75.0),
        when=REEF,
    )
    reef_short_rsi_block_below: float = param(
        30.0,
        "RSI",
        "Shorts are blocked below this RSI in a weak trend.",
        ge=0,
        le=100,
        axis=(25.0, 35.0, 45.0),
        when=REEF,
    )
    reef_long_rsi_extreme_above: float = param(
        75.0,
        "RSI",
        "Longs are blocked above this RSI in a strong trend.",
        ge=0,
        le=100,
        axis=(80.0, 85.0, 90.0),
        when=REEF,
    )
    reef_short_rsi_extreme_below: float = param(
        25.0,
        "RSI",
        "Shorts are blocked below this RSI in a strong trend.",
        ge=0,
        le=100,
        axis=(10.0, 15.0, 20.0),
        when=REEF,
    )
    entry_cooldown_s: int = param(
        20, "s", "No entry or add on a symbol this soon after its last one.", ge=0, le=2_592_000
    )
    exit_cooldown_s: int = param(
        15,
        "s",
        "No exit on a symbol this soon after its last one, hard stops excepted.",
        ge=0,
        le=2_592_000,
    )
    enable_reentry_cooldown: bool = param(
        True,
        "switch",
        "After a close, wait before entering the same side again, longer in a "
        "weak trend (flips excepted).",
        axis=(False, True),
    )
    reentry_cooldown_min_minutes: float = param(
        45.0,
        "minutes",
        "Wait at ADX 40 and above.",
        ge=0,
        le=43_200,
        axis=(20.0, 40.0, 60.0),
        when=COOLDOWN,
    )
    reentry_cooldown_max_minutes: float = param(
        180.0,
        "minutes",
        "Wait at ADX 25 and below; linear in between.",
        ge=0,
        le=43_200,
        axis=(120.0, 180.0, 240.0),
        when=COOLDOWN,
    )

    enable_pyramiding: bool = param(
        True, "switch", "Add to a winning position on a fresh signal.", axis=(False, True)
    )
    adds_max_count: int = param(
        2, "adds", "Most adds to one position.", ge=1, le=100, axis=(1, 2, 3), when=PYRAMID
    )
    add_margin_frac: float = param(
        0.5,
        "fraction",
        "Margin of an add as a share of the allocation.",
        gt=0,
        le=10,
        axis=(0.25, 0.5, 0.75, 1.0),
        when=PYRAMID,
    )
    add_cooldown_minutes: float = param(
        60.0,
        "minutes",
        "Least time between the last entry or add and the next add.",
        ge=0,
        le=43_200,
        axis=(30.0, 60.0, 90.0),
        when=PYRAMID,
    )
    add_min_profit_atr: float = param(
        0.5,
        "ATR",
        "Least open profit before an add; halved while ADX rises fast and ATR does not.",
        ge=0,
        le=100,
        axis=(0.35, 0.5, 0.65),
        when=PYRAMID,
    )
    add_min_confidence: Confidence = param(
        "medium",
        "confidence",
        "Least confidence of a signal that may add.",
        axis=("low", "medium", "high"),
        when=PYRAMID,
    )
