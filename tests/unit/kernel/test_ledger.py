"""Money: fills, fees, marks, excursions, holes in a symbol's bars, and the end of its data."""

from __future__ import annotations

import numpy as np
import pytest

from tests.scene import Scene

COSTS = {
    "trade.entry_slippage_bps": 10.0,
    "trade.exit_slippage_bps": 20.0,
    "trade.taker_fee_bps": 5.0,
}


@pytest.mark.parametrize(("side", "sign"), [("long", 1.0), ("short", -1.0)])
def test_slippage_and_fees_are_paid_on_both_legs(side: str, sign: float) -> None:
    scene = Scene(3)
    (scene.up if side == "long" else scene.down)(1)
    played = scene.bar(2, close_px=100.0 + sign).play(COSTS)

    entry_px, exit_px = 100.0 * (1 + sign * 0.001), (100.0 + sign) * (1 - sign * 0.002)
    row = played.trades[0]
    assert row["entry_px"] == pytest.approx(entry_px)
    assert row["exit_px"] == pytest.approx(exit_px)
    assert row["gross_pnl_usd"] == pytest.approx(sign * (exit_px - entry_px) * 10.0)
    assert row["entry_fee_usd"] == pytest.approx(entry_px * 10.0 * 0.0005)
    assert row["exit_fee_usd"] == pytest.approx(exit_px * 10.0 * 0.0005)
    net_usd = row["gross_pnl_usd"] - row["entry_fee_usd"] - row["exit_fee_usd"]
    assert played.account["cash_usd"] == pytest.approx(10_000 + net_usd)
    assert played.account["turnover_usd"] == pytest.approx((entry_px + exit_px) * 10.0)
    assert row["entry_slippage_usd"] == pytest.approx(100.0 * 0.001 * 10.0)
    assert row["exit_slippage_usd"] == pytest.approx((100.0 + sign) * 0.002 * 10.0)
    slippage_usd = row["entry_slippage_usd"] + row["exit_slippage_usd"]
    assert played.account["slippage_usd"] == pytest.approx(slippage_usd)
    assert row["gross_pnl_usd"] + slippage_usd == pytest.approx(10.0)


def test_the_entry_fee_may_be_charged_on_the_close_before_slippage() -> None:
    played = Scene(3).up(1).play({**COSTS, "trade.fee_on_unslipped_px": True})

    assert played.trades[0]["entry_fee_usd"] == pytest.approx(100.0 * 10.0 * 0.0005)


def test_a_partial_close_takes_its_share_of_the_entry_fee_and_the_margin() -> None:
    values = {
        **COSTS,
        "trade.enable_partial_tp": True,
        "trade.partial_tp_atr": 2.0,
        "trade.partial_tp_frac": 0.25,
        "trade.partial_tp_stop": "keep",
        "trade.trailing_start_atr": 100.0,
    }

    played = Scene(4).up(1).bar(2, close_px=103.0).play(values)

    first, rest = played.trades
    fee_usd = 100.1 * 10.0 * 0.0005
    assert first["entry_fee_usd"] == pytest.approx(0.25 * fee_usd)
    assert rest["entry_fee_usd"] == pytest.approx(0.75 * fee_usd)
    assert first["entry_slippage_usd"] == pytest.approx(0.25 * 0.1 * 10.0)
    assert rest["entry_slippage_usd"] == pytest.approx(0.75 * 0.1 * 10.0)
    assert (first["size"], rest["size"]) == (2.5, 7.5)


def test_equity_is_marked_at_each_close() -> None:
    played = (
        Scene(5)
        .up(1)
        .bar(2, close_px=101.0)
        .bar(3, close_px=99.0)
        .play({"trade.trailing_start_atr": 100.0})
    )

    assert played.equity_usd.tolist() == [10_000.0, 10_000.0, 10_010.0, 9_990.0, 10_000.0]


def test_wins_and_losses_are_counted_by_position_net_of_fees() -> None:
    fees = {"trade.taker_fee_bps": 5.0, "trade.trailing_start_atr": 100.0}
    scene = Scene(7).up(1).bar(2, close_px=104.0).up(4).bar(5, close_px=97.0)

    account = scene.play(fees).account
    level = Scene(3).up(1).play(fees).account

    assert (account["position_count"], account["win_count"]) == (2, 1)
    assert account["gross_profit_usd"] == pytest.approx(40.0 - 0.5 - 0.52)
    net_usd = account["gross_profit_usd"] - account["gross_loss_usd"]
    assert net_usd == pytest.approx(account["cash_usd"] - 10_000)
    assert account["best_position_usd"] == account["gross_profit_usd"]
    assert (level["position_count"], level["win_count"]) == (1, 0)


