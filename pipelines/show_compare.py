"""The page of a compare report: where two parted, their figures, and the parameters that differ."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from pipelines.sections import Section, cut, figure, minute, number_text, short_hash, value_text
from pipelines.show_replay import METRICS

TEXT_COLUMNS = 100
KIND_TITLES = {
    "data": "bars that differ",
    "decision": "a decision of one alone",
    "reason": "same decision, another reason or count of adds",
    "price": "same decision, another fill price",
    "size": "same decision, another size",
    "costs": "same fills, other fees",
}
HEADLINE_METRICS = (
    "net_pnl_usd", "return_frac", "fees_usd", "slippage_usd", "funding_usd", "drawdown_max_frac",
    "sharpe", "profit_factor", "position_count", "win_frac", "win_count", "exposure_frac",
)  # fmt: skip


def compare_headline(body: Mapping[str, Any]) -> str:
    """Whether and where the two part."""
    if not body["diverged"]:
        return "no divergence"
    if not body["divergences"]:
        return "they diverge; where is unknown"
    first = body["divergences"][0]
    return f"first divergence {minute(first['ts_ms'])} {first['symbol']}: {first['kind']}"


def compare_lines(body: Mapping[str, Any]) -> list[str]:
    """The outcome in a few lines, for who watches the command end."""
    lines = [f"compare: {compare_headline(body)}"]
    if not body["diverged"]:
        return lines
    for each in body["divergences"]:
        lines.append(
            f"{each['symbol']} {minute(each['ts_ms'])} UTC, {KIND_TITLES[each['kind']]}: "
            f"A {each['a']}, B {each['b']}"
        )
        if each["because"]:
            lines.append(f"  {each['because']}")
    return lines


def compare_sections(body: Mapping[str, Any]) -> list[Section]:
    """The two sides, their first divergences with the rules, figures and parameters."""
    sides = [body["a"], body["b"]]
    out = [
        Section(
            "the two",
            ("", "what", "config", "positions", "closes", "path"),
            tuple(_side(name, side) for name, side in zip("AB", sides, strict=True)),
        )
    ]
    if body["notes"]:
        lines = [line for note in body["notes"] for line in wrap(note, TEXT_COLUMNS)]
        out.append(Section("notes", (), tuple((line,) for line in lines)))
    if not body["divergences"]:
        out.append(Section("divergence", (), ((compare_headline(body),),)))
    for number, each in enumerate(body["divergences"], 1):
        out += _divergence(each, "first divergence" if number == 1 else "then")
    out.append(_metrics(body["metrics"]))
    if body["configuration"]:
        out.append(_configuration(body["configuration"]))
    return out


def _side(name: str, side: Mapping[str, Any]) -> tuple[str, ...]:
    config = "-" if side["config_id"] is None else short_hash(side["config_id"])
    counts = [f"{side['entry_count']:,}", f"{side['close_count']:,}"]
    known = counts if side["has_trades"] else ["-", "-"]
    return (name, side["what"], config, *known, cut(side["path"], 70))


def _divergence(each: Mapping[str, Any], title: str) -> list[Section]:
    because = wrap(each["because"], TEXT_COLUMNS) or ["-"]
    rows = [
        ("where", f"{each['symbol']} {minute(each['ts_ms'])} UTC"),
        ("A", each["a"]),
        ("B", each["b"]),
        *(("because" if k == 0 else "", line) for k, line in enumerate(because)),
    ]
    out = [Section(f"{title}: {KIND_TITLES[each['kind']]}", (), tuple(rows))]
    if each["rules"]:
        table = tuple(
            (
                cut(rule["rule"], 44),
                _judged(rule, "a"),
                _judged(rule, "b"),
                "<- differs" if {rule["a_passed"], rule["b_passed"]} == {True, False} else "",
            )
            for rule in each["rules"]
        )
        out.append(Section("rules of that decision", ("rule", "A", "B", ""), table))
    return out


def _judged(rule: Mapping[str, Any], side: str) -> str:
    value, limit, passed = (rule[f"{side}_{name}"] for name in ("value", "limit", "passed"))
    if value is None:
        return "-" if passed is None else "off"
    return f"{value:.5g} {rule['relation']} {limit:.5g} {'yes' if passed else 'no'}"


def _metrics(metrics: list[Mapping[str, Any]]) -> Section:
    titles = {name: (text, unit) for name, text, unit in METRICS}
    found = {each["name"]: each for each in metrics}
    rows = []
    for name in HEADLINE_METRICS:
        if name in found:
            each = found[name]
            text, unit = titles.get(name, (name, ""))
            share = 100.0 if unit == "%" else 1.0
            values = [
                None if each[key] is None else each[key] * share if unit == "%" else each[key]
                for key in ("a", "b", "difference")
            ]
            rows.append((text, *(figure(value) for value in values), unit))
    return Section("figures", ("", "A", "B", "B - A", "unit"), tuple(rows))


def _configuration(values: list[Mapping[str, Any]]) -> Section:
    rows = tuple(
        (
            each["path"] if each["symbol"] is None else f"{each['symbol']}: {each['path']}",
            _value(each["a"]),
            _value(each["b"]),
        )
        for each in values
    )
    return Section(f"{len(rows)} parameters that differ", ("parameter", "A", "B"), rows)


def _value(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return number_text("", value) if is_number else value_text("", value)
