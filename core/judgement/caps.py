"""From the queue to a fill: rank, the limits of the account, the rules of an add, the size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.judgement.check import Check
from core.judgement.scene import Scene, copied, output
from kernel import codes, portfolio, sizing
from kernel.account import margin_used_usd
from kernel.fills import fill_px
from kernel.margin import capped_leverage
from kernel.records import CANDIDATE, Book


@dataclass(frozen=True)
class Sizing:
    """How an order came to its size; USD, fractions and factors.

    `wanted_usd` is the margin that the equity allows, `room_usd` what the margin cap leaves; size
    0 is an order that was dropped.
    """

    equity_usd: float
    allocation_frac: float
    confidence_mult: float
    adx_mult: float
    volatility_mult: float
    wanted_usd: float
    room_usd: float
    leverage_declared: float
    leverage: float
    margin_usd: float
    size: float
    decided_px: float
    fill_px: float
    notional_usd: float


@dataclass(frozen=True)
class Turn:
    """When the symbol's candidate had its turn: the book then, and the entries before it.

    Rank 0 is that of an add which was refused a place in the queue.
    """

    candidate: Any
    rank: int
    waiting: int
    book: Book
    entries: int


def turn_of(scene: Scene) -> Turn | None:
    """The turn of the symbol's candidate, after all that were ranked before it; None without."""
    queue = scene.queue
    places = np.flatnonzero(queue["symbol"] == scene.at[1])
    if not len(places):
        return None
    place = int(places[0])
    book = copied(scene.between)
    book.candidates[:place] = queue[:place]
    book.account["candidate_count"] = place
    out = output(scene.stage)
    market = scene.market
    if place:
        marks_px = market.mark_px[scene.at[0] + 1]
        portfolio.fill_candidates(
            market.rules, marks_px, market.own, scene.stage.params, book, out, scene.ts_ms
        )
    # Left in the queue are those that a limit of the account cut off; none of them is filled.
    entries = int(out.counters[codes.COUNT_ENTRIES])
    return Turn(queue[place], place + 1, len(queue), book, entries)


def refused_add(scene: Scene, found: tuple[int, int, int, float]) -> Turn:
    """An add as it asked for a place in the queue; `found` is the signal."""
    candidate = np.zeros(1, CANDIDATE)[0]
    params, snap = scene.params, scene.snap
    candidate["symbol"], candidate["side"] = scene.at[1], found[0]
    candidate["confidence"], candidate["entry_mode"] = found[1], found[2]
    candidate["atr_px"] = max(snap["atr"], snap["close_px"] * params.min_atr_frac)
    candidate["score"], candidate["is_add"] = 100 * found[1] + int(snap["adx"]), 1
    return Turn(candidate, 0, len(scene.queue), copied(scene.between), 0)


def cap_checks(scene: Scene, turn: Turn) -> list[Check]:
    """Every limit between an entry in the queue and its fill, in the order of asking."""
    book, common, params = turn.book, scene.common, scene.params
    most = int(common.entries_per_bar_max_count)
    count, cap = int(book.account[0]["open_count"]), int(common.open_positions_max_count)
    since_s = (scene.ts_ms - int(book.marks[scene.at[1]]["ts_last_entry_ms"])) / 1000.0
    cools = bool(portfolio.entry_cools(book, scene.at[1], scene.ts_ms, params))
    return [
        Check("entries before it at this instant", "trade.entries_per_bar_max_count",
              turn.entries, "<", most, turn.entries < most),
        Check("open positions", "trade.open_positions_max_count", count, "<", cap, count < cap),
        Check("seconds since the last entry", "trade.entry_cooldown_s", since_s, ">=",
              float(params.entry_cooldown_s), not cools
              ).only_if(book.marks[scene.at[1]]["ts_last_entry_ms"] > 0),
        *_margin_checks(scene, turn),
        _notional_check(scene, turn),
    ]  # fmt: skip


def _margin_checks(scene: Scene, turn: Turn) -> list[Check]:
    used = float(margin_used_usd(turn.book))
    cap = scene.equity_usd * float(scene.common.total_margin_max_frac)
    return [Check("margin in use, USD", "trade.total_margin_max_frac", used, "<", cap,
                  cap - used > 0.0)]  # fmt: skip


