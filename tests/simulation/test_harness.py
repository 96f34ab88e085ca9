"""Schedules, the guard, the model and the network by themselves."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from sidecar.emulator.exchange.state import Position
from tests.simulation.guard import NotSimulatedError, guarded
from tests.simulation.model import account_faults, venue_faults
from tests.simulation.ports import LinkLostError, Ports, StreamEndedError
from tests.simulation.scenario import drawn_plan
from tests.simulation.schedule import DAMAGING, KINDS, Trouble, draw, load, save, shrunk
from tests.simulation.small_client import USER
from tests.simulation.world import Outcome, Plan, Process, World

HOUR_MS = 3_600_000


def test_a_seed_draws_one_schedule_and_seeds_draw_all_kinds() -> None:
    drawn = [draw(random.Random(seed), HOUR_MS, 40.0) for seed in range(40)]

    assert drawn[7] == draw(random.Random(7), HOUR_MS, 40.0)
    assert {each.kind for schedule in drawn for each in schedule} == set(KINDS)
    assert len({tuple(sorted({each.kind for each in one})) for one in drawn}) > 30
    assert all(one == sorted(one, key=lambda each: (each.at_ms, each.kind)) for one in drawn)


def test_what_damages_a_disk_is_drawn_when_asked_for() -> None:
    drawn = draw(random.Random(1), HOUR_MS, 40.0, DAMAGING)

    assert {each.kind for each in drawn} == set(DAMAGING)
    assert set(DAMAGING) & set(KINDS) == set()


def test_shrinking_finds_the_entries_that_matter() -> None:
    schedule = [Trouble(at_ms, f"kind {at_ms}") for at_ms in range(50)]
    runs = []

    def fails(part: Sequence[Trouble]) -> bool:
        runs.append(len(part))
        return {7, 31} <= {each.at_ms for each in part}

    found = shrunk(schedule, fails)

    assert [each.at_ms for each in found] == [7, 31]
    assert len(runs) < 80


def test_a_kept_schedule_is_read_back(tmp_path: Path) -> None:
    schedule = draw(random.Random(1), HOUR_MS, 40.0)

    save(tmp_path / "one.json", {"seed": 1}, schedule)

    assert load(tmp_path / "one.json") == ({"seed": 1}, schedule)


ASKING: dict[str, Callable[[], object]] = {
    "time.time": lambda: time.time(),
    "time.monotonic": lambda: time.monotonic(),
    "time.sleep": lambda: time.sleep(0),
    "random.random": lambda: random.random(),
    "uuid.uuid4": lambda: uuid.uuid4(),
    "os.urandom": lambda: os.urandom(1),
    "core.clock": lambda: SystemClock().now_ms(),
}


@pytest.mark.parametrize("name", list(ASKING))
def test_the_real_world_is_out_of_reach_inside(name: str) -> None:
    with guarded(), pytest.raises(NotSimulatedError):
        ASKING[name]()

    ASKING[name]()


def test_a_program_that_asks_the_real_clock_does_not_simulate() -> None:
    async def cheat(ports: Ports) -> None:
        del ports
        SystemClock().now_ms()

    process, outcome = lived(cheat)

    assert outcome.violations == []
    assert process.exits[0].startswith("NotSimulatedError: time.time_ns was asked for")


Main = Callable[[Ports], Coroutine[Any, Any, None]]


def lived(
    main: Main, weather: dict[str, Any] | None = None, schedule: tuple[Trouble, ...] = ()
) -> tuple[Process, Outcome]:
    """A process and the outcome of a minute of it."""
    world = World(Plan(1, horizon_ms=60_000, heal_ms=1_000, schedule=schedule))
    for name, value in (weather or {}).items():
        setattr(world.net.weather, name, value)
    process = world.add("one", main)
    return process, world.run(lambda _: [])


MIDS = json.dumps({"type": "allMids"}).encode()
BBO = json.dumps({"method": "subscribe", "subscription": {"type": "bbo", "coin": "BTC"}})


def test_requests_reach_the_venue_and_replies_come_back_in_virtual_time() -> None:
    found: list[tuple[int, int]] = []

    async def ask(ports: Ports) -> None:
        before_ms = ports.clock.now_ms()
        reply = await ports.net.post("/info", MIDS, 5_000)
        found.append((reply.status, ports.clock.now_ms() - before_ms))
        assert "BTC" in json.loads(reply.body)

    lived(ask, {"delay_ms": (100, 200)})

    status, took_ms = found[0]
    assert status == 200
    assert 200 <= took_ms <= 400


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("lost_before", LinkLostError),
        ("lost_after", LinkLostError),
        ("hang", TimeoutError),
    ],
)
def test_what_breaks_a_request_breaks_it(kind: str, error: type[Exception]) -> None:
    found: list[str] = []

    async def ask(ports: Ports) -> None:
        try:
            await ports.net.post("/info", MIDS, 5_000)
        except error as caught:
            found.append(type(caught).__name__)

    _, outcome = lived(ask, {kind: 1.0})

    assert found == [error.__name__]
    assert outcome.effects == {f"net.{kind}": 1}


def test_texts_of_a_stream_keep_their_order_and_its_end_is_the_last() -> None:
    times: list[int] = []
    ends: list[str] = []

    async def listen(ports: Ports) -> None:
        stream = await ports.net.connect()
        await stream.send(BBO)
        try:
            while True:
                said = json.loads(await stream.receive())
                if said["channel"] == "bbo":
                    times.append(said["data"]["time"])
        except StreamEndedError:
            ends.append("ended")
        await asyncio.sleep(3_600)

    schedule = (Trouble(50_000, "net.cut"),)
    _, outcome = lived(listen, {"delay_ms": (5, 9_000)}, schedule)

    assert len(times) > 1
    assert times == sorted(times)
    assert ends == ["ended"]
    assert outcome.effects["net.cut"] == 1


def test_what_was_sent_arrives_though_its_sender_is_dead() -> None:
    async def send(ports: Ports) -> None:
        ports.spawn(ports.net.post("/exchange", b"{}", 5_000), "last words")
        await asyncio.sleep(3_600)

    world = World(Plan(1, horizon_ms=20_000, heal_ms=1_000, delay_ms=(900, 900)))
    process = world.add("one", send)
    world.net.at(500, lambda: process.kill("all", 10**9))
    world.run(lambda _: [])

    died, healed = [at_ms - world.net.start_ms for at_ms, _ in world.net.seen]
    assert died == 900
    assert healed > 20_000
    assert len(process.lives) == 2


def test_a_program_that_fails_is_started_again() -> None:
    lives: list[int] = []

    async def fail(ports: Ports) -> None:
        lives.append(ports.clock.now_ms())
        await asyncio.sleep(1)
        raise ValueError("no more")

    process, outcome = lived(fail)

    assert len(process.exits) == outcome.crashes == 21
    assert process.exits[0] == "ValueError: no more"
    assert lives[1] - lives[0] == 3_000


def test_a_skewed_clock_is_off_for_its_process_alone() -> None:
    told: list[tuple[int, int]] = []
    world = World(
        Plan(
            1, horizon_ms=9_000, heal_ms=9_000, schedule=(Trouble(0, "clock.skew", {"by_ms": 700}),)
        )
    )

    async def look(ports: Ports) -> None:
        while True:
            await ports.clock.sleep_ms(4_000)
            told.append((ports.clock.now_ms(), world.net.now_ms()))

    world.add("one", look)
    world.run(lambda _: [])

    assert [mine - theirs for mine, theirs in told] == [700, 700, 0, 0]


def test_the_model_sees_money_and_positions_that_are_not_there() -> None:
    world = World(Plan(1, horizon_ms=1_000, heal_ms=1_000))
    world.fund(USER, 1_000)
    state = world.gateway.state
    assert [*account_faults(state, USER), *venue_faults(state)] == []

    state.accounts[USER].cash_micros += 1
    state.accounts[USER].positions["BTC"] = Position(lots=3)

    words = [each.split(":")[0] for each in account_faults(state, USER)]
    assert words == ["money", "I-2"]
    assert len(venue_faults(state)) == 2
    world.loop.close()


def test_the_plan_of_a_seed_is_one_plan() -> None:
    assert drawn_plan(3) == drawn_plan(3)
    assert drawn_plan(3) != drawn_plan(4)
