"""The folder of recordings on this machine's disk."""

from __future__ import annotations

from pathlib import Path

from core.artifacts.writing import write_bytes_atomic
from core.errors import InputError


class FolderShelf:
    """Files in a folder, named by their path in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all; OSError when it cannot be."""
        try:
            write_bytes_atomic(self.folder / name, content)
        except InputError as error:
            raise OSError(error.what) from error

    def get(self, name: str) -> bytes:
        """The content of a file; OSError when it cannot be read."""
        return (self.folder / name).read_bytes()

    def remove(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        (self.folder / name).unlink(missing_ok=True)

    def sizes(self) -> dict[str, int]:
        """Size of each file by its name, in the order of names."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            try:
                if path.is_file():
                    found[path.relative_to(self.folder).as_posix()] = path.stat().st_size
            except FileNotFoundError:
                continue
        return found
