"""Candle rows for tests: random ones from a seed, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.market.bars import HOUR_MS, Rows

Record = tuple[str, int, float, float, float, float, float]

START_MS = 1_735_689_600_000
"""2025-01-01T00:00Z."""

COLUMNS = ("symbol", "t", "o", "h", "l", "c", "v")


def record(
    symbol: str = "BTC", hour: int = 0, close_px: float = 1.5, volume: float = 10.0
) -> Record:
    """One good bar."""
    return (symbol, START_MS + hour * HOUR_MS, 1.0, 2.0, 0.5, close_px, volume)


def random_records(seed: int, *, bar_count: int = 40) -> list[Record]:
    """Good bars of one to four symbols with holes and late listings, in byte order and by time."""
    rng = np.random.default_rng(seed)
    names = ["BTC", "ETH", "SOL", "kPEPE"][: int(rng.integers(1, 5))]
    records = []
    for name in names:
        hours = np.flatnonzero(rng.random(bar_count) < 0.8)
        for hour in [0, *hours.tolist()] if not len(hours) else hours.tolist():
            low, body_low, body_high, high = np.sort(rng.lognormal(2.0, 1.0, 4)).tolist()
            flip = rng.random() < 0.5
            opened, close = (body_high, body_low) if flip else (body_low, body_high)
            volume = 0.0 if rng.random() < 0.1 else float(rng.lognormal(3.0, 2.0))
            records.append((name, START_MS + hour * HOUR_MS, opened, high, low, close, volume))
    return records


def rows_of(records: Sequence[Record]) -> Rows:
    """The records as checked rows; they must be good."""
    ordered = sorted(records)
    symbols = tuple(sorted({name for name, *_ in ordered}))
    return Rows(
        symbols=symbols,
        symbol_index=np.array([symbols.index(name) for name, *_ in ordered], np.int64),
        ts_ms=np.array([ts_ms for _, ts_ms, *_ in ordered], np.int64),
        values=np.array([values for _, _, *values in ordered], np.float64).reshape(-1, 5),
    )


def records_of(rows: Rows) -> list[Record]:
    """The rows as records, in their order."""
    return [
        (rows.symbols[index], ts_ms, *values)
        for index, ts_ms, values in zip(
            rows.symbol_index.tolist(), rows.ts_ms.tolist(), rows.values.tolist(), strict=True
        )
    ]


def write_csv(
    path: Path, records: Sequence[Sequence[object]], columns: Sequence[str] = COLUMNS
) -> Path:
    """A CSV file of the records; floats are written so that they read back the same."""
    lines = [",".join(columns), *(",".join(map(str, row)) for row in records)]
    path.write_text("\n".join(lines) + "\n")
    return path
