"""What must hold of the sidecar once nothing goes wrong any more: its disk against the venue.

Truth is the exchange's own state and the tape's history, rendered here; nothing of the sidecar's
code takes part in it, but for the names of files and of columns.
"""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import apsw

from core.market.bars import MINUTE_MS
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.state import Bar, Coin
from sidecar.emulator.exchange.units import PRICE_DECIMALS
from tests.simulation.sidecar_programs import DATABASE, HISTORY_BARS, INTERVAL, USERS, Seen
from tests.simulation.world import START_MS, Process, World

STORE = "candles_1m.sqlite"
LOG = "user_events.sqlite"
SETTLED_MS = 15_000
"""A bar that ended so long ago is over for everybody."""
FRESH_MS = 45_000
"""The market moves every 15 seconds; a value older than this was missed."""
SHOWN = 3
LISTS = {
    "fill": ("userFillsByTime", lambda row: f"{row['tid']}:{row['oid']}"),
    "funding": ("userFunding", lambda row: f"{row['delta']['coin']}:{row['time']}"),
    "ledger": ("userNonFundingLedgerUpdates", lambda row: f"{row['time']}:{row['hash']}"),
}

Values = tuple[float, float, float, float, float]


def examined(world: World, processes: dict[str, Process], seen: Seen) -> list[str]:
    """Everything that does not hold at the end."""
    found = [*seen.wrong]
    for name, look in (("daemon", _stores), ("reader", _reader)):
        disk = processes[name].disk.copy()
        try:
            found += look(world, disk.open, processes["daemon"])
        except apsw.Error as error:
            found.append(f"disk: that of the {name} cannot be read: {error}")
        finally:
            disk.remove()
    return [*found, *_well(world, seen)]


def truth(world: World, coin: Coin, from_ms: int, to_ms: int) -> dict[int, Values]:
    """The coin's bars that open from then up to then."""
    tape = world.gateway.tape
    rows = tape.history(coin.name, INTERVAL, from_ms, to_ms)
    rows += candles.bars(coin, INTERVAL, from_ms, to_ms)
    return {row.open_ms: _rendered(row, coin) for row in rows}


def _rendered(row: Bar, coin: Coin) -> Values:
    def plain(count: int, decimals: int) -> float:
        return float(Decimal(count).scaleb(-decimals))

    decimals = PRICE_DECIMALS - coin.size_decimals
    prices = (row.open_ticks, row.high_ticks, row.low_ticks, row.close_ticks)
    open_px, high_px, low_px, close_px = (plain(ticks, decimals) for ticks in prices)
    return open_px, high_px, low_px, close_px, plain(row.lots, coin.size_decimals)


def _stores(world: World, open_: Any, process: Process) -> list[str]:
    del process
    database = open_(STORE)
    found: list[str] = []
    now_ms = world.net.now_ms()
    from_ms = START_MS - (HISTORY_BARS - 5) * MINUTE_MS
    to_ms = (now_ms - SETTLED_MS) // MINUTE_MS * MINUTE_MS - MINUTE_MS
    stored: dict[str, dict[int, Values]] = {}
    for name, ts_ms, *values in database.execute(
        "SELECT name, ts_open_ms, open_px, high_px, low_px, close_px, volume"
        " FROM candles JOIN symbols ON symbols.id = candles.symbol_id"
    ):
        stored.setdefault(name, {})[ts_ms] = tuple(values)
    for coin in world.gateway.state.coins.values():
        right = truth(world, coin, from_ms, to_ms)
        mine = stored.get(coin.name, {})
        here = {ts_ms: each for ts_ms, each in mine.items() if from_ms <= ts_ms <= to_ms}
        found += _compared(coin.name, right, here)
    return [*found, *_events(world, open_(LOG))]


