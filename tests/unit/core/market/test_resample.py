"""Longer bars out of shorter ones: only whole ones, and what they must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from core.market.bars import HOUR_MS, Rows
from core.market.resample import parts_per_bar, resample
from tests.candle_rows import START_MS, random_records, records_of, rows_of


def test_a_bar_is_the_first_open_the_extremes_the_last_close_and_the_sum() -> None:
    rows = rows_of(
        [
            ("BTC", START_MS + hour * HOUR_MS, *bar)
            for hour, bar in enumerate(
                [(5.0, 9.0, 4.0, 6.0, 1.0), (6.0, 7.0, 2.0, 3.0, 2.0), (3.0, 4.0, 3.0, 4.0, 0.0)]
            )
        ]
    )

    made = resample(rows, "1h", "2h")

    assert made.rows.values.tolist() == [[5.0, 9.0, 2.0, 3.0, 3.0]]
    assert made.rows.ts_ms.tolist() == [START_MS]
    assert made.left_out == {}


@given(st.integers(0, 400))
def test_only_whole_bars_are_made(seed: int) -> None:
    rows = rows_of(random_records(seed))

    made = resample(rows, "1h", "4h").rows

    keys, got = {record[:2] for record in records_of(rows)}, records_of(made)
    whole = {
        (symbol, ts_ms)
        for symbol, ts_ms in keys
        if ts_ms % (4 * HOUR_MS) == 0
        and all((symbol, ts_ms + part * HOUR_MS) in keys for part in range(4))
    }
    assert {record[:2] for record in got} == whole
    assert len(got) == len(whole)


@given(st.integers(0, 400))
def test_in_two_steps_it_is_the_same(seed: int) -> None:
    rows = rows_of(random_records(seed, bar_count=80))

    at_once = resample(rows, "1h", "4h").rows
    in_steps = resample(resample(rows, "1h", "2h").rows, "2h", "4h").rows

    assert at_once.ts_ms.tolist() == in_steps.ts_ms.tolist()
    assert np.array_equal(at_once.values[:, :4], in_steps.values[:, :4])
    assert np.allclose(at_once.values[:, 4], in_steps.values[:, 4], rtol=1e-12)


def test_a_bar_with_a_missing_part_is_counted_inside_of_the_data() -> None:
    hours = [1, 2, 3, 4, 6, 7, 8, 9, 10]
    rows = rows_of([("BTC", START_MS + hour * HOUR_MS, 1.0, 2.0, 0.5, 1.5, 1.0) for hour in hours])

    made = resample(rows, "1h", "2h")

    assert made.rows.ts_ms.tolist() == [START_MS + hour * HOUR_MS for hour in (2, 6, 8)]
    assert made.left_out == {"BTC": 1}


@pytest.mark.parametrize(
    ("source", "target"), [("1h", "1h"), ("1h", "30m"), ("2h", "3d"), ("1d", "1w"), ("3m", "5m")]
)
def test_what_does_not_fit_is_refused(source: str, target: str) -> None:
    with pytest.raises(InputError):
        parts_per_bar(source, target)


def test_nothing_makes_nothing() -> None:
    nothing = Rows((), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 5)))

    assert len(resample(nothing, "1h", "2h").rows) == 0


def test_recorded_5m_bars_make_the_recorded_1h_bars(shared_dir: Path) -> None:
    from pipelines.rows import read_rows

    data, now_ms = shared_dir / "data", 1 << 50
    fine = read_rows(data / "hl_candles_5m.parquet", "candles", HOUR_MS // 12, now_ms).rows
    coarse = read_rows(data / "hl_candles_1h.parquet", "candles", HOUR_MS, now_ms).rows
    known = {
        (coarse.symbols[at], ts_ms): values
        for at, ts_ms, values in zip(
            coarse.symbol_index.tolist(), coarse.ts_ms.tolist(), coarse.values, strict=True
        )
    }

    made = resample(fine, "5m", "1h").rows

    assert len(made) > 20_000
    for at, ts_ms, values in zip(
        made.symbol_index.tolist(), made.ts_ms.tolist(), made.values, strict=True
    ):
        assert np.allclose(known[made.symbols[at], ts_ms], values, rtol=1e-9)
