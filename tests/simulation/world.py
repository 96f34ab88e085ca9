"""A simulation: the venue, the network, processes that live and die, and what goes wrong.

`World.run` goes through the phases: safety with faults, heal, liveness, strict check, digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

import msgspec

from core.market.bars import DAY_MS
from schemas.fault_schedule import FaultSpec
from sidecar.emulator.exchange.requests import Fund
from sidecar.emulator.exchange.state import Rules
from sidecar.emulator.faults.plane import Plane
from sidecar.emulator.gateway.gateway import Gateway
from sidecar.emulator.tape.synthetic import synthetic_spec, synthetic_tape
from tests.simulation.disk import SimDisk
from tests.simulation.guard import guarded
from tests.simulation.local import LocalSockets, ProcessSockets
from tests.simulation.loop import INCARNATION, Incarnation, SimLoop, bury
from tests.simulation.net import ProcessNet, SimNet
from tests.simulation.ports import Ports
from tests.simulation.schedule import Trouble

START_MS = 20_700 * DAY_MS + 11 * 3_600_000
SYMBOLS = 3
TICK_MS = 15_000
RESTART_MS = 2_000
GOOD_MS = (5, 80)
WATCH_MS = 60_000

Program = Callable[[Ports], Coroutine[Any, Any, None]]


class BrokenError(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Plan:
    """What is simulated: everything that a run depends on beside the code."""

    seed: int
    horizon_ms: int = 3_600_000
    """How long things go wrong."""
    heal_ms: int = 120_000
    """How long all may take to be well again."""
    shuffle: float = 0.2
    delay_ms: tuple[int, int] = GOOD_MS
    """How long a message takes while things go wrong."""
    schedule: tuple[Trouble, ...] = ()
    kill_step: int | None = None
    """The process is killed instead of its so many-th step."""
    kill_call: int | None = None
    """The process is killed at its so many-th call of the disk."""
    down_ms: int = RESTART_MS
    """How long it is down after these two."""
    symbols: int = SYMBOLS
    tick_ms: int = TICK_MS


@dataclass
class Outcome:
    """What a run came to."""

    digest: str
    violations: list[str]
    steps: int
    disk_calls: int
    crashes: int
    simulated_ms: int
    hits: dict[str, int]
    """How often each kind of trouble began."""
    effects: dict[str, int]
    """How often each kind met something."""
    sometimes: dict[str, int]
    """What the program says that it went through."""


class SimClock:
    """The clock of a process: virtual time, off by some skew."""

    def __init__(self, net: SimNet) -> None:
        self._net = net
        self.skew_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since 1970 as the process believes."""
        return self._net.now_ms() + self.skew_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        """Return after that time."""
        await asyncio.sleep(duration_ms / 1_000)


