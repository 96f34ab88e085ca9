"""The market gate: no entries and adds while the market is mixed or BTC is calm."""

from __future__ import annotations

import pytest

from kernel.context import gate_is_shut
from schemas.base import Value
from schemas.records import to_record
from schemas.strategy import strategy_from
from tests.scene import Scene

OPEN = (30.0, 1.0, 100.0)
"""ADX, ATR and close of a BTC that is not calm."""


@pytest.mark.parametrize(
    ("breadth", "btc", "shut"),
    [
        (10.0, OPEN, False),
        (90.0, OPEN, False),
        (20.0, OPEN, True),
        (80.0, OPEN, True),
        (10.0, (19.9, 1.0, 100.0), True),
        (10.0, (20.0, 1.0, 100.0), False),
        (10.0, (30.0, 0.29, 100.0), True),
        (10.0, (30.0, 0.30, 100.0), False),
    ],
)
def test_each_limit_shuts_it(breadth: float, btc: tuple[float, float, float], shut: bool) -> None:
    params = to_record(strategy_from({"market_regime.enable_gate": True}))

    assert bool(gate_is_shut(2, breadth, btc, params)) is shut


@pytest.mark.parametrize("fails_open", [False, True])
def test_without_btc_the_declared_side_holds(fails_open: bool) -> None:
    values: dict[str, Value] = {
        "market_regime.enable_gate": True,
        "market_regime.gate_fail_open": fails_open,
    }

    played = Scene(6).up(3).play(values)

    assert (played.counters["entries"] == 1) is fails_open
    assert (played.counters["blocked_by_market_gate"] > 0) is not fails_open
