"""What is wanted of the venue: the union over clients, within its budgets.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from core.market.bars import INTERVALS
from sidecar.market.topics import MARKET_CHANNELS, USER_CHANNELS, Topic
from sidecar.market.user_rows import ADDRESS

HISTORY_BARS_MAX: Final = 5_000
"""The venue keeps no more."""
OTHERS_LISTED_MAX: Final = 1_000
"""Unknown names and left-out topics that are listed; a client may ask for anything."""


class Interest(Struct, frozen=True):
    """What one client wants; `channels` of `bbo`, `trades`, `activeAssetCtx`."""

    symbols: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()
    history_bars: int = 0
    channels: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


class Limits(Struct, frozen=True):
    """The venue's budgets of an address, and how many streams one socket carries."""

    connections_max: int = 10
    subscriptions_max: int = 1_000
    users_max: int = 10
    topics_per_connection: int = 250


class Wanted(Struct, frozen=True):
    """What to ask for, and what not: unknown names, and what no budget is left for.

    A key that is left out has its stream left out alone; its bars still come by REST.
    """

    topics: tuple[Topic, ...]
    keys: Mapping[tuple[str, str], int]
    users: tuple[str, ...]
    unknown: tuple[str, ...]
    left_out: tuple[str, ...]


class Diff(Struct, frozen=True):
    """What to do with one connection; one that `is_surplus` carries nothing any more."""

    subscribe: tuple[Topic, ...]
    unsubscribe: tuple[Topic, ...]
    user: str | None
    is_surplus: bool


class _Union:
    """What all want, in order, each once: dictionaries serve as ordered sets."""

    def __init__(self, known_symbols: Collection[str]) -> None:
        self.known = frozenset(known_symbols)
        self.mids: dict[Topic, None] = {Topic("allMids"): None}
        self.streams: dict[str, dict[Topic, None]] = {name: {} for name in MARKET_CHANNELS}
        self.keys: dict[tuple[str, str], int] = {}
        self.users: dict[str, None] = {}
        self.unknown: dict[str, None] = {}

    def add(self, interest: Interest) -> None:
        for symbol in interest.symbols:
            if symbol not in self.known:
                self.unknown[symbol] = None
                continue
            dex, colon, _ = symbol.partition(":")
            if colon:
                self.mids[Topic("allMids", dex)] = None
            self._add_symbol(symbol, interest)
        for name in interest.intervals:
            if not INTERVALS.get(name):
                self.unknown[name] = None
        for name in interest.channels:
            if name not in self.streams:
                self.unknown[name] = None
        for user in interest.users:
            address = user.lower()
            (self.users if ADDRESS.match(address) else self.unknown)[address] = None

    def _add_symbol(self, symbol: str, interest: Interest) -> None:
        for interval in interest.intervals:
            if INTERVALS.get(interval):
                key = (symbol, interval)
                bars = min(max(interest.history_bars, 0), HISTORY_BARS_MAX)
                self.keys[key] = max(bars, self.keys.get(key, 0))
        for channel in interest.channels:
            if channel in self.streams:
                self.streams[channel][Topic(channel, symbol)] = None


def union(
    interests: Sequence[Interest], known_symbols: Collection[str], limits: Limits | None = None
) -> Wanted:
    """What all want together, in the order in which it was wanted first.

    A symbol that the venue does not know is never asked for: it would kill its socket.  Where the
    budget ends, users come before mids, those before candles, quotes, trades and contexts.
    """
    limits = limits or Limits()
    all_of = _Union(known_symbols)
    for interest in interests:
        all_of.add(interest)
    # One socket at least is left for what is of no user.
    users_max = min(limits.users_max, limits.connections_max - 1)
    users = tuple(all_of.users)[:users_max]
    ordered = [Topic(channel, user=user) for user in users for channel in USER_CHANNELS]
    ordered += all_of.mids
    ordered += [Topic("candle", symbol, interval) for symbol, interval in all_of.keys]
    for channel in MARKET_CHANNELS:
        ordered += all_of.streams[channel]
    left_out = [f"user:{user}" for user in list(all_of.users)[users_max:]]
    left_out += [topic.text for topic in ordered[limits.subscriptions_max :]]
    return Wanted(
        tuple(ordered[: limits.subscriptions_max]),
        all_of.keys,
        users,
        tuple(all_of.unknown)[:OTHERS_LISTED_MAX],
        tuple(left_out[:OTHERS_LISTED_MAX]),
    )


class _Socket:
    """A connection as it will be."""

    def __init__(self, held: Sequence[Topic]) -> None:
        self.held = tuple(held)
        self.user = next((topic.user for topic in held if topic.user is not None), None)
        self.kept: dict[Topic, None] = {}
        self.added: dict[Topic, None] = {}

    @property
    def size(self) -> int:
        return len(self.kept) + len(self.added)

    def diff(self) -> Diff:
        gone = tuple(topic for topic in self.held if topic not in self.kept)
        return Diff(tuple(self.added), gone, self.user, self.size == 0)


def plan(
    wanted: Wanted, connections: Sequence[Sequence[Topic]], limits: Limits | None = None
) -> tuple[Diff, ...]:
    """A Diff for each connection as it holds topics now, and for those to open after them.

    What is held stays where it is, if users do not need its socket; one user a socket; other
    streams share sockets.  What has no room as long as the surplus ones are open comes with the
    next plan.
    """
    limits = limits or Limits()
    sockets = [_Socket(held) for held in connections]
    owed = dict.fromkeys(wanted.topics)
    open_max = limits.connections_max
    shared_left = open_max - len(wanted.users)
    for socket in sockets:
        if socket.user is None:
            shared_left -= 1
            # Streams of no user move together where users need the sockets.
            if shared_left < 0:
                continue
        for topic in socket.held:
            # A socket of a user never carries anything else, and no topic is held twice.
            if topic in owed and topic.user == socket.user:
                socket.kept[topic] = None
                del owed[topic]
    for user in wanted.users:
        topics = [topic for topic in owed if topic.user == user]
        home = _home(sockets, user, open_max, limits) if topics else None
        if home is not None:
            home.added.update(dict.fromkeys(topics))
    for topic in [topic for topic in owed if topic.user is None]:
        home = _home(sockets, None, open_max, limits)
        if home is None:
            break
        home.added[topic] = None
    return tuple(socket.diff() for socket in sockets)


def _home(
    sockets: list[_Socket], user: str | None, open_max: int, limits: Limits
) -> _Socket | None:
    """The connection for one more topic of that user, or of none; a new one when none has room."""
    mine = [socket for socket in sockets if socket.user == user]
    roomy = [socket for socket in mine if socket.size < limits.topics_per_connection]
    if roomy:
        return roomy[0]
    free = [socket for socket in sockets if socket.size == 0 and not socket.held]
    if free:
        free[0].user = user
        return free[0]
    if len(sockets) < open_max:
        sockets.append(_Socket(()))
        sockets[-1].user = user
        return sockets[-1]
    return min(mine, key=lambda socket: socket.size) if mine else None
