"""The made-up market as a tape: where it starts, who is listed, what it knows of the past."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from core.errors import UsageError
from core.market.bars import interval_to_ms
from core.market.synthetic import MarketSpec, synthetic_market
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Listed, Moved
from sidecar.emulator.exchange.state import BACKSTOP, HOUSE, Rules
from sidecar.emulator.tape.port import Instant
from sidecar.emulator.tape.reel import Reel
from sidecar.emulator.tape.synthetic import synthetic_spec, synthetic_tape

START_MS = 1_790_000_000_000 + 123_456
HOUR_MS = 3_600_000


def tape(symbols: int = 8, tick_ms: int = 15_000, dex: str = "", days: int = 5) -> Reel:
    return synthetic_tape(synthetic_spec(1, symbols, START_MS, days), START_MS, tick_ms, dex)


def moves(found: list[Instant]) -> list[tuple[int, Moved]]:
    return [(at_ms, each) for at_ms, each in found if isinstance(each, Moved)]


def test_instants_lie_on_the_ticks_after_the_start_in_order() -> None:
    found = list(tape().take(START_MS + HOUR_MS))

    times = [at_ms for at_ms, _ in found]
    assert all(at_ms % 15_000 == 0 for at_ms in times)
    assert START_MS < times[0] <= START_MS + 15_000
    assert all(later - earlier == 15_000 for earlier, later in pairwise(times))


def test_pieces_and_the_whole_are_one_tape() -> None:
    whole = list(tape().take(START_MS + 3 * HOUR_MS))
    other = tape()

    pieces = [
        each
        for until_ms in range(START_MS, START_MS + 3 * HOUR_MS + 1, 1_000_003)
        for each in other.take(until_ms)
    ]
    pieces += other.take(START_MS + 3 * HOUR_MS)

    assert pieces == whole
    assert other.next_ms() == whole[-1][0] + 15_000


@pytest.mark.parametrize("count", [0, 1, 100, 1_000])
def test_a_resumed_tape_goes_on_where_the_first_one_stopped(count: int) -> None:
    one = tape()
    before = [each for each, _ in zip(one.take(2**62), range(count), strict=False)]
    position = json.loads(json.dumps(one.position()))

    other = tape()
    other.resume(position)

    expected = list(one.take(START_MS + 6 * HOUR_MS))
    assert list(other.take(START_MS + 6 * HOUR_MS)) == expected
    assert len(before) == count


def test_a_listing_that_was_given_is_not_given_again() -> None:
    spec = MarketSpec(seed=1, symbol_count=4, bar_count=100, late_count=1, ended_count=1)
    listed_ms = spec.start_ms + 10 * HOUR_MS
    one = synthetic_tape(spec, listed_ms - 5_000, 5_000)
    first = next(iter(one.take(2**62)))

    other = synthetic_tape(spec, listed_ms - 5_000, 5_000)
    other.resume(one.position())

    assert first == (listed_ms, Listed("SYN04", is_delisted=False))
    following = next(iter(other.take(2**62)))
    assert following[0] == listed_ms
    assert isinstance(following[1], Moved)
    assert "SYN04" in [move.coin for move in following[1].moves]


def test_coins_list_late_and_end_as_the_market_says() -> None:
    spec = MarketSpec(seed=1, symbol_count=6, bar_count=100, late_count=2, ended_count=1)
    one = synthetic_tape(spec, spec.start_ms, 15_000)
    state = one.first_state(Rules())

    news = [
        (at_ms - spec.start_ms, each)
        for at_ms, each in one.take(spec.start_ms + 99 * HOUR_MS)
        if isinstance(each, Listed)
    ]

    assert [coin.name for coin in state.coins.values() if not coin.is_listed] == ["SYN06", "SYN05"]
    assert [coin.asset for coin in state.coins.values()] == [0, 1, 2, 3, 4, 5]
    assert news == [
        (10 * HOUR_MS, Listed("SYN06", is_delisted=False)),
        (30 * HOUR_MS, Listed("SYN05", is_delisted=False)),
        (85 * HOUR_MS, Listed("SOL", is_delisted=True)),
    ]


def test_the_universe_at_the_start_has_coins_that_ended() -> None:
    state = tape().first_state(Rules())

    ended = [coin.name for coin in state.coins.values() if coin.is_delisted]

    assert len(ended) == 1
    assert all(coin.is_listed for coin in state.coins.values())
    assert ended[0] not in {
        move.coin for _, each in moves(list(tape().take(START_MS + 60_000))) for move in each.moves
    }


def test_the_state_at_the_start_knows_the_last_day() -> None:
    one = tape()

    state = one.first_state(Rules())

    assert state.now_ms == START_MS
    assert START_MS < state.next_hour_ms <= START_MS + HOUR_MS
    assert list(state.accounts) == [HOUSE, BACKSTOP]
    btc = state.coins["BTC"]
    day = one.history("BTC", "1h", START_MS - 24 * HOUR_MS, START_MS)
    last = candles.forming(btc, "1h")
    assert last is not None
    assert last.open_ms == START_MS - START_MS % HOUR_MS
    assert btc.last_ticks == last.close_ticks
    assert btc.prev_day_ticks == day[0].open_ticks
    assert sum(lots for lots, _ in btc.hour_volumes.values()) == last.lots + sum(
        bar.lots for bar in day
    )
    for coin in state.coins.values():
        assert abs(coin.oracle_ticks / coin.mark_ticks - 1) < 0.01
        assert abs(coin.quote.px_ticks / coin.last_ticks - 1) < 0.05


@pytest.mark.parametrize("interval", ["1m", "5m", "1h", "4h", "1d", "1w", "1M"])
def test_history_ends_where_the_state_begins(interval: str) -> None:
    one = tape()
    state = one.first_state(Rules())

    past = one.history("ETH", interval, 0, 2**62)
    since = candles.bars(state.coins["ETH"], interval, 0, 2**62)

    open_ms = candles.open_of(interval, START_MS)
    assert all(candles.close_of(interval, bar.open_ms) <= START_MS for bar in past)
    assert [bar.open_ms for bar in since] == [open_ms]


@pytest.mark.parametrize("interval", ["1m", "15m", "1h", "2h"])
def test_history_has_all_bars_up_to_the_newest_5000(interval: str) -> None:
    first_ms = synthetic_spec(1, 2, START_MS, 40).start_ms
    past = tape(2, days=40).history("BTC", interval, 0, 2**62)

    assert len(past) == min(5_000, (START_MS - first_ms) // interval_to_ms(interval))
    lengths = {later.open_ms - earlier.open_ms for earlier, later in pairwise(past)}
    assert len(lengths) == 1


def test_funding_falls_due_with_the_last_move_of_the_hour_at_the_market_s_rate() -> None:
    spec = synthetic_spec(1, 3, START_MS, 5)
    one = synthetic_tape(spec, START_MS, 15_000)
    due_ms = START_MS - START_MS % HOUR_MS + HOUR_MS

    found = [
        (at_ms, move.rate_1h)
        for at_ms, each in moves(list(one.take(due_ms + 60_000)))
        for move in each.moves
        if move.coin == "ETH" and move.rate_1h is not None
    ]

    longer = MarketSpec(**{**_plain(spec), "bar_count": 24 * 7})
    rows = synthetic_market(longer, ["1h"]).funding
    mine = rows.symbol_index == rows.symbols.index("ETH")
    known = dict(zip(rows.ts_ms[mine].tolist(), rows.values[mine].tolist(), strict=True))
    assert found == [(due_ms - 15_000, known[due_ms][0])]
    past = one.funding_history("ETH", 0, 2**62)
    assert past == [(at_ms, *known[at_ms]) for at_ms, *_ in past]
    assert past[-1][0] == due_ms - HOUR_MS
    assert len(past) == (due_ms - HOUR_MS - spec.start_ms) // HOUR_MS
    assert one.funding_history("ETH", past[3][0], past[5][0]) == past[3:6]


def _plain(spec: MarketSpec) -> dict[str, int]:
    return {
        name: getattr(spec, name)
        for name in ("seed", "symbol_count", "start_ms", "late_count", "ended_count",
                     "holed_count", "hole_count")
    }  # fmt: skip


def test_a_builder_s_dex_brings_two_coins_with_ids_of_their_own() -> None:
    plain, one = tape(), tape(dex="acme")

    state = one.first_state(Rules())

    theirs = [coin for coin in state.coins.values() if coin.dex == "acme"]
    assert [(coin.name, coin.asset) for coin in theirs] == [
        ("acme:GOLD", 110_000),
        ("acme:OIL", 110_001),
    ]
    _, first = moves(list(one.take(START_MS + 15_000)))[0]
    assert [move.coin for move in first.moves[-2:]] == ["acme:GOLD", "acme:OIL"]
    assert one.history("acme:OIL", "1h", 0, 2**62)
    mine = [(bar.open_ms, bar.close_ticks) for bar in one.history("BTC", "1m", 0, 2**62)]
    assert mine == [(bar.open_ms, bar.close_ticks) for bar in plain.history("BTC", "1m", 0, 2**62)]


def test_rates_of_a_builder_s_coins_are_left_to_the_venue() -> None:
    due_ms = START_MS - START_MS % HOUR_MS + HOUR_MS

    found = {
        move.coin: move.rate_1h
        for at_ms, each in moves(list(tape(3, dex="acme").take(due_ms)))
        for move in each.moves
        if at_ms == due_ms - 15_000
    }

    assert [coin for coin, rate in found.items() if rate is None] == ["acme:GOLD", "acme:OIL"]


def test_what_it_does_not_know_is_empty() -> None:
    assert tape().history("NOBODY", "1m", 0, 2**62) == []
    assert tape().history("BTC", "7m", 0, 2**62) == []
    assert tape().funding_history("NOBODY", 0, 2**62) == []


def test_equal_identities_are_equal_tapes() -> None:
    assert tape().identity() == tape().identity()
    others = [tape(symbols=9), tape(tick_ms=5_000), tape(dex="acme"), tape(days=6)]
    assert all(json.dumps(each.identity()) != json.dumps(tape().identity()) for each in others)


@pytest.mark.parametrize("tick_ms", [0, -1, 7_000, 20_000, 60_000])
def test_instants_that_do_not_divide_a_minute_are_refused(tick_ms: int) -> None:
    with pytest.raises(UsageError, match="do not divide bars of 60000 ms"):
        tape(tick_ms=tick_ms)


def test_a_start_before_the_market_is_refused() -> None:
    spec = synthetic_spec(1, 3, START_MS, 5)

    with pytest.raises(UsageError, match="before its market"):
        synthetic_tape(spec, spec.start_ms - 1)
