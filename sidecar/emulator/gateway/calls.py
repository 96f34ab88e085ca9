"""What a client asks and orders: `/info` and `/exchange`, over HTTP and as posts of a session."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec
from msgspec import Struct

from core.venue.weights import exchange_weight, info_weight
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Envelope, Request
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.faults.sights import Call
from sidecar.emulator.gateway.limits import Peer
from sidecar.emulator.gateway.messages import HttpReply
from sidecar.emulator.wire import actions, exchange_replies, info
from sidecar.emulator.wire.actions import Signed
from sidecar.emulator.wire.errors import BodyError
from sidecar.emulator.wire.view import View

JSON: Final = "application/json"
PLAIN: Final = "text/plain; charset=utf-8"
HTML: Final = "text/html"
TOO_MANY: Final = HttpReply(
    429,
    HTML,
    b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n"
    b"<center><h1>429 Too Many Requests</h1></center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n",
)
"""It comes from the servers in front of the venue, which write no JSON."""
INFO: Final = "/info"
EXCHANGE: Final = "/exchange"


class Venue(View, Protocol):
    """What calls act on."""

    @property
    def plane(self) -> Plane:
        """What goes wrong."""
        ...

    @property
    def network(self) -> str | None:
        """Whose signatures are taken."""
        ...

    def take(self, now_ms: int, request: Request | Envelope) -> list[Event]:
        """One input, now; time must have come up to it."""
        ...


class Asked(Struct):
    """What a question is about, as far as limits and faults care."""

    type: str = ""
    user: str | None = None
    coin: str | None = None


class Caller(Struct, frozen=True):
    """Who calls: the address, its limits, and the session of a post.

    Posts weigh nothing: the limit of weight is one of HTTP requests.
    """

    address: str
    peer: Peer
    session: int | None = None

    @property
    def is_weighed(self) -> bool:
        """Does the call count against the weight of its address?"""
        return self.session is None


class Calls:
    """Answers both, with weights and faults."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._asked = msgspec.json.Decoder(Asked)

    def info(self, caller: Caller, body: bytes) -> tuple[HttpReply, str]:
        """The reply to a question, and its type."""
        venue = self._venue
        asked = self._read(body)
        weighs = caller.is_weighed and venue.state.rules.limits_on
        weight = info_weight(asked.type)
        if weighs and not caller.peer.weighs(weight, venue.now_ms):
            return msgspec.structs.replace(TOO_MANY), asked.type
        call = Call(caller.address, INFO, asked.type, asked.user, asked.coin, caller.session)
        if venue.plane.touches_calls:
            instead = venue.plane.on_call(venue.now_ms, call)
            if instead is not None:
                return instead, asked.type
        answer = info.answer(venue, body)
        if weighs:
            weight = info_weight(answer.request_type, answer.item_count)
            caller.peer.weight.add(venue.now_ms, weight)
        reply = HttpReply(answer.status, answer.content_type, answer.body)
        return self._leave(call, reply), asked.type

    def exchange(self, caller: Caller, body: bytes) -> HttpReply:
        """The reply to an action."""
        venue = self._venue
        weighs = caller.is_weighed and venue.state.rules.limits_on
        if weighs and not caller.peer.weighs(exchange_weight(1), venue.now_ms):
            return msgspec.structs.replace(TOO_MANY)
        try:
            signed = actions.decode(body, venue.network)
        except BodyError as error:
            if weighs:
                caller.peer.weight.add(venue.now_ms, exchange_weight(1))
            call = Call(caller.address, EXCHANGE, session=caller.session)
            return self._refuse(call, HttpReply(error.status, PLAIN, error.text.encode()))
        if weighs:
            weight = exchange_weight(signed.batch_len)
            if not caller.peer.weighs(weight, venue.now_ms):
                return msgspec.structs.replace(TOO_MANY)
            caller.peer.weight.add(venue.now_ms, weight)
        return self._act(caller, signed)

    def _act(self, caller: Caller, signed: Signed) -> HttpReply:
        venue = self._venue
        envelope = signed.to_envelope(venue.state)
        if isinstance(envelope, str):
            call = Call(caller.address, EXCHANGE, signed.kind, session=caller.session)
            return self._refuse(call, HttpReply(200, JSON, exchange_replies.refusal(envelope)))
        user = envelope.request.user
        call = Call(caller.address, EXCHANGE, signed.kind, user, session=caller.session)
        if venue.plane.touches_calls:
            instead = venue.plane.on_call(venue.now_ms, call)
            if instead is not None:
                return instead
            taken = venue.plane.on_request(venue.now_ms, call, envelope, venue.state, venue.take)
            if isinstance(taken, HttpReply):
                return self._leave(call, taken)
            envelope = taken
        events = venue.take(venue.now_ms, envelope)
        return self._leave(call, HttpReply(200, JSON, exchange_replies.render(events, venue.state)))

    def _refuse(self, call: Call, reply: HttpReply) -> HttpReply:
        """The reply to what never reaches the exchange."""
        plane = self._venue.plane
        if plane.touches_calls:
            instead = plane.on_call(self._venue.now_ms, call)
            if instead is not None:
                return instead
        return self._leave(call, reply)

    def _leave(self, call: Call, reply: HttpReply) -> HttpReply:
        plane = self._venue.plane
        return plane.on_reply(self._venue.now_ms, call, reply) if plane.touches_calls else reply

    def _read(self, body: bytes) -> Asked:
        try:
            return self._asked.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Asked()
