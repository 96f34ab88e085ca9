"""The compare report: two sets of trades side by side, and where they part."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.artifact import Body
from schemas.base import Strict, Value

Number = int | float
Kind = Literal["data", "decision", "reason", "price", "size", "costs"]


class ComparedSide(Strict):
    """One of the two."""

    what: Literal["replay", "trades"] = Field(description="A replay report or a file of trades.")
    path: str = Field(min_length=1, description="Where it lay.")
    config_id: str | None = Field(description="Configuration of a replay.")
    has_trades: bool = Field(description="False when a replay could not be made again.")
    entry_count: int = Field(ge=0, description="Positions in its trades.")
    close_count: int = Field(ge=0, description="Closes and partial closes in its trades.")


class ComparedMetric(Strict):
    """One figure of both; units are in the name."""

    name: str = Field(min_length=1)
    a: Number | None = Field(description="Of the first; null without a value.")
    b: Number | None = Field(description="Of the second.")
    difference: Number | None = Field(description="b - a; null when one has no value.")


class ComparedValue(Strict):
    """One parameter whose values differ."""

    path: str = Field(min_length=1, description="Its dotted path.")
    symbol: str | None = Field(description="Symbol that it holds for; null for the common values.")
    a: Value | None = Field(description="In the first.")
    b: Value | None = Field(description="In the second.")


class ComparedRule(Strict):
    """One rule of the decision at which the two part.

    A side that has the rule switched off passes without value; one that cannot be judged has null.
    """

    rule: str = Field(min_length=1, description="What is compared.")
    key: str = Field(description="Parameter that sets its limit; empty when there is none.")
    relation: str = Field(min_length=1, description="How value and limit must stand.")
    a_value: Number | None = Field(description="What the first saw.")
    a_limit: Number | None = Field(description="What the first asked.")
    a_passed: bool | None = Field(description="Whether the rule let the first act, or hold on.")
    b_value: Number | None = Field(description="What the second saw.")
    b_limit: Number | None = Field(description="What the second asked.")
    b_passed: bool | None = Field(description="The same for the second.")


class ComparedDivergence(Strict):
    """The first time at which the two differ in one way."""

    kind: Kind = Field(description="What differs: bars, decision, its reason, price, size, fees.")
    ts_ms: int = Field(ge=0, description="Close time of the bar, ms.")
    symbol: str = Field(min_length=1)
    a: str = Field(min_length=1, description="What the first did or saw.")
    b: str = Field(min_length=1, description="What the second did or saw.")
    because: str = Field(description="The rule, the input and the numbers; empty when unknown.")
    rules: tuple[ComparedRule, ...] = Field(description="All rules of the decision, in order.")


class CompareReport(Body):
    """Two replays, or a replay and another system's trades, and their first divergence."""

    folder: ClassVar[str] = "reports"
    kind: ClassVar[Literal["compare-report"]] = "compare-report"
    version: ClassVar[Literal[1]] = 1

    a: ComparedSide
    b: ComparedSide
    metrics: tuple[ComparedMetric, ...] = Field(description="Figures that both have.")
    configuration: tuple[ComparedValue, ...] = Field(description="Parameters that differ.")
    diverged: bool = Field(description="True when bars, trades or their hashes differ anywhere.")
    divergences: tuple[ComparedDivergence, ...] = Field(
        description="First of each kind, in order of time."
    )
    notes: tuple[str, ...] = Field(description="What could not be compared, and why.")
