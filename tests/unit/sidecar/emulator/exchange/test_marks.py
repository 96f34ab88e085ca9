"""The mark as the median of three, the oracle's pace, the price of a day ago."""

from __future__ import annotations

import pytest

from sidecar.emulator.exchange import book, marks
from sidecar.emulator.exchange.requests import Move
from sidecar.emulator.exchange.state import HOUSE, VenueState
from tests.money_scene import NOW_MS, PX, order, venue

HOUR_MS = 3_600_000


def quoted(bid: int | None, ask: int | None) -> VenueState:
    """BTC with a book of one bid and one ask."""
    state = venue()
    for is_buy, ticks in ((True, bid), (False, ask)):
        if ticks is not None:
            made = order(state, HOUSE, is_buy=is_buy, ticks=ticks, lots=1_000, name="BTC")
            state.orders[made.oid] = made
            book.rest(state.coins["BTC"], made)
    return state


def move(
    state: VenueState,
    at_ms: int,
    *,
    oracle: int = PX,
    external: int = PX,
    rate_1h: float | None = None,
) -> int:
    """Moves BTC; its mark."""
    coin = state.coins["BTC"]
    marks.on_move(state, at_ms, coin, Move("BTC", PX, 0, oracle, external, rate_1h))
    return coin.mark_ticks


@pytest.mark.parametrize(
    ("values", "middle"), [([5], 5), ([9, 1], 5), ([4, 1], 2), ([7, 1, 3], 3), ([1, 4, 2, 9], 3)]
)
def test_the_median_is_the_middle_or_the_mean_of_two(values: list[int], middle: int) -> None:
    assert marks.median(values) == middle


def test_the_mark_is_the_median_of_oracle_book_and_other_venues() -> None:
    state = quoted(PX + 90, PX + 110)
    state.coins["BTC"].last_ticks = PX + 95

    # the average starts at the mid, so the first part is PX + 100; the book's is PX + 95
    assert move(state, NOW_MS, external=PX + 500) == PX + 100
    assert move(state, NOW_MS, external=PX - 500) == PX + 95
    assert move(state, NOW_MS, external=PX + 97) == PX + 97


def test_one_glitch_of_another_venue_does_not_move_the_mark() -> None:
    state = quoted(PX - 1, PX + 1)

    assert move(state, NOW_MS, external=3 * PX) == PX
    assert move(state, NOW_MS, external=1) == PX


def test_a_book_with_one_side_or_none_leaves_the_last_trade() -> None:
    state = quoted(None, None)
    state.coins["BTC"].last_ticks = PX + 40
    assert move(state, NOW_MS, external=PX + 90) == PX + 40

    state = quoted(PX - 10, None)
    state.coins["BTC"].last_ticks = PX + 40
    assert move(state, NOW_MS, external=PX + 90) == PX + 15


def test_the_oracle_follows_every_three_seconds() -> None:
    state = quoted(PX - 1, PX + 1)
    coin = state.coins["BTC"]
    move(state, NOW_MS, oracle=PX + 7)
    assert coin.oracle_ticks == PX + 7

    move(state, NOW_MS + 2_999, oracle=PX + 9)
    assert coin.oracle_ticks == PX + 7
    move(state, NOW_MS + 3_000, oracle=PX + 9)
    assert coin.oracle_ticks == PX + 9


def test_the_basis_forgets_half_in_its_time() -> None:
    state = quoted(PX + 99, PX + 101)
    coin = state.coins["BTC"]
    move(state, NOW_MS)
    assert coin.basis_ema_ticks == 100.0

    move(state, NOW_MS + 1_000, oracle=PX + 100)
    assert coin.basis_ema_ticks == pytest.approx(100.0)
    move(state, NOW_MS + 151_000, oracle=PX + 100)
    assert coin.oracle_ticks == PX + 100
    assert coin.basis_ema_ticks == pytest.approx(50.0)


def test_the_price_of_a_day_ago_is_the_mark_of_that_hour() -> None:
    state = quoted(PX - 1, PX + 1)
    coin = state.coins["BTC"]
    before = coin.prev_day_ticks
    start_ms = NOW_MS - NOW_MS % HOUR_MS
    for hour in range(24):
        coin.mark_ticks = 1_000 + hour
        move(state, start_ms + hour * HOUR_MS)
        assert coin.prev_day_ticks == before

    for hour in (24, 25):
        coin.mark_ticks = 1_000 + hour
        move(state, start_ms + hour * HOUR_MS)
        move(state, start_ms + hour * HOUR_MS + 60_000)
        assert coin.prev_day_ticks == 1_000 + hour - 24
    assert len(coin.hour_ticks) == 24


def test_a_rate_that_the_tape_knows_waits_for_the_hour() -> None:
    state = quoted(PX - 1, PX + 1)

    move(state, NOW_MS, rate_1h=0.0003)
    move(state, NOW_MS + 1_000)

    assert state.coins["BTC"].known_rate_1h == 0.0003
