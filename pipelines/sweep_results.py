"""What a sweep found: its table of results, which rows may be ranked, and how the best are told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.artifacts.hashing import sha256_file
from core.errors import EXIT_DONE
from core.expansion import Expansion
from core.market.bars import BarBlock
from core.overrides import own_values
from core.ratios import ratio_columns
from core.simulate import Window
from core.sweep_spec import LoadedSweep
from kernel.records import STATS, Records
from schemas.base import Value
from schemas.sweep import Objective, SweepCandidate, Windows

if TYPE_CHECKING:
    import polars as pl

OBJECTIVES: dict[Objective, str] = {
    "sharpe": "sharpe",
    "net_pnl": "net_pnl_usd",
    "sortino": "sortino",
    "calmar": "calmar",
}
"""Objective -> the results column that it ranks by, most first."""


@dataclass(frozen=True)
class Search:
    """A sweep that is ready to run: what to try on which bars."""

    loaded: LoadedSweep
    block: BarBlock
    windows: Windows
    expansion: Expansion

    @property
    def window(self) -> Window:
        """The bars that the search trades; none later is seen."""
        return Window(self.windows.search_start_ms, self.windows.search_end_ms)

    @cached_property
    def own_values(self) -> dict[str, dict[str, Value]]:
        """Values of single symbols that no axis varies, of symbols that have bars."""
        base = self.loaded.base
        stored = {each: own for each, own in base.symbols.items() if each in self.block.symbols}
        return own_values(base.strategy, stored, self.expansion.paths)

    @property
    def symbol_bars(self) -> int:
        """Bars of all symbols that one row decides."""
        opens = self.block.ts_open_ms
        inside = (opens >= self.windows.search_start_ms) & (opens < self.windows.search_end_ms)
        return int(self.block.present[inside].sum())


@dataclass(frozen=True)
class Found:
    """Figures of the rows in order; `done` is False for rows that a stop left out.

    `exit_code` is 0, or that of the signal which stopped it.
    """

    stats: Records
    done: npt.NDArray[np.bool_]
    exit_code: int = EXIT_DONE

    @property
    def interrupted(self) -> bool:
        """True if rows were left out."""
        return not bool(self.done.all())


def results_frame(search: Search, found: Found) -> pl.DataFrame:
    """One row per evaluated combination: its axis values, its figures, its ratios (null: none)."""
    import polars as pl

    rows = np.flatnonzero(found.done)
    columns: dict[str, pl.Series] = {"row": pl.Series("row", rows)}
    for index, axis in enumerate(search.expansion.grid.axes):
        levels = search.expansion.levels[rows, index]
        values = pl.Series(axis.path, list(axis.all_levels))
        columns[axis.path] = values.gather(levels)
    stats = found.stats[rows]
    for name in STATS.names or ():
        columns[name] = pl.Series(name, np.ascontiguousarray(stats[name]))
    for name, column in ratio_columns(stats).items():
        columns[name] = pl.Series(name, column).fill_nan(None)
    return pl.DataFrame(columns)


def ranked_rows(search: Search, found: Found) -> npt.NDArray[np.int64]:
    """Rows that may be ranked, best first; of rows with equal figures only the first.

    Two rows whose figures agree to the last bit made the same trades: a parameter that differs
    between them did nothing, and judging both would count one candidate twice.
    """
    spec = search.loaded.spec
    column = OBJECTIVES[spec.objective]
    value = ratio_columns(found.stats).get(column)
    if value is None:
        value = found.stats[column]
    rankable = found.done & np.isfinite(value)
    rankable &= found.stats["position_count"] >= spec.min_positions
    rows = np.flatnonzero(rankable)
    order = rows[np.argsort(-value[rows], kind="stable")]
    seen: set[bytes] = set()
    kept: list[int] = []
    for row in order:
        figures = found.stats[row].tobytes()
        if figures not in seen:
            seen.add(figures)
            kept.append(int(row))
        if len(kept) == spec.top:
            break
    return np.array(kept, np.int64)


def candidate_of(
    rank: int,
    row: int,
    identity: str,
    path: Path,
    values: dict[str, Value],
    stats: np.record,
) -> SweepCandidate:
    """One entry of the report's top; the caller has compared it with a full replay."""
    figures: dict[str, float | int | None] = {
        name: stats[name].item() for name in STATS.names or ()
    }
    for name, column in ratio_columns(figures).items():
        figures[name] = float(column) if np.isfinite(column) else None
    return SweepCandidate(
        rank=rank,
        row=row,
        config_id=identity,
        config_path=f"configs/{path.name}",
        config_sha256=sha256_file(path),
        values=values,
        metrics=figures,
        verified=True,
    )
