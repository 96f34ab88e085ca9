"""Inside a bar: whatever the bar says, its trades show it, and nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.synthetic import MarketSpec, synthetic_market
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.requests import Moved
from sidecar.emulator.exchange.state import Bar, Rules, VenueState
from sidecar.emulator.exchange.units import is_valid_px, px_step_ticks
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.gateway.gateway import Gateway
from sidecar.emulator.tape.path import BarRows, Chance, paths, trade_counts, trades_needed
from sidecar.emulator.tape.port import Tape
from sidecar.emulator.tape.synthetic import synthetic_tape

HOUR_MS = 3_600_000
UP_TO_A_DAY = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d")


@st.composite
def bars(draw: st.DrawFn) -> tuple[BarRows, np.ndarray]:
    """Some symbols' bars with valid prices: flat, narrow and wide, busy, thin and idle."""
    rows, decimals = [], []
    for _ in range(draw(st.integers(1, 5))):
        size_decimals = draw(st.integers(0, 5))
        middle = draw(st.integers(1, 10**9))
        width = draw(st.sampled_from([0, 1, 2, 10, 1_000])) * px_step_ticks(middle, size_decimals)
        prices = sorted(
            _valid(draw(st.integers(max(middle - width, 1), middle + width)), size_decimals)
            for _ in range(4)
        )
        ends = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
        lots = draw(st.sampled_from([0, 1, 2, 3, 4, 7, 1_000, 10**12]))
        rows.append((prices[ends[0]], prices[3], prices[0], prices[ends[1]], lots))
        decimals.append(size_decimals)
    found = BarRows(*(np.array(column, np.int64) for column in zip(*rows, strict=True)))
    least = trades_needed(found.with_lots(np.ones_like(found.lots)))
    lots = np.where(found.lots > 0, np.maximum(found.lots, least), 0)
    return found.with_lots(lots), np.array(decimals, np.int64)


