"""Fees by the volume of 14 days: a tier holds for a day and is found from the days before it."""

from __future__ import annotations

import pytest

from core.simulate import new_book
from kernel import codes
from kernel.fills import (
    DAY_MS,
    FEE_DAYS,
    MAKER_BPS,
    TAKER_BPS,
    TIER_VOLUMES_USD,
    count_volume,
    fee_bps,
)
from kernel.params import Params
from kernel.records import Book
from schemas.base import Value
from schemas.records import to_records
from schemas.strategy import strategy_from

DAY = 19_675
HOUR_MS = DAY_MS // 24


def params_of(schedule: Value) -> Params:
    values = {
        "trade.fee_schedule": schedule,
        "trade.taker_fee_bps": 9.0,
        "trade.maker_fee_bps": 8.0,
    }
    params: Params = to_records([strategy_from(values)])[0]
    return params


def traded(book: Book, day: int, usd: float) -> None:
    count_volume(book, usd, day * DAY_MS + 5 * HOUR_MS)


def fees(book: Book, day: int, *, hour: int = 6) -> tuple[float, float]:
    """(taker, maker) of a fill in an hour of a day, by volume."""
    now_ms = day * DAY_MS + hour * HOUR_MS
    params = params_of("by_volume")
    return fee_bps(book, codes.TAKER, now_ms, params), fee_bps(book, codes.MAKER, now_ms, params)


def tier(number: int) -> tuple[float, float]:
    return TAKER_BPS[number], MAKER_BPS[number]


def test_a_new_account_pays_the_first_tier() -> None:
    assert fees(new_book(1, 1e4), DAY) == (4.5, 1.5)


def test_volume_lowers_the_fees_of_the_next_day() -> None:
    book = new_book(1, 1e4)
    traded(book, DAY, 5_000_001.0)

    assert fees(book, DAY, hour=23) == tier(0)
    assert fees(book, DAY + 1, hour=0) == (4.0, 1.2)


def test_exactly_the_limit_is_not_above_it() -> None:
    book = new_book(1, 1e4)
    traded(book, DAY, 5_000_000.0)

    assert fees(book, DAY + 1) == tier(0)


def test_the_volumes_of_several_days_add_up() -> None:
    book = new_book(1, 1e4)
    for day in range(DAY, DAY + 3):
        traded(book, day, 2_000_000.0)

    assert fees(book, DAY + 2) == tier(0)
    assert fees(book, DAY + 3) == tier(1)


@pytest.mark.parametrize("asked_daily", [True, False])
def test_a_volume_counts_for_14_days(asked_daily: bool) -> None:
    book = new_book(1, 1e4)
    traded(book, DAY, 6_000_000.0)

    if asked_daily:
        found = [fees(book, DAY + after) for after in range(1, FEE_DAYS + 2)]
        assert found == [tier(1)] * FEE_DAYS + [tier(0)]
    else:
        assert fees(book, DAY + FEE_DAYS) == tier(1)
        assert fees(book, DAY + FEE_DAYS + 1) == tier(0)


def test_a_day_of_the_ring_is_empty_when_it_comes_round() -> None:
    book = new_book(1, 1e4)
    traded(book, DAY, 6_000_000.0)
    traded(book, DAY + 15, 1.0)  # writes where the first day stood

    assert fees(book, DAY + 16) == tier(0)
    assert book.volumes_usd.sum() == 1.0


def test_a_long_pause_empties_the_ring() -> None:
    book = new_book(1, 1e4)
    for day in range(DAY, DAY + 15):
        traded(book, day, 6_000_000.0)

    assert fees(book, DAY + 15) == tier(2)
    assert fees(book, DAY + 400) == tier(0)
    assert book.volumes_usd.sum() == 0.0


@pytest.mark.parametrize("number", range(7))
def test_each_volume_has_its_tier(number: int) -> None:
    book = new_book(1, 1e4)
    traded(book, DAY, TIER_VOLUMES_USD[number - 1] + 1.0 if number else 0.0)

    assert fees(book, DAY + 1) == tier(number)


def test_fixed_fees_do_not_read_the_volume() -> None:
    book = new_book(1, 1e4)
    traded(book, DAY, 1e9)
    params = params_of("fixed")

    now_ms = (DAY + 1) * DAY_MS

    assert fee_bps(book, codes.TAKER, now_ms, params) == 9.0
    assert fee_bps(book, codes.MAKER, now_ms, params) == 8.0


def test_a_fill_adds_to_turnover_too() -> None:
    book = new_book(1, 1e4)
    traded(book, DAY, 100.0)
    traded(book, DAY + 1, 50.0)

    assert book.account["turnover_usd"][0] == 150.0
