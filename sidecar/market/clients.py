"""Who is connected, what each wants and has still to hear.  No sockets, no clock of its own.

State (mid, bbo, context) is conflated: a client that reads slowly gets the newest value of each
symbol and none of those between.  Items (trades, closed bars, user events) each wait for it; when
too many wait they are dropped at once and a `resync` push says so, after which the client reads
trades, bars and events from where it was.  Nobody waits for anybody.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.sidecar import InterestParams, Subscribe
from sidecar.market.board import Change
from sidecar.market.desired import Interest
from sidecar.market.service import Service
from sidecar.market.waits import Waits

STATE_KINDS: Final = ("mid", "bbo", "context")
FLUSH_S: Final = 0.003
"""How long changes are gathered while many come; the first after a pause goes out at once."""
ITEMS_MAX: Final = 5_000
ITEM_BYTES_MAX: Final = 2 * 1024 * 1024
CHUNK_BYTES: Final = 256 * 1024
TRADES_ASKED: Final = 5_000

Key = tuple[str, str]
Later = Callable[[float, Callable[[], None]], object]

_encode = msgspec.json.Encoder().encode


class Lease(Struct):
    """An interest, until when it lives, and how long a call prolongs it."""

    interest: Interest
    until_s: float
    lease_s: float


class Client:
    """One connection as the hub knows it."""

    def __init__(self, number: int, write: Callable[[bytes], None]) -> None:
        self.number = number
        self.name = ""
        self.write = write
        self.is_stalled = False
        self.kinds: frozenset[str] = frozenset()
        self.symbols: frozenset[str] = frozenset()
        self.users: frozenset[str] = frozenset()
        self.dirty: dict[Key, None] = {}
        self.items: deque[bytes] = deque()
        self.item_bytes = 0
        self.resync = ""
        self.pushed_count = 0
        self.resync_count = 0

    @property
    def label(self) -> str:
        """Its name, or its number when it gave none."""
        return self.name or f"#{self.number}"

    def hears(self, kind: str, symbol: str) -> bool:
        """Does it want this pushed?"""
        return kind in self.kinds and (not self.symbols or symbol in self.symbols)

    def keep(self, item: bytes) -> None:
        """An item waits; too many are all dropped, which the client is told."""
        if len(self.items) >= ITEMS_MAX or self.item_bytes + len(item) > ITEM_BYTES_MAX:
            self.resync = (
                f"{len(self.items) + 1} trades, bars and events were dropped: too slowly read"
            )
            self.resync_count += 1
            self.items.clear()
            self.item_bytes = 0
            return
        self.items.append(item)
        self.item_bytes += len(item)


class Hub:
    """All clients; the daemon tells it news, the server who comes and goes."""

    def __init__(self, later: Later, now_s: Callable[[], float]) -> None:
        """`later(s, act)` calls `act` after that time; `now_s` never runs back."""
        self._later = later
        self._now_s = now_s
        self._service: Service | None = None
        self._clients: dict[int, Client] = {}
        self._leases: dict[str, Lease] = {}
        self._callbacks: list[Callable[[], None]] = []
        self._dirty: dict[Key, None] = {}
        self._traded: dict[str, None] = {}
        self._trade_seqs: dict[str, int] = {}
        self._hearers: dict[Key, tuple[Client, ...]] = {}
        self._is_due = False
        self._flushed_s = 0.0
        self._number = 0
        self.seq = 0
        self.waits = Waits()
        self.counts = {"clients": 0, "pushes": 0, "resyncs": 0, "flushes": 0, "trades_missed": 0}

    def attach(self, service: Service) -> None:
        """From now on values can be asked for."""
        self._service = service

    # What the daemon tells.

    def changed(self, changes: Sequence[Change]) -> None:
        """Values on the board changed."""
        dirty = self._dirty
        for kind, symbol, seq in changes:
            self.seq = seq
            if kind == "trade":
                self._traded[symbol] = None
            else:
                dirty[kind, symbol] = None
        if changes and not self._is_due:
            self._schedule()

    def bar_closed(self, symbol: str, interval: str, bar: dict[str, Any]) -> None:
        """A bar is final, and stored."""
        said = {"kind": "bar", "symbol": symbol, "interval": interval, **bar}
        self._give(self._of("bar", symbol), [_encode(said)])

    def user_events(self, user: str, cursor: int) -> None:
        """Events of a user are stored, up to that cursor."""
        self.waits.user_events(user, cursor)
        hearers = [c for c in self._clients.values() if "user" in c.kinds and user in c.users]
        self._give(hearers, [_encode({"kind": "user", "user": user, "cursor": cursor})])

    def interests(self) -> list[Interest]:
        """What all clients that live want."""
        return [lease.interest for lease in self._leases.values()]

    def on_interest(self, callback: Callable[[], None]) -> None:
        """Call that back whenever `interests` has changed."""
        self._callbacks.append(callback)

    # What the server tells.

    def come(self, write: Callable[[bytes], None]) -> Client:
        """A client connected; `write` never blocks."""
        self._number += 1
        client = Client(self._number, write)
        self._clients[client.number] = client
        self.counts["clients"] = len(self._clients)
        return client

    def leave(self, client: Client) -> None:
        """It is gone.  The interest of one with a name lives on until its lease ends."""
        self._clients.pop(client.number, None)
        self.counts["clients"] = len(self._clients)
        self.waits.leave(client)
        self._hearers.clear()
        if not client.name and self._leases.pop(client.label, None) is not None:
            self._tell_interest()

    def rename(self, client: Client, name: str) -> None:
        """It said who it is."""
        lease = None if client.name else self._leases.pop(client.label, None)
        client.name = name
        if lease is not None:
            self._leases[client.label] = lease
        self.renew(client)

    def want(self, client: Client, params: InterestParams) -> None:
        """Its interest, in the place of the last one."""
        interest = Interest(
            symbols=_once(params.symbols),
            intervals=_once(params.intervals),
            history_bars=params.history_bars,
            channels=_once(params.channels),
            users=_once(user.lower() for user in params.users),
        )
        lease_s = params.lease_ms / 1_000
        before = self._leases.get(client.label)
        self._leases[client.label] = Lease(interest, self._now_s() + lease_s, lease_s)
        if before is None or before.interest != interest:
            self._tell_interest()

    def renew(self, client: Client) -> None:
        """It called: it lives."""
        lease = self._leases.get(client.label)
        if lease is not None:
            lease.until_s = self._now_s() + lease.lease_s

    def expire(self) -> None:
        """Forget interests whose lease has ended."""
        now_s = self._now_s()
        over = [name for name, lease in self._leases.items() if lease.until_s <= now_s]
        for name in over:
            del self._leases[name]
        if over:
            self._tell_interest()

    def subscribe(self, client: Client, params: Subscribe) -> None:
        """Push these from now on; what is known of them already comes first."""
        client.kinds = frozenset(params.kinds)
        client.symbols = frozenset(params.symbols)
        client.users = frozenset(user.lower() for user in params.users)
        client.dirty.clear()
        self._hearers.clear()
        if self._service is None:
            return
        for kind in STATE_KINDS:
            if kind in client.kinds:
                asked = list(params.symbols) or known_symbols(self._service)
                known = self._values(kind, asked)
                client.dirty.update({(kind, symbol): None for symbol in known})
        self.resume(client)

    def stall(self, client: Client) -> None:
        """It does not read as fast as it is told."""
        client.is_stalled = True

    def resume(self, client: Client) -> None:
        """It reads again: first what waited for it, then the newest state."""
        client.is_stalled = False
        if client.resync:
            self.counts["resyncs"] += 1
            said = {"push": "resync", "seq": self.seq, "items": [], "reason": client.resync}
            client.resync = ""
            client.write(_encode(said) + b"\n")
        keys = client.dirty
        client.dirty = {}
        fragments = self._fragments(keys)
        waiting = list(client.items)
        client.items.clear()
        client.item_bytes = 0
        self._send(client, [*waiting, *(fragments[key] for key in keys if key in fragments)])

    def describe(self) -> list[dict[str, Any]]:
        """Each client, for health and people."""
        return [
            {
                "client": client.label,
                "kinds": sorted(client.kinds),
                "is_stalled": client.is_stalled,
                "waiting_items": len(client.items),
                "resyncs": client.resync_count,
            }
            for client in self._clients.values()
        ]

    # Flushing.

    def _schedule(self) -> None:
        self._is_due = True
        pause_s = max(0.0, self._flushed_s + FLUSH_S - self._now_s())
        self._later(pause_s, self.flush)

    def flush(self) -> None:
        """Tell everybody what is new."""
        self._is_due = False
        self._flushed_s = self._now_s()
        self.counts["flushes"] += 1
        dirty, self._dirty = self._dirty, {}
        traded, self._traded = self._traded, {}
        if self._service is None:
            return
        for symbol in traded:
            self._tell_trades(self._service, symbol)
        hearers = {key: found for key in dirty if (found := self._of(*key))}
        fragments = self._fragments(hearers)
        batches: dict[int, list[bytes]] = {}
        for key, fragment in fragments.items():
            for client in hearers[key]:
                if client.is_stalled:
                    client.dirty[key] = None
                else:
                    batches.setdefault(client.number, []).append(fragment)
        for number, batch in batches.items():
            client = self._clients[number]
            waiting = list(client.items)
            client.items.clear()
            client.item_bytes = 0
            self._send(client, waiting + batch)
        for client in self._clients.values():
            if client.items and not client.is_stalled:
                self.resume(client)
        if not self.waits.is_idle:
            self.waits.changed({symbol for _, symbol in dirty} | set(traded))

    def _tell_trades(self, service: Service, symbol: str) -> None:
        hearers = self._of("trade", symbol)
        if not hearers:
            self._trade_seqs.pop(symbol, None)
            return
        is_known = symbol in self._trade_seqs
        after = self._trade_seqs.get(symbol, 0)
        found = service.trades(symbol, after, TRADES_ASKED)
        self._trade_seqs[symbol] = found["seq"]
        if after < found["complete_from_seq"] and is_known:
            self.counts["trades_missed"] += 1
            for client in hearers:
                client.resync = f"trades of {symbol} came faster than they could be passed on"
        said = {"kind": "trade", "symbol": symbol}
        self._give(hearers, [_encode({**said, **trade}) for trade in found["trades"]])

    def _give(self, hearers: Iterable[Client], items: list[bytes]) -> None:
        """Items wait for these clients until the next flush, or until they read again."""
        for client in hearers:
            for item in items:
                client.keep(item)
        if items and not self._is_due:
            self._schedule()

    def _send(self, client: Client, fragments: list[bytes]) -> None:
        """Write fragments as `data` pushes, none longer than a chunk."""
        start, size = 0, 0
        for index, fragment in enumerate(fragments):
            if size + len(fragment) > CHUNK_BYTES and index > start:
                self._write(client, fragments[start:index])
                start, size = index, 0
            size += len(fragment) + 1
        if start < len(fragments):
            self._write(client, fragments[start:])

    def _write(self, client: Client, fragments: list[bytes]) -> None:
        client.pushed_count += len(fragments)
        self.counts["pushes"] += len(fragments)
        client.write(b'{"push":"data","seq":%d,"items":[%b]}\n' % (self.seq, b",".join(fragments)))

    def _fragments(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """The newest value of each key as JSON; of what is not known any more nothing."""
        by_kind: dict[str, list[str]] = {}
        for kind, symbol in keys:
            by_kind.setdefault(kind, []).append(symbol)
        found = {}
        for kind, symbols in by_kind.items():
            for symbol, value in self._values(kind, symbols).items():
                found[kind, symbol] = _encode({"kind": kind, "symbol": symbol, **value})
        return found

    def _values(self, kind: str, symbols: list[str]) -> dict[str, dict[str, Any]]:
        service = self._service
        if service is None:
            return {}
        if kind == "mid":
            return dict(service.mids(symbols)["mids"])
        if kind == "bbo":
            return dict(service.bbo(symbols)["bbo"])
        return dict(service.contexts(symbols)["contexts"])

    def _of(self, kind: str, symbol: str) -> tuple[Client, ...]:
        """Who hears this kind of this symbol."""
        found = self._hearers.get((kind, symbol))
        if found is None:
            found = tuple(c for c in self._clients.values() if c.hears(kind, symbol))
            self._hearers[kind, symbol] = found
        return found

    def _tell_interest(self) -> None:
        for callback in self._callbacks:
            callback()


def known_symbols(service: Service) -> list[str]:
    """All symbols that have a price."""
    return list(service.mids(())["mids"])


def _once(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once, in its order."""
    return tuple(dict.fromkeys(names))
