"""The sweep: its spec, a person's intent in YAML, and its report, a fact in JSON.

The report's body holds no durations, so that equal inputs give an equal content hash; the time a
sweep took is said on stderr and in the run's logs.
"""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from schemas.artifact import SHA256_PATTERN, Body
from schemas.base import Strict, Value

Objective = Literal["sharpe", "net_pnl", "sortino", "calmar", "pnl_over_drawdown"]
Method = Literal["grid", "random", "tpe", "successive_halving"]
Number = int | float
TOP_MAX = 100
"""Most candidates of one sweep: each is replayed in full and judged by `validate`."""


class AxisGate(Strict):
    """The axis varies only where this parameter has this value."""

    path: str = Field(min_length=1, description="Parameter that decides, by its dotted path.")
    equals: Value = Field(description="Value at which the axis varies.")


class Axis(Strict):
    """One parameter that the sweep varies."""

    path: str = Field(min_length=1, description="Parameter by its dotted path.")
    values: tuple[Value, ...] | None = Field(default=None, description="Values to take.")
    range: tuple[Number, Number, Number] | None = Field(
        default=None, description="First value, last value (counted in), step."
    )
    log: tuple[Number, Number, int] | None = Field(
        default=None,
        description="First value, last value (counted in), count of values in equal ratios.",
    )
    when: AxisGate | None = Field(
        default=None, description="Gate; without it the parameter's declared gate holds."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        """Raise `ValueError` when more than one way to give values is used."""
        given = [name for name in ("values", "range", "log") if getattr(self, name) is not None]
        if len(given) > 1:
            what = f"give either values or range or log, not {' and '.join(given)}"
            raise ValueError(what)
        return self


class SpecWindow(Strict):
    """Which bars the sweep and its holdout may use."""

    start: str | int | None = Field(
        default=None, description="First open time: ISO date or ms; null takes the first bar."
    )
    end: str | int | None = Field(
        default=None, description="Last close time, holdout counted in; null takes the last bar."
    )
    holdout_frac: float = Field(
        default=0.25, gt=0, le=0.9, description="Last part of these bars, kept for validate."
    )


class Budget(Strict):
    """When a search that does not try everything ends: at the first limit that it reaches."""

    trials: int | None = Field(default=None, ge=1, description="Points to evaluate.")
    seconds: float | None = Field(
        default=None, gt=0, description="Wall time, after which no further batch begins."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        """Raise `ValueError` for a budget without a limit."""
        if self.trials is None and self.seconds is None:
            what = "a budget gives trials, seconds or both"
            raise ValueError(what)
        return self


class TpeOptions(Strict):
    """How the method tpe proposes points."""

    multivariate: bool = Field(
        default=False,
        description="Model the good points jointly; false models each axis by itself.",
    )


class HalvingOptions(Strict):
    """How the method successive_halving spends its bars."""

    eta: int = Field(
        default=3, ge=2, le=16, description="One of so many points goes on, to so many times bars."
    )
    first_frac: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="Part of the search window, its newest bars, of the first rung.",
    )
    min_bars: int = Field(
        default=500, ge=1, description="Fewest bars of a rung, whatever first_frac says."
    )


class SweepSpec(Strict):
    """What to try, on which bars, and what to call best."""

    kind: Literal["sweep-spec"] = Field(description="Says what this file is.")
    version: Literal[1] = Field(description="Version of this file's schema.")
    base: str = Field(min_length=1, description="Strategy file, relative to the spec's folder.")
    window: SpecWindow = Field(default=SpecWindow(), description="Bars to use.")
    method: Method = Field(default="grid", description="How points are proposed.")
    seed: int = Field(
        default=0, ge=0, le=2**63 - 1, description="Seed of every method that draws; grid does not."
    )
    budget: Budget | None = Field(
        default=None, description="Where a method other than grid ends; grid takes none."
    )
    tpe: TpeOptions | None = Field(default=None, description="Options of the method tpe.")
    successive_halving: HalvingOptions | None = Field(
        default=None, description="Options of the method successive_halving."
    )
    objective: Objective = Field(default="sharpe", description="What the best has most of.")
    top: int = Field(default=10, ge=1, le=TOP_MAX, description="Candidates written as configs.")
    min_positions: int = Field(
        default=30, ge=0, description="Rows with fewer positions are never ranked."
    )
    axes: tuple[Axis, ...] = Field(min_length=1, description="Parameters to vary.")
    constraints: tuple[str, ...] = Field(
        default=(),
        description="Comparisons that every point keeps, such as `a.path < another.path`.",
    )

    @model_validator(mode="after")
    def _method_has_its_options(self) -> Self:
        """Raise `ValueError` for a budget or options that the method does not take, or lacks."""
        if self.method == "grid" and self.budget is not None:
            what = "the method grid tries every point and takes no budget"
            raise ValueError(what)
        if self.method != "grid" and self.budget is None:
            what = f"the method {self.method} needs a budget, such as budget: {{trials: 1000}}"
            raise ValueError(what)
        for name in ("tpe", "successive_halving"):
            if getattr(self, name) is not None and self.method != name:
                what = f"options of {name} are given, but the method is {self.method}"
                raise ValueError(what)
        return self


class Windows(Strict):
    """The bars of a sweep, cut in two with a purge between them; all times in ms since 1970.

    A `start` is the open time of the first bar, an `end` the close time of the last one.
    """

    data_start_ms: int = Field(ge=0, description="First bar that may be used.")
    data_end_ms: int = Field(ge=0, description="Last bar that may be used.")
    search_start_ms: int = Field(ge=0, description="First bar that the search trades.")
    search_end_ms: int = Field(ge=0, description="Last bar that the search sees.")
    search_bar_count: int = Field(ge=1, description="Instants of the search.")
    purge_bars: int = Field(ge=0, description="Bars between search and holdout that neither uses.")
    holdout_start_ms: int = Field(ge=0, description="First bar of the holdout.")
    holdout_end_ms: int = Field(ge=0, description="Last bar of the holdout.")
    holdout_bar_count: int = Field(ge=1, description="Instants of the holdout.")


class Combinations(Strict):
    """Where the points went: listed = duplicates + excluded + evaluated + unreached.

    A grid lists every point of its axes; another method lists the points that it drew.
    """

    listed_count: int = Field(ge=0, description="Points of the grid, or points that were drawn.")
    duplicate_count: int = Field(ge=0, description="Points equal to another; not evaluated.")
    excluded_count: int = Field(
        ge=0, description="Points that break an ordered pair or a constraint; not evaluated."
    )
    evaluated_count: int = Field(ge=0, description="Distinct points that were simulated.")
    unreached_count: int = Field(ge=0, description="Points left when the sweep was stopped.")
    short_count: int = Field(ge=0, description="Evaluated points with too few positions to rank.")
    space_count: int | None = Field(
        default=None, ge=1, description="Distinct points that the axes span; null: as listed."
    )


class SweepCandidate(Strict):
    """One of the best rows, written as a complete strategy."""

    rank: int = Field(ge=1, description="1 is the best.")
    row: int = Field(ge=0, description="Row in the results file.")
    config_id: str = Field(pattern=SHA256_PATTERN, description="Identity of the strategy.")
    config_path: str = Field(min_length=1, description="Its file, relative to the run's folder.")
    config_sha256: str = Field(pattern=SHA256_PATTERN, description="Hash of that file.")
    values: dict[str, Value] = Field(description="Value of each axis.")
    metrics: dict[str, Number | None] = Field(description="On the search window, fees included.")
    verified: bool = Field(description="A full replay gave the same figures, bit for bit.")


class SweepReport(Body):
    """What a sweep tried, on what, and its best rows."""

    folder: ClassVar[str] = "sweeps"
    kind: ClassVar[Literal["sweep-report"]] = "sweep-report"
    version: ClassVar[Literal[1]] = 1

    spec: SweepSpec = Field(description="The spec with all defaults in place.")
    spec_sha256: str = Field(
        pattern=SHA256_PATTERN,
        description="Hash of the spec, base by config id, with data, equity and decision rules.",
    )
    base_config_id: str = Field(pattern=SHA256_PATTERN, description="Identity of the base.")
    interval: str = Field(min_length=1, description="Bars that decisions were made on.")
    symbols: tuple[str, ...] = Field(min_length=1, description="Symbols traded.")
    initial_equity_usd: float = Field(gt=0, description="Equity at the start of each row.")
    data_sha256: str = Field(
        pattern=SHA256_PATTERN, description="Content of the bars up to the end of the holdout."
    )
    windows: Windows = Field(description="Search, purge and holdout.")
    axes: tuple[str, ...] = Field(min_length=1, description="Paths that were varied.")
    combinations: Combinations = Field(description="Where the points of the grid went.")
    notes: tuple[str, ...] = Field(description="What the reader should know of the axes.")
    results_path: str = Field(min_length=1, description="Parquet, relative to the run's folder.")
    results_sha256: str = Field(pattern=SHA256_PATTERN, description="Hash of that file.")
    result_hash: str | None = Field(
        default=None,
        pattern=SHA256_PATTERN,
        description="Hash of points and figures, equal however the sweep was run.",
    )
    interrupted: bool = Field(description="True when stopped before all rows were evaluated.")
    top: tuple[SweepCandidate, ...] = Field(description="The best rows, best first.")


class SweepTop(Body):
    """The best rows of a sweep by themselves."""

    folder: ClassVar[str] = "sweeps"
    kind: ClassVar[Literal["sweep-top"]] = "sweep-top"
    version: ClassVar[Literal[1]] = 1
    ending: ClassVar[str] = ".top"

    spec_sha256: str = Field(pattern=SHA256_PATTERN, description="As in the sweep's report.")
    base_config_id: str = Field(pattern=SHA256_PATTERN, description="Identity of the base.")
    objective: Objective = Field(description="What the best has most of.")
    axes: tuple[str, ...] = Field(min_length=1, description="Paths that were varied.")
    result_hash: str = Field(pattern=SHA256_PATTERN, description="As in the sweep's report.")
    top: tuple[SweepCandidate, ...] = Field(description="The best rows, best first.")
