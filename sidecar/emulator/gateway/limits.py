"""How much one peer may ask: request weights, connections, messages, users, posts.

Source: Hyperliquid, "Rate limits and user limits"; all of them count by IP address.  What is
refused counts for nothing.  Who passes a limit hears:

    weight                       429 with a page of the servers in front, no JSON, no `Retry-After`
    connections, new ones        429 instead of the handshake
    subscriptions, users         an error on the socket, in the venue's words; it stays open
    messages, posts in flight    likewise; the message is not read, the post not carried out

Posts weigh nothing: the weights are those of HTTP requests.  Actions by either way use up the
request budget of their address, which is the exchange's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from core.venue.weights import WEIGHT_PER_MINUTE, WINDOW_MS

CONNECTIONS_MAX: Final = 10
NEW_CONNECTIONS_PER_MINUTE: Final = 30
SUBSCRIPTIONS_MAX: Final = 1_000
USERS_MAX: Final = 10
MESSAGES_PER_MINUTE: Final = 2_000
POSTS_MAX: Final = 100
PEERS_KEPT: Final = 4_096
"""Beyond so many, peers of whom nothing is left to remember are forgotten."""


class Window:
    """A sum over the last minute."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, int]] = deque()
        self._sum = 0

    def total(self, now_ms: int) -> int:
        """What was added in the last minute."""
        entries = self._entries
        while entries and entries[0][0] + WINDOW_MS <= now_ms:
            self._sum -= entries.popleft()[1]
        return self._sum

    def add(self, now_ms: int, count: int) -> None:
        """Enter so many."""
        if count:
            self._entries.append((now_ms, count))
            self._sum += count


@dataclass
class Peer:
    """What one address has in use."""

    weight: Window = field(default_factory=Window)
    opened: Window = field(default_factory=Window)
    messages: Window = field(default_factory=Window)
    sessions: int = 0
    subscriptions: int = 0
    users: dict[str, int] = field(default_factory=dict)
    """Subscriptions by user."""
    posts: list[int] = field(default_factory=list)
    """When the posts that are not answered yet will be."""

    def weighs(self, weight: int, now_ms: int) -> bool:
        """May a request of that weight in?"""
        return self.weight.total(now_ms) + weight <= WEIGHT_PER_MINUTE

    def may_open(self, now_ms: int) -> bool:
        """May it connect once more?"""
        return (
            self.sessions < CONNECTIONS_MAX
            and self.opened.total(now_ms) < NEW_CONNECTIONS_PER_MINUTE
        )

    def may_send(self, now_ms: int) -> bool:
        """May it send one more message?"""
        return self.messages.total(now_ms) < MESSAGES_PER_MINUTE

    def may_follow(self, user: str) -> bool:
        """May it subscribe to something of this user?"""
        return user in self.users or len(self.users) < USERS_MAX

    def may_post(self, now_ms: int) -> bool:
        """May it post while the others are in flight?"""
        self.posts = [until_ms for until_ms in self.posts if until_ms > now_ms]
        return len(self.posts) < POSTS_MAX

    def follow(self, user: str) -> None:
        """Note a subscription, of that user when there is one."""
        self.subscriptions += 1
        if user:
            self.users[user] = self.users.get(user, 0) + 1

    def leave(self, user: str) -> None:
        """A subscription of that user ended."""
        self.subscriptions -= 1
        if user:
            self.users[user] -= 1
            if not self.users[user]:
                del self.users[user]

    def is_idle(self, now_ms: int) -> bool:
        """Is nothing left that a limit would ask for?"""
        windows = (self.weight, self.opened, self.messages)
        return not self.sessions and not any(window.total(now_ms) for window in windows)


class Peers:
    """Every peer that came, by address."""

    def __init__(self) -> None:
        self._peers: dict[str, Peer] = {}

    def of(self, address: str, now_ms: int) -> Peer:
        """What is known of an address; a new one when nothing is."""
        peer = self._peers.get(address)
        if peer is None:
            if len(self._peers) >= PEERS_KEPT:
                self._peers = {
                    name: known for name, known in self._peers.items() if not known.is_idle(now_ms)
                }
            peer = self._peers[address] = Peer()
        return peer
