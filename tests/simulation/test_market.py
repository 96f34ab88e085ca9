"""The market-data sidecar against the venue's truth: faults, kills, silence and bad disks."""

from __future__ import annotations

import random
from typing import Any

import apsw
import pytest

from schemas.fault_schedule import FaultSpec
from sidecar.market.desired import Interest
from tests.simulation.market_scene import (
    bars_differ,
    settings,
    sidecar,
    stored_events,
)
from tests.simulation.schedule import draw
from tests.simulation.small_client import USER, program
from tests.simulation.world import START_MS, Outcome, Plan, Process, World

MINUTE_MS = 60_000
SYMBOLS = ("BTC", "ETH", "SOL")
CHANNELS = ("bbo", "trades", "activeAssetCtx")


class Scene:
    """A world with a sidecar, and a trader whose events it keeps."""

    def __init__(self, plan: Plan, *, trades: bool = True, **changes: Any) -> None:
        self.world = World(plan)
        self.world.fund(USER, 100_000)
        self.seen: list[Any] = []
        if trades:
            until_ms = START_MS + plan.horizon_ms
            self.world.add("small", program(self.world.reached, until_ms))
        interest = Interest(SYMBOLS, ("1m",), 100, CHANNELS, (USER,))
        self.process: Process = self.world.add(
            "sidecar", sidecar(settings(interest, **changes), self.seen)
        )

    def at(self, at_ms: int, work: Any) -> None:
        self.world.net.at(at_ms, work)

    @property
    def service(self) -> Any:
        return self.seen[-1][1]

    def run(self) -> Outcome:
        return self.world.run(self.examine)

    def examine(self, world: World) -> list[str]:
        """What the stores lack, have twice or have wrong."""
        out = bars_differ(world, self.process, SYMBOLS)
        account = world.gateway.state.accounts[USER]
        found = stored_events(self.process)
        for kind, true in (
            ("fill", account.fills),
            ("funding", account.funding),
            ("ledger", account.ledger),
        ):
            count = sum(each == kind for _, each, _ in found)
            out += [f"{count} of {len(true)} {kind} events"] if count != len(true) else []
        ended = {str(oid) for oid in [*account.ended, *account.open_oids]}
        known = {key.partition(":")[0] for _, kind, key in found if kind == "order"}
        out += [f"orders {sorted(ended - known)[:3]} are missing"] if ended - known else []
        cursors = [cursor for cursor, _, _ in found]
        out += ["a cursor twice"] if len(set(cursors)) != len(cursors) else []
        return out


def faulty(seed: int, horizon_ms: int) -> Plan:
    schedule = tuple(draw(random.Random(f"{seed} market"), horizon_ms, 60.0))
    return Plan(seed, horizon_ms=horizon_ms, heal_ms=120_000, schedule=schedule)


@pytest.mark.parametrize("seed", [3])
def test_after_faults_and_kills_the_stores_are_the_venue_s(seed: int) -> None:
    scene = Scene(faulty(seed, 30 * MINUTE_MS))

    outcome = scene.run()

    assert outcome.violations == []
    assert sum(outcome.effects.values()) > 0


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 120))
def test_two_hours_of_faults_leave_no_trace(seed: int) -> None:
    assert Scene(faulty(seed, 120 * MINUTE_MS)).run().violations == []


def test_a_bar_that_is_not_the_venue_s_is_seen() -> None:
    scene = Scene(Plan(1, horizon_ms=4 * MINUTE_MS))
    truth = scene.examine

    def spoiled(world: World) -> list[str]:
        files = scene.process.disk.files
        connection = scene.process.disk.copy().open("candles_1m.sqlite")
        assert files
        assert connection.execute("SELECT count(*) FROM candles").fetchall()[0][0]
        world.gateway.state.coins["BTC"].size_decimals -= 1
        return truth(world)

    assert any("wrong" in each for each in scene.world.run(spoiled).violations)


def test_a_break_is_followed_by_all_subscriptions_again() -> None:
    scene = Scene(Plan(2, horizon_ms=6 * MINUTE_MS))
    counts: list[int] = []

    def topics() -> None:
        sessions = scene.service.health()["streams"]
        counts.append(sum(s["topics"] - s["unconfirmed"] for s in sessions if s["connected"]))

    scene.at(2 * MINUTE_MS, topics)
    scene.at(2 * MINUTE_MS + 100, lambda: scene.world.net.cut_streams())
    scene.at(2 * MINUTE_MS + 10_000, topics)

    assert scene.run().violations == []
    assert counts[0] == counts[1] > 0
    assert all(stream["breaks"] == 1 for stream in scene.service.health()["streams"])


