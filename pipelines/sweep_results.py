"""What a sweep found: its table of results, which rows may be ranked, and how the best are told."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.artifacts.hashing import sha256_file
from core.errors import EXIT_DONE
from core.expansion import Expansion
from core.market.bars import BarBlock
from core.overrides import own_values
from core.ratios import pnl_over_drawdown, ratio_columns
from core.search.front import non_dominated
from core.simulate import Window, rows_of
from core.sweep_spec import LoadedSweep
from kernel.records import STATS, Floats, Records
from schemas.base import Value
from schemas.sweep import Objective, SweepCandidate, SweepSpec, Windows

if TYPE_CHECKING:
    import polars as pl

OBJECTIVES: dict[Objective, str] = {
    "sharpe": "sharpe",
    "net_pnl": "net_pnl_usd",
    "sortino": "sortino",
    "calmar": "calmar",
    "pnl_over_drawdown": "pnl_over_drawdown",
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
        return self.symbol_bars_in(self.window)

    def symbol_bars_in(self, window: Window) -> int:
        """Bars of all symbols that one row decides in a window."""
        first, end = rows_of(self.block, window)
        return int(self.block.present[first:end].sum())


@dataclass(frozen=True)
class Found:
    """Figures of the rows in order; `done` is False for rows that a stop left out.

    `exit_code` is 0, or that of the signal which stopped it. `stopped` says that a signal
    ended a search which draws its rows. `window_frac` is the part of the window
    that each row was run on, up to its end; None when all rows saw the whole. `symbol_bars`
    counts what all runs decided, when that is not rows times bars.
    """

    stats: Records
    done: npt.NDArray[np.bool_]
    exit_code: int = EXIT_DONE
    stopped: bool = False
    window_frac: Floats | None = None
    symbol_bars: int | None = None

    @property
    def interrupted(self) -> bool:
        """True if rows were left out."""
        return self.stopped or not bool(self.done.all())


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
    for name, column in _ratios(stats).items():
        columns[name] = pl.Series(name, column).fill_nan(None)
    if found.window_frac is not None:
        columns["window_frac"] = pl.Series("window_frac", found.window_frac[rows])
    columns["on_front"] = pl.Series("on_front", on_front(search.loaded.spec, found)[rows])
    return pl.DataFrame(columns)


def result_hash(search: Search, found: Found) -> str:
    """Hash of what was found, whatever the file says it in: points, figures, shares of the window.

    Equal for one search however often it was stopped, on any engine and any number of machines.
    """
    digest = hashlib.sha256("\0".join(search.expansion.paths).encode())
    rows = np.flatnonzero(found.done)
    for index, axis in enumerate(search.expansion.grid.axes):
        digest.update(repr(axis.all_levels).encode())
        digest.update(np.ascontiguousarray(search.expansion.levels[rows, index]).tobytes())
    digest.update(np.ascontiguousarray(found.stats[rows]).tobytes())
    if found.window_frac is not None:
        digest.update(found.window_frac[rows].tobytes())
    return digest.hexdigest()


def has_too_few(spec: SweepSpec, found: Found) -> npt.NDArray[np.bool_]:
    """Evaluated rows with too few positions for the part of the window that they were run on."""
    least = spec.min_positions * (1.0 if found.window_frac is None else found.window_frac)
    short: npt.NDArray[np.bool_] = found.done & (found.stats["position_count"] < least)
    return short


def on_front(spec: SweepSpec, found: Found) -> npt.NDArray[np.bool_]:
    """Rows that may be ranked and that no other such row beats on PnL, drawdown and Sharpe."""
    front = np.zeros(len(found.done), np.bool_)
    rows = np.flatnonzero(_may_be_ranked(spec, found))
    stats = found.stats[rows]
    sharpe = ratio_columns(stats)["sharpe"]
    front[rows] = non_dominated(stats["net_pnl_usd"], stats["drawdown_max_frac"], sharpe)
    return front


def objective_values(stats: Records, objective: Objective) -> Floats:
    """The objective of each row, most is best; NaN where it has no value."""
    column = OBJECTIVES[objective]
    values: Floats = stats[column] if column in (STATS.names or ()) else _ratios(stats)[column]
    return values


def losses_of(stats: Records, spec: SweepSpec, window_frac: float = 1.0) -> Floats:
    """What a search makes small: minus the objective, NaN for rows that may not be ranked.

    Too few positions make a row unranked, whatever it earned or lost; on a part of the window that
    part of them is asked for.
    """
    losses: Floats = -objective_values(stats, spec.objective)
    too_few = stats["position_count"] < spec.min_positions * window_frac
    losses[too_few | ~np.isfinite(losses)] = np.nan
    return losses


def _ratios(stats: Records | Mapping[str, Any]) -> dict[str, Floats]:
    return {**ratio_columns(stats), "pnl_over_drawdown": pnl_over_drawdown(stats)}


def _may_be_ranked(spec: SweepSpec, found: Found) -> npt.NDArray[np.bool_]:
    rankable: npt.NDArray[np.bool_] = found.done & np.isfinite(losses_of(found.stats, spec))
    return rankable if found.window_frac is None else rankable & (found.window_frac >= 1.0)


def ranked_rows(search: Search, found: Found) -> npt.NDArray[np.int64]:
    """Rows that may be ranked, best first; of rows with equal figures only the first.

    Two rows whose figures agree to the last bit made the same trades: a parameter that differs
    between them did nothing, and judging both would count one candidate twice.
    """
    spec = search.loaded.spec
    losses = losses_of(found.stats, spec)
    rows = np.flatnonzero(_may_be_ranked(spec, found))
    order = rows[np.argsort(losses[rows], kind="stable")]
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
    for name, column in _ratios(figures).items():
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