def _valid(ticks: int, size_decimals: int) -> int:
    step = px_step_ticks(ticks, size_decimals)
    return max(ticks // step * step, step)


@given(bars(), st.integers(4, 90), st.integers(0, 2**40), st.integers(0, 2**62))
def test_trades_show_the_four_prices_and_the_volume(
    drawn: tuple[BarRows, np.ndarray], tick_count: int, number: int, seed: int
) -> None:
    rows, decimals = drawn
    chance = Chance(seed, len(decimals))
    one = rows.at((None, slice(None)))

    found = paths(one, decimals, tick_count, chance, np.array([number]))

    counts = trade_counts(one, tick_count, chance.of_bars(np.array([number]), len(decimals)))
    for at, (ticks, lots) in enumerate(zip(found.ticks[0], found.lots[0], strict=True)):
        prices = ticks[lots > 0]
        assert lots.sum() == rows.lots[at]
        assert len(prices) == counts[0, at]
        assert lots.min() >= 0
        assert rows.low_ticks[at] <= ticks.min() <= ticks.max() <= rows.high_ticks[at]
        assert all(is_valid_px(int(each), int(decimals[at])) for each in ticks)
        if rows.lots[at]:
            shown = (prices[0], prices.max(), prices.min(), prices[-1])
            assert shown == tuple(column[at] for column in rows.columns()[:4])


@given(bars(), st.integers(4, 40), st.integers(0, 2**40), st.integers(0, 3))
def test_a_bar_has_one_path_however_it_is_walked(
    drawn: tuple[BarRows, np.ndarray], tick_count: int, number: int, before: int
) -> None:
    rows, decimals = drawn
    chance = Chance(7, len(decimals))
    alone = rows.at((None, slice(None)))
    many = BarRows(*(np.tile(column, (before + 1, 1)) for column in rows.columns()))

    once = paths(alone, decimals, tick_count, chance, np.array([number]))
    in_a_row = paths(many, decimals, tick_count, chance, np.arange(number - before, number + 1))
    by_symbol = [
        paths(
            rows.at((None, slice(at, at + 1))),
            decimals[at : at + 1],
            tick_count,
            chance.of_symbol(at),
            np.array([number]),
        )
        for at in range(len(decimals))
    ]

    assert (in_a_row.ticks[-1] == once.ticks[0]).all()
    assert (in_a_row.lots[-1] == once.lots[0]).all()
    assert all((each.ticks[0, 0] == once.ticks[0, at]).all() for at, each in enumerate(by_symbol))
    assert all((each.lots[0, 0] == once.lots[0, at]).all() for at, each in enumerate(by_symbol))


@settings(max_examples=4)
@given(
    st.integers(0, 2**63 - 1),
    st.integers(0, 60),
    st.integers(0, HOUR_MS - 1),
    st.sampled_from([15_000, 5_000]),
)
def test_its_candles_are_the_bars_of_the_made_up_market(
    seed: int, hours: int, into_ms: int, tick_ms: int
) -> None:
    spec = MarketSpec(
        seed=seed,
        symbol_count=5,
        bar_count=100,
        late_count=2,
        holed_count=1,
        hole_count=2,
        ended_count=1,
    )
    start_ms = spec.start_ms + hours * HOUR_MS + into_ms
    tape = synthetic_tape(spec, start_ms, tick_ms)

    state = traded(tape, spec.start_ms + 100 * HOUR_MS - 1)

    market = synthetic_market(spec, UP_TO_A_DAY)
    for interval, rows in market.candles.items():
        for at, symbol in enumerate(rows.symbols):
            mine = rows.symbol_index == at
            known = dict(zip(rows.ts_ms[mine].tolist(), rows.values[mine], strict=True))
            seen = all_bars(tape, state, symbol, interval)
            decimals = state.coins[symbol].size_decimals
            since = min((bar.open_ms for bar in seen), default=0)
            whole = [each for each in known if each >= since]
            assert [bar.open_ms for bar in seen if bar.open_ms in known] == whole
            assert len(whole) == len(known) or len(seen) == candles.BARS_MAX
            for bar in seen:
                if bar.open_ms in known:
                    assert as_usd(bar, decimals) == tuple(known[bar.open_ms].tolist())


def traded(tape: Tape, until_ms: int) -> VenueState:
    """The venue's state after all trades of the tape, and no clients'."""
    state = tape.first_state(Rules())
    for at_ms, request in tape.take(until_ms):
        for move in request.moves if isinstance(request, Moved) else ():
            if move.lots:
                candles.record(state.coins[move.coin], at_ms, move.px_ticks, move.lots)
    return state


def all_bars(tape: Tape, state: VenueState, coin: str, interval: str) -> list[Bar]:
    """Those from before the start and those since, which must not overlap."""
    since = candles.bars(state.coins[coin], interval, 0, 2**62)
    found = [*tape.history(coin, interval, 0, 2**62), *since][-candles.BARS_MAX :]
    opens = [bar.open_ms for bar in found]
    assert opens == sorted(set(opens))
    return found


def as_usd(bar: Bar, size_decimals: int) -> tuple[float, ...]:
    """A bar as stores keep it."""
    prices = (bar.open_ticks, bar.high_ticks, bar.low_ticks, bar.close_ticks)
    return (
        *(ticks / 10.0 ** (6 - size_decimals) for ticks in prices),
        bar.lots / 10.0**size_decimals,
    )


@settings(max_examples=2)
@given(st.integers(0, 2**63 - 1), st.integers(0, HOUR_MS - 1))
def test_a_venue_without_clients_has_the_market_s_candles(seed: int, into_ms: int) -> None:
    spec = MarketSpec(
        seed=seed, symbol_count=3, bar_count=100, late_count=0, holed_count=1, ended_count=1
    )
    start_ms = spec.start_ms + 20 * HOUR_MS + into_ms
    tape = synthetic_tape(spec, start_ms, 5_000)
    gateway = Gateway(tape.first_state(Rules()), tape, Plane())

    for hour in range(1, 5):
        gateway.advance(start_ms + hour * HOUR_MS)

    lived = traded(synthetic_tape(spec, start_ms, 5_000), start_ms + 4 * HOUR_MS)
    for coin in gateway.state.coins.values():
        for interval in UP_TO_A_DAY:
            seen = candles.bars(coin, interval, 0, 2**62)
            assert seen == candles.bars(lived.coins[coin.name], interval, 0, 2**62)
