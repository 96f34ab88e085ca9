"""`perpkit compare` as a user runs it: what differs is named, down to rule and number."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.artifacts.tree import read_artifact
from core.comparison import ENTRY, events_of
from core.market.synthetic import MarketSpec, synthetic_rows
from core.store.candles import ingest
from core.store.series import Origin
from core.trades import trades_frame
from pipelines.divergence import checks_of
from pipelines.foreign_trades import closes_of
from pipelines.rerun import rerun
from schemas.parameters import by_path
from schemas.replay import ReplayReport
from tests.commands import CLOCK, Shell, body, run_of

SPEC = MarketSpec(seed=3, symbol_count=6, bar_count=900, edge=1.0)
HEADER = "symbol,side,entry_time,exit_time,entry_price,exit_price,size"
ROW = "BTC,long,2025-01-10T00:00:00Z,2025-01-10T05:00:00Z,100,101,1"


@pytest.fixture
def base(shell: Shell, small_store: Path) -> Path:
    """The report of the easy strategy over the small store; `trades.parquet` are its trades."""
    store = ("--store", small_store)
    return shell.done("replay", "easy.yaml", *store, "--trades-out", "trades.parquet")


def replayed(shell: Shell, store: Path, *options: str) -> Path:
    return shell.done("replay", "easy.yaml", "--store", store, *options)


def compared(shell: Shell, a: Path | str, b: Path | str, *options: str | Path) -> dict[str, Any]:
    path = shell.done("compare", a, b, *options)
    assert path.parent.name == "reports"
    return body(path)


def test_a_replay_agrees_with_itself_and_with_its_trades_file(shell: Shell, base: Path) -> None:
    for other in (base, Path("trades.parquet"), run_of(base)):
        report = compared(shell, base, other)

        assert (report["diverged"], report["divergences"]) == (False, [])
        assert report["configuration"] == []
        assert {each["difference"] for each in report["metrics"]} <= {0, None} or all(
            abs(each["difference"] or 0.0) < 1e-6 for each in report["metrics"]
        )
    assert shell("compare", base, "trades.parquet", "--fail-on-divergence") == 0


def test_a_limit_that_differs_is_named_with_both_numbers(
    shell: Shell, base: Path, small_store: Path
) -> None:
    other = replayed(shell, small_store, "--set", "thresholds.entry.min_adx=20")

    report = compared(shell, base, other)

    first = report["divergences"][0]
    assert first["kind"] == "decision"
    assert [each["path"] for each in report["configuration"]] == ["thresholds.entry.min_adx"]
    assert "thresholds.entry.min_adx" in first["because"]
    found = re.search(
        r"ADX: A ([\d.]+) > ([\d.]+) holds, B ([\d.]+) > ([\d.]+) does not hold", first["because"]
    )
    assert found is not None, first["because"]
    value, low, same, high = map(float, found.groups())
    assert low < value <= high  # the floors in effect: volatility may raise both
    assert value == same
    assert low / 12.0 == high / 20.0
    assert first["a"].startswith("entered ")
    assert first["b"] == "nothing"
    assert first["symbol"] in shell.err
    rules = {rule["rule"]: (rule["a_passed"], rule["b_passed"]) for rule in first["rules"]}
    assert rules["ADX"] == (True, False)
    assert [rule for rule, (a, b) in rules.items() if a != b] == ["ADX"]


def test_a_rule_that_only_one_side_has_on_is_named_as_off_for_the_other(
    shell: Shell, base: Path, small_store: Path
) -> None:
    other = replayed(shell, small_store, "--set", "filters.enable_ranging_filter=true")

    first = compared(shell, base, other)["divergences"][0]

    assert re.fullmatch(
        r"votes for a range: A has it off, B \d < \d does not hold "
        r"\(thresholds.ranging.min_votes_count\)",
        first["because"],
    )


@pytest.mark.parametrize(
    "sets",
    [
        (),
        ("filters.require_btc_alignment=false", "thresholds.entry.macd_mode=sign"),
        (
            "thresholds.entry.enable_pullback_entries=true",
            "thresholds.entry.enable_slow_drift_entries=true",
            "market_regime.enable_regime_filter=true",
        ),
        ("trade.enable_ssf_filter=true", "filters.use_stoch_rsi_filter=true"),
        ("filters.require_macro_alignment=true", "indicators.ema_macro_window_bars=60"),
    ],
)
def test_what_the_kernel_did_is_what_the_rules_say(
    sets: tuple[str, ...], shell: Shell, small_store: Path
) -> None:
    """Each entry passes every rule; each exit breaks the rule of its reason, and none before it."""
    words = [word for text in sets for word in ("--set", text)]
    path = replayed(shell, small_store, *words)
    side = rerun(path, *read_artifact(path, ReplayReport), None)
    simulation = side.simulation
    events = events_of(closes_of(trades_frame(simulation.trades, simulation.symbols)))

    judged = 0
    for event in events[:60]:
        if event.reason in ("end_of_data", "delisted"):
            continue
        checks = checks_of(side, event)
        assert checks, event
        failing = [check.rule for check in checks.values() if not check.passed]
        assert all(check.key == "" or check.key in by_path() for check in checks.values())
        judged += 1
        if event.order == ENTRY or event.reason == "signal_flip":
            assert failing == [], event
        else:
            reason = (event.reason or "").removesuffix("_partial")
            assert reason in failing[0].split(":")[0].split(", "), (event, failing)
    assert judged > 25


def test_an_exit_that_differs_is_named_with_its_level(
    shell: Shell, base: Path, small_store: Path
) -> None:
    other = replayed(shell, small_store, "--set", "trade.stop_loss_atr=0.5")

    first = compared(shell, base, other)["divergences"][0]

    assert first["kind"] == "decision"
    assert first["a"] == "nothing"
    assert "by stop_loss" in first["b"]
    assert first["because"].startswith("stop_loss: close: A ")
    assert first["because"].endswith("(trade.stop_loss_atr)")


@pytest.mark.parametrize(
    ("options", "kind", "because"),
    [
        (("--initial-equity-usd", "20000"), "size", "A 10,000.00 USD, B 20,000.00 USD"),
        (("--set", "trade.taker_fee_bps=9"), "costs", ""),
        (("--set", "trade.entry_slippage_bps=9"), "price", "the rest is slippage"),
    ],
)
def test_equity_fees_and_slippage_are_named_as_such(
    options: tuple[str, ...], kind: str, because: str, shell: Shell, small_store: Path
) -> None:
    # One position at a time, all of one fill: its own costs show before they size another.
    alone = ("--symbols", "BTC", "--set", "trade.enable_pyramiding=false")
    base = replayed(shell, small_store, *alone)
    other = replayed(shell, small_store, *alone, *options)

    first = compared(shell, base, other)["divergences"][0]

    assert first["kind"] == kind
    assert because in first["because"]


def edited_store(folder: Path, *, drop: bool) -> Path:
    """The small store with one bar of BTC left out or changed."""
    rows = synthetic_rows(SPEC)
    row = int((rows.symbol_index == rows.symbols.index("BTC")).nonzero()[0][400])
    kept = [k for k in range(len(rows)) if not drop or k != row]
    values = rows.values.copy()
    values[row, 4] += 1.0
    rows = replace(
        rows,
        symbol_index=rows.symbol_index[kept],
        ts_ms=rows.ts_ms[kept],
        values=values[kept],
    )
    ingest(folder, "1h", rows, Origin(source="made", sha256="0" * 64, synthetic=True), CLOCK)
    return folder


@pytest.mark.parametrize(("drop", "seen"), [(True, "has no bar"), (False, "volume ")])
def test_a_bar_that_differs_is_the_first_divergence(
    drop: bool, seen: str, shell: Shell, base: Path
) -> None:
    other = replayed(shell, edited_store(shell.folder / "other", drop=drop))

    first = compared(shell, base, other)["divergences"][0]

    assert (first["kind"], first["symbol"]) == ("data", "BTC")
    assert first["b"].startswith(seen)
    assert first["ts_ms"] % 3_600_000 == 0
    assert "differs between the two stores" in first["because"]


def foreign(path: Path, drop: int | None = None) -> pl.DataFrame:
    """The trades as another system would write them."""
    frame = pl.read_parquet("trades.parquet").select(
        pl.col("symbol").alias("Pair"),
        pl.col("side").replace({"long": "BUY", "short": "SELL"}).alias("Direction"),
        (pl.col("entry_ts_ms") // 1000).alias("Entry Time"),
        pl.from_epoch("exit_ts_ms", time_unit="ms")
        .dt.strftime("%Y-%m-%d %H:%M:%S")
        .alias("Exit Time"),
        pl.col("entry_px").round(6).alias("Entry Price"),
        pl.col("exit_px").round(6).alias("Exit Price"),
        pl.col("size").alias("Qty"),
    )
    if drop is not None:
        frame = frame.with_row_index().filter(pl.col("index") != drop).drop("index")
    frame.write_csv(path)
    return frame


def test_another_system_s_csv_is_read_by_the_names_of_its_columns(shell: Shell, base: Path) -> None:
    foreign(Path("same.csv"))
    assert compared(shell, base, "same.csv")["diverged"] is False

    missing = pl.read_parquet("trades.parquet").sort("entry_ts_ms", "symbol").row(5, named=True)
    frame = foreign(Path("all.csv"))
    kept = frame.filter(
        ~(
            (pl.col("Pair") == missing["symbol"])
            & (pl.col("Entry Time") == missing["entry_ts_ms"] // 1000)
        )
    )
    kept.write_csv("less.csv")
    report = compared(shell, "less.csv", base)

    first = report["divergences"][0]
    assert (first["kind"], first["symbol"]) == ("decision", missing["symbol"])
    assert first["ts_ms"] == missing["entry_ts_ms"]
    assert first["a"] == "nothing"
    assert all(rule["a_passed"] is None and rule["b_passed"] for rule in first["rules"])
    assert len(first["rules"]) > 15
    assert shell("compare", "less.csv", base, "--fail-on-divergence") == 1
    assert shell.error()[0] == "error: the two diverge"
    assert Path(shell.out.strip()).is_file()


BAD: dict[str, tuple[str, str]] = {
    "no header": (ROW, "has no column for symbol"),
    "no size": (HEADER.removesuffix(",size") + "\n", "has no column for size"),
    "a price of nothing": (f"{HEADER}\n{ROW.replace(',101,', ',0,')}\n", "no exit price: 0"),
    "a side of its own": (f"{HEADER}\n{ROW.replace('long', 'up')}\n", "no side: 'up'"),
    "a time that is none": (f"{HEADER}\n{ROW.replace('2025-01-10T00', 'noon')}\n", "no entry time"),
    "an exit before the entry": (
        f"{HEADER}\n{ROW.replace('2025-01-10T05', '2025-01-09T05')}\n",
        "the exit lies before the entry",
    ),
    "no size in a row": (f"{HEADER}\n{ROW}\n{ROW.removesuffix('1')}\n", "no size: None"),
    "nothing at all": ("", "cannot be read as trades"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_of_trades_is_refused_in_three_lines(
    name: str, shell: Shell, base: Path
) -> None:
    text, said = BAD[name]
    Path("bad.csv").write_text(text)

    assert shell("compare", base, "bad.csv") == 3

    lines = shell.error()
    assert [line.split(":")[0] for line in lines] == ["error", "  at", "  next"]
    assert said in lines[0]
    assert "bad.csv" in lines[1]


def test_what_is_not_there_is_refused(shell: Shell, base: Path) -> None:
    assert shell("compare", base, "none.csv") == 3
    assert "no such file of trades" in shell.error()[0]
    assert shell("compare", base, "none.json") == 3
    assert shell("compare", base, "easy.yaml") == 3
    assert shell("compare", base, base, "--store", "nowhere") == 3
    assert len(shell.error()) == 3


def test_without_its_bars_a_replay_is_compared_by_what_its_report_holds(
    shell: Shell, base: Path, small_store: Path
) -> None:
    own = shell.folder / "own"
    shutil.copytree(small_store, own)
    other = replayed(shell, own, "--set", "trade.stop_loss_atr=0.5")
    shutil.rmtree(own)

    report = compared(shell, base, other)

    assert report["diverged"] is True
    assert report["divergences"] == []
    assert report["b"]["has_trades"] is False
    assert any("B: " in note for note in report["notes"])
    assert [each["path"] for each in report["configuration"]] == ["trade.stop_loss_atr"]
    assert shell("compare", base, other, "--fail-on-divergence") == 1
    assert shell("compare", base, other, "--store", small_store) == 0
    found = body(Path(shell.out.strip()))
    assert found["divergences"][0]["kind"] == "decision"


def test_a_replay_that_went_on_from_a_state_is_made_again(
    shell: Shell, base: Path, small_store: Path
) -> None:
    half = "2025-01-20T00:00:00Z"
    replayed(shell, small_store, "--end", half, "--state-out", "s.json")
    going_on = ("--init-state", "s.json")
    one = replayed(shell, small_store, *going_on)
    other = replayed(shell, small_store, *going_on, "--symbols", "BTC,ETH")

    assert compared(shell, one, one)["diverged"] is False
    report = compared(shell, one, other)
    assert report["diverged"] is True
    assert report["divergences"][0]["kind"] == "decision"
    Path("s.json").write_text(Path("s.json").read_text().replace('"ts_ms"', '"ts_ms" '))
    assert compared(shell, one, one)["a"]["has_trades"] is True


def test_json_holds_the_same_facts(shell: Shell, base: Path, small_store: Path) -> None:
    other = replayed(shell, small_store, "--set", "trade.stop_loss_atr=0.5")

    assert shell("compare", base, other, "--json", "--fail-on-divergence") == 1

    printed = json.loads(shell.out)
    assert printed["schema"] == "perpkit.compare"
    assert printed["ok"] is False
    assert printed["error"]["code"] == 1
    assert printed["data"]["divergences"][0]["kind"] == "decision"
    assert Path(printed["data"]["paths"][0]).is_file()
    metadata = json.loads((base.parents[1] / "run_metadata.json").read_text())
    assert metadata["body"]["commands"][-1]["exit_code"] in (0, 1)
