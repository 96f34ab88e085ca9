"""Weights, patience and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.venue.address import MAINNET_URL, parse_address
from core.venue.retry import Patience
from core.venue.weights import (
    RESERVE,
    WEIGHT_PER_MINUTE,
    WINDOW_MS,
    WeightLedger,
    exchange_weight,
    info_weight,
)


@pytest.mark.parametrize(
    ("request_type", "items", "weight"),
    [
        ("exchangeStatus", 0, 2),
        ("l2Book", 40, 2),
        ("meta", 230, 20),
        ("userRole", 0, 60),
        ("candleSnapshot", 0, 20),
        ("candleSnapshot", 60, 21),
        ("candleSnapshot", 61, 22),
        ("candleSnapshot", 5_000, 104),
        ("fundingHistory", 500, 45),
    ],
)
def test_weights_are_those_of_the_venue(request_type: str, items: int, weight: int) -> None:
    assert info_weight(request_type, items) == weight


def test_an_action_weighs_one_and_one_more_per_forty() -> None:
    assert [exchange_weight(count) for count in (1, 39, 40, 80)] == [1, 1, 2, 3]


@given(st.lists(st.tuples(st.integers(1, 120), st.integers(0, 20_000), st.booleans()), max_size=60))
def test_no_minute_ever_holds_more_than_the_limit(asked: list[tuple[int, int, bool]]) -> None:
    ledger, now_ms = WeightLedger(), 0
    sent: list[tuple[int, int, bool]] = []
    for weight, pause_ms, urgent in asked:
        now_ms += pause_ms
        now_ms += ledger.wait_ms(weight, now_ms, urgent=urgent)
        assert ledger.wait_ms(weight, now_ms, urgent=urgent) == 0
        ledger.enter(weight, now_ms)
        sent.append((now_ms, weight, urgent))
        window = [entry for entry in sent if entry[0] > now_ms - WINDOW_MS]
        total = sum(entry[1] for entry in window)
        assert total <= WEIGHT_PER_MINUTE
        assert urgent or total <= WEIGHT_PER_MINUTE - RESERVE


def test_exits_and_cancels_go_while_ordinary_requests_wait() -> None:
    ledger = WeightLedger()
    for _ in range(10):
        ledger.enter(100, 0)

    assert ledger.wait_ms(20, 1_000) == WINDOW_MS - 1_000
    assert ledger.wait_ms(20, 1_000, urgent=True) == 0


def test_a_bar_holds_ordinary_requests_only() -> None:
    ledger = WeightLedger()
    ledger.bar(5_000)

    assert ledger.wait_ms(20, 1_000) == 4_000
    assert ledger.wait_ms(20, 1_000, urgent=True) == 0
    assert ledger.wait_ms(20, 5_000) == 0


def test_a_settled_request_gives_back_what_it_did_not_weigh() -> None:
    ledger = WeightLedger(per_minute=300, reserve=0)
    entry = ledger.enter(104, 0)
    ledger.enter(104, 0)
    assert ledger.wait_ms(104, 1) > 0

    ledger.settle(entry, 21)

    assert ledger.wait_ms(104, 1) == 0


def test_a_clock_that_jumps_back_makes_nobody_wait_longer_than_a_minute() -> None:
    ledger = WeightLedger()
    ledger.enter(1_000, 10 * WINDOW_MS)
    ledger.bar(20 * WINDOW_MS)

    assert ledger.wait_ms(20, 0) == WINDOW_MS


def test_after_a_clock_jumped_back_the_wait_ends_when_it_said() -> None:
    ledger = WeightLedger()
    ledger.enter(1_000, 120 * WINDOW_MS)
    ledger.bar(120 * WINDOW_MS + 5_000)

    assert ledger.wait_ms(20, 0) == WINDOW_MS
    assert ledger.wait_ms(20, WINDOW_MS - 1) == 1
    assert ledger.wait_ms(20, WINDOW_MS) == 0


def test_a_request_heavier_than_the_limit_goes_alone() -> None:
    assert WeightLedger(per_minute=50, reserve=0).wait_ms(104, 0) == 0


@given(st.integers(1, 40), st.floats(0.0, 1.0, exclude_max=True))
def test_delays_double_up_to_a_limit_with_half_by_chance(attempt: int, chance: float) -> None:
    patience = Patience()
    full = min(patience.delay_ms_max, patience.delay_first_ms * 2 ** (attempt - 1))

    assert full // 2 <= patience.delay_ms(attempt, chance) <= full


def test_patience_outlasts_a_minute_of_refusals_and_ends() -> None:
    patience = Patience()
    least_ms = sum(patience.delay_ms(attempt, 0.0) for attempt in range(1, patience.attempts))

    assert least_ms > 60_000
    assert patience.is_over(patience.attempts, 0, unreached=False)
    assert patience.is_over(1, patience.total_ms, unreached=False)
    assert patience.is_over(patience.attempts_unreached, 0, unreached=True)
    assert not patience.is_over(patience.attempts_unreached, 0, unreached=False)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("mainnet", "mainnet"),
        ("testnet", "testnet"),
        (f"{MAINNET_URL}/", "mainnet"),
        ("http://127.0.0.1:8100", "loopback"),
        ("http://[::1]:8100/", "loopback"),
        ("http://localhost:1", "loopback"),
    ],
)
def test_addresses(text: str, network: str) -> None:
    found = parse_address(text)

    assert found.network == network
    assert found.source == f"hyperliquid {network}"
    assert not found.base_url.endswith("/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "main",
        "https://example.org",
        "http://127.0.0.1.example.org",
        "http://10.0.0.7:80",
        "ftp://127.0.0.1",
        "http://me:pw@127.0.0.1",
        "http://127.0.0.1/info",
        "http://127.0.0.1:port",
        "http://[::1",
    ],
)
def test_no_other_address_is_taken(text: str) -> None:
    with pytest.raises(UsageError, match="neither a network of the venue"):
        parse_address(text)
