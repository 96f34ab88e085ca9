"""Where the sidecar's socket lies unless one says otherwise."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from core.errors import UsageError
from core.settings import load_host

PATH_BYTES_MAX: Final = 107
"""The system takes no longer address of a Unix socket."""


def socket_path(given: Path | None = None) -> Path:
    """The path as given; else in the user's runtime folder, else in a folder of its own in /tmp.

    Raises UsageError for one that the system cannot take.
    """
    path = given
    if path is None:
        runtime = load_host().xdg_runtime_dir
        own = Path(f"/tmp/perpkit-{os.geteuid()}")
        path = (runtime / "perpkit" if runtime is not None else own) / "sidecar.sock"
    if len(os.fsencode(path)) > PATH_BYTES_MAX:
        raise UsageError(
            f"--socket has {len(os.fsencode(path))} bytes, the system takes {PATH_BYTES_MAX}",
            at=str(path),
            hint="give a shorter path, or one relative to the working folder",
        )
    return path
