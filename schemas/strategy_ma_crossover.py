"""Parameters of the strategy `ma_crossover`; its rule is kernel/strategy_ma_crossover.py."""

from __future__ import annotations

from typing import ClassVar, Literal

from schemas.base import StrategyGroup, param
from schemas.strategy_orders import Confidence
from schemas.strategy_signals import WINDOW_MAX_BARS

MeanKind = Literal["ema", "sma"]

CHOSEN = ("strategies.entry_strategy", "ma_crossover")


class MaCrossover(StrategyGroup):
    """Enter when the fast mean of closes crosses the slow one, turn around at the next cross."""

    ordered: ClassVar = (("fast_window_bars", "slow_window_bars"),)

    fast_window_bars: int = param(
        50,
        "bars",
        "Fast mean; less than the slow one.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(5, 10, 20, 50),
        when=CHOSEN,
    )
    slow_window_bars: int = param(
        200,
        "bars",
        "Slow mean.",
        ge=2,
        le=WINDOW_MAX_BARS,
        axis=(30, 50, 100, 200),
        when=CHOSEN,
    )
    ma_kind: MeanKind = param(
        "sma", "rule", "Exponential or plain means.", axis=("ema", "sma"), when=CHOSEN
    )
    confidence: Confidence = param(
        "high",
        "confidence",
        "Confidence of its signals: sets leverage and margin, and must reach entry_min_confidence.",
        axis=("low", "medium", "high"),
        when=CHOSEN,
    )
