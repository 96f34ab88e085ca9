"""Funding beside bars: the last rate due by each close, never a later one, never a stale one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.clock import ManualClock
from core.market.bars import HOUR_MS, BarBlock, Rows, block_from_rows
from core.market.funding import RATE_AGE_MAX_MS, with_funding
from core.store import candles, funding, market
from core.store.series import Origin
from schemas.strategy import Strategy

START_MS = 1_735_689_600_000
CLOCK = ManualClock(1_767_323_045_678)


def bars(count: int = 14) -> Rows:
    ts_ms = START_MS + HOUR_MS * np.arange(count, dtype=np.int64)
    values = np.tile([10.0, 11.0, 9.0, 10.0, 5.0], (2 * count, 1))
    return Rows(("BTC", "ETH"), np.repeat([0, 1], count), np.tile(ts_ms, 2), values)


def block() -> BarBlock:
    return block_from_rows(bars(), "1h", synthetic=False)


def rates(symbol: str, *due: tuple[int, float]) -> Rows:
    ts_ms = np.array([START_MS + hour * HOUR_MS for hour, _ in due], np.int64)
    values = np.array([[rate, np.nan] for _, rate in due])
    return Rows((symbol,), np.zeros(len(due), np.int64), ts_ms, values)


def known(rows: Rows, column: int) -> list[float]:
    found: npt.NDArray[np.float64] | None = with_funding(block(), rows).funding_rate_1h
    assert found is not None
    return list(found[:, column])


def test_a_rate_is_known_from_the_close_at_which_it_is_due() -> None:
    hours = RATE_AGE_MAX_MS // HOUR_MS

    found = known(rates("ETH", (3, 1e-5), (5, -2e-5)), 1)

    # Row k closes at hour k + 1.
    assert found == [0, 0, 1e-5, 1e-5] + [-2e-5] * (hours + 1) + [0.0]
    assert known(rates("ETH", (3, 1e-5)), 0) == [0.0] * 14


def test_a_later_rate_changes_nothing_before_it() -> None:
    before = known(rates("BTC", (2, 1e-5)), 0)
    after = known(rates("BTC", (2, 1e-5), (6, 9e-5)), 0)

    assert before[:5] == after[:5]
    assert after[5] == 9e-5


def test_symbols_without_bars_are_left_out_and_rates_are_part_of_the_hash() -> None:
    one = with_funding(block(), rates("SOL", (2, 1e-5)))
    other = with_funding(block(), rates("BTC", (2, 1e-5)))

    assert one.funding_rate_1h is not None
    assert not one.funding_rate_1h.any()
    assert len({block().sha256, one.sha256, other.sha256}) == 3


def test_a_store_gives_its_rates_with_its_bars(tmp_path: Path) -> None:
    origin = Origin("test", "0" * 64)
    candles.ingest(tmp_path, "1h", bars(), origin, CLOCK)
    assert market.load(tmp_path, Strategy()).funding_rate_1h is None

    funding.ingest(tmp_path, rates("BTC", (1, 3e-5)), origin, CLOCK)
    loaded = market.load(tmp_path, Strategy())

    assert loaded.funding_rate_1h is not None
    assert loaded.funding_rate_1h[:3, 0].tolist() == [3e-5, 3e-5, 3e-5]
    assert loaded.path.endswith("candles_1h.sqlite and funding.sqlite")
    assert loaded.cut(START_MS + 2 * HOUR_MS).funding_rate_1h is not None
