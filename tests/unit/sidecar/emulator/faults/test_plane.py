"""The plane by itself: when faults act, what is counted, what is remembered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from schemas.fault_kinds import FAULT_KINDS
from schemas.fault_schedule import FaultSpec
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.faults.sights import Call, Parcel, Sight
from sidecar.emulator.faults.state import PlaneState
from sidecar.emulator.gateway.messages import HttpReply
from tests.fault_scene import BTC, MINUTE_MS, SECOND_MS, Scene
from tests.venue_box import PEER

NOW_MS = 1_700_000_000_000
CALL = Call(PEER, "/info", "meta")
SIGHT = Sight(1, "bbo", '{"channel":"bbo","data":{}}', coin=BTC)


def plane_with(*faults: dict[str, Any], seed: int = 0) -> Plane:
    plane = Plane(PlaneState(seed=seed))
    for fault in faults:
        plane.add(FaultSpec.model_validate(fault), NOW_MS)
    return plane


def refusals(plane: Plane, times: int) -> list[bool]:
    return [plane.on_call(NOW_MS + index, CALL) is not None for index in range(times)]


def test_without_faults_nothing_is_touched_and_nothing_is_due() -> None:
    plane = Plane()
    reply = HttpReply(200, "application/json", b"{}")

    assert (plane.touches_calls, plane.touches_frames, plane.next_ms()) == (False, False, None)
    assert plane.on_call(NOW_MS, CALL) is None
    assert plane.on_reply(NOW_MS, CALL, reply) is reply
    assert plane.on_frame(NOW_MS, SIGHT) == [Parcel(1, SIGHT.text)]
    assert plane.counters() == {}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, "xxxxxx"),
        ({"count": 2}, "xx...."),
        ({"every": 3}, "..x..x"),
        ({"every": 2, "count": 2}, ".x.x.."),
        ({"from_ms": NOW_MS + 2}, "..xxxx"),
        ({"to_ms": NOW_MS + 2}, "xx...."),
        ({"after_s": 0.001, "for_s": 0.002}, ".xx..."),
        ({"type": "meta"}, "xxxxxx"),
        ({"type": "order"}, "......"),
        ({"session": 4}, "......"),
    ],
)
def test_when_and_whom(keys: dict[str, Any], expected: str) -> None:
    plane = plane_with({"fault": "429", **keys})

    assert "".join(".x"[acts] for acts in refusals(plane, 6)) == expected
    assert plane.counters()["429"].had_effect == expected.count("x")


def test_only_occasions_that_could_be_used_are_seen() -> None:
    plane = plane_with({"fault": "429", "count": 2, "every": 2})

    refusals(plane, 10)

    counter = plane.counters()["429"]
    assert (counter.seen, counter.hit, counter.had_effect) == (4, 2, 2)


def test_chance_is_of_the_seed_the_fault_and_the_occasion() -> None:
    fault = {"fault": "429", "chance_frac": 0.3}
    one = refusals(plane_with(fault), 400)

    assert one == refusals(plane_with(fault), 400)
    assert one != refusals(plane_with(fault, seed=1), 400)
    assert 80 <= sum(one) <= 160
    # Another fault beside it changes nothing.
    assert one == refusals(plane_with(fault, {"fault": "5xx_after"}), 400)


def test_a_fault_that_is_taken_back_acts_no_more_and_its_counters_stay() -> None:
    plane = plane_with({"fault": "429"}, {"fault": "dup"})

    assert refusals(plane, 1) == [True]
    assert plane.remove(1)
    assert not plane.remove(1)
    assert refusals(plane, 1) == [False]
    plane.clear()
    assert (plane.touches_calls, plane.touches_frames) == (False, False)
    assert {name: one.hit for name, one in plane.counters().items()} == {"429": 1, "dup": 0}


def test_what_a_fault_held_back_goes_when_it_is_taken_back() -> None:
    plane = plane_with({"fault": "delay", "delay_ms": 60_000})

    assert plane.on_frame(NOW_MS, SIGHT) == []
    assert plane.next_ms() == NOW_MS + 60_000
    plane.remove(1)
    assert plane.touches_frames
    assert plane.frames_due(NOW_MS + 1) == [Parcel(1, SIGHT.text)]
    assert not plane.touches_frames


def test_clearing_lets_go_of_what_faults_held_that_are_over_already() -> None:
    scene = Scene()
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    scene.fault("delay", delay_ms=600_000, for_s=10)
    scene.box.pass_ms(20 * SECOND_MS)
    plane = scene.box.gateway.plane
    assert (plane.state.actives, wire.heard()) == ([], [])

    plane.clear()
    scene.box.pass_ms(1)
    assert len(wire.heard("bbo")) > 3
    assert (plane.touches_frames, plane.next_ms()) == (False, None)


def test_nothing_passes_what_a_whole_line_holds_back() -> None:
    plane = plane_with({"fault": "delay", "delay_ms": 50, "count": 1})

    assert plane.on_frame(NOW_MS, SIGHT) == []
    later = msgspec.structs.replace(SIGHT, text='{"channel":"bbo","data":{"n":2}}')
    assert plane.on_frame(NOW_MS + 10, later) == []
    assert plane.frames_due(NOW_MS + 50) == [Parcel(1, SIGHT.text), Parcel(1, later.text)]


def test_a_session_that_is_gone_leaves_nothing_behind() -> None:
    plane = plane_with({"fault": "delay", "delay_ms": 50})
    plane.opened(NOW_MS, 1)
    plane.on_frame(NOW_MS, SIGHT)

    plane.closed(1)

    assert plane.frames_due(NOW_MS + 1_000) == []
    assert (plane.state.texts, plane.state.opened_ms, plane.state.wire_ms) == ({}, {}, {})


def test_sessions_of_a_venue_that_was_killed_are_not_waited_for() -> None:
    plane = plane_with({"fault": "flap", "delay_ms": 100})
    plane.opened(NOW_MS, 1)
    again = Plane(msgspec.msgpack.decode(msgspec.msgpack.encode(plane.state), type=PlaneState))

    assert again.next_ms() == NOW_MS + 100
    assert again.closures(NOW_MS + 200, []) == []
    assert again.next_ms() is None


def test_all_faults_at_once_end_and_leave_nothing_due() -> None:
    """What stayed due would have the venue look at every millisecond."""
    scene = Scene()
    scene.box.connect().subscribe("bbo", coin=BTC)
    scene.buy()
    for name, kind in FAULT_KINDS.items():
        scene.fault(name, via=kind.vias[0], after_s=1, for_s=5)
    for _ in range(40):
        scene.box.pass_ms(SECOND_MS)
        scene.box.info(type="meta")
    plane, now_ms = scene.box.gateway.plane, scene.box.now_ms

    next_ms = plane.next_ms()
    assert next_ms is None or next_ms > now_ms
    assert plane.state.actives == []
    assert (plane.touches_calls, plane.touches_frames) == (False, False)
    assert scene.box.gateway.state.rules == Scene().box.gateway.state.rules


def test_a_session_that_would_need_too_much_held_back_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidecar.emulator.faults.waiting.TEXTS_MAX", 5)
    plane = plane_with({"fault": "stall", "for_s": 3600})
    for _ in range(6):
        plane.on_frame(NOW_MS, SIGHT)

    (closure,) = plane.closures(NOW_MS, [1, 2])
    assert (closure.session, closure.code) == (1, 1006)


def story(seed: int) -> tuple[list[str], Any]:
    """Everything that a client hears while many faults are in force, and the counters."""
    scene = Scene(seed)
    wire = scene.box.connect()
    for kind in ("bbo", "trades", "l2Book"):
        wire.subscribe(kind, coin=BTC)
    wire.subscribe("userFills", user=scene.user)
    for fault in (
        {"fault": "delay", "jitter_ms": 3_000, "channel": "bbo", "chance_frac": 0.5},
        {"fault": "dup", "chance_frac": 0.2},
        {"fault": "reorder", "chance_frac": 0.2},
        {"fault": "mute_sub", "channel": "trades", "chance_frac": 0.3},
        {"fault": "garble", "chance_frac": 0.05, "how": "noise"},
        {"fault": "reject", "chance_frac": 0.5},
        {"fault": "partial", "chance_frac": 0.3},
        {"fault": "external", "every_s": 40},
        {"fault": "crash", "after_s": 60, "frac": -0.02},
    ):
        scene.fault(str(fault.pop("fault")), **fault)
    heard = []
    for _ in range(12):
        scene.box.pass_ms(10 * SECOND_MS)
        reply = scene.box.exchange(
            scene.trader.signed(
                {
                    "type": "order",
                    "orders": [
                        {
                            "a": 0, "b": True, "p": "113000", "s": "0.01", "r": False,
                            "t": {"limit": {"tif": "Ioc"}},
                        }
                    ],
                    "grouping": "na",
                }
            )
        )  # fmt: skip
        heard += [reply.body.decode(), *wire.texts]
        wire.texts.clear()
    return heard, msgspec.to_builtins(scene.box.gateway.plane.counters())


def test_the_same_seed_twice_has_the_same_effects() -> None:
    heard, counters = story(1)

    assert story(1) == (heard, counters)
    assert story(2) != (heard, counters)
    assert all(one["had_effect"] > 0 for one in counters.values()), counters


def test_the_state_is_plain_and_a_plane_read_back_goes_on_as_before() -> None:
    faults = (
        {"fault": "429", "chance_frac": 0.4},
        {"fault": "delay", "delay_ms": 400, "jitter_ms": 300},
        {"fault": "throttle", "bytes_per_s": 50},
    )
    plane = plane_with(*faults)
    refusals(plane, 20)
    for index in range(5):
        plane.on_frame(NOW_MS + index, SIGHT)

    kept = msgspec.msgpack.encode(plane.state)
    again = Plane(msgspec.msgpack.decode(kept, type=PlaneState))

    assert again.next_ms() == plane.next_ms()
    assert (again.touches_calls, again.touches_frames) == (True, True)
    assert refusals(again, 50) == refusals(plane, 50)
    assert again.frames_due(NOW_MS + MINUTE_MS) == plane.frames_due(NOW_MS + MINUTE_MS)
    assert msgspec.json.decode(msgspec.json.encode(plane.state), type=PlaneState) == plane.state


def test_what_faults_did_before_a_crash_they_do_not_do_again() -> None:
    scene = Scene()
    state = scene.box.gateway.state
    scene.fault("transfer", usd=500.0, after_s=5, user=scene.user)
    scene.fault("halt", after_s=5, for_s=60)
    kept = msgspec.msgpack.encode(scene.box.gateway.plane.state)
    scene.box.pass_ms(10 * SECOND_MS)
    assert state.halted_until_ms > scene.box.now_ms

    asked: list[Any] = []

    def take(now_ms: int, request: Any) -> list[Any]:
        asked.append((now_ms, request.what, request.value))
        return []

    again = Plane(msgspec.msgpack.decode(kept, type=PlaneState))
    again.catch_up(scene.box.now_ms, state)
    again.due(scene.box.now_ms + 1, state, take)
    assert asked == []
    end_ms = scene.box.now_ms + MINUTE_MS
    again.due(end_ms, state, take)
    assert [(now_ms, what) for now_ms, what, _ in asked] == [(end_ms, "halted_until_ms")]
