"""Quotes, contexts and trades as parquet by day: parts, merged when the day is over; retention."""

from __future__ import annotations

from typing import Protocol


class Shelf(Protocol):
    """A folder of recordings."""

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; OSError when it cannot be."""
        ...

    def get(self, name: str) -> bytes:
        """The content of a file."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        ...

    def sizes(self) -> dict[str, int]:
        """Size of each file by its name, in the order of names."""
        ...
