"""Whatever order bars and replies come in, and whatever is lost or doubled, bars end as the truth.

And a final bar never changes without a Revision.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.market.bars import Ask, Bar, FinalBar, Ledger, Revision
from sidecar.market.facts import Candle

MINUTE_MS = 60_000
START_MS = 1_788_480_000_000
SHOWINGS = 4
ROUNDS = 40
STEP_MS = 61_000


def candle(ts_open_ms: int, px: float, trades: int, close_px: float) -> Candle:
    """A sound bar of so many trades."""
    high_px, low_px = max(px, close_px) + 1.0, min(px, close_px) - 1.0
    return Candle("BTC", "1m", ts_open_ms, px, high_px, low_px, close_px, float(trades), trades)


@st.composite
def markets(draw: st.DrawFn) -> list[list[Candle]]:
    """For each minute how its bar grew; empty where nothing traded."""
    minutes: list[list[Candle]] = []
    px = 100.0
    for index in range(draw(st.integers(2, 25))):
        ts_ms = START_MS + index * MINUTE_MS
        closes = draw(st.lists(st.floats(95.0, 105.0), max_size=SHOWINGS))
        minutes.append([candle(ts_ms, px, count + 1, end) for count, end in enumerate(closes)])
        px = closes[-1] if closes else px
    # The market trades in its first and last minute, so that replies end with a bar.
    for index in (0, len(minutes) - 1):
        if not minutes[index]:
            minutes[index] = [candle(START_MS + index * MINUTE_MS, 100.0, 1, 100.0)]
    return minutes


def reply(minutes: list[list[Candle]], asked: Ask) -> list[Candle]:
    """What the venue answers: the whole bars of the span."""
    last = [bar[-1] for bar in minutes if bar]
    return [bar for bar in last if asked.from_ms <= bar.ts_open_ms < asked.to_ms]


class Reader:
    """Follows a ledger as the store does, and sees that nothing changes silently."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.stored: dict[int, Bar | None] = {}
        self.revisions: list[Revision] = []

    def take(self) -> None:
        for final in self.ledger.closed():
            assert isinstance(final, FinalBar)
            assert final.ts_open_ms not in self.stored, "a final bar was told twice"
            self.stored[final.ts_open_ms] = final.bar
        for revision in self.ledger.revised():
            assert self.stored[revision.ts_open_ms] == revision.before
            self.stored[revision.ts_open_ms] = revision.after
            self.revisions.append(revision)
        for bar in self.ledger.bars(1_000):
            assert self.stored[bar.ts_open_ms] == bar, "a final bar changed without a Revision"


def truth_of(minutes: list[list[Candle]]) -> dict[int, float]:
    return {bar[-1].ts_open_ms: bar[-1].close_px for bar in minutes if bar}


def closes_of(reader: Reader) -> dict[int, float]:
    return {ts_ms: bar.close_px for ts_ms, bar in reader.stored.items() if bar is not None}


def settle(reader: Reader, minutes: list[list[Candle]], now_ms: int) -> int:
    """Answer all that is asked, truly, until nothing is open; the time then."""
    for _ in range(ROUNDS):
        asked = reader.ledger.due(now_ms)
        if asked is not None:
            reader.ledger.on_rest(reply(minutes, asked), asked, now_ms)
            reader.take()
        now_ms += STEP_MS // 10
    return now_ms


@settings(max_examples=150)
@given(minutes=markets(), data=st.data())
def test_any_order_of_frames_and_replies_ends_with_the_truth(
    minutes: list[list[Candle]], data: st.DataObject
) -> None:
    frames = [showing for minute in minutes for showing in minute]
    told = data.draw(st.lists(st.sampled_from(frames), max_size=60))
    lies = data.draw(st.lists(st.integers(0, 3), max_size=12))
    ledger = Ledger("BTC", "1m", len(minutes))
    reader = Reader(ledger)
    now_ms = START_MS + len(minutes) * MINUTE_MS + 10_000
    for index, frame in enumerate(told):
        ledger.on_candle(frame, now_ms)
        if index < len(lies) and (asked := ledger.due(now_ms)) is not None:
            _lie(ledger, minutes, asked, now_ms, lies[index])
            reader.take()
        now_ms += 700

    settle(reader, minutes, now_ms)

    assert closes_of(reader) == truth_of(minutes)


def _lie(ledger: Ledger, minutes: list[list[Candle]], asked: Ask, now_ms: int, how: int) -> None:
    """A reply that is lost, empty, without its newest bars, or with another close in one."""
    rows = reply(minutes, asked)
    if how == 0:
        ledger.on_failed(asked, now_ms)
    elif how == 1:
        ledger.on_rest([], asked, now_ms)
    elif how == 2:
        ledger.on_rest(rows[:-2] + rows[-1:], asked, now_ms)
    else:
        changed = [
            candle(bar.ts_open_ms, bar.open_px, bar.trade_count, bar.close_px * 1.02)
            if index == len(rows) - 2
            else bar
            for index, bar in enumerate(rows)
        ]
        ledger.on_rest(changed, asked, now_ms)


@given(minutes=markets(), data=st.data())
def test_frames_alone_make_no_final_bar(minutes: list[list[Candle]], data: st.DataObject) -> None:
    frames = [showing for minute in minutes for showing in minute]
    ledger = Ledger("BTC", "1m", 5)
    now_ms = START_MS + len(minutes) * MINUTE_MS

    for frame in data.draw(st.lists(st.sampled_from(frames), max_size=60)):
        ledger.on_candle(frame, now_ms)

    assert ledger.closed() == []
    assert ledger.bars(100) == []


@given(minutes=markets(), data=st.data())
def test_a_bar_of_the_stream_is_its_newest_showing_whatever_the_order(
    minutes: list[list[Candle]], data: st.DataObject
) -> None:
    frames = [showing for minute in minutes for showing in minute]
    told = data.draw(st.permutations(frames + frames[:3]))
    ledger = Ledger("BTC", "1m", 5)
    now_ms = START_MS + len(minutes) * MINUTE_MS + MINUTE_MS

    for frame in told:
        ledger.on_candle(frame, now_ms)

    shown = {bar.ts_open_ms: bar.close_px for bar in ledger.unconfirmed(now_ms + MINUTE_MS)}
    assert shown == truth_of(minutes)
