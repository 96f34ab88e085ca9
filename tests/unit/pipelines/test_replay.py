"""`perpkit replay` as a user runs it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from jsonschema import Draft202012Validator

from core.clock import parse_utc_ms
from core.config import config_id
from core.lock import hold
from core.market.bars import Rows
from core.market.synthetic import MarketSpec, synthetic_rows
from core.store.candles import ingest, load
from core.store.series import Origin
from schemas.strategy import strategy_from
from tests.commands import CLOCK, Shell, body, envelope, make_store, run_of

SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "json" / "replay-report.schema.json"

TRADE_COLUMNS = {
    "position_id": pl.Int64,
    "symbol": pl.String,
    "side": pl.String,
    "entry_ts_ms": pl.Int64,
    "exit_ts_ms": pl.Int64,
    "entry_px": pl.Float64,
    "exit_px": pl.Float64,
    "size": pl.Float64,
    "is_partial": pl.Boolean,
    "leverage": pl.Float64,
    "gross_pnl_usd": pl.Float64,
    "entry_fee_usd": pl.Float64,
    "exit_fee_usd": pl.Float64,
    "entry_slippage_usd": pl.Float64,
    "exit_slippage_usd": pl.Float64,
    "funding_usd": pl.Float64,
    "mae_frac": pl.Float64,
    "mfe_frac": pl.Float64,
    "adds": pl.Int64,
    "confidence": pl.String,
    "entry_mode": pl.String,
    "entry_atr_px": pl.Float64,
    "reason": pl.String,
}
HALF = "2025-01-20T00:00:00Z"


@pytest.fixture
def replay(shell: Shell, small_store: Path) -> list[str]:
    """The command line that replays the easy strategy; tests add options to it."""
    assert shell.folder.is_dir()
    return ["replay", "easy.yaml", "--store", str(small_store)]


def trades(path: Path) -> list[dict[str, Any]]:
    return pl.read_parquet(path).to_dicts()


def test_the_report_fits_its_schema_and_adds_up(shell: Shell, replay: list[str]) -> None:
    path = shell.done(*replay)

    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(envelope(path))
    report = body(path)
    metrics = report["metrics"]
    net_usd = metrics["gross_pnl_usd"] - metrics["fees_usd"]
    assert metrics["position_count"] > 20
    assert metrics["net_pnl_usd"] == pytest.approx(net_usd)
    for grouped in ("by_symbol", "by_side", "by_confidence", "by_month", "by_reason"):
        assert sum(each["net_pnl_usd"] for each in report[grouped]) == pytest.approx(net_usd)
    assert envelope(path)["synthetic"] is True
    assert [Path(each["path"]).name for each in envelope(path)["sources"]] == [
        "easy.yaml",
        "candles_1h.sqlite",
    ]


def test_the_costs_reconcile_with_the_closes_on_which_the_fills_were_decided(
    shell: Shell, replay: list[str], small_store: Path
) -> None:
    plain = ["--set", "trade.enable_pyramiding=false", "--set", "trade.exit_slippage_bps=11"]
    path = shell.done(*replay, *plain, "--trades-out", "t.parquet")

    costs = body(path)["costs"]
    block = load(small_store, "1h")
    closes = {
        (symbol, int(ts_ms) + block.interval_ms): close_px
        for column, symbol in enumerate(block.symbols)
        for ts_ms, close_px in zip(block.ts_open_ms, block.close_px[:, column], strict=True)
    }
    gross_usd = 0.0
    for row in trades(Path("t.parquet")):
        sign = 1 if row["side"] == "long" else -1
        mids = [closes[row["symbol"], row[f"{end}_ts_ms"]] for end in ("entry", "exit")]
        gross_usd += sign * (mids[1] - mids[0]) * row["size"]
    assert costs["gross_at_mid_usd"] == pytest.approx(gross_usd, abs=0.005)
    assert costs["net_pnl_usd"] == pytest.approx(
        gross_usd - costs["fees_usd"] - costs["slippage_usd"] + costs["funding_usd"], abs=0.005
    )
    assert costs["exit_slippage_usd"] > costs["entry_slippage_usd"] > 1.0
    assert costs["net_without_fees_usd"] == costs["net_pnl_usd"] + costs["fees_usd"]


def test_a_run_cut_in_two_has_the_costs_of_the_run_in_one_piece(
    shell: Shell, replay: list[str]
) -> None:
    whole = body(shell.done(*replay))["costs"]
    # Closing what is open at the cut is no fill of the state, so its costs are left out.
    shell.done(*replay, "--end", HALF, "--state-out", "s.json", "--trades-out", "first.parquet")
    first = body(Path(shell.out.splitlines()[0]))["costs"]
    forced = [row for row in trades(Path("first.parquet")) if row["reason"] == "end_of_data"]
    second = body(shell.done(*replay, "--init-state", "s.json"))["costs"]

    for name in ("exit_slippage_usd", "fees_usd"):
        key = "exit_fee_usd" if name == "fees_usd" else name
        twice = sum(row[key] for row in forced)
        assert whole[name] == pytest.approx(first[name] + second[name] - twice)
    assert whole["entry_slippage_usd"] == pytest.approx(
        first["entry_slippage_usd"] + second["entry_slippage_usd"]
    )
    assert second["gross_at_mid_usd"] == pytest.approx(
        second["net_pnl_usd"] + second["fees_usd"] + second["slippage_usd"]
    )


def test_a_report_holds_the_configuration_that_its_id_stands_for(
    shell: Shell, replay: list[str]
) -> None:
    report = body(shell.done(*replay, "--set", "trade.stop_loss_atr=1.75"))

    assert report["configuration"]["trade.stop_loss_atr"] == 1.75
    assert config_id(strategy_from(report["configuration"])) == report["config_id"]


def test_equal_inputs_give_an_equal_hash_in_another_run_from_another_place(
    shell: Shell, replay: list[str]
) -> None:
    first = shell.done(*replay)
    (shell.folder / "sub").mkdir()
    copy = (shell.folder / "sub" / "copy.yaml").absolute()
    copy.write_bytes((shell.folder / "easy.yaml").read_bytes())

    second = shell.done("replay", copy, *replay[2:], "--trades-out", "t.parquet")

    assert run_of(first) != run_of(second)
    assert envelope(first)["content_hash"] == envelope(second)["content_hash"]
    assert first.name == second.name


def test_a_run_that_holds_the_report_gives_it_back_with_its_warning(
    shell: Shell, replay: list[str]
) -> None:
    first = shell.done(*replay)
    written = first.read_bytes(), first.stat().st_mtime_ns
    warned = shell.err

    again = shell.done(*replay, "--run", run_of(first))

    assert again == first
    assert (first.read_bytes(), first.stat().st_mtime_ns) == written
    assert "warning: " in warned
    assert [line for line in warned.splitlines() if line.startswith("warning: ")] == [
        line for line in shell.err.splitlines() if line.startswith("warning: ")
    ]


def test_a_trades_file_can_be_had_later_from_the_run_that_holds_the_report(
    shell: Shell, replay: list[str]
) -> None:
    first = shell.done(*replay)
    written = first.stat().st_mtime_ns

    again = shell.done(*replay, "--run", run_of(first), "--trades-out", "late/t.parquet")

    assert again == first
    assert first.stat().st_mtime_ns == written
    assert len(trades(Path("late/t.parquet"))) >= body(first)["metrics"]["position_count"]


def test_force_writes_the_report_anew_and_changes_nothing_in_it(
    shell: Shell, replay: list[str]
) -> None:
    first = shell.done(*replay)
    before = envelope(first)["content_hash"]
    inode = first.stat().st_ino

    again = shell.done(*replay, "--run", run_of(first), "--force")

    assert again == first
    assert first.stat().st_ino != inode
    assert envelope(first)["content_hash"] == before


def test_other_options_in_one_run_are_other_reports(shell: Shell, replay: list[str]) -> None:
    first = shell.done(*replay)
    run = ["--run", run_of(first)]

    others = [
        shell.done(*replay, *run, *options)
        for options in (
            ["--symbols", "BTC"],
            ["--start", HALF],
            ["--end", HALF],
            ["--initial-equity-usd", "5000"],
            ["--set", "trade.stop_loss_atr=3"],
            ["--set", "trade.stop_loss_atr=2.0"],
            ["--interval", "1h"],
        )
    ]

    assert len({first, *others}) == 8


def test_symbols_limit_trading_and_not_context(shell: Shell, replay: list[str]) -> None:
    shell.done(*replay, "--trades-out", "all.parquet", "--indicators-out", "all_i.parquet")
    path = shell.done(
        *replay, "--symbols", "ETH,BTC,ETH", "--trades-out", "two.parquet",
        "--indicators-out", "two_i.parquet",
    )  # fmt: skip

    traded = {row["symbol"] for row in trades(Path("two.parquet"))}
    assert traded == {"BTC", "ETH"} < {row["symbol"] for row in trades(Path("all.parquet"))}
    assert body(path)["span"]["tradable"] == ["BTC", "ETH"]
    assert body(path)["span"]["symbol_count"] == 6
    assert Path("two_i.parquet").read_bytes() == Path("all_i.parquet").read_bytes()


def test_the_order_in_which_symbols_are_named_does_not_matter(
    shell: Shell, replay: list[str]
) -> None:
    first = shell.done(*replay, "--symbols", "ETH,BTC")
    second = shell.done(*replay, "--symbols", " BTC , ETH ")

    assert envelope(first)["content_hash"] == envelope(second)["content_hash"]


def test_start_and_end_bound_every_decision(shell: Shell, replay: list[str]) -> None:
    start, end = "2025-01-15", "2025-01-25T12:00:00Z"
    path = shell.done(*replay, "--start", start, "--end", end, "--trades-out", "t.parquet")

    span = body(path)["span"]
    rows = trades(Path("t.parquet"))
    assert (span["first_open_utc"], span["last_close_utc"]) == ("2025-01-15T00:00:00Z", end)
    assert span["instant_count"] == 10 * 24 + 12
    assert rows
    assert min(row["entry_ts_ms"] for row in rows) > 1_736_899_200_000
    assert max(row["exit_ts_ms"] for row in rows) <= 1_737_806_400_000


def test_a_run_cut_in_two_by_a_state_file_equals_the_whole_run(
    shell: Shell, replay: list[str]
) -> None:
    shell.done(*replay, "--trades-out", "whole.parquet", "--state-out", "whole.json")
    shell.done(*replay, "--end", HALF, "--trades-out", "one.parquet", "--state-out", "half.json")
    shell.done(
        *replay, "--init-state", "half.json", "--trades-out", "two.parquet",
        "--state-out", "end.json",
    )  # fmt: skip

    first = [row for row in trades(Path("one.parquet")) if row["reason"] != "end_of_data"]
    joined = sorted([*first, *trades(Path("two.parquet"))], key=lambda row: row["position_id"])
    whole = sorted(trades(Path("whole.parquet")), key=lambda row: row["position_id"])
    ended, expected = body(Path("end.json")), body(Path("whole.json"))
    assert joined == whole
    for name in ("ts_ms", "symbols", "positions", "marks", "series"):
        assert ended[name] == expected[name], name
    assert ended["account"]["cash_usd"] == expected["account"]["cash_usd"]


def test_the_trades_file_has_the_promised_columns(shell: Shell, replay: list[str]) -> None:
    path = shell.done(*replay, "--trades-out", "t.parquet")

    frame = pl.read_parquet("t.parquet")
    assert list(frame.schema.items()) == list(TRADE_COLUMNS.items())
    assert frame["position_id"].n_unique() == body(path)["metrics"]["position_count"]
    assert frame["gross_pnl_usd"].sum() == pytest.approx(body(path)["metrics"]["gross_pnl_usd"])
    assert (frame["exit_ts_ms"] % 3_600_000 == 0).all()


def test_the_indicators_file_has_a_row_per_bar(
    shell: Shell, replay: list[str], small_store: Path
) -> None:
    shell.done(*replay, "--indicators-out", "i.parquet")

    frame = pl.read_parquet("i.parquet")
    assert len(frame) == load(small_store, "1h").bar_count
    assert frame.select(["symbol", frame.columns[1]]).is_unique().all()


def test_bars_missing_inside_the_window_are_said_and_not_filled(
    shell: Shell, replay: list[str], small_store: Path
) -> None:
    path = shell.done(*replay)

    block = load(small_store, "1h")
    missing = body(path)["span"]["missing_bars"]
    expected = {}
    for column, symbol in enumerate(block.symbols):
        rows = block.present[:, column].nonzero()[0]
        expected[symbol] = int(rows[-1] - rows[0] + 1 - len(rows))
    assert missing == {symbol: count for symbol, count in expected.items() if count}
    assert f"warning: {sum(missing.values())} bars are missing inside the window" in shell.err
    assert body(path)["span"]["symbol_bar_count"] == block.bar_count


def test_a_file_that_cannot_be_written_leaves_no_report_behind(
    shell: Shell, replay: list[str]
) -> None:
    (shell.folder / "taken").mkdir()

    assert shell(*replay, "--trades-out", "taken") == 3

    assert shell.error()[1] == "  at:   taken"
    assert list(shell.folder.glob("artifacts/*/*/replays/*")) == []
    assert list(shell.folder.glob("**/*.tmp")) == []


def test_a_run_in_use_is_refused_with_the_holder_s_name(shell: Shell, replay: list[str]) -> None:
    path = shell.done(*replay)
    metadata = path.parent.parent / "run_metadata.json"
    before = metadata.read_bytes()

    with hold(path.parent.parent / ".run.lock"):
        assert shell(*replay, "--run", run_of(path), "--end", HALF) == 1

    assert f"is in use by process {os.getpid()}" in shell.error()[0]
    assert metadata.read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value"), [("--start", "2025-01-25"), ("--initial-equity-usd", "5000")]
)
def test_an_option_that_the_state_decides_is_refused_beside_it(
    shell: Shell, replay: list[str], option: str, value: str
) -> None:
    shell.done(*replay, "--end", HALF, "--state-out", "half.json")

    assert shell(*replay, "--init-state", "half.json", option, value) == 2
    assert option in shell.error()[0]


def test_a_state_at_the_end_of_the_store_has_nothing_to_go_on_with(
    shell: Shell, replay: list[str]
) -> None:
    shell.done(*replay, "--state-out", "end.json")

    assert shell(*replay, "--init-state", "end.json") == 3
    assert "no later bar is stored" in shell.error()[0]


def test_a_state_does_not_go_on_in_another_market(shell: Shell, replay: list[str]) -> None:
    shell.done(*replay, "--end", HALF, "--state-out", "half.json")
    rows = ["symbol,t,o,h,l,c,v"]
    rows += [f"BTC,{1_735_689_600_000 + hour * 3_600_000},1,2,0.5,1,9" for hour in range(900)]
    (shell.folder / "real.csv").write_text("\n".join(rows) + "\n")
    assert shell("fetch", "--from-file", "real.csv", "--store", "real") == 0

    assert shell("replay", "easy.yaml", "--store", "real", "--init-state", "half.json") == 3
    assert "made-up bars" in shell.error()[0]


def test_bars_missing_right_after_the_state_are_said(shell: Shell, tmp_path: Path) -> None:
    spec = MarketSpec(seed=3, symbol_count=6, bar_count=600, edge=1.0)
    whole = make_store(tmp_path / "whole", spec)
    rows = synthetic_rows(spec)
    late = rows.ts_ms >= parse_utc_ms("2025-01-11")
    kept = Rows(rows.symbols, rows.symbol_index[late], rows.ts_ms[late], rows.values[late])
    ingest(tmp_path / "late", "1h", kept, Origin("made", "0" * 64, synthetic=True), CLOCK)
    shell.done(
        "replay", "easy.yaml", "--store", whole, "--end", "2025-01-10", "--state-out", "s.json"
    )

    shell.done("replay", "easy.yaml", "--store", whole, "--init-state", "s.json")
    assert "between the state" not in shell.err
    shell.done("replay", "easy.yaml", "--store", "late", "--init-state", "s.json")
    assert "24 bars are missing between the state, which stands at 2025-01-10T00:00" in shell.err


def test_bars_after_the_end_are_no_part_of_a_report(shell: Shell, small_store: Path) -> None:
    store = Path(shutil.copytree(small_store, shell.folder / "grows"))
    bars = load(store, "1h")
    command = ("replay", "easy.yaml", "--store", store, "--end", str(int(bars.ts_open_ms[-300])))
    first = shell.done(*command)
    later = np.array([int(bars.ts_open_ms[-1]) + bars.interval_ms], np.int64)
    values = np.array([[9.0, 9.5, 8.5, 9.0, 1.0]])
    rows = Rows(("BTC",), np.zeros(1, np.int64), later, values)
    ingest(store, "1h", rows, Origin("later", "2" * 64, synthetic=True), CLOCK)
    second = shell.done(*command)

    assert second.name == first.name
    assert envelope(second)["content_hash"] == envelope(first)["content_hash"]


def test_symbols_without_a_margin_table_are_said_where_liquidation_is_tested(
    shell: Shell, replay: list[str]
) -> None:
    shell.done("fetch", "--synthetic", "--symbols-count", "6", "--bars", "900", "--store", "made")
    whole = shell.done("replay", "easy.yaml", "--store", "made")
    assert body(whole)["by_symbol"]
    assert "margin table" not in shell.err

    path = shell.done(*replay)

    count = len([part for part in body(path)["by_symbol"] if part["position_count"]])
    assert f"no margin table is stored for {count} of {count} symbols traded" in shell.err
    assert "taken as 5 % of the notional" in shell.err
    shell.done(*replay, "--set", "trade.enable_liquidation=false")
    assert "margin table" not in shell.err
