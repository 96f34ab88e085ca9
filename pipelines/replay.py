"""Replay: a strategy and stored bars in, a replay report out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.artifacts.hashing import canonical_json, sha256_hex
from core.artifacts.manifest import RunningCommand, running_command
from core.artifacts.tree import read_artifact, write_artifact
from core.clock import Clock, parse_utc_ms, utc_iso
from core.config import LoadedStrategy, load_strategy
from core.errors import InputError
from core.market.bars import BarBlock
from core.ratios import ratios
from core.report import breakdowns, daily_curve, excursions
from core.simulate import Simulation, State, Window, simulate
from core.store.candles import load
from core.trades import trades_sha256
from kernel.jit import is_compiled, kernel_id
from schemas.artifact import Source
from schemas.replay import ReplayReport, Span
from schemas.state import RunState

Note = Callable[[str], None]


@dataclass(frozen=True)
class ReplayRequest:
    """What the command line asked for."""

    config: Path
    store: Path
    root: Path
    run_id: str | None = None
    interval: str | None = None
    symbols: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    initial_equity_usd: float = 10_000.0
    init_state: Path | None = None
    mode: str | None = None
    sets: tuple[str, ...] = ()
    trades_out: Path | None = None
    indicators_out: Path | None = None
    state_out: Path | None = None
    force: bool = False


@dataclass(frozen=True)
class ReplayResult:
    """Report file and body, the other files made, and what the user should know."""

    path: Path
    report: ReplayReport
    files: list[Path]
    warnings: list[str] = field(default_factory=list)


def run(request: ReplayRequest, clock: Clock, note: Note) -> ReplayResult:
    """The replay's report, written into its run.

    Raises InputError for a strategy, store, window or state that cannot be replayed.  An equal
    replay that the run already holds is returned as it is, unless another file is asked for.
    """
    sets = request.sets
    if request.interval is not None:
        sets = (*sets, f"engine.interval={request.interval}")
    loaded = load_strategy(request.config, mode=request.mode, sets=sets)
    block = load(request.store, loaded.common().engine.interval)
    block.columns_of(request.symbols)
    window = window_of(request.start, request.end)
    with running_command(
        request.root, clock, request.run_id, command="replay", argv=sys.argv[1:]
    ) as running:
        return _replay(request, sets, loaded, block, window, running, clock, note)


def window_of(start: str | None, end: str | None) -> Window:
    """The window between two dates or ms; an empty one is an InputError."""
    start_ms = parse_utc_ms(start) if start is not None else None
    end_ms = parse_utc_ms(end) if end is not None else None
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise InputError(
            "the start is not before the end",
            at=f"--start {start} --end {end}",
            hint="give an earlier --start or a later --end",
        )
    return Window(start_ms, end_ms)


def _replay(  # noqa: PLR0913
    request: ReplayRequest,
    sets: tuple[str, ...],
    loaded: LoadedStrategy,
    block: BarBlock,
    window: Window,
    running: RunningCommand,
    clock: Clock,
    note: Note,
) -> ReplayResult:
    sources = [
        Source(path=str(request.config), sha256=loaded.source_sha256),
        Source(path=block.path, sha256=block.sha256),
    ]
    state = None
    if request.init_state is not None:
        state, source = read_state(request.init_state, loaded)
        sources.append(source)
    name = f"{loaded.config_id[:12]}-{_inputs_id(request, sources)}"
    path = running.run.path(ReplayReport.folder, f"{name}.json")
    wants_files = request.trades_out or request.indicators_out or request.state_out
    if path.exists() and not request.force and not wants_files:
        running.outputs.append(path)
        return ReplayResult(path, read_artifact(path, ReplayReport)[1], [])
    if not is_compiled():
        note("compiling the decision kernel, once per version: about 15 s")
    simulation = simulate(
        block,
        loaded.strategy,
        window=window,
        initial_equity_usd=request.initial_equity_usd,
        state=state,
        tradable=request.symbols or None,
    )
    report = report_of(simulation, loaded, block, request, sets)
    path = write_artifact(
        running.run,
        report,
        name=name,
        sources=sources,
        synthetic=block.synthetic,
        clock=clock,
        force=request.force,
    )
    files = write_files(request, simulation, loaded, block, running, clock)
    running.outputs.extend([path, *files])
    return ReplayResult(path, report, files, gap_warnings(report))


def _inputs_id(request: ReplayRequest, sources: list[Source]) -> str:
    """Eight letters that differ when anything differs that the report depends on."""
    inputs = {
        "kernel": kernel_id(),
        "sources": [source.sha256 for source in sources],
        "window": [request.start, request.end],
        "equity": request.initial_equity_usd,
        "symbols": list(request.symbols),
        "trades_out": str(request.trades_out or ""),
    }
    return sha256_hex(canonical_json(inputs))[:8]


def read_state(path: Path, loaded: LoadedStrategy) -> tuple[State, Source]:
    """The state of an earlier run; one of another strategy or kernel is an InputError."""
    from core.state_file import state_of

    envelope, body = read_artifact(path, RunState)
    if body.config_id != loaded.config_id:
        raise InputError(
            "the state was made by another configuration",
            at=f"{path}: config_id {body.config_id[:12]}, the strategy has {loaded.config_id[:12]}",
            hint="continue with the strategy, mode and --set values that made the state",
        )
    if envelope.kernel_id != kernel_id():
        raise InputError(
            "the state was made by other decision rules",
            at=f"{path}: kernel_id",
            hint="replay from the start with this version of perpkit",
        )
    return state_of(body), Source(path=str(path), sha256=envelope.content_hash)


def report_of(
    simulation: Simulation,
    loaded: LoadedStrategy,
    block: BarBlock,
    request: ReplayRequest,
    sets: tuple[str, ...],
) -> ReplayReport:
    """The report's body of a simulation."""
    metrics = simulation.metrics
    derived, why = ratios(metrics)
    return ReplayReport(
        config_id=loaded.config_id,
        strategy_path=str(request.config),
        mode=request.mode,
        sets=sets,
        span=span_of(simulation, block, request.symbols),
        equity_start_usd=simulation.equity_start_usd,
        metrics={**metrics, **derived},
        null_reasons=why,
        **breakdowns(simulation),
        excursions=excursions(simulation.trades),
        gates=simulation.counters,
        curve=daily_curve(simulation),
        trades_path=str(request.trades_out) if request.trades_out else None,
        trades_sha256=trades_sha256(simulation.trades, simulation.symbols),
    )


