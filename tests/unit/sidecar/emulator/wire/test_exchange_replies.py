"""Replies to actions: the shapes that the venue was recorded with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sidecar.emulator.exchange.events import (
    Announced,
    Answered,
    Event,
    Filled,
    Refused,
    Rejected,
    Resting,
    TwapStarted,
    Waiting,
)
from sidecar.emulator.wire import exchange_replies
from tests.signed_venue import CLOID, venue


def reply(*events: Event) -> Any:
    return json.loads(exchange_replies.render(list(events), venue()))


def answer(kind: str, data: Any) -> Any:
    return {"status": "ok", "response": {"type": kind, "data": data}}


def test_a_batch_is_answered_item_by_item() -> None:
    found = reply(
        Announced("0x1", "an event that is no answer"),
        Answered(
            "order",
            (
                Resting(7),
                Resting(8, CLOID),
                Filled(9, lots=300, px_micros=300 * 1_000_000 + 7, coin="BTC"),
                Filled(10, lots=5, px_micros=5 * 1_002_500, coin="BTC", cloid=CLOID),
                Refused("Order must have minimum value of $10. asset=1"),
                Waiting("waitingForFill"),
                Waiting("waitingForTrigger"),
            ),
        ),
    )

    assert found == answer(
        "order",
        {
            "statuses": [
                {"resting": {"oid": 7}},
                {"resting": {"oid": 8, "cloid": CLOID}},
                {"filled": {"totalSz": "3.0", "avgPx": "100.0", "oid": 9}},
                {"filled": {"totalSz": "0.05", "avgPx": "100.25", "oid": 10, "cloid": CLOID}},
                {"error": "Order must have minimum value of $10. asset=1"},
                "waitingForFill",
                "waitingForTrigger",
            ]
        },
    )


def test_the_average_price_is_cut_to_the_decimals_of_the_coin() -> None:
    """Two lots at 1000001 and one at 1000000 ticks: 100.00006666... USD, of which four stay."""
    (status,) = reply(Answered("order", (Filled(1, 3, 3_000_002, "BTC"),)))["response"]["data"][
        "statuses"
    ]

    assert status["filled"]["avgPx"] == "100.0"
    (status,) = reply(Answered("order", (Filled(1, 3, 3_000_005, "BTC"),)))["response"]["data"][
        "statuses"
    ]
    assert status["filled"]["avgPx"] == "100.0001"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Answered("default"), {"status": "ok", "response": {"type": "default"}}),
        (Answered("cancel", (Waiting("success"),)), answer("cancel", {"statuses": ["success"]})),
        (
            Answered("twapOrder", (TwapStarted(3),)),
            answer("twapOrder", {"status": {"running": {"twapId": 3}}}),
        ),
        (
            Answered("twapOrder", (Refused("Invalid TWAP duration: 1 min(s)"),)),
            answer("twapOrder", {"status": {"error": "Invalid TWAP duration: 1 min(s)"}}),
        ),
        (
            Answered("twapCancel", (Waiting("success"),)),
            answer("twapCancel", {"status": "success"}),
        ),
        (
            Answered("createSubAccount", (Waiting("0x" + "1" * 40),)),
            answer("createSubAccount", "0x" + "1" * 40),
        ),
        (
            Rejected("Insufficient margin"),
            {"status": "err", "response": "Insufficient margin"},
        ),
    ],
)
def test_other_answers(event: Event, expected: Any) -> None:
    assert reply(event) == expected


def test_a_refusal_may_hold_any_text() -> None:
    words = 'an "odd" \\ text, \u20ac'
    assert json.loads(exchange_replies.refusal(words)) == {"status": "err", "response": words}


def test_recorded_replies_come_back_byte_for_byte(shared_dir: Path) -> None:
    """Each reply to an order or a cancel in the recordings, read as events and written again."""
    rows = json.loads((shared_dir / "data/api/rest/go_hyperliquid_cassettes.json").read_text())
    count = 0
    for row in rows["interactions"]:
        action = row["request"].get("action", {})
        if not row["uri"].endswith("/exchange") or action["type"] == "perpDeploy":
            continue
        assert reply(as_event(row["response"])) == row["response"]
        count += 1

    assert count >= 14


def as_event(recorded: dict[str, Any]) -> Event:
    if recorded["status"] == "err":
        return Rejected(recorded["response"])
    response = recorded["response"]
    return Answered(response["type"], tuple(map(as_status, response["data"]["statuses"])))


def as_status(recorded: Any) -> Any:
    if isinstance(recorded, str):
        return Waiting(recorded)
    if "error" in recorded:
        return Refused(recorded["error"])
    return Resting(recorded["resting"]["oid"], recorded["resting"].get("cloid"))
