"""Parameters of the strategy `quad_ma`; its rule is kernel/strategy_quad_ma.py."""

from __future__ import annotations

from typing import ClassVar

from schemas.base import StrategyGroup, param
from schemas.strategy_ma_crossover import MeanKind
from schemas.strategy_orders import Confidence
from schemas.strategy_signals import WINDOW_MAX_BARS

CHOSEN = ("strategies.entry_strategy", "quad_ma")


class QuadMa(StrategyGroup):
    """Enter when four means of closes come into order, leave when the two fastest lose it."""

    ordered: ClassVar = (
        ("fast_window_bars", "middle_window_bars"),
        ("middle_window_bars", "slow_window_bars"),
        ("slow_window_bars", "trend_window_bars"),
    )
    has_exit: ClassVar = True

    fast_window_bars: int = param(
        10,
        "bars",
        "Fastest mean; each window is less than the next.",
        ge=1,
        le=WINDOW_MAX_BARS,
        axis=(5, 10, 15),
        when=CHOSEN,
    )
    middle_window_bars: int = param(
        20,
        "bars",
        "Middle mean.",
        ge=2,
        le=WINDOW_MAX_BARS,
        axis=(20, 25, 30),
        when=CHOSEN,
    )
    slow_window_bars: int = param(
        50,
        "bars",
        "Slow mean.",
        ge=3,
        le=WINDOW_MAX_BARS,
        axis=(40, 50, 60, 80),
        when=CHOSEN,
    )
    trend_window_bars: int = param(
        200,
        "bars",
        "Slowest mean, that of the trend.",
        ge=4,
        le=WINDOW_MAX_BARS,
        axis=(100, 150, 200),
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
