"""A rate known from records has a premium beside it of which it follows (venue.md C.12)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.exchange.funding import premium_behind, rate_of

premiums = st.floats(-0.05, 0.05).map(lambda each: round(each, 10))


@given(premiums, premiums)
def test_the_rate_follows_of_the_premium_found(premium: float, measured: float) -> None:
    rate = rate_of(premium)

    found = premium_behind(rate, measured)

    assert abs(rate_of(found) - rate) <= 1e-10


@given(premiums, premiums)
def test_it_is_the_premium_itself_where_only_one_gives_the_rate(
    premium: float, measured: float
) -> None:
    found = premium_behind(rate_of(premium), measured)

    if abs(premium - 0.0001) > 0.00051:
        assert abs(found - premium) <= 1e-9
    elif abs(premium - 0.0001) < 0.00049 and abs(measured - 0.0001) < 0.00049:
        assert found == measured
