"""The replay report: what one strategy would have done over one span of bars."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.artifact import SHA256_PATTERN, UTC_PATTERN, Body
from schemas.base import Strict, Value

Metric = float | int | None


class Span(Strict):
    """Which bars a replay traded."""

    interval: str = Field(min_length=1, description="Length of a bar.")
    first_open_utc: str = Field(pattern=UTC_PATTERN, description="Open of the first traded bar.")
    last_close_utc: str = Field(pattern=UTC_PATTERN, description="Close of the last traded bar.")
    instant_count: int = Field(ge=1, description="Instants decided.")
    symbol_bar_count: int = Field(ge=0, description="Bars of all symbols in those instants.")
    symbol_count: int = Field(ge=1, description="Symbols in the store, the context.")
    tradable: tuple[str, ...] | None = Field(description="Symbols that may trade; null for all.")
    missing_bars: dict[str, int] = Field(
        description="Bars missing between a symbol's first and last bar; never filled."
    )


class Slice(Strict):
    """Part of the result; positions count where they ended, PnL where it was closed."""

    name: str = Field(min_length=1)
    position_count: int = Field(ge=0, description="Positions that became flat here.")
    close_count: int = Field(ge=0, description="Closes and partial closes.")
    win_count: int = Field(ge=0, description="Positions that ended with a net gain.")
    gross_pnl_usd: float = Field(description="Before fees.")
    fees_usd: float = Field(ge=0, description="Exit fees and the entry fees that belong to them.")
    net_pnl_usd: float = Field(description="After fees and funding.")


class Excursions(Strict):
    """Worst and best excursion of positions from their first fill, as fractions of it."""

    mae_median_frac: float | None = Field(description="Median worst excursion, at most 0.")
    mae_worst_frac: float | None = Field(description="Worst of all.")
    mfe_median_frac: float | None = Field(description="Median best excursion, at least 0.")
    mfe_best_frac: float | None = Field(description="Best of all.")
    winners_mae_median_frac: float | None = Field(description="How deep winners went first.")
    losers_mfe_median_frac: float | None = Field(description="How far losers had been ahead.")


class Costs(Strict):
    """What the same fills would have made without each cost; nothing is decided anew.

    gross at the decided prices = net PnL + fees + slippage - funding.
    """

    gross_at_mid_usd: float = Field(
        description="PnL of the fills at the prices they were decided on, before every cost."
    )
    fees_usd: float = Field(ge=0, description="Fees paid.")
    entry_slippage_usd: float = Field(description="What entries and adds lost to slippage.")
    exit_slippage_usd: float = Field(description="What exits lost to slippage.")
    slippage_usd: float = Field(description="Both; fills worse than decided count as positive.")
    funding_usd: float = Field(description="Funding received; negative when paid.")
    net_pnl_usd: float = Field(description="As traded.")
    net_without_fees_usd: float = Field(description="Net PnL at zero fees.")
    net_without_slippage_usd: float = Field(description="Net PnL at zero slippage.")
    net_without_funding_usd: float = Field(description="Net PnL at zero funding.")


class CurvePoint(Strict):
    """Marked equity at the last close of a UTC day."""

    ts_ms: int = Field(ge=0, description="Close time, ms.")
    equity_usd: float = Field(description="Cash plus open profit.")
    drawdown_frac: float = Field(ge=0, description="Fall from the running peak of all instants.")


class ReplayReport(Body):
    """What one strategy would have done; figures are net of fees and marked to market."""

    folder: ClassVar[str] = "replays"
    kind: ClassVar[Literal["replay-report"]] = "replay-report"
    version: ClassVar[Literal[2]] = 2

    config_id: str = Field(pattern=SHA256_PATTERN, description="Effective configuration.")
    configuration: dict[str, Value] | None = Field(
        description="Every parameter in effect by its path; null where version 1 had none."
    )
    symbol_configurations: dict[str, dict[str, Value]] = Field(
        description="Every parameter in effect for symbols that differ from the common values."
    )
    mode: str | None = Field(description="Mode of the file that was applied.")
    sets: tuple[str, ...] = Field(description="`--set` values that were applied.")
    span: Span
    equity_start_usd: float = Field(description="Equity before the first instant.")
    metrics: dict[str, Metric] = Field(description="Totals and ratios; see docs/metrics.md.")
    null_reasons: dict[str, str] = Field(description="Why a metric is null.")
    costs: Costs | None = Field(description="Net PnL by cost; null where version 1 had none.")
    funding_coverage_frac: float | None = Field(
        ge=0, le=1, description="Hours on held positions whose rate was known, of those due."
    )
    funding_missing_hours: dict[str, int] = Field(
        description="Hours on held positions without a known rate, by symbol; none was charged."
    )
    by_symbol: tuple[Slice, ...]
    by_side: tuple[Slice, ...]
    by_confidence: tuple[Slice, ...]
    by_entry_mode: tuple[Slice, ...]
    by_reason: tuple[Slice, ...]
    by_month: tuple[Slice, ...]
    excursions: Excursions
    gates: dict[str, int] = Field(description="Checks, and what each gate and filter stopped.")
    curve: tuple[CurvePoint, ...]
    trades_sha256: str = Field(
        pattern=SHA256_PATTERN, description="Hash of the trades' logical content."
    )
