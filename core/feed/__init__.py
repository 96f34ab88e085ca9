"""How local programs reach the market-data sidecar: `Feed` blocks, `AsyncFeed` does not.

place      where its socket lies
lines      requests and answers as lines of JSON; pure
blocking   the client for programs of one thread
streaming  the client for programs with an event loop: pushes, and all that the other has

Both connect again by themselves, say again what they want, and tell that state was missed.  Events
of users are read by cursor and acknowledged, so that asking again takes nothing away.
"""

from core.feed.blocking import Feed
from core.feed.lines import FeedLostError
from core.feed.place import socket_path
from core.feed.streaming import AsyncFeed, Push

__all__ = ["AsyncFeed", "Feed", "FeedLostError", "Push", "socket_path"]
