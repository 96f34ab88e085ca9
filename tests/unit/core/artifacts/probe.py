"""A small kind of artifact for the tests."""

from __future__ import annotations

from typing import ClassVar, Literal

from schemas.artifact import Body


class Probe(Body):
    """A number and a word."""

    folder: ClassVar[str] = "reports"
    kind: ClassVar[Literal["probe"]] = "probe"
    version: ClassVar[Literal[1]] = 1

    number: float
    word: str = "w"
