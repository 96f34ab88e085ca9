"""Hourly funding: who pays, on what price, for which hours, and where it is booked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.scene import Scene

OPEN = {"trade.trailing_start_atr": 100.0, "trade.take_profit_atr": 50.0}
RATE = 0.001


def scene(side: str, rows: int = 5) -> Scene:
    """Ten units entered at 100 at the close of row 1, which is hour 2."""
    made = Scene(rows)
    return made.up(1) if side == "long" else made.down(1)


@pytest.mark.parametrize(("side", "sign"), [("long", 1.0), ("short", -1.0)])
@pytest.mark.parametrize(
    ("hour", "rate", "oracle_px", "paid_usd"),
    [
        (3, RATE, np.nan, 1.0),
        (3, -RATE, np.nan, -1.0),
        (3, RATE, 110.0, 1.1),
        (2, RATE, np.nan, 0.0),  # opened at that hour
        (1, RATE, np.nan, 0.0),
        (5, RATE, np.nan, 1.0),  # closed at that hour, the end of the data
        (3, np.nan, 110.0, 0.0),  # no rate known
    ],
)
def test_a_long_pays_and_a_short_receives(
    side: str, sign: float, hour: int, rate: float, oracle_px: float, paid_usd: float
) -> None:
    played = scene(side).due(hour, rate, oracle_px=oracle_px).play(OPEN)

    assert played.trades[0]["funding_usd"] == pytest.approx(-sign * paid_usd)
    assert played.account["funding_usd"] == pytest.approx(-sign * paid_usd)
    assert played.account["cash_usd"] == pytest.approx(10_000 - sign * paid_usd)


def test_funding_comes_before_the_exit_of_its_hour() -> None:
    played = scene("long").bar(2, close_px=97.0).due(3, RATE).due(4, RATE).play(OPEN)

    assert played.reasons == ["stop_loss"]
    assert played.trades[0]["funding_usd"] == pytest.approx(-0.97)


def test_a_bar_of_four_hours_pays_four() -> None:
    made = Scene(4, interval="4h").up(1)
    for hour in range(1, 17):
        made.due(hour, RATE * hour)

    played = made.bar(2, close_px=101.0).play(OPEN)

    # Entered at hour 8; the hours inside a bar are marked at the close before it.
    by_hand = 10.0 * RATE * (100 * (9 + 10 + 11) + 101 * 12 + 101 * (13 + 14 + 15) + 100 * 16)
    assert played.account["funding_usd"] == pytest.approx(-by_hand)


def test_switched_off_nothing_is_paid() -> None:
    played = scene("long").due(3, RATE).play({**OPEN, "trade.enable_funding": False})

    assert played.account["funding_usd"] == 0.0


def test_a_partial_close_takes_its_share() -> None:
    values = {
        **OPEN,
        "trade.enable_partial_tp": True,
        "trade.partial_tp_atr": 2.0,
        "trade.partial_tp_frac": 0.25,
        "trade.partial_tp_stop": "keep",
    }

    made = scene("long").bar(2, close_px=103.0).due(3, RATE).due(4, RATE)
    first, rest = made.play(values).trades

    assert first["funding_usd"] == pytest.approx(-0.25 * 1.03)
    assert rest["funding_usd"] == pytest.approx(-0.75 * 1.03 - 7.5 * 100.0 * RATE)


def test_24_real_hours_are_the_sum_by_hand(shared_dir: Path) -> None:
    start_ms = 1_746_057_600_000  # 2025-05-01, midnight
    rates = pl.read_parquet(shared_dir / "data/hl_funding_1h.parquet")
    bars = pl.read_parquet(shared_dir / "data/hl_candles_1h.parquet")
    hour = pl.col("time") // 3_600_000
    first = start_ms // 3_600_000
    mine = rates.filter((pl.col("symbol") == "ETH") & hour.is_between(first + 1, first + 24))
    rate = mine.sort("time")["rate"].to_list()
    closed = (pl.col("t") + 3_600_000 - start_ms) // 3_600_000
    of_eth = bars.filter((pl.col("symbol") == "ETH") & closed.is_between(0, 24))
    px = of_eth.sort("t")["c"].to_list()
    assert (len(rate), len(px)) == (24, 25)
    made = Scene(26)
    made.up(1, close_px=px[0])
    for row in range(1, 25):
        flat = {"ema_fast": px[row], "ema_slow": px[row] - 1, "close_px": px[row]}
        made.bar(row + 1, **flat).due(row + 2, rate[row - 1])

    values = {**OPEN, "trade.stop_loss_atr": 50.0, "trade.enable_liquidation": False}
    made.bar(1, atr=px[0] / 10)
    for row in range(2, 26):
        made.bar(row, atr=px[0] / 10)
    played = made.play(values)

    size = 1_000.0 / px[0]
    by_hand = -sum(size * one * at for one, at in zip(rate, px[1:], strict=True))
    assert len(played.trades) == 1
    assert abs(played.account["funding_usd"] - by_hand) <= 1e-9
    assert by_hand != 0.0
