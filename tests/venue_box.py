"""A whole venue in this process: exchange, made-up market, wire and gateway, and its clients.

Time stands still until a test moves it.  Nothing of the emulator is replaced.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from coincurve import PrivateKey

from core.market.bars import DAY_MS
from sidecar.emulator.exchange.events import Event
from sidecar.emulator.exchange.requests import Envelope, Fund, Request
from sidecar.emulator.exchange.state import Rules
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.gateway.gateway import Gateway
from sidecar.emulator.gateway.messages import Frame, HttpReply
from sidecar.emulator.tape.synthetic import TICK_MS, synthetic_spec, synthetic_tape
from sidecar.emulator.wire.signatures import address_of, sign_l1

START_MS = 20_700 * DAY_MS + 12 * 3_600_000
"""A noon; the grid of every stream starts anew there, but for the 13.6 s one."""
PEER = "127.0.0.1"
JSON = "application/json"
SYMBOLS = 3


@dataclass
class Wire:
    """One WebSocket: what it heard since it was last asked, and how it ended."""

    box: Box
    number: int
    texts: list[str] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    code: int | None = None

    def send(self, text: str) -> None:
        """Say something."""
        self.box.gateway.receive(self.box.now_ms, self.number, text)
        self.box.deliver()

    def say(self, **message: Any) -> None:
        """Say something in JSON."""
        self.send(json.dumps(message))

    def subscribe(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """What is heard at once after a subscription."""
        self.heard()
        self.say(method="subscribe", subscription={"type": kind, **fields})
        return self.heard()

    def unsubscribe(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """What is heard at once after its end."""
        self.heard()
        self.say(method="unsubscribe", subscription={"type": kind, **fields})
        return self.heard()

    def heard(self, channel: str | None = None) -> list[dict[str, Any]]:
        """Messages since the last call, of one channel when it is named."""
        texts, self.texts = self.texts, []
        messages = [json.loads(text) for text in texts]
        return [one for one in messages if channel in (None, one["channel"])]


@dataclass
class Trader:
    """A key with money; signs what it sends."""

    box: Box
    key: PrivateKey
    nonce: int = START_MS

    @property
    def user(self) -> str:
        """Its address."""
        return address_of(self.key)

    def signed(self, action: dict[str, Any]) -> dict[str, Any]:
        """A body for `/exchange`."""
        self.nonce += 1
        return {
            "action": action,
            "nonce": self.nonce,
            "signature": sign_l1(action, self.key, self.nonce),
        }

    def act(self, action: dict[str, Any]) -> dict[str, Any]:
        """The decoded reply to an action; it must be one of 200."""
        reply = self.box.exchange(self.signed(action))
        assert reply.status == 200, reply
        decoded: dict[str, Any] = json.loads(reply.body)
        return decoded

    def place(self, *orders: dict[str, Any]) -> list[Any]:
        """Statuses of a batch of orders, as the venue words them."""
        reply = self.act({"type": "order", "orders": list(orders), "grouping": "na"})
        assert reply["status"] == "ok", reply
        found: list[Any] = reply["response"]["data"]["statuses"]
        return found


@dataclass
class Box:
    """The venue and its present instant."""

    gateway: Gateway
    now_ms: int
    wires: dict[int, Wire] = field(default_factory=dict)

    def pass_ms(self, by_ms: int) -> None:
        """Let time pass in one go."""
        self.now_ms += by_ms
        self.gateway.advance(self.now_ms)
        self.deliver()

    def deliver(self) -> None:
        """Give every session what is for it."""
        for frame in self.gateway.frames():
            wire = self.wires[frame.session]
            wire.frames.append(frame)
            if frame.text is None:
                wire.code = frame.close_code
            else:
                wire.texts.append(frame.text)

    def connect(self, peer: str = PEER) -> Wire:
        """A session, which must be let in."""
        number = self.gateway.open(self.now_ms, peer)
        assert isinstance(number, int), number
        self.wires[number] = Wire(self, number)
        self.deliver()
        return self.wires[number]

    def hang_up(self, wire: Wire) -> None:
        """The peer closes its connection."""
        self.gateway.closed(self.now_ms, wire.number)

    def info(self, peer: str = PEER, **question: Any) -> HttpReply:
        """The reply to a question."""
        body = json.dumps(question).encode()
        reply = self.gateway.post(self.now_ms, peer, "/info", JSON, body)
        self.deliver()
        return reply

    def exchange(self, body: Any, peer: str = PEER) -> HttpReply:
        """The reply to a signed body."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        reply = self.gateway.post(self.now_ms, peer, "/exchange", JSON, raw)
        self.deliver()
        return reply

    def apply(self, request: Request | Envelope) -> list[Event]:
        """What the operator does."""
        events = self.gateway.apply(self.now_ms, request)
        self.deliver()
        return events

    def trader(self, secret: int = 1, usd: int = 100_000) -> Trader:
        """A user with so much money."""
        found = Trader(self, PrivateKey(secret.to_bytes(32, "big")))
        if usd:
            self.apply(Fund(found.user, usd * 1_000_000))
        return found


def box(
    *,
    limits_on: bool = False,
    seed: int = 1,
    dex: str = "",
    symbols: int = SYMBOLS,
    tick_ms: int = TICK_MS,
) -> Box:
    """A venue at noon, whose market moves every `tick_ms`."""
    spec = synthetic_spec(seed, symbols, START_MS, history_days=4)
    tape = synthetic_tape(spec, START_MS, tick_ms, dex)
    state = tape.first_state(Rules(limits_on=limits_on))
    return Box(Gateway(state, tape, Plane()), START_MS)


def order(
    *, is_buy: bool = True, px: str, size: str, tif: str = "Gtc", asset: int = 0, **more: Any
) -> dict[str, Any]:
    """An order as the wire writes it, its keys in the order of the hash."""
    return {
        "a": asset,
        "b": is_buy,
        "p": px,
        "s": size,
        "r": more.pop("reduce_only", False),
        "t": {"limit": {"tif": tif}},
        **more,
    }
