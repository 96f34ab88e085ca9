"""Inside a simulation nobody asks the real clock, sleeps, or draws real chance: it raises.

Only what runs in the simulation's own thread while it runs is watched.  Our own code asks through
ports; whatever reaches for these all the same makes a run that cannot be repeated.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

BANNED: list[tuple[Any, str]] = [
    (time, "time"),
    (time, "time_ns"),
    (time, "monotonic"),
    (time, "monotonic_ns"),
    (time, "perf_counter"),
    (time, "sleep"),
    (random, "random"),
    (random, "randint"),
    (random, "randrange"),
    (random, "choice"),
    (random, "shuffle"),
    (random, "uniform"),
    (random, "getrandbits"),
    (uuid, "uuid1"),
    (uuid, "uuid4"),
    (os, "urandom"),
    (secrets, "token_hex"),
    (secrets, "token_bytes"),
    (secrets, "randbelow"),
]


class NotSimulatedError(BaseException):
    """Something asked for the real time or for real chance."""


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(*args: object, **options: object) -> Any:
        del args, options
        raise NotSimulatedError(f"{name} was asked for inside a simulation")

    return refuse


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Within it the banned functions raise."""
    kept = [(module, name, getattr(module, name)) for module, name in BANNED]
    try:
        for module, name, _ in kept:
            setattr(module, name, _refusal(f"{module.__name__}.{name}"))
        yield
    finally:
        for module, name, function in kept:
            setattr(module, name, function)