def _notional_check(scene: Scene, turn: Turn) -> Check:
    found = sizing_of(scene, turn)
    least = float(scene.params.min_notional_usd)
    return Check("notional of the order, USD", "trade.min_notional_usd", found.notional_usd, ">=",
                 least, found.size > 0.0)  # fmt: skip


def add_checks(scene: Scene, turn: Turn) -> list[Check]:
    """Every rule between an add in the queue and its fill."""
    s, params, candidate, book = scene.at[1], scene.params, turn.candidate, turn.book
    position, snap = book.positions[s], scene.snap
    most, least = int(params.adds_max_count), int(params.add_min_confidence)
    minutes = (scene.ts_ms - int(position["ts_last_add_ms"])) / portfolio.MINUTE_MS
    atr = float(candidate["atr_px"])
    profit = int(position["side"]) * float(snap["close_px"] - position["avg_px"])
    in_atr = profit / atr if atr > 0.0 else float("-inf")
    needed = float(portfolio.add_profit_needed_atr(position, snap, params))
    since_s = (scene.ts_ms - int(book.marks[s]["ts_last_entry_ms"])) / 1000.0
    found = sizing_of(scene, turn)
    after = found.room_usd - found.margin_usd
    on = bool(params.enable_pyramiding)
    confidence, adds = int(candidate["confidence"]), int(position["adds"])
    return [
        Check("adds switched on (1)", "trade.enable_pyramiding", float(on), "==", 1.0, on),
        Check("adds so far", "trade.adds_max_count", adds, "<", most, adds < most),
        Check("confidence (0 low, 1 medium, 2 high)", "trade.add_min_confidence", confidence,
              ">=", least, confidence >= least),
        Check("minutes since the last add", "trade.add_cooldown_minutes", minutes, ">=",
              float(params.add_cooldown_minutes), minutes >= params.add_cooldown_minutes),
        Check("open profit in ATR", "trade.add_min_profit_atr",
              in_atr if atr > 0.0 else 0.0, ">=", needed, in_atr >= needed),
        Check("seconds since the last entry", "trade.entry_cooldown_s", since_s, ">=",
              float(params.entry_cooldown_s),
              not portfolio.entry_cools(book, s, scene.ts_ms, params)
              ).only_if(book.marks[s]["ts_last_entry_ms"] > 0),
        _notional_check(scene, turn),
        Check("margin left after it, USD", "trade.total_margin_max_frac", after, ">=", 0.0,
              after >= 0.0),
    ]  # fmt: skip


def sizing_of(scene: Scene, turn: Turn) -> Sizing:
    """How the order of a candidate is sized when its turn comes."""
    s, params, candidate, snap = scene.at[1], scene.params, turn.candidate, scene.snap
    rules, equity = scene.market.rules, scene.equity_usd
    room = equity * float(scene.common.total_margin_max_frac) - float(margin_used_usd(turn.book))
    close, confidence = float(snap["close_px"]), int(candidate["confidence"])
    factors = (1.0, 1.0, 1.0)
    if candidate["is_add"]:
        wanted = equity * params.allocation_frac * params.add_margin_frac
        declared = leverage = float(turn.book.positions[s]["leverage"])
        asked = wanted
    else:
        wanted = float(sizing.entry_margin_usd(equity, candidate, snap, params))
        asked = min(wanted, room)
        declared = float(sizing.leverage_of(confidence, params))
        leverage = float(capped_leverage(rules, s, declared, asked, params))
        if params.enable_dynamic_sizing:
            factors = (
                float(sizing.confidence_mult(confidence, params)),
                float(sizing.adx_mult(snap["adx"], params)),
                float(sizing.volatility_mult(candidate["atr_px"], close, params)),
            )
    size, margin = portfolio.order_of(rules, s, close, (asked, leverage), room, params)
    worse = (int(candidate["side"]), float(params.entry_slippage_bps))
    return Sizing(
        equity_usd=equity,
        allocation_frac=float(params.allocation_frac),
        confidence_mult=factors[0],
        adx_mult=factors[1],
        volatility_mult=factors[2],
        wanted_usd=float(wanted),
        room_usd=room,
        leverage_declared=declared,
        leverage=leverage,
        margin_usd=float(margin),
        size=float(size),
        decided_px=close,
        fill_px=float(fill_px(rules, s, close, worse, params)),
        notional_usd=float(size) * close if size > 0.0 else asked * leverage,
    )
