"""What `validate` judges: the best of a sweep, or one strategy, and the bars to judge on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.artifacts.hashing import sha256_file
from core.artifacts.tree import Run, read_artifact, resolve_artifact
from core.clock import utc_iso
from core.config import LoadedStrategy, load_strategy, require_own_symbols
from core.errors import HaltError, InputError, RefusedError, UsageError
from core.market.bars import BarBlock
from core.store.ledger import TrialLine, overlapping, venue_of
from core.store.market import load
from core.windows import cut_windows, longest_window_bars, refuse_overlap
from kernel.jit import kernel_id
from schemas.artifact import Envelope, Source
from schemas.strategy import Strategy
from schemas.sweep import SweepCandidate, SweepReport, SweepTop


@dataclass(frozen=True)
class Candidate:
    """One strategy to judge; `rank` is its place in a sweep, None when it comes alone."""

    config: Path
    loaded: LoadedStrategy
    rank: int | None = None


@dataclass(frozen=True)
class Case:
    """The candidates and what all of them are judged on.

    `trial_window` is (start, end) in ms of the bars whose trials count against them: those the
    search saw and those of the holdout. `run` is the sweep's, None when there was none.
    """

    candidates: tuple[Candidate, ...]
    block: BarBlock
    symbols: tuple[str, ...]
    holdout: tuple[int, int]
    trial_window: tuple[int, int]
    initial_equity_usd: float
    sources: tuple[Source, ...]
    warnings: tuple[str, ...] = ()
    spec_sha256: str | None = None
    run: Run | None = None

    @property
    def venue(self) -> str:
        """Name under which trials on these bars are counted."""
        return venue_of(synthetic=self.block.synthetic)

    def trials(self, lines: Sequence[TrialLine]) -> list[TrialLine]:
        """The ledger's lines that count against the candidates."""
        return overlapping(lines, venue=self.venue, symbols=self.symbols, window=self.trial_window)


def case_of(
    target: str, *, root: Path, store: Path, holdout_frac: float | None, initial_equity_usd: float
) -> Case:
    """The case that `target` names: a run id, a sweep report, or a strategy file.

    Raises InputError for what cannot be read, RefusedError for a sweep that does not stand: made
    by other decision rules, on other data, or with a configuration that was changed since.
    """
    path = Path(target)
    if path.suffix in (".yaml", ".yml"):
        frac = 0.25 if holdout_frac is None else holdout_frac
        return _case_of_config(path, store, frac, initial_equity_usd)
    if holdout_frac is not None:
        raise UsageError(
            "a sweep keeps the holdout that it was made with",
            at="--holdout-frac",
            hint="leave the option out, or change window.holdout_frac in the spec and sweep again",
        )
    return _case_of_sweep(sweep_report_path(root, target), root, store)


def sweep_report_path(root: Path, target: str) -> Path:
    """The sweep report that a run id or a path names; InputError when there is not just one."""
    found = resolve_artifact(root, target)
    if isinstance(found, Path):
        return found
    files = sorted((found.dir / SweepReport.folder).glob("*.json"))
    reports = [path for path in files if not path.name.endswith(f"{SweepTop.ending}.json")]
    if len(reports) == 1:
        return reports[0]
    if not reports:
        raise InputError(
            f"run {found.run_id} holds no sweep report",
            at=str(found.dir / SweepReport.folder),
            hint=f"sweep into it with `perpkit sweep SPEC.yaml --run {found.run_id}`",
        )
    raise InputError(
        f"run {found.run_id} holds {len(reports)} sweep reports",
        at=", ".join(report.name for report in reports[:4]),
        hint=f"name one, such as {reports[-1]}",
    )


def refuse_searched_holdout(case: Case, lines: Sequence[TrialLine]) -> None:
    """Raise RefusedError if any search has seen bars of the holdout: it proves nothing then.

    A sweep's candidates owe their values to its own search, whose line must be in the ledger:
    HaltError otherwise.
    """
    if case.run is not None:
        own = [
            line
            for line in lines
            if line.run_id == case.run.run_id and line.spec_sha256 == case.spec_sha256
        ]
        if not own:
            raise HaltError(
                f"the trial ledger has no line of run {case.run.run_id}, which swept",
                at="state/ledger.sqlite",
                hint="restore the ledger that belongs to this root; a sweep always writes its line",
            )
    for line in case.trials(lines):
        if line.purpose == "search":
            refuse_overlap(case.holdout, line.window, searched_by=f"run {line.run_id}")


