"""Where two lists of trades part: one table, one first divergence each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.comparison import Close, Event, did, divergences, events_of, place

HOUR_MS = 3_600_000
BASE = [
    Close("BTC", "long", HOUR_MS, 3 * HOUR_MS, 100.0, 104.0, 2.0, 8.0, 0.2, "take_profit", 0),
    Close("ETH", "short", 2 * HOUR_MS, 4 * HOUR_MS, 50.0, 51.0, 4.0, -4.0, 0.2, "stop_loss", 0),
    Close("BTC", "long", 5 * HOUR_MS, 6 * HOUR_MS, 105.0, 106.0, 1.0, 1.0, 0.1, "tsme", 0),
]


def edited(number: int, **values: Any) -> list[Close]:
    out = list(BASE)
    out[number] = replace(out[number], **values)
    return out


CASES: dict[str, tuple[list[Close], str, int, str]] = {
    "an entry that only one made": (BASE[:1] + BASE[2:], "decision", 2, "ETH"),
    "an exit at another time": (edited(1, exit_ts_ms=5 * HOUR_MS), "decision", 4, "ETH"),
    "another side": (edited(0, side="short"), "decision", 1, "BTC"),
    "another symbol": (edited(0, symbol="SOL"), "decision", 1, "BTC"),
    "another reason": (edited(1, reason="tsme"), "reason", 4, "ETH"),
    "another count of adds": (edited(2, adds=1, size=1.2), "reason", 6, "BTC"),
    "another entry price": (edited(1, entry_px=50.01), "price", 2, "ETH"),
    "another exit price": (edited(0, exit_px=104.5), "price", 3, "BTC"),
    "another size": (edited(2, size=1.1), "size", 5, "BTC"),
    "another fee": (edited(0, fee_usd=0.3), "costs", 3, "BTC"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_first_divergence_is_named_with_its_kind_time_and_symbol(name: str) -> None:
    other, kind, hour, symbol = CASES[name]

    first = divergences(BASE, other)[0]

    assert (first.kind, first.ts_ms, first.symbol) == (kind, hour * HOUR_MS, symbol)
    mirrored = divergences(other, BASE)[0]
    assert (mirrored.kind, mirrored.ts_ms) == (kind, hour * HOUR_MS)
    assert (mirrored.a, mirrored.b) == (first.b, first.a)


def test_what_a_source_does_not_say_is_not_compared() -> None:
    bare = [replace(each, pnl_usd=None, fee_usd=None, reason=None, adds=None) for each in BASE]

    assert divergences(BASE, bare) == []


def test_rounding_is_no_divergence() -> None:
    rounded = [
        replace(each, entry_px=each.entry_px * (1 + 5e-7), fee_usd=round(each.fee_usd or 0, 2))
        for each in BASE
    ]

    assert divergences(BASE, rounded) == []


def test_each_kind_is_named_once_in_order_of_time() -> None:
    other = [replace(BASE[0], fee_usd=1.0), replace(BASE[1], fee_usd=1.0, exit_ts_ms=7 * HOUR_MS)]

    found = divergences(BASE, other)

    assert [each.kind for each in found] == ["costs", "decision"]
    assert [each.ts_ms // HOUR_MS for each in found] == [3, 4]


def test_an_exit_comes_before_an_entry_of_the_same_instant() -> None:
    flip = [
        Close("BTC", "long", HOUR_MS, 2 * HOUR_MS, 100.0, 99.0, 1.0, fee_usd=0.1),
        Close("BTC", "short", 2 * HOUR_MS, 3 * HOUR_MS, 99.0, 98.0, 1.0, fee_usd=0.1),
    ]
    other = [replace(flip[0], fee_usd=0.2), replace(flip[1], size=2.0)]

    assert [each.kind for each in divergences(flip, other)] == ["costs", "size"]


def test_what_adds_changed_is_found_where_the_position_ends() -> None:
    """Adds have no time of their own: another decision may lie between them and the entry."""
    grown = [replace(BASE[0], adds=1), *BASE[1:]]
    other = [replace(BASE[0], adds=1, entry_px=100.2, size=2.2), *BASE[2:]]

    found = divergences(grown, other)

    assert [(each.kind, each.ts_ms // HOUR_MS) for each in found] == [("decision", 2), ("size", 3)]


def test_parts_of_one_position_are_one_entry_and_two_exits() -> None:
    parts = [
        Close("BTC", "long", HOUR_MS, 2 * HOUR_MS, 100.0, 101.0, 0.25),
        Close("BTC", "long", HOUR_MS, 3 * HOUR_MS, 100.0, 102.0, 0.75),
    ]

    assert [(each.order, each.size) for each in events_of(parts)] == [
        (1, 1.0),
        (0, 0.25),
        (0, 0.75),
    ]


@given(st.permutations(BASE))
def test_the_order_of_rows_does_not_matter(rows: list[Close]) -> None:
    assert divergences(BASE, rows) == []
    assert divergences(rows, BASE[1:])[0].ts_ms == HOUR_MS


def test_what_was_done_is_said_in_words() -> None:
    entry = Event(HOUR_MS, 1, "BTC", "long", 100.0, 2.0, None, None, 1)
    left = Event(HOUR_MS, 0, "BTC", "long", 104.0, 2.0, 0.25, "take_profit", 0)

    assert did(None) == "nothing"
    assert did(entry) == "entered long 2 at 100 with 1 adds"
    assert did(left) == "left long 2 at 104 by take_profit, fees 0.2500 USD"
    assert place(divergences(BASE, [])[0]) == "BTC 1970-01-01 01:00 UTC"
