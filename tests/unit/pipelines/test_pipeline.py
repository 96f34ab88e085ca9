"""The main job through the command line: fetch, sweep, validate, deploy, replay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import EASY, Shell, body, envelope, run_of

SPEC = """kind: sweep-spec
version: 1
base: easy.yaml
top: 3
min_positions: 20
axes:
  - {path: trade.stop_loss_atr, values: [1.5, 2.5]}
  - {path: trade.take_profit_atr, values: [4.0, 6.0]}
  - {path: indicators.ema_fast_window_bars, values: [8, 12]}
"""


@pytest.fixture
def judged(shell: Shell, request: pytest.FixtureRequest) -> tuple[int, str]:
    """(exit code of `validate`, run id) on a market whose edge the test names."""
    Path("easy.yaml").write_text(EASY)
    Path("spec.yaml").write_text(SPEC)
    market = ["--symbols-count", "8", "--bars", "2200", "--seed", "4"]
    edge = ["--edge", str(request.param)]
    data = shell.done("fetch", "--synthetic", *market, *edge, "--store", "stores")
    run = ["--run", run_of(data), "--store", "stores"]
    shell.done("sweep", "spec.yaml", *run)
    code = shell("validate", run_of(data), *run)
    return code, run_of(data)


def artifacts() -> list[Path]:
    return sorted(Path().glob("artifacts/*/*/**/*.json"))


def check_all(shell: Shell) -> None:
    """Every artifact passes a check by hand and says that it is made up."""
    assert artifacts()
    for path in artifacts():
        assert shell("config", "check", path) == 0, shell.err
        assert envelope(path)["synthetic"] is True, path
    for path in Path().glob("artifacts/*/*/configs/*.yaml"):
        assert shell("config", "check", path) == 0, shell.err


@pytest.mark.parametrize("judged", [1], indirect=True)
def test_an_edge_is_found_deployed_and_replayed(shell: Shell, judged: tuple[int, str]) -> None:
    code, run_id = judged
    assert code == 0, shell.err
    survivors = [Path(line) for line in shell.out.splitlines()]
    config = survivors[0]
    gate = config.parent.parent / "gates" / f"{config.stem}.json"

    lane = shell.done(
        "deploy", config, "--lane", "paper", "--gate-report", gate, "--by", "ann", "--run", run_id
    )
    replayed = shell.done("replay", lane, "--store", "stores", "--run", run_id)

    assert lane == Path("lanes/paper/strategy.yaml")
    assert lane.read_bytes() == config.read_bytes()
    assert body(replayed)["config_id"] == config.stem
    commands = body(replayed.parent.parent / "run_metadata.json")["commands"]
    assert [(each["command"], each["exit_code"]) for each in commands] == [
        ("fetch", 0),
        ("sweep", 0),
        ("validate", 0),
        ("deploy", 0),
        ("replay", 0),
    ]
    for each in commands:
        for output in each["outputs"]:
            assert (replayed.parent.parent / output).is_file(), output
    assert {envelope(path)["kind"] for path in artifacts()} == {
        "data-report",
        "sweep-report",
        "sweep-top",
        "gate-report",
        "deployment-event",
        "replay-report",
        "run-metadata",
    }
    check_all(shell)
    assert shell("show", run_id) == 0


@pytest.mark.parametrize("judged", [0], indirect=True)
def test_without_an_edge_all_is_refused_and_nothing_deployed(
    shell: Shell, judged: tuple[int, str]
) -> None:
    code, run_id = judged

    assert code == 1
    assert shell.out == ""
    assert "refused" in shell.error()[0]
    assert not Path("lanes").exists()
    (config, *_) = Path().glob("artifacts/*/*/configs/*.yaml")
    gate = config.parent.parent / "gates" / f"{config.stem}.json"
    deployed = shell("deploy", config, "--lane", "paper", "--gate-report", gate, "--by", "ann")
    assert deployed == 1
    assert not Path("lanes/paper/strategy.yaml").exists()
    (metadata,) = Path().glob(f"artifacts/*/{run_id}/run_metadata.json")
    assert [each["exit_code"] for each in body(metadata)["commands"]] == [0, 0, 1]
    check_all(shell)
