"""The small client in a world, run from a plan."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tests.simulation.invariants import examined, standing
from tests.simulation.schedule import Trouble, draw, shrunk
from tests.simulation.small_client import USER, program
from tests.simulation.world import START_MS, Outcome, Plan, World

HOUR_MS = 3_600_000
FUNDS_USD = 100_000
PER_HOUR = 60.0


def drawn_plan(seed: int, hours: float = 1.0) -> Plan:
    """The plan of a seed."""
    horizon_ms = round(hours * HOUR_MS)
    schedule = draw(random.Random(f"{seed} schedule"), horizon_ms, PER_HOUR)
    return Plan(seed, horizon_ms=horizon_ms, schedule=tuple(schedule))


def simulated(plan: Plan, planted: str = "") -> Outcome:
    """What a plan comes to, with the right client or one with a planted fault."""
    world = World(plan)
    world.fund(USER, FUNDS_USD)
    until_ms = START_MS + plan.horizon_ms
    process = world.add("small", program(world.reached, until_ms, planted))
    world.watch(standing)
    return world.run(lambda found: examined(found, process))


def shrunk_schedule(plan: Plan, planted: str = "") -> list[Trouble]:
    """The part of a failing plan's schedule without which it does not fail."""

    def fails(schedule: Sequence[Trouble]) -> bool:
        part = replace(plan, schedule=tuple(schedule))
        return bool(simulated(part, planted).violations)

    return shrunk(plan.schedule, fails)
