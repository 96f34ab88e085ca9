"""All that was decided on one symbol at one instant: inputs, rules, rank, size, outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.judgement import caps, filters, gates
from core.judgement.check import Check, first_failing
from core.judgement.exits import exit_checks
from core.judgement.scene import Scene, bars_at
from kernel import codes, signals
from kernel.account import margin_used_usd
from kernel.context import reads_breadth
from kernel.features import NO_SERIES
from kernel.records import Columns
from kernel.strategies import series_of

Numbers = Mapping[str, float | int]

POSITION_FIELDS = (
    "size",
    "avg_px",
    "entry_atr_px",
    "trail_px",
    "stop_px",
    "margin_usd",
    "leverage",
    "adds",
    "tp1_taken",
    "breakeven_armed",
    "ts_entry_ms",
    "position_id",
)
SNAPSHOT_LEFT_OUT = ("ts_ms", "flags", "btc_state", "breadth")


@dataclass(frozen=True)
class Group:
    """Rules that are asked together; `verdict` says what they came to."""

    name: str
    checks: tuple[Check, ...]
    verdict: str


@dataclass(frozen=True)
class Decision:
    """One decision; sides are words, `did` is what the kernel did, `because` the rule behind it.

    `rank` is (place, how many waited); `before` and `after` are the position, None when flat.
    """

    symbol: str
    ts_ms: int
    interval: str
    bars: tuple[str, ...]
    snapshot: Numbers
    market: Numbers
    account: Numbers
    before: dict[str, float | int | str] | None
    after: dict[str, float | int | str] | None
    groups: tuple[Group, ...]
    signal: dict[str, float | int | str] | None
    score: int | None
    rank: tuple[int, int] | None
    sizing: caps.Sizing | None
    closes: tuple[dict[str, float | int | str], ...]
    did: str
    because: str


def decision_of(scene: Scene) -> Decision:
    """The decision of a scene."""
    groups, turn = _groups(scene)
    found = gates.signal_of(scene) if _is_asked(scene) else None
    has_signal = found is not None and found[0] != codes.FLAT
    return Decision(
        symbol=scene.stage.view.symbols[scene.at[1]],
        ts_ms=scene.ts_ms,
        interval=scene.stage.view.interval,
        bars=bars_at(scene.stage, scene.at),
        snapshot=_snapshot(scene),
        market=_market(scene),
        account=_account(scene),
        before=_position(scene.position),
        after=_position(scene.after.positions[scene.at[1]]),
        groups=tuple(groups),
        signal=_signal(found) if found is not None and has_signal else None,
        score=None if turn is None else int(turn.candidate["score"]),
        rank=None if turn is None or turn.rank == 0 else (turn.rank, turn.waiting),
        sizing=None if turn is None else caps.sizing_of(scene, turn),
        closes=tuple(_close(row) for row in scene.closes),
        did=_did(scene),
        because=_because(scene, groups),
    )


def raw_side_of(scene: Scene, side: int) -> int:
    """The side that a rule must signal for a decision of `side`."""
    return -side if gates.reverses(scene) else side


def entry_rules(scene: Scene, side: int) -> list[Check]:
    """Every rule between this bar and an entry on `side` by the mode that fired, or the first one.

    Of a symbol that queued nothing, the caps of the account are left out.
    """
    raw = raw_side_of(scene, side)
    modes = gates.mode_checks(scene, raw)
    fired = next((name for name in modes if first_failing(modes[name]) is None), None)
    checks = [
        *filters.readiness_checks(scene),
        *modes[fired or next(iter(modes))],
        *filters.direction_checks(scene, raw),
    ]
    found = gates.signal_of(scene)
    confidence = int(found[1])
    if found[0] == raw:
        checks += filters.entry_checks(scene, side, confidence)
    turn = caps.turn_of(scene)
    if turn is not None and turn.candidate["side"] == side and not turn.candidate["is_add"]:
        checks += caps.cap_checks(scene, turn)
    return checks


def _is_asked(scene: Scene) -> bool:
    return first_failing(filters.readiness_checks(scene)) is None


def _groups(scene: Scene) -> tuple[list[Group], caps.Turn | None]:
    """The rules in the order in which they were asked, down to the first that said no."""
    out: list[Group] = []
    leaving = exit_checks(scene)
    if leaving:
        fired = first_failing(leaving)
        word = "the position lives" if fired is None else f"closes: {fired.rule.split(':')[0]}"
        out.append(Group("exits", tuple(leaving), word))
    ready = filters.readiness_checks(scene)
    out.append(_asked("may be asked for a signal", ready))
    if first_failing(ready) is not None:
        return out, None
    raw = gates.leaning_side(scene)
    found = gates.signal_of(scene)
    for name, checks in gates.mode_checks(scene, raw).items():
        out.append(_asked(f"{name} entry, {codes.SIDES[raw]}", checks))
    if found[0] == codes.FLAT:
        return out, None
    direction = filters.direction_checks(scene, raw)
    out.append(_asked("direction", direction))
    if first_failing(direction) is not None:
        return out, None
    side = -raw if gates.reverses(scene) else raw
    return _later_groups(scene, out, side, found)


def _later_groups(
    scene: Scene, out: list[Group], side: int, found: signals.Signal
) -> tuple[list[Group], caps.Turn | None]:
    """What a signal of `side` met after its direction was clear."""
    turn = caps.turn_of(scene)
    if scene.held_side == side:
        gate = filters.market_gate_check(scene)
        out.append(_asked("filters of an add", [gate]))
        if not gate.passed:
            return out, None
        turn = turn or caps.refused_add(scene, (side, found[1], found[2], found[3]))
        out.append(_asked("add", caps.add_checks(scene, turn)))
        return out, turn
    checks = filters.entry_checks(scene, side, int(found[1]))
    out.append(_asked("filters of an entry", checks))
    if turn is not None:
        out.append(_asked("limits of the account", caps.cap_checks(scene, turn)))
    return out, turn


def _asked(name: str, checks: list[Check]) -> Group:
    failing = first_failing(checks)
    return Group(name, tuple(checks), "yes" if failing is None else f"no: {failing.said()}")


def _snapshot(scene: Scene) -> dict[str, float | int]:
    """Every number of the snapshot that a rule of this strategy may read."""
    params = scene.params
    fields = zip(Columns._fields, series_of(params), strict=True)
    unread = {field for field, series in fields if series == NO_SERIES}
    names = [name for name in scene.snap.dtype.names or () if name not in SNAPSHOT_LEFT_OUT]
    shown = [name for name in names if _series_name(name) not in unread]
    return {name: scene.snap[name].item() for name in shown}


def _series_name(name: str) -> str:
    """The series that a number of the snapshot comes from."""
    return name.removeprefix("prev_").removesuffix("_slope")


def _market(scene: Scene) -> dict[str, float | int]:
    """What is known of the market as a whole; the breadth if a rule reads it."""
    out = {
        "btc_state": int(scene.snap["btc_state"]),
        "entries_shut": int(scene.entries_shut),
    }
    breadth = {"breadth": float(scene.snap["breadth"])} if reads_breadth(scene.common) else {}
    return {**breadth, **out}


def _account(scene: Scene) -> dict[str, float | int]:
    book = scene.between
    return {
        "equity_usd": scene.equity_usd,
        "cash_usd": float(book.account[0]["cash_usd"]),
        "margin_used_usd": float(margin_used_usd(book)),
        "open_count": int(book.account[0]["open_count"]),
    }


def _position(position: Any) -> dict[str, float | int | str] | None:
    if position["side"] == codes.FLAT:
        return None
    numbers = {name: position[name].item() for name in POSITION_FIELDS}
    if position["stop_px"] == 0.0:  # nothing rests in the market
        del numbers["stop_px"]
    return {
        "side": codes.SIDES[int(position["side"])],
        "confidence": codes.CONFIDENCES[int(position["confidence"])],
        "entry_mode": codes.ENTRY_MODES[int(position["entry_mode"])],
        **numbers,
    }


def _signal(found: tuple[int, int, int, float]) -> dict[str, float | int | str]:
    return {
        "side": codes.SIDES[int(found[0])],
        "confidence": codes.CONFIDENCES[int(found[1])],
        "entry_mode": codes.ENTRY_MODES[int(found[2])],
        "adx_threshold": float(found[3]),
    }


def _close(row: Any) -> dict[str, float | int | str]:
    return {
        "reason": codes.REASONS[int(row["reason"])],
        "side": codes.SIDES[int(row["side"])],
        **{
            name: row[name].item()
            for name in ("size", "exit_px", "gross_pnl_usd", "exit_fee_usd", "is_partial")
        },
    }


def _did(scene: Scene) -> str:
    """What the kernel did with the symbol at this instant, in words."""
    s = scene.at[1]
    before, after = scene.position, scene.after.positions[s]
    said = [
        f"closed {'part of ' if row['is_partial'] else ''}the {codes.SIDES[int(row['side'])]}: "
        f"{codes.REASONS[int(row['reason'])]}"
        for row in scene.closes
    ]
    opened = after["side"] != codes.FLAT and after["position_id"] != before["position_id"]
    if opened or (after["side"] != codes.FLAT and before["side"] == codes.FLAT):
        said.append(f"entered {codes.SIDES[int(after['side'])]}")
    elif after["side"] != codes.FLAT and after["adds"] > before["adds"]:
        said.append(f"added to the {codes.SIDES[int(after['side'])]}")
    if said:
        return ", then ".join(said)
    if after["side"] != codes.FLAT:
        return f"held the {codes.SIDES[int(after['side'])]}"
    return "nothing: no position"


def _because(scene: Scene, groups: list[Group]) -> str:
    """The rule that decided: what closed, and what stood in the way of an entry."""
    said = []
    if groups[0].name == "exits":
        fired = first_failing(list(groups[0].checks))
        said.append("no rule closes the position" if fired is None else fired.said())
    refused = [group for group in groups if group.name != "exits" and group.verdict != "yes"]
    modes = [group for group in refused if " entry, " in group.name]
    fired_none = len(modes) == sum(" entry, " in group.name for group in groups)
    if fired_none and said and scene.after.positions[scene.at[1]]["side"] == codes.FLAT:
        return said[0]
    if fired_none:  # a mode that failed says nothing where another one fired
        said += [f"no {group.name}: {group.verdict.removeprefix('no: ')}" for group in modes]
    said += [f"{group.name}: {group.verdict}" for group in refused if group not in modes]
    return "; ".join(said) or "every rule said yes"
