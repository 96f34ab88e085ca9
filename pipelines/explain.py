"""One decision of a replay explained: the replay is run up to it, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from core.clock import parse_utc_ms, utc_iso
from core.errors import InputError, UsageError
from core.judgement.decision import Decision, decision_of
from core.judgement.scene import bars_at, instant_of, scene_at
from core.simulate import Stage, staged
from kernel.jit import is_compiled
from pipelines.replay import ReplayRequest, equity_usd, prepared

Note = Callable[[str], None]
FORM = "SYMBOL@TIME, such as BTC@2026-01-31T12:00:00Z"
NEAREST = 3


def run(request: ReplayRequest, asked: str, note: Note) -> Decision:
    """The decision on the symbol and at the close time that `asked` names.

    Raises UsageError for text that is no SYMBOL@TIME and for options that write files, InputError
    for what cannot be replayed and where no bar of the symbol closes then.
    """
    _refuse_files(request)
    symbol, ts_ms = place_of(asked)
    request = replace(request, symbols=tuple(sorted(set(request.symbols))))
    ready = prepared(request)
    block, loaded = ready.block, ready.loaded
    block.columns_of([symbol])
    if not is_compiled():
        note("compiling the decision kernel, once per version: about 15 s")
    stage = staged(
        block,
        loaded.strategy,
        symbols=loaded.symbols,
        window=ready.window,
        initial_equity_usd=equity_usd(request),
        state=ready.state,
        tradable=request.symbols or None,
    )
    at = instant_of(stage, symbol, ts_ms)
    if at is None:
        raise _no_such_bar(stage, symbol, ts_ms, asked)
    return decision_of(scene_at(stage, at))


def place_of(asked: str) -> tuple[str, int]:
    """(symbol, time in ms) of SYMBOL@TIME; UsageError for anything else.

    The last @ divides the two, since a symbol may hold one.
    """
    symbol, at, time = asked.rpartition("@")
    if not at or not symbol or not time:
        raise UsageError(
            "it does not say which symbol and which bar",
            at=f"--explain {asked!r}",
            hint=f"write {FORM}; the time is that of a bar's close",
        )
    try:
        return symbol, parse_utc_ms(time)
    except InputError as error:
        raise UsageError(error.what, at=f"--explain {asked!r}", hint=error.hint) from error


def _refuse_files(request: ReplayRequest) -> None:
    """Raise UsageError for options that have no meaning where nothing is written."""
    given = {
        "--trades-out": request.trades_out,
        "--indicators-out": request.indicators_out,
        "--state-out": request.state_out,
        "--html": request.html,
        "--run": request.run_id,
    }
    refused = [option for option, value in given.items() if value]
    if refused:
        raise UsageError(
            "--explain prints one decision and writes nothing",
            at=f"{refused[0]} beside --explain",
            hint=f"leave out {refused[0]}, or replay a second time without --explain",
        )


def _no_such_bar(stage: Stage, symbol: str, ts_ms: int, asked: str) -> InputError:
    """The error that names the closes of the symbol around a time."""
    column = stage.view.symbols.index(symbol)
    first, end = stage.span
    ks = np.array([k for k in range(first, end) if bars_at(stage, (k, column))], np.int64)
    closes = stage.market.ts_close_ms[ks]
    if not len(closes):
        return InputError(
            f"no bar of {symbol} closes inside the window",
            at=f"--explain {asked!r}: {stage.view.path}",
            hint="choose another symbol, --start or --end",
        )
    nearest = np.sort(closes[np.argsort(np.abs(closes - ts_ms), kind="stable")[:NEAREST]])
    span = f"{utc_iso(int(closes[0]))} to {utc_iso(int(closes[-1]))}"
    return InputError(
        f"no bar of {symbol} closes at {utc_iso(ts_ms)}",
        at=f"--explain {asked!r}: {stage.view.path}: its bars close from {span}",
        hint=f"the nearest close at {', '.join(utc_iso(int(each)) for each in nearest)}",
    )


def as_data(decision: Decision) -> dict[str, Any]:
    """The decision as plain data for JSON."""
    return {**asdict(decision), "ts_utc": utc_iso(decision.ts_ms)}
