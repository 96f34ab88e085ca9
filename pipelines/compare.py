"""Compare: two replays, or a replay and another system's trades, down to where they part."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.artifacts.hashing import canonical_json, sha256_file, sha256_hex
from core.artifacts.manifest import running_command
from core.artifacts.runs import Run
from core.artifacts.tree import read_artifact, resolve_artifact, write_artifact
from core.clock import Clock
from core.comparison import Close, divergences
from core.errors import InputError, RefusedError
from pipelines.divergence import explained, first_other_bar
from pipelines.rerun import Rerun, rerun
from schemas.artifact import Envelope, Source
from schemas.base import Value
from schemas.compare import (
    ComparedDivergence,
    ComparedMetric,
    ComparedSide,
    ComparedValue,
    CompareReport,
)
from schemas.replay import ReplayReport

TRADE_SUFFIXES = (".csv", ".parquet")
Note = Callable[[str], None]


@dataclass(frozen=True)
class CompareRequest:
    """What the command line asked for."""

    a: str
    b: str
    root: Path
    store: Path | None = None
    run_id: str | None = None
    fail_on_divergence: bool = False
    force: bool = False


@dataclass(frozen=True)
class CompareResult:
    """The report and where it lies, what the user should know, and the refusal that was asked."""

    path: Path
    report: CompareReport
    refusal: RefusedError | None


@dataclass(frozen=True)
class Side:
    """One of the two as it was read; `closes` is None when a replay could not be made again."""

    path: Path
    sha256: str
    synthetic: bool
    report: ReplayReport | None
    again: Rerun | None
    closes: list[Close] | None
    notes: list[str] = field(default_factory=list)


def run(request: CompareRequest, clock: Clock, note: Note) -> CompareResult:
    """The comparison, written into its run; `note` hears what could not be compared.

    Raises InputError for what is neither a replay report nor a file of trades.
    """
    sides = [read_side(text, request.root, request.store) for text in (request.a, request.b)]
    report = compared(*sides)
    for text in report.notes:
        note(text)
    with running_command(
        request.root, clock, request.run_id, command="compare", argv=sys.argv[1:]
    ) as running:
        path = write_artifact(
            running.run,
            report,
            name=f"compare-{_inputs_id(sides, report)}",
            sources=[Source(path=str(side.path), sha256=side.sha256) for side in sides],
            synthetic=any(side.synthetic for side in sides),
            clock=clock,
            force=request.force,
        )
        running.outputs.append(path)
        refusal = None
        if request.fail_on_divergence and report.diverged:
            refusal = RefusedError(
                "the two diverge",
                at=f"{sides[0].path}, {sides[1].path}",
                hint=f"`perpkit show {path}` prints where and why",
            )
            running.exit_code = refusal.exit_code
    return CompareResult(path, report, refusal)


def read_side(text: str, root: Path, store: Path | None) -> Side:
    """What `text` names: a report, a run that holds one, or a file of trades."""
    if Path(text).suffix.lower() in TRADE_SUFFIXES:
        return _trades_side(Path(text))
    found = resolve_artifact(root, text)
    path = _only_report(found) if isinstance(found, Run) else found
    envelope, report = read_artifact(path, ReplayReport)
    return _replay_side(path, envelope, report, store)


def _trades_side(path: Path) -> Side:
    from pipelines.foreign_trades import read_closes

    if not path.is_file():
        raise InputError(
            "there is no such file of trades",
            at=str(path),
            hint="`perpkit replay ... --trades-out FILE` writes one",
        )
    return Side(path, sha256_file(path), False, None, None, read_closes(path))  # noqa: FBT003


def _replay_side(path: Path, envelope: Envelope, report: ReplayReport, store: Path | None) -> Side:
    from core.trades import trades_frame
    from pipelines.foreign_trades import closes_of

    facts = (path, envelope.content_hash, envelope.synthetic, report)
    try:
        again = rerun(path, envelope, report, store)
    except InputError as error:
        if store is not None and not store.is_dir():
            raise
        return Side(*facts, None, None, [f"{error.what} ({error.at})"])
    simulation = again.simulation
    return Side(*facts, again, closes_of(trades_frame(simulation.trades, simulation.symbols)))


def _only_report(run_: Run) -> Path:
    """The newest replay report of a run; InputError when it has none."""
    folder = run_.dir / ReplayReport.folder
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append((read_artifact(path, ReplayReport)[0].made_at, path))
        except InputError:
            continue
    if not found:
        raise InputError(
            "the run holds no replay report",
            at=str(run_.dir),
            hint="give a run of `perpkit replay`, a report, or a file of trades",
        )
    return max(found)[1]


def compared(a: Side, b: Side) -> CompareReport:
    """The report of two sides."""
    found = _divergences(a, b)
    notes = [f"A: {text}" for text in a.notes] + [f"B: {text}" for text in b.notes]
    diverged = bool(found)
    if a.report is not None and b.report is not None:
        if a.closes is None or b.closes is None:
            diverged = a.report.trades_sha256 != b.report.trades_sha256
        spans = [
            (each.first_open_utc, each.last_close_utc) for each in (a.report.span, b.report.span)
        ]
        if spans[0] != spans[1]:
            notes.append(f"the spans differ: A {' to '.join(spans[0])}, B {' to '.join(spans[1])}")
    if a.closes is None or b.closes is None:
        notes.append("the trades of both are needed to find where they part: see the notes above")
    return CompareReport(
        a=_described(a),
        b=_described(b),
        metrics=_metrics(a, b),
        configuration=_configuration(a.report, b.report),
        diverged=diverged,
        divergences=found,
        notes=tuple(notes),
    )


def _divergences(a: Side, b: Side) -> tuple[ComparedDivergence, ...]:
    """The first of each kind, bars among them, the earliest first."""
    found: list[ComparedDivergence] = []
    if a.again is not None and b.again is not None:
        bar = first_other_bar(a.again.block, b.again.block)
        found += [bar] if bar is not None else []
    if a.closes is not None and b.closes is not None:
        found += [explained(each, a.again, b.again) for each in divergences(a.closes, b.closes)]
    return tuple(sorted(found, key=lambda each: (each.ts_ms, each.kind != "data")))


def _described(side: Side) -> ComparedSide:
    closes = side.closes or []
    return ComparedSide(
        what="trades" if side.report is None else "replay",
        path=str(side.path),
        config_id=None if side.report is None else side.report.config_id,
        has_trades=side.closes is not None,
        entry_count=len({(each.symbol, each.side, each.entry_ts_ms) for each in closes}),
        close_count=len(closes),
    )


def _figures(side: Side) -> dict[str, float | int | None]:
    """Figures of a side by name: a report's metrics, or what a file of trades adds up to."""
    if side.report is not None:
        return dict(side.report.metrics)
    closes = side.closes or []
    positions: dict[tuple[str, str, int], float] = {}
    for each in closes:
        key = (each.symbol, each.side, each.entry_ts_ms)
        positions[key] = positions.get(key, 0.0) + (each.pnl_usd or 0.0)
    out: dict[str, float | int | None] = {"position_count": len(positions)}
    if closes and all(each.pnl_usd is not None for each in closes):
        out["net_pnl_usd"] = sum(positions.values())
        out["win_count"] = sum(pnl > 0.0 for pnl in positions.values())
    if closes and all(each.fee_usd is not None for each in closes):
        out["fees_usd"] = sum(each.fee_usd or 0.0 for each in closes)
    return out


