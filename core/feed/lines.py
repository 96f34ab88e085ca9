"""Requests and answers as lines of JSON.  Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from core.errors import (
    HaltError,
    InputError,
    OutcomeUnknownError,
    PerpkitError,
    RefusedError,
    UsageError,
    VenueError,
)
from schemas.sidecar import FRAME_BYTES_MAX, Fault, Line

ERRORS: Final[dict[int, type[PerpkitError]]] = {
    kind.exit_code: kind
    for kind in (
        RefusedError, UsageError, InputError, VenueError, HaltError, OutcomeUnknownError,
    )
}  # fmt: skip

_LINES = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder()


class FeedLostError(VenueError):
    """The sidecar does not answer, or said what is no answer; asking again may help."""


class Splitter:
    """Bytes as they come to whole lines, none longer than a frame may be."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that are whole now, without their ends.  OverflowError when one is too long."""
        self._rest += data
        end = self._rest.rfind(b"\n")
        if end < 0:
            if len(self._rest) >= FRAME_BYTES_MAX:
                raise OverflowError(len(self._rest))
            return []
        lines = bytes(self._rest[:end]).split(b"\n")
        del self._rest[: end + 1]
        for line in lines:
            if len(line) >= FRAME_BYTES_MAX:
                raise OverflowError(len(line))
        return lines


def request_line(number: int, method: str, params: dict[str, Any]) -> bytes:
    """The line that asks.  Raises UsageError for one that the sidecar would not take."""
    asked = {"id": number, "method": method, "params": params}
    try:
        line = _ENCODER.encode(asked) + b"\n"
    except (TypeError, ValueError) as error:
        raise UsageError(f"{method} was asked with what JSON cannot say: {error}") from error
    if len(line) > FRAME_BYTES_MAX:
        raise UsageError(
            f"a request of {len(line):,} bytes was asked for, {FRAME_BYTES_MAX:,} are the limit",
            at=method,
            hint="ask for fewer symbols at once",
        )
    return line


def read_line(line: bytes) -> Line:
    """The answer or push.  Raises FeedLostError for a line that is neither."""
    try:
        found = _LINES.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FeedLostError(
            f"the sidecar sent a line that cannot be read: {error}",
            at=repr(line[:80]),
            hint="is it a sidecar of this version that listens there?",
        ) from error
    if found.ok is None and not found.push:
        raise FeedLostError("the sidecar sent a line that is neither an answer nor a push")
    return found


def result_of(line: Line) -> Any:
    """The result of an answer.  Raises the error that it carries."""
    if line.ok:
        return line.result
    fault = line.error or Fault("the sidecar gave no reason")
    kind = ERRORS.get(fault.code, PerpkitError)
    raise kind(fault.what, at=fault.at, hint=fault.next)
