"""Prices, lots and leverage within the venue's rules."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market.metadata import MarginTier, SymbolMetadata
from kernel import margin
from kernel.fills import DOWN, UP, steps, valid_px
from schemas.records import to_records
from schemas.strategy import strategy_from
from tests.scene import PLAIN, Scene


@pytest.mark.parametrize(
    ("px", "decimals", "down", "up"),
    [
        (1234.567, 6, 1234.5, 1234.6),
        (12345.6, 6, 12345.0, 12346.0),
        (123456.0, 6, 123456.0, 123456.0),
        (123456.7, 6, 123456.0, 123457.0),
        (99999.5, 1, 99999.0, 100000.0),
        (1.23456, 6, 1.2345, 1.2346),
        (1.2345, 6, 1.2345, 1.2345),
        (0.29, 2, 0.29, 0.29),
        (0.0123456, 6, 0.012345, 0.012346),
        (0.00012345, 4, 0.0001, 0.0002),
        (0.0000123456, 12, 0.000012345, 0.000012346),
        (100.19, 1, 100.1, 100.2),
        (100.19, 0, 100.0, 101.0),
    ],
)
def test_a_price_has_five_figures_and_the_symbols_decimals(
    px: float, decimals: int, down: float, up: float
) -> None:
    assert valid_px(px, decimals, DOWN) == pytest.approx(down, rel=1e-14)
    assert valid_px(px, decimals, UP) == pytest.approx(up, rel=1e-14)


def test_a_price_that_would_round_to_nothing_stays() -> None:
    assert valid_px(0.00000123, 2, DOWN) == 0.00000123


def is_valid(px: float, decimals: int) -> bool:
    """The venue's rule over the decimal number as it would be written."""
    number = Decimal(repr(px)).normalize()
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if exponent >= 0:
        return True
    return len(number.as_tuple().digits) <= 5 and -exponent <= decimals


@given(
    px=st.floats(1e-4, 2e6),
    decimals=st.integers(0, 6),
)
def test_a_rounded_price_is_valid_and_within_one_tick(px: float, decimals: int) -> None:
    down, up = valid_px(px, decimals, DOWN), valid_px(px, decimals, UP)
    places = min(decimals, max(4 - Decimal(px).adjusted(), 0))
    tick = 10.0**-places

    assert down <= px * (1 + 1e-9) + 1e-6 * tick
    assert up >= px * (1 - 1e-9) - 1e-6 * tick
    assert up - down <= tick * (1 + 1e-9) or down == px
    assert is_valid(up, decimals)
    assert is_valid(down, decimals) or down == px < tick


@pytest.mark.parametrize(
    ("size", "scale", "down", "up"),
    [
        (0.29, 100.0, 0.29, 0.29),
        (0.2999, 100.0, 0.29, 0.30),
        (7.9, 1.0, 7.0, 8.0),
        (0.004, 100.0, 0.0, 0.01),
    ],
)
def test_a_size_is_whole_lots(size: float, scale: float, down: float, up: float) -> None:
    assert steps(size, scale, DOWN) == down
    assert steps(size, scale, UP) == up


def lots(decimals: int) -> SymbolMetadata:
    return SymbolMetadata("AAA", decimals, 20.0, (MarginTier(0.0, 20.0),))


@pytest.mark.parametrize(
    ("cash_usd", "bump", "size"),
    [
        (2_990.0, False, 2.0),  # 299 USD make 2.99 units of 100
        (1_990.0, False, None),  # 199 USD meet the least notional, the one lot under it does not
        (1_990.0, True, 2.0),  # brought up to the least in whole lots
    ],
)
def test_the_least_notional_is_asked_again_after_the_lot(
    cash_usd: float, bump: bool, size: float | None
) -> None:
    values = {
        "trade.min_notional_usd": 150.0,
        "trade.bump_to_min_notional": bump,
    }

    played = Scene(3).knows(lots(0)).up(1).play(values, cash_usd=cash_usd)

    assert [row["size"] for row in played.trades] == ([] if size is None else [size])
    assert played.counters["blocked_by_min_notional"] == (size is None)


TIERS = SymbolMetadata("AAA", 2, 10.0, (MarginTier(0.0, 10.0), MarginTier(10_000.0, 5.0)))


@pytest.mark.parametrize(
    ("wanted", "margin_usd", "granted"),
    [(20.0, 100.0, 10.0), (8.0, 100.0, 8.0), (8.0, 1_249.0, 8.0), (8.0, 1_250.0, 5.0)],
)
def test_leverage_is_capped_by_the_tier_of_the_notional(
    wanted: float, margin_usd: float, granted: float
) -> None:
    rules = Scene(2).knows(TIERS).market().rules
    params, free = to_records(
        [strategy_from({**PLAIN, "trade.enable_venue_rounding": on}) for on in (True, False)]
    )

    assert margin.capped_leverage(rules, 0, wanted, margin_usd, params) == granted
    assert margin.capped_leverage(rules, 0, wanted, margin_usd, free) == wanted
    unknown = Scene(2).market().rules
    assert margin.capped_leverage(unknown, 0, wanted, margin_usd, params) == wanted
