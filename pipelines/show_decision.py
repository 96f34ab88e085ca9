"""The page of one decision: what was done and why, then every rule with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from textwrap import wrap

from core.clock import utc_iso
from core.judgement.check import Check
from core.judgement.decision import Decision, Group
from pipelines.sections import PAGE_COLUMNS, Section, cut, label, number_text, value_text

TEXT_COLUMNS = 96
SNAPSHOT_COLUMNS = 3


def decision_sections(decision: Decision) -> list[Section]:
    """The decision as sections of text, the outcome first."""
    out = [_headline(decision)]
    for name, position in (
        ("position before", decision.before),
        ("position after", decision.after),
    ):
        if position is not None and (name == "position before" or position != decision.before):
            out.append(_pairs(name, position))
    out += [_group(group) for group in decision.groups]
    if decision.sizing is not None:
        out.append(_pairs("size", asdict(decision.sizing)))
    out += [_pairs("close", close) for close in decision.closes]
    out.append(_pairs("account after the exits", decision.account))
    out.append(_pairs("snapshot", {**decision.snapshot, **decision.market}))
    return out


def _headline(decision: Decision) -> Section:
    because = wrap(decision.because, TEXT_COLUMNS)
    rows = [
        ("bar", f"{decision.symbol} {decision.interval}, closes {utc_iso(decision.ts_ms)}"),
        ("closing here", ", ".join(decision.bars)),
        ("did", decision.did),
        *(("because" if k == 0 else "", line) for k, line in enumerate(because)),
    ]
    if decision.signal is not None:
        words = [str(decision.signal[name]) for name in ("side", "entry_mode", "confidence")]
        rows.append(("signal", ", ".join(words)))
    if decision.rank is not None:
        place, count = decision.rank
        rows.append(("rank", f"{place} of {count} waiting, score {decision.score:,}"))
    return Section("decision", (), tuple(rows))


def _group(group: Group) -> Section:
    rows = tuple(
        (cut(check.rule, 48), *_numbers(check), _verdict(check, group), check.key)
        for check in group.checks
    )
    title = cut(f"{group.name}: {group.verdict}", PAGE_COLUMNS)
    return Section(title, ("rule", "value", "must be", "limit", "", "parameter"), rows)


def _numbers(check: Check) -> tuple[str, str, str]:
    if check.value is None:
        return ("-", "", "-")
    limit = "-" if check.limit is None else f"{check.limit:,.6g}"
    return (f"{check.value:,.6g}", check.relation, limit)


def _verdict(check: Check, group: Group) -> str:
    if check.value is None:
        return "not asked"
    if check.ends:
        return "ends"
    if group.name == "exits":
        return "lives" if check.passed else "CLOSES"
    return "yes" if check.passed else "NO"


def _pairs(title: str, values: Mapping[str, float | int | str]) -> Section:
    """Names and values, several to a line."""
    cells = [
        (label(name), value if isinstance(value, str) else _number(name, value))
        for name, value in values.items()
    ]
    height = -(-len(cells) // SNAPSHOT_COLUMNS)
    blank = ("", "")
    columns = [cells[k * height : (k + 1) * height] for k in range(SNAPSHOT_COLUMNS)]
    rows = tuple(
        tuple(
            text for column in columns for text in (column[line] if line < len(column) else blank)
        )
        for line in range(height)
    )
    return Section(title, (), rows)


def _number(name: str, value: float) -> str:
    if name.endswith("_frac"):
        return f"{value:.6g}"  # small shares, which a per cent with two digits would hide
    return number_text(name, value) if name.endswith(("_ms", "_usd")) else value_text("", value)
