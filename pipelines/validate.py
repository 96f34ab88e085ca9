"""Validate: candidates in, one gate report each out, judged on bars that no search has seen.

Trials. A sweep's rows are in the ledger since the sweep. A strategy that comes alone is one more
trial, on the holdout itself: its line is written before the verdict, once per configuration and
holdout, so that trying one configuration after another against the same bars raises the bar.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.files import envelope_of
from core.artifacts.hashing import sha256_file
from core.artifacts.manifest import RunningCommand, running_command
from core.artifacts.tree import stored_hash, write_artifact
from core.clock import Clock, utc_iso
from core.errors import RefusedError
from core.expansion import with_values
from core.gates import judge, slice_changes_usd
from core.market.instants import require_cover
from core.market.record import tradable_of
from core.ratios import ratios
from core.simulate import Simulation, Window, rows_of, simulate
from core.statistics import Sample, expected_best
from core.store.ledger import TrialLedger, TrialLine, count_trials
from core.windows import cut_slices
from core.yaml_file import read_model, read_yaml_file
from kernel.jit import is_compiled
from pipelines.candidates import Candidate, Case, case_of, refuse_searched_holdout
from schemas.artifact import Source
from schemas.base import Value
from schemas.validation import GateReport, Gates, HoldoutMetrics, HoldoutSlice

GATES_FILE = Path("config/gates.yaml")

Note = Callable[[str], None]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class ValidateRequest:
    """What the command line asked for."""

    target: str
    store: Path
    root: Path
    run_id: str | None = None
    gates: Path | None = None
    holdout_frac: float | None = None
    initial_equity_usd: float = 10_000.0
    force: bool = False


@dataclass(frozen=True)
class Verdict:
    """One candidate's report, where it lies, and the configuration that it judges."""

    path: Path
    config: Path
    report: GateReport


@dataclass(frozen=True)
class ValidateResult:
    """All verdicts, best rank first; `refusal` is set when none passed."""

    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    refusal: RefusedError | None

    @property
    def survivors(self) -> tuple[Verdict, ...]:
        """Those that passed every gate."""
        return tuple(verdict for verdict in self.verdicts if verdict.report.passed)


@dataclass(frozen=True)
class Figures:
    """What one candidate did on the holdout at one slippage."""

    metrics: dict[str, float | int | None]
    null_reasons: dict[str, str]
    slice_pnl_usd: tuple[float | None, ...]


def run(request: ValidateRequest, clock: Clock, note: Note, progress: Progress) -> ValidateResult:
    """The verdict on each candidate, each with a gate report in the run.

    A sweep is judged in its own run unless `run_id` names another. Errors are those of `case_of`;
    a refusal of all candidates is part of the result, not an error, for its reports are written.
    """
    gates, gate_sources = load_gates(request.gates, note)
    case = case_of(
        request.target,
        root=request.root,
        store=request.store,
        holdout_frac=request.holdout_frac,
        initial_equity_usd=request.initial_equity_usd,
    )
    run_id = request.run_id
    if run_id is None and case.run is not None and case.run.dir.is_dir():
        run_id = case.run.run_id
    with running_command(
        request.root, clock, run_id, command="validate", argv=sys.argv[1:]
    ) as running:
        if not is_compiled():
            note("compiling the decision kernel, once per version: about 15 s")
        result = _validate(request, case, gates, gate_sources, running, clock, progress)
        running.exit_code = 0 if result.refusal is None else result.refusal.exit_code
    return result


def load_gates(path: Path | None, note: Note) -> tuple[Gates, tuple[Source, ...]]:
    """The limits of a gates file; of config/gates.yaml here, or as declared, when none is named."""
    if path is None and not GATES_FILE.is_file():
        note(f"no {GATES_FILE} here: judging by the declared limits")
        return Gates(kind="gates", version=1), ()
    chosen = path or GATES_FILE
    gates = read_model(read_yaml_file(chosen), Gates)
    return gates, (Source(path=str(chosen), sha256=sha256_file(chosen)),)


def _validate(
    request: ValidateRequest,
    case: Case,
    gates: Gates,
    gate_sources: tuple[Source, ...],
    running: RunningCommand,
    clock: Clock,
    progress: Progress,
) -> ValidateResult:
    held = rows_of(case.block, Window(*case.holdout))
    require_cover(case.block, *held, tradable_of(case.block, case.symbols))
    with TrialLedger.open(request.root) as ledger:
        refuse_searched_holdout(case, ledger.lines())
        slices = cut_slices(
            case.block.ts_open_ms,
            case.block.interval_ms,
            start_ms=case.holdout[0],
            end_ms=case.holdout[1],
            count=gates.slice_count,
        )
        judged = []
        for done, candidate in enumerate(case.candidates):
            progress(done, len(case.candidates), candidate.loaded.config_id[:12])
            judged.append((candidate, _figures(case, candidate, gates, slices)))
        progress(len(judged), len(judged), "")
        if case.run is None:
            for candidate, figures in judged:
                sharpe = figures[gates.slippage_bps].metrics["sharpe_daily"]
                ledger.append(_judge_line(case, candidate, sharpe, running.run.run_id, clock))
        trials = count_trials(case.trials(ledger.lines()))
    verdicts = []
    for candidate, figures in judged:
        report = _report(case, candidate, gates, slices, figures, trials)
        sources = (
            Source(path=str(candidate.config), sha256=candidate.loaded.source_sha256),
            *case.sources,
            *gate_sources,
        )
        path = _write(running, report, sources, case, clock, force=request.force)
        running.outputs.append(path)
        verdicts.append(Verdict(path, candidate.config, report))
    return ValidateResult(tuple(verdicts), case.warnings, _refusal(verdicts))


