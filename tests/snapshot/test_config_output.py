"""What `perpkit config` prints, as a person sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from cli import main

TREND = """\
kind: strategy
version: 1
name: trend
global:
  trade:
    stop_loss_atr: 1.5
    entry_min_confidence: low
symbols:
  BTC:
    trade: {stop_loss_atr: 1.25}
modes:
  safe:
    trade:
      allocation_frac: 0.02
live:
  trade:
    open_positions_max_count: 5
"""
HEAD = "kind: strategy\nversion: 1\nglobal:\n  trade:\n"
BAD = {
    "unknown key": HEAD + "    stop_los_atr: 1\n",
    "key of another group": HEAD + "    min_adx: 20\n",
    "key like none": HEAD + "    zzzz: 1\n",
    "group in another group": HEAD + "    entry: {min_adx: 1}\n",
    "group at the top": "kind: strategy\nversion: 1\ntrade: {stop_loss_atr: 1}\n",
    "switch for a number": HEAD + "    stop_loss_atr: true\n",
    "text for a number": HEAD + "    stop_loss_atr: '2'\n",
    "nothing for a number": HEAD + "    stop_loss_atr:\n",
    "fraction for a count": HEAD + "    adds_max_count: 2.5\n",
    "word for a switch": HEAD + "    enable_ssf_filter: yes\n",
    "unknown word": HEAD + "    entry_min_confidence: hgh\n",
    "out of bounds": HEAD + "    stop_loss_atr: -2\n",
    "not a number": HEAD + "    stop_loss_atr: .nan\n",
    "contradiction": HEAD[: -len("  trade:\n")] + "  indicators: {ema_fast_window_bars: 50}\n",
    "duplicate key": HEAD + "    adds_max_count: 2\n    adds_max_count: 3\n",
    "tag": HEAD + "    adds_max_count: !!int 2\n",
    "anchor": HEAD + "    adds_max_count: &two 2\n",
    "alias": HEAD + "    adds_max_count: *two\n",
    "broken": HEAD + "    adds_max_count: [2\n",
    "tab": HEAD + "\tadds_max_count: 2\n",
    "two documents": HEAD + "    adds_max_count: 2\n---\n",
    "empty": "",
    "a list": "- 1\n",
    "newer version": "kind: strategy\nversion: 2\nsomething: new\n",
    "wrong kind": "kind: strat\nversion: 1\n",
    "no kind": "version: 1\n",
    "unknown mode": "kind: strategy\nversion: 1\nmodes: {saef: {}}\n",
    "interval of a symbol": "kind: strategy\nversion: 1\n"
    "symbols: {BTC: {engine: {interval: 4h}}}\n",
    "too large": "#" * 300_000,
    "many problems": HEAD + "".join(f"    key_{number}: 1\n" for number in range(12)),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "trend.yaml").write_text(TREND)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main.run(["config", *arguments])
    printed = capsys.readouterr()
    return f"exit {code}\n--- stdout\n{printed.out}--- stderr\n{printed.err}"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    (folder / "bad.yaml").write_text(BAD[name])

    assert said(capsys, "check", "bad.yaml") == snapshot


@pytest.mark.parametrize(
    "arguments",
    [
        "show trend.yaml --mode m3 --live --set trade.take_profit_atr=5 --origin",
        "show trend.yaml",
        "show trend.yaml --symbol BTC --json",
        "show none.yaml",
        "show trend.yaml --mode turbo",
        "show trend.yaml --set trade.stop_los=1",
        "show trend.yaml --set trade.stop_los=1 --json",
        "check trend.yaml",
        "explain stop_loss_atr",
        "explain filters.enable_ranging_filter",
        "explain ema_fast_window_bars",
        "explain engine",
        "explain trade.min_adx",
        "explain stop_los",
        "init --out trend.yaml",
    ],
)
def test_a_command(
    arguments: str, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    assert said(capsys, *arguments.split()) == snapshot


def test_an_import(
    folder: Path, capsys: pytest.CaptureFixture[str], snapshot: SnapshotAssertion
) -> None:
    (folder / "theirs.yaml").write_text(
        "global:\n  trade: {sl_atr_mult: 1.5, leverage: 3, tp_atr_mul: 5}\n"
        "  thresholds: {tp_and_momentum: {tp_mult_weak: 2}}\n"
    )

    assert said(capsys, "import-reference", "theirs.yaml", "--out", "ours.yaml") == snapshot
    assert (folder / "ours.yaml").read_text() == snapshot
