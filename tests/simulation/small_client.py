"""A small trader to prove the harness on: an outbox in SQLite, and recovery on start.

Every bar it wants another position and makes one intent of it: written down with its client order
id and its expiry before a byte leaves, sent once, and then resolved: by the reply when one came, or
else by asking.  `resolve` is the place where it is easily wrong: an order that is not found now may
still arrive.  It is dead for certain only when it is not found *after* its expiry, by the venue's
clock.

Wrong clients can be had by name, to see that they are found:

    naive      takes the first "not found" for an end and sends the intent again
    hasty      sends first and writes down afterwards
    unsynced   writes without waiting for the disk
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

import apsw
from coincurve import PrivateKey

from sidecar.emulator.wire.signatures import address_of, sign_l1
from tests.simulation.ports import LinkLostError, Ports, StreamEndedError

COINS = ("BTC", "ETH")
UNIT = {"BTC": "0.001", "ETH": "0.02"}
BAR_MS = 20_000
EXPIRES_MS = 5_000
SKEW_MS = 1_000
"""Clocks differ by no more than this."""
REPLY_MS = 4_000
PAUSE_MS = 700
KEY = PrivateKey((7).to_bytes(32, "big"))
USER = address_of(KEY)
DATABASE = "small.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS intents(key TEXT NOT NULL, attempt INTEGER NOT NULL, coin TEXT NOT NULL,
  cloid TEXT NOT NULL UNIQUE, is_buy INTEGER NOT NULL, units INTEGER NOT NULL,
  nonce INTEGER NOT NULL, expires_ms INTEGER NOT NULL, status TEXT NOT NULL,
  PRIMARY KEY(key, attempt));
CREATE TABLE IF NOT EXISTS fills(tid INTEGER PRIMARY KEY, coin TEXT NOT NULL, cloid TEXT,
  size TEXT NOT NULL, is_buy INTEGER NOT NULL, time_ms INTEGER NOT NULL);
"""
INSERT = "INSERT INTO intents VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
Reached = Callable[[str], None]


