"""Fault schedules: drawn from a seed, shrunk to what is needed, kept as JSON.

A schedule is a list of (when, kind, arguments).  Each seed has a random subset of the kinds (a
swarm), so that some seeds meet one kind alone and others many at once.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

Args = dict[str, int | float | str]


@dataclass(frozen=True)
class Trouble:
    """One fault of a schedule, `at_ms` from the begin of the simulation."""

    at_ms: int
    kind: str
    args: Args = field(default_factory=dict)


def _span(rng: random.Random) -> Args:
    return {"for_ms": rng.choice([2_000, 10_000, 40_000, 120_000])}


def _chance(rng: random.Random) -> Args:
    return {**_span(rng), "chance": rng.choice([0.05, 0.2, 0.6, 1.0])}


def _restart(rng: random.Random) -> Args:
    return {"down_ms": rng.choice([0, 50, 1_000, 4_000, 20_000])}


KINDS: dict[str, Callable[[random.Random], Args]] = {
    "process.kill": lambda rng: {**_restart(rng), "who": round(rng.random(), 3)},
    "process.power": lambda rng: {
        **_restart(rng),
        "how": rng.choice(["none", "prefix", "subset"]),
    },
    "net.lost_before": _chance,
    "net.lost_after": _chance,
    "net.hang": _chance,
    "net.clog": _span,
    "net.slow": lambda rng: {**_span(rng), "ms": rng.choice([500, 3_000, 9_000])},
    "net.cut": lambda rng: {},
    "disk.full": lambda rng: {"after": rng.randint(0, 12), "count": rng.choice([1, 3])},
    "disk.eio": lambda rng: {"after": rng.randint(0, 20), "count": 1},
    "disk.fsync": lambda rng: {"after": rng.randint(0, 6), "count": 1},
    "clock.skew": lambda rng: {"by_ms": rng.choice([-900, -300, 300, 900])},
    "venue.lost_after": _chance,
    "venue.lost_before": _chance,
    "venue.5xx_after": _chance,
    "venue.429": _chance,
    "venue.partial": _chance,
    "venue.late_accept": lambda rng: {**_chance(rng), "delay_ms": rng.choice([500, 2_500, 4_500])},
    "venue.reject": _chance,
    "venue.drop_user": _chance,
    "venue.dup": _chance,
}
"""Kinds of trouble that a program with an outbox must live with, and how arguments are drawn."""

DAMAGING: dict[str, Callable[[random.Random], Args]] = {
    "disk.short_read": lambda rng: {"after": rng.randint(0, 6), "count": 1},
}
"""Kinds that damage what is stored, unseen: SQLite takes what a short read lacks for zeros.  Only
a program with checksums of its own can live with these; they are drawn when they are asked for."""


def draw(
    rng: random.Random,
    horizon_ms: int,
    per_hour: float,
    known: Mapping[str, Callable[[random.Random], Args]] = KINDS,
) -> list[Trouble]:
    """A schedule over the time up to `horizon_ms`, in order."""
    share = rng.choice([0.15, 0.4, 0.8])
    kinds = [kind for kind in known if rng.random() < share] or [rng.choice(list(known))]
    mean = per_hour * rng.choice([0.5, 1.0, 2.0]) * horizon_ms / 3_600_000
    found = []
    for _ in range(max(1, round(mean))):
        kind = rng.choice(kinds)
        found.append(Trouble(rng.randrange(horizon_ms), kind, known[kind](rng)))
    return sorted(found, key=lambda each: (each.at_ms, each.kind))


def shrunk(
    schedule: Sequence[Trouble], fails: Callable[[Sequence[Trouble]], bool], runs_max: int = 200
) -> list[Trouble]:
    """A part of the schedule that still fails and of which no entry can be left out.

    Delta debugging: halves, quarters, ... are left out as long as that still fails.  It stops
    after `runs_max` runs with the best that it has.
    """
    best, pieces = list(schedule), 2
    while best and runs_max > 0:
        size = -(-len(best) // pieces)
        for start in range(0, len(best), size):
            rest = best[:start] + best[start + size :]
            runs_max -= 1
            if fails(rest):
                best, pieces = rest, max(pieces - 1, 2)
                break
        else:
            if size == 1:
                break
            pieces = min(2 * pieces, len(best))
    return best


def save(path: Path, case: dict[str, Any], schedule: Sequence[Trouble]) -> None:
    """Keep a failing list with all that is needed to run it again."""
    plain = {**case, "schedule": [asdict(each) for each in schedule]}
    path.write_text(json.dumps(plain, indent=2, sort_keys=True) + "\n")


def load(path: Path) -> tuple[dict[str, Any], list[Trouble]]:
    """What `save` kept."""
    plain = json.loads(path.read_text())
    return plain, [Trouble(**each) for each in plain.pop("schedule")]
