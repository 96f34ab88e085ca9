"""Why two replays part: the first bar that differs, and the rule behind the first decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.clock import utc_iso
from core.comparison import DECISION, ENTRY, EXIT, PRICE, REASON, SIZE, Divergence, Event, did
from core.judgement.check import Check
from core.judgement.decision import entry_rules
from core.judgement.exits import exit_checks
from core.judgement.scene import instant_of, scene_at
from core.market.bars import BarBlock
from kernel import codes
from pipelines.rerun import Rerun
from schemas.compare import ComparedDivergence, ComparedRule

SIDE_OF = {word: side for side, word in codes.SIDES.items()}
SAME_VERDICTS = {
    ENTRY: "every rule of this bar says the same: the rank among the symbols decided",
    EXIT: "every rule of this bar says the same: the exit cooldown or the glitch guard decided",
}
FIELDS = ("open_px", "high_px", "low_px", "close_px", "volume")


def first_other_bar(a: BarBlock, b: BarBlock) -> ComparedDivergence | None:
    """The first bar that one has and the other has not, or has with other values."""
    if a.sha256 == b.sha256:
        return None
    found: list[tuple[int, str, str, str]] = []
    for symbol in sorted({*a.symbols, *b.symbols}):
        one, other = _bars(a, symbol), _bars(b, symbol)
        lone = np.setxor1d(one[0], other[0])
        if len(lone):
            has = bool(np.isin(lone[0], one[0]))
            words = ("has the bar", "has no bar")
            found.append((int(lone[0]), symbol, words[not has], words[has]))
        _, at, there = np.intersect1d(one[0], other[0], return_indices=True)
        apart = np.flatnonzero((one[1][at] != other[1][there]).any(axis=1))
        if len(apart):
            k = int(apart[0])
            field = int(np.flatnonzero(one[1][at[k]] != other[1][there[k]])[0])
            values = (one[1][at[k], field], other[1][there[k], field])
            said = [f"{FIELDS[field].removesuffix('_px')} {value:.10g}" for value in values]
            found.append((int(one[0][at[k]]), symbol, said[0], said[1]))
    if not found:
        return None
    ts_ms, symbol, seen_a, seen_b = min(found)
    return ComparedDivergence(
        kind="data",
        ts_ms=ts_ms + a.interval_ms,
        symbol=symbol,
        a=seen_a,
        b=seen_b,
        because=f"the bar that opens at {utc_iso(ts_ms)} differs between the two stores",
        rules=(),
    )


def _bars(block: BarBlock, symbol: str) -> tuple[np.ndarray, np.ndarray]:
    """Open times and values of a symbol's bars; none when the block lacks it."""
    if symbol not in block.symbols:
        return np.zeros(0, np.int64), np.zeros((0, len(FIELDS)))
    column = block.symbols.index(symbol)
    rows = block.present[:, column]
    values = np.stack([getattr(block, name)[rows, column] for name in FIELDS], axis=1)
    return block.ts_open_ms[rows], values


def explained(divergence: Divergence, a: Rerun | None, b: Rerun | None) -> ComparedDivergence:
    """The divergence with its rules, or its numbers, as far as the sides can be judged there."""
    rules: tuple[ComparedRule, ...] = ()
    event = divergence.a or divergence.b
    assert event is not None
    if divergence.kind in (DECISION, REASON):
        rules = _rules(event, a, b)
        because = _because(rules) or (SAME_VERDICTS[event.order] if rules else "")
    else:
        because = _numbers(divergence, event, a, b)
    return ComparedDivergence(
        kind=divergence.kind,
        ts_ms=divergence.ts_ms,
        symbol=divergence.symbol,
        a=did(divergence.a),
        b=did(divergence.b),
        because=because,
        rules=rules,
    )


def _numbers(divergence: Divergence, event: Event, a: Rerun | None, b: Rerun | None) -> str:
    """What two replays had before them where only price or size differ."""
    if a is None or b is None:
        return ""
    if divergence.kind == SIZE and event.order == ENTRY:
        equity = [_equity_before(side, event.ts_ms) for side in (a, b)]
        return f"equity at the close before: A {equity[0]:,.2f} USD, B {equity[1]:,.2f} USD"
    if divergence.kind == PRICE:
        closes = [_close_px(side, event) for side in (a, b)]
        if None not in closes:
            seen = f"A {closes[0]:.10g}, B {closes[1]:.10g}"
            return f"decided at the closes {seen}; the rest is slippage"
    return ""


