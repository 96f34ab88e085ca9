"""Stream messages have the shapes of recorded ones.  venue.md C.4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.emulator.wire import frames, frames_user
from tests.emulator_scene import MASTER, Scene, busy
from tests.json_shapes import Shape, foreign, missing, shape_of, union
from tests.recorded_api import captured_frames, other_frames, sample_streams, session_frames

NEWER = {
    "orderUpdates": {"[].order.reduceOnly"},
    "user": {".fills[].builderFee", ".fills[].twapId: int"},
    "userFills": {
        ".fills[].builderFee",
        ".fills[].cloid",
        ".fills[].liquidation",
        ".fills[].twapId: int",
    },
}
"""What the venue's pages name and captured messages do not happen to have: all must occur."""


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A venue with everything in it."""
    return busy()


def recorded_frames(shared: Path) -> list[Any]:
    """All recorded data messages."""
    captured = [
        frame
        for frame in captured_frames(shared).values()
        if frame["channel"] not in ("pong", "error", "subscriptionResponse")
    ]
    samples = [frame for _, _, frame in sample_streams(shared)]
    return captured + samples + session_frames(shared) + other_frames(shared)


def our_frames(scene: Scene) -> list[Any]:
    """At least one message of each channel that was recorded, made by the emulator."""
    state = scene.state
    account = state.accounts[MASTER]
    texts = [
        frames.bbo(scene, "BTC"),
        frames.bbo(scene, "MATIC"),
        frames.trades(scene, frames.recent_trades(scene, "BTC")),
        frames.candle(scene, "BTC", "1m"),
        frames.active_asset_ctx(scene, "BTC"),
        frames.active_asset_ctx(scene, "MATIC"),
        frames.l2_book(scene, "BTC"),
        frames.l2_book(scene, "MATIC"),
        frames.all_dexs_asset_ctxs(scene),
        frames.all_mids(scene),
        frames_user.order_updates(scene, [state.orders[oid] for oid in account.open_oids]),
        frames_user.user_fills_snapshot(scene, MASTER),
        frames_user.event_fills(scene, account.fills),
    ]
    return [json.loads(text) for text in texts if text is not None]


def shapes(messages: list[Any]) -> dict[str, Shape]:
    """The shape of a channel's data over all its messages."""
    found: dict[str, Shape] = {}
    for message in messages:
        channel = message["channel"]
        data = message["data"]["mids"] if channel == "allMids" else message["data"]
        shape = shape_of(data, is_map=channel == "allMids")
        found[channel] = union(found.get(channel, Shape()), shape)
    return found


def test_messages_have_the_keys_and_types_of_recorded_ones(scene: Scene, shared_dir: Path) -> None:
    recorded, ours = shapes(recorded_frames(shared_dir)), shapes(our_frames(scene))

    assert set(ours) == set(recorded)
    strange = {channel: set(foreign(ours[channel], shape)) for channel, shape in recorded.items()}
    assert {channel: found for channel, found in strange.items() if found} == NEWER
    assert [missing(ours[channel], shape) for channel, shape in recorded.items()] == [[]] * len(
        ours
    )


def test_acknowledgements_equal_recorded_ones(shared_dir: Path) -> None:
    captured = captured_frames(shared_dir)
    bbo = {"coin": "BTC", "type": "bbo"}
    fills = {"user": captured["ACK_USER_FILLS"]["data"]["subscription"]["user"].upper()}
    fills = {"type": "userFills", "user": fills["user"].replace("0X", "0x")}

    assert frames.ack("subscribe", bbo) == compact(captured["ACK_BBO"])
    assert frames.ack("unsubscribe", bbo) == compact(captured["ACK_UNSUB"])
    assert frames.ack("subscribe", fills) == compact(captured["ACK_USER_FILLS"])
    for sent, told, _ in sample_streams(shared_dir):
        if sent["subscription"]["type"] == "l2Book":
            # Since June 2026 there is a fast book; the sample is from before.
            told["data"]["subscription"]["fast"] = False
        assert frames.ack(sent["method"], sent["subscription"]) == compact(told)


def test_pong_and_complaints_equal_recorded_ones(shared_dir: Path) -> None:
    captured = captured_frames(shared_dir)
    complaint = 'Already unsubscribed: {"type":"trades","coin":"ETH"}'

    assert compact(captured["PONG"]) == frames.PONG
    assert frames.error(complaint) == compact(captured["VENUE_ERROR"])


def compact(message: Any) -> str:
    """JSON text without blanks, in the order of the recording."""
    return json.dumps(message, separators=(",", ":"))
