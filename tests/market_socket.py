"""A sidecar's local side on a real socket over a real daemon whose venue never speaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.clock import SystemClock, monotonic_s
from core.ports_real import RealNet, Tasks, real_ports
from core.venue.address import parse_address
from sidecar.market.answers import Answers
from sidecar.market.clients import Hub
from sidecar.market.daemon import Daemon, Settings
from sidecar.market.desired import Interest
from sidecar.market.facts import Bbo, Fact, Trade
from sidecar.market.health import Health
from sidecar.market.server import Server, later
from sidecar.market.socket_file import bound

USER = "0x" + "ab" * 20


@dataclass
class Scene:
    """What runs."""

    path: Path
    hub: Hub
    daemon: Daemon
    server: Server
    clock: SystemClock = field(default_factory=SystemClock)

    def hear(self, *facts: Fact) -> None:
        """The venue said this just now."""
        self.daemon.heard(list(facts), self.daemon.time.now_ms())

    def quote(self, symbol: str, px: float, size: float = 1.0) -> None:
        """A new best bid and ask."""
        now_ms = self.daemon.time.now_ms()
        self.hear(Bbo(symbol, now_ms, (px, size), (px + 1.0, size)))

    def trade(self, symbol: str, tid: int) -> None:
        """A trade."""
        self.hear(Trade(symbol, self.daemon.time.now_ms(), True, 1_000.0, 1.0, tid))


@asynccontextmanager
async def scene(folder: Path, *, uids: tuple[int, ...] | None = None) -> AsyncIterator[Scene]:
    """A server in the folder."""
    net, tasks = RealNet(parse_address("http://127.0.0.1:9")), Tasks()
    hub = Hub(later(), monotonic_s)
    ports = real_ports(net, folder, SystemClock(), tasks)
    daemon = Daemon(ports, Settings("hyperliquid loopback", Interest()), hub, None)
    hub.attach(daemon.service)
    health = Health(daemon.service, hub, "boot1", folder)
    server = Server(hub, Answers(daemon.service, hub, "boot1", health.whole), uids=uids)
    with bound(folder / "run" / "s.sock") as listener:
        await server.start(listener)
        work = asyncio.create_task(server.run())
        try:
            yield Scene(folder / "run" / "s.sock", hub, daemon, server)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            server.stop()
            await asyncio.sleep(0.01)
            daemon.close()
            await net.aclose()


class Raw:
    """A client that says whatever it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, path: Path) -> Raw:
        """One that is connected."""
        return cls(*await asyncio.open_unix_connection(str(path), limit=4 << 20))

    async def say(self, data: bytes) -> dict[str, Any]:
        """The next line after sending these bytes and a newline."""
        self.writer.write(data + b"\n")
        return await self.line()

    async def line(self) -> dict[str, Any]:
        """The next line."""
        return dict(json.loads(await asyncio.wait_for(self.reader.readline(), 5)))

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request."""
        return await self.say(json.dumps({"id": 1, "method": method, "params": params}).encode())

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        await asyncio.sleep(0)
