"""The venue's course depends on its inputs alone, not on who listens or asks."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sidecar.emulator.exchange.requests import Adjust, Envelope, Listed, Request
from tests.venue_box import Box, Trader, box, order

HOUR_MS = 3_600_000


def digest(venue: Box) -> bytes:
    return msgspec.json.encode(venue.gateway.state)


def traded(venue: Box, trader: Trader) -> None:
    """Some orders, a scheduled cancel, a TWAP, and time between them."""
    venue.gateway.state.rules.dms_volume_micros = 0
    trader.place(order(px="130000", size="0.05", tif="Ioc"), order(px="100000", size="0.01"))
    venue.pass_ms(1_700)
    trader.act({"type": "scheduleCancel", "time": venue.now_ms + 7_300})
    twap = {"a": 1, "b": False, "s": "1", "r": False, "m": 5, "t": False}
    trader.act({"type": "twapOrder", "twap": twap})
    venue.pass_ms(61_001)
    trader.place(order(px="100000", size="0.02"))
    venue.pass_ms(5)


def test_listeners_and_questions_change_nothing() -> None:
    quiet, busy = box(), box()
    wire = busy.connect()
    for kind in ("bbo", "trades", "l2Book", "activeAssetCtx"):
        wire.subscribe(kind, coin="BTC")
    traders = [quiet.trader(), busy.trader()]
    wire.subscribe("clearinghouseState", user=traders[1].user)

    traded(quiet, traders[0])
    for _ in range(7):
        busy.info(type="clearinghouseState", user=traders[1].user)
    traded(busy, traders[1])

    assert len(wire.frames) > 100
    assert digest(busy) == digest(quiet)


def test_inputs_repeat_the_course_however_time_is_cut_up() -> None:
    first, again = box(), box()
    inputs: list[tuple[int, Request | Envelope]] = []
    first.gateway.on_input = lambda now_ms, request: inputs.append((now_ms, request))
    trader = first.trader()
    again.gateway.state.rules.dms_volume_micros = 0
    traded(first, trader)
    first.pass_ms(HOUR_MS)

    for now_ms, request in inputs:
        while again.gateway.next_ms() < now_ms:
            again.gateway.advance(again.gateway.next_ms())
        again.gateway.apply(now_ms, request)
    again.gateway.advance(first.now_ms)

    assert digest(again) == digest(first)


def test_what_falls_due_by_itself_happens_at_its_own_instant() -> None:
    venue = box()
    venue.gateway.state.rules.dms_volume_micros = 0
    trader = venue.trader()
    wire = venue.connect()
    trader.place(order(px="100000", size="0.01"))
    wire.subscribe("orderUpdates", user=trader.user)
    trader.act({"type": "scheduleCancel", "time": venue.now_ms + 6_123})

    due_ms = venue.now_ms + 6_123
    venue.pass_ms(6_122)
    assert wire.heard("orderUpdates") == []
    venue.pass_ms(1)

    (row,) = [row for one in wire.heard("orderUpdates") for row in one["data"]]
    assert (row["status"], row["statusTimestamp"]) == ("scheduledCancel", due_ms)


def test_a_user_hears_of_itself_before_all_hear_of_the_trade() -> None:
    venue = box()
    trader, wire = venue.trader(), venue.connect()
    wire.subscribe("trades", coin="BTC")
    for kind in ("userEvents", "userFills", "orderUpdates"):
        wire.subscribe(kind, user=trader.user)

    trader.place(order(px="130000", size="0.01", tif="Ioc"))

    channels = [one["channel"] for one in wire.heard()]
    assert channels == ["orderUpdates", "userFills", "user", "trades"]


def test_the_book_of_a_delisted_coin_is_told_empty() -> None:
    venue = box()
    wire = venue.connect()
    wire.subscribe("bbo", coin="SOL")
    wire.subscribe("l2Book", coin="SOL")

    venue.apply(Listed("SOL", is_delisted=True))
    venue.pass_ms(5_000)

    heard = wire.heard()
    assert [one["data"]["bbo"] for one in heard if one["channel"] == "bbo"] == [[None, None]]
    assert [one["data"]["levels"] for one in heard if one["channel"] == "l2Book"] == [[[], []]]
    assert wire.subscribe("trades", coin="SOL")[0]["channel"] == "subscriptionResponse"


def test_the_operator_acts_at_the_present_instant() -> None:
    venue = box()
    venue.pass_ms(1_500)

    venue.apply(Adjust("is_halted", value=True, coin="BTC"))
    refused = venue.trader().place(order(px="100000", size="0.01"))

    assert venue.gateway.state.now_ms == venue.now_ms
    assert "error" in refused[0]


def test_a_session_ended_from_this_side_hears_nothing_more() -> None:
    venue = box()
    slow, other = venue.connect(), venue.connect()
    for wire in (slow, other):
        wire.subscribe("allMids")

    venue.gateway.drop(slow.number, 1008)
    venue.gateway.drop(slow.number, 1008)
    venue.pass_ms(5_000)

    assert slow.code == 1008
    assert len([frame for frame in slow.frames if frame.close_code]) == 1
    assert slow.heard("allMids") == []
    assert len(other.heard("allMids")) == 1


def test_a_restart_may_replace_the_plane_and_goes_on() -> None:
    venue = box()
    venue.gateway.plane = type(venue.gateway.plane)()
    wire = venue.connect()

    assert json.loads(venue.info(type="exchangeStatus").body)["time"] == venue.now_ms
    assert wire.subscribe("allMids")[0]["channel"] == "subscriptionResponse"


MOVED = [
    ("activeAssetCtx", {"coin": "BTC"}),
    ("fastAssetCtxs", {}),
]


@pytest.mark.parametrize(("kind", "fields"), MOVED)
def test_a_change_that_is_undone_before_the_next_beat_is_undone_for_newcomers_too(
    kind: str, fields: dict[str, Any]
) -> None:
    venue = box(tick_ms=10_000)
    coin = venue.gateway.state.coins["BTC"]
    early, late = venue.connect(), venue.connect()
    before = early.subscribe(kind, **fields)[1]
    venue.pass_ms(1_500)
    early.heard()
    stood = coin.mark_ticks

    venue.apply(Adjust("mark_ticks", value=stood + 1_000, coin="BTC"))
    during = late.subscribe(kind, **fields)[1]
    venue.apply(Adjust("mark_ticks", value=stood, coin="BTC"))
    venue.pass_ms(500)

    assert during != before
    assert len(late.heard(kind)) == 1


@pytest.mark.parametrize(("kind", "fields"), MOVED)
def test_a_newcomer_takes_no_change_away_from_the_others(kind: str, fields: dict[str, Any]) -> None:
    venue = box(tick_ms=10_000)
    early, late = venue.connect(), venue.connect()
    early.subscribe(kind, **fields)
    venue.pass_ms(1_500)
    early.heard()

    stood = venue.gateway.state.coins["BTC"].mark_ticks
    venue.apply(Adjust("mark_ticks", value=stood + 1_000, coin="BTC"))
    late.subscribe(kind, **fields)
    venue.pass_ms(500)

    assert len(early.heard(kind)) == 1


def test_a_best_quote_that_is_undone_within_a_block_is_undone_for_newcomers_too() -> None:
    venue = box(tick_ms=10_000)
    trader = venue.trader()
    early, late = venue.connect(), venue.connect()
    before = early.subscribe("bbo", coin="BTC")[1]["data"]["bbo"]
    best = before[0]["px"].removesuffix(".0")

    (placed,) = trader.place(order(px=best, size="0.01"))
    during = late.subscribe("bbo", coin="BTC")[1]["data"]["bbo"]
    trader.act({"type": "cancel", "cancels": [{"a": 0, "o": placed["resting"]["oid"]}]})
    venue.pass_ms(70)

    assert during != before
    assert [one["data"]["bbo"] for one in late.heard("bbo")] == [before]


def test_a_stream_that_begins_on_its_beat_says_it_once() -> None:
    venue = box()
    wire = venue.connect()
    venue.pass_ms(5_000)
    snapshot = wire.subscribe("l2Book", coin="BTC")[1]

    venue.pass_ms(5_000)

    stamps = [one["data"]["time"] for one in [snapshot, *wire.heard("l2Book")]]
    assert stamps == [venue.now_ms - 5_000, venue.now_ms]


def test_accounts_are_told_when_they_change_however_often_others_are_told() -> None:
    venue = box()
    trader, wire = venue.trader(), venue.connect()
    venue.pass_ms(1_000)
    wire.subscribe("clearinghouseState", user=trader.user)
    wire.subscribe("activeAssetCtx", coin="BTC")

    venue.pass_ms(3_999)

    assert wire.heard("clearinghouseState") == []
