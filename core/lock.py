"""One writer at a time: an exclusive lock on a file, between processes and inside one."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.clock import monotonic_s, sleep_s
from core.errors import InputError, RefusedError

POLL_S = 0.02


@contextmanager
def hold(path: Path, *, what: str = "", wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs; the kernel frees it if we are killed.

    The file stays behind, empty but for the holder's process id: removing it would let two
    processes lock two different files of one name. `what` says in the error what is being shared.
    Raises RefusedError when another holder keeps it longer than `wait_s` seconds.
    """
    handle = _open(path)
    try:
        _acquire(handle, path, what=what or path.name, wait_s=wait_s)
        # Whom to name in the error of the next one; a full disk must not keep us from locking.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise InputError(
            f"the lock file cannot be opened: {error.strerror}",
            at=str(path),
            hint="make its folder writable, or choose another --root",
        ) from error


def _acquire(handle: int, path: Path, *, what: str, wait_s: float) -> None:
    give_up_s = monotonic_s() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise InputError(
                    f"the file system does not lock files: {error.strerror}",
                    at=str(path),
                    hint="keep --root on a local disk",
                ) from error
        else:
            return
        if monotonic_s() >= give_up_s:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
            by = f" by process {holder}" if holder else ""
            raise RefusedError(
                f"{what} is in use{by}",
                at=str(path),
                hint="wait until the other command has ended, then try again",
            )
        sleep_s(POLL_S)
