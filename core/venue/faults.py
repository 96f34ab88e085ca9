"""What a venue can do wrong.

    VenueError                    4
    |- WireError                  a reply that is not as documented; asking again is no help
    |  `- MarginTableError        a symbol whose margin table the venue does not give
    |- RejectedRequestError       the venue understood and said no (4xx, with its text)
    `- UnknownToVenueError        500 with the body `null`: a coin or dex that it does not know

A plain VenueError says that the network or the venue failed for longer than patience lasts.
"""

from __future__ import annotations

from core.errors import VenueError


class WireError(VenueError):
    """A reply has a field that is missing, of another type, or makes no sense; `at` names it."""


class MarginTableError(WireError):
    """A symbol names a margin table that the venue does not give."""


class RejectedRequestError(VenueError):
    """The venue refused the request itself; the same request will be refused again."""


class UnknownToVenueError(VenueError):
    """The venue does not know the coin or the dex; it says so with 500 and the body `null`."""


# Faults of one reply: other symbols can still be asked for.
ONE_REPLY_FAULTS = (WireError, RejectedRequestError, UnknownToVenueError)
