"""`Gateway`: the venue behind one call for each thing that a client can do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from sidecar.emulator.exchange import clockwork, machine
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Adjust, Elapse, Envelope, Listed, Moved, Request
from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.gateway import front
from sidecar.emulator.gateway.cadence import Cadence
from sidecar.emulator.gateway.calls import EXCHANGE, TOO_MANY, Caller, Calls
from sidecar.emulator.gateway.fanout import Fanout
from sidecar.emulator.gateway.limits import Peers
from sidecar.emulator.gateway.messages import Frame, HttpReply
from sidecar.emulator.gateway.streams import NEVER_MS, Streams
from sidecar.emulator.gateway.talk import Talk
from sidecar.emulator.tape.port import Tape

GREETING: Final = "Websocket connection established."


class Gateway:
    """The whole venue: exchange, tape and faults, met by HTTP bodies and WebSocket texts.

    Everything that comes out is a function of the state, the tape, the plane and the calls.  The
    exchange steps at the instants of the tape, when its clockwork is due, and with each input:
    never because someone listens or asks, so that a run can be repeated from its inputs alone.

    `network` None takes the signatures of both networks.
    """

    def __init__(
        self, state: VenueState, tape: Tape, plane: Plane, network: str | None = None
    ) -> None:
        self.state = state
        self.tape = tape
        self.plane = plane
        self.network = network
        self.now_ms = state.now_ms
        self.is_greeting = False
        """Does a session begin with a line that is no JSON, as some servers of the venue do?"""
        self.on_input: Callable[[int, Request | Envelope], None] | None = None
        """Told of each input that is not the tape's, before it takes effect."""
        self._passed_ms = state.now_ms
        self._peers = Peers()
        self._streams = Streams(self)
        self._cadence = Cadence(self, self._streams)
        self._fanout = Fanout(self, self._streams, self._cadence)
        self._calls = Calls(self)
        self._talk = Talk(self, self._streams, self._cadence, self._calls)

    def apply(self, now_ms: int, request: Request | Envelope) -> list[Event]:
        """The events of one request; streams hear of them."""
        self.advance(now_ms)
        return self.take(self.now_ms, request)

    def take(self, now_ms: int, request: Request | Envelope) -> list[Event]:
        """The same for who has come up to now already: calls, and faults of the plane."""
        if self.on_input is not None:
            self.on_input(now_ms, request)
        return self._step(now_ms, request)

    def advance(self, now_ms: int) -> None:
        """Let the tape, the clockwork and the streams run up to now.

        A time before that of the last call counts as that one.
        """
        now_ms = max(now_ms, self.now_ms)
        for at_ms, request in self.tape.take(now_ms):
            # What is due at the very instant of a move is due after it.
            self._pass_to(at_ms - 1)
            self._passed_ms = max(self._passed_ms, at_ms - 1)
            self._move(at_ms, request)
        self._pass_to(now_ms)
        self.now_ms = self._passed_ms = now_ms
        self._listen_to_plane(now_ms)

    def next_ms(self) -> int:
        """The earliest instant at which `advance` has something to do; far off when none is."""
        moves_ms = self.tape.next_ms()
        due_ms = self._due_ms()
        return due_ms if moves_ms is None else min(due_ms, moves_ms)

    def post(
        self,
        now_ms: int,
        peer: str,
        path: str,
        content_type: str | None,
        body: bytes,
        method: str = "POST",
    ) -> HttpReply:
        """The reply to an HTTP request."""
        self.advance(now_ms)
        refused = front.refusal(path, method, content_type, len(body))
        if refused is not None:
            return refused
        caller = Caller(peer, self._peers.of(peer, self.now_ms))
        if path == EXCHANGE:
            return self._calls.exchange(caller, body)
        return self._calls.info(caller, body)[0]

    def open(self, now_ms: int, peer: str) -> int | HttpReply:
        """A session for a new WebSocket, or the refusal of its handshake."""
        self.advance(now_ms)
        known = self._peers.of(peer, self.now_ms)
        if self.state.rules.limits_on and not known.may_open(self.now_ms):
            return msgspec.structs.replace(TOO_MANY)
        refused = self.plane.on_open(self.now_ms, peer)
        if refused is not None:
            return refused
        session = self._streams.sessions.add(peer, known, self.now_ms)
        self._streams.opened(session)
        if self.is_greeting:
            self._streams.tell(self.now_ms, session, "", GREETING)
        return session.number

    def receive(self, now_ms: int, session: int, text: str) -> None:
        """Take a text of a session; what it answers is among the frames."""
        self.advance(now_ms)
        known = self._streams.sessions.open.get(session)
        if known is None:
            return
        if self.plane.touches_frames and not self.plane.hears(self.now_ms, session):
            return
        self._talk.take(known, text)

    def closed(self, now_ms: int, session: int) -> None:
        """The peer of a session is gone."""
        self.advance(now_ms)
        self._streams.forget(session)

    def drop(self, session: int, code: int) -> None:
        """End a session from this side: its peer reads too slowly, or the venue restarts."""
        self._streams.close(session, code)

    def allow_silence(self, limit_ms: int) -> None:
        """End sessions after so much silence of the venue's time: more where it runs faster than
        the clients' own, which could not ping in time."""
        self._streams.allow_silence(limit_ms)

    def frames(self) -> list[Frame]:
        """Every frame made since the last call, in order."""
        return self._streams.taken()

    def _due_ms(self) -> int:
        """When something is due that is not the tape's, later than all that was passed."""
        due_ms = min(
            clockwork.next_ms(self.state),
            self._cadence.next_ms(self._passed_ms),
            self._streams.silence_ms(),
        )
        plane_ms = self.plane.next_ms()
        if plane_ms is not None:
            due_ms = min(due_ms, plane_ms)
        return max(due_ms, self._passed_ms + 1) if due_ms < NEVER_MS else NEVER_MS

    def _pass_to(self, until_ms: int) -> None:
        """Do all that falls due up to and with that time, each at its own instant."""
        while (due_ms := self._due_ms()) <= until_ms:
            self.now_ms = self._passed_ms = due_ms
            if clockwork.next_ms(self.state) <= due_ms:
                self._step(due_ms, Elapse())
            self._listen_to_plane(due_ms)
            self._cadence.beat(due_ms)
            self._streams.close_silent(due_ms)

    def _listen_to_plane(self, now_ms: int) -> None:
        self.plane.due(now_ms, self.state, self.take)
        if self.plane.touches_frames:
            self._streams.release(now_ms)

    def _move(self, at_ms: int, request: Moved | Listed) -> None:
        self.now_ms = max(self.now_ms, at_ms)
        self._step(self.now_ms, request)

    def _step(self, now_ms: int, request: Request | Envelope) -> list[Event]:
        events = machine.step(self.state, now_ms, request)
        self._fanout.publish(events)
        if isinstance(request, Moved):
            self._cadence.touch_coins(move.coin for move in request.moves)
        elif isinstance(request, Listed | Adjust) and request.coin is not None:
            self._cadence.touch_coins((request.coin,))
        return events
