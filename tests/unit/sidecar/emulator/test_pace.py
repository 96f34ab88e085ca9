"""The venue's clock: real, scaled or stepped, and what it says when the machine is too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.clock import monotonic_s, sleep_s
from core.errors import UsageError
from sidecar.emulator.pace import SLICE_S, STEP_MS_MAX, Pace, VenueTime, check_speed

START_MS = 1_767_323_045_000


class Ticking:
    """Something that is due every `every_ms`, and takes `cost_s` of the machine each time."""

    def __init__(self, every_ms: int, cost_s: float = 0.0) -> None:
        self.every_ms = every_ms
        self.cost_s = cost_s
        self.instants: list[int] = []
        self.due_ms = START_MS + every_ms

    def advance(self, now_ms: int) -> None:
        while self.due_ms <= now_ms:
            if self.cost_s:
                sleep_s(self.cost_s)
            self.instants.append(self.due_ms)
            self.due_ms += self.every_ms

    def next_ms(self) -> int:
        return self.due_ms


def real_ms() -> float:
    return monotonic_s() * 1000


async def run(pace: Pace, during: Callable[[], Awaitable[None]]) -> None:
    """Let the pace run while `during` is awaited, five seconds at most."""
    tasks = [asyncio.create_task(pace.run()), asyncio.ensure_future(during())]
    done, _ = await asyncio.wait(tasks, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    tasks[0].cancel()
    assert done == {tasks[1]}, done
    tasks[1].result()


@given(
    st.lists(
        st.tuples(st.floats(0, 1e4), st.sampled_from([0.0, 0.5, 1.0, 600.0]), st.integers(0, 500)),
        max_size=20,
    )
)
def test_it_never_runs_back_whatever_is_done_to_it(moves: list[tuple[float, float, int]]) -> None:
    source = [0.0]
    time = VenueTime(START_MS, 1.0, lambda: source[0])
    last_ms = START_MS
    for elapsed_ms, speed, step_ms in moves:
        source[0] += elapsed_ms
        assert time.target_ms() >= last_ms
        expected_ms = time.target_ms()
        time.set_speed(speed)
        assert time.target_ms() == expected_ms
        if step_ms:
            assert time.step(step_ms) == expected_ms + step_ms
        last_ms = time.target_ms()


def test_a_computer_s_clock_that_is_set_back_makes_it_stand() -> None:
    source = [1_000.0]
    time = VenueTime(START_MS, 1.0, lambda: source[0])
    source[0] = 3_000.0
    assert time.target_ms() == START_MS + 2_000

    source[0] = 500.0
    assert time.target_ms() == START_MS + 2_000
    source[0] = 3_500.0
    assert time.target_ms() == START_MS + 2_500


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf"), 1e9])
def test_a_speed_that_no_clock_has_is_refused(speed: float) -> None:
    with pytest.raises(UsageError, match="a clock cannot run at"):
        check_speed(speed)


@pytest.mark.parametrize("by_ms", [0, -1, STEP_MS_MAX + 1])
def test_a_step_back_or_of_years_is_refused(by_ms: int) -> None:
    with pytest.raises(UsageError, match="cannot be moved"):
        VenueTime(START_MS, 0.0, real_ms).step(by_ms)


def test_at_600_times_a_minute_passes_in_a_tenth_of_a_second() -> None:
    ticking = Ticking(1_000)
    pace = Pace(ticking, VenueTime(START_MS, 600.0, real_ms), lambda: None, may_slip=True)

    asyncio.run(run(pace, lambda: asyncio.sleep(0.12)))

    assert len(ticking.instants) >= 60
    assert ticking.instants == [START_MS + 1_000 * (n + 1) for n in range(len(ticking.instants))]
    assert pace.time.slipped_ms == 0


def test_a_stepped_clock_moves_when_told_and_comes_there() -> None:
    ticking = Ticking(1_000)
    pace = Pace(ticking, VenueTime(START_MS, 0.0, real_ms), lambda: None, may_slip=True)

    async def steps() -> None:
        await asyncio.sleep(0.02)
        assert (pace.now_ms(), ticking.instants) == (START_MS, [])
        await pace.until(pace.step(86_400_000))
        assert pace.now_ms() == START_MS + 86_400_000
        await pace.until(pace.step(1))
        assert pace.now_ms() == START_MS + 86_400_000 + 1

    asyncio.run(run(pace, steps))
    assert len(ticking.instants) == 86_400


def test_a_machine_that_is_too_slow_lags_says_so_and_serves_in_between() -> None:
    ticking = Ticking(1_000, cost_s=0.002)
    pace = Pace(ticking, VenueTime(START_MS, 10_000.0, real_ms), lambda: None, may_slip=True)
    served: list[float] = []

    async def clients() -> None:
        until_s = monotonic_s() + 0.4
        while monotonic_s() < until_s:
            asked_s = monotonic_s()
            await asyncio.sleep(0.001)
            now_ms = pace.now_ms()
            assert now_ms <= ticking.due_ms
            served.append(monotonic_s() - asked_s)

    asyncio.run(run(pace, clients))

    assert len(served) > 5
    assert sorted(served)[len(served) // 2] < 50 * SLICE_S
    assert pace.lag_ms() > 1_000_000


def test_a_scaled_clock_gives_up_what_it_cannot_make_good_but_no_step() -> None:
    source = [0.0]
    time = VenueTime(START_MS, 100.0, lambda: source[0])
    source[0] = 5_000.0
    assert time.target_ms() == START_MS + 500_000

    time.slip(START_MS + 10_000)

    assert (time.target_ms(), time.slipped_ms) == (START_MS + 110_000, 390_000)
    time.step(86_400_000)
    time.slip(START_MS + 10_000)
    assert time.target_ms() == START_MS + 110_000 + 86_400_000


def test_a_clock_of_the_real_time_comes_back_to_it_after_a_pause() -> None:
    ticking = Ticking(10)
    pause_ms = [0.0]
    time = VenueTime(START_MS, 1.0, lambda: real_ms() + pause_ms[0])
    pace = Pace(ticking, time, lambda: None, may_slip=False)

    async def suspend() -> None:
        await asyncio.sleep(0.02)
        pause_ms[0] = 3_600_000.0
        await pace.until(START_MS + 3_600_000)

    asyncio.run(run(pace, suspend))
    assert pace.now_ms() >= START_MS + 3_600_000
    assert pace.time.slipped_ms == 0


def test_what_is_to_be_sent_later_is_sent_at_its_time_in_order() -> None:
    pace = Pace(Ticking(10**9), VenueTime(START_MS, 100.0, real_ms), lambda: None, may_slip=True)
    called: list[tuple[str, int]] = []

    async def later() -> None:
        for name, delay_ms in (("c", 3_000), ("a", 1_000), ("b", 1_000)):
            due_ms = START_MS + delay_ms
            pace.at(due_ms, lambda name=name: called.append((name, pace.reached_ms)))  # type: ignore[misc]
        await pace.until(START_MS + 3_000)

    asyncio.run(run(pace, later))
    assert [name for name, _ in called] == ["a", "b", "c"]
    assert all(
        at_ms >= START_MS + due_ms
        for (_, at_ms), due_ms in zip(called, (1_000, 1_000, 3_000), strict=True)
    )
