"""The timeline of hours and finer bars, what covers it, and what happens between two hours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from core.clock import utc_iso
from core.errors import InputError
from core.market.bars import HOUR_MS, BarBlock
from core.market.instants import Instants, instants_of, require_cover
from kernel import codes
from schemas.base import Value
from tests.scene import START_MS, Scene

QUARTER_MS = HOUR_MS // 4
BOTH_SIDES = pytest.mark.parametrize(("side", "sign"), [("long", 1.0), ("short", -1.0)])
HELD: Mapping[str, Value] = {
    "trade.trailing_start_atr": 100.0,
    "trade.trend_exhaustion_adx_below": 0.0,
    "trade.exit_cooldown_s": 0,
    "trade.entry_cooldown_s": 0,
}
"""Stop at 98 and target at 104 of an entry at 100 with an ATR of 1."""


def seen_by(sign: float, px: float) -> float:
    """The price as a short sees what a long sees at `px`; prices turn around 100."""
    return px if sign > 0 else 200.0 - px


def entered(rows: int, side: str, row: int = 1) -> Scene:
    scene = Scene(rows)
    return scene.up(row) if side == "long" else scene.down(row)


def quarters(exit_ts_ms: int) -> float:
    """Quarters of an hour since the scene began."""
    return (exit_ts_ms - START_MS) / QUARTER_MS


def instants(block: BarBlock, before_px: float = 7.0) -> Instants:
    return instants_of(block, np.full(len(block.symbols), before_px))


def two_hours() -> Scene:
    """Closes of 101 and 102, with quarters of which the first two of hour 1 are told."""
    scene = Scene(2).bar(0, close_px=101.0).bar(1, close_px=102.0)
    bars = scene.exit_bars()
    bars.bar(1, 0, close_px=103.0, open_px=102.5, high_px=104.0, low_px=100.5)
    bars.bar(1, 1, close_px=99.0)
    return scene


def test_hours_alone_are_their_own_timeline() -> None:
    found = instants(Scene(3).absent(1).block())

    assert found.ts_close_ms.tolist() == [START_MS + HOUR_MS * k for k in (1, 2, 3)]
    assert found.row_of.tolist() == [0, 1, 2]
    assert found.is_row.all()
    assert found.exit_kind[:, 0].astype(bool).tolist() == [True, False, True]
    assert found.mark_px[:, 0].tolist() == [7.0, 100.0, 100.0, 100.0]
    assert found.exit_ms == HOUR_MS
    assert len(found.entry_at) == 0


def test_each_close_of_a_finer_bar_is_an_instant() -> None:
    found = instants(two_hours().block())

    assert found.ts_close_ms.tolist() == [START_MS + QUARTER_MS * k for k in range(1, 9)]
    assert found.row_of.tolist() == [-1, -1, -1, 0, 0, 0, 0, 1]
    assert np.flatnonzero(found.is_row).tolist() == [3, 7]
    assert found.exit_kind[:, 0].tolist() == [codes.BAR_EXIT] * 8
    assert found.exit_ms == QUARTER_MS
    assert len(found.entry_at) == 0


def test_an_exit_bar_gives_the_prices_of_its_instant() -> None:
    found = instants(two_hours().block())

    prices = [found.open_px[4, 0], found.high_px[4, 0], found.low_px[4, 0], found.mark_px[5, 0]]
    assert prices == [102.5, 104.0, 100.5, 103.0]
    assert found.mark_px[[0, 4, 5, 6, 8], 0].tolist() == [7.0, 101.0, 103.0, 99.0, 102.0]


def test_for_want_of_an_exit_bar_the_hour_is_judged() -> None:
    scene = two_hours().bar(1, high_px=106.0, low_px=95.0)
    assert scene.exits is not None
    scene.exits.absent(1, 3).absent(1, 2)

    found = instants(scene.block())

    # The third quarter closes nowhere else, so that the symbol has no bar at that instant.
    kinds = [codes.BAR_EXIT] * 6 + [codes.BAR_NONE, codes.BAR_INDICATOR]
    assert found.exit_kind[:, 0].tolist() == kinds
    assert [found.high_px[7, 0], found.low_px[7, 0]] == [106.0, 95.0]
    assert found.mark_px[6:, 0].tolist() == [99.0, 99.0, 102.0]


def test_a_symbol_without_exit_bars_is_judged_by_its_hours() -> None:
    scene = Scene(1, ("AAA", "BBB"))
    bars = scene.exit_bars()
    for part in range(4):
        bars.absent(0, part, "BBB")

    found = instants(scene.block())

    assert found.exit_kind.T.tolist() == [[1, 1, 1, 1], [0, 0, 0, 2]]


def test_entry_bars_count_between_hours_alone() -> None:
    scene = Scene(2)
    scene.entry_bars("30m").absent(1, 0)

    found = instants(scene.block())

    assert found.is_row.tolist() == [False, True, False, True]
    assert found.entry_at[:, 0].tolist() == [True, False, False, False]
    # Without exit bars the hour is the exit bar.
    assert found.exit_kind[:, 0].tolist() == [0, codes.BAR_EXIT, 0, codes.BAR_EXIT]
    assert found.exit_ms == HOUR_MS


def test_bars_that_cover_a_window_are_accepted() -> None:
    block = two_hours().block()

    require_cover(block, 0, 2, np.array([True]))


def short_of_bbb() -> BarBlock:
    """Four hours; the quarters of BBB end after the second."""
    scene = Scene(4, ("AAA", "BBB"))
    bars = scene.exit_bars()
    for part in range(8, 16):
        bars.absent(0, part, "BBB")
    return scene.block()


def test_a_symbol_whose_finer_bars_end_early_is_named_with_their_range() -> None:
    block = short_of_bbb()

    with pytest.raises(InputError) as caught:
        require_cover(block, 0, 4, np.array([True, True]))

    first, last = utc_iso(START_MS), utc_iso(START_MS + 2 * HOUR_MS)
    assert "the 15m bars do not cover the window for 1 of 2 symbols: BBB" in str(caught.value)
    assert caught.value.at == f"finer: BBB: its 15m bars go from {first} to {last}"


def test_cover_is_asked_of_the_window_and_of_tradable_symbols() -> None:
    block = short_of_bbb()

    require_cover(block, 0, 2, np.array([True, True]))
    require_cover(block, 0, 4, np.array([True, False]))
    with pytest.raises(InputError, match="BBB"):
        require_cover(block, 2, 4, np.array([True, True]))


def test_a_symbol_without_any_finer_bar_is_named() -> None:
    block = short_of_bbb()
    assert block.exit_bars is not None
    present = block.exit_bars.present.copy()
    present[:, 0] = False
    block = replace(block, exit_bars=replace(block.exit_bars, present=present))

    with pytest.raises(InputError) as caught:
        require_cover(block, 0, 4, np.array([True, True]))

    assert "for 2 of 2 symbols: AAA BBB" in str(caught.value)
    assert caught.value.at == "finer: AAA: it has no 15m bars"


@BOTH_SIDES
def test_a_stop_is_hit_by_a_close_between_hours(side: str, sign: float) -> None:
    def play(px: float) -> tuple[str, float, float]:
        scene = entered(5, side)
        scene.exit_bars().bar(2, 1, close_px=seen_by(sign, px))
        trade = scene.play(HELD).trades[0]
        exit_px = round(seen_by(sign, trade["exit_px"]), 9)
        return trade["reason"], exit_px, quarters(trade["exit_ts_ms"])

    assert play(97.9) == ("stop_loss", 97.9, 2 * 4 + 2)
    assert play(98.1) == ("end_of_data", 100.0, 5 * 4)


@BOTH_SIDES
@pytest.mark.parametrize(
    ("part", "found"), [(0, ("end_of_data", 6 * 4)), (1, ("stop_loss", 2 * 4 + 4))]
)
def test_an_exit_bar_that_opened_before_the_entry_is_not_judged(
    side: str, sign: float, part: int, found: tuple[str, float]
) -> None:
    """Entered a quarter into the hour, halfway through the first of its two exit bars."""
    scene = Scene(6)
    signal = scene.up if side == "long" else scene.down
    signal(1, ema_fast=seen_by(sign, 100.5), ema_slow=seen_by(sign, 99.0))
    scene.bar(2, volume=0.0, ema_fast=seen_by(sign, 99.5), ema_slow=seen_by(sign, 99.0))
    scene.entry_bars("15m").bar(2, 0, close_px=seen_by(sign, 101.0))
    low, high = sorted((seen_by(sign, 90.0), seen_by(sign, 101.0)))
    scene.exit_bars("30m").bar(2, part, low_px=low, high_px=high, open_px=seen_by(sign, 101.0))

    trade = scene.play({**HELD, "trade.exit_trigger": "intrabar"}).trades[0]

    assert quarters(trade["entry_ts_ms"]) == 2 * 4 + 1
    assert (trade["reason"], quarters(trade["exit_ts_ms"])) == found


@BOTH_SIDES
def test_an_entry_between_hours_is_not_judged_by_the_hour_around_it(side: str, sign: float) -> None:
    scene = Scene(6)
    signal = scene.up if side == "long" else scene.down
    low, high = sorted((seen_by(sign, 90.0), 100.0))
    # The hour's close refuses the signal, that of the next half hour takes it.
    signal(1, close_px=100.0, ema_fast=seen_by(sign, 100.5), ema_slow=seen_by(sign, 99.0))
    scene.bar(2, low_px=low, high_px=high)
    scene.entry_bars("30m").bar(2, 0, close_px=seen_by(sign, 101.0))

    trade = scene.play({**HELD, "trade.exit_trigger": "intrabar"}).trades[0]

    assert quarters(trade["entry_ts_ms"]) == 2 * 4 + 2
    assert trade["side"] == sign
    assert trade["reason"] != "stop_loss"


@BOTH_SIDES
def test_an_entry_bar_flips_an_opposite_position_between_hours(side: str, sign: float) -> None:
    scene = entered(5, side)
    against = scene.down if side == "long" else scene.up
    # A cross too small to close by itself; the hour's close is on the wrong side of it.
    fast, slow = seen_by(sign, 99.5), seen_by(sign, 99.55)
    against(2, close_px=100.0, ema_fast=fast, ema_slow=slow)
    scene.entry_bars().bar(3, 1, close_px=seen_by(sign, 99.0))

    trades = scene.play(HELD).trades

    first, second = trades[0], trades[1]
    assert (first["reason"], first["side"], second["side"]) == ("signal_flip", sign, -sign)
    assert quarters(first["exit_ts_ms"]) == quarters(second["entry_ts_ms"]) == 3 * 4 + 2
    assert seen_by(sign, first["exit_px"]) == seen_by(sign, second["entry_px"]) == 99.0
