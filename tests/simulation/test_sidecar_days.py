"""Days of the sidecar: whatever goes wrong, its stores and logs are the venue's truth afterwards.

A day of `make test` has half an hour of dense faults, since a simulated hour takes two and a half
seconds of CPU; `make proof` has 500 of these, and three of 24 hours.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from tests.simulation.schedule import Trouble
from tests.simulation.sidecar_scenario import Plan, drawn_plan, shrunk_plan, simulated
from tests.simulation.sidecar_schedule import DAY
from tests.simulation.world import Outcome

SEEDS = range(1, 21)
HOURS = 0.5
PROOF_SEEDS = range(1_000, 1_500)
WHOLE_DAYS = range(2_000, 2_003)
REACHED = (
    "a bar was told",
    "a client came again",
    "a client died",
    "a revision was told",
    "not ready",
    "ready",
    "the reader acknowledged",
    "the reader went on from its cursor",
    "the slow client read",
)
CALM = Plan(77, horizon_ms=900_000, symbols=3, tick_ms=15_000)
KILL = Trouble(700_000, "process.kill", {"down_ms": 1_000, "who": 0.0})
JUMP = Trouble(150_000, "clock.jump", {"by_ms": 7_200_000})
CUT = Trouble(30_000, "net.cut", {})
MISSED = Trouble(60_000, "venue.drop_user", {"for_ms": 800_000, "chance": 1.0})
DEAF = Trouble(600_000, "net.hang", {"for_ms": 240_000, "chance": 1.0})


@pytest.fixture(scope="module")
def outcomes() -> dict[int, Outcome]:
    """Every seed's day."""
    return {seed: simulated(drawn_plan(seed, HOURS)) for seed in SEEDS}


def violations(outcomes: dict[int, Outcome]) -> dict[int, list[str]]:
    return {seed: one.violations for seed, one in outcomes.items() if one.violations}


def test_afterwards_stores_and_logs_are_the_truth(outcomes: dict[int, Outcome]) -> None:
    assert violations(outcomes) == {}


def test_every_kind_of_trouble_has_an_effect(outcomes: dict[int, Outcome]) -> None:
    effects: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for one in outcomes.values():
        effects.update(one.effects)
        reached.update(one.sometimes)

    assert [kind for kind in DAY if not effects[kind]] == []
    assert [words for words in REACHED if not reached[words]] == []


def test_the_same_seed_is_the_same_day(outcomes: dict[int, Outcome]) -> None:
    assert simulated(drawn_plan(3, HOURS)) == outcomes[3]


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    assert simulated(replace(CALM, schedule=(JUMP, KILL))).violations == []


@pytest.mark.parametrize(
    ("planted", "trouble", "words"),
    [("forgetful", MISSED, "events: fill"), ("blind", DEAF, "fresh")],
)
def test_a_fault_planted_in_the_daemon_is_found(planted: str, trouble: Trouble, words: str) -> None:
    plan = replace(CALM, schedule=(CUT, trouble))

    found = simulated(plan, planted).violations

    assert any(violation.startswith(words) for violation in found)
    assert shrunk_plan(plan, planted).schedule == (trouble,)
    assert simulated(plan).violations == []


@pytest.mark.proof
def test_many_days() -> None:
    assert violations({seed: simulated(drawn_plan(seed, HOURS)) for seed in PROOF_SEEDS}) == {}


@pytest.mark.proof
def test_days_of_24_hours() -> None:
    assert violations({seed: simulated(drawn_plan(seed, 24.0)) for seed in WHOLE_DAYS}) == {}
