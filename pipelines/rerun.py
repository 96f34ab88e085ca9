"""A replay made again from its report: the same configuration over the same bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.artifacts.tree import read_artifact
from core.clock import parse_utc_ms
from core.errors import InputError
from core.market.bars import BarBlock
from core.simulate import Simulation, Stage, State, Window, simulate, staged
from core.state_file import state_of
from core.store.market import load
from core.trades import trades_sha256
from kernel.jit import kernel_id
from pipelines.sheet_data import Replayed
from schemas.artifact import Envelope, Source
from schemas.replay import ReplayReport
from schemas.state import RunState
from schemas.strategy import Strategy, strategy_from


@dataclass(frozen=True)
class Rerun:
    """What a report's replay gives when it is made again."""

    report: ReplayReport
    strategy: Strategy
    symbols: Mapping[str, Strategy]
    block: BarBlock
    simulation: Simulation
    state: State | None

    @property
    def window(self) -> Window:
        """The bars that were traded."""
        span = self.report.span
        return Window(parse_utc_ms(span.first_open_utc), parse_utc_ms(span.last_close_utc))

    @cached_property
    def stage(self) -> Stage:
        """The same run before its first instant."""
        return staged(
            self.block,
            self.strategy,
            symbols=self.symbols,
            window=self.window,
            initial_equity_usd=self.report.equity_start_usd,
            state=self.state,
            tradable=self.report.span.tradable,
        )

    def replayed(self) -> Replayed:
        """The same, as a tear sheet takes it."""
        values = self.report.configuration or {}
        return Replayed(self.simulation, self.block, values, self.report.symbol_configurations)


def rerun(path: Path, envelope: Envelope, report: ReplayReport, store: Path | None) -> Rerun:
    """The replay of the report at `path`, made again over `store` (None: the one it names).

    Raises InputError when that cannot give the same trades: a report without its configuration,
    other decision rules, other bars or another state than it went on from.
    """
    strategy = _strategy(path, report)
    symbols = {
        symbol: strategy_from(values) for symbol, values in report.symbol_configurations.items()
    }
    if envelope.kernel_id != kernel_id():
        raise InputError(
            "the replay cannot be made again: it was made by other decision rules",
            at=f"{path}: kernel_id {envelope.kernel_id[:16]}, here {kernel_id()[:16]}",
            hint="replay the strategy anew with this perpkit, or give its trades file instead",
        )
    bars, *others = envelope.sources[1:]
    folder = Path(bars.path).parent if store is None else store
    end_ms = parse_utc_ms(report.span.last_close_utc)
    block = load(folder, strategy).cut(end_ms)
    if block.sha256 != bars.sha256:
        raise InputError(
            "the replay cannot be made again: the store holds other bars than it had",
            at=f"{block.path}, for {path}",
            hint="give the --store that was replayed, or replay the strategy anew",
        )
    state = _state(others[0]) if others else None
    simulation = simulate(
        block,
        strategy,
        symbols=symbols,
        window=Window(parse_utc_ms(report.span.first_open_utc), end_ms),
        initial_equity_usd=report.equity_start_usd,
        state=state,
        tradable=report.span.tradable,
    )
    again = trades_sha256(simulation.trades, simulation.symbols)
    if again != report.trades_sha256:
        raise InputError(
            "the replay made again gives other trades than its report says",
            at=f"{path}: trades_sha256",
            hint="this is a bug in perpkit; please report it with the report and its strategy",
        )
    return Rerun(report, strategy, symbols, block, simulation, state)


def _strategy(path: Path, report: ReplayReport) -> Strategy:
    if report.configuration is None:
        raise InputError(
            "the replay cannot be made again: its report, of version 1, lacks the configuration",
            at=str(path),
            hint="replay the strategy anew, or give its trades file instead",
        )
    return strategy_from(report.configuration)


def _state(source: Source) -> State:
    envelope, body = read_artifact(Path(source.path), RunState)
    if envelope.content_hash != source.sha256:
        raise InputError(
            "the replay cannot be made again: the state that it went on from has changed",
            at=source.path,
            hint="replay anew, or give its trades file instead",
        )
    return state_of(body)
