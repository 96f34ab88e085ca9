"""Sums over a minute, and what one peer may have."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.venue.weights import WINDOW_MS
from sidecar.emulator.gateway.limits import PEERS_KEPT, USERS_MAX, Peer, Peers, Window


@given(st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 90)), max_size=40))
def test_a_window_holds_what_came_in_its_last_minute(steps: list[tuple[int, int]]) -> None:
    window, now_ms, entered = Window(), 0, []

    for wait_ms, count in steps:
        now_ms += wait_ms
        window.add(now_ms, count)
        entered.append((now_ms, count))

        assert window.total(now_ms) == sum(
            count for at_ms, count in entered if at_ms > now_ms - WINDOW_MS
        )


def test_users_are_counted_once_however_many_subscriptions_they_have() -> None:
    peer = Peer()
    for index in range(USERS_MAX):
        peer.follow(f"user {index}")
        peer.follow(f"user {index}")

    assert not peer.may_follow("one more")
    assert peer.may_follow("user 0")

    peer.leave("user 0")
    assert not peer.may_follow("one more")
    peer.leave("user 0")
    assert peer.may_follow("one more")


def test_peers_of_whom_nothing_is_left_are_forgotten() -> None:
    peers = Peers()
    busy = peers.of("busy", 0)
    busy.sessions = 1
    for index in range(PEERS_KEPT - 1):
        peers.of(f"peer {index}", 0).messages.add(0, 1)
    first = peers.of("peer 0", 0)

    peers.of("another", WINDOW_MS)

    assert peers.of("busy", WINDOW_MS) is busy
    assert peers.of("peer 0", WINDOW_MS) is not first
