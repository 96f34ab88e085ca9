"""What must hold of the small client and the venue, whatever went wrong.

Names are those of the list of invariants: I-2 conservation, I-3 the books agree, I-4 each fill
once, I-6 written down before sent, I-7 one order per intent, I-30 everything is resolved in the
end.
"""

from __future__ import annotations

import json

import apsw

from tests.simulation.model import account_faults, held_lots, venue_faults
from tests.simulation.small_client import DATABASE, UNIT, USER, lots_of
from tests.simulation.world import Process, World


def examined(world: World, process: Process) -> list[str]:
    """Everything that does not hold at the end."""
    disk = process.disk.copy()
    try:
        database = disk.open(DATABASE)
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_schema")}
        found = [] if {"intents", "fills"} <= tables else ["I-30: the client never began"]
        if not found:
            found = [
                *_sent_but_not_written(world, database),
                *_one_order_per_intent(world, database),
                *_books_agree(world, database),
                *_unresolved(database),
            ]
        return [*standing(world), *found]
    finally:
        disk.remove()


def standing(world: World) -> list[str]:
    """What must hold of the venue at every time."""
    state = world.gateway.state
    return [*account_faults(state, USER), *venue_faults(state)]


def _seen(world: World) -> list[dict[str, object]]:
    orders: list[dict[str, object]] = []
    for _, body in world.net.seen:
        orders += json.loads(body)["action"]["orders"]
    return orders


def _sent_but_not_written(world: World, database: apsw.Connection) -> list[str]:
    known = {cloid for (cloid,) in database.execute("SELECT cloid FROM intents")}
    return [
        f"I-6: the venue saw {order['c']}, which no book of the client knows"
        for order in _seen(world)
        if order["c"] not in known
    ]


def _one_order_per_intent(world: World, database: apsw.Connection) -> list[str]:
    """No intent is filled beyond its size, and of its orders at most one was ever taken."""
    rows = database.execute("SELECT key, cloid, coin, units FROM intents ORDER BY key, attempt")
    intents = {cloid: (key, coin, units) for key, cloid, coin, units in rows}
    account = world.gateway.state.accounts[USER]
    filled: dict[str, int] = {}
    taken: dict[str, list[str]] = {}
    for fill in account.fills:
        if fill.cloid in intents:
            key, _, _ = intents[str(fill.cloid)]
            filled[key] = filled.get(key, 0) + fill.lots
            if fill.cloid not in taken.setdefault(key, []):
                taken[key].append(str(fill.cloid))
    found = [
        f"I-7: {len(cloids)} orders of {key} were filled"
        for key, cloids in taken.items()
        if len(cloids) > 1
    ]
    for key, coin, units in dict.fromkeys(intents.values()):
        wanted = units * venue_lots(world, coin)
        if filled.get(key, 0) > wanted:
            found.append(f"I-2: {key} wanted {wanted} lots and was filled {filled[key]}")
    return found


def _books_agree(world: World, database: apsw.Connection) -> list[str]:
    account = world.gateway.state.accounts[USER]
    mine = {
        tid: (coin, lots_of(coin, size))
        for tid, coin, size in database.execute("SELECT tid, coin, size FROM fills")
    }
    theirs = {fill.tid: fill.coin for fill in account.fills}
    found = [f"I-4: fill {tid} is not the client's" for tid in theirs if tid not in mine]
    found += [f"I-4: fill {tid} is not the venue's" for tid in mine if tid not in theirs]
    positions: dict[str, int] = {}
    for coin, size, is_buy in database.execute("SELECT coin, size, is_buy FROM fills"):
        lots = lots_of(coin, size) if is_buy else -lots_of(coin, size)
        positions[coin] = positions.get(coin, 0) + lots
    for coin in UNIT:
        scale = 10 ** (5 - world.gateway.state.coins[coin].size_decimals)
        held = held_lots(account).get(coin, 0) * scale
        if positions.get(coin, 0) != held:
            found.append(f"I-3: {coin} is {positions.get(coin, 0)} to the client, {held} in truth")
    return found


def _unresolved(database: apsw.Connection) -> list[str]:
    rows = database.execute("SELECT key FROM intents WHERE status = 'sent'")
    return [f"I-30: what became of {key} is still not known" for (key,) in rows]


def venue_lots(world: World, coin: str) -> int:
    """Lots of the venue in a unit of the client."""
    scale = 10 ** (5 - world.gateway.state.coins[coin].size_decimals)
    return lots_of(coin, UNIT[coin]) // scale
