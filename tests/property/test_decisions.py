"""A decision explained says what the kernel did: over random markets, strategies and instants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given

from core.judgement.decision import Decision, decision_of
from core.judgement.scene import bars_at, scene_at
from core.simulate import Stage, simulate, staged
from schemas.base import Value
from tests.strategies import random_market, random_strategy, seeds

ADDS: Mapping[str, Value] = {
    "trade.enable_pyramiding": True,
    "trade.adds_max_count": 3,
    "trade.add_cooldown_minutes": 0.0,
    "trade.add_min_profit_atr": 0.1,
    "trade.add_min_confidence": "low",
    "trade.entry_cooldown_s": 0,
    "strategies.entry_strategy": "trend",
}
TIGHT: Mapping[str, Value] = {
    "trade.open_positions_max_count": 1,
    "trade.entries_per_bar_max_count": 1,
    "trade.total_margin_max_frac": 0.05,
    "trade.min_notional_usd": 400.0,
}
MARGIN: Mapping[str, Value] = {
    "trade.enable_liquidation": True,
    "trade.margin_mode": "isolated",
    "trade.leverage_low": 40.0,
    "trade.leverage_medium": 40.0,
    "trade.leverage_high": 40.0,
    "trade.enable_venue_rounding": False,
    "trade.stop_loss_atr": 8.0,
    "trade.exit_trigger": "close",
}
INSIDE: Mapping[str, Value] = {"trade.exit_trigger": "intrabar"}
ENTRY_WORDS = ("entered", "added")


def cells(stage: Stage, seed: int, fixed: Mapping[str, Value]) -> Iterator[tuple[int, int]]:
    """(instant, symbol) pairs: some of the trades, the instants after them, and others."""
    rng = np.random.default_rng([seed, 11])
    trades = simulate(random_market(seed), random_strategy(seed, fixed)).trades
    closes = stage.market.ts_close_ms
    found = [
        (int(np.searchsorted(closes, row[name])), int(row["symbol"]))
        for row in trades
        for name in ("entry_ts_ms", "exit_ts_ms")
    ]
    rng.shuffle(found)
    picked = found[:6] + [(k + 1, s) for k, s in found[:4]]
    ks = rng.integers(stage.span[0], stage.span[1], 6)
    picked += [(int(k), int(rng.integers(len(stage.view.symbols)))) for k in ks]
    for k, s in picked:
        if k < stage.span[1] and bars_at(stage, (k, s)):
            yield k, s


def decisions(seed: int, fixed: Mapping[str, Value] | None = None) -> Iterator[Decision]:
    stage = staged(random_market(seed), random_strategy(seed, fixed))
    for at in cells(stage, seed, fixed or {}):
        yield decision_of(scene_at(stage, at))


def assert_told_as_done(decision: Decision) -> None:
    """The first exit rule that failed is the reason of the close; an entry failed no rule."""
    groups = {group.name: group for group in decision.groups}
    exits = groups.pop("exits").checks if "exits" in groups else ()
    fired = [check.rule.split(":")[0] for check in exits if not check.passed]
    reasons = [str(close["reason"]) for close in decision.closes]
    reasons = [reason for reason in reasons if reason != "signal_flip"]
    if reasons:
        assert fired, decision
        assert reasons[0].removesuffix("_partial") == fired[0].removesuffix("_partial"), decision
    else:
        assert fired == [], decision
    modes = [group for name, group in groups.items() if " entry, " in name]
    others = [group for name, group in groups.items() if " entry, " not in name]
    signalled = any(group.verdict == "yes" for group in modes)
    assert signalled == (decision.signal is not None), decision
    clear = signalled and all(group.verdict == "yes" for group in others)
    assert clear == any(word in decision.did for word in ENTRY_WORDS), decision
    if clear and "added" not in decision.did and decision.sizing is not None:
        assert decision.after is not None
        for name in ("size", "margin_usd", "leverage"):
            assert decision.after[name] == getattr(decision.sizing, name), decision
        assert decision.after["avg_px"] == decision.sizing.fill_px, decision


@given(seeds)
def test_what_is_told_is_what_was_done(seed: int) -> None:
    for decision in decisions(seed):
        assert_told_as_done(decision)


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ({}, ("entered", "held", "closed the", "signal_flip", "take_profit_partial")),
        (ADDS, ("added to the",)),
        (TIGHT, ("entered", "nothing")),
        (MARGIN, ("liquidation",)),
        (INSIDE, ("stop_loss", "take_profit")),
    ],
)
def test_each_kind_of_decision_is_told(fixed: Mapping[str, Value], said: tuple[str, ...]) -> None:
    seen: Counter[str] = Counter()
    for seed in range(25):
        for decision in decisions(seed, fixed):
            assert_told_as_done(decision)
            seen[decision.did] += 1

    for words in said:
        assert any(words in did for did in seen), (words, seen)


def test_every_limit_of_the_account_is_named_when_it_binds() -> None:
    """Where entries compete for little, each cap stands in the way of some of them."""
    keys: Counter[str] = Counter()
    for seed in range(30):
        for decision in decisions(seed, TIGHT):
            for group in decision.groups:
                failing = [check for check in group.checks if not check.passed]
                if group.name == "limits of the account" and failing:
                    keys[failing[0].key] += 1
                    assert failing[0].key in decision.because

    assert {"trade.open_positions_max_count", "trade.min_notional_usd"} <= set(keys), keys
