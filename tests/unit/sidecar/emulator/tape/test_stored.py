"""Stored candles as a tape: what is replayed, when, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.clock import ManualClock
from core.errors import InputError, UsageError
from core.market.bars import Rows
from core.market.metadata import MarginTier, SymbolMetadata
from core.store import candles as candle_store
from core.store import funding as funding_store
from core.store import metadata as metadata_store
from core.store.series import Origin
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Listed, Move, Moved
from sidecar.emulator.exchange.state import Bar, Rules, VenueState
from sidecar.emulator.tape.reel import Reel
from sidecar.emulator.tape.stored import Asked, stored_tape, venue_ticks

ORIGIN = Origin("a file", "0" * 64)
BEGIN_MS = 1_735_689_600_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
LENGTHS_MS = {"1m": MINUTE_MS, "5m": 5 * MINUTE_MS, "1h": HOUR_MS, "4h": 4 * HOUR_MS}

Values = dict[str, dict[int, tuple[float, float, float, float, float]]]


def wave(count: int, skipped: range = range(0)) -> dict[int, tuple[float, ...]]:
    """Bars by their place; those in `skipped` are missing."""
    out = {}
    for place in range(count):
        if place not in skipped:
            first, last = 100.0 + place % 7, 100.0 + (place + 3) % 7
            out[place] = (first, max(first, last) + 0.25, min(first, last) - 0.5, last, 12.5)
    return out


def fill(folder: Path, values: dict[str, dict[int, tuple[float, ...]]], interval: str) -> Path:
    """A store with these bars."""
    symbols = sorted(values)
    cells = [
        (index, BEGIN_MS + place * LENGTHS_MS[interval], bar)
        for index, symbol in enumerate(symbols)
        for place, bar in sorted(values[symbol].items())
    ]
    rows = Rows(
        tuple(symbols),
        np.array([each[0] for each in cells], np.int64),
        np.array([each[1] for each in cells], np.int64),
        np.array([each[2] for each in cells], np.float64),
    )
    candle_store.ingest(folder, interval, rows, ORIGIN, ManualClock(1))
    return folder


def played(tape: Reel) -> VenueState:
    """The state after all of the tape's trades."""
    state = tape.first_state(Rules())
    for at_ms, request in tape.take(2**62):
        for move in request.moves if isinstance(request, Moved) else ():
            if move.lots:
                candles.record(state.coins[move.coin], at_ms, move.px_ticks, move.lots)
    return state


def bars_of(tape: Reel, state: VenueState, coin: str, interval: str) -> list[Bar]:
    since = candles.bars(state.coins[coin], interval, 0, 2**62)
    return [*tape.history(coin, interval, 0, 2**62), *since]


def moves_of(tape: Reel, coin: str) -> list[tuple[int, Move]]:
    return [
        (at_ms, move)
        for at_ms, each in tape.take(2**62)
        if isinstance(each, Moved)
        for move in each.moves
        if move.coin == coin
    ]