def _compared(name: str, right: dict[int, Values], mine: dict[int, Values]) -> list[str]:
    missing = [ts_ms for ts_ms in right if ts_ms not in mine]
    added = [ts_ms for ts_ms in mine if ts_ms not in right]
    other = [ts_ms for ts_ms in right if ts_ms in mine and right[ts_ms] != mine[ts_ms]]
    found = []
    for words, times in (("lack", missing), ("were never", added), ("differ", other)):
        if times:
            shown = [(ts_ms, mine.get(ts_ms), right.get(ts_ms)) for ts_ms in times[:SHOWN]]
            found.append(f"bars of {name} {words}: {len(times)}, {shown}")
    return found


def _events(world: World, database: apsw.Connection) -> list[str]:
    """Each event of each user exactly once."""
    found = []
    for user in USERS:
        rows = database.execute("SELECT kind, key FROM events WHERE user = ?", (user,)).fetchall()
        for kind, (request, key_of) in LISTS.items():
            told = [key for found_kind, key in rows if found_kind == kind]
            if kind == "ledger":
                # The rest of its key is the daemon's own digest.
                told = [":".join(key.split(":")[:2]) for key in told]
            right = Counter(key_of(row) for row in _asked(world, request, user))
            if Counter(told) != right:
                lack, more = right - Counter(told), Counter(told) - right
                found.append(f"events: {kind} of {user}: lack {dict(lack)}, too many {dict(more)}")
        told = [key for kind, key in rows if kind == "order"]
        right_orders = [
            f"{row['order']['oid']}:{row['status']}:{row['statusTimestamp']}"
            for row in _asked(world, "historicalOrders", user)
        ]
        oids = {key.split(":")[0] for key in right_orders}
        lack_orders = [key for key in right_orders if key not in told]
        foreign = [key for key in told if key.split(":")[0] not in oids]
        if lack_orders or foreign:
            found.append(f"events: orders of {user}: lack {lack_orders}, foreign {foreign}")
    return found


def _asked(world: World, request: str, user: str) -> list[dict[str, Any]]:
    """What the venue answers itself, now that nothing stands between."""
    body = json.dumps({"type": request, "user": user, "startTime": 0}).encode()
    now_ms = world.net.now_ms()
    reply = world.gateway.post(now_ms, "10.9.9.9", "/info", "application/json", body)
    rows: list[dict[str, Any]] = json.loads(reply.body)
    return rows


def _reader(world: World, open_: Any, process: Process) -> list[str]:
    """Whoever reads by cursor has what the log has, each once."""
    del world
    other = process.disk.copy()
    try:
        log = other.open(LOG)
        right = log.execute("SELECT user, cursor, kind, key FROM events").fetchall()
    finally:
        other.remove()
    mine = open_(DATABASE).execute("SELECT user, cursor, kind, key FROM events").fetchall()
    lack, more = set(right) - set(mine), set(mine) - set(right)
    if lack or more:
        return [f"reader: it lacks {sorted(lack)[:SHOWN]}, and has alone {sorted(more)[:SHOWN]}"]
    return []


def _well(world: World, seen: Seen) -> list[str]:
    """The daemon says that it is well, and its prices are of now and those of the venue."""
    if seen.service is None:
        return ["health: the daemon never served"]
    health = seen.service.health()
    found = [] if health["ok"] else [f"health: {health['reasons']}"]
    if health["not_ready_count"]:
        found.append(f"health: not ready: {health['not_ready']}")
    if health["stale"] or health["shunned"]:
        found.append(f"health: stale {health['stale']}, shunned {health['shunned']}")
    if not seen.ready.get("ready"):
        found.append(f"health: a client was told last: {seen.ready}")
    symbols = list(world.gateway.state.coins)
    for what, values in (
        ("mid", seen.service.mids(symbols)["mids"]),
        ("quote", seen.service.bbo(symbols)["bbo"]),
    ):
        ages = {symbol: values[symbol]["age_ms"] for symbol in symbols if symbol in values}
        if len(ages) < len(symbols) or max(ages.values()) > FRESH_MS:
            found.append(f"fresh: ages of each {what} are {ages}")
    return found
