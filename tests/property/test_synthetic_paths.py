"""A seed names one path: walked by minutes or in stretches, cut anywhere, seen at any interval."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.market.bars import HOUR_MS, Rows, interval_to_ms
from core.market.process import MINUTES, Hours, MarketState, advance, first_state
from core.market.synthetic import MarketSpec, synthetic_market, synthetic_rows, traits_of
from core.market.walk import MarketWalk, state_from_plain, state_to_plain

seeds = st.integers(0, 2**63 - 1)
counts = st.integers(1, 7)
edges = st.sampled_from([0.0, 1.0, 4.0])


def market(seed: int, symbol_count: int, edge: float = 1.0, hours: int = 120) -> MarketSpec:
    """A small market with as many odd symbols as it has room for."""
    return MarketSpec(
        seed=seed,
        symbol_count=symbol_count,
        bar_count=hours,
        edge=edge,
        late_count=int(symbol_count > 1),
        holed_count=int(symbol_count > 2),
        ended_count=int(symbol_count > 3),
    )


def same_states(one: MarketState, other: MarketState) -> bool:
    return all(
        np.array_equal(getattr(one, each.name), getattr(other, each.name)) for each in fields(one)
    )


def joined(parts: list[Hours]) -> Hours:
    return Hours(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(Hours)
        }
    )


@settings(max_examples=30)
@given(
    seed=seeds,
    symbol_count=counts,
    edge=edges,
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=5),
)
def test_stretches_in_any_pieces_are_one_path(
    seed: int, symbol_count: int, edge: float, cuts: list[int]
) -> None:
    traits = traits_of(market(seed, symbol_count, edge))
    whole, end = advance(traits, first_state(traits), sum(cuts))

    parts, state = [], first_state(traits)
    for cut in cuts:
        part, state = advance(traits, state, cut)
        parts.append(part)

    pieces = joined(parts)
    assert all(
        np.array_equal(getattr(pieces, each.name), getattr(whole, each.name))
        for each in fields(Hours)
    )
    assert same_states(state, end)


@settings(max_examples=15)
@given(seed=seeds, symbol_count=counts, saved_at=st.integers(0, 299))
def test_minutes_are_those_of_the_stretch_and_a_saved_walk_goes_on(
    seed: int, symbol_count: int, saved_at: int
) -> None:
    traits = traits_of(market(seed, symbol_count))
    whole, end = advance(traits, first_state(traits), 5)
    walk = MarketWalk(traits)

    for at in range(5 * MINUTES):
        if at == saved_at:
            text = json.dumps(state_to_plain(walk.state))
            walk = MarketWalk(traits, state_from_plain(json.loads(text)))
        minute = walk.step()
        hour, of_hour = divmod(at, MINUTES)
        assert minute.ts_open_ms == traits.start_ms + at * 60_000
        for name in ("open_px", "high_px", "low_px", "close_px", "oracle_px", "volume_lots"):
            assert np.array_equal(getattr(minute, name), getattr(whole, name)[hour, of_hour])
        assert (minute.rate_1h is not None) == (of_hour == MINUTES - 1)
        if minute.rate_1h is not None:
            assert np.array_equal(minute.rate_1h, whole.rate_1h[hour])
    assert same_states(walk.state, end)


@settings(max_examples=10)
@given(seed=seeds)
def test_a_walk_meets_the_bars_of_the_market(seed: int) -> None:
    spec = market(seed, 5, hours=100)
    traits = traits_of(spec)
    rows = synthetic_rows(replace(spec, holed_count=0, late_count=2))
    traits = traits_of(replace(spec, holed_count=0, late_count=2))
    walk = MarketWalk(traits)
    minutes = [walk.step() for _ in range(100 * MINUTES)]

    for index, symbol in enumerate(traits.symbols):
        trading = np.array([minute.is_trading[index] for minute in minutes]).reshape(-1, MINUTES)
        high = np.array([minute.high_px[index] for minute in minutes]).reshape(-1, MINUTES)
        mine = rows.symbol_index == rows.symbols.index(symbol)
        assert np.array_equal(
            np.flatnonzero(trading.all(axis=1)), (rows.ts_ms[mine] - spec.start_ms) // HOUR_MS
        )
        highest = high.max(axis=1)[trading.all(axis=1)]
        assert np.allclose(rows.values[mine, 1], highest, rtol=1e-4)


def aggregated(rows: Rows, length_ms: int) -> dict[tuple[str, int], list[float]]:
    """Bars of that length made of finer ones, by symbol and open time."""
    out: dict[tuple[str, int], list[float]] = {}
    for index, ts_ms, (opened, high, low, close, volume) in zip(
        rows.symbol_index.tolist(), rows.ts_ms.tolist(), rows.values.tolist(), strict=True
    ):
        key = (rows.symbols[index], ts_ms - ts_ms % length_ms)
        bar = out.setdefault(key, [opened, high, low, close, 0.0])
        bar[1], bar[2], bar[3] = max(bar[1], high), min(bar[2], low), close
        bar[4] += volume
    return out


@settings(max_examples=15)
@given(
    seed=seeds,
    symbol_count=counts,
    pair=st.sampled_from(
        [
            ("1m", "3m"),
            ("1m", "1h"),
            ("5m", "1h"),
            ("5m", "15m"),
            ("15m", "4h"),
            ("1h", "1d"),
            ("30m", "2h"),
            ("2h", "8h"),
            ("8h", "1d"),
        ]
    ),
)
def test_finer_bars_aggregate_to_the_coarser_ones(
    seed: int, symbol_count: int, pair: tuple[str, str]
) -> None:
    fine, coarse = pair
    spec = market(seed, symbol_count)
    candles = synthetic_market(spec, pair).candles

    made = aggregated(candles[fine], interval_to_ms(coarse))

    rows = candles[coarse]
    decimals = dict(zip(traits_of(spec).symbols, traits_of(spec).size_decimals, strict=True))
    assert len(rows) == len(made)
    for index, ts_ms, bar in zip(
        rows.symbol_index.tolist(), rows.ts_ms.tolist(), rows.values.tolist(), strict=True
    ):
        symbol = rows.symbols[index]
        found = made[symbol, ts_ms]
        assert found[:4] == bar[:4]
        assert round(found[4], int(decimals[symbol])) == bar[4]


@settings(max_examples=15)
@given(seed=seeds, symbol_count=counts)
def test_what_is_asked_for_beside_them_does_not_change_bars(seed: int, symbol_count: int) -> None:
    hourly = market(seed, symbol_count)
    fine = replace(hourly, interval="5m", bar_count=hourly.bar_count * 12)

    one, other = synthetic_market(hourly, ["1h"]), synthetic_market(fine, ["5m", "1h"])

    assert np.array_equal(one.candles["1h"].values, other.candles["1h"].values)
    assert np.array_equal(one.candles["1h"].ts_ms, other.candles["1h"].ts_ms)
    assert np.array_equal(one.funding.values, other.funding.values)
    assert one.metadata == other.metadata
