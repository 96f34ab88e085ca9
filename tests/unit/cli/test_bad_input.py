"""Bad input gets its exit code and three lines: what, where, and what helps.

Each case is a command line in one small world; the snapshot is what a person reads.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import apsw
import pytest
from syrupy.assertion import SnapshotAssertion

from core.market.synthetic import MarketSpec
from tests.commands import EASY, Shell, make_store
from tests.deployments import forged

HOUR_MS = 3_600_000
START_MS = 1_735_689_600_000
GOOD = "100,101,99,100.5,5"
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
IDENTITY = re.compile(r"\b[0-9a-f]{12}\b")
DATE = re.compile(r"artifacts/\d{4}-\d{2}-\d{2}")

BARS = {
    "nan": [GOOD, "nan,101,99,100,5"],
    "infinite": [GOOD, "100,inf,99,100,5"],
    "negative": [GOOD, "-1,101,99,100,5"],
    "zero": [GOOD, "0,0,0,0,5"],
    "crossed": [GOOD, "100,98,99,100,5"],
    "volume": [GOOD, "100,101,99,100,-5"],
    "text": [GOOD, "abc,101,99,100,5"],
    "none": [],
}
AXES = {
    "unknown": "[{path: trade.stop_los_atr, values: [1.0, 2.0]}]",
    "empty": "[{path: trade.stop_loss_atr, values: []}]",
    "no_axis": "[]",
    "outside": "[{path: trade.stop_loss_atr, values: [1.0, -2.0]}]",
    "word": "[{path: trade.stop_loss_atr, values: [1.0, abc]}]",
    "fraction": "[{path: indicators.ema_fast_window_bars, values: [8.5]}]",
    "nan": "[{path: trade.stop_loss_atr, values: [.nan]}]",
    "twice": "[{path: trade.stop_loss_atr}, {path: trade.stop_loss_atr}]",
    "cost": "[{path: trade.taker_fee_bps, values: [1.0]}]",
    "order": "[{path: indicators.ema_fast_window_bars, values: [50, 60]}]",
    "step": "[{path: trade.stop_loss_atr, range: [1, 2, 0]}]",
    "huge": "[{path: trade.stop_loss_atr, range: [1, 2, 0.001]},"
    " {path: trade.take_profit_atr, range: [3, 4, 0.001]},"
    " {path: trade.trailing_start_atr, range: [1, 2, 0.001]},"
    " {path: trade.trailing_distance_atr, range: [1, 2, 0.001]}]",
    "fine": "[{path: trade.stop_loss_atr, values: [1.0, 2.0]}]",
}
WINDOWS = {
    "backwards": "{start: 2025-02-01, end: 2025-01-01}",
    "late": "{start: 2031-01-01}",
    "soon": "{start: soon}",
    "greedy": "{holdout_frac: 1.5}",
}

CASES = (
    (3, "replay easy.yaml --store nowhere"),
    (3, "replay easy.yaml --store empty"),
    (3, "replay easy.yaml --store easy.yaml"),
    (3, "replay easy.yaml --store hollow"),
    (3, "replay easy.yaml --store noise"),
    (3, "replay easy.yaml --store cut"),
    (3, "replay easy.yaml --store newer"),
    (3, "replay easy.yaml --store stores --symbols BTCC"),
    (3, "replay easy.yaml --store stores --symbols btc"),
    (2, "replay easy.yaml --store stores --symbols ,"),
    (3, "replay easy.yaml --store stores --interval 4h"),
    (2, "replay easy.yaml --store stores --interval 4x"),
    (2, "replay easy.yaml --store stores --start 2025-02-01 --end 2025-01-01"),
    (2, "replay easy.yaml --store stores --start yesterday"),
    (3, "replay easy.yaml --store stores --start 2031-01-01"),
    (3, "replay easy.yaml --store stores --end 2021-01-01"),
    (2, "replay easy.yaml --store stores --mode agressive"),
    (2, "replay easy.yaml --store stores --initial-equity-usd 0"),
    (2, "replay easy.yaml --store stores --initial-equity-usd -5"),
    (2, "replay easy.yaml --store stores --initial-equity-usd nan"),
    (2, "replay easy.yaml --store stores --initial-equity-usd inf"),
    (2, "replay easy.yaml --store stores --set trade.stop_loss_atr=-1"),
    (2, "replay easy.yaml --store stores --set trade.stop_los_atr=1"),
    (3, "replay nowhere.yaml --store stores"),
    (3, "replay newer.yaml --store stores"),
    (3, "replay fine.yaml --store stores"),
    (3, "replay . --store stores"),
    (3, "replay easy.yaml --store stores --init-state nowhere.json"),
    (3, "replay easy.yaml --store stores --init-state easy.yaml"),
    (3, "replay easy.yaml --store stores --init-state state.json --set trade.stop_loss_atr=3"),
    (3, "replay easy.yaml --store stores --init-state edited.json"),
    (3, "replay easy.yaml --store stores --init-state other_kernel.json"),
    (3, "replay easy.yaml --store stores --init-state newer.json"),
    (3, "replay easy.yaml --store stores --init-state report.json"),
    (3, "replay easy.yaml --store stores --root easy.yaml"),
    (3, "replay easy.yaml --store stores --root blocked"),
    (3, "replay easy.yaml --store stores --trades-out easy.yaml/t.parquet"),
    (3, "replay easy.yaml --store stores --trades-out stores"),
    (3, "replay easy.yaml --store stores --run 20200101T000000Z-00000000 --root fresh"),
    (2, "replay"),
    (2, "replay easy.yaml --stor stores"),
    (2, "repaly easy.yaml"),
    *((3, f"fetch --from-file {name}.csv --store new") for name in BARS),
    (3, "fetch --from-file off_grid.csv --store new"),
    (3, "fetch --from-file seconds.csv --store new"),
    (3, "fetch --from-file contradicts.csv --store new"),
    (3, "fetch --from-file no_column.csv --store new"),
    (3, "fetch --from-file nowhere.csv --store new"),
    (3, "fetch --from-file easy.csv --store stores"),
    (1, "fetch --from-file gap.csv --store gap --require gaps=0"),
    (2, "fetch --from-file gap.csv --store new --require gap=0"),
    (2, "fetch --store new"),
    *((3, f"sweep {name}.yaml --store stores") for name in AXES if name != "fine"),
    *((3, f"sweep {name}.yaml --store stores") for name in WINDOWS),
    (3, "sweep newer_spec.yaml --store stores"),
    (3, "sweep no_base.yaml --store stores"),
    (3, "sweep newer_base.yaml --store stores"),
    (3, "sweep easy.yaml --store stores"),
    (3, "sweep fine.yaml --store empty"),
    (3, "sweep fine.yaml --store stores --root blocked"),
    (5, "sweep fine.yaml --store stores --root halted"),
    (2, "sweep fine.yaml --store stores --threads 0"),
    (3, "validate nowhere --root fresh"),
    (3, "validate newer.yaml --store stores"),
    (5, "validate easy.yaml --store stores --root halted"),
    (3, "deploy nowhere.yaml --lane paper"),
    (1, "deploy easy.yaml --lane paper"),
    (2, "deploy easy.yaml --lane ../paper"),
    (1, "deploy --lane paper --rollback --root fresh"),
    (3, "show nowhere --root fresh"),
    (3, "show easy.yaml"),
    (3, "show edited.json"),
    (3, "config check edited.json"),
    (3, "config check newer.yaml"),
)


def write_bars(
    name: str, rows: list[str], *, step_ms: int = HOUR_MS, at_ms: int = START_MS
) -> None:
    lines = [f"BTC,{at_ms + nth * step_ms},{row}" for nth, row in enumerate(rows)]
    Path(f"{name}.csv").write_text("\n".join(["symbol,t,o,h,l,c,v", *lines]) + "\n")


def write_inputs() -> None:
    """Bars, strategies and specs, each with one thing wrong."""
    for name, rows in BARS.items():
        write_bars(name, rows)
    write_bars("easy", [GOOD, GOOD])
    write_bars("off_grid", [GOOD, GOOD], step_ms=HOUR_MS + 7)
    write_bars("seconds", [GOOD, GOOD], step_ms=3_600, at_ms=START_MS // 1000)
    write_bars("contradicts", [GOOD, "100,102,99,100.5,5"], step_ms=0)
    write_bars("gap", [GOOD, GOOD], step_ms=4 * HOUR_MS)
    Path("no_column.csv").write_text(f"symbol,t,o,h,l,v\nBTC,{START_MS},100,101,99,5\n")
    Path("easy.yaml").write_text(EASY)
    Path("newer.yaml").write_text(EASY.replace("version: 1", "version: 9"))
    head = "kind: sweep-spec\nversion: 1\nbase: easy.yaml\nmin_positions: 1\n"
    for name, axes in AXES.items():
        Path(f"{name}.yaml").write_text(f"{head}axes: {axes}\n")
    for name, window in WINDOWS.items():
        Path(f"{name}.yaml").write_text(f"{head}window: {window}\naxes: {AXES['fine']}\n")
    fine = Path("fine.yaml").read_text()
    Path("newer_spec.yaml").write_text(fine.replace("version: 1", "version: 9"))
    Path("no_base.yaml").write_text(fine.replace("easy.yaml", "nowhere.yaml"))
    Path("newer_base.yaml").write_text(fine.replace("easy.yaml", "newer.yaml"))


def write_stores() -> None:
    """A store that is whole, and some that are not."""
    for name in ("stores", "noise", "cut", "newer"):
        make_store(Path(name), MarketSpec(seed=3, symbol_count=6, bar_count=300))
    file = "candles_1h.sqlite"
    Path("noise", file).write_bytes(b"noise " * 4_000)
    os.truncate(Path("cut", file), 20_000)
    connection = apsw.Connection(str(Path("newer", file)))
    connection.execute("UPDATE meta SET value = '9' WHERE key = 'schema_version'")
    connection.close()
    Path("empty").mkdir()
    Path("hollow").mkdir()
    Path("hollow", file).touch()
    Path("blocked").mkdir()
    Path("blocked", "artifacts").touch()
    Path("halted", "state").mkdir(parents=True)
    Path("halted", "state", "ledger.sqlite").write_bytes(b"noise " * 4_000)


def write_states(shell: Shell) -> None:
    """A state, and some that were changed."""
    command = ("replay", "easy.yaml", "--store", "stores", "--root", "made")
    report = shell.done(*command, "--end", "2025-01-08", "--state-out", "state.json")
    Path("report.json").write_bytes(report.read_bytes())
    state = Path("state.json")
    Path("edited.json").write_text(state.read_text().replace('"cash_usd": ', '"cash_usd": 1'))
    forged(state, kernel_id="0" * 64).rename("other_kernel.json")
    Path("newer.json").write_text(state.read_text().replace('"version": 1', '"version": 9'))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all cases run in; made by the first."""
    return tmp_path_factory.mktemp("world")


@pytest.fixture
def shell(
    world: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(world)
    shell = Shell(world, capsys)
    if not Path("easy.yaml").exists():
        write_inputs()
        write_stores()
        write_states(shell)
    return shell


@pytest.mark.parametrize(("code", "line"), CASES, ids=[line for _, line in CASES])
def test_a_command_line(shell: Shell, code: int, line: str, snapshot: SnapshotAssertion) -> None:
    before = stored()

    found = shell(*line.split())

    said = shell.error()
    text = IDENTITY.sub("CONFIG", RUN_ID.sub("RUN", "\n".join(said)))
    assert found == code, shell.err
    assert said[0].startswith("error: ")
    assert said[-1].startswith("  next: ")
    assert "Traceback" not in shell.err
    assert DATE.sub("artifacts/DAY", text) == snapshot
    assert stored() == before
    assert list(Path().glob("**/*.tmp")) == []
    assert not Path("new").exists()


def stored() -> dict[str, bytes]:
    """What must not change, whatever goes wrong: the stores and the inputs."""
    files = [*Path().glob("*.*"), *Path("stores").glob("*.sqlite"), *Path("halted").glob("*/*")]
    return {str(path): path.read_bytes() for path in files if path.is_file()}
