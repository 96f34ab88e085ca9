"""What clients see of faults of calls, messages and answers; names as in docs/faults.md."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.emulator.gateway.messages import HttpReply
from tests.fault_scene import BTC, MINUTE_MS, SECOND_MS, Scene, shows
from tests.venue_box import PEER, order


@pytest.fixture
def scene() -> Scene:
    return Scene()


def buy_body(scene: Scene) -> dict[str, Any]:
    orders = [order(px="113000", size="0.01", tif="Ioc")]
    return scene.trader.signed({"type": "order", "orders": orders, "grouping": "na"})


def send_order(scene: Scene) -> HttpReply:
    return scene.box.exchange(buy_body(scene))


# Calls


@shows("ws_close")
def test_sessions_are_closed_with_the_code_that_was_asked_for(scene: Scene) -> None:
    first, second = scene.box.connect(), scene.box.connect()
    scene.fault("ws_close", code=1001, session=first.number)
    scene.fault("ws_close", after_s=5, code=1006)

    assert (first.code, second.code) == (1001, None)
    scene.box.pass_ms(5 * SECOND_MS)
    assert second.code == 1006
    assert scene.counter("ws_close").had_effect == 2


@shows("ws_close")
def test_a_fault_that_acts_alone_acts_again_when_it_says_so(scene: Scene) -> None:
    scene.fault("ws_close", every_s=10, for_s=25)
    seen = []
    for _ in range(4):
        wire = scene.box.connect()
        scene.box.pass_ms(10 * SECOND_MS)
        seen.append(wire.code)

    assert seen == [1000, 1000, None, None]


@shows("flap")
def test_flapping_sessions_last_a_second(scene: Scene) -> None:
    scene.fault("flap", for_s=3.5)
    for _ in range(3):
        wire = scene.box.connect()
        scene.box.pass_ms(999)
        assert wire.code is None
        scene.box.pass_ms(1)
        assert wire.code == 1006
    kept = scene.box.connect()

    scene.box.pass_ms(5 * SECOND_MS)
    assert kept.code is None
    assert scene.counter("flap").had_effect == 3


@shows("outage")
def test_an_outage_cuts_everyone_and_refuses_all_until_it_is_over(scene: Scene) -> None:
    wire = scene.box.connect()
    scene.fault("outage", after_s=1, for_s=20, status=503)
    scene.box.pass_ms(SECOND_MS)

    refused = scene.box.gateway.open(scene.box.now_ms, PEER)
    assert wire.code == 1006
    assert isinstance(refused, HttpReply)
    assert refused.status == 503
    assert scene.box.info(type="meta").status == 503
    assert send_order(scene).status == 503
    assert scene.lots() == 0

    scene.box.pass_ms(20 * SECOND_MS)
    assert scene.box.info(type="meta").status == 200
    scene.box.connect()


@shows("blackhole")
def test_in_a_black_hole_nobody_hears_anything_and_nothing_ends(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    scene.fault("blackhole", for_s=30)

    wire.say(method="ping")
    scene.box.pass_ms(20 * SECOND_MS)
    reply = scene.box.info(type="meta")

    assert wire.heard() == []
    assert wire.code is None
    assert (reply.is_lost, reply.delay_ms) == (True, 600_000)
    scene.box.pass_ms(15 * SECOND_MS)
    wire.say(method="ping")
    assert wire.heard("pong")


@shows("accept_hang")
def test_what_is_accepted_and_hangs_is_never_answered(scene: Scene) -> None:
    scene.fault("accept_hang", delay_ms=90_000)

    reply = send_order(scene)
    handshake = scene.box.gateway.open(scene.box.now_ms, PEER)

    assert (reply.is_lost, reply.delay_ms, reply.body) == (True, 90_000, b"")
    assert isinstance(handshake, HttpReply)
    assert handshake.is_lost
    assert scene.lots() == 0


@shows("429")
@pytest.mark.parametrize("executed", [False, True])
def test_a_429_does_not_say_whether_the_order_was_done(scene: Scene, executed: bool) -> None:
    scene.fault("429", type="order", executed=executed)

    reply = send_order(scene)

    assert (reply.status, reply.content_type) == (429, "text/html")
    assert (scene.lots() > 0) is executed
    assert scene.box.info(type="meta").status == 200


@shows("5xx_before", "5xx_after")
def test_an_error_of_the_server_comes_before_or_after_the_deed(scene: Scene) -> None:
    before = scene.fault("5xx_before", count=1, status=503)
    reply = send_order(scene)
    assert (reply.status, scene.lots()) == (503, 0)
    assert b"Service Unavailable" in reply.body
    scene.box.gateway.plane.remove(before)

    scene.fault("5xx_after", count=1, status=500)
    assert send_order(scene).status == 500
    assert scene.lots() == 1_000


@shows("lost_before", "lost_after")
def test_a_lost_answer_is_of_an_order_that_was_done_or_was_not(scene: Scene) -> None:
    scene.fault("lost_before", count=1)
    reply = send_order(scene)
    assert (reply.is_lost, reply.body, scene.lots()) == (True, b"", 0)

    scene.fault("lost_after", count=1, coin=BTC)
    assert send_order(scene).is_lost
    assert scene.lots() == 1_000
    assert not send_order(scene).is_lost


@shows("lev_lost")
@pytest.mark.parametrize("executed", [True, False])
def test_the_answer_to_a_change_of_leverage_is_lost(scene: Scene, executed: bool) -> None:
    scene.fault("lev_lost", executed=executed, count=1)
    change = {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": 7}

    assert not send_order(scene).is_lost
    assert scene.box.exchange(scene.trader.signed(change)).is_lost
    assert ("BTC" in scene.account.leverages) is executed


@shows("swap")
def test_an_answer_is_that_of_the_request_before(scene: Scene) -> None:
    scene.fault("swap")
    meta = scene.ask("meta")

    assert scene.ask("allMids") == meta
    assert "BTC" in scene.ask("meta")
    assert scene.counter("swap").seen == 2


@shows("sub_err")
@pytest.mark.parametrize(("how", "channels"), [("error", ["error"]), ("silent", [])])
def test_a_subscription_does_not_come_about(scene: Scene, how: str, channels: list[str]) -> None:
    wire = scene.box.connect()
    scene.fault("sub_err", how=how, channel="bbo")

    assert [one["channel"] for one in wire.subscribe("bbo", coin=BTC)] == channels
    assert wire.subscribe("trades", coin=BTC)[0]["channel"] == "subscriptionResponse"
    scene.box.pass_ms(MINUTE_MS)
    assert wire.heard("bbo") == []


# Messages


@shows("delay")
def test_messages_and_answers_come_late_in_their_order(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    scene.fault("delay", delay_ms=5_000, jitter_ms=4_000, for_s=60)

    scene.box.pass_ms(4_999)
    assert wire.heard() == []
    scene.box.pass_ms(30 * SECOND_MS)
    stamps = [one["data"]["time"] for one in wire.heard("bbo")]

    assert len(stamps) > 3
    assert stamps == sorted(stamps)
    assert 5_000 <= scene.box.info(type="meta").delay_ms <= 9_000


@shows("throttle")
def test_a_slow_line_gives_so_many_bytes_a_second(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("l2Book", coin=BTC)
    scene.fault("throttle", bytes_per_s=100)

    size = len(scene.box.info(type="allMids").body)
    reply = scene.box.info(type="allMids")
    assert reply.delay_ms == -(-size * 1_000 // 100) + -(-size * 1_000 // 100)

    scene.box.pass_ms(60 * SECOND_MS)
    heard = sum(len(json.dumps(one)) for one in wire.heard())
    assert heard <= 60 * 100 + 4_000
    assert scene.counter("throttle").had_effect > 2


@shows("stall")
def test_a_stall_ends_with_everything_at_once(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    scene.fault("stall", for_s=20)

    scene.box.pass_ms(20 * SECOND_MS - 1)
    assert wire.heard() == []
    assert scene.box.info(type="meta").delay_ms == 1
    scene.box.pass_ms(1)
    stamps = [one["data"]["time"] for one in wire.heard("bbo")]
    assert len(stamps) > 3
    assert stamps == sorted(stamps)


@shows("reorder")
def test_a_message_is_passed_by_the_next_one(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    scene.fault("reorder", every=2, delay_ms=30_000)

    scene.box.pass_ms(20 * SECOND_MS)
    stamps = [one["data"]["time"] for one in wire.heard("bbo")]

    assert stamps != sorted(stamps)
    assert len(set(stamps)) == len(stamps)


@shows("dup")
def test_messages_come_twice(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("userFills", user=scene.user)
    scene.fault("dup", channel="userFills")

    scene.buy()
    scene.box.pass_ms(SECOND_MS)
    first, second = wire.heard("userFills")

    assert first == second


@shows("old_snapshot")
def test_a_snapshot_lacks_the_newest_fills(scene: Scene) -> None:
    for _ in range(3):
        scene.buy()
        scene.box.pass_ms(SECOND_MS)
    scene.fault("old_snapshot", rows=2, channel="userFills")

    (snapshot,) = scene.box.connect().subscribe("userFills", user=scene.user)[1:]

    fills = snapshot["data"]["fills"]
    assert snapshot["data"]["isSnapshot"] is True
    assert [one["tid"] for one in fills] == [scene.account.fills[0].tid]


@shows("old_snapshot")
def test_a_snapshot_of_the_book_is_from_a_while_ago(scene: Scene) -> None:
    scene.fault("old_snapshot", age_ms=20_000, channel="l2Book")
    early = scene.box.connect()
    early.subscribe("l2Book", coin=BTC)
    scene.box.pass_ms(60 * SECOND_MS)

    (snapshot,) = scene.box.connect().subscribe("l2Book", coin=BTC)[1:]

    age_ms = scene.box.now_ms - snapshot["data"]["time"]
    assert 20_000 <= age_ms <= 30_000


@shows("drop_user")
def test_a_fill_is_never_told_but_is_there_to_be_asked_for(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("userFills", user=scene.user)
    wire.subscribe("bbo", coin=BTC)
    scene.fault("drop_user", count=1)

    scene.buy()
    scene.box.pass_ms(5 * SECOND_MS)

    heard = wire.heard()
    assert [one for one in heard if one["channel"] == "userFills"] == []
    assert [one for one in heard if one["channel"] == "bbo"]
    assert len(scene.ask("userFills", user=scene.user)) == 1
    scene.buy()
    assert len(wire.heard("userFills")) == 1


@shows("mute_sub")
def test_one_subscription_dies_while_others_live(scene: Scene) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    wire.subscribe("bbo", coin="ETH")
    scene.fault("mute_sub", channel="bbo", coin=BTC)

    scene.box.pass_ms(30 * SECOND_MS)

    assert {one["data"]["coin"] for one in wire.heard("bbo")} == {"ETH"}
    assert scene.counter("mute_sub").had_effect > 3


@shows("garble")
@pytest.mark.parametrize("how", ["truncate", "noise", "utf8", "deep", "huge"])
def test_what_is_garbled_is_no_message_any_more(scene: Scene, how: str) -> None:
    wire = scene.box.connect()
    wire.subscribe("bbo", coin=BTC)
    whole = scene.box.info(type="meta").body
    scene.fault("garble", how=how)

    body = scene.box.info(type="meta").body
    scene.box.pass_ms(10 * SECOND_MS)

    assert body != whole
    if how == "huge":
        assert len(body) > 8 * 1024 * 1024
    else:
        with pytest.raises((ValueError, RecursionError)):
            json.loads(body)
    if how != "huge":
        whole_texts = [text for text in wire.texts if _is_message(text)]
        assert len(whole_texts) < len(wire.texts)


def _is_message(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict) and "\ufffd" not in text
    except (ValueError, RecursionError):
        return False
