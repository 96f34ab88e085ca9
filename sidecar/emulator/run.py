"""`perpkit emulator` from its options to its end: ports, tasks, signals, saving."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, Final

import uvloop

from core.clock import MS_PER_S, Clock, monotonic_s, utc_iso
from core.errors import InputError, PerpkitError, UsageError, VenueError
from sidecar.emulator.control import control_app
from sidecar.emulator.exchange.requests import Envelope, Request
from sidecar.emulator.host import Host, HostClock, Note
from sidecar.emulator.keeper import Keeper, open_keeper
from sidecar.emulator.opening import EmulatorOptions, Opened, open_venue, run_to
from sidecar.emulator.pace import VenueTime, check_speed
from sidecar.emulator.planes import keep_plane
from sidecar.emulator.proxy import Proxy
from sidecar.emulator.server import VenueApp
from sidecar.emulator.sockets import QuietServer, address_of, listen, make_server

LOOPBACK: Final = "127.0.0.1"
LOOPBACKS: Final = (LOOPBACK, "::1")
RESERVE_EVERY_S: Final = 0.5
RESERVE_AHEAD_S: Final = 1.5
SAVE_EVERY_S: Final = 60.0
SAVE_INPUTS: Final = 5_000
SAVE_COST_PARTS: Final = 20
"""Saving takes at most this part of the time."""
CLOSING_S: Final = 3.0

Ready = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Ports:
    """The sockets that it listens at."""

    venue: socket.socket
    control: socket.socket


class Saving:
    """Keeps the state file up with the venue."""

    def __init__(self, keeper: Keeper, opened: Opened, host: Host) -> None:
        self._keeper = keeper
        self._opened = opened
        self._host = host
        self._is_failing = False
        self._is_plane_newer = False
        self._saved_s = monotonic_s()
        self._pause_s = SAVE_EVERY_S

    def note(self, now_ms: int, request: Request | Envelope) -> None:
        """An input comes; if faults are about, it may be one of theirs."""
        self._keeper.note(now_ms, request)
        self._is_plane_newer = bool(self._host.gateway.plane.state.actives)

    def note_plane(self) -> None:
        """Keep what the faults now are, if they may have acted on the exchange."""
        if self._is_plane_newer:
            self._is_plane_newer = False
            plane = keep_plane(self._host.gateway.plane)
            self._tried(lambda: self._keeper.note_plane(plane))

    def reserve(self) -> None:
        """Venue time up to a moment from now may be seen by clients."""
        time = self._host.pace.time
        ahead_ms = int(RESERVE_AHEAD_S * MS_PER_S * time.speed)
        self._tried(partial(self._keeper.reserve, time.target_ms() + ahead_ms))

    def save(self) -> None:
        """Replace what is kept by a snapshot."""
        began_s = monotonic_s()
        self._tried(lambda: self._keeper.save(self._opened.snapshot()))
        self._saved_s = monotonic_s()
        self._pause_s = max(SAVE_EVERY_S, SAVE_COST_PARTS * (self._saved_s - began_s))

    async def run(self) -> None:
        """Save now and then until cancelled."""
        while True:
            self.reserve()
            await asyncio.sleep(RESERVE_EVERY_S)
            self._is_plane_newer = bool(self._host.gateway.plane.state.actives)
            self.note_plane()
            is_long = self._keeper.input_count >= SAVE_INPUTS
            if is_long or monotonic_s() - self._saved_s > self._pause_s:
                self.save()
                self.reserve()

    def _tried(self, act: Callable[[], None]) -> None:
        """Do it; a full disk is said once and tried again later."""
        try:
            act()
        except PerpkitError as error:
            if not self._is_failing:
                self._host.note("\n".join(error.lines()))
            self._is_failing = True
        else:
            self._is_failing = False


def run(options: EmulatorOptions, clock: Clock, note: Note, ready: Ready) -> None:
    """Serve until SIGINT or SIGTERM, save, and let the signal end the program.

    `ready` is told the addresses when it listens and all is recovered.
    """
    check_options(options)
    with ExitStack() as stack:
        keeper = None
        if options.state is not None:
            keeper = stack.enter_context(open_keeper(options.state))
        ports = Ports(
            stack.enter_context(listen(options.host, options.port, "--port")),
            stack.enter_context(listen(LOOPBACK, options.control_port, "--control-port")),
        )
        opened = open_venue(options, keeper, clock, note)
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                number = runner.run(_serve(options, opened, keeper, ports, (clock, note, ready)))
        finally:
            for known, handler in handlers.items():
                signal.signal(known, handler)
    signal.raise_signal(number)
    raise KeyboardInterrupt


def check_options(options: EmulatorOptions) -> None:
    """Raise UsageError for a speed that no clock has, and for a host that others reach."""
    check_speed(options.speed)
    try:
        ip_address(options.host)
    except ValueError as error:
        raise UsageError(
            f"--host {options.host!r} is no IP address", hint=f"{LOOPBACK} is this machine alone"
        ) from error


async def _serve(
    options: EmulatorOptions,
    opened: Opened,
    keeper: Keeper | None,
    ports: Ports,
    rim: tuple[Clock, Note, Ready],
) -> int:
    """Serve until a signal comes; its number."""
    clock, note, ready = rim
    stop = _signals()
    host = _host(options, opened, clock, note)
    servers = [make_server(VenueApp(host)), make_server(control_app(host))]
    saving = Saving(keeper, opened, host) if keeper is not None else None
    works: list[Coroutine[Any, Any, None]] = [
        host.pace.run(),
        servers[0].serve([ports.venue]),
        servers[1].serve([ports.control]),
    ]
    if saving is not None:
        host.gateway.on_input, host.on_flush = saving.note, saving.note_plane
        host.on_clock, host.on_change = saving.reserve, saving.save
        works.append(saving.run())
    proxy, proxy_port = await _proxy(options, host, ports)
    data = ready_data(options, host, ports, proxy_port)
    tasks = [asyncio.create_task(work) for work in works]
    for server in servers:
        await server.wait_started()
    ready(data)
    ends: list[asyncio.Future[Any]] = [stop, *tasks]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    await proxy.stop()
    await _close(host, servers, tasks)
    if saving is not None:
        host.gateway.on_input = None
        saving.save()
    return stop.result()


def _signals() -> asyncio.Future[int]:
    """What the first SIGINT or SIGTERM sets."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def note(number: int) -> None:
        if not stop.done():
            stop.set_result(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, note, number)
    return stop


