"""Exits inside a bar: what rests in the market, which comes first, at which price and fee."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from schemas.base import Value
from tests.scene import Played, Scene

HELD = "end_of_data"
INSIDE: Mapping[str, Value] = {
    "trade.exit_trigger": "intrabar",
    "trade.trailing_start_atr": 100.0,
    "trade.trend_exhaustion_adx_below": 0.0,
}
"""Stop at 98 and target at 104 of an entry at 100 with an ATR of 1."""
COSTS: Mapping[str, Value] = {
    "trade.taker_fee_bps": 5.0,
    "trade.maker_fee_bps": 1.0,
    "trade.exit_slippage_bps": 20.0,
}
PARTIAL: Mapping[str, Value] = {
    "trade.enable_partial_tp": True,
    "trade.partial_tp_atr": 2.0,
    "trade.partial_tp_frac": 0.5,
}
BOTH_SIDES = pytest.mark.parametrize(("side", "sign"), [("long", 1.0), ("short", -1.0)])
Prices = Mapping[str, float]


def seen_by(side: str, bar: Prices) -> dict[str, float]:
    """The bar as a short sees what a long sees in the given one; prices turn around 100."""
    if side == "long":
        return dict(bar)
    turned = {"high_px": "low_px", "low_px": "high_px"}
    return {
        turned.get(name, name): 200.0 - value if name.endswith("_px") else value
        for name, value in bar.items()
    }


def played(side: str, bars: list[Prices], values: Mapping[str, Value] | None = None) -> Played:
    """Entered at 100 in row 1, then these bars, then a neutral one."""
    scene = Scene(3 + len(bars))
    (scene.up if side == "long" else scene.down)(1)
    for row, bar in enumerate(bars, start=2):
        scene.bar(row, **seen_by(side, bar))
    return scene.play({**INSIDE, **(values or {})})


def rows(side: str, account: Played) -> list[tuple[str, float, int]]:
    """(reason, price as a long sees it, row) of each close."""
    return [
        (
            row["reason"],
            pytest.approx(row["exit_px"] if side == "long" else 200.0 - row["exit_px"]),
            row["exit_row"],
        )
        for row in account.trades
    ]


@BOTH_SIDES
@pytest.mark.parametrize(
    ("bar", "found"),
    [
        ({"low_px": 98.01, "high_px": 103.99}, (HELD, 100.0, 3)),
        ({"low_px": 98.0}, ("stop_loss", 98.0, 2)),
        ({"high_px": 104.0}, ("take_profit", 104.0, 2)),
        ({"low_px": 97.0, "high_px": 105.0}, ("stop_loss", 98.0, 2)),
        ({"open_px": 97.0, "low_px": 96.0}, ("stop_loss", 97.0, 2)),
        ({"open_px": 105.0, "high_px": 106.0, "low_px": 100.0}, ("take_profit", 105.0, 2)),
        ({"open_px": 98.0, "low_px": 97.5}, ("stop_loss", 98.0, 2)),
        ({"open_px": 105.0, "high_px": 106.0, "low_px": 97.0}, ("stop_loss", 98.0, 2)),
    ],
)
def test_a_bar_fills_what_rests_in_it(
    side: str, sign: float, bar: Prices, found: tuple[str, float, int]
) -> None:
    account = played(side, [bar])

    assert rows(side, account) == [found]
    assert account.trades[0]["side"] == sign


@BOTH_SIDES
def test_a_level_made_by_a_bars_own_close_cannot_fill_in_it(side: str, sign: float) -> None:
    trail = {"trade.trailing_start_atr": 1.0, "trade.trailing_distance_atr": 0.5}
    first = {"close_px": 102.0, "low_px": 99.0, "high_px": 102.0}  # trails at 101.5 from its close

    kept = played(side, [first, {"close_px": 103.0, "low_px": 101.6}], trail)
    taken = played(side, [first, {"close_px": 102.0, "low_px": 101.5}], trail)

    assert rows(side, taken) == [("trailing_stop", 101.5, 3)]
    assert kept.trades[0]["exit_row"] == 4
    assert taken.trades[0]["side"] == sign


@BOTH_SIDES
def test_a_wider_stop_of_the_last_close_rests_in_the_next_bar(side: str, sign: float) -> None:
    """Saturated ADX makes the stop 2.2 ATR from the close of that bar on."""
    strong = {"adx": 46.0}

    before = played(side, [{"low_px": 97.9, **strong}])
    after = played(side, [strong, {"low_px": 97.9}], {"trade.trailing_start_atr": 100.0})

    assert rows(side, before) == [("stop_loss", 98.0, 2)]
    assert rows(side, after)[0][2] == 4
    assert after.trades[0]["side"] == sign


@BOTH_SIDES
def test_a_target_pays_the_makers_fee_and_no_slippage_a_stop_pays_both(
    side: str, sign: float
) -> None:
    target = played(side, [{"high_px": 104.5}], COSTS).trades[0]
    stop = played(side, [{"low_px": 97.5}], COSTS).trades[0]

    target_px, level_px = 100.0 + sign * 4.0, 100.0 - sign * 2.0
    assert target["exit_px"] == target_px
    assert target["exit_fee_usd"] == pytest.approx(target_px * 10.0 * 0.0001)
    assert target["exit_slippage_usd"] == 0.0
    stop_px = level_px * (1 - sign * 0.002)
    assert stop["exit_px"] == pytest.approx(stop_px)
    assert stop["exit_fee_usd"] == pytest.approx(stop_px * 10.0 * 0.0005)
    assert stop["exit_slippage_usd"] == pytest.approx(level_px * 0.002 * 10.0)


@BOTH_SIDES
def test_after_a_partial_target_the_stop_rests_at_the_entry(side: str, sign: float) -> None:
    bars = [
        {"high_px": 102.5, "close_px": 101.0},
        {"low_px": 99.9, "close_px": 100.5},
    ]

    locked = played(side, bars, PARTIAL)
    kept = played(side, bars, {**PARTIAL, "trade.partial_tp_stop": "keep"})

    assert rows(side, locked) == [("take_profit_partial", 102.0, 2), ("trailing_stop", 100.0, 3)]
    assert [row["size"] for row in locked.trades] == [5.0, 5.0]
    assert [row["reason"] for row in kept.trades] == ["take_profit_partial", HELD]
    assert locked.trades[0]["side"] == sign


@BOTH_SIDES
def test_the_exit_cooldown_leaves_the_hard_stop(side: str, sign: float) -> None:
    values = {
        **PARTIAL,
        "trade.partial_tp_stop": "lock_entry",
        "trade.exit_cooldown_s": 2 * 3600,
    }
    first = {"high_px": 102.5, "close_px": 101.0}

    waiting = played(side, [first, {"low_px": 99.0, "high_px": 104.5, "close_px": 101.0}], values)
    stopped = played(side, [first, {"low_px": 97.0, "close_px": 101.0}], values)

    assert rows(side, waiting)[1:] == [("trailing_stop", 100.0, 4)]
    assert rows(side, stopped)[1:] == [("stop_loss", 98.0, 3)]
    assert stopped.trades[0]["side"] == sign


@BOTH_SIDES
def test_a_glitch_fills_nothing_inside_its_bar(side: str, sign: float) -> None:
    bar = {"open_px": 100.0, "low_px": 50.0, "high_px": 150.0, "close_px": 60.0}
    guard = {"trade.enable_glitch_guard": True}

    guarded = played(side, [bar], guard)

    assert guarded.trades[0]["exit_row"] == 3
    assert rows(side, played(side, [bar])) == [("stop_loss", 98.0, 2)]
    assert guarded.trades[0]["side"] == sign


@BOTH_SIDES
def test_the_close_still_decides_where_nothing_rested(side: str, sign: float) -> None:
    broke = {"ema_fast": 100.0 - sign, "ema_slow": 100.0}

    account = played(side, [{"low_px": 98.5, "close_px": 99.0, **broke}], COSTS)

    assert account.reasons == ["trend_breakdown"]
    level_px = 100.0 - sign
    assert account.trades[0]["exit_px"] == pytest.approx(level_px * (1 - sign * 0.002))


@BOTH_SIDES
def test_the_entry_bar_itself_fills_nothing(side: str, sign: float) -> None:
    scene = Scene(4)
    signal = scene.up if side == "long" else scene.down
    signal(1, low_px=90.0, high_px=110.0)

    account = scene.play(INSIDE)

    assert account.reasons == [HELD]
    assert account.trades[0]["side"] == sign
