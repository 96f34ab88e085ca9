"""Whole files or none: every file that matters is written through here."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.clock import random_hex
from core.errors import InputError

CLAIM_ATTEMPTS = 8
HINTS = {
    errno.ENOSPC: "free some space on this disk; nothing was left half written",
    errno.EDQUOT: "your disk quota is used up; free some space, nothing was left half written",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f); nothing was left half written",
    errno.EACCES: "make the folder writable, or choose another place",
    errno.EPERM: "make the folder writable, or choose another place",
    errno.EROFS: "this file system is read-only; choose another place",
    errno.EEXIST: "a file stands where a folder is needed; move it away or choose another place",
    errno.ENOTDIR: "a part of this path is a file; choose another place",
    errno.EISDIR: "a folder of this name is in the way; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def write_bytes_atomic(path: Path, data: bytes) -> None:
    """Put `data` at `path`: a reader, or a crash at any instant, finds the old file or the new one.

    Raises InputError when the disk is full or the place cannot be written; then nothing changed.
    """
    with replacing(path) as temp, temp.open("r+b") as file:
        file.write(data)


def write_text_atomic(path: Path, text: str) -> None:
    """The same for text, in UTF-8."""
    write_bytes_atomic(path, text.encode())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty file beside `path` for the block to fill; it takes `path`'s place when all is well.

    For libraries that want to open the file themselves.  When the block raises, the file is
    removed and `path` is as it was.  A file that a killed writer left behind is removed by the next
    writer of the same path.  OSErrors become InputError.
    """
    try:
        make_folder(path.parent)
        _remove_abandoned(path)
        temp, handle = _claim(path)
        try:
            yield temp
            os.fsync(handle)
            temp.rename(path)
        except BaseException:
            with suppress(OSError):
                temp.unlink()
            raise
        finally:
            os.close(handle)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents, so that they survive a crash; InputError when impossible."""
    try:
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for name in reversed(missing):
            name.mkdir(exist_ok=True)
            _sync_folder(name.parent)
    except OSError as error:
        raise _unwritable(Path(error.filename or folder), error) from error


def _claim(path: Path) -> tuple[Path, int]:
    """A new temporary file for `path` and its handle, locked so that nobody thinks it abandoned."""
    for _ in range(CLAIM_ATTEMPTS):
        temp = path.with_name(f".{path.name}.{random_hex(4)}.tmp")
        handle = os.open(temp, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return temp, handle
        os.close(handle)
    raise OSError(errno.EAGAIN, "other writers keep removing the temporary file", str(path))


def _remove_abandoned(path: Path) -> None:
    """Remove temporary files of `path` whose writer is dead: the ones that nobody locks."""
    for temp in path.parent.glob(f".{path.name}.*.tmp"):
        with suppress(OSError):
            handle = os.open(temp, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                temp.unlink()
            finally:
                os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the file cannot be written: {error.strerror or error}",
        at=str(path),
        hint=HINTS.get(error.errno or 0, "choose another place"),
    )