def _metrics(a: Side, b: Side) -> tuple[ComparedMetric, ...]:
    one, other = _figures(a), _figures(b)
    out = []
    for name, first in one.items():
        if name in other:
            second = other[name]
            known = first is not None and second is not None
            difference = second - first if first is not None and second is not None else None
            out.append(
                ComparedMetric(
                    name=name, a=first, b=second, difference=difference if known else None
                )
            )
    return tuple(out)


def _configuration(a: ReplayReport | None, b: ReplayReport | None) -> tuple[ComparedValue, ...]:
    """Parameters that differ: common ones, then those of symbols."""
    if a is None or b is None or a.configuration is None or b.configuration is None:
        return ()
    found = _differing(None, a.configuration, b.configuration)
    for symbol in sorted({*a.symbol_configurations, *b.symbol_configurations}):
        own = [
            (each.symbol_configurations.get(symbol) or each.configuration or {}) for each in (a, b)
        ]
        found += _differing(symbol, *own)
    return tuple(found)


def _differing(symbol: str | None, a: dict[str, Value], b: dict[str, Value]) -> list[ComparedValue]:
    return [
        ComparedValue(path=path, symbol=symbol, a=a.get(path), b=b.get(path))
        for path in dict.fromkeys([*a, *b])
        if a.get(path) != b.get(path)
    ]


def _inputs_id(sides: list[Side], report: CompareReport) -> str:
    """Sixteen letters that differ when anything differs that the report depends on."""
    inputs = {
        "sides": [[str(side.path), side.sha256] for side in sides],
        "notes": list(report.notes),
    }
    return sha256_hex(canonical_json(inputs))[:16]
