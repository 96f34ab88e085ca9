"""How fast the CUDA engine is on this machine's GPUs: `python -m pipelines.bench_cuda`.

It first shows that 2,000 random rows on recorded candles equal the CPU's, bit for bit, then times
60,000 rows over 50 symbols and 8,760 bars, and rows with finer exits.  The first transfer and the
compilation are told apart.  `--ptx` prints what the kernel takes on each architecture instead, for
which no GPU is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.clock import monotonic_s
from core.engine import CpuEngine, Field, field_of
from core.gpu import GpuEngine, found_gpus
from core.market.bars import BarBlock, interval_to_ms
from core.market.instants import with_finer
from core.market.universe import with_universe
from core.simulate import Window
from pipelines import ptx_report
from pipelines.bench_sweep import LONG_AXES, rows_of_axes, strategy_with
from schemas.records import to_records
from schemas.strategy import Strategy

EQUITY_USD = 10_000.0
MOST_CLOSES = 8_192
EQUAL_ROWS = 2_000
SEED = 7


def recorded(
    data: Path, rows: int
) -> tuple[Field, npt.NDArray[np.record], BarBlock, list[Strategy]]:
    """A field over the recorded hourly candles, and random rows of parameters `[N, 1]` for it."""
    engine = Strategy().engine
    block = with_universe(
        block_of(data / "hl_candles_1h.parquet", "1h"),
        engine.universe_top_count,
        engine.universe_keep_count,
    )
    rng = np.random.default_rng(SEED)
    drawn = [
        {path: values[int(rng.integers(len(values)))] for path, values in LONG_AXES.items()}
        for _ in range(rows)
    ]
    strategies = [strategy_with(values) for values in drawn]
    field = field_of(block, Window(), (), EQUITY_USD)
    return field, to_records(strategies)[:, None], block, strategies


def block_of(path: Path, interval: str) -> BarBlock:
    """The candles of a file as a block."""
    from core.clock import SystemClock
    from core.market.bars import block_from_rows
    from pipelines.rows import read_rows

    now_ms = SystemClock().now_ms()
    rows = read_rows(path, "candles", interval_to_ms(interval), now_ms).rows
    return block_from_rows(rows, interval, synthetic=False)


def timed(engine: GpuEngine, params: npt.NDArray[np.record]) -> tuple[float, float]:
    """(seconds of the first run, seconds of the second): the first compiles and transfers."""
    took = []
    for _ in range(2):
        began_s = monotonic_s()
        engine.figures(params)
        took.append(monotonic_s() - began_s)
    return took[0], took[1]


def measure(data: Path) -> dict[str, Any]:
    """Every figure, by name."""
    gpus = found_gpus()
    field, params, _, _ = recorded(data, EQUAL_ROWS)
    engine = GpuEngine(field)
    by_gpu = engine.figures(params)
    equal = by_gpu.tobytes() == CpuEngine(field).figures(params).tobytes()
    out: dict[str, Any] = {
        "card": ", ".join(gpu.name for gpu in gpus),
        "equal_rows": EQUAL_ROWS,
        "equal": equal,
    }
    wide = field_of(synthetic_wide(), Window(), (), EQUITY_USD)
    rows = rows_of_axes(LONG_AXES, strategy_with({}))[:60_000, None]
    first_s, second_s = timed(GpuEngine(wide), rows)
    out["cuda_60000_first_s"], out["cuda_60000_s"] = first_s, second_s
    out["cuda_symbol_bars_per_s"] = wide.symbol_bars * len(rows) / second_s
    fine = data / "hl_candles_5m.parquet"
    if fine.exists():
        exits = block_of(fine, "5m")
        hours = block_of(data / "hl_candles_1h.parquet", "1h")
        block = with_finer(with_symbols_of(hours, exits), exits, None)
        finer = field_of(block, Window(), (), EQUITY_USD)
        _, took_s = timed(GpuEngine(finer), rows)
        out["cuda_subbars_per_s"] = int(exits.present.sum()) * len(rows) / took_s
    return out


def with_symbols_of(block: BarBlock, other: BarBlock) -> BarBlock:
    """The rows of a block at which the other has bars, of its symbols alone."""
    from core.market.instants import aligned_to

    span = (int(other.ts_open_ms[0]), int(other.ts_open_ms[-1]) + other.interval_ms)
    return aligned_to(block.between(*span), other.symbols)


def synthetic_wide() -> BarBlock:
    """50 symbols over 8,760 hours."""
    from core.market.bars import block_from_rows
    from core.market.synthetic import MarketSpec, synthetic_rows

    rows = synthetic_rows(MarketSpec(symbol_count=50, bar_count=8_760))
    return block_from_rows(rows, "1h", synthetic=True)


def main(arguments: list[str]) -> int:
    """Exit code after measuring."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.bench_cuda")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--ptx", action="store_true", help="what the kernel takes; needs no GPU")
    options = parser.parse_args(arguments)
    if options.ptx:
        sys.stdout.write(ptx_report.table(ptx_report.compiled()))
        return 0
    found = measure(options.data)
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    return 0 if found["equal"] else 1


if __name__ == "__main__":
    from core.errors import PerpkitError

    try:
        sys.exit(main(sys.argv[1:]))
    except PerpkitError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        sys.exit(error.exit_code)
