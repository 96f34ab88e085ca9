"""A schedule as a person writes it: what is read, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import InputError
from core.yaml_file import read_model, read_yaml_file
from schemas.fault_schedule import FAULTS_MAX, FaultSchedule, FaultSpec
from sidecar.emulator.faults.making import active_of
from sidecar.emulator.faults.plane import Plane

HEAD = "kind: fault-schedule\nversion: 1\nfaults:\n"
EXAMPLE = Path(__file__).resolve().parents[5] / "config/faults.example.yaml"
NOW_MS = 1_700_000_000_000


def read(tmp_path: Path, text: str) -> FaultSchedule:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return read_model(read_yaml_file(path), FaultSchedule)


def test_the_example_is_read_and_every_fault_of_it_can_be_put_in_force() -> None:
    schedule = read_model(read_yaml_file(EXAMPLE), FaultSchedule)
    plane = Plane()

    assert [plane.add(fault, NOW_MS) for fault in schedule.faults] == list(range(1, 8))


def test_a_number_is_a_name_too(tmp_path: Path) -> None:
    schedule = read(tmp_path, HEAD + "  - fault: 429\n  - fault: '429'\n")

    assert [fault.fault for fault in schedule.faults] == ["429", "429"]


@pytest.mark.parametrize(
    ("line", "said", "place"),
    [
        ("fault: lost_aftr", "there is no such fault, the nearest is `lost_after`", "4:12"),
        ("fault: [dup]", "should be a valid string", "4:12"),
        ("{fault: dup, colour: red}", "unknown key `colour`", "4:18"),
        ("{fault: dup, evry: 2}", "the nearest is `every`", "4:18"),
        ("{fault: dup, from_ms: -5}", "greater than or equal to 0, was -5", "4:27"),
        ("{fault: dup, from_ms: soon}", "should be a valid integer, was `soon`", "4:27"),
        ("{fault: dup, from_ms: 9, to_ms: 8}", "to_ms must lie after from_ms, 9, was 8", "4:37"),
        ("{fault: dup, from_ms: 9, after_s: 8}", "either from_ms or after_s", "4:39"),
        ("{fault: dup, to_ms: 9, for_s: 8}", "either to_ms or for_s", "4:35"),
        ("{fault: dup, chance_frac: 0}", "greater than 0", "4:31"),
        ("{fault: dup, chance_frac: 1.5}", "less than or equal to 1", "4:31"),
        ("{fault: dup, count: 0}", "greater than or equal to 1", "4:25"),
        ("{fault: dup, count: 1.5}", "valid integer", "4:25"),
        ("{fault: dup, every_s: 5}", "dup waits for a client", "4:27"),
        ("{fault: dup, status: 500}", "dup takes no status; it has no options", "4:26"),
        ("{fault: outage, code: 1000}", "outage takes no code; it takes status", "4:27"),
        ("{fault: outage, coin: BTC}", "outage meets every coin", "4:27"),
        ("{fault: dup, user: Bob}", "String should match pattern", "4:24"),
        ("{fault: dup, via: proxy}", "dup acts via gateway only", "4:23"),
        ("{fault: cut, via: gateway}", "cut acts via proxy only", "4:23"),
        ("{fault: cut, how: gently}", "how must be one of rst, fin", "4:23"),
        ("{fault: delay, via: proxy, coin: BTC}", "delay via proxy meets every coin", "4:38"),
        ("{fault: delay, direction: up}", "delay takes no direction", "4:31"),
        ("{fault: garble, via: proxy, how: deep}", "one of truncate, noise, utf8", "4:38"),
        ("{fault: reject, reason: tickReject}", "the nearest is `tickRejected`", "4:29"),
        ("{fault: sibling, reason: tickRejected}", "no documented reason", "4:30"),
        ("{fault: outage, status: 200}", "greater than or equal to 500", "4:29"),
        ("{fault: partial, frac: -0.5}", "partial takes a part from 0 to 1", "4:28"),
        ("{fault: external, usd: -5}", "external takes more than 0, was -5.0", "4:28"),
        ("{fault: funding, rate_1h: .nan}", "finite number", "4:31"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_key(
    tmp_path: Path, line: str, said: str, place: str
) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, f"{HEAD}  - {line}\n")

    what, at, hint = refused.value.lines()
    assert said in what
    assert f"faults.yaml:{place}: faults.0" in at
    assert hint.startswith("  next: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a mapping"),
        ("kind: sweep-spec\nversion: 1\n", "kind must be fault-schedule"),
        ("kind: fault-schedule\nversion: 2\nfaults: []\n", "knows version 1"),
        ("kind: fault-schedule\nversion: 1\n", "faults is missing"),
        ("kind: fault-schedule\nversion: 1\nfaults: dup\n", "valid tuple"),
        (HEAD + "  - dup\n", "faults.0"),
        (HEAD + "  - {}\n", "fault is missing"),
        (HEAD + "  - {fault: dup, fault: dup}\n", "duplicate key `fault`"),
    ],
)
def test_files_that_are_no_schedules_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, text)

    assert said in "\n".join(refused.value.lines())


def test_ten_thousand_faults_are_too_many(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path, HEAD + "  - fault: dup\n" * 10_000)

    assert f"at most {FAULTS_MAX} faults, this one 10000" in refused.value.what


def test_no_more_than_so_many_are_in_force_at_once() -> None:
    plane = Plane()
    fault = FaultSpec(fault="dup")
    for _ in range(FAULTS_MAX):
        plane.add(fault, NOW_MS)

    with pytest.raises(InputError, match=f"{FAULTS_MAX} faults in force"):
        plane.add(fault, NOW_MS)


@pytest.mark.parametrize(
    ("keys", "from_ms", "to_ms"),
    [
        ({}, NOW_MS, None),
        ({"after_s": 1.5}, NOW_MS + 1_500, None),
        ({"for_s": 0.0001}, NOW_MS, NOW_MS + 1),
        ({"from_ms": 5, "for_s": 2}, 5, 2_005),
        ({"after_s": 10, "to_ms": NOW_MS + 9}, NOW_MS + 10_000, NOW_MS + 9),
    ],
)
def test_times_count_from_when_a_fault_was_given(
    keys: dict[str, Any], from_ms: int, to_ms: int | None
) -> None:
    active = active_of(FaultSpec(fault="dup", **keys), 1, NOW_MS, frozenset())

    assert (active.from_ms, active.to_ms) == (from_ms, to_ms)


def test_a_stall_ends_by_itself() -> None:
    active = active_of(FaultSpec(fault="stall", delay_ms=900), 1, NOW_MS, frozenset())

    assert active.to_ms == NOW_MS + 900


def test_addresses_are_the_same_in_any_case() -> None:
    assert FaultSpec(fault="dup", user="0x" + "AB" * 20).user == "0x" + "ab" * 20
    with pytest.raises(ValidationError):
        FaultSpec(fault="dup", user="0x" + "AB" * 21)
