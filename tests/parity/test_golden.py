"""The kernel's trades and indicators equal those that the reference system printed, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.clock import ManualClock
from core.market.bars import HOUR_MS
from pipelines import fetch, replay
from pipelines.import_reference import write_imported
from schemas.replay import ReplayReport

CLOCK = ManualClock(1_750_000_000_000)
STRICT = (
    "d01_default",
    "d02_all_modes_low_confidence",
    "d03_partial_tp_no_dynamic_sizing",
    "d04_windows",
    "d05_open_gates",
    "d06_regime_and_reverse",
    "d07_macro_volume_few_positions",
    "d08_tight_trailing_glitch",
)
STRICT_ROW_COUNT = 35_208
ADDS = "n01_near_pyramiding"

KEY = ["symbol", "side", "entry_ts_ms", "exit_ts_ms", "reason_code"]
VALUES = {
    "entry_px": "entry_price",
    "exit_px": "exit_price",
    "size": "exit_size",
    "gross_pnl_usd": "pnl_usd",
    "exit_fee_usd": "fee_usd",
    "mae_frac": "mae_pct",
    "mfe_frac": "mfe_pct",
}
"""Our column -> theirs, whose percents are fractions."""

COARSE = {
    "stop_loss": "exit_stop_loss",
    "trailing_stop": "exit_trailing_stop",
    "take_profit": "exit_take_profit",
    "take_profit_partial": "exit_take_profit",
    "signal_flip": "exit_signal_flip",
    "end_of_data": "exit_end_of_backtest",
}
"""Our reason -> their code; every smart exit is `exit_filter`."""

LEADING_WORDS = {
    "Stop Loss": "stop_loss",
    "Trailing Stop": "trailing_stop",
    "Take Profit (Partial)": "take_profit_partial",
    "Take Profit": "take_profit",
    "Trend Breakdown": "trend_breakdown",
    "Trend Exhaustion": "trend_exhaustion",
    "EMA Macro Breakout": "ema_macro",
    "Stagnation Exit": "stagnation",
    "Trend Saturation Momentum Exhaustion": "tsme",
    "MACD Persistent Divergence": "mmde",
    "RSI Overbought": "rsi_overextension",
    "RSI Oversold": "rsi_overextension",
    "Signal Flip": "signal_flip",
    "End of Backtest": "end_of_data",
}
COUNTERS = {
    "total_checks": "checks",
    "signals_generated": "signals",
    "blocked_by_pesc": "blocked_by_reentry_cooldown",
}
"""Their counters that have another name here; the others are equal."""

UNMET_COUNTERS = {"blocked_by_margin", "signal_pct"}
"""The first hangs on the last digit of a sum, the second is a ratio of two others."""

DECIMALS = {
    "close_px": ("close", 8),
    "ema_slow_px": ("ema_slow", 8),
    "ema_fast_px": ("ema_fast", 8),
    "ema_macro_px": ("ema_macro", 8),
    "adx": ("adx", 4),
    "adx_slope": ("adx_slope", 4),
    "plus_di": ("adx_pos", 4),
    "minus_di": ("adx_neg", 4),
    "bb_upper_px": ("bb_upper", 8),
    "bb_lower_px": ("bb_lower", 8),
    "bb_width_frac": ("bb_width", 6),
    "atr_px": ("atr", 8),
    "rsi": ("rsi", 4),
    "macd_hist_px": ("macd_hist", 8),
    "stoch_rsi_k": ("stoch_rsi_k", 4),
    "stoch_rsi_d": ("stoch_rsi_d", 4),
    "vol_sma": ("vol_sma", 4),
    "vol_trend": ("vol_trend", 0),
}
"""Our column -> theirs and the decimals that it is printed with."""


@dataclass(frozen=True)
class Replayed:
    """Our report and trades of one set, and theirs, with equal column names and times."""

    report: ReplayReport
    ours: pl.DataFrame
    theirs: pl.DataFrame
    summary: dict[str, Any]


def silent(_: str) -> None:
    """Progress is of no interest here."""


@pytest.fixture(scope="module")
def golden_dir(shared_dir: Path) -> Path:
    return shared_dir / "golden" / "trades"


@pytest.fixture(scope="module")
def root(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of the recorded candles, fetched as a user would."""
    folder = tmp_path_factory.mktemp("golden")
    candles = shared_dir / "data" / "hl_candles_1h.parquet"
    request = fetch.FetchRequest(store=folder / "stores", root=folder, from_file=candles)
    result = fetch.run(request, CLOCK, silent)
    assert result.series[0].counts.inserted == 294_606
    return folder


@pytest.fixture(scope="module")
def replayed(root: Path, golden_dir: Path) -> Callable[[str], Replayed]:
    @cache
    def of(name: str) -> Replayed:
        config, trades = root / f"{name}.yaml", root / f"{name}.parquet"
        write_imported(golden_dir / f"{name}.yaml", config, force=False)
        request = replay.ReplayRequest(
            config=config, store=root / "stores", root=root, trades_out=trades
        )
        report = replay.run(request, CLOCK, silent).report
        theirs = pl.read_parquet(golden_dir / f"{name}.trades.parquet")
        summary = json.loads((golden_dir / f"{name}.summary.json").read_text())
        return Replayed(report, ours_like_theirs(trades), theirs_like_ours(theirs), summary)

    return of