def _case_of_config(
    path: Path, store: Path, holdout_frac: float, initial_equity_usd: float
) -> Case:
    loaded = load_strategy(path)
    block = load(store, loaded.strategy)
    require_own_symbols(loaded, block)
    windows = cut_windows(
        block.ts_open_ms,
        block.interval_ms,
        start_ms=None,
        end_ms=None,
        holdout_frac=holdout_frac,
        purge_bars=max(
            longest_window_bars(each, ()) for each in (loaded.strategy, *loaded.symbols.values())
        ),
    )
    return Case(
        candidates=(Candidate(path, loaded),),
        block=block,
        symbols=block.symbols,
        holdout=(windows.holdout_start_ms, windows.holdout_end_ms),
        trial_window=(windows.data_start_ms, windows.data_end_ms),
        initial_equity_usd=initial_equity_usd,
        sources=(Source(path=block.path, sha256=block.sha256),),
    )


def _case_of_sweep(path: Path, root: Path, store: Path) -> Case:
    envelope, report = read_artifact(path, SweepReport)
    _refuse_other_rules(path, envelope)
    windows = report.windows
    holdout = (windows.holdout_start_ms, windows.holdout_end_ms)
    search = (windows.search_start_ms, windows.search_end_ms)
    refuse_overlap(holdout, search, searched_by="this sweep")
    run = Run(root, envelope.run_id, path.resolve().parents[2].name)
    if not report.top:
        raise RefusedError(
            "the sweep found no candidate",
            at=str(path),
            hint=f"every row had fewer than {report.spec.min_positions} positions: widen the axes, "
            "or search more bars",
        )
    candidates = tuple(_candidate(path.parent.parent, entry) for entry in report.top)
    block, warnings = _block_of_sweep(path, envelope, report, store, candidates[0].loaded.strategy)
    if report.interrupted:
        warnings.append("the sweep was stopped before its end; only what it reached is judged")
    return Case(
        candidates=candidates,
        block=block,
        symbols=report.symbols,
        holdout=holdout,
        trial_window=(search[0], holdout[1]),
        initial_equity_usd=report.initial_equity_usd,
        sources=(
            Source(path=block.path, sha256=block.sha256),
            Source(path=str(path), sha256=envelope.content_hash),
        ),
        warnings=tuple(warnings),
        spec_sha256=report.spec_sha256,
        run=run,
    )


def _refuse_other_rules(path: Path, envelope: Envelope) -> None:
    if envelope.kernel_id != kernel_id():
        raise RefusedError(
            "the sweep was made by other decision rules",
            at=f"{path}: kernel_id {envelope.kernel_id[:12]}, today's is {kernel_id()[:12]}",
            hint="sweep again with this version",
        )


def _block_of_sweep(
    path: Path, envelope: Envelope, report: SweepReport, store: Path, strategy: Strategy
) -> tuple[BarBlock, list[str]]:
    """The bars up to the end of the sweep's holdout, and what is odd about them.

    All candidates of a sweep share their intervals and their universe, which no axis varies.
    """
    whole = load(store, strategy)
    if whole.synthetic != envelope.synthetic:
        kinds = {True: "made-up", False: "recorded"}
        raise RefusedError(
            f"the sweep ran on {kinds[envelope.synthetic]} bars, this store holds "
            f"{kinds[whole.synthetic]} ones",
            at=whole.path,
            hint="give the --store that the sweep was made with",
        )
    whole.columns_of(report.symbols)
    end_ms = report.windows.holdout_end_ms
    last_ms = int(whole.ts_open_ms[-1]) + whole.interval_ms
    if last_ms < end_ms:
        raise InputError(
            f"the store ends at {utc_iso(last_ms)}, before the holdout's end at {utc_iso(end_ms)}",
            at=whole.path,
            hint=f"give the --store that made {path.name}",
        )
    block = whole.cut(end_ms)
    if block.sha256 == report.data_sha256:
        return block, []
    return block, ["the store's bars are not those of the sweep: some were revised or added since"]


def _candidate(folder: Path, entry: SweepCandidate) -> Candidate:
    config = folder / entry.config_path
    if sha256_file(config) != entry.config_sha256:
        raise _changed(config, "its bytes are not those that the sweep wrote")
    loaded = load_strategy(config)
    if loaded.config_id != entry.config_id:
        raise _changed(config, f"its identity is {loaded.config_id[:12]}")
    if not entry.verified:
        raise RefusedError(
            f"candidate {entry.rank} was not confirmed by a full replay",
            at=str(config),
            hint="sweep again; if it happens again, report it as a bug",
        )
    return Candidate(config, loaded, entry.rank)


def _changed(config: Path, why: str) -> RefusedError:
    return RefusedError(
        f"the configuration was changed since the sweep: {why}",
        at=str(config),
        hint="sweep again, or judge the changed file alone with `perpkit validate FILE.yaml`",
    )
