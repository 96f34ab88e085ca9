"""Bodies that never reach the exchange, as the venue's front end answers them."""

from __future__ import annotations

from typing import ClassVar

SHAPE_TEXT = "Failed to deserialize the JSON body into the target type"
JSON_TEXT = "Failed to parse the request body as JSON"


class BodyError(Exception):
    """A body that is no request: `status` and `text` are the whole reply, `text/plain`."""

    status: ClassVar[int]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class BadJson(BodyError):  # noqa: N818 - the wire's word for it
    """The body is not JSON."""

    status = 400

    def __init__(self, text: str = JSON_TEXT) -> None:
        super().__init__(text)


class BadShape(BodyError):  # noqa: N818 - the wire's word for it
    """JSON, but of no known request: an unknown type, a missing field, a wrong type."""

    status = 422

    def __init__(self, text: str = SHAPE_TEXT) -> None:
        super().__init__(text)


class TooLarge(BodyError):  # noqa: N818 - the wire's word for it
    """More bytes than any request has."""

    status = 413

    def __init__(
        self, text: str = "Failed to buffer the request body: length limit exceeded"
    ) -> None:
        super().__init__(text)
