"""A body posted to `/exchange`, decoded strictly, and who signed it."""

from __future__ import annotations

from msgspec import Struct

from sidecar.emulator.exchange.requests import Envelope
from sidecar.emulator.exchange.state import VenueState


class Signed(Struct, frozen=True):
    """An action with its signature, not yet checked against any account."""

    kind: str
    """The venue's word for the action: `order`, `cancel`, ..."""
    nonce: int
    batch_len: int
    """Items of its batch, 1 for others: what it weighs in request limits."""

    def to_envelope(self, state: VenueState) -> Envelope | str:
        """The request in the name of its user, or the venue's reason against it."""
        raise NotImplementedError


def decode(body: bytes, network: str | None) -> Signed:
    """The signed action in `body`; `network` is `mainnet`, `testnet`, or None for either.

    Raises BadJson or BadShape.
    """
    raise NotImplementedError