@pytest.mark.parametrize(
    ("interval", "tick_ms"), [("1m", 15_000), ("5m", 60_000), ("1h", 300_000), ("4h", 900_000)]
)
@pytest.mark.parametrize("into_ms", [0, 100_000])
def test_the_bars_of_the_store_come_back_from_their_trades(
    tmp_path: Path, interval: str, tick_ms: int, into_ms: int
) -> None:
    values = {"BTC": wave(60), "ADA": wave(60, range(20, 30))}
    store = fill(tmp_path, values, interval)
    begin_ms = BEGIN_MS + 15 * LENGTHS_MS[interval] + into_ms
    tape = stored_tape(Asked(store, interval, begin_ms, tick_ms=tick_ms))

    state = played(tape)

    for symbol, bars in values.items():
        expected = [
            (BEGIN_MS + place * LENGTHS_MS[interval], *(round(each * 100) for each in bar[:4]))
            for place, bar in bars.items()
        ]
        assert state.coins[symbol].size_decimals == 1
        found = bars_of(tape, state, symbol, interval)
        seen = [
            (bar.open_ms, bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
            for bar in found
        ]
        assert seen == [(at, *(each * 1_000 for each in row)) for at, *row in expected]
        assert {bar.lots for bar in found} == {125}


def test_finer_bars_before_the_start_are_those_that_the_venue_would_have_made(
    tmp_path: Path,
) -> None:
    store = fill(tmp_path, {"BTC": wave(12)}, "1h")
    early = stored_tape(Asked(store, "1h", BEGIN_MS, tick_ms=60_000))
    late = stored_tape(Asked(store, "1h", BEGIN_MS + 6 * HOUR_MS + 1_234_567, tick_ms=60_000))

    lived, told = played(early), played(late)

    for interval in ("1m", "5m", "15m", "1h", "2h", "4h", "1d"):
        assert bars_of(late, told, "BTC", interval) == bars_of(early, lived, "BTC", interval)


def test_a_gap_has_no_instants_and_a_bar_without_volume_no_trades(tmp_path: Path) -> None:
    bars = wave(8, range(3, 5))
    bars[6] = (103.0, 103.0, 103.0, 103.0, 0.0)
    tape = stored_tape(Asked(fill(tmp_path, {"BTC": bars}, "1m"), "1m", BEGIN_MS, tick_ms=15_000))

    found = moves_of(tape, "BTC")

    minutes = {(at_ms - BEGIN_MS) // MINUTE_MS for at_ms, _ in found}
    idle = [move for at_ms, move in found if (at_ms - BEGIN_MS) // MINUTE_MS == 6]
    assert minutes == {0, 1, 2, 5, 6, 7}
    assert [(move.px_ticks, move.lots) for move in idle] == [(10_300_000, 0)] * 4
    assert 6 not in [
        (bar.open_ms - BEGIN_MS) // MINUTE_MS for bar in bars_of(tape, played(tape), "BTC", "1m")
    ]


def test_symbols_list_with_their_first_bar_and_end_with_their_last(tmp_path: Path) -> None:
    values = {"ADA": wave(40), "NEW": wave(40, range(12)), "OLD": wave(20)}
    tape = stored_tape(Asked(fill(tmp_path, values, "1m"), "1m", BEGIN_MS + 60_000, tick_ms=15_000))
    state = tape.first_state(Rules())

    news = [
        ((at_ms - BEGIN_MS) // MINUTE_MS, each.coin, each.is_delisted)
        for at_ms, each in tape.take(2**62)
        if isinstance(each, Listed)
    ]

    assert [(coin.name, coin.is_listed) for coin in state.coins.values()] == [
        ("ADA", True),
        ("OLD", True),
        ("NEW", False),
    ]
    assert news == [(12, "NEW", False), (20, "OLD", True)]


def test_rates_of_the_store_fall_due_and_give_the_oracle_its_distance(tmp_path: Path) -> None:
    store = fill(tmp_path, {"BTC": wave(180)}, "1m")
    rates = Rows(
        ("BTC",),
        np.zeros(2, np.int64),
        np.array([BEGIN_MS + HOUR_MS, BEGIN_MS + 2 * HOUR_MS]),
        np.array([[0.0001, 0.01], [-0.0002, np.nan]]),
    )
    funding_store.ingest(store, rates, ORIGIN, ManualClock(1))
    tape = stored_tape(Asked(store, "1m", BEGIN_MS + 30 * MINUTE_MS, tick_ms=15_000))
    found = moves_of(tape, "BTC")

    due = [(at_ms - BEGIN_MS, move.rate_1h) for at_ms, move in found if move.rate_1h is not None]

    assert due == [(HOUR_MS - 15_000, 0.0001), (2 * HOUR_MS - 15_000, -0.0002)]
    for at_ms, move in found:
        premium = 0.01 if at_ms < BEGIN_MS + HOUR_MS else 0.0
        assert move.external_ticks / move.oracle_ticks - 1 == pytest.approx(premium, abs=1e-6)
    later = stored_tape(Asked(store, "1m", BEGIN_MS + 90 * MINUTE_MS, tick_ms=15_000))
    assert later.funding_history("BTC", 0, 2**62) == [(BEGIN_MS + HOUR_MS, 0.0001, 0.01)]


def test_rules_are_those_of_the_store_or_what_its_bars_show(tmp_path: Path) -> None:
    store = fill(tmp_path, {"BTC": wave(9), "ETH": wave(9)}, "1m")
    tiers = (MarginTier(0.0, 40.0), MarginTier(150e6, 20.0))
    known = SymbolMetadata("BTC", 4, 40.0, tiers)
    metadata_store.add_described(store, [known], ORIGIN, ManualClock(1))

    coins = stored_tape(Asked(store, "1m", tick_ms=15_000)).first_state(Rules()).coins

    btc, eth = coins["BTC"], coins["ETH"]
    assert (btc.size_decimals, btc.leverage_max, btc.margin_table_id) == (4, 40, 51)
    assert [(tier.lower_bound_micros, tier.leverage_max) for tier in btc.tiers] == [
        (0, 40),
        (150_000_000_000_000, 20),
    ]
    assert (eth.size_decimals, eth.leverage_max, eth.margin_table_id) == (1, 10, 10)


def test_a_delisted_symbol_ends_though_the_store_has_bars_of_it(tmp_path: Path) -> None:
    store = fill(tmp_path, {"BTC": wave(40), "OLD": wave(40)}, "1m")
    tiers = (MarginTier(0.0, 5.0),)
    ended = SymbolMetadata("OLD", 1, 5.0, tiers, delisted_ms=BEGIN_MS + 25 * MINUTE_MS)
    metadata_store.add_described(store, [ended], ORIGIN, ManualClock(1))
    tape = stored_tape(Asked(store, tick_ms=15_000))

    found = list(tape.take(2**62))

    assert (BEGIN_MS + 25 * MINUTE_MS, Listed("OLD", is_delisted=True)) in found
    last_ms = max(
        at_ms
        for at_ms, each in found
        if isinstance(each, Moved) and "OLD" in [move.coin for move in each.moves]
    )
    assert last_ms == BEGIN_MS + 25 * MINUTE_MS - 15_000


def test_data_is_moved_to_the_present_by_whole_hours(tmp_path: Path) -> None:
    store = fill(tmp_path, {"BTC": wave(60)}, "1m")
    now_ms = BEGIN_MS + 7_777 * HOUR_MS + 17 * MINUTE_MS + 5_000
    tape = stored_tape(Asked(store, "1m", BEGIN_MS, now_ms, tick_ms=15_000))
    still = stored_tape(Asked(store, "1m", BEGIN_MS + 17 * MINUTE_MS + 5_000, tick_ms=15_000))

    moved = [(at_ms - 7_777 * HOUR_MS, each) for at_ms, each in tape.take(2**62)]

    assert tape.start_ms == now_ms
    assert moved == list(still.take(2**62))
    assert len(tape.history("BTC", "1m", 0, 2**62)) == 17


def test_by_default_a_quarter_of_the_data_is_history(tmp_path: Path) -> None:
    tape = stored_tape(Asked(fill(tmp_path, {"BTC": wave(80)}, "1h"), tick_ms=300_000))

    assert tape.start_ms == BEGIN_MS + 20 * HOUR_MS
    assert len(tape.history("BTC", "1h", 0, 2**62)) == 20


@pytest.mark.parametrize(("interval", "tick_ms"), [("1m", 1_000), ("1h", 1_000), ("4h", 4_000)])
def test_long_bars_have_longer_ticks(tmp_path: Path, interval: str, tick_ms: int) -> None:
    tape = stored_tape(Asked(fill(tmp_path, {"BTC": wave(9)}, interval)))

    times = [at_ms for at_ms, _ in tape.take(tape.start_ms + 4 * HOUR_MS)]

    assert tape.identity()["tick_ms"] == tick_ms
    assert times[1] - times[0] == tick_ms


def test_one_bar_is_enough(tmp_path: Path) -> None:
    tape = stored_tape(Asked(fill(tmp_path, {"BTC": wave(1)}, "1h")))

    state = played(tape)

    assert [bar.lots for bar in bars_of(tape, state, "BTC", "1h")] == [125]


def test_the_finest_interval_is_taken(tmp_path: Path) -> None:
    store = fill(fill(tmp_path, {"BTC": wave(80)}, "1h"), {"BTC": wave(80)}, "5m")

    assert stored_tape(Asked(store, tick_ms=60_000)).identity()["interval"] == "5m"
    assert stored_tape(Asked(store, "1h", tick_ms=60_000)).identity()["interval"] == "1h"


def test_after_the_data_nothing_moves_any_more(tmp_path: Path) -> None:
    tape = stored_tape(Asked(fill(tmp_path, {"BTC": wave(9)}, "1m"), "1m", tick_ms=15_000))

    last_ms = [at_ms for at_ms, _ in tape.take(2**62)][-1]

    assert last_ms == BEGIN_MS + 9 * MINUTE_MS - 15_000
    assert tape.next_ms() is None
    assert list(tape.take(2**62)) == []


@pytest.mark.parametrize("count", [1, 5, 33])
def test_a_resumed_tape_goes_on_where_the_first_one_stopped(tmp_path: Path, count: int) -> None:
    asked = Asked(fill(tmp_path, {"BTC": wave(30), "X": wave(30, range(9))}, "1m"), tick_ms=15_000)
    one, other = stored_tape(asked), stored_tape(asked)
    for _ in zip(range(count), one.take(2**62), strict=False):
        pass

    other.resume(one.position())

    assert list(other.take(2**62)) == list(one.take(2**62))


def test_what_a_store_does_not_have_is_an_error_in_three_lines(tmp_path: Path) -> None:
    store = fill(tmp_path / "store", {"BTC": wave(9)}, "1m")
    (tmp_path / "empty").mkdir()
    cases = [
        (Asked(tmp_path / "nowhere"), "does not exist"),
        (Asked(tmp_path / "empty"), "no bars"),
        (Asked(store, "1h"), "no bars of interval 1h"),
        (Asked(store, "7m"), "not one of the venue's intervals"),
        (Asked(store, begin_ms=BEGIN_MS - 1), "does not cover 2024-12-31T23:59:59Z"),
        (Asked(store, begin_ms=BEGIN_MS + 9 * MINUTE_MS), "does not cover"),
    ]

    for asked, words in cases:
        with pytest.raises(InputError, match=words) as caught:
            stored_tape(asked)
        assert len(caught.value.lines()) == 3

    with pytest.raises(UsageError, match="do not divide"):
        stored_tape(Asked(store, "1m", tick_ms=7_000))


def test_prices_keep_five_digits_but_whole_dollars_stay_whole() -> None:
    prices = np.array([109_085.0, 1_234.56, 0.1, 0.012345, 1.000049, 99_999.96])

    assert venue_ticks(prices, 1).tolist() == [
        10_908_500_000, 123_460_000, 10_000, 1_234, 100_000, 10_000_000_000,
    ]  # fmt: skip
