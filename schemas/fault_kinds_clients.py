"""Faults of connections, messages and answers: what clients are told, or are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.base import Value
from schemas.fault_kind import FaultKind

TWO: Final = ("gateway", "proxy")
NOBODY: Final[tuple[str, ...]] = ()
CALL: Final = ("user", "coin", "type", "session")
STREAM: Final = ("user", "coin", "channel", "session")
BOTH: Final = ("user", "coin", "type", "channel", "session")
BARS: Final = ("coin", "type", "channel", "session")
HANG: Final[Mapping[str, Value]] = {"delay_ms": 600_000}

CALLS: Final[dict[str, FaultKind]] = {
    "ws_close": FaultKind(
        "calls",
        "Sessions are closed; code 1006 cuts them without a closing handshake.",
        "WebSocket clients",
        ("session",),
        {"code": 1000},
        acts_alone=True,
    ),
    "flap": FaultKind(
        "calls",
        "Every session is cut so long after it began.",
        "WebSocket clients; through the proxy every connection",
        ("session",),
        {"delay_ms": 1_000},
        vias=TWO,
    ),
    "outage": FaultKind(
        "calls",
        "The venue restarts: sessions are cut, then every request and handshake is refused.",
        "everyone",
        NOBODY,
        {"status": 502},
    ),
    "blackhole": FaultKind(
        "calls",
        "Half open: connections stay, nothing arrives in either direction; requests hang.",
        "clients whose session or request it meets",
        CALL,
        HANG,
        vias=TWO,
    ),
    "accept_hang": FaultKind(
        "calls",
        "Connections are accepted and never answered.",
        "clients that connect or ask",
        ("user", "coin", "type"),
        HANG,
        vias=TWO,
    ),
    "429": FaultKind(
        "calls",
        "Requests are answered with status 429; `executed` does them all the same.",
        "the client that asks",
        CALL,
        {"executed": False},
    ),
    "5xx_before": FaultKind(
        "calls",
        "Requests are answered with an error of the server and not done.",
        "the client that asks",
        CALL,
        {"status": 502},
    ),
    "5xx_after": FaultKind(
        "calls",
        "Requests are done, then answered with an error of the server.",
        "the client that asks",
        CALL,
        {"status": 502},
    ),
    "lost_before": FaultKind(
        "calls",
        "Requests never reach the venue; their connection closes without a byte.",
        "the client that asks",
        CALL,
        {"delay_ms": 0},
    ),
    "lost_after": FaultKind(
        "calls",
        "Requests are done, and the connection closes without a byte of the answer.",
        "the client that asks",
        CALL,
        {"delay_ms": 0},
    ),
    "lev_lost": FaultKind(
        "calls",
        "The answer to a change of leverage is lost; `executed` false loses the request too.",
        "the client that asks",
        ("user", "coin", "session"),
        {"executed": True},
    ),
    "swap": FaultKind(
        "calls",
        "A request gets the answer of the one before it on the same path.",
        "the client that asks",
        CALL,
    ),
    "sub_err": FaultKind(
        "calls",
        "Subscriptions are refused with an error, or silently without acknowledgement.",
        "the client that subscribes",
        STREAM,
        hows=("error", "silent"),
    ),
}

STREAMS: Final[dict[str, FaultKind]] = {
    "delay": FaultKind(
        "streams",
        "Messages and answers come late, by up to `jitter_ms` more, in their order.",
        "clients whose messages or answers it meets",
        BOTH,
        {"delay_ms": 1_000, "jitter_ms": 0},
        vias=TWO,
    ),
    "throttle": FaultKind(
        "streams",
        "Messages and answers come at so many bytes per second.",
        "clients whose messages or answers it meets",
        BOTH,
        {"bytes_per_s": 1_024},
        vias=TWO,
    ),
    "stall": FaultKind(
        "streams",
        "Nothing comes until the fault ends (without an end after `delay_ms`), then all at once.",
        "clients whose messages or answers it meets",
        BOTH,
        {"delay_ms": 30_000},
        vias=TWO,
    ),
    "reorder": FaultKind(
        "streams",
        "A message is held back until the next one of its session has passed it.",
        "the session's client",
        STREAM,
        {"delay_ms": 1_000},
    ),
    "dup": FaultKind("streams", "Messages come twice.", "the session's client", STREAM),
    "old_snapshot": FaultKind(
        "streams",
        "A snapshot is one that is `age_ms` old; of fills the newest `rows` are missing.",
        "clients that subscribe",
        STREAM,
        {"age_ms": 10_000, "rows": 1},
    ),
    "drop_user": FaultKind(
        "streams",
        "Messages to a user about fills, orders and events are never sent.",
        "the user's sessions",
        ("user", "channel", "session"),
    ),
    "mute_sub": FaultKind(
        "streams",
        "A subscription falls silent while others go on.",
        "clients of the subscription",
        STREAM,
    ),
    "garble": FaultKind(
        "streams",
        "Texts are cut short, hold a wrong byte, nest too deep or are too long.",
        "clients whose messages or answers it meets",
        BOTH,
        hows=("truncate", "noise", "utf8", "deep", "huge"),
        vias=TWO,
    ),
}

ANSWERS: Final[dict[str, FaultKind]] = {
    "skew": FaultKind(
        "answers",
        "The venue's clock is off: times in answers, nonce windows and expiries move by it.",
        "everyone",
        NOBODY,
        {"by_ms": 5_000},
    ),
    "jump": FaultKind(
        "answers",
        "The clock that is served to other processes jumps, and back when the fault ends.",
        "processes on the served clock",
        NOBODY,
        {"by_ms": 60_000},
    ),
    "empty": FaultKind(
        "answers",
        "Questions about an account are answered as for an address that never traded.",
        "the client that asks",
        ("user", "type", "channel", "session"),
    ),
    "partial_list": FaultKind(
        "answers",
        "Lists of positions, orders and fills lack their end.",
        "the client that asks",
        ("user", "type", "channel", "session"),
        {"frac": 0.5},
    ),
    "meta_shift": FaultKind(
        "answers",
        "Two symbols swap their place in the universe, and so their asset ids.",
        "everyone",
        ("coin",),
    ),
    "fee": FaultKind(
        "answers",
        "Fees of fills are told as `factor` times what was taken.",
        "the fills' user",
        BOTH,
        {"factor": 1.5},
    ),
    "badfill": FaultKind(
        "answers",
        "Fills are told at a price so much worse than they happened, beyond the limit.",
        "the fills' user",
        BOTH,
        {"bps": 100.0},
    ),
    "glitch": FaultKind(
        "answers",
        "Prices of the market are told as `factor` times what they are.",
        "clients of the stream or the question",
        BARS,
        {"factor": 10.0},
    ),
    "empty_book": FaultKind(
        "answers",
        "The book is told empty, with bids alone, or crossed.",
        "clients of the stream or the question",
        BARS,
        hows=("empty", "one_side", "crossed"),
    ),
    "gap": FaultKind(
        "answers",
        "Bars are missing: the `rows` newest closed ones of an answer, and their messages.",
        "clients of bars",
        BARS,
        {"rows": 3},
    ),
    "revise": FaultKind(
        "answers",
        "The newest closed bar is told wrong while the fault lasts, and right afterwards.",
        "clients of bars",
        BARS,
        {"bps": 50.0},
    ),
    "dup_bar": FaultKind(
        "answers",
        "The newest closed bar comes twice, with two contents.",
        "clients of bars",
        BARS,
        {"bps": 5.0},
    ),
    "wrong_iv": FaultKind(
        "answers",
        "Bars carry the label of another interval.",
        "clients of bars",
        BARS,
        {"interval": "1d"},
    ),
}
