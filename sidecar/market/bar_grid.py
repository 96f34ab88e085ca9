"""Which bars of a key are known, on the grid of times at which they open.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.market.bar_facts import Bar, flat_bar


class Grid:
    """Final bars by the time at which they open; None: the venue has none for that time."""

    def __init__(self, length_ms: int) -> None:
        self.length_ms = length_ms
        self.known: dict[int, Bar | None] = {}
        self.from_ms: int | None = None
        """Where it begins; None before anything is wanted."""
        self.solid_ms = 0
        """All from the beginning up to here is known."""
        self.first_ms: int | None = None
        """The oldest bar that traded."""
        self.newest_ms: int | None = None
        """The newest one."""
        self.lost_to_ms = 0
        """Where the last gap for ever ends."""
        self._phase_ms = 0

    @property
    def oldest_ms(self) -> int:
        """Where it begins."""
        return self.solid_ms if self.from_ms is None else self.from_ms

    def floor(self, ts_ms: int) -> int:
        """The time at which the bar of that time opens."""
        return ts_ms - (ts_ms - self._phase_ms) % self.length_ms

    def ceiling(self, ts_ms: int) -> int:
        """The first such time that is not before that one."""
        return self.floor(ts_ms + self.length_ms - 1)

    def learn_phase(self, ts_ms: int) -> None:
        """Where bars of this length begin is the venue's choice for those longer than a day."""
        phase_ms = ts_ms % self.length_ms
        if phase_ms != self._phase_ms and not self.known:
            self._phase_ms = phase_ms
            self.from_ms = None

    def keep(self, bar: Bar) -> None:
        """The bar is final."""
        ts_ms = bar.ts_open_ms
        self.known[ts_ms] = bar
        self.first_ms = ts_ms if self.first_ms is None else min(self.first_ms, ts_ms)
        self.newest_ms = ts_ms if self.newest_ms is None else max(self.newest_ms, ts_ms)

    def restore(self, bars: Sequence[Bar], asked: Sequence[tuple[int, int]]) -> None:
        """Bars that were final before; holes inside `asked` are known to be absent."""
        self.learn_phase(bars[0].ts_open_ms)
        for bar in bars:
            self.keep(bar)
        first_ms, last_ms = bars[0].ts_open_ms, bars[-1].ts_open_ms
        for from_ms, to_ms in asked:
            start_ms = max(first_ms, self.ceiling(from_ms))
            for ts_ms in range(start_ms, min(to_ms, last_ms), self.length_ms):
                self.known.setdefault(ts_ms, None)
        self.from_ms = first_ms if self.from_ms is None else min(self.from_ms, first_ms)
        self.solid_ms = self.from_ms
        self.advance()

    def begin_at(self, ts_ms: int) -> None:
        """Begin there, if not before."""
        if self.from_ms is None or ts_ms < self.from_ms:
            self.from_ms = self.solid_ms = ts_ms
            self.advance()

    def advance(self) -> None:
        """Find where the first unknown bar is."""
        while self.solid_ms in self.known:
            self.solid_ms += self.length_ms

    def forget_before(self, ts_ms: int) -> None:
        """Let go of bars before that time, of the solid ones alone."""
        if self.from_ms is None:
            return
        low_ms = min(ts_ms, self.solid_ms)
        while self.from_ms < low_ms:
            self.known.pop(self.from_ms, None)
            self.from_ms += self.length_ms

    def give_up_before(self, ts_ms: int) -> list[tuple[int, int]]:
        """Spans of unknown bars before that time: they are lost, and all counts as solid."""
        lost: list[tuple[int, int]] = []
        start_ms: int | None = None
        for at_ms in range(self.solid_ms, ts_ms + self.length_ms, self.length_ms):
            is_lost = at_ms < ts_ms and at_ms not in self.known
            if is_lost and start_ms is None:
                start_ms = at_ms
            elif not is_lost and start_ms is not None:
                lost.append((start_ms, at_ms))
                self.lost_to_ms = at_ms
                start_ms = None
        self.solid_ms = ts_ms
        self.advance()
        return lost

    def near_px(self, ts_ms: int, bars_back: int) -> float | None:
        """The close of the bar before that time, or a little before; None: none is known."""
        for back in range(1, bars_back + 1):
            bar = self.known.get(ts_ms - back * self.length_ms)
            if bar is not None:
                return bar.close_px
        return None

    def newest_bars(self, count: int) -> list[Bar]:
        """The newest bars that traded, oldest first."""
        found: list[Bar] = []
        if self.newest_ms is not None:
            for ts_ms in range(self.newest_ms, self.oldest_ms - 1, -self.length_ms):
                if len(found) == count:
                    break
                bar = self.known.get(ts_ms)
                if bar is not None:
                    found.append(bar)
        return found[::-1]

    def newest_filled(self, count: int) -> list[Bar]:
        """The newest times, flat at the last close where nothing traded; unknown ones left out."""
        if self.newest_ms is None or self.first_ms is None:
            return []
        found: list[Bar] = []
        last_ms = max(self.newest_ms, self.solid_ms - self.length_ms)
        start_ms = max(self.first_ms, self.oldest_ms, last_ms - (count - 1) * self.length_ms)
        close_px = self._close_before(start_ms)
        for ts_ms in range(start_ms, last_ms + 1, self.length_ms):
            bar = self.known.get(ts_ms)
            if bar is not None:
                close_px = bar.close_px
                found.append(bar)
            elif ts_ms in self.known and close_px is not None:
                found.append(flat_bar(ts_ms, close_px))
        return found

    def _close_before(self, ts_ms: int) -> float | None:
        for at_ms in range(ts_ms - self.length_ms, self.oldest_ms - 1, -self.length_ms):
            bar = self.known.get(at_ms)
            if bar is not None:
                return bar.close_px
        return None