def ours_like_theirs(path: Path) -> pl.DataFrame:
    """Our trades stamped with open times, with the reference's coarse reason."""
    coarse = pl.col("reason").replace_strict(COARSE, default="exit_filter")
    return pl.read_parquet(path).with_columns(
        pl.col("entry_ts_ms") - HOUR_MS,
        pl.col("exit_ts_ms") - HOUR_MS,
        reason_code=coarse,
    )


def theirs_like_ours(frame: pl.DataFrame) -> pl.DataFrame:
    """The reference's trades with our names for columns, sides and finer reasons."""
    words = pl.lit(None, pl.String)
    for text, reason in reversed(LEADING_WORDS.items()):  # the last test made decides
        words = (
            pl.when(pl.col("reason").str.starts_with(text)).then(pl.lit(reason)).otherwise(words)
        )
    return frame.rename({theirs: ours for ours, theirs in VALUES.items()}).with_columns(
        pl.col("side").str.to_lowercase(), reason=words, text=pl.col("reason")
    )


def first_of(rows: pl.DataFrame) -> str:
    """The earliest row, for a message."""
    return str(rows.sort("exit_ts_ms", "symbol").row(0, named=True)) if rows.height else "none"


def assert_no_rows(rows: pl.DataFrame, what: str) -> None:
    """Fail with the first diverging row."""
    assert rows.height == 0, f"{rows.height} rows {what}; the first: {first_of(rows)}"


@pytest.mark.parametrize("name", STRICT)
def test_each_row_of_the_reference_is_met(name: str, replayed: Callable[[str], Replayed]) -> None:
    both = replayed(name)
    assert both.theirs.unique(KEY).height == both.theirs.height

    assert_no_rows(both.theirs.join(both.ours, on=KEY, how="anti"), "are the reference's alone")
    assert_no_rows(both.ours.join(both.theirs, on=KEY, how="anti"), "are ours alone")
    assert both.ours.height == both.theirs.height


@pytest.mark.parametrize("name", STRICT)
def test_each_value_of_each_row_is_met(name: str, replayed: Callable[[str], Replayed]) -> None:
    both = replayed(name)
    pairs = both.theirs.join(both.ours, on=KEY, suffix="_ours")

    for column in VALUES:
        theirs, ours = pl.col(column), pl.col(f"{column}_ours")
        far = pairs.filter((ours - theirs).abs() > 1e-6 * theirs.abs() + 1e-8)
        assert_no_rows(far, f"differ in {column}")
    assert_no_rows(
        pairs.filter(pl.col("reason").ne_missing(pl.col("reason_ours"))), "differ in reason"
    )
    assert_no_rows(
        pairs.filter(pl.col("position_id") != pl.col("position_id_ours")),
        "differ in the order of entries",
    )


@pytest.mark.parametrize("name", STRICT)
def test_balance_fees_and_counters_are_met(name: str, replayed: Callable[[str], Replayed]) -> None:
    both = replayed(name)
    metrics, gates, summary = both.report.metrics, both.report.gates, both.summary

    assert metrics["equity_end_usd"] == pytest.approx(summary["final_balance"], rel=1e-6)
    assert metrics["fees_usd"] == pytest.approx(summary["total_fees"], rel=1e-6)
    expected = {
        COUNTERS.get(key, key): count
        for key, count in summary["gate_stats"].items()
        if key not in UNMET_COUNTERS
    }
    assert {key: gates[key] for key in expected} == expected


def test_the_strict_sets_hold_all_rows(replayed: Callable[[str], Replayed]) -> None:
    met = 0
    for name in STRICT:
        both = replayed(name)
        met += both.ours.join(both.theirs, on=KEY, how="semi").height

    assert met == STRICT_ROW_COUNT


def test_with_adds_nearly_every_row_is_met(replayed: Callable[[str], Replayed]) -> None:
    both = replayed(ADDS)
    lost = both.theirs.join(both.ours, on=KEY, how="anti")
    share = 1.0 - lost.height / both.theirs.height

    balance = both.report.metrics["equity_end_usd"]

    assert share >= 0.995, f"{share:.4%} of the keys are met; the first lost: {first_of(lost)}"
    assert balance == pytest.approx(both.summary["final_balance"], rel=0.01)


def test_indicators_equal_the_printed_decimals(root: Path, golden_dir: Path) -> None:
    config, out = root / "indicators.yaml", root / "indicators.parquet"
    write_imported(golden_dir / "d01_default.yaml", config, force=False)
    request = replay.ReplayRequest(
        config=config, store=root / "stores", root=root, indicators_out=out
    )
    replay.run(request, CLOCK, silent)
    ours = pl.read_parquet(out)

    for symbol in ("BTC", "ETH", "SOL"):
        printed = pl.read_parquet(golden_dir / f"ind_{symbol}.parquet")
        assert set(printed.columns) == {"t", *(name for name, _ in DECIMALS.values())}
        both = printed.rename(lambda name: f"printed_{name}").join(
            ours.filter(pl.col("symbol") == symbol), left_on="printed_t", right_on="ts_open_ms"
        )
        assert both.height == printed.height
        for column, (name, decimals) in DECIMALS.items():
            # Half a unit of the last decimal, and the last digits of a double beside it.
            limit = 0.5 * 10.0**-decimals + 1e-12 * pl.col(f"printed_{name}").abs()
            far = both.filter((pl.col(column) - pl.col(f"printed_{name}")).abs() > limit)
            assert far.height == 0, f"{symbol} {name}: {far.row(0, named=True)}"
