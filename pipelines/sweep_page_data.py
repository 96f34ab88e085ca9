"""What the page of a sweep draws, as plain data: aggregates of the results, and few rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from core.artifacts.hashing import sha256_file
from core.errors import InputError
from core.importance import Importance, importance
from core.landscape import (
    NOT_ACTING,
    CodedAxis,
    best_and_spread,
    cells_of,
    code_numbers,
    spread_rows,
)
from core.ratios import DAYS_PER_YEAR
from core.statistics import expected_best
from kernel.records import Floats, Ints
from pipelines.sweep_results import OBJECTIVES

if TYPE_CHECKING:
    import polars as pl

BEST_DRAWN: Final = 500
REST_DRAWN: Final = 1_500
PARALLEL_AXES_MAX: Final = 12
HEATMAP_AXES_MAX: Final = 8
"""Axes of which every pair has its cells in the page: 28 pairs."""
IMPORTANCE_ROWS_MIN: Final = 20_000
IMPORTANCE_ROWS_MAX: Final = 200_000
IMPORTANCE_WORK: Final = 20_000_000
"""Rows times pairs of axes that are looked at, at most: about a second."""
HISTOGRAM_BINS: Final = 50
TAIL_FRAC: Final = 0.005
"""Part of the rows on each side that a histogram may join, where few rows lie far out."""
MARGIN_FRAC: Final = 0.02
"""Room beside the outermost line, as a part of what is drawn."""
FIGURES = ("row", "position_count", "sharpe", "sharpe_daily")


@dataclass(frozen=True)
class Chance:
    """The best Sharpe that chance alone would give to as many trials, a year and a day."""

    trial_count: int
    sharpe_daily: float

    @property
    def sharpe(self) -> float:
        """Annualised, as the Sharpe of a report."""
        return self.sharpe_daily * math.sqrt(DAYS_PER_YEAR)


@dataclass(frozen=True)
class Landscape:
    """The ranked rows in ascending order of the objective, and what was left out of them.

    `drawn` are the places of the rows that are drawn as lines; `drawn_numbers` their values on the
    axes whose levels are bins.
    """

    objective: str
    rows: Ints
    values: Floats
    sharpe: Floats
    axes: tuple[CodedAxis, ...]
    drawn: Ints
    drawn_numbers: Mapping[str, Floats]
    importance: list[Importance]
    importance_rows: int
    row_count: int
    short_count: int
    valueless_count: int
    chance: Chance

    @property
    def by_importance(self) -> list[CodedAxis]:
        """Axes that take more than one level among the ranked rows, the most important first."""
        coded = {axis.path: axis for axis in self.axes}
        return [coded[each.path] for each in self.importance]


def results_of(report: Path, body: Mapping[str, Any]) -> Path:
    """The results that a sweep report names; InputError when they are gone or not those."""
    named = Path(body["results_path"])
    path = report.parent.parent / named
    if not path.exists() and (report.parent / named.name).exists():
        path = report.parent / named.name  # copied out of its run together with the report
    if not path.exists():
        raise InputError(
            "the results of this sweep are not there",
            at=str(path),
            hint="put the file back beside its report, or run the sweep again with --force",
        )
    found = sha256_file(path)
    if found != body["results_sha256"]:
        raise InputError(
            f"these are not the results of this sweep: their hash is {found[:12]}..., the report "
            f"names {body['results_sha256'][:12]}...",
            at=str(path),
            hint="put the file back as the sweep wrote it, or run the sweep again with --force",
        )
    return path


def read_landscape(results: Path, body: Mapping[str, Any]) -> Landscape:
    """The ranked rows of a results file, coded by axis; InputError when a column is missing."""
    table = Table(results)
    objective, least = body["spec"]["objective"], body["spec"]["min_positions"]
    paths = list(body["axes"])
    column = OBJECTIVES.get(objective, objective)
    table.require([*FIGURES, column, *paths])
    value = _floats(table[column])
    short = table["position_count"].fill_null(0).to_numpy() < least
    if table.has("window_frac"):  # rows of a search that saw only part of the window
        value = np.where(_floats(table["window_frac"]) >= 1.0, value, np.nan)
    # Of equal rows the first one is the best, as in the report, and so comes last.
    ranked = np.flatnonzero(~short & np.isfinite(value))[::-1]
    order = ranked[np.argsort(value[ranked], kind="stable")]
    drawn = best_and_spread(len(order), BEST_DRAWN, REST_DRAWN)
    axes, numbers = [], {}
    for path in paths:
        series = table[path].gather(order)
        axes.append(coded(series))
        if axes[-1].is_binned:
            numbers[path] = _floats(series.gather(drawn))
    varied = [axis for axis in axes if len(np.unique(axis.codes)) > 1]
    sample = spread_rows(len(order), importance_rows(len(varied)))
    return Landscape(
        objective=objective,
        rows=table["row"].to_numpy()[order],
        values=value[order],
        sharpe=_floats(table["sharpe"])[order],
        axes=tuple(axes),
        drawn=drawn,
        drawn_numbers=numbers,
        importance=importance([axis.at(sample) for axis in varied], value[order][sample]),
        importance_rows=len(sample),
        row_count=len(value),
        short_count=int(short.sum()),
        valueless_count=int((~short & ~np.isfinite(value)).sum()),
        chance=chance_of(_floats(table["sharpe_daily"])),
    )


class Table:
    """The columns of a results file, read one at a time, so that few are in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def require(self, names: Sequence[str]) -> None:
        """Raise InputError when the file is no table or has not all of these columns."""
        import polars as pl

        try:
            known = pl.read_parquet_schema(self.path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError(
                f"this is not a parquet file: {error}",
                at=str(self.path),
                hint="run the sweep again with --force",
            ) from error
        for name in names:
            if name not in known:
                raise InputError(
                    f"the results have no column {name!r}",
                    at=str(self.path),
                    hint="run the sweep again: these results were written by another perpkit",
                )

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        import polars as pl

        return name in pl.read_parquet_schema(self.path)

    def __getitem__(self, name: str) -> pl.Series:
        """One column."""
        import polars as pl

        return pl.read_parquet(self.path, columns=[name])[name]


def importance_rows(axis_count: int) -> int:
    """Rows that importance is computed from, so that its time is bounded whatever is swept."""
    pairs = max(axis_count * (axis_count - 1) // 2, 1)
    return max(IMPORTANCE_ROWS_MIN, min(IMPORTANCE_ROWS_MAX, IMPORTANCE_WORK // pairs))


def chance_of(sharpes: Floats) -> Chance:
    """The figure of `validate` for these trials alone: all rows, ranked or not."""
    found = sharpes[np.isfinite(sharpes)]
    variance = float(found.var()) if len(found) else 0.0
    return Chance(len(found), expected_best(len(found), variance))


def coded(series: pl.Series) -> CodedAxis:
    """A column of the results as an axis: numbers by size, words in the order of the alphabet."""
    import polars as pl

    if series.dtype.is_numeric():
        return code_numbers(series.name, _floats(series))
    words = series.cast(pl.String)
    distinct_words = words.drop_nulls().unique().sort()
    codes = words.cast(pl.Enum(distinct_words)).to_physical().cast(pl.UInt16)
    labels = tuple(distinct_words)
    if codes.null_count() > 0:
        codes, labels = codes.fill_null(len(labels)), (*labels, NOT_ACTING)
    return CodedAxis(series.name, codes.to_numpy(), labels)


def _floats(series: pl.Series) -> Floats:
    """A column as floats, NaN where it has no finite number."""
    import polars as pl

    values: Floats = series.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def page_data(land: Landscape, title: str) -> dict[str, Any]:
    """All that the page's script reads; `title` says what the objective is, with its unit."""
    return {
        "objective": title,
        "parallel": parallel_of(land),
        "heatmap": heatmap_of(land),
        "distributions": distributions_of(land, title),
    }


def parallel_of(land: Landscape) -> dict[str, Any] | None:
    """The rows that are drawn as lines, the best last; None when there is nothing to draw.

    The most important axis stands last, next to the objective.
    """
    axes = land.by_importance[:PARALLEL_AXES_MAX][::-1]
    if not axes:
        return None
    return {
        "row": land.rows[land.drawn].tolist(),
        "value": [short_float(value) for value in land.values[land.drawn].tolist()],
        "axes": [_drawn_axis(land, axis) for axis in axes],
    }


def _drawn_axis(land: Landscape, axis: CodedAxis) -> dict[str, Any]:
    """Levels by their place; numbers themselves where there are too many for levels."""
    numbers = land.drawn_numbers.get(axis.path)
    if numbers is None:
        return {"path": axis.path, "labels": axis.labels, "at": axis.codes[land.drawn].tolist()}
    return {
        "path": axis.path,
        "numbers": [short_float(value) for value in numbers.tolist()],
        "missing": NOT_ACTING,
    }


def heatmap_of(land: Landscape) -> dict[str, Any] | None:
    """The cells of every pair of the most important axes; None for fewer than two axes."""
    axes = land.by_importance[:HEATMAP_AXES_MAX]
    if len(axes) < 2:
        return None
    pairs = []
    for i, first in enumerate(axes):
        for j in range(i + 1, len(axes)):
            cells = cells_of(first, axes[j], land.values)
            pairs.append(
                {
                    "down": i,
                    "across": j,
                    "count": cells.counts.ravel().tolist(),
                    "median": [short_float(value) for value in cells.median.ravel().tolist()],
                    "best": [short_float(value) for value in cells.best.ravel().tolist()],
                }
            )
    return {
        "axes": [{"path": axis.path, "labels": axis.labels} for axis in axes],
        "pairs": pairs,
    }


def distributions_of(land: Landscape, title: str) -> list[dict[str, Any]]:
    """Histograms: of the Sharpe with chance's best; of another objective before it."""
    if len(land.values) == 0:
        return []
    chance = {"name": "best from chance", "value": land.chance.sharpe, "tone": "loss"}
    sharpe = land.sharpe[np.isfinite(land.sharpe)]
    if land.objective == "sharpe":
        return [histogram(title, land.values, [*_ends(land.values), chance])]
    found = [histogram(title, land.values, _ends(land.values))]
    if len(sharpe):
        lines = [*_ends(np.sort(sharpe)), chance]
        own = float(land.sharpe[-1])
        if math.isfinite(own):
            lines.append({"name": "the best row's", "value": own, "tone": "accent"})
        found.append(histogram("Sharpe", sharpe, lines))
    return found


def _ends(ascending: Floats) -> list[dict[str, Any]]:
    return [
        {"name": "median", "value": float(np.median(ascending)), "tone": "ink"},
        {"name": "best found", "value": float(ascending[-1]), "tone": "gain"},
    ]


def histogram(title: str, values: Floats, lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Counts between evenly spaced edges, which reach as far as the lines do.

    Where few rows lie far out, the first and the last bin hold all beyond them, and `joined` says
    how many.
    """
    low, high = np.quantile(values, [TAIL_FRAC, 1.0 - TAIL_FRAC]).tolist()
    least, most = float(values.min()), float(values.max())
    if most - least <= 4.0 * (high - low):
        low, high = least, most
    marks = [line["value"] for line in lines if line["value"] != most]
    low, high = min([low, *marks]), max([high, *marks])
    margin = MARGIN_FRAC * (high - low) or 0.5
    low, high = low - margin, high + margin
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    inside = np.clip(values, low, high)
    return {
        "title": title,
        "edges": [short_float(edge) for edge in edges.tolist()],
        "counts": np.histogram(inside, edges)[0].tolist(),
        "joined": int((inside != values).sum()),
        "lines": [{**line, "value": short_float(line["value"])} for line in lines],
    }


def short_float(value: float) -> float | None:
    """The number with five significant digits, so that the page stays small; None for NaN."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
