"""The gateway with a clock and open connections: what the venue's port and the control port share.

Every call into the gateway goes through here: it is stamped with the venue's time, what it had the
gateway say is sent, and the pace hears when something became due earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from core.errors import PerpkitError
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Envelope, Request
from sidecar.emulator.gateway.gateway import Gateway
from sidecar.emulator.gateway.messages import Frame, HttpReply
from sidecar.emulator.gateway.streams import SILENCE_MS
from sidecar.emulator.pace import Pace, VenueTime

Note = Callable[[str], None]
CUT: Final = 1006
RESTARTS: Final = 1012
INTERNAL: Final = 1011
UNKEPT_STATUS: Final = 503


class Wire(Protocol):
    """A WebSocket connection to a client."""

    def push(self, texts: list[str]) -> bool:
        """Send messages; False when the peer leaves too much unread."""
        ...

    def end(self, code: int) -> None:
        """Close with a handshake."""
        ...

    def cut(self) -> None:
        """Close without one, after what was sent."""
        ...

    def drop(self) -> None:
        """Close at once."""
        ...


class Host:
    """One venue with its clients.  `note` says on stderr what its operator should know."""

    def __init__(self, gateway: Gateway, time: VenueTime, note: Note, *, may_slip: bool) -> None:
        self.gateway = gateway
        self.note = note
        self.pace = Pace(gateway, time, self.flush, may_slip=may_slip)
        self.counts: dict[str, Any] = {
            "slow_readers_dropped": 0,
            "bodies_too_large": 0,
            "inputs_not_kept": 0,
        }
        """What the shell did by itself."""
        self.on_clock: Callable[[], None] = _nothing
        """Told when the operator moved the clock, or changed its speed."""
        self.on_flush: Callable[[], None] = _nothing
        """Told when a call into the gateway is over."""
        self.on_change: Callable[[], None] = _nothing
        """Told when the operator changed what no input tells of: the faults."""
        self._wires: dict[int, Wire | None] = {}
        """By session; None until its handshake is done."""
        self._last_ms = gateway.now_ms
        self._allow_silence()

    def now_ms(self) -> int:
        """The venue's present instant, never before one that it was told of."""
        self._last_ms = max(self._last_ms, self.pace.now_ms())
        return self._last_ms

    async def post(
        self, peer: str, method: str, path: str, content_type: str | None, body: bytes
    ) -> HttpReply:
        """The reply to an HTTP request, when it is due."""
        now_ms = self.now_ms()
        try:
            reply = self.gateway.post(now_ms, peer, path, content_type, body, method)
        except PerpkitError as error:
            reply = HttpReply(UNKEPT_STATUS, "text/plain", self._unkept(error).encode())
        self.flush()
        if reply.delay_ms:
            await self.pace.until(now_ms + reply.delay_ms)
        return reply

    def open(self, peer: str) -> int | HttpReply:
        """A session, or the refusal."""
        opened = self.gateway.open(self.now_ms(), peer)
        if isinstance(opened, int):
            self._wires[opened] = None
        return opened

    def opened(self, session: int, wire: Wire) -> None:
        """The handshake of a session is done: from now on it is sent what is for it."""
        self._wires[session] = wire
        self.flush()

    def receive(self, session: int, text: str) -> None:
        """Take a message of a client."""
        if session not in self._wires:
            return
        try:
            self.gateway.receive(self.now_ms(), session, text)
        except PerpkitError as error:
            self._unkept(error)
            self._end(session, INTERNAL)
        self.flush()

    def closed(self, session: int) -> None:
        """The connection of a session is gone."""
        if session in self._wires:
            del self._wires[session]
            self.gateway.closed(self.now_ms(), session)

    def apply(self, request: Request | Envelope) -> list[Event]:
        """What the operator asks of the exchange."""
        events = self.gateway.apply(self.now_ms(), request)
        self.flush()
        return events

    def set_speed(self, speed: float) -> None:
        """Run at another speed; 0 stands still."""
        self.pace.set_speed(speed)
        self._allow_silence()
        self.on_clock()

    def changed(self) -> None:
        """The faults are others now."""
        self.on_change()
        self.flush()

    def flush(self) -> None:
        """Send what the gateway has for its sessions."""
        texts: dict[int, list[str]] = {}
        for frame in self.gateway.frames():
            if frame.delay_ms > 0:
                self._send_later(frame)
            elif frame.text is not None:
                texts.setdefault(frame.session, []).append(frame.text)
            else:
                self._push(frame.session, texts.pop(frame.session, []))
                self._end(frame.session, frame.close_code or CUT)
        for session, ready in texts.items():
            self._push(session, ready)
        self.on_flush()
        self.pace.look()

    def end_all(self) -> None:
        """Close every session, as a venue that goes down does."""
        for session in list(self._wires):
            self._end(session, RESTARTS)

    def _allow_silence(self) -> None:
        """A minute of the clients' time, who have no faster one to ping by."""
        self.gateway.allow_silence(int(SILENCE_MS * max(1.0, self.pace.time.speed)))

    def _send_later(self, frame: Frame) -> None:
        def send() -> None:
            if frame.text is not None:
                self._push(frame.session, [frame.text])
            else:
                self._end(frame.session, frame.close_code or CUT)

        self.pace.at(self._last_ms + frame.delay_ms, send)

    def _push(self, session: int, texts: list[str]) -> None:
        wire = self._wires.get(session)
        if wire is None or not texts or wire.push(texts):
            return
        del self._wires[session]
        wire.drop()
        self.counts["slow_readers_dropped"] += 1
        self.note(f"session {session} is dropped: its client does not read what it subscribed to")
        self.gateway.drop(session, CUT)

    def _end(self, session: int, code: int) -> None:
        wire = self._wires.pop(session, None)
        if wire is None:
            return
        if code == CUT:
            wire.cut()
        else:
            wire.end(code)

    def _unkept(self, error: PerpkitError) -> str:
        """The words for an input that was not taken since it could not be kept."""
        self.counts["inputs_not_kept"] += 1
        lines = error.lines()
        if self.counts["inputs_not_kept"] == 1:
            self.note("\n".join(lines))
        return "Not accepted: the emulator cannot keep its state.\n" + "\n".join(lines)


def _nothing() -> None:
    """Do nothing."""


class HostClock:
    """The venue's time as a port, for what runs beside it in this process."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def now_ms(self) -> int:
        """The venue's present instant."""
        return self._host.now_ms()

    async def sleep_ms(self, duration_ms: int) -> None:
        """Return after so much of the venue's time."""
        await self._host.pace.until(self._host.now_ms() + duration_ms)
