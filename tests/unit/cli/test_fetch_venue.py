"""`perpkit fetch --venue` as a user runs it: exit codes, the three lines, what is on stdout."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.market.bars import DAY_MS
from core.store import candles
from tests.commands import Shell
from tests.conftest import REPOSITORY
from tests.venue_server import Coin, Reply, Request, World, served

HURRY = ("--since", "3d", "--patience-s", "0")


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """Commands in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


@pytest.fixture
def venue() -> Iterator[tuple[World, str]]:
    """A world at the present time, and its address."""
    now_ms = SystemClock().now_ms()
    coins = [Coin("BTC", listed_ms=now_ms - 30 * DAY_MS), Coin("ETH", now_ms - 30 * DAY_MS, seed=2)]
    world = World(coins, now_ms=now_ms)
    with served(world) as url:
        yield world, url


def closed_port() -> str:
    """An address of this machine that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_real_data_in_three_lines(shell: Shell, venue: tuple[World, str]) -> None:
    _, url = venue
    source = ["--venue", url, "--symbols", "BTC,ETH", "--since", "20d"]

    assert shell("fetch", *source, "--kind", "universe,funding,candles") == 0
    paths = shell.out.splitlines()
    assert [Path(path).name.split("-")[:2] for path in paths] == [
        ["universe", paths[0].split("universe-")[1].split("-")[0]],
        ["fetch", "funding"],
        ["fetch", "candles"],
    ]
    assert "stored" in shell.err

    assert shell("config", "init", "--out", "plain.yaml") == 0
    assert shell("replay", "plain.yaml", "--store", "stores") == 0
    assert shell("show", "latest") == 0


def test_one_minute_bars_become_three_minute_bars(shell: Shell, venue: tuple[World, str]) -> None:
    _, url = venue
    options = ["--interval", "1m", "--since", "5h", "--resample", "3m"]

    assert shell("fetch", "--venue", url, "--symbols", "BTC", *options, "--json") == 0

    said = json.loads(shell.out)
    assert len(said["data"]["paths"]) == 2
    assert said["data"]["resampled"]["bars"] in (98, 99, 100)
    assert candles.load(Path("stores"), "3m").bar_count == said["data"]["resampled"]["bars"]
    assert shell("fetch", "--interval", "1m", "--resample", "3m") == 0
    assert "store unchanged" in shell.err


def test_a_dead_network_is_exit_4_with_three_lines_and_loses_nothing(
    shell: Shell, venue: tuple[World, str]
) -> None:
    _, url = venue
    assert shell("fetch", "--venue", url, "--symbols", "BTC", "--since", "5d") == 0
    before = candles.load(Path("stores"), "1h").sha256

    assert shell("fetch", "--venue", closed_port(), "--symbols", "BTC", *HURRY) == 4

    lines = shell.err.splitlines()[-3:]
    assert lines[0].startswith("error: no answer to exchangeStatus after 1 attempts")
    assert "ConnectError" in lines[0]
    assert lines[1].startswith("  at:   http://127.0.0.1:")
    assert "run the same command again" in lines[2]
    assert shell.out == ""
    assert candles.load(Path("stores"), "1h").sha256 == before


def test_killed_between_two_pages_it_goes_on_and_equals_one_piece(
    shell: Shell, venue: tuple[World, str]
) -> None:
    world, url = venue
    world.candle_page = 50
    source = ["fetch", "--venue", url, "--symbols", "BTC,ETH", "--since", "20d"]
    started: list[subprocess.Popen[bytes]] = []

    def kill(request: Request) -> Reply | None:
        if world.count("candleSnapshot") == 9:
            started[0].kill()
        return None

    world.fault = kill
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "cli", *source]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        started.append(process)
    assert process.returncode == -signal.SIGKILL
    world.fault = None
    kept = candles.load(Path("stores"), "1h").bar_count
    assert 0 < kept < 2 * 479

    assert shell(*source) == 0
    assert shell(*source, "--store", "whole") == 0

    pieces, whole = candles.load(Path("stores"), "1h"), candles.load(Path("whole"), "1h")
    assert pieces.sha256 == whole.sha256


def test_a_reply_without_sense_is_exit_4_and_the_others_are_stored(
    shell: Shell, venue: tuple[World, str]
) -> None:
    world, url = venue
    world.fault = lambda one: (200, b'[{"t": "now"}]') if "ETH" in str(one) else None

    assert shell("fetch", "--venue", url, "--symbols", "BTC,ETH", *HURRY, "--json") == 4

    said = json.loads(shell.out)
    assert (said["ok"], said["error"]["code"]) == (False, 4)
    assert said["data"]["series"][0]["failures"] == 1
    assert "not as documented" in said["error"]["what"]
    assert candles.load(Path("stores"), "1h").symbols == ("BTC",)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--symbols", "btc"], 3, "did you mean BTC?"),
        (["--interval", "1hr"], 3, "did you mean 1h?"),
        (["--interval", "1M"], 3, "a month has no fixed length"),
        (["--kind", "trades"], 2, "--kind 'trades' is not known"),
        (["--synthetic"], 2, "--venue stands beside another source"),
        (["--interval", "1h,5m", "--resample", "2h"], 2, "needs one interval"),
        (["--weight-per-minute", "3"], 2, "--weight-per-minute"),
        (["--require", "gap=0"], 2, "did you mean gaps?"),
        (["--require", "bars=999999"], 1, "at least 999999 required"),
    ],
)
def test_what_is_wrong_is_said_in_three_lines(
    shell: Shell, venue: tuple[World, str], options: list[str], code: int, says: str
) -> None:
    _, url = venue

    given = ["--symbols", "BTC"] if "--symbols" not in options else []
    assert shell("fetch", "--venue", url, *given, *HURRY, *options) == code

    said = shell.error()
    assert says in " ".join(said)
    assert said[-1].startswith("  next: ")


@pytest.mark.parametrize("option", [["--symbols", "BTC"], ["--since", "30d"], ["--refetch"]])
@pytest.mark.parametrize("other", [["--synthetic"], ["--from-file", "x.csv"], ["--resample", "2h"]])
def test_options_of_the_venue_are_not_passed_over_elsewhere(
    shell: Shell, option: list[str], other: list[str]
) -> None:
    assert shell("fetch", *other, *option) == 2

    assert f"{option[0]} is for a fetch from the venue" in shell.error()[0]


def test_another_venue_than_ours_is_refused(shell: Shell) -> None:
    assert shell("fetch", "--venue", "https://example.org") == 2
    assert "neither a network of the venue" in shell.err
    assert shell("fetch", "--dry-run", "--synthetic") == 2
    assert "add --venue mainnet" in shell.err


def test_a_plan_is_a_table_with_minutes_and_changes_nothing(shell: Shell) -> None:
    options = ["--venue", "mainnet", "--symbols", "BTC,ETH,SOL", "--interval", "1h,5m"]

    assert shell("fetch", *options, "--kind", "candles,funding", "--dry-run") == 0

    assert "candles 5m" in shell.out
    assert "minutes at a weight of 1,000 a minute; nothing was changed" in shell.out
    assert list(Path().iterdir()) == []
    assert shell("fetch", *options, "--dry-run", "--json") == 0
    assert json.loads(shell.out)["data"]["weight"] == 2 + 20 + 6 * 104
