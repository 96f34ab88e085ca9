"""A day of the sidecar, run from a plan."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from sidecar.market import daemon
from sidecar.market.accounts import Account
from tests.simulation.schedule import draw, shrunk
from tests.simulation.sidecar_examined import examined
from tests.simulation.sidecar_programs import (
    USERS,
    Seen,
    mortal,
    reader,
    settings_for,
    sidecar,
    sleeper,
    trader,
    watcher,
)
from tests.simulation.sidecar_schedule import DAY
from tests.simulation.world import Outcome, Plan, Process, World

HOUR_MS = 3_600_000
SYMBOLS = 3
TICK_MS = 15_000
FUNDS_USD = 50_000
PER_HOUR = 60.0
DEPOSIT_MS = 1_500_000
QUIET_MS = 60_000
"""The trader stops so long before things stop going wrong."""


def drawn_plan(seed: int, hours: float) -> Plan:
    """The plan of a seed."""
    horizon_ms = round(hours * HOUR_MS)
    schedule = draw(random.Random(f"{seed} day"), horizon_ms, PER_HOUR, DAY)
    return Plan(
        seed,
        horizon_ms=horizon_ms,
        schedule=tuple(schedule),
        symbols=SYMBOLS,
        tick_ms=TICK_MS,
    )


def simulated(plan: Plan, planted: str = "") -> Outcome:
    """What a plan comes to."""
    return day(plan, planted)[0]


def day(plan: Plan, planted: str = "") -> tuple[Outcome, Seen]:
    """What a plan comes to, and what its processes showed."""
    with PLANTED[planted]():
        world, seen = World(plan), Seen()
        symbols = tuple(world.gateway.state.coins)
        _deposits(world)
        programs = {
            "daemon": sidecar(seen, settings_for(symbols)),
            "watcher": watcher(seen, symbols, world.reached),
            "sleeper": sleeper(symbols, world.reached),
            "mortal": mortal(symbols, world.reached),
            "reader": reader(world.reached),
            "trader": trader(lambda: world.loop.time() * 1_000 < plan.horizon_ms - QUIET_MS),
        }
        processes: dict[str, Process] = {
            name: world.add(name, program) for name, program in programs.items()
        }
        outcome = world.run(lambda found: examined(found, processes, seen))
    return outcome, seen


def _deposits(world: World) -> None:
    """Money comes in for both users, again and again."""
    for user in USERS:
        world.fund(user, FUNDS_USD)

    def more() -> None:
        if world.loop.time() * 1_000 < world.plan.horizon_ms:
            for user in USERS:
                world.fund(user, 10)
            world.net.flush()
            world.net.at(DEPOSIT_MS, more)

    world.net.at(DEPOSIT_MS, more)


def shrunk_plan(plan: Plan, planted: str = "") -> Plan:
    """The plan with the part of its schedule without which it does not fail."""
    found = shrunk(
        plan.schedule,
        lambda part: bool(simulated(replace(plan, schedule=tuple(part)), planted).violations),
    )
    return replace(plan, schedule=tuple(found))


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextlib.contextmanager
def _swapped(owner: type, name: str, other: Callable[..., object]) -> Iterator[None]:
    kept = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, kept)


def _blind() -> contextlib.AbstractContextManager[None]:
    """A daemon that takes no notice of streams and connections that fall silent."""
    return _swapped(daemon.Watch, "due", lambda *_: [])


def _forgetful() -> contextlib.AbstractContextManager[None]:
    """A daemon that reads the events of users from their streams alone."""

    async def nothing(self: daemon.Accounts, account: Account) -> None:
        account.done_ms = self.time.now_ms()
        account.due_ms = account.done_ms + self.reconcile_ms

    return _swapped(daemon.Accounts, "_round", nothing)


PLANTED: dict[str, Callable[[], contextlib.AbstractContextManager[None]]] = {
    "": _nothing,
    "blind": _blind,
    "forgetful": _forgetful,
}
"""Faults that can be planted in the daemon, to see that they are found."""
