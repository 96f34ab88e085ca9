"""Sweep: a spec and stored bars in; results, the best as complete strategies, a report out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.artifacts.hashing import canonical_json, sha256_file, sha256_hex
from core.artifacts.manifest import RunningCommand, running_command
from core.artifacts.tree import read_artifact, write_artifact, write_text_atomic
from core.axes import resolve_axes
from core.clock import Clock, cpu_s, monotonic_s, parse_utc_ms, utc_iso
from core.config import config_id, require_own_symbols, strategy_yaml
from core.errors import InputError, PerpkitError
from core.expansion import Expansion
from core.grid import run_grid, signal_exit_code
from core.market.bars import BarBlock
from core.market.instants import require_cover
from core.market.record import tradable_of
from core.overrides import own_strategies, with_own
from core.simulate import rows_of, simulate
from core.store.ledger import TrialLedger, TrialLine, venue_of
from core.store.market import load
from core.sweep_spec import LoadedSweep, load_sweep
from core.tables import write_parquet_atomic
from core.windows import cut_windows, longest_window_bars
from kernel.jit import is_compiled, kernel_id
from kernel.records import STATS
from pipelines.sweep_results import (
    Found,
    Search,
    candidate_of,
    has_too_few,
    ranked_rows,
    results_frame,
)
from pipelines.sweep_search import first_rows, search_rows
from schemas.artifact import Source
from schemas.sweep import Combinations, SweepCandidate, SweepReport, Windows

Note = Callable[[str], None]
Progress = Callable[[int, int, str], None]

ROWS_PER_PASS = 20_000
"""Rows whose records are in memory at once: about 22 MB."""


@dataclass(frozen=True)
class SweepRequest:
    """What the command line asked for."""

    spec: Path
    store: Path
    root: Path
    run_id: str | None = None
    initial_equity_usd: float = 10_000.0
    threads: int | None = None
    force: bool = False


@dataclass(frozen=True)
class Speed:
    """What a sweep took; not part of the report, whose hash must not depend on it."""

    wall_s: float
    cpu_s: float
    symbol_bars: int


@dataclass(frozen=True)
class SweepResult:
    """Report file and body, the configs written, and the time taken (None when found there)."""

    path: Path
    report: SweepReport
    configs: list[Path]
    speed: Speed | None


def run(request: SweepRequest, clock: Clock, note: Note, progress: Progress) -> SweepResult:
    """The sweep's report, written into its run with results and the best strategies.

    Raises InputError for a spec, base or store that cannot be swept.  After Ctrl-C the rows done
    so far are kept and the report says `interrupted`; the caller decides the exit code.
    """
    loaded = load_sweep(request.spec)
    grid = resolve_axes(loaded.spec, loaded.base.strategy, loaded.place)
    expansion = first_rows(loaded.spec, grid, loaded.base.strategy, loaded.place)
    block = load(request.store, loaded.base.strategy)
    require_own_symbols(loaded.base, block)
    search = Search(loaded, block, windows_of(loaded, expansion, block), expansion)
    require_cover(block, *rows_of(block, search.window), tradable_of(block, None))
    for line in grid.notes:
        note(line)
    with running_command(
        request.root, clock, request.run_id, command="sweep", argv=sys.argv[1:]
    ) as running:
        return _sweep(request, search, running, clock, note, progress)


def windows_of(loaded: LoadedSweep, expansion: Expansion, block: BarBlock) -> Windows:
    """Search, purge and holdout of a spec over a block."""
    start_ms, end_ms = (_window_ms(loaded, name) for name in ("start", "end"))
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise InputError(
            "the window's start is not before its end",
            at=loaded.place("window", "end"),
            hint="give a start that lies before the end",
        )
    axes = [(axis.path, axis.all_levels) for axis in expansion.grid.axes]
    try:
        return cut_windows(
            block.ts_open_ms,
            block.interval_ms,
            start_ms=start_ms,
            end_ms=end_ms,
            holdout_frac=loaded.spec.window.holdout_frac,
            purge_bars=max(
                longest_window_bars(each, axes)
                for each in (expansion.base, *loaded.base.symbols.values())
            ),
        )
    except InputError as error:
        opens = block.ts_open_ms
        stored = f"bars open from {utc_iso(int(opens[0]))} to {utc_iso(int(opens[-1]))}"
        place = f"{loaded.place('window')}; {block.path}: {stored}"
        raise InputError(error.what, at=place, hint=error.hint) from error


def _window_ms(loaded: LoadedSweep, name: str) -> int | None:
    value = getattr(loaded.spec.window, name)
    if value is None:
        return None
    try:
        return parse_utc_ms(str(value))
    except InputError as error:
        place = loaded.place("window", name)
        raise InputError(error.what, at=place, hint=error.hint) from error


def _sweep(
    request: SweepRequest,
    search: Search,
    running: RunningCommand,
    clock: Clock,
    note: Note,
    progress: Progress,
) -> SweepResult:
    sources = [
        Source(path=str(request.spec), sha256=search.loaded.file.sha256),
        Source(path=search.loaded.base.path, sha256=search.loaded.base.source_sha256),
        Source(path=search.block.path, sha256=search.block.sha256),
    ]
    name = sweep_name(search, request.initial_equity_usd)
    path = running.run.path(SweepReport.folder, f"{name}.json")
    earlier = None
    if path.exists():
        earlier = read_artifact(path, SweepReport)[1]
        if not earlier.interrupted and not request.force:
            return _found_there(path, earlier, running, None)
    if not is_compiled():
        note("compiling the decision kernel, once per version: about 15 s")
    with TrialLedger.open(request.root):
        pass  # a ledger that is damaged must stop the sweep before its results, not after
    started_s, started_cpu_s = monotonic_s(), cpu_s()
    if search.loaded.spec.method == "grid":
        found = evaluate(search, request, progress)
    else:
        search, found = search_rows(search, request, progress, note)
    running.exit_code = found.exit_code
    bars = found.symbol_bars or search.symbol_bars * int(found.done.sum())
    speed = Speed(monotonic_s() - started_s, cpu_s() - started_cpu_s, bars)
    count_trials(request, running, search, found, clock)
    if earlier is not None and found.done.sum() < earlier.combinations.evaluated_count:
        return _found_there(path, earlier, running, speed)  # it was stopped later than this one
    results = running.run.path(SweepReport.folder, f"{name}.parquet")
    write_parquet_atomic(results, results_frame(search, found))
    running.outputs.append(results)
    try:
        top = write_top(search, found, request, running)
    except KeyboardInterrupt:
        note(f"stopped before the report; the figures of all rows done are kept in {results}")
        raise
    report = report_of(request, search, found, top, results)
    path = write_artifact(
        running.run,
        report,
        name=name,
        sources=sources,
        synthetic=search.block.synthetic,
        clock=clock,
        force=True,
    )
    running.outputs.append(path)
    return SweepResult(path, report, [running.run.dir / one.config_path for one in top], speed)


def _found_there(
    path: Path, report: SweepReport, running: RunningCommand, speed: Speed | None
) -> SweepResult:
    running.outputs.append(path)
    configs = [running.run.dir / each.config_path for each in report.top]
    return SweepResult(path, report, configs, speed)


def sweep_name(search: Search, initial_equity_usd: float) -> str:
    """File name that differs when anything differs that the report depends on."""
    inputs = {
        "kernel": kernel_id(),
        "data": search.block.sha256,
        "equity": initial_equity_usd,
        "windows": search.windows.model_dump(),
    }
    return f"{search.loaded.sha256[:12]}-{sha256_hex(canonical_json(inputs))[:8]}"


def search_sha256(search: Search, initial_equity_usd: float) -> str:
    """Identity of a search in the trial ledger: the spec, and all else that changes its figures."""
    asked = [search.loaded.sha256, sweep_name(search, initial_equity_usd)]
    return sha256_hex(canonical_json(asked))


def evaluate(search: Search, request: SweepRequest, progress: Progress) -> Found:
    """Figures of every row; Ctrl-C leaves the rest out."""
    total = search.expansion.row_count
    found = Found(np.zeros(total, STATS), np.zeros(total, np.bool_))
    try:
        return _evaluate_passes(search, request, progress, found)
    except KeyboardInterrupt as error:  # between two kernel calls; what is done is kept
        return replace(found, exit_code=signal_exit_code(error))


def _evaluate_passes(
    search: Search, request: SweepRequest, progress: Progress, found: Found
) -> Found:
    """`found`, its arrays filled pass by pass."""
    total = search.expansion.row_count
    per_row = search.symbol_bars
    began_s = monotonic_s()
    for start in range(0, total, ROWS_PER_PASS):
        stop = min(start + ROWS_PER_PASS, total)

        def tell(done: int, _: int, start: int = start) -> None:
            rate = (start + done) * per_row / max(monotonic_s() - began_s, 1e-9) / 1e6
            progress(start + done, total, f"{rate:,.1f} M symbol-bars/s")

        rows = search.expansion.records(start, stop)
        part = run_grid(
            search.block,
            with_own(rows, search.own_values, at=search.loaded.place("axes")),
            own=tuple(search.own_values),
            window=search.window,
            initial_equity_usd=request.initial_equity_usd,
            threads=request.threads,
            progress=tell,
        )
        found.stats[start:stop] = part.stats
        found.done[start:stop] = part.done
        if part.interrupted:
            return replace(found, exit_code=part.exit_code)
    return found


def count_trials(
    request: SweepRequest, running: RunningCommand, search: Search, found: Found, clock: Clock
) -> None:
    """Add this search to the trial ledger: what was tried counts, stopped or not."""
    sharpes = found.stats["sharpe_daily"][found.done]
    if len(sharpes) == 0:
        return
    line = TrialLine(
        run_id=running.run.run_id,
        made_at=utc_iso(clock.now_ms()),
        purpose="search",
        venue=venue_of(synthetic=search.block.synthetic),
        interval=search.block.interval,
        symbols=search.block.symbols,
        start_ms=search.windows.search_start_ms,
        end_ms=search.windows.search_end_ms,
        spec_sha256=search_sha256(search, request.initial_equity_usd),
        row_count=len(sharpes),
        sharpe_mean=float(sharpes.mean()),
        sharpe_variance=float(sharpes.var()),
    )
    with TrialLedger.open(request.root) as ledger:
        ledger.append(line)


def write_top(
    search: Search, found: Found, request: SweepRequest, running: RunningCommand
) -> tuple[SweepCandidate, ...]:
    """The best rows as complete strategies, each replayed in full and compared."""
    top = []
    for rank, row in enumerate(ranked_rows(search, found), start=1):
        strategy = search.expansion.strategy_of(int(row))
        own = own_strategies(strategy, search.own_values)
        values = search.expansion.values_of(int(row))
        stats = simulate(
            search.block,
            strategy,
            symbols=own,
            window=search.window,
            initial_equity_usd=request.initial_equity_usd,
            record_trades=False,
        ).stats
        if stats.tobytes() != found.stats[row].tobytes():
            raise PerpkitError(
                "a full replay of a swept row gave other figures than the sweep",
                at=f"row {row} of {request.spec}",
                hint="this is a bug in perpkit; please report it with the spec",
            )
        differing = {symbol: each for symbol, each in own.items() if each != strategy}
        identity = config_id(strategy, differing)
        path = running.run.path("configs", f"{identity}.yaml")
        # The same words whatever the sweep, since two sweeps of a run may find the same strategy.
        comment = (
            "Found by a sweep; the reports in sweeps/ of its run say by which, and its figures."
        )
        write_text_atomic(path, strategy_yaml(strategy, search.own_values, comment=comment))
        running.outputs.append(path)
        top.append(candidate_of(rank, int(row), identity, path, values, found.stats[row]))
    return tuple(top)


def report_of(
    request: SweepRequest,
    search: Search,
    found: Found,
    top: tuple[SweepCandidate, ...],
    results: Path,
) -> SweepReport:
    """The report's body."""
    evaluated = int(found.done.sum())
    short = has_too_few(search.loaded.spec, found)
    return SweepReport(
        spec=search.loaded.spec,
        spec_sha256=search_sha256(search, request.initial_equity_usd),
        base_config_id=search.loaded.base.config_id,
        interval=search.block.interval,
        symbols=search.block.symbols,
        initial_equity_usd=request.initial_equity_usd,
        data_sha256=search.block.cut(search.windows.data_end_ms).sha256,
        windows=search.windows,
        axes=search.expansion.paths,
        combinations=Combinations(
            listed_count=search.expansion.listed_count,
            duplicate_count=search.expansion.duplicate_count,
            excluded_count=search.expansion.excluded_count,
            evaluated_count=evaluated,
            unreached_count=search.expansion.row_count - evaluated,
            short_count=int(short.sum()),
            space_count=None
            if search.loaded.spec.method == "grid"
            else search.expansion.grid.distinct_count,
        ),
        notes=search.expansion.grid.notes,
        results_path=f"{SweepReport.folder}/{results.name}",
        results_sha256=sha256_file(results),
        interrupted=found.interrupted,
        top=top,
    )
