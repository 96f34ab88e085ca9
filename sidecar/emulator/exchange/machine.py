"""The exchange's one door: time up to now, then one request, and what came of it.

Every request that comes in makes a block of its own, from whose number and the seed all hashes and
draws of that step follow; what falls due by itself makes blocks too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sidecar.emulator.exchange import (
    admission,
    approvals,
    changes,
    clockwork,
    listing,
    market,
    placing,
    transfers,
    twap,
)
from sidecar.emulator.exchange.events import Answered, Event, Rejected
from sidecar.emulator.exchange.requests import (
    Adjust,
    ApproveAgent,
    ApproveBuilder,
    BuyRequests,
    Cancel,
    ChangeMargin,
    CreateSubAccount,
    Elapse,
    EndOrder,
    Envelope,
    Fund,
    Listed,
    Modify,
    Moved,
    MoveToSpot,
    MoveToSubAccount,
    Noop,
    Place,
    RenameSubAccount,
    Request,
    ScheduleCancel,
    Send,
    SetLeverage,
    SetMode,
    SetReferrer,
    StartTwap,
    StopTwap,
)
from sidecar.emulator.exchange.state import VenueState

NEEDS_ACCOUNT: Final = (Place, Cancel, Modify, ScheduleCancel, StartTwap, StopTwap)
Handler = Callable[[VenueState, int, Any, list[Event]], None]


def step(state: VenueState, now_ms: int, request: Request | Envelope) -> list[Event]:
    """What happened up to `now_ms` and by the request; `state` is changed.

    A time before that of the last step counts as that one: a venue's time does not go back.
    """
    events: list[Event] = []
    now_ms = max(now_ms, state.now_ms)
    clockwork.due(state, now_ms, events)
    state.now_ms = now_ms
    state.block += 1
    if isinstance(request, Envelope):
        if not admission.admit(state, now_ms, request, events):
            return events
        request = request.request
    if isinstance(request, NEEDS_ACCOUNT) and request.user not in state.accounts:
        text = f"Must deposit before performing actions. User: {request.user}"
        events.append(Rejected(text))
        return events
    HANDLERS[type(request)](state, now_ms, request, events)
    return events


def _noop(state: VenueState, now_ms: int, request: Noop, events: list[Event]) -> None:
    """The nonce is used, that is all."""
    del state, now_ms, request
    events.append(Answered("default"))


def _elapse(state: VenueState, now_ms: int, request: Elapse, events: list[Event]) -> None:
    """Time passed before this was asked."""
    del state, now_ms, request, events


HANDLERS: Final[dict[type, Handler]] = {
    Place: placing.place,
    Cancel: changes.cancel,
    Modify: changes.modify,
    EndOrder: changes.end_order,
    ScheduleCancel: clockwork.schedule_cancel,
    StartTwap: twap.start,
    StopTwap: twap.stop,
    Moved: market.moved,
    Listed: listing.listed,
    Adjust: listing.adjust,
    Noop: _noop,
    Elapse: _elapse,
    **dict.fromkeys((ApproveAgent, ApproveBuilder, SetReferrer), approvals.handle),
    **dict.fromkeys(
        (
            Fund,
            Send,
            MoveToSpot,
            SetMode,
            CreateSubAccount,
            RenameSubAccount,
            MoveToSubAccount,
            BuyRequests,
            SetLeverage,
            ChangeMargin,
        ),
        transfers.handle,
    ),
}
