"""`Plane`: the gateway asks it at each point where something can go wrong.

Without faults every hook returns what it was given; the two flags spare even the call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import structs

from core.errors import InputError
from schemas.fault_kinds import FAULT_KINDS
from schemas.fault_schedule import FAULTS_MAX, FaultSpec
from sidecar.emulator.exchange.requests import Envelope
from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.faults.actions import ACTIONS
from sidecar.emulator.faults.answers import CHANGES
from sidecar.emulator.faults.calls import AFTER, BEFORE
from sidecar.emulator.faults.doors import Doors
from sidecar.emulator.faults.making import active_of
from sidecar.emulator.faults.orders import Act
from sidecar.emulator.faults.passing import CONTROL_CHANNELS, PASSING, Passing, note_copy
from sidecar.emulator.faults.shift import coins_named
from sidecar.emulator.faults.sights import Apply, Call, Closure, Denied, Parcel, Sight
from sidecar.emulator.faults.state import Active, Counter, PlaneState
from sidecar.emulator.faults.tally import Tally, meets_call, meets_sight
from sidecar.emulator.faults.timetable import Timetable, deaf
from sidecar.emulator.faults.venue import TURNS
from sidecar.emulator.faults.waiting import Waiting
from sidecar.emulator.gateway.messages import HttpReply

CUT: Final = 1006
POST: Final = "post"
CLOSING: Final = ("ws_close", "flap", "outage")
OPENING: Final = ("outage", "accept_hang")
ANSWERING: Final = frozenset({*AFTER, *CHANGES})
"""Faults that have met what a `post` says before it became a message."""


class Plane:
    """Faults in force, what they hold back, and what they did.

    Call order of one request: `on_call`, then for a signed action `on_request`, then `on_reply`.
    """

    def __init__(self, state: PlaneState | None = None) -> None:
        self.state = PlaneState() if state is None else state
        self.touches_calls = False
        """Whether `on_call`, `on_request` and `on_reply` can do anything."""
        self.touches_frames = False
        """Whether `on_frame`, `on_subscribe`, `hears` and `closures` can do anything."""
        self._tally = Tally(self.state)
        self._waiting = Waiting(self.state)
        self._doors = Doors(self.state, self._tally)
        self._timetable = Timetable(self.state, self._tally)
        self._coins: tuple[str, ...] = ()
        """Symbols of the action that is being answered."""
        self._arrange()

    def add(self, fault: FaultSpec, now_ms: int) -> int:
        """The number under which the fault is now in force or waits for its time.

        `after_s` and `for_s` of the fault count from `now_ms`.  InputError when there are too many.
        """
        if len(self.state.actives) >= FAULTS_MAX:
            raise InputError(
                f"there are {FAULTS_MAX} faults in force",
                at="faults",
                hint="take some back first",
            )
        number = self.state.next_number
        self.state.next_number += 1
        self.state.actives.append(active_of(fault, number, now_ms, frozenset(TURNS)))
        self._tally.counter(fault.fault)
        self._arrange()
        return number

    def remove(self, number: int) -> bool:
        """Whether there was such a fault; what it held back is let go."""
        found = [active for active in self.state.actives if active.number == number]
        for active in found:
            self.state.actives.remove(active)
            if active.is_on:
                self.state.endings.append(active)
        for held in self.state.requests:
            if held.number == number:
                held.at_ms = 0
        self._waiting.let_go(number)
        self._arrange()
        return bool(found)

    def clear(self) -> None:
        """Take all faults back, and let go of all that any of them held back; counters stay."""
        for active in list(self.state.actives):
            self.remove(active.number)
        for held in self.state.requests:
            held.at_ms = 0
        self._waiting.let_go()

    def counters(self) -> dict[str, Counter]:
        """What each kind that was ever added saw and did, in the order of the kinds."""
        found = self.state.counters
        return {name: found[name] for name in FAULT_KINDS if name in found}

    def proxied(self) -> list[Active]:
        """Faults that act in the proxy, whatever their time."""
        return self._proxied

    @property
    def tally(self) -> Tally:
        """Decides and counts for them."""
        return self._tally

    def next_ms(self) -> int | None:
        """When `due`, `closures` or `frames_due` has something to do by itself; None: never."""
        if self._is_idle:
            return None
        times = [self._timetable.next_ms(), self._waiting.next_ms()]
        times += [self._doors.next_ms(active) for active in self._closing]
        if self._waiting.overfull:
            times.append(0)
        return min((one for one in times if one is not None), default=None)

    def due(self, now_ms: int, state: VenueState, apply: Apply) -> None:
        """Let faults of the core act: each of their requests goes through `apply`.

        Call it in `advance`, after the tape and the clockwork came to `now_ms`.
        """
        if self._is_idle:
            return
        was_busy = bool(self.state.endings or self.state.requests)
        self._timetable.run(now_ms, state, apply)
        if self._prune(now_ms) or was_busy:
            self._arrange()

    def catch_up(self, until_ms: int, state: VenueState) -> None:
        """Take for done what faults did to the exchange up to a time, which lies in its journal.

        Call it after the plane was read back, before the journal is replayed on `state`.
        """
        self.due(until_ms, state, deaf)

    def closures(self, now_ms: int, sessions: Sequence[int]) -> list[Closure]:
        """Sessions of these, which are all that there are, that end now; call it in `advance`."""
        for session in [one for one in self.state.opened_ms if one not in sessions]:
            # It ended unseen, as all do when the venue is killed.
            self.closed(session)
        found = [Closure(session, CUT) for session in dict.fromkeys(self._waiting.overfull)]
        self._waiting.overfull.clear()
        ended = {closure.session: closure for closure in found}
        for active in self._closing:
            left = [session for session in sessions if session not in ended]
            for closure in self._doors.closures(active, now_ms, left):
                ended[closure.session] = closure
        return list(ended.values())

    def frames_due(self, now_ms: int) -> list[Parcel]:
        """Texts held back until now; call it in `advance`.  They pass no other hook."""
        found = self._waiting.due(now_ms)
        if found:
            self._arrange()
        return found

    def clock_offset_ms(self, now_ms: int) -> int:
        """What the clock that is served to other processes is off by."""
        offset_ms = 0
        for active in self.state.actives:
            is_due = active.fault == "jump" and active.is_in_force(now_ms)
            if is_due and self._tally.strikes(active):
                self._tally.effect(active)
                offset_ms += active.whole("by_ms")
        return offset_ms

    def on_open(self, now_ms: int, peer: str) -> HttpReply | None:
        """The refusal of a WebSocket handshake; None lets it in."""
        del peer
        for active in self._opening:
            refused = self._doors.refusal(active, now_ms)
            if refused is not None:
                return refused
        return None

    def opened(self, now_ms: int, session: int) -> None:
        """A session began."""
        self.state.opened_ms[session] = now_ms

    def closed(self, session: int) -> None:
        """A session ended, whoever ended it."""
        self.state.opened_ms.pop(session, None)
        for active in self.state.actives:
            active.free_ms.pop(str(session), None)
        self._waiting.forget(session)

    def hears(self, now_ms: int, session: int) -> bool:
        """Whether the venue hears what this session sends now."""
        return not any(self._doors.is_deaf(active, now_ms, session) for active in self._passing)

    def on_call(self, now_ms: int, call: Call) -> HttpReply | None:
        """A reply that stands in for the venue, which then sees nothing; None goes on."""
        self._coins = ()
        return self._instead(now_ms, call)

    def _instead(self, now_ms: int, call: Call) -> HttpReply | None:
        for active in self._before:
            if not meets_call(active, now_ms, self._about(call, active)):
                continue
            reply = BEFORE[active.fault](active, call)
            if reply is not None and self._tally.strikes(active):
                self._tally.effect(active)
                return reply
        return None

    def on_request(
        self, now_ms: int, call: Call, envelope: Envelope, state: VenueState, apply: Apply
    ) -> Envelope | HttpReply:
        """The signed request that the venue takes, or the reply when it takes none now."""
        self._coins = coins_named(state, envelope.request)
        if any(active.coin is not None for active in self._before):
            instead = self._instead(now_ms, call)
            if instead is not None:
                return instead
        for active in self._actions:
            if not meets_call(active, now_ms, self._about(call, active)):
                continue
            act = Act(active, now_ms, state, apply, self.state.rules)
            taken = ACTIONS[active.fault](self._tally, act, envelope)
            if isinstance(taken, HttpReply):
                return taken
            envelope = taken
        return envelope

    def on_reply(self, now_ms: int, call: Call, reply: HttpReply) -> HttpReply:
        """The reply as it leaves."""
        if reply.is_lost:
            return reply
        for active in self._changes:
            if meets_call(active, now_ms, self._about(call, active)):
                reply = self._said_otherwise(active, call, reply)
        for active in self._after:
            if reply.is_lost or not meets_call(active, now_ms, self._about(call, active)):
                continue
            reply = AFTER[active.fault](self._tally, active, now_ms, call, reply) or reply
        return reply

    def on_subscribe(self, now_ms: int, sight: Sight) -> Denied | None:
        """Whether a subscription is refused, loudly or silently; None lets it be."""
        for active in self._subscribing:
            denied = self._doors.denial(active, now_ms, sight)
            if denied is not None:
                return denied
        return None

    def on_frame(self, now_ms: int, sight: Sight) -> list[Parcel]:
        """What is sent for this text: it, something else, several, or nothing."""
        if self._copies:
            note_copy(self._tally, now_ms, sight)
        before = self._waiting.due_for(now_ms, sight.session)
        passing = Passing(self._tally, now_ms, sight)
        for active in self._passing:
            if meets_sight(active, now_ms, sight) and self._may_touch(active, sight):
                PASSING[active.fault](passing, active)
        wire_ms = self.state.wire_ms
        busy_ms = wire_ms.get(sight.session, 0)
        at_ms = max(passing.at_ms, busy_ms)
        if at_ms <= now_ms:
            sent = [Parcel(sight.session, text) for text in passing.texts]
            return [*before, *sent, *(self._overtaken(sight.session) if sent else [])]
        passing.at_ms = at_ms
        holder = passing.holder
        if holder is not None and not passing.waits_for_next and _holds_all(holder):
            wire_ms[sight.session] = at_ms
        self._waiting.hold(passing.held())
        return before

    def _overtaken(self, session: int) -> list[Parcel]:
        """Messages that a later one passed."""
        found = self._waiting.overtaken(session)
        if found:
            self._tally.counter("reorder").had_effect += len(found)
        return found

    def _may_touch(self, active: Active, sight: Sight) -> bool:
        """Answers of the venue to the client itself are only what they are, but for the line."""
        if sight.channel == POST and active.channel != POST:
            return active.fault not in ANSWERING
        return active.fault not in CHANGES or sight.channel not in CONTROL_CHANNELS

    def _said_otherwise(self, active: Active, call: Call, reply: HttpReply) -> HttpReply:
        try:
            data: Any = msgspec.json.decode(reply.body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return reply
        told = CHANGES[active.fault](active, call.kind, data)
        if told is None or not self._tally.strikes(active):
            return reply
        body = msgspec.json.encode(told)
        self._tally.effect(active, int(body != reply.body))
        return structs.replace(reply, body=body)

    def _about(self, call: Call, active: Active) -> Call:
        """The call, about the fault's symbol when its action is about that one among others."""
        if active.coin is None or active.coin not in self._coins:
            return call
        return structs.replace(call, coin=active.coin)

    def _prune(self, now_ms: int) -> bool:
        """Whether faults that are over were forgotten."""
        over = [
            active
            for active in self.state.actives
            if active.to_ms is not None and active.to_ms <= now_ms and not active.is_on
        ]
        for active in over:
            self.state.actives.remove(active)
        return bool(over)

    def _arrange(self) -> None:
        """Sort the faults by the hooks at which they act."""
        here = [active for active in self.state.actives if active.via == "gateway"]
        self._proxied = [active for active in self.state.actives if active.via == "proxy"]
        self._before = _ranked(here, BEFORE)
        self._actions = _ranked(here, ACTIONS)
        self._changes = _ranked(here, CHANGES)
        self._after = _ranked(here, AFTER)
        self._passing = _ranked(here, PASSING)
        self._closing = [active for active in here if active.fault in CLOSING]
        self._opening = [active for active in here if active.fault in OPENING]
        self._subscribing = [active for active in here if active.fault == "sub_err"]
        self._copies = any(active.fault == "old_snapshot" for active in here)
        state = self.state
        if not self._copies:
            state.copies.clear()
        if not any(active.fault == "swap" for active in here):
            state.answers.clear()
        is_busy = bool(state.endings or state.requests or state.texts)
        self._is_idle = not (state.actives or is_busy)
        self.touches_calls = bool(self._before or self._actions or self._changes or self._after)
        self.touches_frames = bool(
            self._passing or self._closing or self._subscribing or self._copies or is_busy
        )


def _holds_all(active: Active) -> bool:
    """Whether the fault holds back a whole session, so that nothing may pass what it holds."""
    return active.channel is None and active.user is None and active.coin is None


def _ranked(actives: list[Active], hook: Mapping[str, object]) -> list[Active]:
    """The faults of a hook, in the hook's order and then in that of their numbers."""
    ranks = {name: rank for rank, name in enumerate(hook)}
    return sorted(
        (active for active in actives if active.fault in ranks),
        key=lambda active: ranks[active.fault],
    )
