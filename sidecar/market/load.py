"""A venue that only talks: frames at an exact rate, for `make bench-sidecar`.

`python -m sidecar.market.load META RATE` answers REST with the universe in the file META, takes
subscriptions on `/ws`, and from the line `go SECONDS` on stdin sends so many messages a second in
slots of 2 ms: nine quotes to one trade, each of the next symbol.  The size of a quote and of a
trade is the instant at which it was sent, in seconds of the machine's monotonic clock; `tid` counts
the trades from 1.  When it is done it prints how many messages and trades it sent.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from core.clock import SystemClock, monotonic_s

SLOT_S: Final = 0.002
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PX: Final = 1_000.0


class Venue:
    """Who listens to what, and how much was sent."""

    def __init__(self, meta: bytes, rate: int) -> None:
        self.meta, self.rate = meta, rate
        self.streams: dict[tuple[str, str], Session] = {}
        self.message_count = self.trade_count = 0
        self.last_quote: dict[str, float] = {}
        self.late_s = 0.0

    async def talk(self, duration_s: float) -> None:
        """Send for so long."""
        quotes = [key for key in self.streams if key[0] == "bbo"]
        trades = [key for key in self.streams if key[0] == "trades"]
        began_s, sent = monotonic_s(), 0
        while (past_s := monotonic_s() - began_s) < duration_s:
            due = int(past_s * self.rate)
            self.late_s = max(self.late_s, (due - sent) / self.rate)
            batches: dict[Session, list[bytes]] = {}
            for number in range(sent, due):
                is_trade = number % 10 == 9
                kind, turn = (trades, number // 10) if is_trade else (quotes, number - number // 10)
                key = kind[turn % len(kind)]
                batches.setdefault(self.streams[key], []).append(self._message(key))
            for session, frames in batches.items():
                session.write(b"".join(frames))
            sent = due
            await asyncio.sleep(SLOT_S)

    def _message(self, key: tuple[str, str]) -> bytes:
        channel, symbol = key
        at_ms, at_s = SystemClock().now_ms(), f"{monotonic_s():.6f}"
        self.message_count += 1
        if channel == "bbo":
            self.last_quote[symbol] = float(at_s)
            side = f'{{"px":"1000.0","sz":"{at_s}","n":1}},{{"px":"1001.0","sz":"2.0","n":1}}'
            data = f'{{"coin":"{symbol}","time":{at_ms},"bbo":[{side}]}}'
        else:
            self.trade_count += 1
            data = (
                f'[{{"coin":"{symbol}","side":"B","px":"1000.0","sz":"{at_s}","time":{at_ms},'
                f'"hash":"0x{"0" * 64}","tid":{self.trade_count},'
                f'"users":["0x{"1" * 40}","0x{"2" * 40}"]}}]'
            )
        return frame(f'{{"channel":"{channel}","data":{data}}}'.encode())


class Session(asyncio.Protocol):
    """A connection: HTTP until it is upgraded."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._rest = b""
        self._is_stream = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self._transport = cast("asyncio.Transport", transport)

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Answer requests, take subscriptions."""
        self._rest += data
        while self._rest and (self._frame() if self._is_stream else self._request()):
            pass

    def _request(self) -> bool:
        head, found, body = self._rest.partition(b"\r\n\r\n")
        if not found:
            return False
        fields = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in head.split(b"\r\n")[1:])
        }
        length = int(fields.get(b"content-length", b"0"))
        if len(body) < length:
            return False
        self._rest = body[length:]
        if head.startswith(b"GET"):
            digest = hashlib.sha1(fields[b"sec-websocket-key"] + GUID, usedforsecurity=False)
            accept = base64.b64encode(digest.digest())
            self.write(
                b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                b"sec-websocket-accept: " + accept + b"\r\n\r\n"
            )
            self._is_stream = True
            return True
        reply = self._reply(json.loads(body[:length]))
        self.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (len(reply), reply)
        )
        return True

    def _reply(self, asked: dict[str, Any]) -> bytes:
        if asked["type"] == "metaAndAssetCtxs":
            return self._venue.meta
        if asked["type"] == "exchangeStatus":
            now_ms = SystemClock().now_ms()
            return json.dumps({"specialStatuses": None, "time": now_ms}).encode()
        return b"[]"

    def _frame(self) -> bool:
        if len(self._rest) < 6:
            return False
        size, at = self._rest[1] & 0x7F, 2
        if size == 126:
            size, at = struct.unpack(">H", self._rest[2:4])[0], 4
        end = at + 4 + size
        if len(self._rest) < end:
            return False
        mask = self._rest[at : at + 4]
        text = bytes(b ^ mask[i % 4] for i, b in enumerate(self._rest[at + 4 : end]))
        opcode = self._rest[0] & 0x0F
        self._rest = self._rest[end:]
        if opcode == 1:
            self._take(json.loads(text))
        return True

    def _take(self, said: dict[str, Any]) -> None:
        if said["method"] == "ping":
            self.write(frame(b'{"channel":"pong"}'))
            return
        wanted = said["subscription"]
        ack = {"channel": "subscriptionResponse", "data": said}
        self.write(frame(json.dumps(ack).encode()))
        if said["method"] == "subscribe" and "coin" in wanted:
            self._venue.streams[wanted["type"], wanted["coin"]] = self


def frame(text: bytes) -> bytes:
    """A WebSocket text frame of a server."""
    size = len(text)
    if size < 126:
        return b"\x81" + bytes((size,)) + text
    return b"\x81" + struct.pack(">BH", 126, size) + text


async def main(meta: Path, rate: int) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    venue = Venue(meta.read_bytes(), rate)
    server = await loop.create_server(lambda: Session(venue), "127.0.0.1", 0)
    _say({"port": server.sockets[0].getsockname()[1]})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, _, value = line.strip().partition(" ")
        if word == "go":
            await venue.talk(float(value))
        _say(
            {
                "messages": venue.message_count,
                "trades": venue.trade_count,
                "streams": len(venue.streams),
                "late_s": venue.late_s,
                "last_quote": venue.last_quote,
                "ended_s": monotonic_s(),
            }
        )


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
