"""Gates: what a candidate must reach on bars that no search has seen, and the verdict's report."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.artifact import SHA256_PATTERN, Body
from schemas.base import Strict

Comparison = Literal[">=", ">", "<="]
Number = int | float
Slippage = float


class Gates(Strict):
    """Limits that `validate` judges by."""

    kind: Literal["gates"] = Field(description="Says what this file is.")
    version: Literal[1] = Field(description="Version of this file's schema.")
    positions_min_count: int = Field(
        default=30, ge=1, description="Fewer positions prove nothing, whatever they earned."
    )
    slippage_bps: Slippage = Field(
        default=20.0, ge=0, le=1000, description="Slippage of every entry and exit when judged."
    )
    slippage_shown_bps: tuple[Slippage, ...] = Field(
        default=(10.0, 30.0), max_length=8, description="Other slippages to show, not to judge by."
    )
    best_position_max_frac: float = Field(
        default=0.5, gt=0, le=1, description="Most of the net PnL that one position may have made."
    )
    slice_count: int = Field(
        default=3, ge=1, le=100, description="Equal parts that the holdout is cut into."
    )
    slices_positive_min_count: int = Field(
        default=2, ge=0, description="Parts in which equity must have risen."
    )
    require_sharpe_above_expected_best: bool = Field(
        default=True,
        description="Daily Sharpe must beat the best that chance gives in as many trials.",
    )

    @model_validator(mode="after")
    def _slices_suffice(self) -> Self:
        """Raise `ValueError` when more slices must be positive than there are."""
        if self.slices_positive_min_count > self.slice_count:
            what = (
                f"slices_positive_min_count must not exceed slice_count, was "
                f"{self.slices_positive_min_count} of {self.slice_count}"
            )
            raise ValueError(what)
        return self


class Check(Strict):
    """One gate: what was measured, what was asked, and whether it passed."""

    name: str = Field(min_length=1, description="What is judged.")
    value: Number | None = Field(description="Measured; null when it has no value.")
    comparison: Comparison = Field(description="How value and limit must compare.")
    limit: Number = Field(description="What was asked.")
    passed: bool = Field(description="A missing value never passes.")
    note: str = Field(description="Why there is no value, or what it rests on; may be empty.")


class HoldoutSlice(Strict):
    """One part of the holdout at the slippage that is judged."""

    start_ms: int = Field(ge=0, description="First open time.")
    end_ms: int = Field(ge=0, description="Last close time.")
    pnl_usd: float | None = Field(description="Change of marked equity.")


class HoldoutMetrics(Strict):
    """What the candidate did on the holdout at one slippage."""

    slippage_bps: Slippage = Field(ge=0, description="Of every entry and every exit.")
    metrics: dict[str, Number | None] = Field(description="As in a replay report.")


class GateReport(Body):
    """The verdict on one candidate, with every figure that it rests on."""

    folder: ClassVar[str] = "gates"
    kind: ClassVar[Literal["gate-report"]] = "gate-report"
    version: ClassVar[Literal[1]] = 1

    config_id: str = Field(pattern=SHA256_PATTERN, description="Identity of the candidate.")
    rank: int | None = Field(ge=1, description="Its rank in the sweep; null when it came alone.")
    spec_sha256: str | None = Field(description="Sweep spec that proposed it; null when alone.")
    passed: bool = Field(description="True when every check passed.")
    checks: tuple[Check, ...] = Field(min_length=1, description="Each gate.")
    interval: str = Field(min_length=1, description="Bars that decisions were made on.")
    symbols: tuple[str, ...] = Field(min_length=1, description="Symbols that gave bars.")
    initial_equity_usd: float = Field(gt=0, description="Equity at the start of the holdout.")
    holdout_start_ms: int = Field(ge=0, description="First open time of the holdout.")
    holdout_end_ms: int = Field(ge=0, description="Last close time of the holdout.")
    slices: tuple[HoldoutSlice, ...] = Field(min_length=1, description="Parts of the holdout.")
    trial_count: int = Field(ge=1, description="Trials that the ledger counts on these bars.")
    trial_sharpe_variance: float = Field(
        ge=0, description="Population variance of their daily Sharpe."
    )
    sharpe_expected_best: float = Field(
        ge=0, description="Daily Sharpe of the best of as many worthless trials, as expected."
    )
    gates: Gates = Field(description="The limits.")
    holdout: tuple[HoldoutMetrics, ...] = Field(
        min_length=1, description="Figures per slippage, the judged one first."
    )
    null_reasons: dict[str, str] = Field(description="Why a metric has no value.")