def _equity_before(side: Rerun, ts_ms: int) -> float:
    row = int(np.searchsorted(side.simulation.ts_close_ms, ts_ms))
    equity = side.simulation.equity_usd
    return float(equity[row - 1]) if row > 0 else side.simulation.equity_start_usd


def _close_px(side: Rerun, event: Event) -> float | None:
    at = _cell(side.block, event)
    return None if at is None else float(side.block.close_px[at])


def _because(rules: tuple[ComparedRule, ...]) -> str:
    """The first rule whose verdict differs, in one line; of one side alone the first that fails."""
    for rule in rules:
        verdicts = (rule.a_passed, rule.b_passed)
        if False in verdicts and verdicts != (False, False):
            said = (_said("A", rule, rule.a_value), _said("B", rule, rule.b_value))
            key = f" ({rule.key})" if rule.key else ""
            return f"{rule.rule}: {', '.join(filter(None, said))}{key}"
    return ""


def _said(name: str, rule: ComparedRule, value: float | None) -> str:
    """What the rule told one side, empty when it cannot be judged."""
    limit, passed = (rule.a_limit, rule.a_passed) if name == "A" else (rule.b_limit, rule.b_passed)
    if value is None:
        return "" if passed is None else f"{name} has it off"
    return (
        f"{name} {value:.6g} {rule.relation} {limit:.6g} {'holds' if passed else 'does not hold'}"
    )


def _rules(event: Event, a: Rerun | None, b: Rerun | None) -> tuple[ComparedRule, ...]:
    """The rules of the event, of the sides that can be judged; in the order of the first."""
    judged = [{} if side is None else checks_of(side, event) for side in (a, b)]
    if a is not None and b is not None and not (judged[0] and judged[1]):
        return ()
    names = [name for name in judged[0] if not judged[1] or name in judged[1]]
    rules = [_rule(judged[0].get(name), judged[1].get(name)) for name in names or judged[1]]
    # A rule that nobody has switched on explains nothing.
    return tuple(rule for rule in rules if (rule.a_value, rule.b_value) != (None, None))


def _rule(a: Check | None, b: Check | None) -> ComparedRule:
    check = a or b
    assert check is not None
    return ComparedRule(
        rule=check.rule,
        key=check.key,
        relation=check.relation,
        a_value=None if a is None else a.value,
        a_limit=None if a is None else a.limit,
        a_passed=None if a is None else a.passed,
        b_value=None if b is None else b.value,
        b_limit=None if b is None else b.limit,
        b_passed=None if b is None else b.passed,
    )


def _cell(block: BarBlock, event: Event) -> tuple[int, int] | None:
    """Row and column of the bar that closes at the event, or None when the block has none."""
    close_ms = block.ts_open_ms + block.interval_ms
    row = int(np.searchsorted(close_ms, event.ts_ms))
    if event.symbol not in block.symbols or row >= len(close_ms) or close_ms[row] != event.ts_ms:
        return None
    column = block.symbols.index(event.symbol)
    return (row, column) if block.present[row, column] else None


def checks_of(side: Rerun, event: Event) -> dict[str, Check]:
    """The rules of this event as one side saw them, by name; none where it has no such bar."""
    at = instant_of(side.stage, event.symbol, event.ts_ms)
    if at is None:
        return {}
    scene = scene_at(side.stage, at)
    if event.order == ENTRY:
        found = entry_rules(scene, SIDE_OF[event.side])
    elif event.reason == codes.REASONS[codes.REASON_SIGNAL_FLIP]:
        found = entry_rules(scene, -SIDE_OF[event.side])
    elif scene.position["side"] == SIDE_OF[event.side]:
        found = exit_checks(scene)
    else:
        found = []
    return {check.rule: replace(check, passed=bool(check.passed)) for check in found}
