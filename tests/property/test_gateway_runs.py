"""Any run of sessions, orders, faults and time: nothing follows an end, nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.fault_kinds import FAULT_KINDS
from schemas.fault_schedule import FaultSpec
from sidecar.emulator.gateway.messages import Frame
from sidecar.emulator.gateway.subscriptions import NEEDED
from tests.venue_box import JSON, START_MS, Trader, box, order

PEERS = ("127.0.0.1", "127.0.0.2")
COINS = ("BTC", "ETH", "SOL", "xyz:GOLD", "@1", "NOPE")
USERS = 2

steps = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.sampled_from(PEERS)),
        st.tuples(st.just("hang_up"), st.integers(0, 20)),
        st.tuples(
            st.sampled_from(["subscribe", "subscribe", "subscribe", "unsubscribe"]),
            st.integers(0, 20),
            st.sampled_from([*NEEDED]),
            st.sampled_from(COINS),
            st.integers(0, USERS - 1),
        ),
        st.tuples(
            st.sampled_from(["order", "post"]),
            st.integers(0, USERS - 1),
            st.sampled_from(["Ioc", "Gtc", "Alo"]),
            st.booleans(),
        ),
        st.tuples(st.just("fault"), st.sampled_from([*FAULT_KINDS]), st.sampled_from([1, 20])),
        st.tuples(st.just("heal")),
        st.tuples(st.just("pass"), st.sampled_from([1, 70, 500, 1_000, 5_000, 20_000, 61_000])),
    ),
    max_size=40,
)


class Run:
    """A venue under a run of steps, and all that it said."""

    def __init__(self, *, limits_on: bool) -> None:
        self.venue = box(limits_on=limits_on, dex="xyz")
        self.gateway = self.venue.gateway
        self.now_ms = START_MS
        self.traders = [self.venue.trader(index + 1) for index in range(USERS)]
        self.open: list[int] = []
        self.ended: set[int] = set()
        self.frames: list[Frame] = []

    def step(self, name: str, *arguments: Any) -> None:
        """Do one step, and look at what came of it."""
        handler: Callable[..., None] = getattr(self, f"on_{name}")
        handler(*arguments)
        self.read()

    def read(self) -> None:
        """Take what was said."""
        for frame in self.gateway.frames():
            assert frame.session not in self.ended, frame
            assert (frame.text is None) == (frame.close_code is not None)
            if frame.text is None:
                self.gone(frame.session)
            self.frames.append(frame)

    def gone(self, number: int) -> None:
        self.ended.add(number)
        self.open.remove(number)

    def on_open(self, peer: str) -> None:
        number = self.gateway.open(self.now_ms, peer)
        if isinstance(number, int):
            self.open.append(number)

    def on_hang_up(self, place: int) -> None:
        if self.open:
            # What was on its way before is read first, an end among it.
            self.on_pass(0)
            self.read()
        if self.open:
            number = self.open[place % len(self.open)]
            self.gateway.closed(self.now_ms, number)
            self.gone(number)

    def on_subscribe(self, *what: Any) -> None:
        self.say("subscribe", *what)

    def on_unsubscribe(self, *what: Any) -> None:
        self.say("unsubscribe", *what)

    def say(self, method: str, place: int, kind: str, coin: str, user: int) -> None:
        fields = {"coin": coin, "user": self.traders[user].user, "interval": "1m"}
        wanted = {"type": kind, **{field: fields[field] for field in NEEDED[kind]}}
        self.send(place, {"method": method, "subscription": wanted})

    def send(self, place: int, message: dict[str, Any]) -> None:
        if self.open:
            number = self.open[place % len(self.open)]
            self.gateway.receive(self.now_ms, number, json.dumps(message))

    def signed(self, user: int, tif: str, is_buy: bool) -> dict[str, Any]:
        trader: Trader = self.traders[user]
        wanted = order(px="130000" if is_buy else "100000", size="0.01", tif=tif, is_buy=is_buy)
        return trader.signed({"type": "order", "orders": [wanted], "grouping": "na"})

    def on_order(self, user: int, tif: str, is_buy: bool) -> None:
        body = json.dumps(self.signed(user, tif, is_buy)).encode()
        reply = self.gateway.post(self.now_ms, PEERS[0], "/exchange", JSON, body)
        assert reply.is_lost or reply.status in (200, 429) or reply.status >= 500

    def on_post(self, user: int, tif: str, is_buy: bool) -> None:
        request = {"type": "action", "payload": self.signed(user, tif, is_buy)}
        self.send(user, {"method": "post", "id": user, "request": request})

    def on_fault(self, kind: str, for_s: float) -> None:
        self.gateway.plane.add(FaultSpec(fault=kind, for_s=for_s), self.now_ms)

    def on_heal(self) -> None:
        self.gateway.plane.clear()

    def on_pass(self, by_ms: int) -> None:
        self.now_ms += by_ms
        self.gateway.advance(self.now_ms)
        assert self.gateway.next_ms() > self.now_ms


@settings(max_examples=30)
@given(steps, st.booleans())
def test_any_run_says_nothing_after_an_end_and_leaves_nothing_behind(
    done: list[tuple[Any, ...]], limits_on: bool
) -> None:
    run = Run(limits_on=limits_on)
    for step in done:
        run.step(*step)

    run.step("heal")
    for number in list(run.open):
        run.gateway.closed(run.now_ms, number)
        run.gone(number)
    run.frames.clear()
    run.gateway.frames()
    run.step("pass", 61_000)
    run.step("open", "127.0.0.3")

    assert run.frames == []
    assert len(run.open) == 1


@settings(max_examples=6)
@given(steps)
def test_the_same_run_says_the_same(done: list[tuple[Any, ...]]) -> None:
    said = []
    for _ in range(2):
        run = Run(limits_on=True)
        for step in done:
            run.step(*step)
        said.append([(one.session, one.text, one.close_code, one.delay_ms) for one in run.frames])

    assert said[0] == said[1]
