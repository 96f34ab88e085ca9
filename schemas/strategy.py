"""A strategy's parameters, each declared once: type, default, unit, bounds, meaning, axis, gate.

From these declarations come validation, JSON Schema, the example YAML, the reference table, the
kernel record, `--set`, `config explain` and the sweep axes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Self

from pydantic import model_validator

from schemas.base import Group, Value, param
from schemas.strategies import OWN_ORDERED_PAIRS, Strategies
from schemas.strategy_signals import WINDOW_MAX_BARS, Filters, Indicators, MarketRegime
from schemas.strategy_thresholds import Thresholds
from schemas.strategy_trade import Trade

Interval = Literal["1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w"]


FinerInterval = Literal["same", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d"]


class Engine(Group):
    """The clock of decisions, and which symbols they are made for."""

    interval: Interval = param(
        "1h", "interval", "Bars that indicators and decisions are made on.", kernel=False
    )
    exit_interval: FinerInterval = param(
        "same",
        "interval",
        "Shorter bars that exits are judged on, by the last closed indicators; a divisor of "
        "the interval.",
        kernel=False,
    )
    entry_interval: FinerInterval = param(
        "same",
        "interval",
        "Shorter bars at whose closes signals are taken too, by the last closed indicators; a "
        "divisor of the interval.",
        kernel=False,
    )
    universe_top_count: int = param(
        50,
        "symbols",
        "Only the symbols of the largest 24 h notional may be entered, ranked anew at each "
        "midnight; 0 for all.",
        ge=0,
        le=1000,
        kernel=False,
    )
    universe_keep_count: int = param(
        60,
        "symbols",
        "A member stays until its rank falls below this one.",
        ge=1,
        le=1000,
        kernel=False,
    )
    lookback_bars: int = param(
        200,
        "bars",
        "Bars that a symbol must have before it may enter.",
        ge=1,
        le=5 * WINDOW_MAX_BARS,
    )
    excursions_count_entry_bar: bool = param(
        False,
        "switch",
        "Count the whole entry bar, which lies before the entry, into the worst "
        "and best excursion of a trade.",
    )


class Strategy(Group):
    """Everything that decides what a strategy does, with all values in place."""

    trade: Trade = Trade()
    indicators: Indicators = Indicators()
    filters: Filters = Filters()
    thresholds: Thresholds = Thresholds()
    market_regime: MarketRegime = MarketRegime()
    engine: Engine = Engine()
    strategies: Strategies = Strategies()

    @model_validator(mode="after")
    def _orders_hold(self) -> Self:
        """Raise `ValueError` for pairs of values that contradict each other."""
        faults = order_faults(lambda path: value_at(self, path))
        if faults:
            raise ValueError(faults[0].what)
        return self


ORDERED_PAIRS = (
    ("indicators.ema_fast_window_bars", "indicators.ema_slow_window_bars"),
    ("trade.breakeven_buffer_atr", "trade.breakeven_start_atr"),
    ("thresholds.ranging.rsi_low", "thresholds.ranging.rsi_high"),
    *OWN_ORDERED_PAIRS,
)
"""Paths whose first value must be strictly less than the second."""

ORDERED_OR_EQUAL_PAIRS = (
    ("trade.reentry_cooldown_min_minutes", "trade.reentry_cooldown_max_minutes"),
    ("trade.vol_scalar_min", "trade.vol_scalar_max"),
    ("market_regime.auto_reverse_breadth_low", "market_regime.auto_reverse_breadth_high"),
    ("market_regime.gate_breadth_low", "market_regime.gate_breadth_high"),
    ("engine.universe_top_count", "engine.universe_keep_count"),
)
"""Paths whose first value must not be above the second."""


INTERVAL_MINUTES = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "8h": 480,
    "12h": 720, "1d": 1_440, "3d": 4_320, "1w": 10_080,
}  # fmt: skip
FINER_INTERVALS = ("engine.exit_interval", "engine.entry_interval")
"""Paths whose interval must go a whole number of times into `engine.interval`."""


class OrderFault(NamedTuple):
    """Two values that contradict each other."""

    lower: str
    upper: str
    what: str


def order_faults(value_of: Callable[[str], Value]) -> list[OrderFault]:
    """The pairs of values, as `value_of` gives them for a path, that do not hold together."""
    found = []
    for pairs, word, holds in (
        (ORDERED_PAIRS, "less than", operator.lt),
        (ORDERED_OR_EQUAL_PAIRS, "at most", operator.le),
    ):
        for lower, upper in pairs:
            low, high = value_of(lower), value_of(upper)
            if not holds(low, high):
                what = f"{lower} must be {word} {upper}, was {low} and {high}"
                found.append(OrderFault(lower, upper, what))
    whole = value_of("engine.interval")
    for path in FINER_INTERVALS:
        part = value_of(path)
        if part != "same" and INTERVAL_MINUTES[str(whole)] % INTERVAL_MINUTES[str(part)]:
            what = f"{path} must divide engine.interval, was {part} and {whole}"
            found.append(OrderFault(path, "engine.interval", what))
    return found


def finer_interval(strategy: Strategy, path: str) -> str | None:
    """The interval of one of FINER_INTERVALS, or None where it is that of the indicators."""
    part = str(value_at(strategy, path))
    return None if part in ("same", strategy.engine.interval) else part


def value_at(strategy: Strategy, path: str) -> Value:
    """Value of the parameter at a dotted path; the path must exist."""
    value: object = strategy
    for name in path.split("."):
        value = getattr(value, name)
    assert isinstance(value, bool | int | float | str), path
    return value


def strategy_from(values: Mapping[str, Value]) -> Strategy:
    """The strategy with these values by dotted path; `ValidationError` when one is not allowed."""
    tree: dict[str, object] = {}
    for path, value in values.items():
        *groups, leaf = path.split(".")
        node: dict[str, object] = tree
        for group in groups:
            inner = node.setdefault(group, {})
            assert isinstance(inner, dict)
            node = inner
        node[leaf] = value
    return Strategy.model_validate(tree)
