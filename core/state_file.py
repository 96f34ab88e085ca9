"""A run's state as an artifact's body and back, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.bank import SeriesMemory
from core.simulate import CARRIED, State
from kernel import codes
from kernel.records import ACCOUNT, MARK, POSITION, SNAPSHOT, Records
from schemas.state import RunState, SeriesState


def body_of(state: State, config_id: str, interval: str) -> RunState:
    """The state as a body; flat positions are left out, every number is kept exactly."""
    open_symbols = [
        k for k in range(len(state.symbols)) if state.positions[k]["side"] != codes.FLAT
    ]
    return RunState(
        config_id=config_id,
        interval=interval,
        ts_ms=state.ts_ms,
        symbols=state.symbols,
        account={name: state.account[name][0].item() for name in CARRIED},
        positions={state.symbols[k]: _fields(state.positions, k) for k in open_symbols},
        marks={symbol: _fields(state.marks, k) for k, symbol in enumerate(state.symbols)},
        views={symbol: _fields(state.snaps, k) for k, symbol in enumerate(state.symbols)},
        volumes_usd=tuple(state.volumes_usd.tolist()),
        series=tuple(
            SeriesState(
                series=series,
                memory=tuple(tuple(row) for row in memory.memory.tolist()),
                last=tuple(memory.last.tolist()),
            )
            for series, memory in sorted(state.series.items())
        ),
    )


def state_of(body: RunState) -> State:
    """The state that a body holds."""
    account = np.zeros(1, ACCOUNT)
    _fill(account, 0, body.account)
    positions = np.zeros(len(body.symbols), POSITION)
    marks = np.zeros(len(body.symbols), MARK)
    snaps = np.zeros(len(body.symbols), SNAPSHOT)
    for k, symbol in enumerate(body.symbols):
        _fill(positions, k, body.positions.get(symbol, {}))
        _fill(marks, k, body.marks.get(symbol, {}))
        _fill(snaps, k, body.views.get(symbol, {}))
    return State(
        ts_ms=body.ts_ms,
        symbols=body.symbols,
        account=account,
        positions=positions,
        marks=marks,
        snaps=snaps,
        volumes_usd=np.array(body.volumes_usd),
        series={
            each.series: SeriesMemory(np.array(each.memory), np.array(each.last))
            for each in body.series
        },
    )


def _fields(records: Records, row: int) -> dict[str, Any]:
    """One record as plain numbers."""
    return {name: records[name][row].item() for name in records.dtype.names or ()}


def _fill(records: Records, row: int, values: dict[str, Any]) -> None:
    """Write plain numbers into one record."""
    for name, value in values.items():
        records[name][row] = value
