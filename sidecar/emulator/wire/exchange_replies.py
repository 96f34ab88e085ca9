"""What the venue answers to an action."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sidecar.emulator.exchange import units
from sidecar.emulator.exchange.events import (
    Answered,
    Event,
    Filled,
    Refused,
    Rejected,
    Resting,
    Status,
    TwapStarted,
    Waiting,
)
from sidecar.emulator.exchange.state import VenueState

PLAIN: Final = frozenset({"default"})
"""Replies without data."""
SINGLE: Final = frozenset({"twapOrder", "twapCancel"})
"""Replies with one status instead of a list."""


def render(events: list[Event], state: VenueState) -> bytes:
    """The JSON body of the reply that `events` hold: the last answer or refusal among them.

    What fell due before the request comes before it.
    """
    for event in reversed(events):
        if isinstance(event, Rejected):
            return refusal(event.text)
        if isinstance(event, Answered):
            return msgspec.json.encode({"status": "ok", "response": _response(event, state)})
    raise AssertionError(f"no answer among {len(events)} events")


def refusal(text: str) -> bytes:
    """`{"status": "err", "response": text}`."""
    return msgspec.json.encode({"status": "err", "response": text})


def _response(answer: Answered, state: VenueState) -> dict[str, Any]:
    if answer.kind in PLAIN:
        return {"type": answer.kind}
    statuses = [_status(status, state) for status in answer.statuses]
    if answer.kind in SINGLE:
        return {"type": answer.kind, "data": {"status": statuses[0]}}
    if answer.kind == "createSubAccount":
        return {"type": answer.kind, "data": statuses[0]}
    return {"type": answer.kind, "data": {"statuses": statuses}}


def _status(status: Status, state: VenueState) -> Any:
    match status:
        case Resting(oid, cloid):
            return {"resting": _named({"oid": oid}, cloid)}
        case Filled():
            coin = state.coins[status.coin]
            filled: dict[str, Any] = {
                "totalSz": units.size_text(status.lots, coin.size_decimals),
                "avgPx": units.px_text(status.px_micros // status.lots, coin.size_decimals),
                "oid": status.oid,
            }
            return {"filled": _named(filled, status.cloid)}
        case Refused(error):
            return {"error": error}
        case Waiting(word):
            return word
        case TwapStarted(twap_id):
            return {"running": {"twapId": twap_id}}


def _named(fields: dict[str, Any], cloid: str | None) -> dict[str, Any]:
    """With the client order id, which is left out where there is none."""
    return fields if cloid is None else {**fields, "cloid": cloid}
