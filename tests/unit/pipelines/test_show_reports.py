"""What the pages of artifacts do with odd content: nulls, many symbols, many axes, nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.output import table_text
from pipelines.sections import Section, cut, figure, listed, percent, signed_usd
from pipelines.show import short_name
from pipelines.show_replay import curve_section, replay_headline, replay_sections
from pipelines.show_reports import HEADLINES, RENDERERS, data_sections
from pipelines.show_search import gate_headline, gate_sections, sweep_headline, sweep_sections
from schemas.kinds import KINDS, newest_version

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "artifacts"
COLUMNS_MAX = 120


def body_of(kind: str) -> dict[str, Any]:
    path = SAMPLES / f"v{newest_version(kind)}" / f"{kind}.json"
    body: dict[str, Any] = json.loads(path.read_text())["body"]
    return body


def printed(sections: list[Section]) -> str:
    text = "\n".join(f"{each.title}\n{table_text(each.header, each.rows)}" for each in sections)
    assert max(map(len, text.splitlines())) <= COLUMNS_MAX
    return text


def test_every_kind_has_a_page_and_a_headline() -> None:
    kinds = {body.kind for body in KINDS}

    assert set(RENDERERS) == kinds
    assert set(HEADLINES) == kinds


def test_a_metric_without_a_value_says_why() -> None:
    body = body_of("replay-report")
    body["metrics"] |= {"profit_factor": None, "win_frac": None}
    body["null_reasons"] = {"profit_factor": "no position lost", "win_frac": "no position closed"}

    text = printed(replay_sections(body))

    assert "profit factor, net - ratio no position lost" in " ".join(text.split())
    assert "why there is none" in text
    assert "- won, profit factor -" in text


def test_a_metric_that_the_page_does_not_know_is_shown_by_its_name() -> None:
    body = body_of("replay-report")
    body["metrics"]["moonlight_usd"] = -1.5

    assert "moonlight_usd" in printed(replay_sections(body))


def test_a_replay_without_trades_has_a_page() -> None:
    body = body_of("replay-report")
    for name in body:
        if name.startswith("by_"):
            body[name] = []
    body["metrics"] = {
        name: 0 if value is not None else None for name, value in body["metrics"].items()
    }
    body["metrics"]["sharpe"] = None
    body["excursions"] = dict.fromkeys(body["excursions"])
    body["gates"] = dict.fromkeys(body["gates"], 0)
    body["curve"] = body["curve"][:1]

    text = printed(replay_sections(body))

    assert "became entries      0      -" in text
    assert "worst excursion, median" in text
    assert replay_headline(body) == "net +0.00 USD, Sharpe -, drawdown 0.0 %, 0 positions"


def test_of_many_symbols_the_best_and_the_worst_are_shown() -> None:
    body = body_of("replay-report")
    part = body["by_symbol"][0]
    body["by_symbol"] = [part | {"name": f"S{k:02}", "net_pnl_usd": float(k)} for k in range(30)]

    text = printed(replay_sections(body))

    assert "by symbol, best 5 of 30" in text
    assert [
        name for name in ("S29", "S25", "S24", "S05", "S04", "S00") if f"\n{name} " in text
    ] == [
        "S29",
        "S25",
        "S04",
        "S00",
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 90, 91, 5000])
def test_the_curve_keeps_its_ends_and_its_width_whatever_its_length(count: int) -> None:
    curve = [{"ts_ms": 86_400_000 * k, "equity_usd": 100.0 + k} for k in range(1, count + 1)]

    section = curve_section(curve, 100.0)

    lines = [line for _, line in section.rows]
    assert max(map(len, lines)) <= 91
    assert lines[0].endswith("*")
    assert lines[8].startswith("|*")
    assert sum(line.count("*") for line in lines) == min(count + 1, 90)


def test_a_level_curve_is_a_line() -> None:
    section = curve_section([{"ts_ms": 0, "equity_usd": 5.0}] * 3, 5.0)

    assert [line for _, line in section.rows if "*" in line] == ["|****"]


def test_the_worst_symbols_of_a_data_report_come_first() -> None:
    body = body_of("data-report")
    symbol = body["symbols"][0] | {"missing_bars": 0, "outliers": 0, "bad_rows": 0}
    body["symbols"] = [symbol | {"symbol": f"S{k:02}"} for k in range(30)]
    body["symbols"][17] |= {"missing_bars": 3, "gaps": 1}
    body["symbols"][23] |= {"bad_rows": 1, "move_max_utc": None}

    section = data_sections(body)[-1]

    assert section.title == "symbols, the worst 20 of 30"
    assert [row[0] for row in section.rows[:3]] == ["S23", "S17", "S00"]
    assert section.rows[0][-1] == "-"


def test_axes_that_do_not_fit_beside_the_figures_get_a_table_of_their_own() -> None:
    body = body_of("sweep-report")
    paths = [f"thresholds.entry.a_rather_long_name_of_a_limit_{k}" for k in range(6)]
    first = body["top"][0]
    body["axes"] = paths
    body["top"] = [
        first | {"rank": k, "values": {path: float(k) for path in paths}} for k in range(1, 13)
    ]

    text = printed(sweep_sections(body))

    assert "best 10 of 12" in text
    assert "where the candidates differ" in text
    assert f"{paths[5]}   1   2   3" in text


def test_values_too_wide_for_ten_candidates_are_shown_for_fewer() -> None:
    body = body_of("sweep-report")
    path = "thresholds.entry.macd_mode"
    first = body["top"][0]
    body["axes"] = [path]
    body["notes"] = ["a note that goes on and on " * 12]
    body["top"] = [first | {"rank": k, "values": {path: "x" * 60 + str(k)}} for k in range(1, 9)]

    text = printed(sweep_sections(body))

    assert f"{path}  {'x' * 60}1\n" in text + "\n"


def test_candidates_show_an_objective_of_their_own_and_axes_that_do_not_act() -> None:
    body = body_of("sweep-report")
    paths = ["trade.enable_partial_tp", "trade.partial_tp_frac", "trade.stop_loss_atr"]
    values = [
        {"trade.enable_partial_tp": True, "trade.partial_tp_frac": 0.5, "trade.stop_loss_atr": 2.0},
        {
            "trade.enable_partial_tp": False,
            "trade.partial_tp_frac": None,
            "trade.stop_loss_atr": 2.0,
        },
        {"trade.enable_partial_tp": False, "trade.stop_loss_atr": 2.0},
    ]
    first = body["top"][0]
    body["axes"] = paths
    body["spec"] = body["spec"] | {"objective": "sortino"}
    body["top"] = [
        first | {"rank": k, "values": each, "metrics": first["metrics"] | {"sortino": k / 4}}
        for k, each in enumerate(values, start=1)
    ]

    lines = [line.split() for line in printed(sweep_sections(body)).splitlines()]

    header = next(line for line in lines if line[:1] == ["rank"])
    assert [header[-5], *header[-2:]] == ["sortino", "enable_partial_tp", "partial_tp_frac"]
    rows = [line for line in lines if line[:1] in (["1"], ["2"], ["3"])]
    assert [line[4] for line in rows] == ["0.25", "0.50", "0.75"]
    assert [line[-2:] for line in rows] == [["true", "0.5"], ["false", "-"], ["false", "-"]]
    assert ["trade.stop_loss_atr", "2"] in lines


def test_a_sweep_that_found_nothing_or_was_stopped_says_so() -> None:
    body = body_of("sweep-report") | {"top": [], "interrupted": True}

    assert sweep_headline(body) == "6 points, stopped early, none with enough positions"
    assert "no point had enough positions" in printed(sweep_sections(body))
    assert "what was done is kept" in printed(sweep_sections(body))


def test_a_refusal_names_its_first_reason() -> None:
    body = body_of("gate-report") | {"passed": False, "rank": None}
    body["checks"][1] |= {"value": -3.5, "passed": False}
    body["checks"][2] |= {"value": None, "passed": False, "note": "net PnL is not positive"}

    text = printed(gate_sections(body))

    assert gate_headline(body) == "alone: refused by 2 of 5 gates: net pnl usd -3.50, asked > 0"
    assert "REFUSED" in text
    assert "best position's share       -  <= 50.0 %  FAILED   net PnL is not positive" in text
    assert "judged alone" in text


def test_what_a_lane_held_before_is_shown_even_if_it_could_not_be_read() -> None:
    body = body_of("deployment-event")
    body |= {"before_sha256": "ab" * 32, "before_config_id": None, "gate_report_hash": None}

    text = printed(RENDERERS["deployment-event"](body))

    assert "a configuration that cannot be read, file abababababab" in text
    assert "not known" in text


def test_the_hash_in_a_file_name_is_cut_so_that_a_shell_still_finds_it() -> None:
    assert short_name("ab" * 32 + "-2.json") == "abababababab*-2.json"
    assert short_name("sweep-0a1b.json") == "sweep-0a1b.json"


def test_figures_are_written_for_people() -> None:
    assert [signed_usd(value) for value in (1234.5, -0.5, None)] == ["+1,234.50", "-0.50", "-"]
    assert [percent(value) for value in (0.1234, None)] == ["12.3 %", "-"]
    assert [figure(value) for value in (1234, 1234.5, None)] == ["1,234", "1,234.50", "-"]
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert cut("abcdefgh", 8) == "abcdefgh"
    assert cut("abcdefghi", 8) == "abcd ..."
