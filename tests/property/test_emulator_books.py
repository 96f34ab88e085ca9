"""What holds of the emulator's books whatever its users and its market do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.exchange import machine, margin
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Request
from sidecar.emulator.exchange.state import VenueState
from tests.exchange_walk import Tally, Walk, assert_book, assert_priority, resting_orders

seeds = st.integers(0, 2**32)


def run(walk: Walk, count: int) -> list[tuple[int, Request]]:
    """Takes so many steps, with every check after each; the requests and their times."""
    state, tally = walk.floor.state, Tally()
    taken = []
    for request in walk.requests(count):
        before = resting_orders(state)
        taken.append((walk.floor.now_ms, request))
        events = walk.floor.ask(request)
        assert_book(state)
        assert_priority(before, state, events)
        tally.note(state, events)
        tally.assert_conserved(state)
        assert margin.audit(state) == 0, request
        assert margin.positions_off(state) == {}, request
    return taken


@given(seed=seeds)
def test_books_hold_after_every_request(seed: int) -> None:
    run(Walk(seed), 60)


def test_books_hold_over_a_long_walk() -> None:
    run(Walk(20_260_925), 1_500)


@pytest.mark.proof
def test_books_hold_over_ten_thousand_requests() -> None:
    run(Walk(5), 10_000)


def replayed(state: VenueState, taken: list[tuple[int, Request]]) -> list[list[Event]]:
    """The events of the same requests on another state."""
    return [machine.step(state, now_ms, request) for now_ms, request in taken]


@given(seed=seeds, split=st.integers(0, 50))
def test_a_state_that_was_written_and_read_goes_on_alike(seed: int, split: int) -> None:
    walk = Walk(seed)
    list(map(walk.floor.ask, walk.requests(split)))
    stored = msgspec.msgpack.encode(walk.floor.state)
    taken: list[tuple[int, Request]] = []
    events: list[list[Event]] = []
    for request in walk.requests(30):
        taken.append((walk.floor.now_ms, request))
        events.append(list(walk.floor.ask(request)))
    again = msgspec.msgpack.decode(stored, type=VenueState)
    assert replayed(again, taken) == events
    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(walk.floor.state)


def test_the_same_walk_ends_in_the_same_state() -> None:
    ends = []
    for _ in range(2):
        walk = Walk(9)
        list(map(walk.floor.ask, walk.requests(300)))
        ends.append(msgspec.msgpack.encode(walk.floor.state))
    assert ends[0] == ends[1]