@pytest.mark.parametrize(
    ("counts_entry_bar", "mae", "mfe"), [(False, -0.01, 0.02), (True, -0.03, 0.05)]
)
def test_excursions_begin_after_the_entry_bar_unless_told_otherwise(
    counts_entry_bar: bool, mae: float, mfe: float
) -> None:
    scene = Scene(4).up(1, low_px=97.0, high_px=105.0).bar(2, low_px=99.0, high_px=102.0)

    row = scene.play({"engine.excursions_count_entry_bar": counts_entry_bar}).trades[0]

    assert (row["mae_frac"], row["mfe_frac"]) == pytest.approx((mae, mfe))


def test_excursions_of_a_short_are_turned_around() -> None:
    scene = Scene(4).down(1).bar(2, low_px=98.0, high_px=101.0)

    row = scene.play().trades[0]

    assert (row["mae_frac"], row["mfe_frac"]) == pytest.approx((-0.01, 0.02))


def test_the_entry_bar_of_a_flip_is_not_counted() -> None:
    scene = Scene(4).up(1).down(2, low_px=90.0, high_px=110.0)

    rows = scene.play({"engine.excursions_count_entry_bar": True}).trades

    assert (rows[1]["mae_frac"], rows[1]["mfe_frac"]) == pytest.approx((0.0, 0.0))


def test_the_exit_bar_belongs_to_the_excursions() -> None:
    row = Scene(4).up(1).bar(2, close_px=98.0, low_px=95.0).play().trades[0]

    assert row["mae_frac"] == pytest.approx(-0.05)


def test_a_symbol_whose_data_ends_is_closed_at_its_last_close() -> None:
    scene = Scene(6, ["AAA", "BBB"]).up(1, "AAA").bar(3, "AAA", close_px=101.0).ends(3, "AAA")

    played = scene.play({"trade.trailing_start_atr": 100.0})

    row = played.trades[0]
    assert (row["reason"], row["exit_row"], row["exit_px"]) == ("delisted", 3, 101.0)
    assert played.equity_usd[3:].tolist() == [10_010.0] * 3


def test_the_last_bar_of_a_symbol_is_judged_by_its_exits_first_and_lets_nobody_in() -> None:
    stopped = Scene(6, ["AAA", "BBB"]).up(1, "AAA").bar(3, "AAA", close_px=97.0).ends(3, "AAA")
    late = Scene(6, ["AAA", "BBB"]).up(3, "AAA").ends(3, "AAA")

    assert stopped.play().reasons == ["stop_loss"]
    assert late.play().trades == []


def test_a_missing_bar_decides_nothing_and_is_marked_at_the_last_close() -> None:
    scene = Scene(6).up(1).bar(2, close_px=101.0).absent(3).bar(4, close_px=97.0)

    played = scene.play({"trade.trailing_start_atr": 100.0})

    assert played.equity_usd.tolist()[2:5] == [10_010.0, 10_010.0, 9_970.0]
    assert (played.trades[0]["reason"], played.trades[0]["exit_row"]) == ("stop_loss", 4)
    assert played.counters["checks"] == 5


def test_slopes_and_lags_reach_over_a_hole_to_the_bar_before_it() -> None:
    rising = {"filters.require_adx_rising": True}
    scene = Scene(5).bar(1, adx=29.0).absent(2).up(3, adx=30.0)
    level = Scene(5).bar(1, adx=30.0).absent(2).up(3, adx=30.0)

    assert scene.play(rising).counters["entries"] == 1
    assert level.play(rising).counters["entries"] == 0


def test_what_is_open_at_the_end_is_closed_at_the_last_close() -> None:
    played = Scene(3).up(1).play({"trade.exit_slippage_bps": 100.0})

    assert played.reasons == ["end_of_data"]
    assert played.trades[0]["exit_px"] == pytest.approx(99.0)
    assert played.equity_usd[-1] == played.account["cash_usd"]


def test_exposure_is_the_notional_held_over_equity() -> None:
    account = Scene(5).up(1).play({"trade.leverage_medium": 2.0}).account

    # The last row is marked before the closes at the end.
    assert account["exposed_bar_count"] == 4
    assert account["exposure_sum"] == pytest.approx(4 * 0.2)


def test_an_account_without_equity_is_left_alone() -> None:
    played = Scene(3).up(1).play(cash_usd=0)

    assert played.trades == []
    assert np.all(played.equity_usd == 0.0)
