"""`perpkit sidecar` from its options to its end: locks, sockets, tasks, signals."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from core import lock
from core.artifacts.writing import make_folder
from core.clock import PacingClock, monotonic_s, random_hex
from core.feed.place import socket_path
from core.ports_real import RealNet, Tasks, real_ports
from core.settings import load_host
from core.store.folder import refuse_other_network
from core.venue.address import VenueAddress
from core.venue_clock import clock_for
from schemas.sidecar import PROTOCOL
from sidecar.market import daemon
from sidecar.market.answers import Answers
from sidecar.market.clients import Hub
from sidecar.market.desired import Interest
from sidecar.market.health import HEARTBEAT_S, Health
from sidecar.market.metrics import LOOPBACK, Metrics
from sidecar.market.notify import Notifier
from sidecar.market.server import Server, later
from sidecar.market.service import Service
from sidecar.market.shelf import FolderShelf
from sidecar.market.socket_file import bound

LOCK: Final = "sidecar.lock"
RECORDINGS: Final = "recordings"
NO_METRICS: Final = -1

Say = Callable[[str], None]
Ready = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class SidecarOptions:
    """The options of the command."""

    venue: VenueAddress
    clock_url: str
    store: Path
    socket: Path
    always: Interest
    record_quotes: bool
    record_contexts: bool
    record_trades: bool
    keep_days: int
    quota_mib: int
    silent_bars: Any
    metrics_port: int


def run(options: SidecarOptions, note: Say, ready: Ready) -> None:
    """Serve until SIGINT or SIGTERM, and let the signal end the program.

    `ready` is told where it listens, `note` gets a heartbeat a minute.  Raises RefusedError when
    another sidecar has the store or the socket.
    """
    path = socket_path(options.socket)
    with ExitStack() as stack:
        make_folder(options.store)
        what = "the store, by another sidecar,"
        stack.enter_context(lock.hold(options.store / LOCK, what=what))
        refuse_other_network(options.store, options.venue.source)
        listener = stack.enter_context(bound(path))
        clock = clock_for(options.clock_url, options.venue)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                number = runner.run(Process(options, clock, note, ready).run(path, listener))
        finally:
            for known, handler in handlers.items():
                signal.signal(known, handler)
    signal.raise_signal(number)
    raise KeyboardInterrupt


class Process:
    """One boot of the sidecar."""

    def __init__(
        self, options: SidecarOptions, clock: PacingClock, note: Say, ready: Ready
    ) -> None:
        self._options, self._clock, self._note, self._ready = options, clock, note, ready
        self._notifier = Notifier(load_host())
        self._boot = random_hex(8)
        self._health: Health | None = None
        self._server: Server | None = None
        self._metrics: Metrics | None = None

    async def run(self, path: Path, listener: Any) -> int:
        """Serve until a signal comes; its number."""
        loop = asyncio.get_running_loop()
        stop: asyncio.Future[int] = loop.create_future()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _set, stop, number)
        tasks = Tasks()
        net = RealNet(self._options.venue)
        ports = real_ports(net, self._options.store, self._clock, tasks)
        hub = Hub(later(), monotonic_s)

        def serve(service: Service) -> None:
            tasks(self._serve(service, hub, path, listener), "server")

        work = daemon.run(ports, self._settings(), hub, shelf=self._shelf(), serve=serve)
        main = asyncio.create_task(tasks.run(work, "daemon"))
        try:
            ends: list[asyncio.Future[Any]] = [main, stop]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            self._notifier.stopping()
            if self._server is not None:
                self._server.stop()
            if self._metrics is not None:
                self._metrics.stop()
            if not stop.done():
                main.result()
            main.cancel()
            await asyncio.gather(main, return_exceptions=True)
            return stop.result()
        finally:
            await net.aclose()

    def _settings(self) -> daemon.Settings:
        options = self._options
        return daemon.Settings(
            venue=options.venue.source,
            always=options.always,
            clock_is_venues=bool(options.clock_url),
            silent_bars=options.silent_bars,
            context_ms=daemon.UNIVERSE_MS if options.record_contexts else 0,
            record_quotes=options.record_quotes,
            record_trades=options.record_trades,
            keep_days=options.keep_days,
            quota_bytes=options.quota_mib * 1024 * 1024,
        )

    def _shelf(self) -> FolderShelf | None:
        options = self._options
        is_recording = options.record_quotes or options.record_trades
        return FolderShelf(options.store / RECORDINGS) if is_recording else None

    async def _serve(self, service: Service, hub: Hub, path: Path, listener: Any) -> None:
        """Listen, say so, and tell how it is until cancelled."""
        options = self._options
        health = self._health = Health(service, hub, self._boot, options.store)
        server = Server(hub, Answers(service, hub, self._boot, health.whole))
        self._server = health.server = server
        hub.attach(service)
        await server.start(listener)
        data: dict[str, Any] = {
            "socket": str(path),
            "store": str(options.store),
            "venue": options.venue.base_url,
            "boot": self._boot,
            "pid": os.getpid(),
            "protocol": PROTOCOL,
            "metrics": None,
        }
        if options.metrics_port != NO_METRICS:
            self._metrics = Metrics(health)
            port = await self._metrics.start(options.metrics_port)
            data["metrics"] = f"http://{LOOPBACK}:{port}/metrics"
        # What lives as long as the process need not be looked through again and again.
        gc.freeze()
        self._notifier.ready()
        self._ready(data)
        await asyncio.gather(server.run(), self._tell(health), self._beat(health))

    async def _tell(self, health: Health) -> None:
        while True:
            self._notifier.alive(health.status(), is_ok=health.is_ok())
            await asyncio.sleep(self._notifier.period_s)

    async def _beat(self, health: Health) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._note(health.heartbeat(self._clock))


def _set(stop: asyncio.Future[int], number: int) -> None:
    if not stop.done():
        stop.set_result(number)
