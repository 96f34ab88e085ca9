"""The strategies that there are: each has a word here, a class of parameters and a kernel file.

`make gen` writes kernel/strategies.py, which asks the chosen one, from this table. Append only:
the kernel record holds the position of a word.
"""

from __future__ import annotations

from typing import Literal, get_args

from schemas.base import Group, StrategyGroup, param
from schemas.strategy_ma_crossover import MaCrossover
from schemas.strategy_quad_ma import QuadMa
from schemas.strategy_rsi_reversion import RsiReversion

EntryStrategy = Literal["trend", "ma_crossover", "quad_ma", "rsi_reversion"]


class Strategies(Group):
    """Which strategy signals, and the parameters of each but `trend`."""

    entry_strategy: EntryStrategy = param(
        "trend",
        "strategy",
        "Where signals come from: the trend family of indicators, filters and thresholds, or one "
        "of the strategies below.",
        axis=get_args(EntryStrategy),
    )
    apply_trend_gates: bool = param(
        False,
        "switch",
        "Hold the signals of another strategy to the gates and filters of trend too: ranging, "
        "anomaly, extension, volume, ADX, BTC, SSF and REEF, each as its own switch says.",
        axis=(False, True),
    )
    apply_trend_exits: bool = param(
        False,
        "switch",
        "Judge the positions of another strategy by the smart exits of trend too: breakdown, "
        "exhaustion, macro EMA, stagnation and loss of momentum.",
        axis=(False, True),
    )
    ma_crossover: MaCrossover = MaCrossover()
    quad_ma: QuadMa = QuadMa()
    rsi_reversion: RsiReversion = RsiReversion()


def strategy_groups() -> dict[str, StrategyGroup]:
    """The group of each strategy beside `trend` at its defaults, in the order of declaration."""
    fields = Strategies.model_fields.items()
    return {name: one.default for name, one in fields if isinstance(one.default, StrategyGroup)}


OWN_ORDERED_PAIRS = tuple(
    (f"strategies.{name}.{lower}", f"strategies.{name}.{upper}")
    for name, group in strategy_groups().items()
    for lower, upper in group.ordered
)
"""Paths of the strategies whose first value must be strictly less than the second."""
