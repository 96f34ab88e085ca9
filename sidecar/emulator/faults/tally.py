"""Whether a fault acts at a point, and the count of what it did.

Chance is a hash of the plane's seed, the fault's number and the occasion, so that a fault acts at
the same occasions whatever else is in force.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from schemas.fault_kinds import FAULT_KINDS
from sidecar.emulator.faults.sights import Call, Sight
from sidecar.emulator.faults.state import Active, Counter, PlaneState

UNIT: Final = 1 << 64
WITHIN: Final = frozenset(
    name for name, kind in FAULT_KINDS.items() if kind.room == "answers" and "coin" in kind.whom
)
"""Faults that look for their symbol inside what is said."""


def draw_frac(seed: int, number: int, occasion: int, salt: str = "") -> float:
    """Chance from 0 up to 1 of an occasion of a fault."""
    text = f"{seed}:{number}:{occasion}:{salt}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") / UNIT


def meets_call(active: Active, now_ms: int, call: Call) -> bool:
    """Whether the fault is about this request, now."""
    return (
        active.is_in_force(now_ms)
        and active.channel is None
        and active.type in (None, call.kind)
        and active.user in (None, call.user)
        and active.session in (None, call.session)
        and _meets_coin(active, call.coin)
    )


def meets_sight(active: Active, now_ms: int, sight: Sight) -> bool:
    """Whether the fault is about this message or subscription, now."""
    return (
        active.is_in_force(now_ms)
        and active.type is None
        and active.channel in (None, sight.channel)
        and active.user in (None, sight.user)
        and active.session in (None, sight.session)
        and _meets_coin(active, sight.coin)
    )


def _meets_coin(active: Active, coin: str | None) -> bool:
    if active.coin is None or active.coin == coin:
        return True
    return coin is None and active.fault in WITHIN


class Tally:
    """Decides and counts, in the plane's state."""

    def __init__(self, state: PlaneState) -> None:
        self.state = state

    def counter(self, fault: str) -> Counter:
        """The counter of a kind."""
        return self.state.counters.setdefault(fault, Counter())

    def strikes(self, active: Active) -> bool:
        """Whether the fault acts at this occasion, which is counted."""
        if active.count is not None and active.hit >= active.count:
            return False
        counter = self.counter(active.fault)
        counter.seen += 1
        active.seen += 1
        if active.seen % active.every:
            return False
        if active.chance_frac < 1.0:
            drawn = draw_frac(self.state.seed, active.number, active.seen)
            if drawn >= active.chance_frac:
                return False
        counter.hit += 1
        active.hit += 1
        return True

    def effect(self, active: Active, times: int = 1) -> None:
        """The fault changed what a client saw, or the state, so many times."""
        self.counter(active.fault).had_effect += times

    def drawn(self, active: Active, salt: str) -> float:
        """More chance for the occasion that the fault acts at, from 0 up to 1."""
        return draw_frac(self.state.seed, active.number, active.seen, salt)
