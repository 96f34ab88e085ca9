"""Every request of `/info`: from its body to the reply."""

from __future__ import annotations

from msgspec import Struct

from sidecar.emulator.wire.view import View


class InfoReply(Struct, frozen=True):
    """The reply, and what its request weighs by: its type and the items that it returned."""

    status: int
    content_type: str
    body: bytes
    request_type: str
    item_count: int


def answer(view: View, body: bytes) -> InfoReply:
    """The reply to a request body; refusals of the venue are replies too."""
    raise NotImplementedError
