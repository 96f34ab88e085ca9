"""Instants and their spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import LATEST_MS, ManualClock, SystemClock, parse_utc_ms, utc_date, utc_iso
from core.errors import InputError


@pytest.mark.parametrize(
    ("text", "ts_ms"),
    [
        ("1970-01-01", 0),
        ("2026-01-02", 1_767_312_000_000),
        ("2026-01-02T03:04:05Z", 1_767_323_045_000),
        ("2026-01-02T03:04:05", 1_767_323_045_000),
        ("2026-01-02T04:04:05+01:00", 1_767_323_045_000),
        ("2026-01-02T03:04:05.678Z", 1_767_323_045_678),
        (" 1767323045678 ", 1_767_323_045_678),
        ("0", 0),
    ],
)
def test_a_time_is_read_as_utc(text: str, ts_ms: int) -> None:
    assert parse_utc_ms(text) == ts_ms


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "1969-12-31", "-5", "1767323045678000000", "NaN"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_utc_ms(text)


@given(st.integers(0, LATEST_MS))
def test_writing_and_reading_a_time_loses_only_what_is_below_a_second(ts_ms: int) -> None:
    assert parse_utc_ms(utc_iso(ts_ms)) == ts_ms - ts_ms % 1_000
    assert utc_iso(ts_ms).startswith(utc_date(ts_ms))


def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock(1_000)

    clock.advance(500)

    assert [clock.now_ms(), clock.now_ms()] == [1_500, 1_500]


def test_the_system_clock_counts_milliseconds() -> None:
    assert parse_utc_ms("2024-01-01") < SystemClock().now_ms() < LATEST_MS
