"""The processes of a sidecar's day: the daemon, its clients, and a trader at the venue."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from coincurve import PrivateKey

from core.errors import PerpkitError
from sidecar.emulator.wire.signatures import address_of, sign_l1
from sidecar.market import daemon
from sidecar.market.answers import Answers
from sidecar.market.clients import Hub
from sidecar.market.desired import Interest
from sidecar.market.server import Server, later
from sidecar.market.service import Service
from tests.simulation.ports import LinkLostError, Ports, StreamEndedError
from tests.simulation.sidecar_sockets import SOCKET, Caller, accept

KEYS = tuple(PrivateKey(number.to_bytes(32, "big")) for number in (11, 12))
USERS = tuple(address_of(key) for key in KEYS)
INTERVAL = "1m"
HISTORY_BARS = 90
DATABASE = "reader.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS events(user TEXT NOT NULL, cursor INTEGER NOT NULL, kind TEXT NOT NULL,
  key TEXT NOT NULL, PRIMARY KEY(user, cursor)) STRICT;
"""
PAUSE_MS = 3_000
TRADE_MS = 240_000
REPLY_MS = 4_000

Program = Callable[[Ports], Coroutine[Any, Any, None]]
Reached = Callable[[str], None]


@dataclass
class Seen:
    """What the processes show to whoever examines the simulation."""

    service: Service | None = None
    """That of the daemon's last life."""
    boots: int = 0
    told: dict[tuple[str, str, int], dict[str, Any]] = field(default_factory=dict)
    """The last that a client was told of each closed bar."""
    wrong: list[str] = field(default_factory=list)
    ready: dict[str, Any] = field(default_factory=dict)
    stats: dict[str, int] = field(default_factory=dict)
    """Counters of the daemon's lives, as they were last looked at."""


def sidecar(seen: Seen, settings: daemon.Settings) -> Program:
    """The production daemon with its hub and server."""

    async def main(ports: Ports) -> None:
        seen.boots += 1
        boot = str(seen.boots)
        hub = Hub(later(), asyncio.get_running_loop().time)

        def serve(service: Service) -> None:
            seen.service = service
            hub.attach(service)
            server = Server(hub, Answers(service, hub, boot, service.health))
            ports.spawn(accept(ports, server), "socket")
            ports.spawn(server.run(), "leases")

        await daemon.run(ports, settings, hub, serve=serve)

    return main


def settings_for(symbols: tuple[str, ...]) -> daemon.Settings:
    """The daemon wants these symbols and both users, whoever its clients are."""
    always = Interest(symbols, (INTERVAL,), HISTORY_BARS, ("bbo", "trades"), USERS)
    return daemon.Settings(venue="emulator", always=always)


def _again(life: Callable[[Ports, Caller], Coroutine[Any, Any, None]], reached: Reached) -> Program:
    """A client that connects anew whenever it is hung up on or gets no answer."""

    async def main(ports: Ports) -> None:
        while True:
            try:
                caller = Caller(ports, await ports.local.dial(SOCKET))
                await life(ports, caller)
            except (LinkLostError, StreamEndedError, TimeoutError):
                reached("a client came again")
            except PerpkitError as error:
                reached(f"a client was refused: {type(error).__name__}")
            await ports.clock.sleep_ms(PAUSE_MS)

    return main


def watcher(seen: Seen, symbols: tuple[str, ...], reached: Reached) -> Program:
    """A client that takes every push and notes what closed bars it was told."""

    async def live(ports: Ports, caller: Caller) -> None:
        del ports
        await caller.ask("hello", {"client": "watcher"})
        await caller.ask("interest", {"symbols": symbols, "intervals": [INTERVAL]})
        await caller.ask("subscribe", {"kinds": ["bar", "mid"], "symbols": symbols})
        while True:
            await caller.listen(20_000)
            for item in caller.pushes:
                if item["kind"] == "bar":
                    _note(seen, item, reached)
            caller.pushes.clear()
            asked = {"symbols": symbols, "interval": INTERVAL}
            seen.ready = await caller.ask("ready", asked)
            reached("ready" if seen.ready["ready"] else "not ready")

    return _again(live, reached)