def span_of(simulation: Simulation, block: BarBlock, tradable: tuple[str, ...]) -> Span:
    """Which bars were traded, and which are missing in their midst."""
    first_ms = int(simulation.ts_close_ms[0]) - block.interval_ms
    last_ms = int(simulation.ts_close_ms[-1])
    inside = (block.ts_open_ms >= first_ms) & (block.ts_open_ms < last_ms)
    missing = {}
    for column, symbol in enumerate(block.symbols):
        opens = block.ts_open_ms[inside & block.present[:, column]]
        if len(opens):
            expected = int(opens[-1] - opens[0]) // block.interval_ms + 1
            if expected > len(opens):
                missing[symbol] = expected - len(opens)
    return Span(
        interval=block.interval,
        first_open_utc=utc_iso(first_ms),
        last_close_utc=utc_iso(last_ms),
        instant_count=len(simulation.ts_close_ms),
        symbol_bar_count=int(block.present[inside].sum()),
        symbol_count=len(block.symbols),
        tradable=tradable or None,
        missing_bars=missing,
    )


def gap_warnings(report: ReplayReport) -> list[str]:
    """One warning if bars are missing inside the window."""
    missing = report.span.missing_bars
    if not missing:
        return []
    worst = sorted(missing, key=lambda symbol: (-missing[symbol], symbol))[:3]
    named = ", ".join(f"{symbol} {missing[symbol]}" for symbol in worst)
    total = sum(missing.values())
    return [f"{total} bars are missing inside the window and were not filled ({named})"]


def write_files(
    request: ReplayRequest,
    simulation: Simulation,
    loaded: LoadedStrategy,
    block: BarBlock,
    running: RunningCommand,
    clock: Clock,
) -> list[Path]:
    """Trades, indicators and state, as far as they were asked for."""
    files = []
    if request.trades_out is not None:
        from core.tables import write_parquet_atomic
        from core.trades import trades_frame

        frame = trades_frame(simulation.trades, simulation.symbols)
        files.append(write_parquet_atomic(request.trades_out, frame))
    if request.indicators_out is not None:
        from core.indicator_table import indicator_frame
        from core.tables import write_parquet_atomic
        from schemas.records import to_record

        table = indicator_frame(block, to_record(loaded.strategy))
        files.append(write_parquet_atomic(request.indicators_out, table))
    if request.state_out is not None:
        from core.artifacts.files import envelope_of, write_envelope
        from core.state_file import body_of

        body = body_of(simulation.state, loaded.config_id, block.interval)
        source = Source(path=block.path, sha256=block.sha256)
        envelope = envelope_of(
            running.run, body, sources=[source], synthetic=block.synthetic, clock=clock
        )
        write_envelope(request.state_out, envelope, RunState)
        files.append(request.state_out)
    return files
