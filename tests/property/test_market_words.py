"""Whatever bytes come, they become facts; whatever is wanted, plans keep within the budgets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.market.bars import INTERVALS
from sidecar.market import decode, topics
from sidecar.market.board import Board
from sidecar.market.desired import Interest, Limits, Wanted, plan, union
from sidecar.market.facts import Odd
from sidecar.market.topics import Topic

SEEN_MS = 1_788_490_066_000
USER = "0x" + "ab" * 20
GOOD = [
    '{"channel":"bbo","data":{"coin":"BTC","time":1788490065008,"bbo":[{"px":"80639.0",'
    '"sz":"0.00186","n":2},{"px":"80640.0","sz":"13.7","n":46}]}}',
    '{"channel":"candle","data":{"t":1788490020000,"T":1788490079999,"s":"BTC","i":"1m",'
    '"o":"80640.0","c":"80640.0","h":"80641.0","l":"80639.0","v":"2.2","n":61}}',
    '{"channel":"allMids","data":{"mids":{"BTC":"80639.5","@1":"2.0","ETH":"3000.0"}}}',
    '{"channel":"trades","data":[{"coin":"BTC","side":"A","px":"80639.0","sz":"0.1",'
    '"time":1788490042052,"hash":"0x0","tid":1,"users":["0x1","0x2"]}]}',
    '{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":'
    '{"type":"bbo","coin":"BTC"}}}',
    '{"channel":"userFundings","data":{"user":"' + USER + '","fundings":[{"time":1788490042052,'
    '"coin":"BTC","usdc":"-1.0","szi":"1.0","fundingRate":"0.0001","nSamples":null}]}}',
    '{"channel":"pong"}',
]  # fmt: skip
BAD_PRICES = ["NaN", "Infinity", "-1.0", "0.0", "1e999", "-0", "", " 1", "1_0", "1" * 400, "٣"]
LIMITS = Limits()
KNOWN = [f"C{index}" for index in range(400)]


@given(raw=st.binary(max_size=200) | st.text(max_size=200))
def test_no_bytes_raise(raw: bytes | str) -> None:
    board = Board()

    for fact in decode.facts(raw, SEEN_MS, USER):
        board.apply(fact, SEEN_MS)
    decode.rest_bars(raw.encode("utf-8", "replace") if isinstance(raw, str) else raw, "BTC", "1m")


@given(data=st.data(), good=st.sampled_from(GOOD))
def test_no_spoiled_message_raises_or_shows_an_unsound_price(
    data: st.DataObject, good: str
) -> None:
    raw = bytearray(good.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    board = Board()

    for fact in decode.facts(bytes(raw), SEEN_MS, USER):
        board.apply(fact, SEEN_MS)

    assert all(0.0 < mid.px < 1e21 for mid in board.mids().values())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    channel=st.sampled_from(["bbo", "candle", "userFills", "orderUpdates", "subscriptionResponse",
                             "userNonFundingLedgerUpdates", "error", "activeAssetCtx", "odd"]),
    value=json_values,
    row=st.dictionaries(
        st.sampled_from(["time", "tid", "oid", "coin", "px", "sz", "order", "delta", "hash"]),
        json_values,
    ),
)  # fmt: skip
def test_no_shape_raises(channel: str, value: object, row: dict[str, object]) -> None:
    for said in (value, [row], {"user": USER, "fills": [row], "nonFundingLedgerUpdates": [row]}):
        decode.facts(json.dumps({"channel": channel, "data": said}), SEEN_MS, USER)
    for make in (decode.fill_event, decode.order_event, decode.funding_event, decode.ledger_event):
        make(USER, row)


@pytest.mark.parametrize("text", BAD_PRICES)
def test_a_price_that_is_none_is_refused(text: str) -> None:
    raw = GOOD[0].replace('"80639.0"', json.dumps(text))

    (fact,) = decode.facts(raw, SEEN_MS)

    assert isinstance(fact, Odd)
    assert fact.channel == "bbo"


def test_depth_and_size_are_bounded() -> None:
    deep, huge = "[" * 100_000 + "]" * 100_000, '"' + "x" * 9 * 1024 * 1024 + '"'

    reasons = [fact.reason for raw in (deep, huge) for fact in decode.facts(raw, SEEN_MS)
               if isinstance(fact, Odd)]  # fmt: skip

    assert len(reasons) == 2
    assert reasons[1] == "oversize"


SYMBOLS = ["BTC", "xyz:A"]
TOPICS = [
    Topic("allMids"),
    Topic("allMids", "xyz"),
    *(Topic(channel, symbol) for channel in topics.MARKET_CHANNELS for symbol in SYMBOLS),
    *(Topic("candle", symbol, interval) for symbol in SYMBOLS for interval in INTERVALS),
    *(Topic(channel, user=USER) for channel in topics.USER_CHANNELS),
]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.text)
def test_a_topic_comes_back_from_its_name_and_from_the_venue(topic: Topic) -> None:
    assert topics.parse(topic.text) == topic
    assert topics.of_subscription(topics.subscription(topic)) == topic


interests = st.builds(
    Interest,
    st.lists(st.sampled_from([*KNOWN, "NOPE", "btc"]), max_size=300).map(tuple),
    st.lists(st.sampled_from(["1m", "1h", "7m", "1M"]), max_size=3).map(tuple),
    st.integers(0, 9_000),
    st.lists(st.sampled_from([*topics.MARKET_CHANNELS, "odd"]), max_size=4).map(tuple),
    st.lists(st.integers(0, 14).map(lambda n: "0x" + f"{n:040X}"), max_size=12).map(tuple),
)


def carried(wanted: Wanted, held: list[list[Topic]]) -> list[list[Topic]]:
    """Connections after a plan was carried out: surplus ones are closed."""
    diffs = plan(wanted, held, LIMITS)
    assert len(diffs) <= max(LIMITS.connections_max, len(held))
    after: list[list[Topic]] = []
    for index, diff in enumerate(diffs):
        before = held[index] if index < len(held) else []
        left = [topic for topic in before if topic not in diff.unsubscribe]
        assert len(left) == len(before) - len(diff.unsubscribe)
        if not diff.is_surplus:
            after.append(left + list(diff.subscribe))
    return after


@given(steps=st.lists(st.lists(interests, max_size=3), min_size=1, max_size=4))
def test_plans_follow_clients_within_the_budgets(steps: list[list[Interest]]) -> None:
    held: list[list[Topic]] = []
    for step in steps:
        wanted = union(step, KNOWN, LIMITS)
        for _ in range(3):
            held = carried(wanted, held)
        flat = [topic for socket in held for topic in socket]

        assert sorted(map(repr, flat)) == sorted(map(repr, wanted.topics))
        assert len(flat) <= LIMITS.subscriptions_max
        assert all(topic.symbol is None or topic.symbol in KNOWN for topic in flat)
        assert all(len({topic.user for topic in socket}) == 1 for socket in held)
        assert plan(wanted, held, LIMITS) == plan(wanted, held, LIMITS)
        assert not any(diff.subscribe or diff.unsubscribe for diff in plan(wanted, held, LIMITS))


def test_what_is_unknown_or_beyond_the_budget_is_named() -> None:
    many = Interest(tuple(f"S{index}" for index in range(10_000)), ("1m",), 10)
    wanted = union([many, Interest(tuple(KNOWN), ("1m", "5m", "1h"))], KNOWN, LIMITS)

    assert len(wanted.topics) == LIMITS.subscriptions_max
    assert len(wanted.unknown) == 1_000
    assert len(wanted.left_out) == 1 + 1_200 - LIMITS.subscriptions_max
    assert len(wanted.keys) == 1_200
