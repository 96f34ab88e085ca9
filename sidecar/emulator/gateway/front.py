"""HTTP as the venue's front end takes it: which paths, methods and types of content."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.gateway.calls import EXCHANGE, INFO, PLAIN
from sidecar.emulator.gateway.messages import HttpReply

PATHS: Final = (INFO, EXCHANGE)
BODY_BYTES_MAX: Final = 2 * 1024 * 1024


def refusal(path: str, method: str, content_type: str | None, size: int) -> HttpReply | None:
    """The reply to a request that nobody reads; None when it may be read."""
    if path not in PATHS:
        return HttpReply(404, PLAIN, b"")
    if method != "POST":
        return HttpReply(405, PLAIN, b"")
    if not is_json(content_type):
        return HttpReply(415, PLAIN, b"Expected request with `Content-Type: application/json`")
    if size > BODY_BYTES_MAX:
        return HttpReply(413, PLAIN, b"Failed to buffer the request body: length limit exceeded")
    return None


def is_json(content_type: str | None) -> bool:
    """Is it JSON, whatever its parameters?"""
    kind = (content_type or "").partition(";")[0].strip().lower()
    main, _, sub = kind.partition("/")
    return main == "application" and (sub == "json" or sub.endswith("+json"))
