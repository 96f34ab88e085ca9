"""Stream messages of markets, and those about a subscription itself."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import pytest

from sidecar.emulator.wire import frames
from sidecar.emulator.wire.universe import UnknownNameError
from tests.emulator_scene import AGENT, NOW_MS, bare, busy


def data_of(text: str | None, channel: str) -> Any:
    """The data of a message of that channel."""
    assert text is not None
    message = json.loads(text)
    assert message["channel"] == channel
    return message["data"]


def unpacked(text: str | None) -> Any:
    """What a client of `fastAssetCtxs` reads."""
    return json.loads(zlib.decompress(base64.b64decode(data_of(text, "fastAssetCtxs")), -15))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (
            {"type": "l2Book", "coin": "BTC"},
            {"type": "l2Book", "coin": "BTC", "nSigFigs": None, "mantissa": None, "fast": False},
        ),
        (
            {"mantissa": 5, "nSigFigs": 5, "fast": True, "coin": "BTC", "type": "l2Book"},
            {"type": "l2Book", "coin": "BTC", "nSigFigs": 5, "mantissa": 5, "fast": True},
        ),
        (
            {"type": "candle", "coin": "BTC", "interval": "1m"},
            {"type": "candle", "interval": "1m", "coin": "BTC"},
        ),
        (
            {"user": AGENT.upper().replace("0X", "0x"), "type": "userFills"},
            {"type": "userFills", "user": AGENT, "aggregateByTime": False},
        ),
        ({"type": "allMids"}, {"type": "allMids"}),
        ({"type": "allMids", "dex": None}, {"type": "allMids"}),
        ({"type": "allMids", "dex": "xyz"}, {"type": "allMids", "dex": "xyz"}),
        ({"type": "trades", "coin": "BTC", "junk": 1}, {"type": "trades", "coin": "BTC"}),
    ],
)
def test_an_acknowledgement_repeats_the_whole_subscription(
    asked: dict[str, Any], told: dict[str, Any]
) -> None:
    data = data_of(frames.ack("subscribe", asked), "subscriptionResponse")

    assert data == {"method": "subscribe", "subscription": told}
    assert list(data["subscription"]) == list(told)


def test_posts_carry_the_replies_of_http() -> None:
    body = b'{"coin":"BTC","levels":[[],[]]}'

    info = data_of(frames.post_info(7, "l2Book", body), "post")
    action = data_of(frames.post_action(8, b'{"status":"ok"}'), "post")
    error = data_of(frames.post_error(9, "422 no"), "post")

    payload = {"type": "l2Book", "data": json.loads(body)}
    assert info == {"id": 7, "response": {"type": "info", "payload": payload}}
    assert action == {"id": 8, "response": {"type": "action", "payload": {"status": "ok"}}}
    assert error == {"id": 9, "response": {"type": "error", "payload": "422 no"}}


def test_the_fast_book_has_five_levels_and_says_so() -> None:
    scene = bare()
    scene.state.coins["BTC"].has_background = True

    slow = data_of(frames.l2_book(scene, "BTC"), "l2Book")
    fast = data_of(frames.l2_book(scene, "BTC", fast=True), "l2Book")

    assert [len(side) for side in slow["levels"]] == [20, 20]
    assert fast["levels"] == [side[:5] for side in slow["levels"]]
    assert (fast["fast"], "fast" in slow, slow["time"]) == (True, False, NOW_MS)


def test_a_gathered_book_is_that_of_the_request() -> None:
    scene = bare()

    told = data_of(frames.l2_book(scene, "BTC", n_sig_figs=5, mantissa=2), "l2Book")

    assert told == scene.ask("l2Book", coin="BTC", nSigFigs=5, mantissa=2)


def test_an_empty_side_of_the_best_prices_is_null() -> None:
    scene = bare()
    eth = scene.state.coins["ETH"]
    eth.asks = type(eth.asks)()

    assert data_of(frames.bbo(scene, "ETH"), "bbo") == {
        "coin": "ETH",
        "time": NOW_MS,
        "bbo": [{"px": "2629.9", "sz": "10.0", "n": 1}, None],
    }
    assert data_of(frames.bbo(scene, "MATIC"), "bbo")["bbo"] == [None, None]
    assert data_of(frames.bbo(scene, "@1"), "bbo")["bbo"] == [None, None]


def test_the_first_trades_are_those_of_the_last_twenty_seconds() -> None:
    scene = busy()
    scene.now_ms = NOW_MS + 5_000

    rows = frames.recent_trades(scene, "BTC")
    told = data_of(frames.trades(scene, rows), "trades")

    assert [trade["tid"] for trade in told] == list(range(508, 515))
    assert min(trade["time"] for trade in told) >= NOW_MS - 15_000
    assert len(told[0]["users"]) == 2
    assert frames.recent_trades(scene, "ETH") == []
    assert frames.recent_trades(scene, "@1") == []


def test_the_forming_bar_is_one_object() -> None:
    scene = busy()

    bar = data_of(frames.candle(scene, "BTC", "5m"), "candle")

    assert (bar["s"], bar["i"], bar["n"]) == ("BTC", "5m", 15)
    assert bar["t"] <= NOW_MS <= bar["T"]
    assert frames.candle(scene, "ETH", "5m") is None
    assert frames.candle(scene, "@1", "5m") is None


def test_a_context_is_all_strings_and_nulls() -> None:
    context = data_of(frames.active_asset_ctx(busy(), "BTC"), "activeAssetCtx")["ctx"]
    dead = data_of(frames.active_asset_ctx(busy(), "MATIC"), "activeAssetCtx")["ctx"]
    pair = data_of(frames.active_asset_ctx(busy(), "@1"), "activeSpotAssetCtx")

    assert {type(v) for k, v in context.items() if k != "impactPxs"} == {str}
    assert [k for k, v in dead.items() if v is None] == ["premium", "midPx", "impactPxs"]
    assert (pair["coin"], pair["ctx"]["coin"]) == ("@1", "@1")


def test_mids_of_another_dex_name_it() -> None:
    scene = bare()

    assert data_of(frames.all_mids(scene), "allMids") == {"mids": scene.ask("allMids")}
    told = data_of(frames.all_mids(scene, "xyz"), "allMids")
    assert told == {"dex": "xyz", "mids": scene.ask("allMids", dex="xyz")}
    assert list(told) == ["dex", "mids"]


def test_contexts_of_all_dexs_are_joined_by_position() -> None:
    scene = bare()

    ctxs = data_of(frames.all_dexs_asset_ctxs(scene), "allDexsAssetCtxs")["ctxs"]

    assert [dex for dex, _ in ctxs] == ["", "xyz"]
    assert ctxs[1][1] == scene.ask("metaAndAssetCtxs", dex="xyz")[1]


def test_fast_contexts_are_packed_whole_first_and_then_as_they_change() -> None:
    scene = bare()

    first, known = frames.fast_asset_ctxs(scene, {})
    same, _ = frames.fast_asset_ctxs(scene, known)
    scene.state.coins["BTC"].mark_ticks += 10
    changed, later = frames.fast_asset_ctxs(scene, known)

    assert unpacked(first) == {
        "PURR/USDC": {"markPx": "0.15", "midPx": "0.15"},
        "@1": {"markPx": "25.0", "midPx": "25.0"},
        "BTC": {"markPx": "80640.0", "midPx": "80639.5"},
        "ETH": {"markPx": "2630.0", "midPx": "2629.95"},
        "xyz:GOLD": {"markPx": "2655.0", "midPx": "2654.95"},
    }
    assert same is None
    assert unpacked(changed) == {"BTC": {"markPx": "80641.0"}}
    assert later["BTC"] == {"markPx": "80641.0", "midPx": "80639.5"}


@pytest.mark.parametrize("coin", ["NOPE", "btc", "GOLD", "#0"])
def test_no_message_is_made_of_a_coin_that_is_not_here(coin: str) -> None:
    scene = bare()
    makers = (
        lambda: frames.l2_book(scene, coin),
        lambda: frames.bbo(scene, coin),
        lambda: frames.candle(scene, coin, "1m"),
        lambda: frames.active_asset_ctx(scene, coin),
    )

    for make in makers:
        with pytest.raises(UnknownNameError):
            make()