class SmallClient:
    """One life of the trader."""

    def __init__(self, ports: Ports, reached: Reached, until_ms: int, planted: str) -> None:
        self._ports, self._reached, self._planted = ports, reached, planted
        self._until_ms = until_ms
        self._database: apsw.Connection = ports.disk.open(DATABASE)
        if planted == "unsynced":
            self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(SCHEMA)
        self._assets: dict[str, int] = {}

    async def run(self) -> None:
        """Recover, then trade; no new intent is made of a bar after `until_ms`."""
        await self._learn()
        for key, attempt in self._open_intents():
            self._reached("recovered an open intent")
            await self._resolve(key, attempt)
        await self._read_fills()
        self._ports.spawn(self._listen(), "fills")
        await asyncio.gather(*(self._trade(coin) for coin in COINS))

    async def _trade(self, coin: str) -> None:
        while True:
            now_ms = self._ports.clock.now_ms()
            await self._ports.clock.sleep_ms(BAR_MS - now_ms % BAR_MS)
            bar_ms = (self._ports.clock.now_ms() + BAR_MS // 2) // BAR_MS * BAR_MS
            key = f"{coin} {bar_ms}"
            if bar_ms > self._until_ms or self._ask("SELECT 1 FROM intents WHERE key = ?", key):
                continue
            await self._read_fills()
            drawn = hashlib.sha256(key.encode()).digest()[0] % 3 - 1
            units = drawn - self._position_units(coin)
            if units:
                await self._send(key, 0, coin, units)

    async def _send(self, key: str, attempt: int, coin: str, units: int) -> None:
        """Write the intent down, send it once, and see to its end."""
        px = await self._price(coin, is_buy=units > 0)
        now_ms = self._ports.clock.now_ms()
        nonce = max(now_ms, 1 + self._ask("SELECT COALESCE(MAX(nonce), 0) FROM intents")[0][0])
        expires_ms = now_ms + EXPIRES_MS
        cloid = "0x" + hashlib.sha256(f"{key} {attempt}".encode()).hexdigest()[:32]
        intent = (key, attempt, coin, cloid, units > 0, abs(units), nonce, expires_ms, "sent")
        if self._planted != "hasty":
            self._database.execute(INSERT, intent)
        order = {
            "a": self._assets[coin],
            "b": units > 0,
            "p": px,
            "s": size_text(coin, abs(units)),
            "r": False,
            "t": {"limit": {"tif": "Ioc"}},
            "c": cloid,
        }
        action = {"type": "order", "orders": [order], "grouping": "na"}
        signature = sign_l1(action, KEY, nonce, None, expires_ms)
        body = {
            "action": action,
            "nonce": nonce,
            "signature": signature,
            "expiresAfter": expires_ms,
        }
        try:
            reply = await self._ports.net.post("/exchange", json.dumps(body).encode(), REPLY_MS)
            said = json.loads(reply.body) if reply.status == 200 else {}
        except (LinkLostError, TimeoutError):
            said = {}
        if self._planted == "hasty":
            self._database.execute(INSERT, intent)
        statuses = said.get("response", {}).get("data", {}).get("statuses", [{}])
        if said.get("status") == "ok" and statuses[0].keys() & {"filled", "error"}:
            self._end(key, attempt, "done")
        else:
            self._reached("outcome unknown")
            await self._resolve(key, attempt)
        await self._read_fills()

    async def _resolve(self, key: str, attempt: int) -> None:
        """Find out what became of an intent."""
        found = self._ask(
            "SELECT cloid, expires_ms, coin, is_buy, units FROM intents"
            " WHERE key = ? AND attempt = ?",
            key,
            attempt,
        )
        cloid, expires_ms, coin, is_buy, units = found[0]
        if self._planted != "naive":
            wait_ms = expires_ms + 2 * SKEW_MS - self._ports.clock.now_ms()
            await self._ports.clock.sleep_ms(max(wait_ms, 0))
        answer = await self._info({"type": "orderStatus", "user": USER, "oid": cloid})
        if answer["status"] != "unknownOid":
            self._reached("found after all")
            self._end(key, attempt, "done")
            return
        self._reached("not found")
        self._end(key, attempt, "dead")
        if self._planted == "naive":
            await self._send(key, attempt + 1, coin, units if is_buy else -units)

    async def _listen(self) -> None:
        """Fills as the stream tells them; it is opened again whenever it ends."""
        subscription = {"type": "userFills", "user": USER}
        while True:
            try:
                stream = await self._ports.net.connect()
                await stream.send(json.dumps({"method": "subscribe", "subscription": subscription}))
                while True:
                    async with asyncio.timeout(90):
                        said = json.loads(await stream.receive())
                    if said["channel"] == "userFills":
                        self._keep(said["data"]["fills"])
            except (LinkLostError, StreamEndedError, TimeoutError):
                self._reached("stream opened again")
                await self._ports.clock.sleep_ms(PAUSE_MS)

    async def _read_fills(self) -> None:
        since_ms = self._ask("SELECT COALESCE(MAX(time_ms), 0) FROM fills")[0][0] - 60_000
        asked = {"type": "userFillsByTime", "user": USER, "startTime": max(since_ms, 0)}
        self._keep(await self._info(asked))

    def _keep(self, fills: list[dict[str, Any]]) -> None:
        rows = [
            (each["tid"], each["coin"], each.get("cloid"), each["sz"], each["side"] == "B",
             each["time"])
            for each in fills
        ]  # fmt: skip
        with self._database:
            self._database.executemany("INSERT OR IGNORE INTO fills VALUES(?, ?, ?, ?, ?, ?)", rows)

    async def _price(self, coin: str, *, is_buy: bool) -> str:
        """A whole-dollar price through the book's best, by a percent."""
        book = await self._info({"type": "l2Book", "coin": coin})
        best = float(book["levels"][1 if is_buy else 0][0]["px"])
        return str(round(best * (1.01 if is_buy else 0.99)))

    async def _learn(self) -> None:
        meta = await self._info({"type": "meta"})
        self._assets = {each["name"]: place for place, each in enumerate(meta["universe"])}

    async def _info(self, asked: dict[str, Any]) -> Any:
        """The venue's answer; it is asked until there is one."""
        while True:
            try:
                reply = await self._ports.net.post("/info", json.dumps(asked).encode(), REPLY_MS)
                if reply.status == 200:
                    return json.loads(reply.body)
            except (LinkLostError, TimeoutError):
                pass
            await self._ports.clock.sleep_ms(round(PAUSE_MS * (1 + self._ports.rng.random())))

    def _position_units(self, coin: str) -> int:
        rows = self._ask("SELECT size, is_buy FROM fills WHERE coin = ?", coin)
        lots = sum(lots_of(coin, size) * (1 if is_buy else -1) for size, is_buy in rows)
        return round(lots / lots_of(coin, UNIT[coin]))

    def _open_intents(self) -> list[tuple[str, int]]:
        return self._ask("SELECT key, attempt FROM intents WHERE status = 'sent' ORDER BY nonce")

    def _end(self, key: str, attempt: int, status: str) -> None:
        self._database.execute(
            "UPDATE intents SET status = ? WHERE key = ? AND attempt = ?", (status, key, attempt)
        )

    def _ask(self, sql: str, *bound: Any) -> list[Any]:
        return self._database.execute(sql, bound).fetchall()


def lots_of(coin: str, size: str) -> int:
    """A size in hundred-thousandths of the coin."""
    del coin
    return round(float(size) * 100_000)


def size_text(coin: str, units: int) -> str:
    """So many units of a coin, as the wire writes it."""
    return f"{float(UNIT[coin]) * units:.5f}".rstrip("0").rstrip(".")


def program(
    reached: Reached, until_ms: int, planted: str = ""
) -> Callable[[Ports], Coroutine[Any, Any, None]]:
    """The client for `World.add`."""

    async def main(ports: Ports) -> None:
        await SmallClient(ports, reached, until_ms, planted).run()

    return main
