"""Sizes worked over minutes."""

from __future__ import annotations

from typing import Any

import pytest

from sidecar.emulator.exchange import margin, twap
from sidecar.emulator.exchange.events import (
    Answered,
    FillSeen,
    OrderChanged,
    Refused,
    Status,
    TwapChanged,
    TwapStarted,
    Waiting,
)
from sidecar.emulator.exchange.requests import Listed, StartTwap, StopTwap
from sidecar.emulator.exchange.state import Twap
from tests.exchange_floor import ALICE, BOB, BTC, ETH, Floor

LOTS = 10_000
"""6,000 USD, ten slices of 600 USD in five minutes."""


@pytest.fixture
def floor() -> Floor:
    """Two users with money."""
    made = Floor()
    made.fund(ALICE, BOB)
    return made


def start(floor: Floor, **fields: Any) -> Status:
    """The reply to a start."""
    values: dict[str, Any] = {
        "user": ALICE,
        "asset": BTC,
        "is_buy": True,
        "lots": LOTS,
        "reduce_only": False,
        "minutes": 5,
        "randomize": False,
    }
    floor.ask(StartTwap(**(values | fields)))
    assert floor.the(Answered).kind == "twapOrder"
    return floor.the(Answered).statuses[0]


def running(floor: Floor, **fields: Any) -> Twap:
    """A started one."""
    status = start(floor, **fields)
    assert isinstance(status, TwapStarted), status
    return floor.state.twaps[status.twap_id]


def fills(floor: Floor) -> list[int]:
    """Lots of each fill of the last request."""
    return [event.fill.lots for event in floor.all(FillSeen)]


def test_a_slice_goes_every_thirty_seconds_until_all_is_done(floor: Floor) -> None:
    one = running(floor)
    sizes = [sum(fills(floor))]
    assert floor.the(TwapChanged).status == "activated"
    for _ in range(9):
        floor.wait(29_999)
        assert fills(floor) == []
        floor.wait(1)
        sizes.append(sum(fills(floor)))
    assert sizes == [1_000] * 10
    assert floor.the(TwapChanged).status == one.status == "finished"
    assert floor.held(ALICE) == one.executed_lots == LOTS
    assert floor.state.running_twaps == []
    floor.wait(600_000)
    assert floor.held(ALICE) == LOTS


def test_its_fills_have_no_hash_and_its_slices_are_in_no_list(floor: Floor) -> None:
    one = running(floor)
    fill = floor.the(FillSeen).fill
    assert (fill.hash, fill.twap_id) == ("0x" + "0" * 64, one.twap_id)
    account = floor.state.accounts[ALICE]
    assert floor.all(OrderChanged) == []
    assert (account.open_oids, account.ended, floor.state.orders) == ([], [], {})


def test_what_a_slice_missed_is_caught_up_by_three_at_most(floor: Floor) -> None:
    one = running(floor)
    floor.quiet()
    for _ in range(5):
        floor.wait(30_000)
        assert fills(floor) == []
    floor.set("has_background", True, "BTC")
    sizes = []
    for _ in range(4):
        floor.wait(30_000)
        sizes.append(sum(fills(floor)))
    assert sizes == [3_000, 3_000, 2_000, 1_000]
    assert (one.status, one.executed_lots) == ("finished", LOTS)


def test_a_slice_trades_within_three_hundredths_of_the_middle(floor: Floor) -> None:
    floor.quiet()
    floor.order(BOB, limit_ticks=599_000, lots=1_000)
    floor.order(BOB, is_buy=False, limit_ticks=640_000, lots=1_000)
    one = running(floor)
    assert one.executed_lots == 0, "640,000 is more than 3 % above 619,500"
    floor.order(BOB, is_buy=False, limit_ticks=610_000, lots=1_000)
    floor.wait(30_000)
    assert one.executed_lots == 1_000


def test_a_reduce_only_one_sells_no_more_than_there_is(floor: Floor) -> None:
    assert start(floor, reduce_only=True, is_buy=False) == Refused(
        "Reduce-only TWAP order would increase position."
    )
    floor.order(ALICE, limit_ticks=620_000, lots=1_500, tif="Ioc")
    one = running(floor, reduce_only=True, is_buy=False)
    floor.wait(300_000)
    assert floor.held(ALICE) == 0
    assert (one.status, one.executed_lots) == ("finished", 1_500)