@pytest.mark.parametrize("channel", ["candle", "bbo", "userFills", "orderUpdates"])
def test_a_mute_stream_is_missed_and_costs_nothing(channel: str) -> None:
    scene = Scene(Plan(3, horizon_ms=12 * MINUTE_MS))
    fault = FaultSpec.model_validate({"fault": "mute_sub", "for_s": 240.0, "channel": channel})
    scene.at(2 * MINUTE_MS, lambda: scene.world.plane.add(fault, scene.world.net.now_ms()))

    outcome = scene.run()

    assert outcome.violations == []
    assert outcome.effects["venue.mute_sub"] > 0
    if channel in ("candle", "bbo"):
        assert scene.service.stats()["links"].get("resubscribe", 0) > 0
    assert scene.service.health()["ok"], scene.service.health()["reasons"]


@pytest.mark.parametrize("kind", ["empty", "garble", "swap", "gap", "wrong_iv", "outage"])
def test_a_venue_that_answers_wrong_for_minutes_costs_nothing(kind: str) -> None:
    scene = Scene(Plan(3, horizon_ms=7 * MINUTE_MS))
    fault = FaultSpec.model_validate({"fault": kind, "for_s": 180.0})

    def begin() -> None:
        scene.world.plane.add(fault, scene.world.net.now_ms())
        scene.world.net.flush()

    scene.at(2 * MINUTE_MS + 10_000, begin)

    outcome = scene.run()

    assert outcome.violations == []
    assert outcome.effects[f"venue.{kind}"] > 0
    assert scene.process.exits == []


def test_a_disk_that_is_full_for_minutes_costs_nothing() -> None:
    scene = Scene(Plan(4, horizon_ms=8 * MINUTE_MS))
    health: list[Any] = []
    scene.at(2 * MINUTE_MS, lambda: scene.process.disk.fail("full", 0, 40))
    scene.at(4 * MINUTE_MS, lambda: health.append(scene.service.health()))

    outcome = scene.run()

    assert outcome.violations == []
    assert scene.process.exits == []
    assert scene.process.disk.failed["full"] > 0
    assert scene.service.health()["ok"], scene.service.health()["reasons"]


def test_a_disk_that_takes_nothing_makes_unhealthy_and_is_served_on() -> None:
    scene = Scene(Plan(5, horizon_ms=6 * MINUTE_MS))
    seen: list[Any] = []
    scene.at(2 * MINUTE_MS, lambda: scene.process.disk.fail("full", 0, 10_000))

    def look() -> None:
        health = scene.service.health()
        bars = scene.service.candles("BTC", "1m", 3)["bars"]
        seen.append((health["ok"], health["reasons"], bars[-1]["ts_open_ms"]))

    scene.at(5 * MINUTE_MS, look)
    scene.world.run(lambda world: [])

    is_ok, reasons, newest_ms = seen[0]
    assert not is_ok
    assert any("candles_1m" in reason for reason in reasons)
    assert newest_ms >= START_MS + 3 * MINUTE_MS
    assert scene.process.exits == []


def test_a_clock_that_is_set_ends_no_bar_too_early() -> None:
    scene = Scene(Plan(6, horizon_ms=10 * MINUTE_MS))
    for at_ms, skew_ms in ((2, 3_600_000), (4, -3_600_000), (6, 86_400_000), (7, 900)):
        scene.at(
            at_ms * MINUTE_MS + 20_000,
            lambda skew_ms=skew_ms: setattr(scene.process.clock, "skew_ms", skew_ms),
        )

    assert scene.run().violations == []
    assert scene.service.stats()["bars"].get("revised", 0) == 0
    assert scene.service.stats()["clock_jumps"] >= 3


def test_cursor_and_acknowledgement_outlive_a_power_cut() -> None:
    scene = Scene(Plan(8, horizon_ms=8 * MINUTE_MS))
    acked: list[int] = []

    def ack() -> None:
        events = scene.service.user_events(USER, 0, 1_000)
        acked.append(scene.service.ack("trader", USER, events[-1].cursor))
        scene.process.kill("none")

    scene.at(4 * MINUTE_MS, ack)
    after: list[Any] = []

    def examine(world: World) -> list[str]:
        after.append(scene.service.acked("trader", USER))
        after.append([event.cursor for event in scene.service.user_events(USER, acked[0], 1_000)])
        return scene.examine(world)

    assert scene.world.run(examine).violations == []
    assert after[0] == acked[0] > 0
    assert after[1]
    assert all(cursor > acked[0] for cursor in after[1])


def test_a_store_with_a_newer_schema_is_refused() -> None:
    scene = Scene(Plan(9, horizon_ms=MINUTE_MS), trades=False)
    connection: apsw.Connection = scene.process.disk.open("user_events.sqlite")
    connection.execute("PRAGMA user_version=99")
    connection.close()

    scene.world.run(lambda world: [])

    assert "schema version 99" in scene.process.exits[0]
