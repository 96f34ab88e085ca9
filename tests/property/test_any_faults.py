"""Any faults with any options over any run: money stays whole, nothing is left of them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.fault_kinds import FAULT_KINDS
from sidecar.emulator.exchange import margin
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.faults.state import PlaneState
from tests.fault_scene import BTC, Scene
from tests.venue_box import order

NUMBERS: dict[str, list[Any]] = {
    "frac": [0.0, 0.01, 0.5, 1.0],
    "usd": [1.0, 50.0, 10_000.0, 10_000_000.0],
    "by_ms": [-(10**8), -5_000, 5_000, 10**9],
    "delay_ms": [0, 1, 700, 30_000],
    "rows": [1, 3, 100],
    "leverage": [0, 1, 10, 50],
    "factor": [0.1, 3.0, 10.0],
    "rate_1h": [-0.04, 0.01],
    "reason": ["oracleRejected", "badAloPxRejected"],
    "executed": [True, False],
    "is_buy": [True, False],
}
WHOM: dict[str, list[Any]] = {
    "coin": [BTC, "ETH", "NOPE"],
    "type": ["order", "cancel", "meta", "clearinghouseState"],
    "channel": ["bbo", "userFills", "l2Book", "post"],
    "session": [1, 2],
}


@st.composite
def faults(draw: st.DrawFn) -> dict[str, Any]:
    """A fault with some of the keys that its kind takes."""
    name = draw(st.sampled_from([*FAULT_KINDS]))
    kind = FAULT_KINDS[name]
    choices: dict[str, list[Any]] = {
        "after_s": [0.5, 3.0, 30.0],
        "for_s": [0.01, 1.0, 60.0, 4_000.0],
        "count": [1, 2],
        "every": [2, 3],
        "chance_frac": [0.1, 0.5],
        **({"every_s": [0.5, 20.0]} if kind.acts_alone else {}),
        **({"how": [*kind.hows]} if kind.hows else {}),
        **{key: values for key, values in WHOM.items() if key in kind.whom},
        **{key: values for key, values in NUMBERS.items() if key in kind.options},
    }
    chosen = draw(st.lists(st.sampled_from([*choices]), unique=True, max_size=5))
    return {"fault": name, **{key: draw(st.sampled_from(choices[key])) for key in chosen}}


orders = st.tuples(
    st.booleans(),
    st.sampled_from(["111000", "112130", "113000"]),
    st.sampled_from(["0.01", "0.3"]),
    st.sampled_from(["Ioc", "Gtc", "Alo"]),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("fault"), faults()),
        st.tuples(st.just("order"), orders),
        st.tuples(st.just("cancel"), st.none()),
        st.tuples(st.just("remove"), st.integers(1, 6)),
        st.tuples(st.just("pass"), st.sampled_from([1, 100, 3_000, 20_000])),
        st.tuples(st.just("ask"), st.sampled_from(["meta", "clearinghouseState", "userFills"])),
    ),
    max_size=25,
)


def act(scene: Scene, step: str, value: Any) -> None:
    """One step of a run, whatever the venue makes of it."""
    trader, venue = scene.trader, scene.box
    match step:
        case "fault":
            keys = {key: one for key, one in value.items() if key != "fault"}
            scene.fault(value["fault"], **keys)
        case "order":
            is_buy, px, size, tif = value
            one = order(is_buy=is_buy, px=px, size=size, tif=tif)
            venue.exchange(trader.signed({"type": "order", "orders": [one], "grouping": "na"}))
        case "cancel":
            for oid in scene.account.open_oids[:1]:
                venue.exchange(trader.signed({"type": "cancel", "cancels": [{"a": 0, "o": oid}]}))
        case "remove":
            venue.gateway.plane.remove(value)
        case "pass":
            venue.pass_ms(value)
        case "ask":
            venue.info(type=value, user=scene.user)


@given(steps)
@settings(max_examples=20, deadline=None)
def test_any_faults_keep_money_whole_and_leave_nothing(run: list[tuple[str, Any]]) -> None:
    scene = Scene()
    wire = scene.box.connect()
    for kind in ("bbo", "l2Book", "trades"):
        wire.subscribe(kind, coin=BTC)
    for kind in ("userFills", "orderUpdates", "clearinghouseState"):
        wire.subscribe(kind, user=scene.user)
    rules = msgspec.structs.replace(scene.box.gateway.state.rules)
    for step, value in run:
        act(scene, step, value)
        assert margin.audit(scene.box.gateway.state) == 0
        assert margin.positions_off(scene.box.gateway.state) == {}

    plane = scene.box.gateway.plane
    kept = msgspec.msgpack.encode(plane.state)
    again = Plane(msgspec.msgpack.decode(kept, type=PlaneState))
    assert again.next_ms() == plane.next_ms()
    for counter in plane.counters().values():
        assert counter.hit <= counter.seen
    plane.clear()
    scene.box.pass_ms(2_000)
    assert (plane.touches_calls, plane.touches_frames, plane.next_ms()) == (False, False, None)
    assert scene.box.gateway.state.rules == rules
