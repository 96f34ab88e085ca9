"""What is wanted of the venue: the union over clients, within its budgets.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from sidecar.market.topics import Topic


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
    """What to ask for, and what not: unknown names, and what no budget is left for."""

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


def union(
    interests: Sequence[Interest], known_symbols: Collection[str], limits: Limits | None = None
) -> Wanted:
    """What all want together, in the order in which it was wanted first.

    A symbol that the venue does not know is never asked for: it would kill its socket.
    """
    raise NotImplementedError


def plan(
    wanted: Wanted, connections: Sequence[Sequence[Topic]], limits: Limits | None = None
) -> tuple[Diff, ...]:
    """A Diff for each connection as it holds topics now, and for those to open after them.

    What is held stays where it is; one user a socket; other streams share sockets.
    """
    raise NotImplementedError