def _figures(
    case: Case, candidate: Candidate, gates: Gates, slices: tuple[tuple[int, int], ...]
) -> dict[float, Figures]:
    """Figures by slippage in bps, the one that is judged first."""
    found = {}
    for slippage_bps in dict.fromkeys((gates.slippage_bps, *gates.slippage_shown_bps)):
        costs: dict[str, Value] = {
            "trade.entry_slippage_bps": slippage_bps,
            "trade.exit_slippage_bps": slippage_bps,
        }
        simulation = simulate(
            case.block,
            with_values(candidate.loaded.strategy, costs),
            symbols={
                symbol: with_values(own, costs) for symbol, own in candidate.loaded.symbols.items()
            },
            window=Window(*case.holdout),
            initial_equity_usd=case.initial_equity_usd,
            tradable=case.symbols,
            record_trades=False,
        )
        found[slippage_bps] = _figures_of(simulation, slices)
    return found


def _figures_of(simulation: Simulation, slices: tuple[tuple[int, int], ...]) -> Figures:
    derived, reasons = ratios(simulation.metrics)
    metrics: dict[str, float | int | None] = {}
    for name, value in {**simulation.metrics, **derived}.items():
        is_known = value is not None and math.isfinite(value)
        metrics[name] = value if is_known else None
        if not is_known:
            reasons.setdefault(name, "not finite")
    changes = slice_changes_usd(
        simulation.ts_close_ms, simulation.equity_usd, simulation.equity_start_usd, slices
    )
    return Figures(metrics, reasons, changes)


def _judge_line(
    case: Case, candidate: Candidate, sharpe: float | int | None, run_id: str, clock: Clock
) -> TrialLine:
    """The ledger's line of a strategy that was tried on the holdout by itself."""
    return TrialLine(
        run_id=run_id,
        made_at=utc_iso(clock.now_ms()),
        purpose="judge",
        venue=case.venue,
        interval=case.block.interval,
        symbols=case.symbols,
        start_ms=case.holdout[0],
        end_ms=case.holdout[1],
        spec_sha256=candidate.loaded.config_id,
        row_count=1,
        sharpe_mean=float(sharpe or 0.0),
        sharpe_variance=0.0,
    )


def _report(
    case: Case,
    candidate: Candidate,
    gates: Gates,
    slices: tuple[tuple[int, int], ...],
    figures: dict[float, Figures],
    trials: Sample,
) -> GateReport:
    judged = figures[gates.slippage_bps]
    best = expected_best(trials.count, trials.variance)
    checks = judge(
        gates,
        judged.metrics,
        judged.slice_pnl_usd,
        expected_best_sharpe=best,
        trial_count=trials.count,
    )
    return GateReport(
        config_id=candidate.loaded.config_id,
        rank=candidate.rank,
        spec_sha256=case.spec_sha256,
        passed=all(check.passed for check in checks),
        checks=checks,
        interval=case.block.interval,
        symbols=case.symbols,
        initial_equity_usd=case.initial_equity_usd,
        holdout_start_ms=case.holdout[0],
        holdout_end_ms=case.holdout[1],
        slices=tuple(
            HoldoutSlice(start_ms=start, end_ms=end, pnl_usd=pnl)
            for (start, end), pnl in zip(slices, judged.slice_pnl_usd, strict=True)
        ),
        trial_count=trials.count,
        trial_sharpe_variance=trials.variance,
        sharpe_expected_best=best,
        gates=gates,
        holdout=tuple(
            HoldoutMetrics(slippage_bps=slippage, metrics=at.metrics)
            for slippage, at in figures.items()
        ),
        null_reasons=judged.null_reasons,
    )


def _write(
    running: RunningCommand,
    report: GateReport,
    sources: tuple[Source, ...],
    case: Case,
    clock: Clock,
    *,
    force: bool,
) -> Path:
    """The report's file `gates/<config id>.json`.

    A verdict that differs from the one there, because the ledger has grown since, goes beside it
    as `<config id>-2.json` and so on: a deployment may rest on the older one.
    """
    run, synthetic = running.run, case.block.synthetic
    own = envelope_of(run, report, sources=sources, synthetic=synthetic, clock=clock).content_hash
    name, number = report.config_id, 1
    while not force and (path := run.path(report.folder, f"{name}.json")).exists():
        if stored_hash(path) == own:
            return path
        number += 1
        name = f"{report.config_id}-{number}"
    return write_artifact(
        run, report, name=name, sources=sources, synthetic=synthetic, clock=clock, force=force
    )


def _refusal(verdicts: list[Verdict]) -> RefusedError | None:
    """The error for when no candidate passed: it names the one that failed fewest gates."""
    if any(verdict.report.passed for verdict in verdicts):
        return None
    best = min(verdicts, key=lambda each: sum(not check.passed for check in each.report.checks))
    failed = [check for check in best.report.checks if not check.passed]
    reasons = "; ".join(
        f"{check.name} {'none' if check.value is None else format(check.value, ',.4g')}, "
        f"asked {check.comparison} {check.limit:,.4g}"
        for check in failed
    )
    count = len(verdicts)
    return RefusedError(
        f"all {count} candidates were refused" if count > 1 else "the candidate was refused",
        at=str(best.path),
        hint=f"deploy nothing; closest was {best.report.config_id[:12]}: {reasons}",
    )
