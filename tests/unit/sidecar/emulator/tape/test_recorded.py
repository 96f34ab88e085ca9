"""Recorded candles of the venue come back from the tape to the tick and the lot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.clock import ManualClock
from core.market.bars import Rows
from core.store import candles as candle_store
from core.store.series import Origin
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Moved
from sidecar.emulator.exchange.state import Rules
from sidecar.emulator.tape.stored import Asked, stored_tape

CASES = [
    ("hl_candles_1m_sample.parquet", "1m", 15_000, 0),
    ("hl_candles_1h.parquet", "1h", 300_000, 1_748_390_400_000),
]


@pytest.mark.parametrize(("name", "interval", "tick_ms", "since_ms"), CASES)
def test_recorded_bars_come_back_to_the_tick_and_the_lot(
    shared_dir: Path, tmp_path: Path, name: str, interval: str, tick_ms: int, since_ms: int
) -> None:
    frame = pl.read_parquet(shared_dir / "data" / name).filter(pl.col("t") >= since_ms)
    frame = frame.sort("symbol", "t")
    symbols = tuple(frame["symbol"].unique().sort().to_list())
    rows = Rows(
        symbols,
        np.array([symbols.index(each) for each in frame["symbol"]], np.int64),
        frame["t"].to_numpy(),
        frame.select("o", "h", "l", "c", "v").to_numpy(),
    )
    candle_store.ingest(tmp_path, interval, rows, Origin(name, "0" * 64), ManualClock(1))
    tape = stored_tape(Asked(tmp_path, interval, tick_ms=tick_ms))

    state = tape.first_state(Rules())
    for at_ms, request in tape.take(2**62):
        for move in request.moves if isinstance(request, Moved) else ():
            if move.lots:
                candles.record(state.coins[move.coin], at_ms, move.px_ticks, move.lots)

    for index, symbol in enumerate(symbols):
        coin = state.coins[symbol]
        mine = (rows.symbol_index == index) & (rows.values[:, 4] > 0)
        since = candles.bars(coin, interval, 0, 2**62)
        seen = {
            bar.open_ms: (
                *(
                    each / 10.0 ** (6 - coin.size_decimals)
                    for each in (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
                ),
                bar.lots / 10.0**coin.size_decimals,
            )
            for bar in [*tape.history(symbol, interval, 0, 2**62), *since]
        }
        assert list(seen) == rows.ts_ms[mine].tolist()
        assert np.allclose(np.array(list(seen.values())), rows.values[mine], rtol=1e-12, atol=0.0)
