"""Whatever a client writes, the gateway answers it or ends the session, and goes on."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.emulator.gateway.subscriptions import NEEDED
from sidecar.emulator.gateway.talk import TEXT_CHARS_MAX
from tests.venue_box import JSON, PEER, Box, box

VENUE = box()
VENUE_LIMITED = box(limits_on=True)
USER = "0x" + "ab" * 20
STATUSES = {200, 400, 404, 405, 413, 415, 422, 429, 500}
NAMES = [
    "method", "subscription", "type", "coin", "user", "interval", "dex", "nSigFigs", "mantissa",
    "fast", "id", "request", "payload", "action", "nonce", "signature", "aggregateByTime",
    "orders", "grouping", "r", "s", "v", "req", "startTime", "oid",
]  # fmt: skip
WORDS = [
    "subscribe", "unsubscribe", "post", "ping", "info", "action", "BTC", "btc", USER, "1m", "xyz",
    "order", "cancel", "noop", "meta", "l2Book", "userFills", *NEEDED,
]  # fmt: skip

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(WORDS)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
subscriptions = st.fixed_dictionaries(
    {"type": st.sampled_from([*NEEDED])},
    optional={
        "coin": st.sampled_from(["BTC", "ETH", "PURR/USDC", "@1", "NOPE"]) | scalars,
        "user": st.just(USER) | scalars,
        "interval": st.sampled_from(["1m", "1M", "2m"]) | scalars,
        "dex": st.sampled_from(["", "xyz"]) | scalars,
        "nSigFigs": st.integers(0, 7) | scalars,
        "mantissa": st.integers(0, 7) | scalars,
        "fast": st.booleans() | scalars,
        "aggregateByTime": st.booleans() | scalars,
    },
)
requests = st.fixed_dictionaries(
    {"method": st.sampled_from(["subscribe", "unsubscribe", "post", "ping"]) | scalars},
    optional={
        "subscription": subscriptions | values,
        "id": st.integers() | scalars,
        "request": st.fixed_dictionaries(
            {"type": st.sampled_from(["info", "action"]) | scalars, "payload": values}
        ),
    },
)


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A request with some of its characters lost, doubled or replaced."""
    text = json.dumps(draw(requests))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.text(max_size=2)) + text[at + draw(st.integers(0, 3)) :]
    return text


texts = st.text(max_size=60) | values.map(json.dumps) | requests.map(json.dumps) | damaged()


def answered(venue: Box, spoken: list[str]) -> None:
    wire = venue.connect(peer="fuzz")
    for text in spoken:
        before = len(wire.frames)
        wire.send(text)
        fresh = wire.frames[before:]
        assert fresh or wire.code is not None, text
        for frame in fresh:
            assert (frame.text is None) == (frame.close_code is not None)
            if frame.text is not None:
                assert json.loads(frame.text)["channel"]
        venue.pass_ms(3)
    venue.hang_up(wire)


@settings(max_examples=300)
@given(st.lists(texts, min_size=1, max_size=6))
def test_every_text_is_answered_or_ends_the_session(spoken: list[str]) -> None:
    answered(VENUE, spoken)


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=6))
def test_limits_answer_too(spoken: list[str]) -> None:
    VENUE_LIMITED.pass_ms(3_000)

    answered(VENUE_LIMITED, spoken)


@settings(max_examples=300)
@given(
    st.sampled_from(["/info", "/exchange", "/", "/ws"]),
    st.sampled_from(["POST", "POST", "POST", "GET"]),
    st.sampled_from([JSON, JSON, JSON, "text/plain", None]),
    st.binary(max_size=40) | texts.map(lambda text: text.encode("utf-8", "replace")),
)
def test_every_body_has_an_answer(
    path: str, method: str, content_type: str | None, body: bytes
) -> None:
    reply = VENUE.gateway.post(VENUE.now_ms, PEER, path, content_type, body, method)

    assert reply.status in STATUSES
    if reply.content_type == JSON:
        json.loads(reply.body)


def test_a_text_of_a_megabyte_is_an_error_and_a_longer_one_ends_the_session() -> None:
    venue = box()
    wire = venue.connect()

    wire.send("x" * TEXT_CHARS_MAX)
    (complaint,) = wire.heard()
    assert complaint["channel"] == "error"
    wire.send("x" * (TEXT_CHARS_MAX + 1))
    assert wire.code == 1009


def test_every_subscription_there_is_can_be_heard_together() -> None:
    venue = box(dex="xyz")
    trader = venue.trader()
    wire = venue.connect()
    fields: dict[str, Any] = {"coin": "BTC", "user": trader.user, "interval": "1m"}

    for kind, needed in NEEDED.items():
        heard = wire.subscribe(kind, **{name: fields[name] for name in needed})
        assert heard[0]["channel"] == "subscriptionResponse", kind
    venue.pass_ms(60_000)

    assert wire.code is None
    told = {one["channel"] for one in wire.heard()}
    assert {"l2Book", "bbo", "trades", "candle", "allMids", "webData3", "openOrders"} <= told
    for kind, needed in NEEDED.items():
        heard = wire.unsubscribe(kind, **{name: fields[name] for name in needed})
        assert [one["channel"] for one in heard] == ["subscriptionResponse"], kind
    venue.pass_ms(59_000)
    assert wire.heard() == []
