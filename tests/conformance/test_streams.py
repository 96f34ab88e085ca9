"""venue.md C.4: how a socket is talked to, and what the market's channels say when.

The user's channels are in test_user_streams.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from sidecar.emulator.gateway.cadence import ALL_CONTEXTS_MS
from tests.venue_box import START_MS, Box, Wire, box, order

USER = "0x" + "ab" * 20
SECOND_MS = 1_000
MINUTE_MS = 60_000


@pytest.fixture
def venue() -> Box:
    return box(dex="xyz")


@pytest.fixture
def wire(venue: Box) -> Wire:
    return venue.connect()


@pytest.fixture(scope="module")
def lasting() -> Box:
    """A venue whose time stands still, for what leaves nothing behind."""
    return box(dex="xyz")


@pytest.fixture
def visitor(lasting: Box) -> Iterator[Wire]:
    found = lasting.connect()
    yield found
    lasting.hang_up(found)


def times(messages: list[dict[str, Any]]) -> list[int]:
    return [one["data"]["time"] - START_MS for one in messages]


ACKS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "trades", "coin": "BTC"}, {"type": "trades", "coin": "BTC"}),
    ({"type": "bbo", "coin": "BTC"}, {"type": "bbo", "coin": "BTC"}),
    (
        {"type": "l2Book", "coin": "BTC"},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False},
    ),
    (
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 2},
        {"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 2, "fast": False},
    ),
    (
        {"type": "candle", "coin": "BTC", "interval": "1m"},
        {"type": "candle", "interval": "1m", "coin": "BTC"},
    ),
    (
        {"type": "userFills", "user": USER.upper().replace("0X", "0x")},
        {"type": "userFills", "user": USER, "aggregateByTime": False},
    ),
]


@pytest.mark.parametrize(("asked", "acked"), ACKS)
def test_c4_an_ack_repeats_the_whole_subscription_before_the_first_snapshot(
    visitor: Wire, asked: dict[str, Any], acked: dict[str, Any]
) -> None:
    visitor.say(method="subscribe", subscription=asked)

    first, *_ = visitor.heard()
    assert first == {
        "channel": "subscriptionResponse",
        "data": {"method": "subscribe", "subscription": acked},
    }


@pytest.mark.parametrize(("asked", "acked"), ACKS)
def test_c4_null_and_absent_are_alike_and_so_are_both_cases_of_an_address(
    visitor: Wire, asked: dict[str, Any], acked: dict[str, Any]
) -> None:
    visitor.say(method="subscribe", subscription=asked)
    visitor.heard()

    assert visitor.subscribe(**_renamed(acked)) == [
        {"channel": "error", "data": f"Already subscribed: {_compact(acked)}"}
    ]


def _renamed(subscription: dict[str, Any]) -> dict[str, Any]:
    return {"kind" if key == "type" else key: value for key, value in subscription.items()}


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def test_c4_unsubscribing_is_acknowledged_and_ends_the_stream(venue: Box, wire: Wire) -> None:
    wire.subscribe("l2Book", coin="BTC")

    assert wire.unsubscribe("l2Book", coin="BTC") == [
        {
            "channel": "subscriptionResponse",
            "data": {
                "method": "unsubscribe",
                "subscription": {
                    "type": "l2Book",
                    "coin": "BTC",
                    "nSigFigs": None,
                    "mantissa": None,
                    "fast": False,
                },
            },
        }
    ]
    venue.pass_ms(20 * SECOND_MS)
    assert wire.heard() == []


def test_c4_what_is_not_subscribed_is_already_unsubscribed(visitor: Wire) -> None:
    assert visitor.unsubscribe("trades", coin="ETH") == [
        {"channel": "error", "data": 'Already unsubscribed: {"type":"trades","coin":"ETH"}'}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "null",
        "[]",
        "{}",
        '{"method":"subscribe"}',
        '{"method":"subscribe","subscription":null}',
        '{"method":"subscribe","subscription":{"type":"nothing"}}',
        '{"method":"subscribe","subscription":{"type":"trades","coin":["BTC","ETH"]}}',
        '{"method":"subscribe","subscription":{"type":"trades"}}',
        '{"method":"subscribe","subscription":{"type":"candle","coin":"BTC","interval":"7m"}}',
        '{"method":"subscribe","subscription":{"type":"userFills","user":"0x12"}}',
        '{"method":"subscribe","subscription":{"type":"l2Book","coin":"BTC","nSigFigs":"5"}}',
        '{"method":"unsubscribe","subscription":{"type":"nothing"}}',
        '{"method":"dance"}',
        '{"method":"post","request":{"type":"info","payload":{"type":"meta"}}}',
        '{"method":"post","id":"1","request":{"type":"info","payload":{"type":"meta"}}}',
        '{"method":"post","id":1,"request":{"type":"other","payload":{}}}',
        '{"method":"post","id":-1,"request":{"type":"info","payload":{"type":"meta"}}}',
        '{"method":"post","id":18446744073709551616,"request":{"type":"info","payload":{}}}',
        '{"method":"post","id":' + "1" * 5_000 + ',"request":{"type":"info","payload":{}}}',
        "[" * 50_000,
        '{"method":' * 50_000,
    ],
)
def test_c4_what_is_no_request_is_an_error_and_the_socket_stays(visitor: Wire, text: str) -> None:
    visitor.send(text)

    assert visitor.heard() == [
        {
            "channel": "error",
            "data": f"Error parsing JSON into valid websocket request: {text}",
        }
    ]
    visitor.say(method="ping")
    assert visitor.heard() == [{"channel": "pong"}]


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "trades", "coin": "NOPE"},
        {"kind": "trades", "coin": "btc"},
        {"kind": "bbo", "coin": ""},
        {"kind": "l2Book", "coin": "GOLD"},
        {"kind": "l2Book", "coin": "BTC", "nSigFigs": 1},
        {"kind": "l2Book", "coin": "BTC", "nSigFigs": 6},
        {"kind": "l2Book", "coin": "BTC", "nSigFigs": 4, "mantissa": 2},
        {"kind": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 3},
        {"kind": "l2Book", "coin": "BTC", "mantissa": 2},
        {"kind": "candle", "coin": "xyz:NOPE", "interval": "1m"},
        {"kind": "activeAssetCtx", "coin": "Btc"},
        {"kind": "activeAssetData", "coin": "NOPE", "user": USER},
        {"kind": "allMids", "dex": "nope"},
    ],
)
def test_c4_an_unknown_coin_or_grain_cuts_the_socket_without_a_text(
    visitor: Wire, fields: dict[str, Any]
) -> None:
    assert visitor.subscribe(**fields) == []
    assert visitor.code == 1006

    visitor.say(method="ping")
    assert visitor.heard() == []


def test_c4_a_coin_of_a_builder_needs_its_prefix(visitor: Wire) -> None:
    assert visitor.subscribe("bbo", coin="xyz:GOLD")[0]["channel"] == "subscriptionResponse"
    assert visitor.code is None


def test_c4_books_of_both_speeds_cannot_share_a_socket(venue: Box, wire: Wire) -> None:
    wire.subscribe("l2Book", coin="BTC")

    assert [one["channel"] for one in wire.subscribe("l2Book", coin="BTC", fast=True)] == ["error"]
    assert [one["channel"] for one in wire.subscribe("l2Book", coin="ETH", fast=True)] == [
        "subscriptionResponse",
        "l2Book",
    ]
    other = venue.connect()
    assert other.subscribe("l2Book", coin="BTC", fast=True)[0]["channel"] == "subscriptionResponse"


def test_c4_a_ping_is_answered(visitor: Wire) -> None:
    visitor.send('{"method":"ping"}')

    assert visitor.texts == ['{"channel":"pong"}']


def test_c4_a_socket_to_which_nothing_was_sent_for_60_s_is_closed(venue: Box) -> None:
    silent, pinging, fed = venue.connect(), venue.connect(), venue.connect()
    fed.subscribe("l2Book", coin="BTC")
    venue.pass_ms(30_000)
    pinging.say(method="ping")

    venue.pass_ms(29_999)
    assert silent.code is None
    venue.pass_ms(1)
    assert (silent.code, pinging.code, fed.code) == (1000, None, None)

    venue.pass_ms(30_000)
    assert (pinging.code, fed.code) == (1000, None)


def test_c4_what_the_client_sends_does_not_keep_a_socket_open_what_it_hears_does(
    venue: Box, wire: Wire
) -> None:
    wire.subscribe("orderUpdates", user=USER)
    venue.pass_ms(60_000)

    assert wire.code == 1000


def test_c4_the_first_text_may_be_plain(venue: Box) -> None:
    venue.gateway.is_greeting = True

    assert venue.connect().texts == ["Websocket connection established."]


def test_c4_books_come_every_5_s_of_20_levels_and_all_with_one_time(venue: Box, wire: Wire) -> None:
    venue.pass_ms(1_234)
    wire.subscribe("l2Book", coin="BTC")
    wire.subscribe("l2Book", coin="ETH")

    venue.pass_ms(20_000)

    books = wire.heard("l2Book")
    assert times(books) == [5_000, 5_000, 10_000, 10_000, 15_000, 15_000, 20_000, 20_000]
    for one in books:
        assert set(one["data"]) == {"coin", "time", "levels"}
        assert [len(side) for side in one["data"]["levels"]] == [20, 20]


def test_c4_fast_books_come_every_half_second_of_5_levels(venue: Box, wire: Wire) -> None:
    ack, snapshot = wire.subscribe("l2Book", coin="BTC", fast=True)
    assert ack["data"]["subscription"]["fast"] is True

    venue.pass_ms(2_000)

    books = [snapshot, *wire.heard("l2Book")]
    assert times(books) == [0, 500, 1_000, 1_500, 2_000]
    for one in books:
        assert one["data"]["fast"] is True
        assert [len(side) for side in one["data"]["levels"]] == [5, 5]


def test_c4_the_best_quotes_come_per_block_and_only_when_they_changed(
    venue: Box, wire: Wire
) -> None:
    wire.subscribe("bbo", coin="BTC")
    venue.pass_ms(MINUTE_MS)

    quotes = [one["data"] for one in wire.heard("bbo")]

    assert len(quotes) > 10
    assert all(before["bbo"] != after["bbo"] for before, after in pairwise(quotes))
    # Prices move once a second here: each change is told within a block of 70 ms.
    assert all((one["time"] - START_MS) % SECOND_MS < 70 for one in quotes)
    assert all(later["time"] > one["time"] for one, later in pairwise(quotes))


def test_c4_the_best_quotes_are_silent_while_nothing_changes(venue: Box, wire: Wire) -> None:
    wire.subscribe("bbo", coin="BTC")

    venue.pass_ms(999)

    assert wire.heard("bbo") == []


def test_c4_a_client_order_at_the_best_price_changes_the_best_quote(venue: Box, wire: Wire) -> None:
    trader = venue.trader()
    first = wire.subscribe("bbo", coin="ETH")[1]["data"]["bbo"]

    placed = trader.place(order(asset=1, px=first[0]["px"], size="0.5"))
    assert "resting" in placed[0]
    venue.pass_ms(70)

    (quote,) = wire.heard("bbo")
    assert quote["data"]["bbo"][0]["n"] == first[0]["n"] + 1


def test_c4_trades_come_at_once_and_the_first_frame_repeats_the_last_20_s(
    venue: Box, wire: Wire
) -> None:
    wire.subscribe("allMids")
    venue.pass_ms(MINUTE_MS)
    ack, replay = wire.subscribe("trades", coin="BTC")
    assert ack["channel"] == "subscriptionResponse"

    old = replay["data"]
    assert old
    assert all(venue.now_ms - 20_000 <= trade["time"] <= venue.now_ms for trade in old)
    assert set(old[0]) == {"coin", "side", "px", "sz", "time", "hash", "tid", "users"}
    assert len(old[0]["users"]) == 2

    seen = {trade["tid"] for trade in old}
    for _ in range(30):
        venue.pass_ms(SECOND_MS)
        for frame in wire.heard("trades"):
            for trade in frame["data"]:
                assert trade["time"] == venue.now_ms
                assert trade["tid"] not in seen
                seen.add(trade["tid"])
    assert len(seen) > len(old)


def test_c4_a_second_subscription_replays_the_trades_again(venue: Box, wire: Wire) -> None:
    wire.subscribe("allMids")
    venue.pass_ms(MINUTE_MS)
    first = wire.subscribe("trades", coin="BTC")[1]["data"]
    wire.unsubscribe("trades", coin="BTC")

    again = wire.subscribe("trades", coin="BTC")[1]["data"]

    assert again == first


def test_c4_candles_come_once_a_second_when_changed_one_object_of_the_open_bar(
    venue: Box, wire: Wire
) -> None:
    wire.subscribe("candle", coin="BTC", interval="1m")
    frames: list[dict[str, Any]] = []
    for _ in range(120):
        venue.pass_ms(SECOND_MS)
        heard = wire.heard("candle")
        assert len(heard) <= 1
        frames += heard
        for one in heard:
            bar = one["data"]
            assert bar["t"] <= venue.now_ms <= bar["T"]
            assert bar["T"] == bar["t"] + MINUTE_MS - 1
            assert set(bar) == {"t", "T", "s", "i", "o", "c", "h", "l", "v", "n"}

    assert len(frames) > 30
    assert all(one["data"] != after["data"] for one, after in pairwise(frames))
    assert len({one["data"]["t"] for one in frames}) >= 2


def test_c4_contexts_come_once_a_second_and_all_their_numbers_are_text(
    venue: Box, wire: Wire
) -> None:
    wire.subscribe("activeAssetCtx", coin="BTC")
    frames = []
    for _ in range(30):
        venue.pass_ms(SECOND_MS)
        heard = wire.heard("activeAssetCtx")
        assert len(heard) <= 1
        frames += heard

    assert len(frames) > 10
    names = [
        "funding", "openInterest", "prevDayPx", "dayNtlVlm", "premium", "oraclePx", "markPx",
        "midPx", "impactPxs", "dayBaseVlm",
    ]  # fmt: skip
    for one in frames:
        context = one["data"]["ctx"]
        assert sorted(context) == sorted(names)
        for name in names:
            told = context[name]
            assert isinstance(told, str) or (name == "impactPxs" and isinstance(told[0], str))


def test_c4_mids_come_every_5_s_by_name(venue: Box, wire: Wire) -> None:
    _, first = wire.subscribe("allMids")
    venue.pass_ms(15_000)

    frames = [first, *wire.heard("allMids")]
    assert len(frames) == 4
    for one in frames:
        assert {"BTC", "ETH", "SOL"} <= set(one["data"]["mids"])
        assert "xyz:GOLD" not in one["data"]["mids"]


def test_c4_mids_of_a_builder_are_its_own(visitor: Wire) -> None:
    ack, first = visitor.subscribe("allMids", dex="xyz")

    assert ack["data"]["subscription"] == {"type": "allMids", "dex": "xyz"}
    assert set(first["data"]["mids"]) == {"xyz:GOLD", "xyz:OIL"}


def test_c4_contexts_of_all_dexs_come_every_13_6_s_by_position(venue: Box, wire: Wire) -> None:
    wire.subscribe("allDexsAssetCtxs")
    stamps = []
    for _ in range(60):
        venue.pass_ms(SECOND_MS)
        frames = wire.heard("allDexsAssetCtxs")
        stamps += [venue.now_ms] * len(frames)
        for one in frames:
            assert [dex for dex, _ in one["data"]["ctxs"]] == ["", "xyz"]
            assert [len(rows) for _, rows in one["data"]["ctxs"]] == [3, 2]

    assert len(stamps) in (60_000 // ALL_CONTEXTS_MS, 60_000 // ALL_CONTEXTS_MS + 1)
    assert all(13_000 <= after - before <= 14_000 for before, after in pairwise(stamps))


def test_c4_fast_contexts_are_packed_first_whole_then_what_changed(venue: Box, wire: Wire) -> None:
    def unpacked(message: dict[str, Any]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.loads(
            zlib.decompress(base64.b64decode(message["data"]), -15)
        )
        return found

    _, first = wire.subscribe("fastAssetCtxs")
    known = unpacked(first)
    assert {"BTC", "ETH", "SOL", "xyz:GOLD"} <= set(known)
    assert all(set(prices) == {"markPx", "midPx"} for prices in known.values())

    count = 0
    for _ in range(20):
        venue.pass_ms(SECOND_MS)
        for message in wire.heard("fastAssetCtxs"):
            count += 1
            changed = unpacked(message)
            assert changed
            for coin, prices in changed.items():
                assert all(known[coin].get(name) != px for name, px in prices.items())
                known[coin].update(prices)
    assert count > 10
    latest = unpacked(venue.connect().subscribe("fastAssetCtxs")[1])
    assert latest == known


def test_c4_many_subscriptions_are_taken_in_a_row(venue: Box) -> None:
    wires = [venue.connect() for _ in range(4)]
    for wire in wires:
        for coin in ("BTC", "ETH", "SOL", "xyz:GOLD", "xyz:OIL"):
            for kind in ("bbo", "trades", "l2Book", "activeAssetCtx"):
                wire.say(method="subscribe", subscription={"type": kind, "coin": coin})

    assert all(len(wire.heard("subscriptionResponse")) == 20 for wire in wires)


def test_d1_the_same_calls_give_the_same_bytes() -> None:
    def texts() -> list[str]:
        venue = box(dex="xyz")
        wire, trader = venue.connect(), venue.trader()
        for kind in ("l2Book", "bbo", "trades", "activeAssetCtx"):
            wire.subscribe(kind, coin="BTC")
        wire.subscribe("candle", coin="BTC", interval="1m")
        wire.subscribe("userFills", user=trader.user)
        wire.subscribe("clearinghouseState", user=trader.user)
        trader.place(order(px="200000", size="0.01", tif="Ioc"))
        venue.pass_ms(MINUTE_MS)
        return [frame.text or f"closed {frame.close_code}" for frame in wire.frames]

    first = texts()

    assert len(first) > 100
    assert texts() == first


def test_d1_time_in_one_go_or_in_pieces_gives_the_same_frames() -> None:
    def frames(piece_ms: int) -> list[str | None]:
        venue = box()
        wire = venue.connect()
        for kind in ("l2Book", "bbo", "trades", "activeAssetCtx"):
            wire.subscribe(kind, coin="ETH")
        for _ in range(12_000 // piece_ms):
            venue.pass_ms(piece_ms)
        return [frame.text for frame in wire.frames]

    whole = frames(12_000)

    assert frames(1_000) == whole
    assert frames(400) == whole
    assert frames(30) == whole


def test_d1_next_ms_names_every_instant_at_which_something_is_said() -> None:
    driven, jumped = box(), box()
    wires = [driven.connect(), jumped.connect()]
    for wire in wires:
        for kind in ("l2Book", "bbo", "trades"):
            wire.subscribe(kind, coin="ETH")

    while (due_ms := driven.gateway.next_ms()) <= START_MS + 20_000:
        assert due_ms > driven.now_ms
        driven.pass_ms(due_ms - driven.now_ms)
    jumped.pass_ms(20_000)

    assert [one.text for one in wires[0].frames] == [one.text for one in wires[1].frames]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("candle", {"coin": "BTC", "interval": "1m"}), ("activeAssetCtx", {"coin": "BTC"})],
)
def test_c4_who_comes_later_hears_each_change_once(
    venue: Box, kind: str, fields: dict[str, Any]
) -> None:
    early, late = venue.connect(), venue.connect()
    early.subscribe(kind, **fields)
    venue.pass_ms(30_500)
    early.heard()

    first = late.subscribe(kind, **fields)[1]
    venue.pass_ms(30_000)

    mine, theirs = early.heard(kind), late.heard(kind)
    assert theirs == mine
    assert first != theirs[0]
    assert all(one != after for one, after in pairwise(theirs))