def _note(seen: Seen, item: dict[str, Any], reached: Reached) -> None:
    """A closed bar never changes without being called a revision."""
    key = (item["symbol"], item["interval"], item["ts_open_ms"])
    names = ("open_px", "high_px", "low_px", "close_px", "volume")
    bar = {name: item[name] for name in names}
    reached("a bar was told")
    if item.get("revised"):
        reached("a revision was told")
    elif seen.told.get(key, bar) != bar:
        seen.wrong.append(f"bars: {key} was told as {seen.told[key]} and then as {bar}")
    seen.told[key] = bar


def sleeper(symbols: tuple[str, ...], reached: Reached) -> Program:
    """A client that wants everything pushed and hardly ever reads."""

    async def live(ports: Ports, caller: Caller) -> None:
        await caller.ask("hello", {"client": "sleeper"})
        await caller.ask("subscribe", {"kinds": ["mid", "bbo", "trade", "bar"]})
        asked = {"symbols": symbols, "intervals": [INTERVAL], "channels": ["bbo", "trades"]}
        await caller.ask("interest", asked)
        while True:
            await ports.clock.sleep_ms(25_000)
            await caller.listen(50)
            caller.pushes.clear()
            reached("the slow client read")

    return _again(live, reached)


def mortal(symbols: tuple[str, ...], reached: Reached) -> Program:
    """A client without a name that wants something, and dies of itself after a while."""

    async def live(ports: Ports, caller: Caller) -> None:
        await caller.ask("interest", {"symbols": symbols[:1], "intervals": ["5m"]})
        await ports.clock.sleep_ms(round(600_000 * (0.5 + ports.rng.random())))
        reached("a client died")
        raise RuntimeError("this client dies now and then")

    return _again(live, reached)


def reader(reached: Reached) -> Program:
    """A client that reads user events by cursor, keeps them on its disk, and then says so."""

    async def live(ports: Ports, caller: Caller) -> None:
        database = ports.disk.open(DATABASE)
        database.execute(SCHEMA)
        cursors = dict.fromkeys(USERS, 0)
        for user, cursor in database.execute("SELECT user, max(cursor) FROM events GROUP BY user"):
            cursors[user] = cursor
            reached("the reader went on from its cursor")
        await caller.ask("hello", {"client": "reader"})
        await caller.ask("interest", {"users": list(USERS)})
        while True:
            for user in USERS:
                asked = {"user": user, "after": cursors[user], "wait_ms": 15_000, "limit": 20}
                found = await caller.ask("user_events", asked)
                rows = [(user, one["cursor"], one["kind"], one["key"]) for one in found["events"]]
                if rows:
                    with database:
                        database.executemany("INSERT INTO events VALUES(?, ?, ?, ?)", rows)
                    cursors[user] = found["cursor"]
                    asked = {"consumer": "reader", "user": user, "cursor": cursors[user]}
                    await caller.ask("ack", asked)
                    reached("the reader acknowledged")

    return _again(live, reached)


def trader(is_open: Callable[[], bool]) -> Program:
    """Somebody with two accounts who buys and sells now and then, and looks at no answer."""

    async def main(ports: Ports) -> None:
        number = 0
        while True:
            await ports.clock.sleep_ms(round(TRADE_MS * (0.5 + ports.rng.random())))
            if not is_open():
                return
            number += 1
            key = KEYS[number % 2]
            is_buy = number % 4 < 2
            order = {
                "a": 0,
                "b": is_buy,
                "p": "900000" if is_buy else "1000",
                "s": "0.001",
                "r": False,
                "t": {"limit": {"tif": "Ioc"}},
            }
            try:
                book = await ports.net.post("/info", b'{"type":"l2Book","coin":"BTC"}', REPLY_MS)
                best = json.loads(book.body)["levels"][1 if is_buy else 0][0]["px"]
                order["p"] = str(round(float(best) * (1.01 if is_buy else 0.99)))
                await ports.net.post("/exchange", _signed(order, key, ports), REPLY_MS)
            except (LinkLostError, TimeoutError, ValueError, LookupError, TypeError):
                continue

    return main


def _signed(order: dict[str, Any], key: PrivateKey, ports: Ports) -> bytes:
    action = {"type": "order", "orders": [order], "grouping": "na"}
    nonce = ports.clock.now_ms()
    signature = sign_l1(action, key, nonce, None, None)
    return json.dumps({"action": action, "nonce": nonce, "signature": signature}).encode()
