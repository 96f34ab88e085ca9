"""What is in a lane passed its gates, and is whole whenever the command is killed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import HaltError, InputError, RefusedError, UsageError
from core.lanes import lane_of
from core.lock import hold
from pipelines.deploy import DeployResult, run
from tests.deployments import (
    LANE,
    Judged,
    deploy_request,
    events,
    forged,
    held,
    judged,
    rollback_request,
)

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def items(tmp_path: Path) -> dict[str, Judged]:
    return {
        name: judged(tmp_path / "judged", name, stop_loss_atr=stop)
        for name, stop in (("first", 1.0), ("second", 2.0), ("third", 3.0))
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def deploy(root: Path, item: Judged, **changes: object) -> DeployResult:
    request = replace(deploy_request(root, item), **changes)  # type: ignore[arg-type]
    return run(request, SystemClock(), lambda _: None)


def rollback(root: Path) -> DeployResult:
    return run(rollback_request(root), SystemClock(), lambda _: None)


def test_a_deployed_file_is_the_judged_one_byte_for_byte(
    root: Path, items: dict[str, Judged]
) -> None:
    result = deploy(root, items["first"], reason="why not")

    assert result.strategy == root / "lanes" / LANE / "strategy.yaml"
    assert result.strategy.read_bytes() == items["first"].config.read_bytes()
    assert result.changed
    assert result.before_config_id is None
    event = events(root)[0]
    assert (event.by, event.reason, event.action) == ("ann", "why not", "deploy")
    assert event.after_config_id == items["first"].config_id
    assert (
        event.gate_report_hash == json.loads(items["first"].gate_report.read_text())["content_hash"]
    )


def test_an_event_says_that_the_bars_were_made_up(root: Path, items: dict[str, Judged]) -> None:
    deploy(root, items["first"])
    deploy(root, items["second"])

    back = rollback(root)

    assert back.event is not None
    assert json.loads(back.event.read_text())["synthetic"] is True


def test_deploying_what_is_there_changes_nothing_and_logs_nothing(
    root: Path, items: dict[str, Judged]
) -> None:
    deploy(root, items["first"])
    deploy(root, items["second"])

    again = deploy(root, items["second"])

    assert not again.changed
    assert again.event is None
    assert held(root, items) == {"strategy": "second", "previous": "first"}
    assert len(events(root)) == 2


def test_a_rollback_swaps_the_present_one_and_the_one_before(
    root: Path, items: dict[str, Judged]
) -> None:
    deploy(root, items["first"])
    deploy(root, items["second"])

    rollback(root)

    assert held(root, items) == {"strategy": "first", "previous": "second"}
    rollback(root)
    assert held(root, items) == {"strategy": "second", "previous": "first"}
    first_report = json.loads(items["first"].gate_report.read_text())["content_hash"]
    assert [event.action for event in events(root)] == ["deploy", "deploy", "rollback", "rollback"]
    assert events(root)[2].gate_report_hash == first_report


def test_there_is_nothing_to_roll_back_to_at_first(root: Path, items: dict[str, Judged]) -> None:
    with pytest.raises(RefusedError, match="nothing to roll back to"):
        rollback(root)
    assert not root.exists()

    deploy(root, items["first"])

    with pytest.raises(RefusedError, match="nothing to roll back to"):
        rollback(root)


def test_lanes_do_not_touch_each_other(root: Path, items: dict[str, Judged]) -> None:
    deploy(root, items["first"])
    deploy(root, items["second"], lane="live")

    assert held(root, items) == {"strategy": "first", "previous": "none"}


def test_a_dry_run_says_what_would_change_and_leaves_no_trace(
    root: Path, items: dict[str, Judged]
) -> None:
    deploy(root, items["first"])
    before = sorted(root.rglob("*"))

    would = deploy(root, items["second"], dry_run=True)

    assert would.changed
    assert (would.before_config_id, would.after_config_id) == (
        items["first"].config_id,
        items["second"].config_id,
    )
    assert sorted(root.rglob("*")) == before
    assert held(root, items)["strategy"] == "first"


def tampered(item: Judged) -> Path:
    copy = item.gate_report.with_name("tampered.json")
    copy.write_text(item.gate_report.read_text().replace('"value": 40', '"value": 41'))
    return copy


def refused(root: Path, items: dict[str, Judged], case: str) -> Judged:
    """The first item with something wrong about its report or its file."""
    item = items["first"]
    if case == "no report":
        return replace(item, gate_report=None)  # type: ignore[arg-type]
    if case == "refusing report":
        return judged(root.parent / "bad", "bad", stop_loss_atr=1.0, passed=False)
    if case == "report of another":
        return replace(item, gate_report=items["second"].gate_report)
    if case == "report changed by hand":
        return replace(item, gate_report=tampered(item))
    if case == "report of other rules":
        return replace(item, gate_report=forged(item.gate_report, kernel_id="0" * 64))
    if case == "another kind of artifact":
        deploy(root.parent / "elsewhere", item)
        (event,) = (root.parent / "elsewhere").rglob("logs/*.json")
        return replace(item, gate_report=event)
    text = item.config.read_text() + "live: {trade: {stop_loss_atr: 9.0}}\n"
    item.config.write_text(text)
    return item


@pytest.mark.parametrize(
    ("case", "what"),
    [
        ("no report", "without a passing gate report"),
        ("refusing report", "refuses this configuration: position_count"),
        ("report of another", "about another configuration"),
        ("report changed by hand", "content hash does not match"),
        ("report of other rules", "other decision rules"),
        ("another kind of artifact", "not a gate-report"),
        ("live section", "live section changes values that no gate has judged"),
    ],
)
def test_nothing_is_deployed_without_a_passing_report_that_fits(
    root: Path, items: dict[str, Judged], case: str, what: str
) -> None:
    with pytest.raises(RefusedError, match=what) as caught:
        deploy(root, refused(root, items, case))

    assert caught.value.exit_code == 1
    assert caught.value.at
    assert caught.value.hint
    assert not root.exists()


def test_a_report_that_is_not_there_is_an_input_error(root: Path, items: dict[str, Judged]) -> None:
    with pytest.raises(InputError, match="no such gate report"):
        deploy(root, replace(items["first"], gate_report=root / "none.json"))


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "A", "-x", "a" * 41, "lane ", "é"])
def test_a_lane_name_is_never_a_path(root: Path, items: dict[str, Judged], name: str) -> None:
    with pytest.raises(UsageError, match="no lane name"):
        deploy(root, items["first"], lane=name)


def test_a_request_that_contradicts_itself_is_refused(root: Path, items: dict[str, Judged]) -> None:
    with pytest.raises(UsageError, match="no configuration"):
        deploy(root, items["first"], config=None)
    with pytest.raises(UsageError, match="a rollback takes no configuration"):
        deploy(root, items["first"], rollback=True)


def test_two_commands_do_not_change_one_lane_at_once(root: Path, items: dict[str, Judged]) -> None:
    deploy(root, items["first"])

    with hold(lane_of(root, LANE).lock), pytest.raises(RefusedError, match="lane paper is in use"):
        deploy(root, items["second"])

    assert held(root, items) == {"strategy": "first", "previous": "none"}
    assert deploy(root, items["second"]).changed


def test_a_deployed_file_broken_by_hand_can_be_replaced(
    root: Path, items: dict[str, Judged]
) -> None:
    deploy(root, items["first"])
    (root / "lanes" / LANE / "strategy.yaml").write_text("no: [strategy")

    result = deploy(root, items["second"])

    assert result.before_config_id is None
    assert held(root, items) == {"strategy": "second", "previous": "torn"}


@pytest.mark.parametrize("text", ["{", '{"event": {}}'])
def test_a_change_that_cannot_be_understood_needs_a_person(
    root: Path, items: dict[str, Judged], text: str
) -> None:
    deploy(root, items["first"])
    lane_of(root, LANE).change.write_text(text)

    with pytest.raises(HaltError, match="needs a person"):
        deploy(root, items["second"])

    assert held(root, items)["strategy"] == "first"


KillLine = dict[str, object]


def kill_lines(folder: Path, action: str, count: int = 0) -> list[KillLine]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.deployments", str(folder), action, str(count)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_whole(line: KillLine, action: str) -> bool:
    """Check that the lane held the old or the new file throughout; True if it was the new one."""
    after, after_previous = ("third", "second") if action == "deploy" else ("first", "second")
    old = {"strategy": "second", "previous": "first"}
    new = {"strategy": after, "previous": after_previous}
    killed, settled = line["killed"], line["settled"]
    assert isinstance(killed, dict)
    assert killed["strategy"] in ("second", after), line
    assert killed["previous"] in ("first", after_previous), line
    happened = killed["strategy"] == after
    assert settled == (new if happened else old), line
    assert line["logged"] == ["first", "second", *([after] if happened else [])], line
    left = line["left"]
    assert isinstance(left, list)
    assert [name for name in left if not name.endswith(".tmp")] == [
        ".lock",
        "previous.yaml",
        "strategy.yaml",
    ]
    return happened


@pytest.mark.parametrize("action", ["deploy", "rollback"])
def test_killed_before_any_file_operation_the_lane_is_whole(tmp_path: Path, action: str) -> None:
    lines = kill_lines(tmp_path, action)

    happened = [assert_whole(line, action) for line in lines]

    assert len(lines) > 25
    assert [line["ended"] for line in lines] == [False] * (len(lines) - 1) + [True]
    assert happened == sorted(happened)
    assert 8 < happened.index(True) < len(lines) - 8


@pytest.mark.proof
@pytest.mark.parametrize("action", ["deploy", "rollback"])
def test_killed_at_any_instant_the_lane_is_whole(tmp_path: Path, action: str) -> None:
    lines = kill_lines(tmp_path, action, 500)

    happened = [assert_whole(line, action) for line in lines]

    assert 0 < sum(happened) < len(lines)


def test_a_file_that_was_put_there_by_hand_is_not_rolled_back_to(
    root: Path, items: dict[str, Judged]
) -> None:
    deploy(root, items["first"])
    held_now = root / "lanes" / LANE / "strategy.yaml"
    held_now.write_text(
        re.sub("stop_loss_atr: [0-9.]+", "stop_loss_atr: 9.9", held_now.read_text())
    )
    deploy(root, items["second"])

    with pytest.raises(RefusedError, match="was never judged"):
        rollback(root)

    assert held_now.read_bytes() == items["second"].config.read_bytes()
