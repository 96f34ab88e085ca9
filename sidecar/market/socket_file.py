"""The socket's place on disk: only its owner reaches it, and only one sidecar has it."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from core import lock
from core.errors import InputError, RefusedError

FOLDER_MODE: Final = 0o700
SOCKET_MODE: Final = 0o600
BACKLOG: Final = 128
PROBE_S: Final = 1.0
CREDENTIALS: Final = struct.Struct("3i")


@contextmanager
def bound(path: Path) -> Iterator[socket.socket]:
    """A socket that listens at the path while the block runs.

    A socket file that nobody answers at is replaced.  Raises RefusedError when somebody does, and
    InputError for a folder that lets others in, or a path that is something else.
    """
    _close_folder(path.parent)
    with lock.hold(path.with_name(path.name + ".lock"), what="the sidecar's socket"):
        _clear(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            # Bound under a name that nobody knows, it never stands there with wider rights.
            hidden = path.with_name(f".{path.name}.{os.getpid()}"[:60])
            with suppress(FileNotFoundError):
                hidden.unlink()
            try:
                listener.bind(str(hidden))
                hidden.chmod(SOCKET_MODE)
                listener.listen(BACKLOG)
                hidden.rename(path)
            except OSError as error:
                raise InputError(
                    f"the socket cannot be made: {error.strerror or error}",
                    at=str(path),
                    hint="choose another --socket",
                ) from error
            inode = path.stat().st_ino
            try:
                yield listener
            finally:
                with suppress(OSError):
                    if path.stat().st_ino == inode:
                        path.unlink()
        finally:
            listener.close()


def peer_uid(connection: socket.socket) -> int:
    """Who is at the other end, as the kernel knows it."""
    size = CREDENTIALS.size
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(CREDENTIALS.unpack(found)[1])


def _close_folder(folder: Path) -> None:
    """Make the folder for us alone; raises InputError when one is there that is not."""
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError as error:
        raise InputError(
            f"the socket's folder cannot be made: {error.strerror}",
            at=str(folder),
            hint="choose another --socket",
        ) from error
    if found.st_uid != os.geteuid():
        raise InputError(
            f"the socket's folder belongs to user {found.st_uid}, not to us",
            at=str(folder),
            hint="choose another --socket, in a folder of your own",
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise InputError(
            f"the socket's folder lets others in: its mode was {mode:04o}, 0700 is asked for",
            at=str(folder),
            hint=f"chmod 700 {folder}, or choose another --socket",
        )


def _clear(path: Path) -> None:
    """Take away a socket file that nobody answers at."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise InputError(
            "there is a file in the socket's place that is no socket",
            at=str(path),
            hint="remove it if nobody needs it, or choose another --socket",
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError:
            pass
    raise RefusedError(
        "another program answers at the socket",
        at=str(path),
        hint="stop the other sidecar, or choose another --socket",
    )
