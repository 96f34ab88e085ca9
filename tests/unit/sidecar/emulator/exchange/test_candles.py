"""Bars of all intervals out of trades, against bars summed up by hand."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from core.market.bars import INTERVALS
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.state import Bar, Coin, Quote, Tier

DAY_MS = 86_400_000
START_MS = 1_706_400_000_000  # 2024-01-28, two days before a month's end


def coin() -> Coin:
    return Coin(
        name="BTC",
        asset=0,
        dex="",
        size_decimals=5,
        leverage_max=40,
        margin_table_id=40,
        tiers=[Tier(0, 40)],
        quote=Quote(1),
        oracle_ticks=1,
        mark_ticks=1,
        last_ticks=1,
        external_ticks=1,
        prev_day_ticks=1,
    )


def summed(trades: list[tuple[int, int, int]], interval: str) -> list[Bar]:
    """The bars of an interval from all trades at once."""
    out: list[Bar] = []
    for at_ms, ticks, lots in trades:
        open_ms = candles.open_of(interval, at_ms)
        if not out or out[-1].open_ms != open_ms:
            out.append(Bar(open_ms, ticks, ticks, ticks, ticks))
        bar = out[-1]
        bar.high_ticks, bar.low_ticks = max(bar.high_ticks, ticks), min(bar.low_ticks, ticks)
        bar.close_ticks = ticks
        bar.lots += lots
        bar.trade_count += 1
    return out


@pytest.mark.parametrize("pause_ms", [7_000, 400_000, 20_000_000])
def test_every_interval_holds_every_trade_at_any_time(pause_ms: int) -> None:
    rng = np.random.default_rng(pause_ms)
    at_ms = START_MS + np.cumsum(rng.integers(0, 2 * pause_ms, 600))
    trades = list(
        zip(at_ms.tolist(), rng.integers(1, 99, 600).tolist(), rng.integers(1, 9, 600).tolist(),
            strict=True)
    )  # fmt: skip
    one = coin()

    for count, trade in enumerate(trades, start=1):
        candles.record(one, *trade)
        if count % 97 and count != len(trades):
            continue
        for interval in INTERVALS:
            expected = summed(trades[:count], interval)
            assert candles.bars(one, interval, 0, 2**62) == expected
            assert candles.forming(one, interval) == expected[-1]


def test_bars_of_a_span_are_those_that_open_in_it() -> None:
    one = coin()
    for minute in range(10):
        candles.record(one, START_MS + minute * 60_000 + 1, 5, 1)

    found = candles.bars(one, "1m", START_MS + 60_000, START_MS + 3 * 60_000)

    assert [bar.open_ms - START_MS for bar in found] == [60_000, 120_000, 180_000]
    assert candles.bars(one, "1m", START_MS + 1, START_MS + 2) == []


def test_who_reads_a_bar_cannot_change_it() -> None:
    one = coin()
    candles.record(one, START_MS, 5, 1)

    last = candles.forming(one, "5m")
    assert last is not None
    last.close_ticks = 77

    assert candles.forming(one, "5m") == Bar(START_MS, 5, 5, 5, 5, 1, 1)


def test_only_the_newest_5000_are_kept_and_given() -> None:
    one = coin()
    for minute in range(6_000):
        candles.record(one, START_MS + minute * 60_000, 5, 1)

    found = candles.bars(one, "1m", 0, 2**62)

    assert len(found) == candles.BARS_MAX
    assert found[-1].open_ms == START_MS + 5_999 * 60_000
    assert len(one.bars["1m"]) <= candles.BARS_MAX + 500
    assert candles.bars(one, "1d", 0, 2**62)[0].lots == 1_440


def test_a_coin_without_trades_has_no_bars() -> None:
    assert candles.forming(coin(), "1h") is None
    assert candles.bars(coin(), "1M", 0, 2**62) == []


def test_months_open_on_their_first_day() -> None:
    for day in range(0, 40_000, 13):
        date = datetime.date(1970, 1, 1) + datetime.timedelta(day)
        first = (date.replace(day=1) - datetime.date(1970, 1, 1)).days

        assert candles.open_of("1M", day * DAY_MS + 5) == first * DAY_MS


@pytest.mark.parametrize("interval", list(INTERVALS))
def test_a_bar_closes_where_the_next_one_opens(interval: str) -> None:
    open_ms = candles.open_of(interval, START_MS + 12_345)

    close_ms = candles.close_of(interval, open_ms)

    assert candles.open_of(interval, close_ms) == close_ms
    assert candles.open_of(interval, close_ms - 1) == open_ms
