"""When a key of bars is ready, what it asks for, and what it does with what it is told."""

from __future__ import annotations

from sidecar.market.bars import Ask, Bar, BarClock, BarsPolicy, Ledger
from sidecar.market.facts import Candle

MINUTE_MS = 60_000
START_MS = 1_788_480_000_000
NOW_MS = START_MS + 100 * MINUTE_MS + 10_000


def row(index: int, close_px: float = 100.0, trades: int = 5) -> Candle:
    high_px, low_px = max(100.0, close_px), min(100.0, close_px)
    ts_ms = START_MS + index * MINUTE_MS
    return Candle("BTC", "1m", ts_ms, 100.0, high_px, low_px, close_px, 1.0, trades)


def rows(asked: Ask, *, without: tuple[int, ...] = (), last: int = 100) -> list[Candle]:
    return [
        row(index)
        for index in range(last + 1)
        if asked.from_ms <= START_MS + index * MINUTE_MS < asked.to_ms and index not in without
    ]


def asked_of(ledger: Ledger, now_ms: int) -> Ask:
    found = ledger.due(now_ms)
    assert found is not None
    return found


def loaded(history_bars: int = 50, policy: BarsPolicy | None = None) -> Ledger:
    ledger = Ledger("BTC", "1m", history_bars, policy)
    asked = asked_of(ledger, NOW_MS)
    ledger.on_rest(rows(asked), asked, NOW_MS)
    return ledger


def test_history_is_asked_for_once_and_makes_the_key_ready() -> None:
    ledger = Ledger("BTC", "1m", 50)
    before = ledger.ready(NOW_MS)
    asked = asked_of(ledger, NOW_MS)
    ledger.on_rest(rows(asked), asked, NOW_MS)
    after = ledger.ready(NOW_MS)

    assert (before.is_ready, before.reason) == (False, "no bar is known yet")
    assert (asked.reason, asked.to_ms - asked.from_ms) == ("history", 51 * MINUTE_MS)
    assert (after.is_ready, after.have_bars) == (True, 50)
    assert [bar.ts_open_ms for bar in ledger.bars(50)] == [
        START_MS + index * MINUTE_MS for index in range(50, 100)
    ]
    assert ledger.due(NOW_MS + 1_000) is None


def test_a_new_coin_is_ready_from_its_first_bar() -> None:
    ledger = Ledger("BTC", "1m", 500)
    asked = asked_of(ledger, NOW_MS)
    ledger.on_rest([row(99), row(100)], asked, NOW_MS)

    assert ledger.ready(NOW_MS).is_ready
    assert len(ledger.bars(500)) == 1


def test_a_closed_bar_is_asked_for_after_its_grace_and_by_then_is_both() -> None:
    ledger = loaded()
    ledger.closed()
    ledger.on_candle(row(100), NOW_MS)
    close_ms = START_MS + 101 * MINUTE_MS
    ledger.on_candle(row(101), close_ms + 1)

    early = ledger.due(close_ms + 1_000)
    asked = asked_of(ledger, close_ms + 3_000)
    ledger.on_rest(rows(asked, last=101), asked, close_ms + 3_000)

    assert early is None
    assert asked.reason == "confirm"
    assert [(final.ts_open_ms, final.how) for final in ledger.closed()] == [
        (START_MS + 100 * MINUTE_MS, "both")
    ]


def test_a_silent_minute_is_absent_or_flat_as_the_policy_says() -> None:
    bars_of = {}
    for policy in (BarsPolicy(silent="absent"), BarsPolicy(silent="flat")):
        ledger = Ledger("BTC", "1m", 10, policy)
        asked = asked_of(ledger, NOW_MS)
        ledger.on_rest(rows(asked, without=(95,)), asked, NOW_MS)
        bars_of[policy.silent] = ledger.bars(10)
        assert ledger.ready(NOW_MS).is_ready
        assert [final.how for final in ledger.closed()].count("absent") == 1

    assert len(bars_of["absent"]) == 9
    assert bars_of["flat"][5] == Bar(START_MS + 95 * MINUTE_MS, 100.0, 100.0, 100.0, 100.0, 0.0, 0)


def test_a_bar_that_the_stream_had_is_not_absent_because_one_reply_lacks_it() -> None:
    ledger = Ledger("BTC", "1m", 10)
    ledger.on_candle(row(99), NOW_MS - MINUTE_MS)
    ledger.on_candle(row(100), NOW_MS)
    asked = asked_of(ledger, NOW_MS)
    ledger.on_rest(rows(asked, without=(99,)), asked, NOW_MS)

    again = asked_of(ledger, NOW_MS + 6_000)
    ledger.on_rest(rows(again), again, NOW_MS + 6_000)

    assert ledger.counts["missing_of_stream"] == 1
    assert [final.how for final in ledger.closed()][-1] == "both"


