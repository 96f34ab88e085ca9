"""Forming and closed bars of one symbol and interval.  Pure.

The stream builds bars, REST confirms them: a bar is final when a reply has it and its time is over
by the venue's own bars (`bar_clock`).  A time without a bar in the reply is absent: nothing traded.
After that a bar changes only by a Revision.  Every look at the newest bars takes in those before,
and goes deeper as long as it finds old ones changed, so that what was wrong once does not stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.market.bars import interval_to_ms
from sidecar.market.bar_clock import BarClock
from sidecar.market.bar_facts import (
    Ask,
    AskReason,
    Bar,
    BarsPolicy,
    FinalBar,
    Ready,
    Revision,
    bar_of,
    has_same_values,
    moved_bps,
)
from sidecar.market.bar_grid import Grid
from sidecar.market.doubts import Doubts
from sidecar.market.facts import Candle

__all__ = ["Ask", "Bar", "BarClock", "BarsPolicy", "FinalBar", "Ledger", "Ready", "Revision"]

PRIORITY: Final[dict[AskReason, int]] = {"confirm": 0, "gap": 1, "history": 2, "recheck": 3}
RECENT_BARS: Final = 3
"""Older ones that are missing are a gap."""
FUTURE_MS: Final = 86_400_000


class Ledger:
    """The bars of one key.

    `now_ms` and `seen_ms` are this host's clock; `clock` is shared by all keys of a venue.
    """

    def __init__(
        self,
        symbol: str,
        interval: str,
        history_bars: int,
        policy: BarsPolicy | None = None,
        clock: BarClock | None = None,
    ) -> None:
        self.symbol = symbol
        self.interval = interval
        self.is_polled = False
        """Set while no stream shows the bars: REST is asked for the forming one too."""
        self.counts: dict[str, int] = {}
        """What was not taken, and what had to be repaired, by reason."""
        self._policy = policy or BarsPolicy()
        self._clock = clock or BarClock()
        self._length_ms = interval_to_ms(interval)
        self._history_bars = history_bars
        self._grid = Grid(self._length_ms)
        self._stream: dict[int, Bar] = {}
        self._stream_doubts = Doubts(self._policy)
        self._doubts = Doubts(self._policy)
        self._missing_since: dict[int, int] = {}
        self._looked_ms: int | None = None
        self._deep_bars = 0
        self._not_before_ms = 0
        self._retry_ms = 0
        self._closed: list[FinalBar] = []
        self._revised: list[Revision] = []
        self._lost: list[tuple[int, int]] = []

    def want(self, history_bars: int) -> None:
        """So many closed bars are wanted from now on."""
        if history_bars > self._history_bars:
            self._not_before_ms = 0
        self._history_bars = history_bars

    def restore(self, bars: Sequence[Bar], asked: Sequence[tuple[int, int]] = ()) -> None:
        """Final bars of the store, ascending; holes inside `asked` spans are known to be absent.

        Before anything else is told.
        """
        if bars:
            self._grid.restore(bars, asked)

    def on_candle(self, candle: Candle, seen_ms: int) -> bool:
        """Whether the forming bar changed."""
        if candle.symbol != self.symbol or candle.interval != self.interval:
            return self._count("another_key")
        ts_ms = candle.ts_open_ms
        if ts_ms > max(seen_ms, self._clock.venue_ms(seen_ms)) + self._length_ms + FUTURE_MS:
            return self._count("future")
        bar = bar_of(candle)
        if ts_ms in self._grid.known:
            if self._grid.known[ts_ms] is None:
                self._looked_ms = None
            return self._count("late")
        before = self._stream.get(ts_ms)
        if before is not None:
            if bar == before:
                return self._count("duplicate")
            if (bar.trade_count, bar.volume) < (before.trade_count, before.volume):
                return self._count("older")
        near_px = self._near_px(ts_ms)
        if self._stream_doubts.takes(bar, near_px, self._policy.glitch_times, seen_ms):
            return self._count("glitch")
        self._grid.learn_phase(ts_ms)
        self._clock.forms(ts_ms, self._length_ms, seen_ms)
        self._stream[ts_ms] = bar
        if len(self._stream) > self._policy.horizon_bars:
            del self._stream[min(self._stream)]
        return ts_ms == max(self._stream)

    def on_rest(self, rows: Sequence[Candle], asked: Ask, seen_ms: int) -> None:
        """The reply to an Ask, as `decode.rest_bars` gives it."""
        found, contested = self._sorted_out(rows)
        if not found:
            # It may be that nothing ever traded; a reply without any bar proves nothing.
            self._count("empty_reply")
            self._again(seen_ms)
            return
        grid, length_ms = self._grid, self._length_ms
        newest_ms = max(found)
        grid.learn_phase(newest_ms)
        self._clock.exists(newest_ms, seen_ms)
        self._looked_ms = seen_ms
        venue_ms = self._clock.venue_ms(seen_ms)
        over_ms = max(newest_ms, venue_ms - self._policy.grace_ms)
        absent_ms = max(newest_ms, venue_ms - self._policy.absent_ms)
        changed: list[int] = []
        start_ms = max(grid.ceiling(asked.from_ms), self._horizon_ms(venue_ms))
        # The span may reach into the future by a wrong clock of this host.
        for ts_ms in range(start_ms, min(asked.to_ms, over_ms + length_ms), length_ms):
            bar = found.get(ts_ms)
            if ts_ms in contested:
                continue
            if bar is None:
                if ts_ms + length_ms <= absent_ms:
                    self._miss(ts_ms, seen_ms)
            elif ts_ms + length_ms > over_ms:
                self._show(bar, seen_ms)
            elif self._confirm(bar, seen_ms):
                changed.append(ts_ms)
        end_ms = self._end_ms(venue_ms)
        self._look_deeper(asked, changed, end_ms)
        self._settle(end_ms, seen_ms)

    def on_failed(self, asked: Ask, now_ms: int) -> None:
        """The Ask got no usable reply; it is due again later."""
        del asked
        self._count("failed_asks")
        self._again(now_ms)

    def due(self, now_ms: int) -> Ask | None:
        """The most urgent thing to ask for; one at a time for each key."""
        policy, grid = self._policy, self._grid
        # A clock that was set back must not silence the key.
        if 0 < self._not_before_ms - now_ms <= policy.retry_ms_max:
            return None
        venue_ms = self._clock.venue_ms(now_ms)
        end_ms = self._end_ms(venue_ms)
        grid.begin_at(end_ms - (max(self._history_bars, 1) - 1) * self._length_ms)
        self._drop_old(venue_ms, end_ms)
        if grid.solid_ms <= end_ms:
            return self._ask(grid.solid_ms, end_ms, self._reason(end_ms), now_ms)
        if self._deep_bars:
            from_ms = end_ms - self._deep_bars * self._length_ms
            return self._ask(max(from_ms, grid.oldest_ms), end_ms, "gap", now_ms)
        every_ms = policy.poll_ms if self.is_polled else policy.recheck_ms
        if self._looked_ms is None or not 0 <= now_ms - self._looked_ms < every_ms:
            return self._ask(end_ms + self._length_ms, end_ms, "recheck", now_ms)
        return None

    def closed(self) -> list[FinalBar]:
        """What became final since the last call, oldest first."""
        found, self._closed = self._closed, []
        return sorted(found, key=lambda final: final.ts_open_ms)

    def revised(self) -> list[Revision]:
        """What changed of final bars since the last call."""
        found, self._revised = self._revised, []
        return found

    def lost(self) -> list[tuple[int, int]]:
        """Spans since the last call that the venue does not keep any more: gaps for ever."""
        found, self._lost = self._lost, []
        return found

    def forming(self) -> Bar | None:
        """The newest bar of the stream, which may still change."""
        return self._stream[max(self._stream)] if self._stream else None

    def bars(self, count: int) -> list[Bar]:
        """The newest final bars, oldest first; silent ones are filled when the policy is `flat`."""
        if self._policy.silent == "flat":
            return self._grid.newest_filled(count)
        return self._grid.newest_bars(count)

    def unconfirmed(self, now_ms: int) -> list[Bar]:
        """Bars of the stream that are over and not final yet, oldest first."""
        over_ms = self._clock.venue_ms(now_ms) - self._length_ms
        newest_ms = max(self._stream, default=0)
        return [
            self._stream[ts_ms]
            for ts_ms in sorted(self._stream)
            if ts_ms <= over_ms or ts_ms < newest_ms
        ]

    def ready(self, now_ms: int) -> Ready:
        """Whether the key is ready, with the reason when it is not."""
        grid, length_ms = self._grid, self._length_ms
        venue_ms = self._clock.venue_ms(now_ms)
        end_ms = self._end_ms(venue_ms)
        want_ms = end_ms - (max(self._history_bars, 1) - 1) * length_ms
        reason = self._unready(want_ms, end_ms, venue_ms)
        start_ms = max(want_ms, grid.oldest_ms)
        have_ms = max(0, min(grid.solid_ms, end_ms + length_ms) - start_ms)
        return Ready(
            is_ready=not reason,
            reason=reason,
            have_bars=have_ms // length_ms,
            wanted_bars=self._history_bars,
            newest_ms=grid.newest_ms,
        )

    def _unready(self, want_ms: int, end_ms: int, venue_ms: int) -> str:
        """Why the key is not ready; empty when it is."""
        grid = self._grid
        if grid.from_ms is None or grid.first_ms is None:
            return "no bar is known yet"
        if grid.lost_to_ms > want_ms:
            return f"bars before {grid.lost_to_ms} are lost: the venue keeps the newest 5,000"
        if grid.from_ms > max(want_ms, self._horizon_ms(venue_ms)):
            return "its history is not fetched yet"
        if grid.solid_ms > end_ms:
            return ""
        late_ms = venue_ms - grid.solid_ms - self._length_ms
        if grid.solid_ms > want_ms and late_ms < self._policy.late_ms:
            return ""
        if self._doubts.holds(grid.solid_ms):
            return f"the bar at {grid.solid_ms} is doubted: sources differ too much"
        missing = (end_ms - grid.solid_ms) // self._length_ms + 1
        return f"{missing} bars from {grid.solid_ms} on are not confirmed"

    def _count(self, reason: str) -> bool:
        self.counts[reason] = self.counts.get(reason, 0) + 1
        return False

    def _end_ms(self, venue_ms: int) -> int:
        """Where the newest bar opens that is over."""
        end_ms = self._grid.floor(venue_ms - self._policy.grace_ms - self._length_ms)
        return max(end_ms, self._grid.newest_ms or end_ms)

    def _horizon_ms(self, venue_ms: int) -> int:
        """The oldest bar that the venue still has."""
        kept = self._policy.horizon_bars - 1
        return self._grid.floor(venue_ms) - kept * self._length_ms

    def _near_px(self, ts_ms: int) -> float | None:
        """A price of about that time."""
        for at_ms in (ts_ms, ts_ms - self._length_ms):
            if at_ms in self._stream:
                return self._stream[at_ms].close_px
        return self._grid.near_px(ts_ms, RECENT_BARS)

    def _sorted_out(self, rows: Sequence[Candle]) -> tuple[dict[int, Bar], dict[int, None]]:
        """Bars by time, and times of which the reply has two different bars."""
        found: dict[int, Bar] = {}
        contested: dict[int, None] = {}
        for row in rows:
            if row.symbol != self.symbol or row.interval != self.interval:
                self._count("another_key")
                continue
            bar = bar_of(row)
            if found.setdefault(row.ts_open_ms, bar) != bar:
                self._count("contested")
                contested[row.ts_open_ms] = None
        return found, contested

    def _show(self, bar: Bar, seen_ms: int) -> None:
        """A bar that still forms, as REST shows it: while the stream is silent it is the newest."""
        ts_ms = bar.ts_open_ms
        before = self._stream.get(ts_ms)
        if ts_ms in self._grid.known or (before and bar.trade_count <= before.trade_count):
            return
        near_px = self._near_px(ts_ms)
        if not self._stream_doubts.takes(bar, near_px, self._policy.glitch_times, seen_ms):
            self._stream[ts_ms] = bar

    def _confirm(self, bar: Bar, seen_ms: int) -> bool:
        """Take the venue's word for a bar that is over; whether it had been something else."""
        ts_ms, grid = bar.ts_open_ms, self._grid
        is_news = ts_ms not in grid.known
        before = grid.known.get(ts_ms)
        if before is not None and has_same_values(before, bar):
            self._doubts.clear(ts_ms)
            return False
        streamed = self._stream.get(ts_ms)
        near_px, times = self._near_px(ts_ms), self._policy.glitch_times
        if before is not None or streamed is not None:
            near_px = near_px if before is None else before.close_px
            times = self._policy.stream_glitch_times
        if self._doubts.takes(bar, near_px, times, seen_ms):
            return self._count("doubted")
        grid.keep(bar)
        self._stream.pop(ts_ms, None)
        self._missing_since.pop(ts_ms, None)
        if is_news:
            is_same = streamed is not None and has_same_values(streamed, bar)
            self._closed.append(FinalBar(ts_ms, bar, "both" if is_same else "rest"))
            return False
        moved = 0.0 if before is None else moved_bps(before, bar)
        reason = "it came late" if before is None else "the venue corrected it"
        self._revised.append(Revision(ts_ms, before, bar, reason, moved, seen_ms))
        self._count("revised")
        return True

    def _miss(self, ts_ms: int, seen_ms: int) -> None:
        """The reply has no bar for that time."""
        known = self._grid.known
        if ts_ms in known:
            if known[ts_ms] is not None:
                self._count("missing_of_known")
            return
        if ts_ms in self._stream:
            since_ms = self._missing_since.setdefault(ts_ms, seen_ms)
            if seen_ms - since_ms < self._policy.missing_ms:
                self._count("missing_of_stream")
                return
            del self._stream[ts_ms], self._missing_since[ts_ms]
        known[ts_ms] = None
        self._closed.append(FinalBar(ts_ms, None, "absent"))

    def _look_deeper(self, asked: Ask, changed: list[int], end_ms: int) -> None:
        """Old bars changed: so may have older ones.  Stops at the first look that finds none."""
        self._deep_bars = 0
        is_old = bool(changed) and changed[0] < end_ms - self._length_ms
        if is_old and asked.from_ms > self._grid.oldest_ms:
            span = (end_ms - asked.from_ms) // self._length_ms + 1
            self._deep_bars = min(span * self._policy.deeper_times, self._policy.horizon_bars)

    def _settle(self, end_ms: int, seen_ms: int) -> None:
        """Ask again soon when the reply left something open, else when it is due."""
        self._grid.advance()
        if self._grid.solid_ms <= end_ms:
            self._again(seen_ms)
        else:
            self._retry_ms = self._not_before_ms = 0

    def _again(self, now_ms: int) -> None:
        policy = self._policy
        self._retry_ms = min(max(policy.retry_ms, 2 * self._retry_ms), policy.retry_ms_max)
        self._not_before_ms = now_ms + self._retry_ms

    def _drop_old(self, venue_ms: int, end_ms: int) -> None:
        """Forget what nobody wants, and give up what the venue has not any more."""
        grid = self._grid
        horizon_ms = self._horizon_ms(venue_ms)
        if grid.solid_ms < horizon_ms and self._clock.is_proven:
            self._lost += grid.give_up_before(horizon_ms)
        kept = max(self._history_bars, self._policy.kept_bars_min)
        grid.forget_before(end_ms - kept * self._length_ms)
        self._doubts.forget_before(grid.oldest_ms)
        self._stream_doubts.forget_before(grid.oldest_ms)
        for ts_ms in [ts_ms for ts_ms in self._stream if ts_ms < grid.oldest_ms]:
            del self._stream[ts_ms]
            self._missing_since.pop(ts_ms, None)

    def _reason(self, end_ms: int) -> AskReason:
        if self._grid.solid_ms > end_ms - RECENT_BARS * self._length_ms:
            return "confirm"
        return "history" if self._looked_ms is None else "gap"

    def _ask(self, from_ms: int, end_ms: int, reason: AskReason, now_ms: int) -> Ask:
        """The request from that bar up to the one that forms, with bars before it as witnesses."""
        grid, length_ms = self._grid, self._length_ms
        venue_ms = self._clock.venue_ms(now_ms)
        back_ms = end_ms - (self._policy.look_back_bars - 1) * length_ms
        if grid.newest_ms is not None:
            back_ms = min(back_ms, grid.newest_ms)
        start_ms = min(from_ms, max(back_ms, grid.oldest_ms))
        due_ms = from_ms + length_ms + self._policy.grace_ms
        return Ask(
            self.symbol,
            self.interval,
            max(start_ms, self._horizon_ms(venue_ms)),
            # By this host's clock too: bars that are there correct what is known of the time.
            max(end_ms + 2 * length_ms, grid.floor(now_ms) + length_ms),
            reason,
            PRIORITY[reason],
            now_ms - max(0, venue_ms - due_ms),
        )
