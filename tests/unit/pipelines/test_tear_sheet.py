"""The tear sheet: whole, of one file, true to the report, and safe against what names say."""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.market.synthetic import MarketSpec, synthetic_rows
from core.store.candles import ingest, load
from core.store.series import Origin
from pipelines.sheet_page import section_html
from pipelines.tear_sheet import months_table
from schemas.kinds import KINDS
from schemas.sweep import SweepReport
from tests.commands import CLOCK, Shell, body, envelope, run_of
from tests.html_page import Page, assert_alone

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "artifacts"
SECTIONS = [
    "Equity and drawdown",
    "Return by month",
    "Exposure",
    "Distributions",
    "Trades on candles",
    "Costs",
    "What stopped entries",
]


def sheet(shell: Shell, *arguments: str | Path) -> tuple[Path, Path, Page, dict[str, Any]]:
    """Report, sheet, the sheet as a page, and the data that it draws."""
    assert shell("replay", "easy.yaml", "--html", *arguments) == 0, shell.err
    report, path = map(Path, shell.out.splitlines())
    page = Page(path.read_text())
    return report, path, page, json.loads(page.blocks["sheet-data"])


def test_a_sheet_is_one_file_that_has_every_section_and_loads_nothing(
    shell: Shell, small_store: Path
) -> None:
    report, path, page, data = sheet(shell, "--store", small_store)

    assert path.parent.name == "reports"
    assert path.stem == report.stem
    assert_alone(page, path.read_text())
    assert [title for title in page.titles if title in SECTIONS] == SECTIONS
    charts = {f"chart-{name}" for name in ("equity", "exposure", "pnl", "holding", "mae", "mfe")}
    charts |= {f"chart-{name}" for name in ("candles", "costs", "gates", "signals")}
    assert charts <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert data["costs"] == body(report)["costs"]
    assert path.stat().st_size < 6_000_000


def test_what_is_drawn_is_what_the_report_says(shell: Shell, small_store: Path) -> None:
    plain = ("--set", "trade.enable_pyramiding=false")
    report, _, _, data = sheet(shell, "--store", small_store, *plain)

    metrics = body(report)["metrics"]
    positions = data["positions"]
    curve = data["curve"]
    assert len(positions) == metrics["position_count"]
    assert sum(each["net_usd"] for each in positions) == pytest.approx(
        metrics["net_pnl_usd"], abs=0.05
    )
    assert curve["equity_usd"][-1] == pytest.approx(metrics["equity_end_usd"], abs=0.01)
    assert max(curve["drawdown_frac"]) == pytest.approx(metrics["drawdown_max_frac"], abs=1e-6)
    exposure = np.array(curve["long_frac"]) + np.array(curve["short_frac"])
    assert exposure.mean() == pytest.approx(metrics["exposure_mean_frac"], rel=1e-3)
    assert (exposure > 0).mean() == pytest.approx(metrics["exposure_frac"])
    most = max(body(report)["by_symbol"], key=lambda part: part["position_count"])
    assert data["symbols"][0] == most["name"]
    total = np.prod([1.0 + month["return_frac"] for month in data["months"]]) - 1.0
    assert total == pytest.approx(metrics["return_frac"])


def test_candles_are_the_store_s_and_levels_those_of_the_entry(
    shell: Shell, small_store: Path
) -> None:
    block = load(small_store, "1h")
    levels = ("--set", "trade.stop_loss_atr=2.5", "--set", "trade.take_profit_atr=4.0")
    _, _, _, data = sheet(shell, "--store", small_store, *levels)

    for symbol, packed in data["candles"].items():
        column = block.symbols.index(symbol)
        close_px = np.frombuffer(base64.b64decode(packed["close"]), "<f4")
        kept = block.close_px[block.present[:, column], column]
        assert close_px == pytest.approx(kept, rel=1e-6)
        if packed["at"] is not None:
            at = np.frombuffer(base64.b64decode(packed["at"]), "<i4").astype(np.int64)
            opens = packed["first_ms"] + at * packed["bar_ms"]
            assert opens.tolist() == block.ts_open_ms[block.present[:, column]].tolist()
    assert any(packed["at"] for packed in data["candles"].values())
    for position in data["positions"]:
        sign = 1 if position["side"] == "long" else -1
        risk_px = sign * (position["entry_px"] - position["stop_px"])
        gain_px = sign * (position["target_px"] - position["entry_px"])
        assert risk_px > 0
        assert gain_px / risk_px == pytest.approx(4.0 / 2.5, rel=1e-3)


