"""Fees by what the account traded on the fourteen days before (Hyperliquid, fees)."""

from __future__ import annotations

import pytest

from core.simulate import new_book
from kernel import codes
from kernel.fills import DAY_MS, count_volume, fee_bps
from schemas.records import to_record
from schemas.strategy import strategy_from

BY_VOLUME = to_record(strategy_from({"trade.fee_schedule": "by_volume"}))
FIXED = to_record(strategy_from({"trade.taker_fee_bps": 7.0, "trade.maker_fee_bps": 2.0}))


@pytest.mark.parametrize(
    ("volume_usd", "taker_bps", "maker_bps"),
    [(0.0, 4.5, 1.5), (5e6, 4.5, 1.5), (5.1e6, 4.0, 1.2), (26e6, 3.5, 0.8), (8e9, 2.4, 0.0)],
)
def test_volume_counts_from_the_next_day_on(
    volume_usd: float, taker_bps: float, maker_bps: float
) -> None:
    book, now_ms = new_book(1, 1e4), 20_000 * DAY_MS + 5

    count_volume(book, volume_usd, now_ms)

    assert fee_bps(book, codes.TAKER, now_ms, BY_VOLUME) == 4.5
    assert fee_bps(book, codes.TAKER, now_ms + DAY_MS, BY_VOLUME) == taker_bps
    assert fee_bps(book, codes.MAKER, now_ms + DAY_MS, BY_VOLUME) == maker_bps


def test_volume_older_than_fourteen_days_drops_out() -> None:
    book, now_ms = new_book(1, 1e4), 20_000 * DAY_MS
    count_volume(book, 6e6, now_ms)

    paid = [fee_bps(book, codes.TAKER, now_ms + k * DAY_MS, BY_VOLUME) for k in (1, 14, 15, 40)]

    assert paid == [4.0, 4.0, 4.5, 4.5]


def test_fixed_fees_ask_for_no_volume() -> None:
    book = new_book(1, 1e4)
    count_volume(book, 1e9, DAY_MS)

    assert fee_bps(book, codes.TAKER, 5 * DAY_MS, FIXED) == 7.0
    assert fee_bps(book, codes.MAKER, 5 * DAY_MS, FIXED) == 2.0
