"""Replay: a strategy and stored bars in, a replay report out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.artifacts.hashing import canonical_json, sha256_hex
from core.artifacts.manifest import RunningCommand, running_command
from core.artifacts.tree import read_artifact, write_artifact
from core.clock import Clock, parse_utc_ms, utc_iso
from core.config import LoadedStrategy, load_strategy, require_own_symbols
from core.errors import InputError, UsageError
from core.funding_coverage import funding_coverage
from core.market.bars import BarBlock
from core.market.instants import require_cover
from core.market.record import tradable_of
from core.ratios import ratios
from core.report import breakdowns, costs, daily_curve, excursions
from core.simulate import Simulation, State, Window, rows_of, simulate
from core.store.market import load
from core.trades import trades_sha256
from kernel.jit import is_compiled, kernel_id
from pipelines.replay_warnings import replay_warnings
from pipelines.sheet_data import Replayed
from schemas.artifact import Source
from schemas.parameters import values_of
from schemas.replay import ReplayReport, Span
from schemas.state import RunState

Note = Callable[[str], None]
EQUITY_USD = 10_000.0
"""Equity to begin with when none is given."""

NO_HOURS = "no position was held when funding fell due"
FUNDING_OFF = "funding is off (trade.enable_funding)"


@dataclass(frozen=True)
class ReplayRequest:
    """What the command line asked for."""

    config: Path
    store: Path
    root: Path
    run_id: str | None = None
    interval: str | None = None
    exit_interval: str | None = None
    entry_interval: str | None = None
    symbols: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    initial_equity_usd: float | None = None
    init_state: Path | None = None
    mode: str | None = None
    sets: tuple[str, ...] = ()
    trades_out: Path | None = None
    indicators_out: Path | None = None
    state_out: Path | None = None
    html: bool = False
    force: bool = False


@dataclass(frozen=True)
class ReplayResult:
    """Report file and body, the other files made, and what the user should know."""

    path: Path
    report: ReplayReport
    files: list[Path]
    warnings: list[str] = field(default_factory=list)
    sheet: Path | None = None


def run(request: ReplayRequest, clock: Clock, note: Note) -> ReplayResult:
    """The replay's report, written into its run.

    Raises InputError for a strategy, store, window or state that cannot be replayed.  An equal
    replay that the run already holds is returned as it is, unless another file is asked for.
    """
    request = replace(request, symbols=tuple(sorted(set(request.symbols))))
    ready = prepared(request)
    with running_command(
        request.root, clock, request.run_id, command="replay", argv=sys.argv[1:]
    ) as running:
        return _replay(request, ready, running, clock, note)


@dataclass(frozen=True)
class Prepared:
    """A replay whose inputs were read and found right; `sources` are the files that it rests on."""

    sets: tuple[str, ...]
    loaded: LoadedStrategy
    block: BarBlock
    window: Window
    state: State | None
    sources: list[Source]


def prepared(request: ReplayRequest) -> Prepared:
    """What the request names, read and checked; InputError or UsageError for what is wrong."""
    _refuse_beside_state(request)
    sets = (*request.sets, *_interval_sets(request))
    loaded = load_strategy(request.config, mode=request.mode, sets=sets)
    block = load(request.store, loaded.strategy)
    block.columns_of(request.symbols)
    require_own_symbols(loaded, block)
    window = window_of(request.start, request.end)
    first, end = rows_of(block, window)
    require_cover(block, first, end, tradable_of(block, request.symbols))
    if window.end_ms is not None and window.end_ms >= block.ts_open_ms[0] + block.interval_ms:
        block = block.cut(window.end_ms)  # what comes later is no part of what the report rests on
    sources = [
        Source(path=str(request.config), sha256=loaded.source_sha256),
        Source(path=block.path, sha256=block.sha256),
    ]
    state = None
    if request.init_state is not None:
        state, source = read_state(request.init_state, loaded, block)
        sources.append(source)
    return Prepared(sets, loaded, block, window, state, sources)


def _interval_sets(request: ReplayRequest) -> list[str]:
    """The interval options as the `--set` that each equals."""
    given = {
        "interval": request.interval,
        "exit_interval": request.exit_interval,
        "entry_interval": request.entry_interval,
    }
    return [f"engine.{name}={value}" for name, value in given.items() if value is not None]


def listed_symbols(text: str) -> tuple[str, ...]:
    """The symbols of a list such as `BTC,ETH`; UsageError when it names none."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise UsageError(
            "the list names no symbol",
            at=f"--symbols {text!r}",
            hint="name some, such as BTC,ETH, or leave --symbols out to trade all",
        )
    return names


def window_of(start: str | None, end: str | None) -> Window:
    """The window between two dates or ms; UsageError when it is empty or one is no time."""
    start_ms, end_ms = _option_ms("--start", start), _option_ms("--end", end)
    if start_ms is not None and end_ms is not None and start_ms >= end_ms:
        raise UsageError(
            "the start is not before the end",
            at=f"--start {start} --end {end}",
            hint="give an earlier --start or a later --end",
        )
    return Window(start_ms, end_ms)


