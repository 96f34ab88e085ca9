"""`pipelines/demo.sh`, called from elsewhere and into a folder with blanks in its name."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from core.clock import monotonic_s, parse_utc_ms, sleep_s
from core.market.bars import HOUR_MS
from core.market.synthetic import MarketSpec
from core.store import candles, funding, metadata
from core.store.folder import candles_path
from core.store.layout import CANDLES
from core.store.series import SeriesStore
from pipelines.demo_market import HOURS_LIVE
from tests.commands import body, make_store

SCRIPT = Path(__file__).resolve().parents[3] / "pipelines" / "demo.sh"
SYMBOLS = 12
PID = re.compile(r"^  pid (\d+) ", re.MULTILINE)
VENUE = re.compile(r"^  pid \d+ at (http://127\.0\.0\.1:\d+)", re.MULTILINE)


def environment(**settings: str) -> dict[str, str]:
    """With the `perpkit` of this interpreter."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "DATA": "", "EDGE": "", "SEED": "", **settings}


def demo(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The demo run in `folder`, and none of what it started left behind."""
    done = subprocess.run(
        ["bash", str(SCRIPT)],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert_all_ended(done.stdout)
    return done


def assert_all_ended(said: str) -> None:
    """Nothing that the demo told of runs any more, or listens."""
    for pid in PID.findall(said):
        assert not Path(f"/proc/{pid}").exists(), said
    for address in VENUE.findall(said):
        with pytest.raises(httpx.ConnectError):
            httpx.post(f"{address}/info", json={"type": "meta"}, trust_env=False)


def test_the_demo_ends_in_a_deployment_of_what_was_collected(tmp_path: Path) -> None:
    done = demo(tmp_path, DEMO_ROOT="my demo")

    root = tmp_path / "my demo"
    assert done.returncode == 0, done.stderr
    assert (root / "lanes" / "demo" / "strategy.yaml").is_file()
    assert (root / "trades.parquet").is_file()
    assert "--- summary: deployed" in done.stdout
    assert "hour 2 closed live" in done.stdout
    assert [entry.name for entry in tmp_path.iterdir()] == ["my demo"]
    stores = root / "stores"
    block = candles.load(stores, "1h")
    assert len(block.symbols) == len(metadata.load(stores)) == SYMBOLS
    first_ms = parse_utc_ms("2025-06-17T00:00Z")
    # On a busy machine an hour passes before it is watched.
    opens = block.ts_open_ms[-HOURS_LIVE - 1 :].tolist()
    assert opens[-1] >= first_ms + (HOURS_LIVE - 1) * HOUR_MS
    assert [each - opens[0] for each in opens] == [HOUR_MS * hour for hour in range(len(opens))]
    assert sum(block.present[-1].tolist()) == SYMBOLS - 1, "one is delisted"
    paid = funding.load(stores).rows
    assert int(paid.ts_ms.max()) >= first_ms + HOUR_MS
    assert not block.synthetic
    assert source(stores) == {"hyperliquid loopback"}


def source(stores: Path) -> set[str]:
    """Where the bars of a store say that they are from."""
    with SeriesStore.open_reader(candles_path(stores, "1h"), CANDLES) as series:
        return series.sources()


@pytest.mark.proof
def test_the_demo_without_an_edge_refuses_everything_and_says_so(tmp_path: Path) -> None:
    done = demo(tmp_path, DEMO_ROOT="demo", EDGE="0")

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "demo" / "lanes").exists()
    assert "--- summary: nothing deployed" in done.stdout
    runs = [body(path) for path in tmp_path.glob("demo/artifacts/*/*/run_metadata.json")]
    ended = [[each["exit_code"] for each in run["commands"]] for run in runs]
    assert sorted(ended) == [[0], [0], [0, 1]]


@pytest.mark.proof
def test_the_venue_of_the_demo_trades_recorded_candles(tmp_path: Path) -> None:
    spec = MarketSpec(seed=5, symbol_count=6, bar_count=1_500)
    recorded = make_store(tmp_path / "recorded", spec)
    data = to_csv(recorded, tmp_path / "candles.csv")

    done = demo(tmp_path, DEMO_ROOT="demo", DATA=data.name)

    assert done.returncode == 0, done.stderr
    there, here = (candles.load(each, "1h") for each in (recorded, tmp_path / "demo" / "stores"))
    assert here.symbols == there.symbols
    for name in ("ts_open_ms", "present", "open_px", "high_px", "low_px", "close_px", "volume"):
        assert getattr(here, name).tolist() == getattr(there, name).tolist(), name


def to_csv(store: Path, path: Path) -> Path:
    """The hourly bars of a store as a file that `fetch --from-file` takes."""
    block = candles.load(store, "1h")
    lines = ["symbol,t,o,h,l,c,v"]
    for row, column in zip(*block.present.nonzero(), strict=True):
        columns = (block.open_px, block.high_px, block.low_px, block.close_px, block.volume)
        values = [str(float(each[row, column])) for each in columns]
        lines.append(",".join([block.symbols[column], str(int(block.ts_open_ms[row])), *values]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_demo_ends_with_the_code_of_the_step_that_failed(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("symbol,t,o,h,l,c,v\nBTC,1735689600000,1,2,0.5,1,9\n")

    assert demo(tmp_path, DEMO_ROOT="demo", DATA="nowhere.csv").returncode == 3
    assert demo(tmp_path, DEMO_ROOT="demo", DATA="few.csv").returncode == 3
    assert demo(tmp_path, DEMO_ROOT="demo", EDGE="99").returncode == 2


@pytest.mark.proof
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_demo_and_all_that_it_started(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with (tmp_path / "said").open("w") as out:
        running = subprocess.Popen(
            ["bash", str(SCRIPT)],
            cwd=tmp_path,
            env=environment(DEMO_ROOT="demo", TMPDIR=str(tmp_path)),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until_s = monotonic_s() + 60
    while "wanted:" not in (said := (tmp_path / "said").read_text()):
        assert running.poll() is None, said
        assert monotonic_s() < until_s, said
        sleep_s(0.1)

    # Ctrl-C reaches the whole group; others mean the script alone.
    if number == signal.SIGINT:
        os.killpg(running.pid, number)
    else:
        running.send_signal(number)

    assert running.wait(timeout=20) == code
    said = (tmp_path / "said").read_text()
    assert len(PID.findall(said)) == 2
    assert_all_ended(said)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["demo", "said"]


@pytest.mark.parametrize("name", ["notes.txt", "artifacts"])
def test_the_demo_empties_no_folder_but_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()

    done = demo(tmp_path, DEMO_ROOT=".")

    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: ")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
