"""A sweep that is killed, starved of disk or stopped is gone on with, and gives the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from core.clock import sleep_s
from core.market.synthetic import MarketSpec
from tests.commands import Shell, body, make_store, run_of

SPEC = """kind: sweep-spec
version: 1
base: easy.yaml
min_positions: 1
top: 2
METHOD
axes:
  - {path: trade.stop_loss_atr, range: [1.0, 4.0, 0.1]}
  - {path: indicators.adx_window_bars, values: [10, 14]}
  - {path: trade.take_profit_atr, range: [4.1, 8.0, 0.1]}
"""
METHODS = {
    "grid": "method: grid",
    "long grid": "method: grid",
    "tpe": "method: tpe\nbudget: {trials: 4000}\nseed: 4",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market on which these sweeps take seconds."""
    spec = MarketSpec(seed=5, symbol_count=12, bar_count=2_000, edge=1.0)
    return make_store(tmp_path_factory.mktemp("resumed") / "stores", spec)


def write_spec(shell: Shell, method: str) -> None:
    text = SPEC.replace("METHOD", METHODS[method])
    if method == "long grid":
        text = text.replace("[4.1, 8.0, 0.1]", "[4.1, 8.0, 0.01]")
    (shell.folder / "spec.yaml").write_text(text)


STARVED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
from cli.main import run
sys.exit(run(sys.argv[1:]))
"""
"""A perpkit whose files cannot grow beyond 150 kB, as on a disk that is nearly full."""


def started(folder: Path, *arguments: str, starved: bool = False) -> subprocess.Popen[str]:
    """A sweep in a process of its own."""
    return subprocess.Popen(
        [sys.executable, *(("-c", STARVED) if starved else ("-m", "cli")), "sweep", *arguments,
         "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed; it must have succeeded."""
    out, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return dict(json.loads(out)["data"])


def journalled(folder: Path) -> dict[str, tuple[int, str]]:
    """Rows and hash of each shard that is done."""
    found = list(folder.glob("artifacts/*/*/sweeps/*.journal.sqlite"))
    if not found:
        return {}
    connection = apsw.Connection(str(found[0]))
    connection.set_busy_timeout(10_000)
    try:
        query = "SELECT id, row_count, stats_sha256 FROM shards"
        return {name: (count, digest) for name, count, digest in connection.execute(query)}
    except apsw.SQLError:  # killed before its tables were made
        return {}
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "kills"),
    [
        ("grid", 2),
        pytest.param("long grid", 5, marks=pytest.mark.proof),
        pytest.param("tpe", 12, marks=pytest.mark.proof),
    ],
)
def test_a_sweep_killed_at_any_instant_is_gone_on_with(
    shell: Shell, store: Path, method: str, kills: int
) -> None:
    write_spec(shell, method)
    whole = ended(started(shell.folder, "spec.yaml", "--store", str(store), "--root", "whole"))
    rng = np.random.default_rng(kills)
    done: dict[str, tuple[int, str]] = {}
    arguments = ["spec.yaml", "--store", str(store)]
    for _ in range(kills):
        process = started(shell.folder, *arguments)
        while len(journalled(shell.folder)) <= len(done) and process.poll() is None:
            sleep_s(0.02)
        sleep_s(float(rng.uniform(0.0, 0.2)))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it ended before it could be killed"
        now = journalled(shell.folder)
        assert done.items() <= now.items()  # nothing is lost, nothing was evaluated again
        done = now
        arguments = ["--resume", "latest"]

    resumed = ended(started(shell.folder, *arguments))

    assert resumed["result_hash"] == whole["result_hash"]
    kept = sum(count for count, _ in done.values())
    assert resumed["evaluated_now"] == whole["evaluated"] - kept
    assert body(Path(resumed["top"])) == body(Path(whole["top"]))
    assert list(shell.folder.glob("artifacts/*/*/sweeps/*.journal*")) == []


def test_a_full_disk_stops_clearly_and_is_gone_on_with(shell: Shell, store: Path) -> None:
    write_spec(shell, "grid")
    whole = ended(started(shell.folder, "spec.yaml", "--store", str(store), "--root", "whole"))
    process = started(shell.folder, "spec.yaml", "--store", str(store), starved=True)

    _, said = process.communicate(timeout=120)

    assert process.returncode == 3, said
    assert "perpkit sweep --resume" in said
    assert "Traceback" not in said
    resumed = ended(started(shell.folder, "--resume", "latest"))
    assert resumed["result_hash"] == whole["result_hash"]


def test_what_it_rests_on_must_be_the_same(shell: Shell, store: Path, tmp_path: Path) -> None:
    write_spec(shell, "grid")
    process = started(shell.folder, "spec.yaml", "--store", str(store))
    while not journalled(shell.folder):
        sleep_s(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    other = make_store(tmp_path / "other", MarketSpec(seed=6, symbol_count=6, bar_count=900))

    assert shell("sweep", "--resume", "latest", "--store", other) == 3
    assert "bars" in shell.error()[0]
    assert "differ from when it began" in shell.error()[0]
    text = (shell.folder / "spec.yaml").read_text()
    (shell.folder / "spec.yaml").write_text(text.replace("top: 2", "top: 3"))
    assert shell("sweep", "--resume", "latest") == 3
    assert "spec differ from when it began" in shell.error()[0]


def test_a_run_without_a_stopped_sweep_is_said(shell: Shell, small_store: Path) -> None:
    (shell.folder / "spec.yaml").write_text(SPEC.replace("METHOD", "").replace("0.1]", "1.5]"))
    path = shell.done("sweep", "spec.yaml", "--store", small_store)

    assert shell("sweep", "--resume", run_of(path)) == 3
    assert shell.error()[0] == "error: the run has no stopped sweep"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "there is no spec to sweep"),
        (("--resume", "latest", "--run", "latest"), "--run is in the way"),
        (("--resume", "latest", "--force"), "--force is in the way"),
        (("--resume", "latest", "--initial-equity-usd", "5"), "--initial-equity-usd is in the way"),
    ],
)
def test_options_that_contradict_a_resume(
    options: tuple[str, ...], words: str, shell: Shell
) -> None:
    assert shell("sweep", *options) == 2
    assert words in shell.error()[0]
