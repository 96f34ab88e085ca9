"""Faults that act in the exchange when their time comes, and what was held back from it."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Envelope, Request
from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.faults.orders import Act, was_done
from sidecar.emulator.faults.sights import Apply
from sidecar.emulator.faults.state import PlaneState
from sidecar.emulator.faults.tally import Tally
from sidecar.emulator.faults.turns import nothing
from sidecar.emulator.faults.venue import TURNS

SETTING_UP: Final = frozenset({"meta_shift", "skew"})
"""Their turn only prepares what answers and actions do; these are the occasions that count."""


def deaf(now_ms: int, request: Request | Envelope) -> list[Event]:
    """In place of the exchange: what was asked has happened already."""
    del now_ms, request
    return []


class Timetable:
    """Keeps the times of `PlaneState.actives`, `endings` and `requests`."""

    def __init__(self, state: PlaneState, tally: Tally) -> None:
        self._state = state
        self._tally = tally

    def next_ms(self) -> int | None:
        """When something is due."""
        if self._state.endings:
            return 0
        times = [held.at_ms for held in self._state.requests]
        for active in self._state.actives:
            if active.fault in TURNS and active.next_ms is not None:
                times.append(active.next_ms)
            if active.is_on and active.to_ms is not None:
                times.append(active.to_ms)
        return min(times, default=None)

    def run(self, now_ms: int, venue: VenueState, apply: Apply) -> None:
        """Do what is due."""
        self._take_held(now_ms, apply)
        ending, self._state.endings = self._state.endings, []
        for active in ending:
            TURNS[active.fault].off(Act(active, now_ms, venue, apply, self._state.rules))
        for active in list(self._state.actives):
            if active.fault in TURNS:
                self._turn(Act(active, now_ms, venue, apply, self._state.rules))

    def _take_held(self, now_ms: int, apply: Apply) -> None:
        for held in [one for one in self._state.requests if one.at_ms <= now_ms]:
            self._state.requests.remove(held)
            if was_done(apply(now_ms, held.envelope)):
                self._tally.counter("late_accept").had_effect += 1

    def _turn(self, act: Act) -> None:
        active, now_ms = act.active, act.now_ms
        while active.next_ms is not None and active.next_ms <= now_ms:
            at_ms, active.next_ms = active.next_ms, None
            if active.is_in_force(now_ms):
                self._act(act)
            if active.next_ms is None and active.every_ms is not None:
                active.next_ms = at_ms + active.every_ms
        if active.is_on and active.to_ms is not None and active.to_ms <= now_ms:
            active.is_on = False
            TURNS[active.fault].off(act)

    def _act(self, act: Act) -> None:
        turn, active = TURNS[act.active.fault], act.active
        later_ms = turn.until_ms(act)
        if later_ms is not None:
            active.next_ms = later_ms
            return
        if active.fault in SETTING_UP:
            turn.on(act)
        elif not self._tally.strikes(active):
            return
        elif turn.on(act):
            self._tally.effect(active)
        active.is_on = turn.off is not nothing
