"""`perpkit replay --explain` as a user runs it: what was decided, and words for bad places."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.market.synthetic import MarketSpec
from core.store.candles import load
from pipelines.explain import place_of
from schemas.parameters import by_path
from tests.commands import Shell, make_store

SPEC = MarketSpec(seed=3, symbol_count=6, bar_count=900, edge=1.0)


@pytest.fixture
def trade(shell: Shell, small_store: Path) -> dict[str, Any]:
    """The first trade of the easy strategy over the small store."""
    store = ("--store", small_store)
    shell.done("replay", "easy.yaml", *store, "--trades-out", "trades.parquet")
    frame = pl.read_parquet("trades.parquet").filter(pl.col("reason") != "end_of_data")
    return frame.row(0, named=True)


def asked(shell: Shell, store: Path, place: str, *options: str) -> dict[str, Any]:
    """The decision as JSON."""
    code = shell("replay", "easy.yaml", "--store", store, "--explain", place, "--json", *options)
    assert code == 0, shell.err
    return dict(json.loads(shell.out)["data"]["decision"])


def test_an_entry_is_told_with_its_rules_rank_and_size(
    shell: Shell, small_store: Path, trade: dict[str, Any]
) -> None:
    told = asked(shell, small_store, f"{trade['symbol']}@{trade['entry_ts_ms']}")

    assert told["did"] == f"entered {trade['side']}"
    assert told["because"] == "every rule said yes"
    assert told["signal"]["side"] == trade["side"]
    assert told["rank"][0] <= told["rank"][1]
    for name in ("size", "margin_usd", "leverage"):
        assert told["after"][name] == told["sizing"][name]
    assert told["after"]["avg_px"] == told["sizing"]["fill_px"]
    assert told["score"] == 100 * ["low", "medium", "high"].index(
        told["signal"]["confidence"]
    ) + int(told["snapshot"]["adx"])
    keys = [check["key"] for group in told["groups"] for check in group["checks"]]
    assert set(keys) - {""} <= set(by_path())
    assert told["before"] is None
    assert told["after"]["side"] == trade["side"]


def test_an_exit_is_told_with_the_rule_that_closed(
    shell: Shell, small_store: Path, trade: dict[str, Any]
) -> None:
    told = asked(shell, small_store, f"{trade['symbol']}@{trade['exit_ts_ms']}")

    assert trade["reason"] in told["did"]
    assert told["because"].startswith(trade["reason"])
    assert told["before"]["avg_px"] == trade["entry_px"]
    assert [close["exit_px"] for close in told["closes"]] == [trade["exit_px"]]


def test_the_page_marks_the_rule_and_writes_nothing(
    shell: Shell, small_store: Path, trade: dict[str, Any]
) -> None:
    artifacts = sorted(Path("artifacts").rglob("*"))
    moment = datetime.fromtimestamp(trade["exit_ts_ms"] / 1000, UTC).isoformat()

    code = shell(
        "replay", "easy.yaml", "--store", small_store, "--explain", f"{trade['symbol']}@{moment}"
    )

    assert code == 0, shell.err
    (marked,) = [line for line in shell.out.splitlines() if "CLOSES" in line]
    assert marked.startswith(trade["reason"])
    assert max(map(len, shell.out.splitlines())) <= 130
    assert sorted(Path("artifacts").rglob("*")) == artifacts


def test_options_of_the_replay_hold_for_the_explanation(
    shell: Shell, small_store: Path, trade: dict[str, Any]
) -> None:
    place = f"{trade['symbol']}@{trade['entry_ts_ms']}"

    told = asked(shell, small_store, place, "--set", "thresholds.entry.min_adx=90")
    other = asked(shell, small_store, place, "--symbols", other_than(trade["symbol"]))

    assert told["did"] == "nothing: no position"
    assert "thresholds.entry.min_adx" in told["because"]
    assert "--symbols" in other["because"]


def other_than(symbol: str) -> str:
    return "ETH" if symbol == "BTC" else "BTC"


def test_a_state_is_gone_on_from(shell: Shell, small_store: Path, trade: dict[str, Any]) -> None:
    cut_ms = trade["exit_ts_ms"] - 3_600_000
    place = f"{trade['symbol']}@{trade['exit_ts_ms']}"
    plain = asked(shell, small_store, place)
    state = ("--end", str(cut_ms), "--state-out", "state.json")
    shell.done("replay", "easy.yaml", "--store", small_store, *state)

    told = asked(shell, small_store, place, "--init-state", "state.json")

    assert told == plain


@pytest.mark.parametrize(
    ("place", "options", "code", "words"),
    [
        ("BTC", (), 2, ("which symbol and which bar", "SYMBOL@TIME")),
        ("BTC@", (), 2, ("which symbol and which bar",)),
        ("@1735693200000", (), 2, ("which symbol and which bar",)),
        ("BTC@noon", (), 2, ("'noon' is not a time", "--explain 'BTC@noon'")),
        ("btc@2025-01-10", (), 3, ("'btc' has no bars", "did you mean BTC?")),
        ("BTC@2025-01-10T00:30", (), 3, ("no bar of BTC closes at", "2025-01-10T01:00:00Z")),
        ("BTC@2031-01-10", (), 3, ("no bar of BTC closes at", "its bars close from")),
        ("BTC@2025-01-10", ("--html",), 2, ("--html beside --explain",)),
        ("BTC@2025-01-10", ("--trades-out", "t.parquet"), 2, ("--trades-out beside",)),
        ("BTC@2025-01-10", ("--run", "latest"), 2, ("--run beside --explain",)),
    ],
)
def test_what_cannot_be_explained_is_said(
    place: str,
    options: tuple[str, ...],
    code: int,
    words: tuple[str, ...],
    shell: Shell,
    small_store: Path,
) -> None:
    store = ("--store", small_store)

    assert shell("replay", "easy.yaml", *store, "--explain", place, *options) == code

    error = "\n".join(shell.error())
    assert all(word in error for word in words), error


def test_a_symbol_may_hold_an_at_sign() -> None:
    assert place_of("@107@1735693200000") == ("@107", 1_735_693_200_000)


def test_a_symbol_without_a_bar_in_the_window_is_said(shell: Shell, tmp_path: Path) -> None:
    store = make_store(tmp_path / "late", MarketSpec(seed=5, symbol_count=16, bar_count=900))
    block = load(store, "1h")
    first = block.present.argmax(axis=0)
    late = block.symbols[int(first.argmax())]
    before_ms = int(block.ts_open_ms[first.max() - 1])
    place = f"{late}@{before_ms}"

    code = shell(
        "replay", "easy.yaml", "--store", store, "--explain", place, "--end", str(before_ms)
    )

    assert code == 3
    assert shell.error()[0] == f"error: no bar of {late} closes inside the window"
