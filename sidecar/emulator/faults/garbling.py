"""Texts spoiled on their way."""

from __future__ import annotations

from typing import Final

DEPTH: Final = 100_000
"""Levels of nesting of a text that is too deep for any reader."""
LENGTH: Final = 9 * 1024 * 1024
"""Characters of a text that is too long: readers take 8 MiB at most."""
NOISE: Final = 0x01
"""A control character, which no JSON holds as it is."""


def garbled_bytes(how: str, body: bytes, place_frac: float) -> bytes:
    """The body spoiled in this way, at this part of it."""
    if how == "deep":
        return b"[" * DEPTH + b"]" * DEPTH
    if how == "huge":
        return b'"' + b"x" * LENGTH + b'"'
    at = int(place_frac * len(body))
    if how == "truncate":
        return body[:at]
    return body[:at] + (b"\xff" if how == "utf8" else bytes([NOISE])) + body[at + 1 :]


def garbled_text(how: str, text: str, place_frac: float) -> str:
    """The same of a message, which is always valid text: `utf8` leaves the mark of a lost byte."""
    if how == "utf8":
        at = int(place_frac * len(text))
        return text[:at] + "\ufffd" + text[at + 1 :]
    return garbled_bytes(how, text.encode(), place_frac).decode(errors="replace")