def _host(options: EmulatorOptions, opened: Opened, clock: Clock, note: Note) -> Host:
    """The venue with its clock running from now."""
    gateway = opened.gateway
    if options.follows_real:
        run_to(gateway, clock.now_ms(), note)
        time = VenueTime(gateway.now_ms, 1.0, lambda: float(clock.now_ms()))
    else:
        time = VenueTime(gateway.now_ms, options.speed, lambda: monotonic_s() * MS_PER_S)
    return Host(gateway, time, note, may_slip=not options.follows_real)


async def _proxy(options: EmulatorOptions, host: Host, ports: Ports) -> tuple[Proxy, int]:
    """The proxy in front of the venue's port, and the port that it listens at."""
    name, port = address_of(ports.venue)
    target = LOOPBACKS[":" in name] if ip_address(name).is_unspecified else name
    proxy = Proxy(target, port, host.gateway.plane, HostClock(host))
    host.counts["proxy"] = proxy.counts
    try:
        return proxy, await proxy.start(options.host, options.proxy_port)
    except InputError as error:
        raise VenueError(error.what, at=error.at, hint=error.hint) from error


def ready_data(
    options: EmulatorOptions, host: Host, ports: Ports, proxy_port: int
) -> dict[str, Any]:
    """What is printed when it is ready."""
    name, port = address_of(ports.venue)
    shown = f"[{name}]" if ":" in name else name
    control = address_of(ports.control)[1]
    gateway = host.gateway
    return {
        "http": f"http://{shown}:{port}",
        "ws": f"ws://{shown}:{port}/ws",
        "control": f"http://{LOOPBACK}:{control}",
        "proxy": f"http://{shown}:{proxy_port}",
        "pid": os.getpid(),
        "now_ms": gateway.now_ms,
        "time": utc_iso(gateway.now_ms),
        "speed": options.speed,
        "coins": [coin.name for coin in gateway.state.coins.values()],
        "network": options.network,
        "state": str(options.state) if options.state is not None else None,
    }


async def _close(host: Host, servers: list[QuietServer], tasks: list[asyncio.Task[None]]) -> None:
    """End sessions and tasks; raises what a task failed with."""
    failed = [task for task in tasks if task.done() and task.exception() is not None]
    host.end_all()
    for server in servers:
        server.should_exit = True
    await asyncio.wait(tasks[1:3], timeout=CLOSING_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in failed:
        task.result()
