"""`perpkit emulator` as a user types it: what is wrong is said in three lines, before it serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.clock import parse_utc_ms
from core.market.synthetic import MarketSpec
from core.store import candles
from tests.commands import Shell, make_store
from tests.emulator_process import emulator

ONE = "0x" + "1" * 40
TWO = "0x" + "2" * 40
FAULTS = """kind: fault-schedule
version: 1
faults:
  - {fault: muted_sub}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, a schedule with a wrong name, and a file that is no state."""
    folder = tmp_path_factory.mktemp("world")
    make_store(folder / "stores", MarketSpec(seed=3, symbol_count=6, bar_count=300))
    (folder / "faults.yaml").write_text(FAULTS)
    (folder / "strategy.yaml").write_text("kind: strategy\nversion: 1\n")
    (folder / "noise").write_bytes(b"noise " * 4_000)
    return folder


@pytest.fixture
def shell(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(world)
    return Shell(world, capsys)


@pytest.mark.parametrize(
    ("code", "line", "says"),
    [
        (2, "--port 70000", "--port 70000 is no port"),
        (2, "--port -1", "is no port"),
        (2, "--speed 0", "a clock runs forwards"),
        (2, "--speed -1", "a clock runs forwards"),
        (2, "--speed nan", "a clock cannot run at nan"),
        (2, "--speed inf", "a clock cannot run at inf"),
        (2, "--speed 1e9", "a clock cannot run at 1e+09"),
        (2, "--stepped --speed 5", "contradict each other"),
        (2, "--host 0.0.0.0", "lets other machines in"),
        (2, "--host example.org --allow-remote", "is no IP address"),
        (3, "--host 192.0.2.1 --allow-remote", "cannot be listened at"),
        (2, "--network prod", "--network 'prod' is not known"),
        (2, "--symbols-count 0", "--symbols-count was 0"),
        (2, "--symbols-count 5000", "--symbols-count was 5000"),
        (2, "--history-days 0", "--history-days was 0"),
        (2, "--history-days 4000", "--history-days was 4000"),
        (2, "--edge 5", "edge of a synthetic market is 5"),
        (2, "--edge nan", "edge of a synthetic market is nan"),
        (2, "--seed -1", "seed of a synthetic market is -1"),
        (2, "--rebase", "there is no --store"),
        (2, f"--fund {ONE[:-1]}=5", "is no address"),
        (2, f"--fund {ONE}", "names no amount of USD"),
        (2, f"--fund {ONE}=abc", "names no amount of USD"),
        (2, f"--fund {ONE}=nan", "names no amount of USD"),
        (2, f"--fund {ONE}=-5", "names no amount of USD"),
        (2, f"--fund {ONE}=1e15", "names no amount of USD"),
        (2, f"--fund {'0x' + '1' * 64}=5", "is no address"),
        (2, f"--agent {ONE}={TWO}", "has no account, and so no agents"),
        (2, f"--fund {ONE}=5 --agent {ONE}=two", "is no address"),
        (3, "--start yesterday", "'yesterday' is not a time"),
        (3, "--store nowhere", "the store folder does not exist"),
        (3, "--store stores --interval 7m", "7m"),
        (3, "--store stores --interval 5m", "no bars of interval 5m"),
        (3, "--store stores --start 2031-01-01", "does not cover 2031-01-01"),
        (3, "--faults nowhere.yaml", "nowhere.yaml"),
        (3, "--faults faults.yaml", "mute_sub"),
        (3, "--faults strategy.yaml", "strategy.yaml"),
        (3, "--state noise", "not an SQLite database"),
        (3, "--state stores", "stores"),
        (3, "--state stores/candles_1h.sqlite", "no emulator's state"),
        (2, "--prot 8100", "no such option"),
    ],
)
def test_a_command_line_that_cannot_be(shell: Shell, code: int, line: str, says: str) -> None:
    options = line.split()
    port = [] if "--port" in options else ["--port", "0"]

    assert shell("emulator", *port, *options) == code, shell.err

    said = shell.error()
    assert says in " ".join(said)
    assert said[0].startswith("error: ")
    assert said[-1].startswith("  next: ")
    assert shell.out == ""


def test_its_help_loads_nothing_heavy() -> None:
    script = (
        "import sys; from cli import main; main.run(['emulator', '--help']);"
        "print([n for n in ('numpy', 'uvicorn', 'starlette', 'msgspec') if n in sys.modules])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_another_command_fetches_by_its_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = Shell(tmp_path, capsys)
    store = ("--store", tmp_path / "stores", "--root", tmp_path)
    with emulator("--speed", "300", "--start", "2026-03-01T12:30", "--no-limits") as venue:
        source = ("--venue", venue.ready["http"], "--clock", venue.ready["control"])
        wanted = ("--symbols", "BTC", "--since", "1d", "--interval", "1h")

        assert shell("fetch", *source, *wanted, *store) == 0, shell.err

        bars = candles.load(tmp_path / "stores", "1h")
        first_ms = parse_utc_ms("2026-02-28T13:00")
        assert 0 <= int(bars.ts_open_ms[0]) - first_ms <= 2 * 3_600_000
        assert 22 <= bars.bar_count <= 30


def test_a_clock_that_outruns_its_venue_is_not_called_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At such a speed the venue lags, and a clock that reckons from the last answer is ahead."""
    shell = Shell(tmp_path, capsys)
    with emulator("--speed", "200000", "--no-limits", "--symbols-count", "2") as venue:
        source = ("--venue", venue.ready["http"], "--clock", venue.ready["control"])

        shell("fetch", *source, "--kind", "contexts", "--store", tmp_path / "s", "--root", tmp_path)

    assert "contexts" in shell.err
    assert "clock is" not in shell.err


def test_the_real_venue_takes_no_clock(shell: Shell) -> None:
    assert shell("fetch", "--venue", "mainnet", "--clock", "http://127.0.0.1:1") == 2
    assert "--clock follows an emulator's time, and the venue is mainnet" in shell.error()[0]
    assert shell("fetch", "--venue", "http://127.0.0.1:1", "--clock", "http://10.0.0.1:1") == 2
    assert "is no address on this machine" in shell.error()[0]
    assert shell("fetch", "--synthetic", "--clock", "http://127.0.0.1:1") == 2
    assert "--clock is for a fetch from the venue" in shell.error()[0]
