"""Money in, out and between accounts; sub-accounts, modes, leverage, isolated margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sidecar.emulator.exchange.requests import (
    BuyRequests,
    ChangeMargin,
    CreateSubAccount,
    Fund,
    MoveToSpot,
    MoveToSubAccount,
    Send,
    SetLeverage,
    SetMode,
)
from sidecar.emulator.exchange.state import Account, VenueState

if TYPE_CHECKING:
    from sidecar.emulator.exchange.events import Event

Transfer = (
    Fund
    | Send
    | MoveToSpot
    | SetMode
    | CreateSubAccount
    | MoveToSubAccount
    | BuyRequests
    | SetLeverage
    | ChangeMargin
)


def account_of(state: VenueState, address: str) -> Account:
    """The account of an address, opened when there was none."""
    raise NotImplementedError


def handle(state: VenueState, now_ms: int, request: Transfer, events: list[Event]) -> None:
    """Do what the request asks and append its `Answered` or `Rejected`, and its ledger rows."""
    raise NotImplementedError