class Process:
    """A program that is started, killed and started again, with a disk that stays."""

    def __init__(self, world: World, name: str, program: Program) -> None:
        self.world, self.name, self.program = world, name, program
        self.disk = SimDisk()
        self.clock = SimClock(world.net)
        self.lives: list[Incarnation] = []
        self.exits: list[str] = []
        """What ended the lives that ended by themselves."""

    @property
    def is_alive(self) -> bool:
        """Does it run?"""
        return bool(self.lives) and not self.lives[-1].is_dead

    def start(self) -> None:
        """Begin a life, if none is lived."""
        if self.is_alive:
            return
        life = Incarnation(self.name, len(self.lives))
        self.lives.append(life)
        rng = random.Random(f"{self.world.plan.seed} {self.name} {life.number}")
        net = ProcessNet(self.world.net, f"10.0.0.{len(self.world.processes)}", life)
        ports = Ports(
            clock=self.clock,
            net=net,
            disk=self.disk,
            rng=rng,
            spawn=lambda work, name: self._task(life, work),
            local=ProcessSockets(self.world.local, life),
        )
        context = copy_context()
        context.run(INCARNATION.set, life)
        context.run(self._task, life, self.program(ports))

    def kill(self, how: str, down_ms: int = RESTART_MS) -> None:
        """End it at once: `how` says what the disk keeps (`all` unless power is lost)."""
        if not self.is_alive:
            return
        self.lives[-1].is_dead = True
        self.world.crashes += 1
        self.world.local.died(self.lives[-1])
        if self.disk.cut(self.world.rng, how):
            self.world.effect("process.power")
        self.world.net.at(down_ms, self.start)

    def _task(self, life: Incarnation, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.world.loop.create_task(work)
        task.add_done_callback(lambda done: self._ended(life, done))
        return task

    def _ended(self, life: Incarnation, task: asyncio.Task[Any]) -> None:
        if life.is_dead or task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self.exits.append(f"{type(error).__name__}: {error}")
            self.kill("all")


@dataclass
class World:
    """One simulation.  `examine` is given the world at the end and says what does not hold."""

    plan: Plan
    rng: random.Random = field(init=False)
    processes: list[Process] = field(default_factory=list)
    crashes: int = 0
    hits: dict[str, int] = field(default_factory=dict)
    effects: dict[str, int] = field(default_factory=dict)
    sometimes: dict[str, int] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)
    """What the watches saw, the first time each."""

    def __post_init__(self) -> None:
        seed = self.plan.seed
        self.rng = random.Random(f"{seed} world")
        self.loop = SimLoop(random.Random(f"{seed} order"), self.plan.shuffle)
        spec = synthetic_spec(seed, self.plan.symbols, START_MS, history_days=1)
        tape = synthetic_tape(spec, START_MS, self.plan.tick_ms)
        self.plane = Plane()
        self.gateway = Gateway(tape.first_state(Rules()), tape, self.plane)
        self.net = SimNet(self.loop, self.gateway, START_MS, random.Random(f"{seed} net"))
        self.local = LocalSockets(self.net.at, random.Random(f"{seed} local"))
        self.net.weather.delay_ms = self.plan.delay_ms
        self.loop.before_step = self._may_step

    def fund(self, user: str, usd: int) -> None:
        """Money for a user of the venue."""
        self.gateway.apply(self.net.now_ms(), Fund(user, usd * 1_000_000))

    def add(self, name: str, program: Program) -> Process:
        """A process, started when the simulation is."""
        process = Process(self, name, program)
        process.disk.before_call = lambda number: self._may_call(process, number)
        self.processes.append(process)
        return process

    def effect(self, kind: str) -> None:
        """A kind of trouble met something."""
        self.effects[kind] = self.effects.get(kind, 0) + 1

    def reached(self, what: str) -> None:
        """A program came to a place that must be reached now and then."""
        self.sometimes[what] = self.sometimes.get(what, 0) + 1

    def watch(self, check: Callable[[World], Sequence[str]], every_ms: int = WATCH_MS) -> None:
        """Check something now and then while the simulation runs; what is found stays found."""

        def look() -> None:
            self.found += [each for each in check(self) if not self.found]
            self.net.at(every_ms, look)

        self.net.at(every_ms, look)

    def run(self, examine: Callable[[World], Sequence[str]]) -> Outcome:
        """All phases; the world is taken down afterwards."""
        asyncio.set_event_loop(None)
        try:
            with guarded():
                self.loop.run_until_complete(self._phases())
            violations = [*self.found, *examine(self)]
            violations += [f"error in the loop: {each['message']}" for each in self.loop.failures]
            return self._outcome(violations)
        finally:
            lives = [life for process in self.processes for life in process.lives]
            for life in lives:
                life.is_dead = True
            bury(lives)
            self.loop.close()
            for process in self.processes:
                process.disk.remove()

    async def _phases(self) -> None:
        self.net.pump()
        for process in self.processes:
            process.start()
        for trouble in self.plan.schedule:
            self.net.at(trouble.at_ms, lambda trouble=trouble: self._begin(trouble))
        await asyncio.sleep(self.plan.horizon_ms / 1_000)
        self._heal()
        await asyncio.sleep(self.plan.heal_ms / 1_000)
        self.net.pump()

    def _begin(self, trouble: Trouble) -> None:
        if self.loop.time() * 1_000 >= self.plan.horizon_ms:
            return
        self.hits[trouble.kind] = self.hits.get(trouble.kind, 0) + 1
        room, _, kind = trouble.kind.partition(".")
        BEGIN[room](self, kind, trouble.args)

    def _heal(self) -> None:
        """Nothing goes wrong any more; what is down comes up."""
        weather = self.net.weather
        weather.lost_before = weather.lost_after = weather.hang = 0.0
        weather.delay_ms = GOOD_MS
        weather.slow_ms = weather.clogged_until_ms = 0
        self.plane.clear()
        self.net.pump()
        for process in self.processes:
            process.clock.skew_ms = 0
            process.start()

    def _may_step(self, life: Incarnation) -> bool:
        if self.plan.kill_step is None or self.loop.steps != self.plan.kill_step:
            return True
        self._owner(life).kill("all", self.plan.down_ms)
        return False

    def _may_call(self, process: Process, number: int) -> bool:
        if self.plan.kill_call is None or number != self.plan.kill_call or not process.is_alive:
            return True
        process.kill("all", self.plan.down_ms)
        return False

    def _owner(self, life: Incarnation) -> Process:
        return next(each for each in self.processes if each.name == life.process)

    def _outcome(self, violations: list[str]) -> Outcome:
        effects = {**self.net.effects.counts, **self.effects}
        for process in self.processes:
            for kind, count in process.disk.failed.items():
                effects[f"disk.{kind}"] = effects.get(f"disk.{kind}", 0) + count
        for name, counter in self.plane.counters().items():
            effects[f"venue.{name}"] = counter.had_effect
        digest = hashlib.sha256(msgspec.json.encode(self.gateway.state))
        told = [self.loop.steps, self.loop.jumps, self.crashes, effects, self.sometimes]
        digest.update(json.dumps([told, violations]).encode())
        return Outcome(
            digest=digest.hexdigest(),
            violations=violations,
            steps=self.loop.steps,
            disk_calls=sum(process.disk.calls for process in self.processes),
            crashes=self.crashes,
            simulated_ms=round(self.loop.time() * 1_000),
            hits=self.hits,
            effects=effects,
            sometimes=self.sometimes,
        )