def test_a_symbol_that_is_a_script_stays_text(shell: Shell) -> None:
    rows = synthetic_rows(MarketSpec(seed=3, symbol_count=5, bar_count=500, edge=1.0))
    evil = (
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
        "A&B<b>",
        "ok",
        "'\"",
    )
    rows = replace(rows, symbols=tuple(sorted(evil)))
    store = shell.folder / "<stores>"
    ingest(store, "1h", rows, Origin(source="made", sha256="0" * 64, synthetic=True), CLOCK)

    _, path, page, data = sheet(shell, "--store", store)

    text = path.read_text()
    assert len(data["symbols"]) > 1
    assert set(data["symbols"]) <= set(evil)
    assert set(evil[:2]) & set(data["symbols"])
    assert "<img" not in text.split("</style>")[1].split("<script>")[0]
    assert "alert(" not in "".join(page.scripts)
    assert_alone(page, text)


def test_an_equal_replay_gives_the_sheet_that_is_there(shell: Shell, small_store: Path) -> None:
    report, path, _, _ = sheet(shell, "--store", small_store)
    written = path.stat().st_mtime_ns

    again = sheet(shell, "--store", small_store, "--run", run_of(report))

    assert again[:2] == (report, path)
    assert path.stat().st_mtime_ns == written
    made = json.loads((report.parents[1] / "run_metadata.json").read_text())["body"]["commands"]
    assert [each["outputs"] for each in made] == [
        [f"replays/{report.name}", f"reports/{path.name}"]
    ] * 2


def test_show_makes_the_same_sheet_from_the_report(shell: Shell, small_store: Path) -> None:
    report, path, _, _ = sheet(shell, "--store", small_store)
    before = path.read_text()
    path.unlink()

    assert shell("show", report, "--html") == 0

    assert Path(shell.out.strip()) == path
    assert path.read_text() == before


def test_a_sheet_without_its_bars_says_what_is_missing(shell: Shell, small_store: Path) -> None:
    own = shell.folder / "own"
    shutil.copytree(small_store, own)
    report = shell.done("replay", "easy.yaml", "--store", own)
    shutil.rmtree(own)

    path = shell.done("show", report, "--html")

    page = Page(path.read_text())
    assert "without trades and candles" in shell.err
    assert "chart-equity" in page.ids
    assert "chart-candles" not in page.ids
    assert shell("show", report, "--html", "--store", "nowhere") == 3
    assert len(shell.error()) == 3


@pytest.mark.parametrize("kind", sorted(kind.kind for kind in KINDS if kind is not SweepReport))
def test_every_other_kind_has_a_page_for_a_browser(kind: str, shell: Shell) -> None:
    version = next(each.version for each in KINDS if each.kind == kind)
    copy = shell.folder / f"{kind}.json"
    shutil.copyfile(SAMPLES / f"v{version}" / f"{kind}.json", copy)

    path = shell.done("show", copy, "--html")

    page = Page(path.read_text())
    assert path == copy.with_suffix(".html")
    assert_alone(page, path.read_text())
    assert envelope(copy)["kind"] == kind
    assert len(page.titles) >= 2


def test_years_are_compounded_and_months_without_a_close_are_empty() -> None:
    months = [
        {"month": "2025-11", "return_frac": 0.10},
        {"month": "2025-12", "return_frac": -0.05},
        {"month": "2026-02", "return_frac": None},
    ]

    table = months_table({"months": months})

    assert "+10.0 %" in table
    assert "-5.0 %" in table
    assert "+4.5 %" in table
    assert table.count("<tr>") == 3
    assert table.count("<td></td>") == 10 + 13


def test_cells_of_a_table_are_escaped() -> None:
    from pipelines.sections import Section

    text = section_html(Section("<b>", ("<i>", "n"), (("<u>", "1"), ("&", "2"))))

    assert not re.search(r"<[biu]>", text)
    assert '<td class="n">1</td>' in text
