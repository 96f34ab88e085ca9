"""Finer bars from the command line: used where they span the window, refused where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.market.bars import Rows
from core.market.synthetic import MarketSpec, synthetic_market
from core.store.candles import ingest
from core.store.series import Origin
from tests.commands import CLOCK, Shell, body

SWEEP = """kind: sweep-spec
version: 1
base: easy.yaml
window: {holdout_frac: 0.25}
method: grid
objective: sharpe
min_positions: 1
axes:
  - {path: trade.stop_loss_atr, values: [1.0, 2.0]}
"""


@pytest.fixture(scope="module")
def quarters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A store of hours and quarters, and one whose quarters of BTC end after 400 hours."""
    market = synthetic_market(MarketSpec(seed=3, symbol_count=5, bar_count=1_100), ["1h", "15m"])
    stores = {}
    for name in ("whole", "short"):
        stores[name] = tmp_path_factory.mktemp(name) / "stores"
        for interval, rows in market.candles.items():
            kept = cut(rows) if (name, interval) == ("short", "15m") else rows
            ingest(stores[name], interval, kept, Origin("made", "0" * 64, synthetic=True), CLOCK)
    return stores


def cut(rows: Rows) -> Rows:
    """The rows without those of BTC after its first 1,600."""
    btc = (rows.symbol_index == rows.symbols.index("BTC")).nonzero()[0][1_600:]
    kept = [k for k in range(len(rows)) if k not in set(btc.tolist())]
    return Rows(rows.symbols, rows.symbol_index[kept], rows.ts_ms[kept], rows.values[kept])


def test_finer_exits_change_what_a_replay_does(shell: Shell, quarters: dict[str, Path]) -> None:
    store = ("--store", quarters["whole"])

    plain = body(shell.done("replay", "easy.yaml", *store))
    finer = body(shell.done("replay", "easy.yaml", *store, "--exit-interval", "15m"))
    both = body(
        shell.done(
            "replay", "easy.yaml", *store, "--exit-interval", "15m", "--entry-interval", "15m"
        )
    )

    assert finer["config_id"] != plain["config_id"]
    assert finer["span"]["instant_count"] > 3 * plain["span"]["instant_count"]
    assert finer["gates"]["checks"] == plain["gates"]["checks"]
    assert both["gates"]["checks"] > 3 * plain["gates"]["checks"]
    assert finer["trades_sha256"] != plain["trades_sha256"] != both["trades_sha256"]


@pytest.mark.parametrize("command", ["replay", "sweep", "validate"])
def test_finer_bars_that_do_not_cover_the_window_are_refused(
    command: str, shell: Shell, quarters: dict[str, Path]
) -> None:
    text = (shell.folder / "easy.yaml").read_text()
    (shell.folder / "easy.yaml").write_text(text + "  engine: {exit_interval: 15m}\n")
    (shell.folder / "sweep.yaml").write_text(SWEEP)
    file = "sweep.yaml" if command == "sweep" else "easy.yaml"

    assert shell(command, file, "--store", quarters["short"]) == 3

    what, at, hint = shell.error()
    assert "the 15m bars do not cover the window for 1 of 5 symbols: BTC" in what
    assert "BTC: its 15m bars go from" in at
    assert "--symbols" in hint