def test_a_correction_is_a_revision_with_how_far_it_moved() -> None:
    ledger = loaded()
    ledger.closed()
    asked = asked_of(ledger, NOW_MS + 60_000)
    changed = [row(90, 101.0) if found == row(90) else found for found in rows(asked)]
    ledger.on_rest(changed, asked, NOW_MS + 60_000)

    (revision,) = ledger.revised()

    assert (revision.before, revision.after.close_px) == (
        Bar(START_MS + 90 * MINUTE_MS, 100.0, 100.0, 100.0, 100.0, 1.0, 5),
        101.0,
    )
    assert round(revision.moved_bps) == 100
    assert all(final.ts_open_ms > START_MS + 99 * MINUTE_MS for final in ledger.closed())


def test_changed_old_bars_make_the_next_look_deeper() -> None:
    ledger = loaded(history_bars=95)
    asked = asked_of(ledger, NOW_MS + 70_000)
    stale = [row(60, 101.0) if found == row(60) else found for found in rows(asked, last=101)]
    ledger.on_rest(stale, asked, NOW_MS + 70_000)
    deeper = asked_of(ledger, NOW_MS + 71_000)

    assert asked.from_ms > START_MS + 40 * MINUTE_MS
    assert deeper.from_ms == START_MS + 5 * MINUTE_MS


def test_two_bars_for_one_time_and_glitches_are_not_believed() -> None:
    ledger = loaded(history_bars=10)
    ledger.closed()
    later_ms = NOW_MS + MINUTE_MS
    asked = asked_of(ledger, later_ms)
    ledger.on_rest([*rows(asked, last=101), row(100, 100.5)], asked, later_ms)
    contested = ledger.closed()
    again = asked_of(ledger, later_ms + 6_000)
    glitch = Candle("BTC", "1m", row(100).ts_open_ms, 1e3, 1e3, 1e3, 1e3, 1.0, 5)
    ledger.on_rest([*rows(again, last=99), glitch, row(101)], again, later_ms + 6_000)

    assert contested == []
    assert ledger.closed() == []
    assert (ledger.counts["contested"], ledger.counts["doubted"]) == (1, 1)


def test_an_empty_reply_decides_nothing() -> None:
    ledger = Ledger("BTC", "1m", 10)
    asked = asked_of(ledger, NOW_MS)
    ledger.on_rest([], asked, NOW_MS)

    assert ledger.closed() == []
    assert ledger.due(NOW_MS + 1_000) is None
    assert ledger.due(NOW_MS + 6_000) is not None


def test_a_hole_older_than_the_venue_keeps_is_lost_and_said_so() -> None:
    ledger = Ledger("BTC", "1m", 5_000)
    ledger.restore([Bar(START_MS, 100.0, 100.0, 100.0, 100.0, 1.0, 1)])
    now_ms = START_MS + 6_000 * MINUTE_MS + 10_000
    ledger.on_candle(row(6_000), now_ms)

    asked = asked_of(ledger, now_ms)

    assert ledger.lost() == [(START_MS + MINUTE_MS, START_MS + 1_001 * MINUTE_MS)]
    assert asked.from_ms == START_MS + 1_001 * MINUTE_MS
    assert "lost" in ledger.ready(now_ms).reason or not ledger.ready(now_ms).is_ready


def test_after_a_restart_only_what_is_missing_is_asked_for() -> None:
    ledger = Ledger("BTC", "1m", 90)
    stored = [Bar(START_MS + index * MINUTE_MS, 100.0, 100.0, 100.0, 100.0, 1.0, 5)
              for index in range(97) if index != 50]  # fmt: skip
    ledger.restore(stored, [(START_MS, START_MS + 97 * MINUTE_MS)])

    asked = asked_of(ledger, NOW_MS)
    ledger.on_rest(rows(asked, without=(50,)), asked, NOW_MS)

    assert [final.ts_open_ms for final in ledger.closed()] == [
        START_MS + index * MINUTE_MS for index in (97, 98, 99)
    ]
    assert ledger.ready(NOW_MS).is_ready


def test_a_clock_that_runs_an_hour_ahead_closes_no_bar_too_early() -> None:
    ledger = Ledger("BTC", "1m", 10, clock=BarClock())
    wrong_ms = NOW_MS + 3_600_000
    ledger.on_candle(row(100), wrong_ms)
    asked = asked_of(ledger, wrong_ms + 1_000)
    ledger.on_rest(rows(asked), asked, wrong_ms + 1_000)

    assert [final.ts_open_ms for final in ledger.closed()][-1] == START_MS + 99 * MINUTE_MS
    assert ledger.ready(wrong_ms + 2_000).is_ready


def test_what_is_not_confirmed_for_long_makes_the_key_unready_with_the_reason() -> None:
    ledger = loaded()

    assert ledger.ready(NOW_MS + MINUTE_MS).is_ready
    late = ledger.ready(NOW_MS + 5 * MINUTE_MS)
    assert (late.is_ready, late.reason) == (
        False,
        f"4 bars from {START_MS + 100 * MINUTE_MS} on are not confirmed",
    )
