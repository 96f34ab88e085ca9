"""A run brought to one instant: the book before it, after its exits and after it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from core.simulate import Stage, drain
from kernel import codes, view
from kernel.account import unrealised_usd
from kernel.records import TRADE, Book, Market, Output, Records, Survey
from kernel.scan import scan

TAKEN = -1
"""Score of a candidate that had its turn."""
ENDLESS = 10**15


@dataclass(frozen=True)
class Scene:
    """What a decision on one symbol saw, and what it did; `at` is (instant, column).

    `before` is the book before the instant, `between` after its exits and flips with what was
    queued, `after` when all was done.  `closes` are the symbol's closes at the instant.
    """

    stage: Stage
    at: tuple[int, int]
    before: Book
    between: Book
    after: Book
    exits: Records
    closes: Records
    seen: Survey

    @property
    def market(self) -> Market:
        """The market that the run sees."""
        return self.stage.market

    @property
    def params(self) -> Any:
        """The parameters that hold for the symbol."""
        return self.stage.params[self.market.own[self.at[1]]]

    @property
    def common(self) -> Any:
        """The parameters whose limits hold for the whole account."""
        return self.stage.params[0]

    @property
    def ts_ms(self) -> int:
        """The instant."""
        return int(self.market.ts_close_ms[self.at[0]])

    @property
    def position(self) -> Any:
        """The symbol's holding before the instant."""
        return self.before.positions[self.at[1]]

    @property
    def closes_row(self) -> bool:
        """True if an indicator bar of the symbol closes here."""
        k, s = self.at
        return bool(self.market.is_row[k] and self.market.present[self.market.row_of[k], s])

    @cached_property
    def snap(self) -> Any:
        """The symbol as the decision saw it; also where the kernel had no need to look."""
        k, s = self.at
        market, columns = self.market, self.stage.columns
        snap = self.before.snaps[s : s + 1].copy()[0]
        rows = np.flatnonzero(market.present[: int(market.row_of[k]) + 1, s])
        if len(rows):
            t = int(rows[-1])
            bar = (market.volume[t, s], market.funding_rate_1h[t, s], market.flags[s])
            view.take_snapshot(snap, bar, columns, t, s)
            if self.params.entry_strategy != codes.STRATEGY_TREND:
                view.take_own_series(snap, columns, t, s)
        account = self.between.account[0]
        state = (int(account["btc_state"]), float(account["breadth"]))
        view.see_instant(snap, market, state, (k, s))
        return snap

    @property
    def entries_shut(self) -> bool:
        """True if the market's gate lets no entry through at this instant."""
        return bool(self.between.account[0]["entries_shut"])

    @property
    def bars_seen(self) -> int:
        """Bars of the symbol up to this instant, this one counted in."""
        k, s = self.at
        ks = np.arange(self.stage.span[0], k + 1)
        rows = self.market.row_of[ks[self.market.is_row[ks]]]
        return int(self.stage.book.marks[s]["bar_count"] + self.market.present[rows, s].sum())

    @property
    def held_side(self) -> int:
        """Side held when the signal came: what the exits of this instant left."""
        full = [row for row in self.exits if not row["is_partial"]]
        gone = any(row["reason"] != codes.REASON_SIGNAL_FLIP for row in full)
        return codes.FLAT if gone else int(self.position.side)

    @property
    def queue(self) -> Records:
        """What waited for its rank at this instant: adds first, then entries, each in its order."""
        waiting = self.between.candidates["score"] == TAKEN
        queued = self.between.candidates[waiting].copy()
        adx = self.between.snaps["adx"][queued["symbol"]]
        queued["score"] = 100 * queued["confidence"] + adx.astype(np.int64)
        order = np.lexsort((-queued["score"], -queued["is_add"]))  # stable on a tie
        ranked: Records = queued[order]
        return ranked

    @property
    def equity_usd(self) -> float:
        """Equity that adds and entries of this instant are sized on."""
        marks = self.market.mark_px[self.at[0] + 1]
        return float(self.between.account[0]["cash_usd"] + unrealised_usd(self.between, marks))


def copied(book: Book) -> Book:
    """A book of its own with the same content."""
    arrays: Any = (array.copy() for array in book)
    return Book(*arrays)


def bars_at(stage: Stage, at: tuple[int, int]) -> tuple[str, ...]:
    """Which bars of the symbol close at (instant, column): `indicator`, `exit`, `entry`."""
    k, s = at
    market = stage.market
    names = ["indicator"] if market.is_row[k] and market.present[market.row_of[k], s] else []
    if market.exit_kind[k, s] == codes.BAR_EXIT:
        names.append("exit")
    if market.entry_at.shape[0] > 0 and market.entry_at[k, s]:
        names.append("entry")
    return tuple(names)


def instant_of(stage: Stage, symbol: str, ts_ms: int) -> tuple[int, int] | None:
    """(instant, column) in the span at which a bar of the symbol closes, or None."""
    closes = stage.market.ts_close_ms
    k = int(np.searchsorted(closes, ts_ms))
    inside = stage.span[0] <= k < stage.span[1] and closes[k] == ts_ms
    if not inside or symbol not in stage.view.symbols:
        return None
    at = (k, stage.view.symbols.index(symbol))
    return at if bars_at(stage, at) else None


def scene_at(stage: Stage, at: tuple[int, int]) -> Scene:
    """The scene of instant and column `at`, which lies in the span of the run; `stage` is kept."""
    k, s = at
    before = copied(stage.book)
    seen = stage.survey(stage.book.marks.copy(), np.zeros(codes.COUNTER_COUNT, np.int64))
    instant, out = stage.span[0], output(stage)
    while instant < k:
        instant = scan(stage.market, stage.columns, seen, stage.params, before, out, (instant, k))
        drain(before, out)
    # Every order is below the least notional: all that waits is taken from the queue, none filled.
    quiet: Any = stage.params.copy()
    quiet["bump_to_min_notional"] = 0
    quiet["min_notional_usd"] = ENDLESS
    quiet["entries_per_bar_max_count"] = quiet["open_positions_max_count"] = ENDLESS
    between = copied(before)
    between.candidates["score"] = 0
    exits = _scanned(stage, seen, quiet, between, k)
    after = copied(before)
    closes = _scanned(stage, seen, stage.params, after, k)
    own = [closed[closed["symbol"] == s] for closed in (exits, closes)]
    return Scene(stage, at, before, between, after, own[0], own[1], seen)


def output(stage: Stage) -> Output:
    """Where a scan writes that is made for its book alone."""
    return Output(
        equity_usd=np.zeros(stage.span[1]),
        trades=np.zeros(8 * len(stage.view.symbols), TRADE),
        counters=np.zeros(codes.COUNTER_COUNT, np.int64),
    )


def _scanned(stage: Stage, seen: Survey, rows: Any, book: Book, k: int) -> Records:
    """The closes of instant `k`, scanned with `rows`."""
    out = output(stage)
    scan(stage.market, stage.columns, seen, rows, book, out, (k, k + 1))
    return drain(book, out)
