"""May a signed request in: its expiry, its nonce, its signer, and its share of requests."""

from __future__ import annotations

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Envelope
from sidecar.emulator.exchange.state import Account, VenueState


def admit(state: VenueState, now_ms: int, envelope: Envelope, events: list[Event]) -> bool:
    """True when the request may run; if not, `events` got the reason as `Rejected`."""
    raise NotImplementedError


def requests_cap(state: VenueState, account: Account) -> int:
    """Requests that the address may have made so far, by its volume and what it bought."""
    raise NotImplementedError
