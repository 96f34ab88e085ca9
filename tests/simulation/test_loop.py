"""The loop: virtual time, seeded order, and deaths without last words."""

from __future__ import annotations

import asyncio
import random
from contextvars import copy_context

import pytest

from tests.simulation.loop import INCARNATION, Incarnation, SimLoop, bury

DAY_S = 86_400.0


async def pause(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return asyncio.get_running_loop().time()


def test_time_jumps_to_the_next_timer() -> None:
    loop = SimLoop(random.Random(1))

    assert loop.run_until_complete(pause(400 * DAY_S)) == 400 * DAY_S
    loop.close()


def test_a_simulation_in_which_nothing_can_happen_says_so() -> None:
    loop = SimLoop(random.Random(1))
    never = loop.create_future()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        loop.run_until_complete(never)
    loop.close()


def order_of(seed: int, shuffle: float) -> list[int]:
    loop = SimLoop(random.Random(seed), shuffle)
    order: list[int] = []

    async def note(number: int) -> None:
        for _ in range(3):
            order.append(number)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        await asyncio.gather(*(note(number) for number in range(5)))

    loop.run_until_complete(all_of_them())
    loop.close()
    return order


def test_the_seed_decides_the_order_of_what_is_ready() -> None:
    assert order_of(1, 0.0) == [0, 1, 2, 3, 4] * 3
    assert order_of(1, 0.5) == order_of(1, 0.5)
    assert len({tuple(order_of(seed, 0.5)) for seed in range(20)}) > 15
    assert all(sorted(order_of(seed, 0.5)) == sorted(order_of(1, 0.0)) for seed in range(20))


@pytest.mark.parametrize("shuffle", [0.0, 0.5])
def test_the_dead_have_no_last_words(shuffle: float) -> None:
    loop = SimLoop(random.Random(1), shuffle)
    life = Incarnation("one", 0)
    said: list[str] = []

    async def talk(name: str) -> None:
        try:
            for _ in range(1_000):
                said.append(name)
                await asyncio.sleep(1)
        except BaseException:
            said.append("except")
            raise
        finally:
            said.append("finally")

    async def both() -> None:
        await asyncio.gather(talk("a"), talk("b"))

    async def watch() -> None:
        context = copy_context()
        context.run(INCARNATION.set, life)
        context.run(loop.create_task, both())
        await asyncio.sleep(2.5)
        life.is_dead = True
        await asyncio.sleep(100)

    loop.run_until_complete(watch())
    during = list(said)
    bury([life])
    loop.close()

    assert sorted(during) == ["a"] * 3 + ["b"] * 3
    assert loop.failures == []
    assert life.tasks == []


def test_a_killed_step_is_not_run() -> None:
    loop = SimLoop(random.Random(1))
    life = Incarnation("one", 0)
    steps: list[int] = []

    def may(owner: Incarnation) -> bool:
        owner.is_dead = owner.steps == 4
        return not owner.is_dead

    async def count() -> None:
        for number in range(10):
            steps.append(number)
            await asyncio.sleep(0)

    async def watch() -> None:
        context = copy_context()
        context.run(INCARNATION.set, life)
        context.run(loop.create_task, count())
        await asyncio.sleep(1)

    loop.before_step = may
    loop.run_until_complete(watch())
    bury([life])
    loop.close()

    assert steps == [0, 1, 2]


def test_threads_are_refused() -> None:
    loop = SimLoop(random.Random(1))

    async def think() -> None:
        await asyncio.to_thread(len, "abc")

    with pytest.raises(RuntimeError, match="threads are not simulated"):
        loop.run_until_complete(think())
    loop.close()
