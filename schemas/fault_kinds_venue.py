"""Faults of actions, of the venue itself, and of bytes on the way to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.base import Value
from schemas.fault_kind import FaultKind

NOBODY: Final[tuple[str, ...]] = ()
CALL: Final = ("user", "coin", "type", "session")
ORDER: Final = ("user", "coin", "session")

ACTIONS: Final[dict[str, FaultKind]] = {
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
        ORDER,
        {"frac": 0.5},
    ),
    "rest_instead": FaultKind(
        "actions",
        "An IOC order rests at its own side's best price; `fill`: one that would rest fills.",
        "the order's client; the book",
        ORDER,
        hows=("rest", "fill"),
    ),
    "cancel_race": FaultKind(
        "actions",
        "The market trades through an order just before its cancel arrives.",
        "the order's client; the market",
        ORDER,
    ),
    "reject": FaultKind(
        "actions",
        "Orders are refused for a documented reason, or with the words of `text`.",
        "the order's client",
        ORDER,
        {"reason": "tickRejected", "text": ""},
    ),
    "ro_reject": FaultKind(
        "actions",
        "The position is closed just before a reduce-only order arrives.",
        "the order's client",
        ORDER,
    ),
    "nonce": FaultKind(
        "actions",
        "The nonce of an action is used up before it arrives; `low`: it is too low.",
        "the client that acts",
        CALL,
        hows=("duplicate", "low"),
    ),
}


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
            "A target fills and its stop is cancelled; `self_trade`: own orders meet; `venue`: the"
            " oldest order is cancelled for `reason`, any of the venue's.",
            "the user",
            traded,
            {"reason": "internalCancel"},
            hows=("tpsl", "self_trade", "venue"),
            acts_alone=True,
        ),
        "dms": of("A scheduled cancel fires, stops included."),
        "mode": of("The margin mode of a symbol changes.", traded, {"leverage": 0}),
    }


BYTES: Final[dict[str, FaultKind]] = {
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
VENUE: Final[dict[str, FaultKind]] = {**_rules(), **_accounts()}
