"""Sweep: a spec and stored bars in; results, the best as complete strategies, a report out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.hashing import canonical_json, sha256_file, sha256_hex
from core.artifacts.manifest import RunningCommand, running_command
from core.artifacts.tree import read_artifact, write_artifact, write_text_atomic
from core.axes import resolve_axes
from core.clock import Clock, cpu_s, monotonic_s, parse_utc_ms, utc_iso
from core.config import config_id, require_own_symbols, strategy_yaml
from core.crew import EngineKind
from core.engine import MEMORY_BYTES
from core.errors import InputError, PerpkitError
from core.expansion import Expansion
from core.market.bars import BarBlock
from core.market.instants import require_cover
from core.market.record import tradable_of
from core.overrides import own_strategies
from core.simulate import rows_of, simulate
from core.store.ledger import TrialLedger
from core.store.market import load
from core.store.shards import ShardJournal, forget, opened
from core.sweep_spec import LoadedSweep, load_sweep
from core.tables import write_parquet_atomic
from core.windows import cut_windows, longest_window_bars
from kernel.jit import is_compiled, kernel_id
from pipelines.sweep_crew import crew_of
from pipelines.sweep_results import (
    Found,
    Search,
    candidate_of,
    has_too_few,
    ranked_rows,
    result_hash,
    results_frame,
)
from pipelines.sweep_resume import identity_of, journal_of, noted
from pipelines.sweep_rows import RowRunner
from pipelines.sweep_search import first_rows, grid_rows, search_rows
from pipelines.sweep_trials import Trials
from schemas.artifact import Source
from schemas.sweep import Combinations, SweepCandidate, SweepReport, SweepTop, Windows

Note = Callable[[str], None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class SweepRequest:
    """What the command line asked for; `journal` is that of a search to be gone on with.

    `cluster` is the address of a scheduler whose workers run the shards.
    """

    spec: Path
    store: Path
    root: Path
    run_id: str | None = None
    initial_equity_usd: float = 10_000.0
    threads: int | None = None
    engine: EngineKind = "cpu"
    cluster: str | None = None
    memory_bytes: int = MEMORY_BYTES
    force: bool = False
    journal: Path | None = None


@dataclass(frozen=True)
class Speed:
    """What a sweep took; not part of the report, whose hash must not depend on it.

    `evaluated_count` are the rows that this process ran, not those that the journal had.
    """

    wall_s: float
    cpu_s: float
    symbol_bars: int
    evaluated_count: int


@dataclass(frozen=True)
class SweepResult:
    """Report file and body, the configs written, and the time taken (None when found there).

    `top` is the file of the best.
    """

    path: Path
    report: SweepReport
    configs: list[Path]
    speed: Speed | None
    top: Path


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
    name = sweep_name(search, request.initial_equity_usd)
    path = running.run.path(SweepReport.folder, f"{name}.json")
    if path.exists() and not request.force:
        earlier = read_artifact(path, SweepReport)[1]
        if not earlier.interrupted:
            return _found_there(path, earlier, running)
    if not is_compiled():
        note("compiling the decision kernel, once per version: about 15 s")
    with TrialLedger.open(request.root):
        pass  # a ledger that is damaged must stop the sweep before its results, not after
    journal_path = request.journal or journal_of(running.run, name)
    if request.force:
        forget(journal_path)
    with opened(journal_path, identity_of(search, request)) as journal:
        journal.note("request", noted(request))
        result = _journalled(request, search, journal, running, clock, note, progress)
    if not result.report.interrupted:
        forget(journal_path)
    return result


def _journalled(
    request: SweepRequest,
    search: Search,
    journal: ShardJournal,
    running: RunningCommand,
    clock: Clock,
    note: Note,
    progress: Progress,
) -> SweepResult:
    """Evaluate what the journal has not, and report all."""
    if journal.shard_count:
        note(f"going on: {journal.shard_count:,} shards are done")
    began_s, began_cpu_s = monotonic_s(), cpu_s()
    asked = search_sha256(search, request.initial_equity_usd)
    trials = Trials(request.root, running.run.run_id, asked, search, clock)
    crew = crew_of(request, search, note)
    runner = RowRunner(search, journal, trials, crew, progress, expected_rows(search))
    try:
        if search.loaded.spec.method == "grid":
            found = grid_rows(search, runner)
        else:
            search, found = search_rows(search, runner, note)
    finally:
        crew.close()
    running.exit_code = found.exit_code
    speed = Speed(
        monotonic_s() - began_s,
        cpu_s() - began_cpu_s,
        runner.symbol_bars,
        runner.evaluated_count,
    )
    trials.close(found)
    try:
        path, report, top = _write(request, search, found, running, clock)
    except KeyboardInterrupt:
        note("stopped before the report; `perpkit sweep --resume RUN` makes it of what is done")
        raise
    configs = [running.run.dir / one.config_path for one in report.top]
    return SweepResult(path, report, configs, speed, top)


def _write(
    request: SweepRequest,
    search: Search,
    found: Found,
    running: RunningCommand,
    clock: Clock,
) -> tuple[Path, SweepReport, Path]:
    """Results, the best, and the report: its path, its body, the path of the best."""
    name = sweep_name(search, request.initial_equity_usd)
    sources = [
        Source(path=str(request.spec), sha256=search.loaded.file.sha256),
        Source(path=search.loaded.base.path, sha256=search.loaded.base.source_sha256),
        Source(path=search.block.path, sha256=search.block.sha256),
    ]
    results = running.run.path(SweepReport.folder, f"{name}.parquet")
    write_parquet_atomic(results, results_frame(search, found))
    running.outputs.append(results)
    best = write_top(search, found, request, running)
    report = report_of(request, search, found, best, results)
    bodies: tuple[tuple[str, SweepTop | SweepReport], ...] = (
        (f"{name}{SweepTop.ending}", top_of(report)),
        (name, report),
    )
    paths = []
    for each, body in bodies:
        path = write_artifact(
            running.run,
            body,
            name=each,
            sources=sources,
            synthetic=search.block.synthetic,
            clock=clock,
            force=True,
        )
        running.outputs.append(path)
        paths.append(path)
    return paths[1], report, paths[0]


def expected_rows(search: Search) -> int:
    """Rows that a search will evaluate as far as is known; 0 when only time limits it."""
    spec = search.loaded.spec
    if spec.method == "grid":
        return search.expansion.row_count
    assert spec.budget is not None
    return spec.budget.trials or 0


def _found_there(path: Path, report: SweepReport, running: RunningCommand) -> SweepResult:
    running.outputs.append(path)
    configs = [running.run.dir / each.config_path for each in report.top]
    top = path.with_name(f"{path.stem}{SweepTop.ending}.json")
    return SweepResult(path, report, configs, None, top)


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
        result_hash=result_hash(search, found),
        interrupted=found.interrupted,
        top=top,
    )


def top_of(report: SweepReport) -> SweepTop:
    """The best of a report by themselves, for programs that want no more."""
    return SweepTop(
        spec_sha256=report.spec_sha256,
        base_config_id=report.base_config_id,
        objective=report.spec.objective,
        axes=report.axes,
        result_hash=report.result_hash or "",
        top=report.top,
    )
