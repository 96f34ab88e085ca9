"""Faults of sessions as such: refused, cut, deaf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sidecar.emulator.faults.calls import lost, page
from sidecar.emulator.faults.sights import Closure, Denied, Sight
from sidecar.emulator.faults.state import Active, PlaneState
from sidecar.emulator.faults.tally import Tally, meets_sight
from sidecar.emulator.gateway.messages import HttpReply

CUT: Final = 1006
DENIAL: Final = "Subscription failed."
SPENT: Final = -1


class Doors:
    """Who gets in, who stays, who is heard."""

    def __init__(self, state: PlaneState, tally: Tally) -> None:
        self._state = state
        self._tally = tally

    def next_ms(self, active: Active) -> int | None:
        """When the fault closes sessions next."""
        if active.fault != "flap":
            return active.next_ms
        delay_ms = active.whole("delay_ms")
        return min(
            (
                max(opened_ms, active.from_ms) + delay_ms
                for session, opened_ms in self._state.opened_ms.items()
                if active.session in (None, session) and str(session) not in active.free_ms
            ),
            default=None,
        )

    def closures(self, active: Active, now_ms: int, sessions: Sequence[int]) -> list[Closure]:
        """Sessions that the fault ends now."""
        if active.fault == "flap":
            return self._flapped(active, now_ms, sessions)
        if active.next_ms is None or now_ms < active.next_ms:
            return []
        at_ms = active.next_ms
        active.next_ms = None if active.every_ms is None else at_ms + active.every_ms
        if not active.is_in_force(now_ms):
            return []
        code = active.whole("code") if active.fault == "ws_close" else CUT
        meant = [one for one in sessions if active.session in (None, one)]
        return self._ended(active, meant, code)

    def _ended(self, active: Active, sessions: Sequence[int], code: int) -> list[Closure]:
        found = []
        for session in sessions:
            if self._tally.strikes(active):
                self._tally.effect(active)
                found.append(Closure(session, code))
        return found

    def _flapped(self, active: Active, now_ms: int, sessions: Sequence[int]) -> list[Closure]:
        if not active.is_in_force(now_ms):
            return []
        found = []
        for session in sessions:
            opened_ms = self._state.opened_ms.get(session, active.from_ms)
            at_ms = max(opened_ms, active.from_ms) + active.whole("delay_ms")
            is_meant = active.session in (None, session) and str(session) not in active.free_ms
            if is_meant and at_ms <= now_ms:
                # One decision for each session, whatever comes of it.
                active.free_ms[str(session)] = SPENT
                found += self._ended(active, [session], CUT)
        return found

    def refusal(self, active: Active, now_ms: int) -> HttpReply | None:
        """What a handshake is answered, if the fault is against it."""
        if not active.is_in_force(now_ms) or active.user or active.coin or active.type:
            return None
        if active.fault not in ("outage", "accept_hang") or not self._tally.strikes(active):
            return None
        self._tally.effect(active)
        if active.fault == "outage":
            return page(active.whole("status"))
        return lost(active.whole("delay_ms"))

    def is_deaf(self, active: Active, now_ms: int, session: int) -> bool:
        """Whether what a session sends is swallowed."""
        is_meant = (
            active.fault == "blackhole"
            and active.is_in_force(now_ms)
            and active.session in (None, session)
            and not (active.user or active.coin or active.type)
        )
        if not is_meant or not self._tally.strikes(active):
            return False
        self._tally.effect(active)
        return True

    def denial(self, active: Active, now_ms: int, sight: Sight) -> Denied | None:
        """What a subscription hears instead of its acknowledgement."""
        if active.fault != "sub_err" or not meets_sight(active, now_ms, sight):
            return None
        if not self._tally.strikes(active):
            return None
        self._tally.effect(active)
        return Denied(DENIAL if active.word("how") == "error" else None)