def _process(world: World, kind: str, args: dict[str, Any]) -> None:
    """A kill meets one process, `who` saying which; a power loss meets all."""
    how = "all" if kind == "kill" else str(args["how"])
    met = world.processes
    if kind == "kill":
        met = [met[int(args.get("who", 0.0) * len(met))]]
    for process in met:
        if process.is_alive and kind == "kill":
            world.effect("process.kill")
        process.kill(how, int(args["down_ms"]))


def _net(world: World, kind: str, args: dict[str, Any]) -> None:
    weather = world.net.weather
    if kind == "cut":
        if world.net.cut_streams():
            world.effect("net.cut")
        return
    for_ms = int(args["for_ms"])
    if kind == "clog":
        weather.clogged_until_ms = world.net.now_ms() + for_ms
        return
    name = "slow_ms" if kind == "slow" else kind
    setattr(weather, name, args["ms"] if kind == "slow" else args["chance"])
    world.net.at(for_ms, lambda: setattr(weather, name, 0))


def _disk(world: World, kind: str, args: dict[str, Any]) -> None:
    for process in world.processes:
        process.disk.fail(kind, int(args["after"]), int(args["count"]))


def _clock(world: World, kind: str, args: dict[str, Any]) -> None:
    for process in world.processes:
        process.clock.skew_ms = int(args["by_ms"])
        world.effect(f"clock.{kind}")


def _venue(world: World, kind: str, args: dict[str, Any]) -> None:
    own = {name: value for name, value in args.items() if name not in ("for_ms", "chance")}
    fault = FaultSpec.model_validate(
        {"fault": kind, "for_s": args["for_ms"] / 1_000, "chance_frac": args["chance"], **own}
    )
    world.plane.add(fault, world.net.now_ms())
    world.net.flush()


BEGIN: dict[str, Callable[[World, str, dict[str, Any]], None]] = {
    "process": _process,
    "net": _net,
    "disk": _disk,
    "clock": _clock,
    "venue": _venue,
}
