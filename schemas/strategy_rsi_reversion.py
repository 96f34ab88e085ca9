"""Parameters of the strategy `rsi_reversion`; its rule is kernel/strategy_rsi_reversion.py."""

from __future__ import annotations

from typing import ClassVar

from schemas.base import StrategyGroup, param
from schemas.strategy_orders import Confidence
from schemas.strategy_signals import WINDOW_MAX_BARS

CHOSEN = ("strategies.entry_strategy", "rsi_reversion")


class RsiReversion(StrategyGroup):
    """Enter when RSI comes back from an extreme, leave when it reaches the middle."""

    ordered: ClassVar = (("oversold", "middle"), ("middle", "overbought"))
    has_exit: ClassVar = True

    window_bars: int = param(
        14,
        "bars",
        "RSI of this strategy; indicators.rsi_window_bars is that of the filters and exits.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(2, 7, 14, 21),
        when=CHOSEN,
    )
    oversold: float = param(
        30.0,
        "RSI",
        "A long is entered when RSI comes back up to this level.",
        gt=0,
        lt=100,
        axis=(20.0, 25.0, 30.0, 35.0),
        when=CHOSEN,
    )
    middle: float = param(
        50.0,
        "RSI",
        "A position is left when RSI reaches this level.",
        gt=0,
        lt=100,
        axis=(45.0, 50.0, 55.0),
        when=CHOSEN,
    )
    overbought: float = param(
        70.0,
        "RSI",
        "A short is entered when RSI comes back down to this level.",
        gt=0,
        lt=100,
        axis=(65.0, 70.0, 75.0, 80.0),
        when=CHOSEN,
    )
    trend_window_bars: int = param(
        0,
        "bars",
        "Longs only above the plain mean of so many closes, shorts only below; 0 for no filter.",
        ge=0,
        le=WINDOW_MAX_BARS,
        axis=(0, 50, 100, 200),
        when=CHOSEN,
    )
    confidence: Confidence = param(
        "high",
        "confidence",
        "Confidence of its signals: sets leverage and margin, and must reach entry_min_confidence.",
        axis=("low", "medium", "high"),
        when=CHOSEN,
    )
