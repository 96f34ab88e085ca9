"""Files of candles and funding rates: what is accepted, what is counted, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from core.errors import InputError
from core.market.bars import DAY_MS, HOUR_MS, interval_to_ms
from pipelines.rows import FileRows, read_rows
from tests.candle_rows import COLUMNS, START_MS, record, records_of, rows_of, write_csv

NOW_MS = START_MS + 400 * DAY_MS
FUNDING = ("time", "symbol", "rate", "premium")
GOOD = [record("BTC", 0), record("BTC", 1), record("ETH", 1)]


def read(path: Path, records: Sequence[Sequence[object]]) -> FileRows:
    return read_rows(write_csv(path / "bars.csv", records), "candles", HOUR_MS, NOW_MS)


def read_funding(path: Path, records: Sequence[Sequence[object]]) -> FileRows:
    file = write_csv(path / "funding.csv", records, FUNDING)
    return read_rows(file, "funding", HOUR_MS, NOW_MS)


def test_parquet_and_csv_of_the_same_bars_give_the_same_rows(tmp_path: Path) -> None:
    file = tmp_path / "bars.parquet"
    pl.DataFrame(GOOD, schema=COLUMNS, orient="row").write_parquet(file)

    from_parquet = read_rows(file, "candles", HOUR_MS, NOW_MS)

    assert records_of(from_parquet.rows) == records_of(read(tmp_path, GOOD).rows) == GOOD


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    columns = ("x", "v", "t", "symbol", "c", "l", "h", "o")
    line = ("?", 10.0, START_MS, "BTC", 1.5, 0.5, 2.0, 1.0)
    file = write_csv(tmp_path / "bars.csv", [line], columns)

    assert records_of(read_rows(file, "candles", HOUR_MS, NOW_MS).rows) == [record()]


@pytest.mark.parametrize(
    ("bad", "reason", "text"),
    [
        (("", START_MS, 1, 2, 0.5, 1, 1), "unnamed", "row 3 no usable symbol or time"),
        (("A,B", START_MS, 1, 2, 0.5, 1, 1), "unnamed", "row 3"),
        (("BTC", "", 1, 2, 0.5, 1, 1), "unnamed", "row 3"),
        (("BTC", START_MS + 1, 1, 2, 0.5, 1, 1), "misaligned", "row 3 time off the interval's"),
        (("BTC", START_MS, "NaN", 2, 0.5, 1, 1), "not_finite", "row 3 a value is missing"),
        (("BTC", START_MS, 1, "inf", 0.5, 1, 1), "not_finite", "row 3"),
        (("BTC", START_MS, 1, 2, 0.5, 1, ""), "not_finite", "row 3"),
        (("BTC", START_MS, 1, 2, 0.0, 1, 1), "not_positive", "row 3 a price at or below zero"),
        (("BTC", START_MS, -1, 2, -2, 1, 1), "not_positive", "row 3"),
        (("BTC", START_MS, 1, 2, 0.5, 1, -1), "not_positive", "row 3"),
        (("BTC", START_MS, 1, 0.9, 0.5, 0.8, 1), "crossed_ohlc", "row 3 crossed OHLC"),
        (("BTC", START_MS, 1, 2, 1.1, 1.5, 1), "crossed_ohlc", "row 3"),
    ],
)
def test_a_bad_row_is_counted_by_its_reason_and_left_out(
    tmp_path: Path, bad: tuple[object, ...], reason: str, text: str
) -> None:
    quoted = tuple(f'"{cell}"' if "," in str(cell) else cell for cell in bad)

    found = read(tmp_path, [record("ETH", 5), quoted, record("SOL", 5)])

    assert {name: count for name, count in found.bad_counts.items() if count} == {reason: 1}
    assert found.bad_examples[0].startswith(text)
    assert [name for name, *_ in records_of(found.rows)] == ["ETH", "SOL"]
    assert found.row_count == 3


def test_only_the_first_bad_rows_are_named(tmp_path: Path) -> None:
    found = read(tmp_path, [("BTC", START_MS + 1, 1, 2, 0.5, 1, 1)] * 9)

    assert len(found.bad_examples) == 5
    assert found.symbol_bad == {"BTC": 9}


def test_unsorted_rows_are_sorted_and_repeats_stored_once(tmp_path: Path) -> None:
    found = read(tmp_path, [GOOD[2], GOOD[1], GOOD[0], GOOD[1]])

    assert records_of(found.rows) == GOOD
    assert (found.duplicates, found.symbol_duplicates) == (1, {"BTC": 1})


def test_rows_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, [*GOOD, record("BTC", 1, 1.4)])

    assert "BTC 2025-01-01T01:00:00Z" in caught.value.what
    assert caught.value.at.endswith("rows 3 and 5")


def test_a_bar_that_has_not_closed_is_left_out(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "bars.csv", GOOD)

    found = read_rows(file, "candles", HOUR_MS, START_MS + 2 * HOUR_MS - 1)

    assert records_of(found.rows) == GOOD[:1]
    assert found.unclosed == 2


@pytest.mark.parametrize(
    ("columns", "what", "hint"),
    [
        (("symbol", "t", "o", "h", "l", "c"), "no column v", "the columns must be symbol, t"),
        (("symbol", "timestamp", "open", "h", "l", "c", "v"), "no column t, o", "timestamp -> t"),
        (("time", "symbol", "rate"), "the columns of funding", "--kind funding"),
    ],
)
def test_missing_columns_are_named_with_what_is_near(
    tmp_path: Path, columns: tuple[str, ...], what: str, hint: str
) -> None:
    file = write_csv(tmp_path / "bars.csv", [tuple("1" for _ in columns)], columns)

    with pytest.raises(InputError) as caught:
        read_rows(file, "candles", HOUR_MS, NOW_MS)

    assert what in caught.value.what
    assert hint in caught.value.hint
    assert str(file) in caught.value.at


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("t", [float(START_MS)], "column t is Float64, wanted Int64"),
        ("c", ["1.5"], "column c is String, wanted Float64"),
        ("symbol", [7], "column symbol is Int64, wanted String"),
        ("t", [START_MS // 1000], "does not look like milliseconds"),
        ("t", [START_MS * 1000], "does not look like milliseconds"),
    ],
)
def test_a_column_of_a_wrong_type_is_named(
    tmp_path: Path, column: str, values: list[object], says: str
) -> None:
    file = tmp_path / "bars.parquet"
    frame = pl.DataFrame(GOOD[:1], schema=COLUMNS, orient="row")
    frame.with_columns(pl.Series(column, values)).write_parquet(file)

    with pytest.raises(InputError, match=says):
        read_rows(file, "candles", HOUR_MS, NOW_MS)


def test_text_where_a_number_belongs_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, [record(), ("BTC", START_MS, 1, 2, 0.5, "1,5x".replace(",", "."), 1)])

    assert caught.value.what == "column c holds '1.5x', wanted Float64"
    assert caught.value.at.endswith("bars.csv: row 3")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\x00" * 500, b"\xff\xfe\x00" * 40])
def test_a_file_that_is_neither_parquet_nor_csv_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bars"
    file.write_bytes(content)

    with pytest.raises(InputError) as caught:
        read_rows(file, "candles", HOUR_MS, NOW_MS)

    assert str(file) in caught.value.at
    assert caught.value.hint


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_rows(tmp_path / "none.csv", "candles", HOUR_MS, NOW_MS)
    with pytest.raises(InputError, match="no rows"):
        read(tmp_path, [])


def test_weeks_may_begin_on_any_weekday_but_on_one(tmp_path: Path) -> None:
    monday_ms = START_MS + 5 * DAY_MS  # 2025-01-06
    opens_ms = [monday_ms, monday_ms + 7 * DAY_MS, monday_ms + 15 * DAY_MS]
    file = write_csv(tmp_path / "w.csv", [("BTC", at, 1, 2, 0.5, 1, 1) for at in opens_ms])

    found = read_rows(file, "candles", interval_to_ms("1w"), NOW_MS)

    assert len(found.rows) == 2
    assert found.bad_counts["misaligned"] == 1


def test_funding_is_keyed_by_the_hour_it_fell_due_at(tmp_path: Path) -> None:
    found = read_funding(
        tmp_path,
        [
            (START_MS + 7, "BTC", 1e-5, ""),
            (START_MS + HOUR_MS - 40, "BTC", 2e-5, 1e-4),
            (START_MS + 2 * HOUR_MS + 1_433_040, "BTC", 3e-5, ""),
            (START_MS + 3 * HOUR_MS + 1_900_000, "BTC", 4e-5, ""),
            (START_MS + 5 * HOUR_MS, "BTC", "nan", ""),
        ],
    )

    assert ((found.rows.ts_ms - START_MS) // HOUR_MS).tolist() == [0, 1, 2]
    assert found.rows.values[1].tolist() == [2e-5, 1e-4]
    assert found.bad_counts["misaligned"] == 1
    assert found.bad_counts["not_finite"] == 1


def test_funding_may_come_without_a_premium_column(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "f.csv", [(START_MS, "BTC", 1e-5)], FUNDING[:3])

    assert len(read_rows(file, "funding", HOUR_MS, NOW_MS).rows) == 1


def test_minus_zero_is_zero(tmp_path: Path) -> None:
    rows = read(tmp_path, [("BTC", START_MS, 1.0, 2.0, 0.5, 1.5, "-0.0")]).rows

    assert rows.values.tobytes() == rows_of([record(volume=0.0)]).values.tobytes()