def _option_ms(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_utc_ms(text)
    except InputError as error:
        raise UsageError(error.what, at=f"{option} {text}", hint=error.hint) from error


def _refuse_beside_state(request: ReplayRequest) -> None:
    """Raise UsageError for options that a state decides: where to go on, and with what."""
    given = {"--start": request.start, "--initial-equity-usd": request.initial_equity_usd}
    refused = [option for option, value in given.items() if value is not None]
    if request.init_state is not None and refused:
        raise UsageError(
            f"a state goes on where it stopped, with the equity that it has: {refused[0]} is in"
            " the way",
            at=f"{refused[0]} beside --init-state {request.init_state}",
            hint=f"leave out {refused[0]}, or replay without --init-state",
        )


def _replay(
    request: ReplayRequest,
    ready: Prepared,
    running: RunningCommand,
    clock: Clock,
    note: Note,
) -> ReplayResult:
    sets, loaded, block, state = ready.sets, ready.loaded, ready.block, ready.state
    window, sources = ready.window, ready.sources
    name = f"{loaded.config_id[:12]}-{_inputs_id(request, sets, window, sources)}"
    path = running.run.path(ReplayReport.folder, f"{name}.json")
    sheet = running.run.path("reports", f"{name}.html") if request.html else None
    others = (request.trades_out, request.indicators_out, request.state_out)
    wants_files = any(others) or (sheet is not None and not sheet.exists())
    if path.exists() and not request.force and not wants_files:
        running.outputs += [path] if sheet is None else [path, sheet]
        report = read_artifact(path, ReplayReport)[1]
        return ReplayResult(path, report, [], replay_warnings(report, state, block), sheet)
    if not is_compiled():
        note("compiling the decision kernel, once per version: about 15 s")
    simulation = simulate(
        block,
        loaded.strategy,
        symbols=loaded.symbols,
        window=window,
        initial_equity_usd=equity_usd(request),
        state=state,
        tradable=request.symbols or None,
    )
    report = report_of(simulation, loaded, block, request, sets)
    # Before the report, so that a run never holds a report whose other files could not be written.
    write_files(request, simulation, loaded, block, running, clock)
    files = list(running.outputs)
    path = write_artifact(
        running.run,
        report,
        name=name,
        sources=sources,
        synthetic=block.synthetic,
        clock=clock,
        force=request.force,
    )
    running.outputs.append(path)
    if sheet is not None:
        from pipelines.tear_sheet import write_sheet

        replayed = Replayed(
            simulation, block, values_of(loaded.strategy), report.symbol_configurations
        )
        running.outputs.append(write_sheet(sheet, read_artifact(path, ReplayReport)[0], replayed))
    return ReplayResult(path, report, files, replay_warnings(report, state, block), sheet)


def equity_usd(request: ReplayRequest) -> float:
    """Equity to begin with."""
    given = request.initial_equity_usd
    return EQUITY_USD if given is None else given


def _inputs_id(
    request: ReplayRequest, sets: tuple[str, ...], window: Window, sources: list[Source]
) -> str:
    """Eight letters that differ when anything differs that the report depends on."""
    inputs = {
        "kernel": kernel_id(),
        "sources": [source.sha256 for source in sources],
        "window": [window.start_ms, window.end_ms],
        "equity": equity_usd(request),
        "symbols": list(request.symbols),
        "mode": request.mode,
        "sets": list(sets),
    }
    return sha256_hex(canonical_json(inputs))[:8]


def read_state(path: Path, loaded: LoadedStrategy, block: BarBlock) -> tuple[State, Source]:
    """The state of an earlier run; one of another strategy, kernel or market is an InputError."""
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
    if envelope.synthetic != block.synthetic:
        kinds = {True: "made-up", False: "recorded"}
        raise InputError(
            f"the state was made on {kinds[envelope.synthetic]} bars, this store holds "
            f"{kinds[block.synthetic]} ones",
            at=f"{path}, {block.path}",
            hint="give the --store that the state was made with",
        )
    last_ms = int(block.ts_open_ms[-1]) + block.interval_ms
    if last_ms <= body.ts_ms:
        raise InputError(
            f"the state stands at {utc_iso(body.ts_ms)}, and no later bar is stored",
            at=f"{path}, {block.path} ends at {utc_iso(last_ms)}",
            hint="fetch newer bars, then go on",
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
    charged = [
        s for s in block.symbols if loaded.symbols.get(s, loaded.strategy).trade.enable_funding
    ]
    coverage = funding_coverage(simulation, block, charged)
    if coverage.frac is None:
        why = {**why, "funding_coverage_frac": NO_HOURS if charged else FUNDING_OFF}
    return ReplayReport(
        config_id=loaded.config_id,
        configuration=values_of(loaded.strategy),
        symbol_configurations={name: values_of(own) for name, own in loaded.symbols.items()},
        mode=request.mode,
        sets=sets,
        span=span_of(simulation, block, request.symbols),
        equity_start_usd=simulation.equity_start_usd,
        metrics={**metrics, **derived},
        null_reasons=why,
        costs=costs(simulation),
        funding_coverage_frac=coverage.frac,
        funding_missing_hours=coverage.missing,
        **breakdowns(simulation),
        excursions=excursions(simulation.trades),
        gates=simulation.counters,
        curve=daily_curve(simulation),
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


def write_files(
    request: ReplayRequest,
    simulation: Simulation,
    loaded: LoadedStrategy,
    block: BarBlock,
    running: RunningCommand,
    clock: Clock,
) -> None:
    """Trades, indicators and state, as far as they were asked for, each among the outputs."""
    files = running.outputs
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
