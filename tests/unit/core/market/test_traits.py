"""What a made-up market is: prices and sizes as the venue has them, listings, margin tiers."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market.bars import HOUR_MS
from core.market.metadata import deductions_usd
from core.market.synthetic import START_MS, MarketSpec, synthetic_market, traits_of
from core.market.traits import round_px, symbol_names


@given(px=st.floats(1e-4, 1e7), size_decimals=st.integers(0, 5))
def test_a_rounded_price_is_one_that_the_venue_takes(px: float, size_decimals: int) -> None:
    (rounded,) = round_px(np.array([px]), size_decimals).tolist()

    written = Decimal(repr(rounded)).normalize().as_tuple()
    assert len(written.digits) <= 5
    assert -int(written.exponent) <= 6 - size_decimals
    tick = max(10.0 ** (size_decimals - 6), 10.0 ** (np.floor(np.log10(px)) - 4))
    assert abs(rounded - px) <= 0.5001 * tick or rounded == pytest.approx(tick)
    assert round_px(np.array([rounded]), size_decimals)[0] == rounded


@given(
    prices=st.lists(st.floats(1e-5, 1e6), min_size=2, max_size=20),
    size_decimals=st.integers(0, 5),
)
def test_rounding_keeps_the_order(prices: list[float], size_decimals: int) -> None:
    rounded = round_px(np.sort(np.array(prices)), size_decimals)

    assert (np.diff(rounded) >= 0.0).all()
    assert (rounded > 0.0).all()


def test_names_are_sorted_as_the_store_sorts_them() -> None:
    names = symbol_names(12)

    assert names[:4] == ("BTC", "ETH", "SOL", "SYN04")
    assert list(names) == sorted(names)
    assert symbol_names(1) == ("BTC",)


def test_the_smallest_size_is_worth_about_a_dollar() -> None:
    traits = traits_of(MarketSpec(symbol_count=50))
    worth_usd = traits.first_px * traits.lot

    assert ((worth_usd >= 0.1) & (worth_usd < 1.0)).all()
    assert traits.symbols[0] == "BTC"
    assert int(traits.size_decimals[0]) == 5


def test_metadata_says_when_a_symbol_was_there_and_what_it_may_be_levered() -> None:
    spec = MarketSpec(symbol_count=12, bar_count=400, late_count=2, ended_count=2)
    market = synthetic_market(spec, ["1h"])
    rows = market.candles["1h"]

    assert [each.symbol for each in market.metadata] == list(traits_of(spec).symbols)
    for each in market.metadata:
        mine = rows.ts_ms[rows.symbol_index == rows.symbols.index(each.symbol)]
        assert each.listed_ms == mine[0]
        end_ms = int(mine[-1]) + HOUR_MS
        assert each.delisted_ms == (end_ms if end_ms < START_MS + 400 * HOUR_MS else None)
        bounds = [tier.lower_bound_usd for tier in each.tiers]
        assert bounds[0] == 0.0
        assert bounds == sorted(bounds)
        assert each.leverage_max == each.tiers[0].leverage_max
        assert min(deductions_usd(each.tiers)) == 0.0
    listed = [each.listed_ms for each in market.metadata]
    assert sum(ms != START_MS for ms in listed) == 2
    assert sum(each.delisted_ms is not None for each in market.metadata) == 2
    assert market.metadata[0].leverage_max == 40.0
