"""What the plane remembers, plain so that it lies in the state file beside the exchange."""

from __future__ import annotations

from msgspec import Struct


class Counter(Struct):
    """What a kind of fault saw and did.

    `seen`: points at which it could have acted.  `hit`: points at which it did.  `had_effect`:
    times that a client saw something else for it, or the state of the exchange was another.
    """

    seen: int = 0
    hit: int = 0
    had_effect: int = 0
