"""The state file: what was acknowledged is there after any kill, and what is wrong is named."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import apsw
import httpx
import pytest

from core.clock import ManualClock, sleep_s
from core.errors import HaltError, InputError, RefusedError
from core.market.synthetic import MarketSpec
from sidecar.emulator.exchange.requests import Envelope, Fund, Noop
from sidecar.emulator.gateway.messages import HttpReply
from sidecar.emulator.host import Host
from sidecar.emulator.keeper import Keeper, Snapshot, open_keeper
from sidecar.emulator.markets import MarketOptions
from sidecar.emulator.opening import EmulatorOptions, open_venue
from sidecar.emulator.pace import VenueTime
from sidecar.emulator.planes import fault_of
from sidecar.emulator.wire.signatures import sign_l1
from tests.commands import make_store
from tests.emulator_process import KEY, USER, Emulator, command, emulator, order

MARKET = {"kind": "synthetic", "start_ms": 5}
SNAPSHOT = Snapshot(now_ms=5, state=b"state", tape=b"{}", plane=b"plane", code="c0de")
NOOP = Envelope(Noop(USER), USER, 7)


def write(path: Path, inputs: int) -> None:
    """A state file with a snapshot and so many inputs."""
    with open_keeper(path) as keeper:
        keeper.begin(MARKET, SNAPSHOT)
        for count in range(inputs):
            keeper.note(10 + count, Fund(USER, count) if count % 2 else NOOP)
        keeper.reserve(1_000)


def changed(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def test_snapshot_inputs_and_reserved_time_come_back(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write(path, inputs=3)

    with open_keeper(path) as keeper:
        kept = keeper.load()
        assert keeper.identity() == MARKET
        assert kept.snapshot == SNAPSHOT
        assert kept.inputs == [(10, NOOP), (11, Fund(USER, 1)), (12, NOOP)]
        assert kept.until_ms == 1_000
        keeper.note(20, NOOP)
        assert len(keeper.load().inputs) == 4
        keeper.save(Snapshot(2_000, b"later", b"{}", b"", "c0de"))
    with open_keeper(path) as keeper:
        assert keeper.load().inputs == []
        assert keeper.load().snapshot.state == b"later"
        assert keeper.load().until_ms == 2_000


def test_a_file_is_no_larger_than_what_it_keeps(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with open_keeper(path) as keeper:
        keeper.begin(MARKET, SNAPSHOT)
        for count in range(5):
            for _ in range(1_000):
                keeper.note(10, NOOP)
            keeper.save(replace(SNAPSHOT, state=bytes(1_000_000 + 1_000 * count)))

    assert path.stat().st_size < 1_400_000
    assert [one.name for one in tmp_path.iterdir() if one.suffix != ".lock"] == ["state"]


def test_a_second_one_is_told_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with (
        open_keeper(path),
        pytest.raises(RefusedError, match=f"state is in use by process {os.getpid()}"),
    ):
        open_keeper(path).__enter__()


@pytest.mark.parametrize(
    ("statement", "error", "words"),
    [
        ("UPDATE snapshot SET state = x'00'", HaltError, "snapshot is not as it was written"),
        ("UPDATE snapshot SET now_ms = 6", HaltError, "snapshot is not as it was written"),
        ("UPDATE plane SET data = x'00'", HaltError, "faults are not as they were written"),
        ("DELETE FROM plane", HaltError, "faults are not as they were written"),
        ("DELETE FROM snapshot", HaltError, "it has no snapshot"),
        ("UPDATE journal SET now_ms = 9 WHERE seq = 2", HaltError, "input 2 is not as it was"),
        ("UPDATE journal SET input = x'91' WHERE seq = 3", HaltError, "input 3 is not as it was"),
        ("DELETE FROM journal WHERE seq = 1", HaltError, "input 1 is not as it was written"),
        ("UPDATE meta SET value = '9' WHERE key = 'schema_version'", InputError, "version 9"),
        ("UPDATE meta SET value = 'x' WHERE key = 'kind'", InputError, "no emulator's state"),
        ("DROP TABLE meta", InputError, "no emulator's state"),
    ],
)
def test_a_changed_file_is_named(
    tmp_path: Path, statement: str, error: type[Exception], words: str
) -> None:
    path = tmp_path / "state"
    write(path, inputs=4)
    changed(path, statement)

    with pytest.raises(error, match=words), open_keeper(path) as keeper:
        keeper.load()


def test_what_is_no_database_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"noise " * 4_000)

    with pytest.raises(InputError, match="the state file is damaged") as caught:
        open_keeper(tmp_path / "state").__enter__()

    assert "--state another file" in caught.value.lines()[2]


def test_an_input_that_cannot_be_written_is_an_error_before_it_takes_effect(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state"
    with open_keeper(path) as keeper:
        keeper.begin(MARKET, SNAPSHOT)
        pages = int(keeper._connection.execute("PRAGMA page_count").get)
        keeper._connection.execute(f"PRAGMA max_page_count={pages}").fetchall()

        with pytest.raises(InputError, match="cannot be read or written"):
            fill(keeper)
        noted = keeper.input_count
        keeper._connection.execute("PRAGMA max_page_count=100000").fetchall()
        keeper.note(10, NOOP)
        assert [request for _, request in keeper.load().inputs][noted:] == [NOOP]


def fill(keeper: Keeper) -> None:
    for count in range(2_000):
        keeper.note(10 + count, NOOP)


def test_an_action_is_refused_while_the_disk_is_full(tmp_path: Path) -> None:
    market = MarketOptions(symbol_count=3, start="2026-01-01")
    options = EmulatorOptions(market, speed=0.0, fund=(f"{USER}=10000",), limits_on=False)
    notes: list[str] = []
    with open_keeper(tmp_path / "state") as keeper:
        opened = open_venue(options, keeper, ManualClock(0), notes.append)
        gateway = opened.gateway
        host = Host(gateway, VenueTime(gateway.now_ms, 0.0, float), notes.append, may_slip=True)
        gateway.on_input = keeper.note
        action = order(0, "50000", "0.01")
        signed = {"action": action, "nonce": gateway.now_ms}
        signed["signature"] = sign_l1(action, KEY, gateway.now_ms)
        body = json.dumps(signed).encode()
        pages = int(keeper._connection.execute("PRAGMA page_count").get)
        keeper._connection.execute(f"PRAGMA max_page_count={pages}").fetchall()
        with pytest.raises(InputError):
            fill(keeper)

        replies = [asyncio.run(answer(host, body)) for _ in range(2)]
        assert [reply.status for reply in replies] == [503, 503]
        assert b"Not accepted" in replies[0].body
        assert gateway.state.accounts[USER].open_oids == []
        assert len(notes) == 1

        keeper._connection.execute("PRAGMA max_page_count=100000").fetchall()
        reply = asyncio.run(answer(host, body))
        assert (reply.status, b"resting" in reply.body) == (200, True)


async def answer(host: Host, body: bytes) -> HttpReply:
    return await host.post("127.0.0.1", "POST", "/exchange", "application/json", body)


def started(path: Path, *options: str) -> tuple[str, ...]:
    return ("--state", str(path), "--no-limits", "--fund", f"{USER}=1000000", *options)


def stream_orders(venue: Emulator, acked: list[str], number: int) -> None:
    """Send orders until the venue is gone; what it acknowledged is noted."""
    for count in range(100_000):
        cloid = f"0x{number:016x}{count:016x}"
        # Few rest: the venue keeps at most a thousand of them.
        px, tif = ("50000", "Gtc") if count % 16 == 0 else ("200000", "Ioc")
        try:
            reply = venue.act(order(0, px, "0.001", cloid=cloid, tif=tif)).json()
        except httpx.HTTPError:
            return
        status = reply["response"]["data"]["statuses"][0]
        assert "error" not in status, status
        acked.append(cloid)


def kill_in_a_stream(path: Path, acked: list[str], number: int, after_s: float) -> None:
    """Kill the venue amid a stream of orders; before that, look at what earlier kills left."""
    with emulator(*started(path)) as venue:
        check(venue, acked)
        stream = threading.Thread(target=stream_orders, args=(venue, acked, number))
        stream.start()
        sleep_s(after_s)
        venue.process.send_signal(signal.SIGKILL)
        stream.join()


def check(venue: Emulator, acked: list[str]) -> None:
    """Every acknowledged order is there, and no money is missing."""
    if not acked:
        return
    truth = venue.truth()
    known = {one["cloid"] for one in (*truth["open_orders"], *truth["ended_orders"])}
    known |= {fill["cloid"] for fill in truth["fills"]}
    assert [cloid for cloid in acked if cloid not in known] == []
    assert venue.control("GET", "/audit") == {"missing_micros": 0}


def kills(path: Path, count: int, seed: int) -> int:
    """How many orders were acknowledged over so many kills; each of them is looked for."""
    chance = random.Random(seed)
    acked: list[str] = []
    for number in range(count):
        before = len(acked)
        kill_in_a_stream(path, acked, number, chance.uniform(0.1, 0.5))
        assert len(acked) > before
    with emulator(*started(path)) as venue:
        check(venue, acked)
        assert venue.stop() == 143
    with emulator(*started(path)) as venue:
        check(venue, acked)
    return len(acked)


def test_every_acknowledged_order_is_there_after_kills(tmp_path: Path) -> None:
    assert kills(tmp_path / "state", count=3, seed=1) > 30


@pytest.mark.proof
def test_every_acknowledged_order_is_there_after_thirty_kills(tmp_path: Path) -> None:
    assert kills(tmp_path / "state", count=30, seed=2) > 300


def test_a_recovered_venue_is_the_one_that_was_killed(tmp_path: Path) -> None:
    """A stepped venue has no time of its own, so both stand at the same instant."""
    path = tmp_path / "state"
    with emulator(*started(path, "--stepped", "--start", "2026-01-01")) as venue:
        for count in range(20):
            venue.act(order(count % 2, "2500" if count % 2 else "50000", "0.1"))
            venue.control("POST", "/clock/advance", {"ms": 30_000})
        venue.act(order(0, "200000", "0.01", tif="Ioc"))
        venue.control("POST", "/clock/advance", {"ms": 600_000})
        venue.control("POST", "/clock/advance", {"ms": 1_000})
        digest, clock = venue.control("GET", "/state"), venue.control("GET", "/clock")
        truth = venue.truth()
        venue.process.kill()
        venue.process.wait()

    with emulator(*started(path, "--stepped")) as venue:
        assert venue.truth() == truth
        assert venue.control("GET", "/clock")["now_ms"] == clock["now_ms"]
        assert venue.control("GET", "/state")["sha256"] == digest["sha256"]


def test_what_faults_did_is_neither_lost_nor_done_twice_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state"
    transfer = {"fault": "transfer", "user": USER, "after_s": 10}
    halt = {"fault": "halt", "coin": "BTC", "after_s": 10, "for_s": 60}
    with emulator(*started(path, "--stepped", "--start", "2026-01-01")) as venue:
        venue.control("POST", "/faults", {"faults": [halt, transfer]})
        venue.control("POST", "/clock/advance", {"ms": 20_000})
        assert "halted" in str(venue.act(order(0, "50000", "0.01")).json())
        venue.process.kill()
        venue.process.wait()

    with emulator(*started(path, "--stepped")) as venue:
        venue.control("POST", "/clock/advance", {"ms": 1})
        assert "halted" in str(venue.act(order(0, "50000", "0.01")).json())
        assert venue.truth()["cash_micros"] == 1_001_000_000_000
        venue.control("POST", "/clock/advance", {"ms": 60_000})
        assert "resting" in str(venue.act(order(0, "50000", "0.01")).json())


def refused(*options: str) -> tuple[int, str]:
    """(exit code, stderr) of an emulator that does not start."""
    done = subprocess.run(
        command(*options), capture_output=True, text=True, timeout=30, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_a_second_emulator_is_refused_and_time_does_not_run_back_over_a_kill(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state"
    with emulator(*started(path, "--speed", "1000", "--start", "2026-01-01")) as venue:
        code, said = refused(*started(path))
        seen_ms = venue.control("GET", "/clock")["now_ms"]
        venue.process.kill()
        venue.process.wait()
    assert code == 1
    assert f"the state file state is in use by process {venue.process.pid}" in said

    with emulator(*started(path, "--speed", "1000")) as venue:
        assert venue.ready["now_ms"] >= seen_ms
        assert venue.ready["now_ms"] < seen_ms + 10_000_000


def options_of(state: Path, **market: object) -> EmulatorOptions:
    chosen = MarketOptions(symbol_count=3, **market)  # type: ignore[arg-type]
    return EmulatorOptions(chosen, speed=0.0, state=state, fund=(f"{USER}=1000",))


def opened_with(path: Path, options: EmulatorOptions) -> list[str]:
    """What is said while a venue is opened on a state file."""
    notes: list[str] = []
    with open_keeper(path) as keeper:
        open_venue(options, keeper, ManualClock(1_780_000_000_000), notes.append)
    return notes


def test_a_venue_over_a_store_goes_on_over_the_same_store_alone(tmp_path: Path) -> None:
    path = tmp_path / "state"
    for seed in (3, 4):
        spec = MarketSpec(seed=seed, symbol_count=6, bar_count=300)
        make_store(tmp_path / f"stores{seed}", spec)
    three, four = tmp_path / "stores3", tmp_path / "stores4"

    assert opened_with(path, options_of(path, store=three, rebase=True)) == []
    (said,) = opened_with(path, options_of(path, store=three, rebase=True))
    assert said.startswith(f"resumed {path} at 2026-")
    of_another_seed = {"store": three, "rebase": True, "seed": 2}
    for other in ({"store": four, "rebase": True}, {"store": three}, {}, of_another_seed):
        with pytest.raises(InputError, match="the state file"):
            opened_with(path, options_of(path, **other))
    assert opened_with(path, options_of(path, store=three, rebase=True)) == [said]


def test_a_file_is_of_one_made_up_market(tmp_path: Path) -> None:
    path = tmp_path / "state"
    opened_with(path, options_of(path, seed=1))

    with pytest.raises(InputError, match="another market: seed was 1, and is 2 now"):
        opened_with(path, options_of(path, seed=2))
    with pytest.raises(InputError, match="--start is 2020-01-01"):
        opened_with(path, options_of(path, seed=1, start="2020-01-01"))


def test_money_of_the_command_line_comes_once(tmp_path: Path) -> None:
    path = tmp_path / "state"
    options = options_of(path, start="2026-01-01")
    for _ in range(2):
        opened_with(path, options)
    more = replace(options, fund=(f"{USER}=1000", f"0x{'4' * 40}=5"))

    with open_keeper(path) as keeper:
        state = open_venue(more, keeper, ManualClock(0), [].append).gateway.state

    assert state.accounts[USER].cash_micros == 1_000_000_000
    assert state.accounts[f"0x{'4' * 40}"].cash_micros == 5_000_000


def test_a_fault_that_fell_due_after_the_last_input_acts_on_the_way(tmp_path: Path) -> None:
    path = tmp_path / "state"
    options = options_of(path, start="2026-01-01")
    with open_keeper(path) as keeper:
        opened = open_venue(options, keeper, ManualClock(0), [].append)
        transfer = fault_of({"fault": "transfer", "user": USER, "after_s": 10})
        opened.gateway.plane.add(transfer, opened.gateway.now_ms)
        keeper.save(opened.snapshot())
        keeper.reserve(opened.gateway.now_ms + 20_000)

    for _ in range(2):
        with open_keeper(path) as keeper:
            state = open_venue(options, keeper, ManualClock(0), [].append).gateway.state
        assert state.accounts[USER].cash_micros == 2_000_000_000


def test_inputs_of_another_build_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    options = options_of(path, start="2026-01-01")
    opened_with(path, options)
    with open_keeper(path) as keeper:
        kept = keeper.load().snapshot
        keeper.save(replace(kept, code="another"))
        keeper.note(kept.now_ms + 1, Fund(USER, 5))

    with pytest.raises(InputError, match="1 inputs that another perpkit took"):
        opened_with(path, options)
    with open_keeper(path) as keeper:
        keeper.save(replace(kept, code="another"))
    assert len(opened_with(path, options)) == 1
