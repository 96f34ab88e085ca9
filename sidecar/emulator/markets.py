"""Which market the venue trades: made up, or the candles of a store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from core.clock import parse_utc_ms
from core.errors import UsageError
from sidecar.emulator.tape.port import Tape
from sidecar.emulator.tape.stored import Asked, stored_tape
from sidecar.emulator.tape.synthetic import HISTORY_DAYS, synthetic_spec, synthetic_tape

SYMBOLS_MAX: Final = 1_000
HISTORY_DAYS_MAX: Final = 3_650
DEX: Final = "xyz"
"""A builder's dex with two coins, since clients load what is there."""


@dataclass(frozen=True)
class MarketOptions:
    """What the command line says of the market; `start` is empty for the default."""

    seed: int = 1
    symbol_count: int = 12
    history_days: int = HISTORY_DAYS
    """Of the made-up market, before it starts."""
    edge: float = 1.0
    """Of the made-up market: strength of its trend."""
    store: Path | None = None
    interval: str = ""
    """Of the store's candles; empty takes the finest."""
    start: str = ""
    rebase: bool = False


def make_tape(options: MarketOptions, now_ms: int) -> Tape:
    """The tape of a market.  `now_ms` is where it starts when nothing else says so."""
    begin_ms = parse_utc_ms(options.start) if options.start else None
    if options.store is None:
        return _synthetic(options, now_ms if begin_ms is None else begin_ms)
    asked = Asked(
        options.store,
        options.interval or None,
        begin_ms=begin_ms,
        now_ms=now_ms if options.rebase else None,
        seed=options.seed,
    )
    return stored_tape(asked)


def tape_from(options: MarketOptions, start_ms: int) -> Tape:
    """The tape of a market that once started at `start_ms`."""
    if options.rebase:
        return make_tape(options, start_ms)
    return make_tape(replace(options, start=str(start_ms)), start_ms)


def _synthetic(options: MarketOptions, start_ms: int) -> Tape:
    if options.rebase:
        raise UsageError(
            "--rebase moves stored candles to the present, and there is no --store",
            hint="leave out --rebase: the made-up market starts now by itself",
        )
    if not 1 <= options.symbol_count <= SYMBOLS_MAX:
        raise UsageError(
            f"--symbols-count was {options.symbol_count}",
            hint=f"give from 1 to {SYMBOLS_MAX:,} symbols",
        )
    if not 1 <= options.history_days <= HISTORY_DAYS_MAX:
        raise UsageError(
            f"--history-days was {options.history_days}",
            hint=f"give from 1 to {HISTORY_DAYS_MAX:,} days",
        )
    spec = synthetic_spec(
        options.seed, options.symbol_count, start_ms, options.history_days, options.edge
    )
    return synthetic_tape(spec, start_ms, dex=DEX)