def test_random_sizes_differ_by_a_fifth_and_are_the_same_again() -> None:
    def sizes(seed: int) -> list[int]:
        floor = Floor()
        floor.state.seed = seed
        floor.fund(ALICE)
        running(floor, randomize=True)
        found = [sum(fills(floor))]
        for _ in range(9):
            floor.wait(30_000)
            found.append(sum(fills(floor)))
        assert sum(found) == LOTS
        return found

    first = sizes(1)
    assert len(set(first)) > 5
    assert all(600 <= size <= 1_500 for size in first)
    assert first == sizes(1) != sizes(2)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"minutes": 1}, "Invalid TWAP duration: 1 min(s)"),
        ({"minutes": 10_081}, "Invalid TWAP duration: 10081 min(s)"),
        ({"lots": 0}, "Order has zero size."),
        ({"lots": 160}, "TWAP order value too small. Min is $100."),
        ({"minutes": 1_000, "lots": 15_000}, "TWAP order value too small. Min is $10000."),
        ({"fault": "Order has invalid size."}, "Order has invalid size."),
    ],
)
def test_what_cannot_start_is_refused(floor: Floor, fields: dict[str, Any], text: str) -> None:
    assert start(floor, **fields) == Refused(text)
    assert floor.state.twaps == {}


def test_none_starts_where_nothing_trades(floor: Floor) -> None:
    assert floor.error(StartTwap(ALICE, 77, True, LOTS, False, 5, False)) == "Unknown asset 77."
    floor.set("is_halted", True, "BTC")
    assert start(floor) == Refused("Trading is halted.")


def test_it_is_stopped_by_its_user_alone(floor: Floor) -> None:
    one = running(floor)
    gone = Refused("TWAP was never placed, already canceled, or filled.")

    def stop(user: str, asset: int, twap_id: int) -> Status:
        floor.ask(StopTwap(user, asset, twap_id))
        assert floor.the(Answered).kind == "twapCancel"
        return floor.the(Answered).statuses[0]

    assert stop(BOB, BTC, one.twap_id) == stop(ALICE, ETH, one.twap_id) == gone
    assert stop(ALICE, BTC, 99) == gone
    assert stop(ALICE, BTC, one.twap_id) == Waiting("success")
    assert one.status == "terminated"
    assert stop(ALICE, BTC, one.twap_id) == gone
    floor.wait(300_000)
    assert floor.held(ALICE) == 1_000


def test_slices_of_a_halt_are_left_to_those_after_it(floor: Floor) -> None:
    one = running(floor)
    floor.set("halted_until_ms", floor.now_ms + 31_000)
    floor.wait(30_000)
    assert fills(floor) == []
    floor.wait(30_000)
    assert fills(floor) == [2_000]
    assert one.slices_left == 7


def test_a_poor_one_s_slices_are_skipped(floor: Floor) -> None:
    poor = "0x" + "d" * 40
    floor.fund(poor, usd=50)
    one = running(floor, user=poor)
    floor.wait(300_000)
    assert one.status == "finished"
    assert 0 < one.executed_lots < LOTS
    assert margin.audit(floor.state) == 0


def test_it_ends_with_its_coin(floor: Floor) -> None:
    one = running(floor)
    floor.ask(Listed("BTC", is_delisted=True))
    assert one.status == "terminated"


def test_an_account_runs_only_so_many(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twap, "ACTIVE_MAX", 2)
    first = running(floor)
    running(floor)
    assert start(floor) == Refused("Exceeded max number of active TWAP orders.")
    running(floor, user=BOB)
    floor.ask(StopTwap(ALICE, BTC, first.twap_id))
    running(floor)


def test_the_oldest_are_forgotten_beyond_a_bound(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twap, "KEPT", 3)
    ids = []
    for _ in range(5):
        one = running(floor)
        ids.append(one.twap_id)
        floor.ask(StopTwap(ALICE, BTC, one.twap_id))
    assert list(floor.state.twaps) == ids[2:]
