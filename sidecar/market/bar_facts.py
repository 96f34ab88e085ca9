"""What is known, asked and told of bars."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from sidecar.market.facts import Candle

How = Literal["rest", "both", "absent"]
AskReason = Literal["confirm", "gap", "history", "recheck"]
Silent = Literal["absent", "flat"]

BPS_PER_ONE: Final = 10_000


class BarsPolicy(Struct, frozen=True):
    """When to ask, and what to believe."""

    grace_ms: int = 2_500
    """After its end a bar may still change for so long."""
    absent_ms: int = 5_000
    """The venue may be so late with a bar that ended with its last trade."""
    recheck_ms: int = 60_000
    """The newest bars are looked at again so often."""
    look_back_bars: int = 55
    """Bars before the ones asked for that are looked at again: up to 60 a reply weigh nothing."""
    deeper_times: int = 4
    """How much further back the next look goes when the last one found old bars changed."""
    retry_ms: int = 5_000
    retry_ms_max: int = 60_000
    stream_glitch_times: float = 1.5
    """A bar so far from what the stream said of it, or from what it was, is doubted."""
    glitch_times: float = 3.0
    """The same against the bar before it."""
    doubt_looks: int = 3
    doubt_ms: int = 60_000
    """What is doubted and stays the same for so many looks and so long is believed."""
    missing_ms: int = 600_000
    """A bar that the stream had and replies have not is believed to be absent after so long."""
    poll_ms: int = 15_000
    """The newest bars are looked at so often while no stream shows them."""
    late_ms: int = 120_000
    """A key stays ready for so long while its newest bar is not confirmed."""
    kept_bars_min: int = 720
    horizon_bars: int = 5_000
    """The venue keeps no more."""
    silent: Silent = "absent"
    """What readers get for a time without trades: nothing, or a flat bar without volume."""


class Bar(Struct, frozen=True, gc=False):
    """A bar."""

    ts_open_ms: int
    open_px: float
    high_px: float
    low_px: float
    close_px: float
    volume: float
    trade_count: int


class FinalBar(Struct, frozen=True):
    """A bar that is final; None: the venue has none for that time, nothing traded."""

    ts_open_ms: int
    bar: Bar | None
    how: How


class Revision(Struct, frozen=True):
    """The venue says something else of a bar that was final; None before: it had been absent."""

    ts_open_ms: int
    before: Bar | None
    after: Bar
    reason: str
    moved_bps: float
    seen_ms: int


class Ask(Struct, frozen=True):
    """A `candleSnapshot` to ask for: bars that open from `from_ms` up to, without, `to_ms`.

    Lower `priority` first, then lower `since_ms`: since when it is due.
    """

    symbol: str
    interval: str
    from_ms: int
    to_ms: int
    reason: AskReason
    priority: int
    since_ms: int


class Ready(Struct, frozen=True):
    """Whether all wanted bars are here up to the newest, and if not why not."""

    is_ready: bool
    reason: str
    have_bars: int
    wanted_bars: int
    newest_ms: int | None


def bar_of(candle: Candle) -> Bar:
    """The bar without its key."""
    return Bar(
        candle.ts_open_ms,
        candle.open_px,
        candle.high_px,
        candle.low_px,
        candle.close_px,
        candle.volume,
        candle.trade_count,
    )


def flat_bar(ts_open_ms: int, px: float) -> Bar:
    """A bar of a time in which nothing traded."""
    return Bar(ts_open_ms, px, px, px, px, 0.0, 0)


def has_same_values(one: Bar, other: Bar) -> bool:
    """Whether what is stored of both is the same."""
    return (
        one.open_px == other.open_px
        and one.high_px == other.high_px
        and one.low_px == other.low_px
        and one.close_px == other.close_px
        and one.volume == other.volume
    )


def moved_bps(before: Bar, after: Bar) -> float:
    """The furthest that any of the four prices moved, in basis points."""
    pairs = (
        (before.open_px, after.open_px),
        (before.high_px, after.high_px),
        (before.low_px, after.low_px),
        (before.close_px, after.close_px),
    )
    return max(abs(new / old - 1.0) for old, new in pairs) * BPS_PER_ONE


def is_far(px: float, reference_px: float, times: float) -> bool:
    """Whether one is that many times the other."""
    return px > reference_px * times or reference_px > px * times
