"""Runs and artifacts as a person sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli import main
from core.artifacts.manifest import running_command
from core.artifacts.tree import Run, write_artifact
from core.clock import ManualClock
from pipelines.sections import Section, fields, value_text
from schemas.kinds import KINDS
from tests.unit.core.artifacts.probe import Probe

CLOCK = ManualClock(1_767_323_045_678)


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.kinds.KINDS", (*KINDS, Probe))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    with running_command(tmp_path, CLOCK, None, command="probe", argv=["--seed", "7"]) as running:
        path = write_artifact(
            running.run, Probe(number=1.5), name="x", sources=[], synthetic=True, clock=CLOCK
        )
        running.outputs.append(path)
    (running.run.dir / "configs").mkdir()
    (running.run.dir / "configs" / "c.yaml").write_text("trade: {}\n")
    return running.run


def test_a_run_shows_its_commands_and_its_files(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["show", "latest", "--root", str(tmp_path)]) == 0

    out = capsys.readouterr().out
    assert f"run {run.run_id}" in out
    assert "1  probe    2026-01-02T03:04:05Z     0      1  --seed 7" in out
    assert "x.json  probe  number 1.5, word w (synthetic)" in out
    assert "c.yaml  yaml  10 bytes" in out


def test_an_artifact_shows_its_envelope_and_its_fields(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run.path("reports", "x.json")

    assert main.run(["show", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["data"]["artifact"]["body"] == {"number": 1.5, "word": "w"}

    assert main.run(["show", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("probe version 1\n")
    assert "synthetic     yes" in out
    assert "number  1.5" in out


def test_a_broken_artifact_does_not_hide_the_others(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run.path("reports", "y.json").write_text("{")

    assert main.run(["show", run.run_id, "--root", str(tmp_path)]) == 0

    out = capsys.readouterr().out
    assert "x.json  probe" in out
    assert "y.json  unreadable  this is not JSON" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [("nothing", "there is no run"), ("configs/c.yaml", "there is no such artifact")],
)
def test_what_is_not_there_is_bad_input(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    assert main.run(["show", text, "--root", str(tmp_path)]) == 3

    assert said in capsys.readouterr().err


def test_a_strategy_file_is_sent_to_its_own_viewer(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["show", str(run.dir / "configs" / "c.yaml")]) == 3

    assert "perpkit config show" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("drawdown_max_frac", 0.1234, "12.34 %"),
        ("net_pnl_usd", -1234.5, "-1,234.50"),
        ("ts_open_ms", 1_767_323_045_000, "2026-01-02T03:04:05Z"),
        ("interval_ms", 3_600_000, "3,600,000"),
        ("seed", 12345, "12345"),
        ("is_flat", True, "yes"),
        ("reason", None, "-"),
        ("values", [1.0, 2.0], "1, 2"),
        ("values", list(range(9)), "0, 1, 2, 3, 4, 5 ... (9 values)"),
        ("values", [], ""),
        ("sharpe", 1.23456789, "1.23457"),
    ],
)
def test_a_value_is_shown_by_the_unit_of_its_name(key: str, value: object, expected: str) -> None:
    assert value_text(key, value) == expected


def test_nested_fields_become_sections_and_long_columns_are_cut() -> None:
    body = {
        "name": "n",
        "metrics": {"win_rate_frac": 0.5, "inner": {"count": 3}},
        "symbols": [{"symbol": "BTC", "net_pnl_usd": 1.0}, {"symbol": "ETH", "net_pnl_usd": 2.0}],
        "curve": {"ts_ms": list(range(30)), "equity_usd": [1.0] * 30},
    }

    sections = fields(body)

    assert sections[:4] == [
        Section("content", (), (("name", "n"),)),
        Section("metrics", (), (("win rate frac", "50.00 %"),)),
        Section("metrics.inner", (), (("count", "3"),)),
        Section("symbols", ("symbol", "net pnl usd"), (("BTC", "1.00"), ("ETH", "2.00"))),
    ]
    assert sections[4].title == "curve (first 20 of 30)"
    assert len(sections[4].rows) == 20
