"""Figures of rows by the CUDA kernel in numba's simulator, as bytes on stdout.

`python -m tests.parity.cuda_probe SEED BARS ROWS`, with NUMBA_ENABLE_CUDASIM=1 and
NUMBA_DISABLE_JIT=1: the simulator runs plain Python and cannot call compiled functions.
"""

from __future__ import annotations

import sys

from core.engine import CpuEngine, Field, field_of
from core.gpu import GpuEngine
from core.market.universe import with_universe
from core.simulate import Window, simulate
from kernel.records import Records
from schemas.records import to_records
from tests.strategies import random_market, random_strategy

FIXED = {
    "engine.lookback_bars": 8,
    "engine.universe_top_count": 50,
    "engine.universe_keep_count": 60,
    "thresholds.entry.min_adx": 8.0,
    "filters.require_volume_confirmation": False,
    "trade.entry_min_confidence": "low",
    "trade.enable_funding": True,
}
"""Values that let short histories trade."""
MOST_CLOSES = 400


def task(seed: int, bar_count: int, row_count: int) -> tuple[Field, Records]:
    """A small portfolio with all that a store may hold, and rows of parameters `[N, 1]`."""
    block = with_universe(random_market(seed, bar_count), 50, 60)
    strategies = [random_strategy(seed + k, FIXED) for k in range(row_count)]
    field = field_of(block, Window(), (), 10_000.0)
    return field, to_records(strategies)[:, None]


def main(seed: int, bar_count: int, row_count: int) -> None:
    """Write the figures of the simulated kernel, then the trades of each row."""
    field, params = task(seed, bar_count, row_count)
    engine = GpuEngine(field, most_closes=MOST_CLOSES, simulated=True)
    sys.stdout.buffer.write(engine.figures(params).tobytes())
    for row in range(row_count):
        sys.stdout.buffer.write(engine.trades[row].tobytes())


def by_cpu(seed: int, bar_count: int, row_count: int) -> tuple[Records, bytes]:
    """The figures by the compiled CPU engine, and the trades of replays of the same rows."""
    field, params = task(seed, bar_count, row_count)
    block = with_universe(random_market(seed, bar_count), 50, 60)
    runs = [simulate(block, random_strategy(seed + k, FIXED)) for k in range(row_count)]
    return CpuEngine(field).figures(params), b"".join(run.trades.tobytes() for run in runs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
