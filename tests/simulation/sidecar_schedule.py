"""What goes wrong in a sidecar's day: each network and data fault, kills, its disk, its clock.

Left out of the catalogue's lists are the faults that no simulation of messages has: certificates,
names of hosts, and bytes split on a wire.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

from tests.simulation.schedule import KINDS, Args

Drawn = Callable[[random.Random], Args]

SPANS_MS: Final = (5_000, 30_000, 90_000, 240_000)
BARS: Final = ("candle", "candleSnapshot")


def _span(rng: random.Random) -> Args:
    return {"for_ms": rng.choice(SPANS_MS), "chance": 1.0}


def _chance(rng: random.Random) -> Args:
    return {"for_ms": rng.choice(SPANS_MS), "chance": rng.choice([0.1, 0.5, 1.0])}


def _with(drawn: Drawn, **choices: tuple[int | float | str, ...]) -> Drawn:
    """Arguments of a kind, and an option of it out of each of these."""

    def draw(rng: random.Random) -> Args:
        return drawn(rng) | {name: rng.choice(found) for name, found in choices.items()}

    return draw


def _bars(drawn: Drawn, **choices: tuple[int | float | str, ...]) -> Drawn:
    """It meets the stream of bars, or the answers about them, or both and all else."""

    def draw(rng: random.Random) -> Args:
        args = _with(drawn, **choices)(rng)
        whom = rng.choice(["", "channel", "type"])
        return args | ({whom: BARS[whom == "type"]} if whom else {})

    return draw


def _garbled(rng: random.Random) -> Args:
    """Texts that are no messages; a wrong byte in one that stays one meets bars alone.

    What a user did is told by nobody twice: a digit of it that is wrong cannot be found out.
    """
    args = _with(_chance, how=("truncate", "noise", "utf8", "deep", "huge"))(rng)
    return args | (
        rng.choice([{"channel": BARS[0]}, {"type": BARS[1]}]) if args["how"] == "noise" else {}
    )


VENUE: Final[Mapping[str, Drawn]] = {
    "ws_close": _with(_span, code=(1000, 1006)),
    "flap": _with(_span, delay_ms=(1_000, 4_000)),
    "outage": _span,
    "blackhole": _with(_chance, delay_ms=(600_000,)),
    "accept_hang": _with(_span, delay_ms=(600_000,)),
    "429": _chance,
    "5xx_before": _with(_chance, status=(500, 502, 503, 504)),
    "5xx_after": _with(_chance, status=(500, 502, 503, 504)),
    "lost_before": _chance,
    "lost_after": _chance,
    # Answers about a user name nobody: one that is another's cannot be told from the right one.
    "swap": _with(_chance, type=("candleSnapshot", "metaAndAssetCtxs", "exchangeStatus")),
    "sub_err": _with(_chance, how=("error", "silent")),
    "delay": _with(_span, delay_ms=(1_000, 10_000), jitter_ms=(0, 5_000)),
    "throttle": _with(_span, bytes_per_s=(1_024, 8_192)),
    "stall": _with(_span, delay_ms=(30_000,)),
    "reorder": _chance,
    "dup": _chance,
    "old_snapshot": _with(_span, age_ms=(10_000, 60_000), rows=(1, 3)),
    "drop_user": _chance,
    "mute_sub": _with(_span, channel=("candle", "bbo", "trades", "allMids", "userFills")),
    "garble": _garbled,
    "glitch": _bars(_chance, factor=(0.1, 10.0)),
    "empty_book": _with(_chance, how=("empty", "one_side", "crossed")),
    "gap": _bars(_chance, rows=(1, 3, 20)),
    "revise": _bars(_span, bps=(5.0, 50.0, 400.0)),
    "dup_bar": _bars(_chance, bps=(5.0, 100.0)),
    "wrong_iv": _bars(_chance, interval=("1d", "5m", "3m")),
    "meta_shift": _span,
    "delist": _with(_span, coin=("ETH",)),
    "crash": _with(_span, frac=(-0.1, 0.1)),
}
"""Faults of the venue, as `schemas.fault_kinds` describes them."""

DAY: Final[Mapping[str, Drawn]] = {
    # Every second kill is the daemon's, which is the first process.
    "process.kill": lambda rng: {
        "down_ms": rng.choice([0, 1_000, 20_000, 120_000]),
        "who": rng.choice([0.0, round(rng.random(), 3)]),
    },
    "process.power": KINDS["process.power"],
    **{name: KINDS[name] for name in KINDS if name.startswith(("net.", "disk."))},
    "clock.skew": lambda rng: {"by_ms": rng.choice([-900, -300, 300, 900])},
    "clock.jump": lambda rng: {"by_ms": rng.choice([-7_200_000, -60_000, 60_000, 7_200_000])},
    **{f"venue.{name}": drawn for name, drawn in VENUE.items()},
}
"""All of them."""
