"""`Gateway`: the venue behind one call for each thing that a client can do to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Envelope, Request
from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.gateway.messages import Frame, HttpReply

if TYPE_CHECKING:
    from sidecar.emulator.faults.plane import Plane
    from sidecar.emulator.tape.port import Tape


class Gateway:
    """The whole venue: exchange, tape and faults, met by HTTP bodies and WebSocket texts.

    Everything that comes out is a function of the state, the tape, the plane and the calls.
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
        self.on_input: Callable[[int, Request | Envelope], None] | None = None
        """Told of each input that is not the tape's, before it takes effect."""
        self._frames: list[Frame] = []

    def apply(self, now_ms: int, request: Request | Envelope) -> list[Event]:
        """The events of one request; streams hear of them."""
        raise NotImplementedError

    def advance(self, now_ms: int) -> None:
        """Let the tape, the clockwork and the streams run up to now."""
        raise NotImplementedError

    def next_ms(self) -> int:
        """The earliest instant at which `advance` has something to do."""
        raise NotImplementedError

    def post(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        now_ms: int,
        peer: str,
        path: str,
        content_type: str | None,
        body: bytes,
        method: str = "POST",
    ) -> HttpReply:
        """The reply to an HTTP request."""
        raise NotImplementedError

    def open(self, now_ms: int, peer: str) -> int | HttpReply:
        """A session for a new WebSocket, or the refusal of its handshake."""
        raise NotImplementedError

    def receive(self, now_ms: int, session: int, text: str) -> None:
        """Take a text of a session; what it answers is among the frames."""
        raise NotImplementedError

    def closed(self, now_ms: int, session: int) -> None:
        """The peer of a session is gone."""
        raise NotImplementedError

    def drop(self, session: int, code: int) -> None:
        """End a session from this side: its peer reads too slowly, or the venue restarts."""
        raise NotImplementedError

    def frames(self) -> list[Frame]:
        """Every frame made since the last call, in order."""
        frames, self._frames = self._frames, []
        return frames
