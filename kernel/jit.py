"""The one wrapper that knows compile flags, and the identity of the kernel.

numba's file cache does not see that a callee in another file changed, so a stale cache would trade
on old rules.  The cache folder therefore carries `kernel_id`: a hash over every kernel source and
the versions of numba and numpy.  This module is the room's only door to files and environment.
"""

from __future__ import annotations

import functools
import hashlib
import os
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


@functools.cache
def kernel_id() -> str:
    """SHA-256, in hex, of all kernel sources and of the numba and numpy versions."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(f"numba {version('numba')} numpy {version('numpy')}".encode())
    return digest.hexdigest()


def cache_folder() -> Path:
    """Folder of the compiled kernel: PERPKIT_CACHE_DIR, else the user's cache folder."""
    chosen = os.environ.get("PERPKIT_CACHE_DIR")
    if chosen:
        return Path(chosen) / "kernel" / kernel_id()[:16]
    user = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(user) / "perpkit" / "kernel" / kernel_id()[:16]


def is_compiled() -> bool:
    """True if a compiled kernel lies in the cache, so that the next call need not compile."""
    return any(cache_folder().glob("**/*.nbi"))


@functools.cache
def _jit_options() -> dict[str, Any]:
    """Compile flags: strict float64 without contraction, errors as numpy has them, no GIL.

    Without the reference counter (`_nrt`) a kernel that allocates does not compile, which is the
    rule, and reading an array out of a tuple costs nothing: sweeps took twice as long with it.
    A cache folder that cannot be written costs a compilation in each process, so it is a warning.
    """
    options: dict[str, Any] = {
        "error_model": "numpy",
        "fastmath": False,
        "nogil": True,
        "_nrt": False,
    }
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        warnings.warn(f"kernel cache {folder} cannot be written ({error})", stacklevel=2)
        return options
    if not os.access(folder, os.W_OK):
        warnings.warn(f"kernel cache {folder} cannot be written", stacklevel=2)
        return options
    os.environ["NUMBA_CACHE_DIR"] = str(folder)

    import numba

    numba.config.CACHE_DIR = str(folder)
    return options | {"cache": True}


def device(function: F) -> F:
    """`function` compiled for the CPU and inlined; as it is when NUMBA_DISABLE_JIT=1.

    Never with an explicit signature: a CUDA kernel could not call it then.  Inlining is by force,
    since a call that passes arrays costs more than most leaves do: a replay of 294,606 bars took
    1.7 times as long without.
    """
    options = _jit_options()

    from numba import njit

    compiled: F = njit(forceinline=True, **options)(function)
    return compiled


def part(function: F) -> F:
    """`function` put into its one caller as source, so that it is not compiled on its own.

    For long parts of a loop: a `device` is made whole before it is inlined, and then once more.
    """
    options = _jit_options()

    from numba import njit

    compiled: F = njit(inline="always", **options)(function)
    return compiled


def loop(function: F) -> F:
    """`function` compiled like a `device`, but called where it stands and not inlined.

    For the few functions that run over all bars, and for those that run seldom and are called from
    several places, such as a fill: they are compiled once, whoever calls them.
    """
    options = _jit_options()

    from numba import njit

    compiled: F = njit(**options)(function)
    return compiled
