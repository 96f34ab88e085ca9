"""Every fault that the emulated venue can have: what it does, who sees it, what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from schemas.base import Value

Room = Literal["calls", "streams", "answers", "actions", "venue", "bytes"]
ROOMS: Mapping[Room, str] = {
    "calls": "Connections and requests",
    "streams": "Messages of a session",
    "answers": "What answers and messages say",
    "actions": "Actions of a client",
    "venue": "The venue itself",
    "bytes": "Bytes on the way (the proxy)",
}
CALL = ("user", "coin", "type", "session")
STREAM = ("user", "coin", "channel", "session")
BOTH = ("user", "coin", "type", "channel", "session")
NOBODY: tuple[str, ...] = ()
PROXY_OPTIONS: Mapping[str, Value] = {"direction": "both", "after_bytes": 0}
"""Keys of every fault that acts in the proxy, with their defaults."""
REASONS: Mapping[str, str] = {
    "tickRejected": "Price must be divisible by tick size.",
    "minTradeNtlRejected": "Order must have minimum value of $10.",
    "perpMarginRejected": "Insufficient margin to place order.",
    "reduceOnlyRejected": "Reduce only order would increase position.",
    "badAloPxRejected": ("Post only order would have immediately matched, bbo was {bid}@{ask}."),
    "iocCancelRejected": "Order could not immediately match against any resting orders.",
    "badTriggerPxRejected": "Invalid TP/SL price.",
    "marketOrderNoLiquidityRejected": "No liquidity available for market order.",
    "positionIncreaseAtOpenInterestCapRejected": (
        "Order would increase open interest while open interest is capped"
    ),
    "positionFlipAtOpenInterestCapRejected": (
        "Order would increase open interest while open interest is capped"
    ),
    "tooAggressiveAtOpenInterestCapRejected": (
        "Order rejected due to price more aggressive than oracle while at open interest cap"
    ),
    "openInterestIncreaseRejected": "Order would increase open interest too quickly",
    "oracleRejected": "Price too far from oracle",
    "perpMaxPositionRejected": (
        "Order would cause position to exceed margin tier limit at current leverage"
    ),
}
"""The documented reasons of a refused order, and the venue's words."""


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault.

    `options` are its own keys with their defaults.  `hows` are the values of its `how`, the first
    one the default.  `vias` says where it may act, the first one the default.  `acts_alone` is a
    fault that acts at its time, without waiting for a client.
    """

    room: Room
    what: str
    seen_by: str
    whom: tuple[str, ...] = NOBODY
    options: Mapping[str, Value] = field(default_factory=dict)
    hows: tuple[str, ...] = ()
    vias: tuple[str, ...] = ("gateway",)
    acts_alone: bool = False


def _calls() -> dict[str, FaultKind]:
    two = ("gateway", "proxy")
    hang = {"delay_ms": 600_000}
    return {
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
            vias=two,
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
            hang,
            vias=two,
        ),
        "accept_hang": FaultKind(
            "calls",
            "Connections are accepted and never answered.",
            "clients that connect or ask",
            ("user", "coin", "type"),
            hang,
            vias=two,
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


def _streams() -> dict[str, FaultKind]:
    two = ("gateway", "proxy")
    return {
        "delay": FaultKind(
            "streams",
            "Messages and answers come late, by up to `jitter_ms` more, in their order.",
            "clients whose messages or answers it meets",
            BOTH,
            {"delay_ms": 1_000, "jitter_ms": 0},
            vias=two,
        ),
        "throttle": FaultKind(
            "streams",
            "Messages and answers come at so many bytes per second.",
            "clients whose messages or answers it meets",
            BOTH,
            {"bytes_per_s": 1_024},
            vias=two,
        ),
        "stall": FaultKind(
            "streams",
            "Nothing comes until the fault ends, then everything at once.",
            "clients whose messages or answers it meets",
            BOTH,
            {"delay_ms": 30_000},
            vias=two,
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
            vias=two,
        ),
    }


def _answers() -> dict[str, FaultKind]:
    bars = ("coin", "type", "channel", "session")
    return {
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
            bars,
            {"factor": 10.0},
        ),
        "empty_book": FaultKind(
            "answers",
            "The book is told empty, with bids alone, or crossed.",
            "clients of the stream or the question",
            bars,
            hows=("empty", "one_side", "crossed"),
        ),
        "gap": FaultKind(
            "answers",
            "Bars are missing: the `rows` newest closed ones of an answer, and their messages.",
            "clients of bars",
            bars,
            {"rows": 3},
        ),
        "revise": FaultKind(
            "answers",
            "The newest closed bar is told wrong while the fault lasts, and right afterwards.",
            "clients of bars",
            bars,
            {"bps": 50.0},
        ),
        "dup_bar": FaultKind(
            "answers",
            "The newest closed bar comes twice, with two contents.",
            "clients of bars",
            bars,
            {"bps": 5.0},
        ),
        "wrong_iv": FaultKind(
            "answers",
            "Bars carry the label of another interval.",
            "clients of bars",
            bars,
            {"interval": "1d"},
        ),
    }


def _actions() -> dict[str, FaultKind]:
    order = ("user", "coin", "session")
    return {
        "late_accept": FaultKind(
            "actions",
            "An action is taken so much later than it came, its answer is lost.",
            "the client that acts",
            CALL,
            {"delay_ms": 3_000},
        ),
        "partial": FaultKind(
            "actions",
            "Another trader takes the liquidity first, but for a part of what the order wants.",
            "the order's client; the book",
            order,
            {"frac": 0.5},
        ),
        "rest_instead": FaultKind(
            "actions",
            "An IOC order rests at its own side's best price; `fill`: one that would rest fills.",
            "the order's client; the book",
            order,
            hows=("rest", "fill"),
        ),
        "cancel_race": FaultKind(
            "actions",
            "The market trades through an order just before its cancel arrives.",
            "the order's client; the market",
            order,
        ),
        "reject": FaultKind(
            "actions",
            "Orders are refused for a documented reason, or with the words of `text`.",
            "the order's client",
            order,
            {"reason": "tickRejected", "text": ""},
        ),
        "ro_reject": FaultKind(
            "actions",
            "The position is closed just before a reduce-only order arrives.",
            "the order's client",
            order,
        ),
        "nonce": FaultKind(
            "actions",
            "The nonce of an action is used up before it arrives; `low`: it is too low.",
            "the client that acts",
            CALL,
            hows=("duplicate", "low"),
        ),
    }


def _venue() -> dict[str, FaultKind]:
    return {name: kind for part in (_rules(), _accounts()) for name, kind in part.items()}


def _rules() -> dict[str, FaultKind]:
    def of(
        what: str, whom: tuple[str, ...] = NOBODY, options: Mapping[str, Value] | None = None
    ) -> FaultKind:
        return FaultKind("venue", what, "everyone", whom, options or {}, acts_alone=True)

    return {
        "halt": of("A symbol is halted, or the whole venue: no order is taken.", ("coin",)),
        "oi_cap": of("Open interest of a symbol is capped.", ("coin",), {"usd": 1.0}),
        "postonly": of("Only post-only orders are taken, as after an upgrade."),
        "delist": of("A symbol is delisted: orders end, positions settle.", ("coin",)),
        "tier": of("The highest leverage of a symbol shrinks.", ("coin",), {"leverage": 1}),
        "min_ntl": of("The least value of an order rises.", NOBODY, {"usd": 1_000.0}),
        "oracle": of("The band around the oracle price narrows.", NOBODY, {"frac": 0.0001}),
        "oo_limit": of("The limit of open orders falls.", NOBODY, {"limit_count": 1}),
        "funding": of(
            "The coming hour's funding is so much per hour.", ("coin",), {"rate_1h": 0.04}
        ),
        "crash": of(
            "The market moves by `frac` at once, and back with the next tick.",
            ("coin",),
            {"frac": -0.1},
        ),
    }


def _accounts() -> dict[str, FaultKind]:
    def of(
        what: str, whom: tuple[str, ...] = ("user",), options: Mapping[str, Value] | None = None
    ) -> FaultKind:
        return FaultKind("venue", what, "the user", whom, options or {}, acts_alone=True)

    traded = ("user", "coin")
    return {
        "margin": of("Free money moves to the spot side.", options={"frac": 1.0}),
        "transfer": of("Money comes in, or leaves when negative.", options={"usd": 1_000.0}),
        "liq": of("The market moves beyond the liquidation price and back.", traded),
        "adl": of(
            "A winning position is reduced against a side that cannot pay.", traded, {"frac": 0.5}
        ),
        "agent": of("An agent of the user is taken back, the unnamed one first."),
        "foreign": of(
            "Another process orders with the user's agent key, and with its nonces.",
            traded,
            {"usd": 100.0, "is_buy": True},
        ),
        "external": of(
            "The user's own hand orders at the market, without a cloid.",
            traded,
            {"usd": 100.0, "is_buy": True},
        ),
        "sibling": FaultKind(
            "venue",
            "A target fills and its stop is cancelled; `self_trade`: own orders meet.",
            "the user",
            traded,
            hows=("tpsl", "self_trade"),
            acts_alone=True,
        ),
        "dms": of("A scheduled cancel fires, stops included."),
        "mode": of("The margin mode of a symbol changes.", traded, {"leverage": 0}),
    }


def _bytes() -> dict[str, FaultKind]:
    return {
        "cut": FaultKind(
            "bytes",
            "Connections end after `after_bytes`, by a reset or orderly.",
            "clients of the proxy",
            NOBODY,
            hows=("rst", "fin"),
            vias=("proxy",),
        ),
        "split": FaultKind(
            "bytes",
            "Bytes come in pieces of chance sizes, at most so many, each sent by itself.",
            "clients of the proxy",
            NOBODY,
            {"piece_bytes": 1},
            vias=("proxy",),
        ),
    }


FAULT_KINDS: Mapping[str, FaultKind] = {
    **_calls(),
    **_streams(),
    **_answers(),
    **_actions(),
    **_venue(),
    **_bytes(),
}
"""Name of a fault, as the catalogue of faults has it -> what it is."""
