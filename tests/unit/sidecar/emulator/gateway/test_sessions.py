"""Who hears what, and that nothing is left of what nobody hears."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.emulator.gateway.limits import Peer
from sidecar.emulator.gateway.sessions import Sessions
from sidecar.emulator.gateway.subscriptions import Topic

TOPICS = [
    Topic("l2Book", coin="BTC"),
    Topic("l2Book", coin="BTC", fast=True),
    Topic("l2Book", coin="ETH", n_sig_figs=2),
    Topic("userFills", user="a"),
    Topic("userFills", user="a", aggregate_by_time=True),
    Topic("allMids"),
]

steps = st.lists(
    st.tuples(st.sampled_from(["toggle", "close"]), st.integers(0, 3), st.sampled_from(TOPICS)),
    max_size=60,
)


@given(steps)
def test_streams_are_heard_by_those_who_subscribed_and_no_longer(
    done: list[tuple[str, int, Topic]],
) -> None:
    sessions, peers = Sessions(), [Peer() for _ in range(4)]
    opened = [sessions.add(str(index), peer, 0) for index, peer in enumerate(peers)]
    expected: dict[int, set[Topic]] = {session.number: set() for session in opened}

    for kind, index, topic in done:
        session = opened[index]
        if session.number not in sessions.open:
            continue
        if kind == "close":
            sessions.remove(session.number)
            expected[session.number] = set()
        elif topic in session.topics:
            sessions.unsubscribe(session, topic)
            expected[session.number].discard(topic)
        else:
            sessions.subscribe(session, topic)
            expected[session.number].add(topic)

    for topic in TOPICS:
        listeners = sessions.topics(topic.stream, topic.subject).get(topic, {})
        assert set(listeners) == {number for number, told in expected.items() if topic in told}
    assert sessions.are_heard is any(expected.values())
    for session, peer in zip(opened, peers, strict=True):
        assert peer.subscriptions == len(expected[session.number])
        assert set(peer.users) == {one.user for one in expected[session.number] if one.user}


def test_a_session_that_is_gone_cannot_be_removed_again() -> None:
    sessions = Sessions()
    session = sessions.add("peer", Peer(), 0)

    assert sessions.remove(session.number) is session
    assert sessions.remove(session.number) is None
    assert session.peer.sessions == 0
