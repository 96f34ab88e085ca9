"""Latest values with their ages.  Pure.

A value is taken when it is newer than the one before by the venue's own time, is a sound number,
and agrees with what else is known of the symbol: one source that is far from the middle of mid,
mark and oracle prices is put aside, and its last good value grows old.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from statistics import median
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from sidecar.market.facts import Bbo, Context, Fact, Mids, Trade

Kind = Literal["mid", "bbo", "context", "trade"]
MidSource = Literal["bbo", "all_mids"]

SYMBOLS_MAX: Final = 10_000
NEVER_MS: Final = -(1 << 53)


class BoardPolicy(Struct, frozen=True):
    """What is old, what is late, and what is a glitch."""

    bbo_fallback_ms: int = 5_000
    """Age of a quote from which `allMids` speaks for its symbol."""
    trades_kept: int = 512
    tids_kept: int = 4_096
    trade_late_ms: int = 60_000
    """A trade that is so much older than the newest one is not news any more."""
    glitch_times: float = 1.5
    """A price so many times the middle of the others, or so small a part of it, is one."""
    reference_ms: int = 60_000
    """Older prices say nothing about new ones."""
    persists_ms: int = 10_000
    """A deviation is believed after that time when no other source speaks against it."""
    restart_count: int = 3
    restart_ms: int = 5_000
    """So many older messages that follow each other for so long: time was wrong before."""


class Change(NamedTuple):
    """Something new of a symbol; `seq` is the board's count of changes, 1 the first."""

    kind: Kind
    symbol: str
    seq: int


class Mid(NamedTuple):
    """A mid price, when it came, and from what."""

    px: float
    seen_ms: int
    source: MidSource
    seq: int


class _Cell:
    """All that is known of a symbol."""

    __slots__ = (
        "all_mid", "bbo", "bbo_mid_ms", "bbo_ms", "bbo_seq", "context", "context_ms",
        "context_seq", "mid", "odd_since", "older_count", "older_first_ms", "older_time_ms",
        "seq", "tids", "trade_dropped_seq", "trade_time_ms", "trades", "trades_ms",
    )  # fmt: skip

    def __init__(self, policy: BoardPolicy) -> None:
        self.seq = 0
        self.mid: Mid | None = None
        self.all_mid: tuple[float, int] | None = None
        self.bbo: Bbo | None = None
        self.bbo_ms = NEVER_MS
        self.bbo_mid_ms = NEVER_MS
        self.bbo_seq = 0
        self.context: Context | None = None
        self.context_ms = NEVER_MS
        self.context_seq = 0
        self.trades: deque[tuple[int, Trade]] = deque(maxlen=policy.trades_kept)
        self.trades_ms = NEVER_MS
        self.trade_time_ms = 0
        self.trade_dropped_seq = 0
        self.tids: dict[int, None] = {}
        self.older_count = 0
        self.older_first_ms = 0
        self.older_time_ms = 0
        self.odd_since: dict[str, int] = {}


class Board:
    """What was said last of every symbol."""

    def __init__(self, policy: BoardPolicy | None = None) -> None:
        self.seq = 0
        self.counts: dict[str, int] = {}
        """Facts that were not taken, by reason."""
        self._policy = policy or BoardPolicy()
        self._cells: dict[str, _Cell] = {}
        self._take: dict[type, Callable[[Any, int], list[Change]]] = {
            Bbo: self._take_bbo,
            Mids: self._take_mids,
            Context: self._take_context,
            Trade: self._take_trade,
        }

    def apply(self, fact: Fact, seen_ms: int) -> list[Change]:
        """What changed; facts that are none of the board's change nothing."""
        take = self._take.get(type(fact))
        return [] if take is None else take(fact, seen_ms)

    def mid(self, symbol: str) -> Mid | None:
        """The mid price; its age is for the caller to judge."""
        cell = self._cells.get(symbol)
        return None if cell is None else cell.mid

    def mids(self) -> dict[str, Mid]:
        """All of them."""
        return {name: cell.mid for name, cell in self._cells.items() if cell.mid is not None}

    def bbo(self, symbol: str) -> tuple[Bbo, int, int] | None:
        """(quote, when it came, seq)."""
        cell = self._cells.get(symbol)
        if cell is None or cell.bbo is None:
            return None
        return cell.bbo, cell.bbo_ms, cell.bbo_seq

    def context(self, symbol: str) -> tuple[Context, int, int] | None:
        """(context, when it came, seq)."""
        cell = self._cells.get(symbol)
        if cell is None or cell.context is None:
            return None
        return cell.context, cell.context_ms, cell.context_seq

    def trades(self, symbol: str, after_seq: int = 0) -> list[tuple[int, Trade]]:
        """(seq, trade) of the newest trades after that one, oldest first."""
        cell = self._cells.get(symbol)
        if cell is None:
            return []
        found = []
        for item in reversed(cell.trades):
            if item[0] <= after_seq:
                break
            found.append(item)
        return found[::-1]

    def trades_from_seq(self, symbol: str) -> int:
        """From this seq on all trades are here: who was last at a lower one has missed some."""
        cell = self._cells.get(symbol)
        return 0 if cell is None else cell.trade_dropped_seq

    def symbol_seq(self, symbol: str) -> int:
        """The seq of the newest change of the symbol; 0 for none."""
        cell = self._cells.get(symbol)
        return 0 if cell is None else cell.seq

    def ages_ms(self, symbol: str, now_ms: int) -> dict[Kind, int]:
        """Age by kind of what is known of the symbol, never negative."""
        cell = self._cells.get(symbol)
        if cell is None:
            return {}
        seen: dict[Kind, int] = {
            "mid": NEVER_MS if cell.mid is None else cell.mid.seen_ms,
            "bbo": cell.bbo_ms,
            "context": cell.context_ms,
            "trade": cell.trades_ms,
        }
        return {kind: max(0, now_ms - at) for kind, at in seen.items() if at != NEVER_MS}

    def shift(self, by_ms: int) -> None:
        """This host's clock was set by so much: ages stay what they were."""
        for cell in self._cells.values():
            if cell.mid is not None:
                cell.mid = cell.mid._replace(seen_ms=cell.mid.seen_ms + by_ms)
            if cell.all_mid is not None:
                cell.all_mid = (cell.all_mid[0], cell.all_mid[1] + by_ms)
            for name in ("bbo_ms", "bbo_mid_ms", "context_ms", "trades_ms"):
                if getattr(cell, name) != NEVER_MS:
                    setattr(cell, name, getattr(cell, name) + by_ms)
            cell.older_first_ms += by_ms
            cell.odd_since = {name: at + by_ms for name, at in cell.odd_since.items()}

    def forget(self, symbols: list[str]) -> None:
        """Nobody wants these any more."""
        for symbol in symbols:
            self._cells.pop(symbol, None)

    def _refuse(self, reason: str) -> list[Change]:
        self.counts[reason] = self.counts.get(reason, 0) + 1
        return []

    def _cell(self, symbol: str) -> _Cell | None:
        cell = self._cells.get(symbol)
        if cell is None and len(self._cells) < SYMBOLS_MAX:
            cell = self._cells[symbol] = _Cell(self._policy)
        return cell

    def _next(self, cell: _Cell) -> int:
        self.seq += 1
        cell.seq = self.seq
        return self.seq

    def _take_bbo(self, fact: Bbo, seen_ms: int) -> list[Change]:
        symbol = fact.symbol
        cell = self._cells.get(symbol) or self._cell(symbol)
        if cell is None:
            return self._refuse("too_many_symbols")
        before = cell.bbo
        if before is not None:
            if fact.time_ms < before.time_ms and not self._restarts(cell, fact.time_ms, seen_ms):
                return self._refuse("older")
            if fact == before:
                return self._refuse("duplicate")
        mid_px = 0.0
        if fact.bid is not None and fact.ask is not None:
            mid_px = (fact.bid[0] + fact.ask[0]) / 2.0
            if not 0.0 < mid_px < math.inf or fact.bid[0] >= fact.ask[0]:
                return self._refuse("unsound")
            if not self._agrees(cell, "bbo", mid_px, seen_ms):
                return self._refuse("glitch")
        cell.older_count = 0
        cell.bbo, cell.bbo_ms = fact, seen_ms
        seq = cell.bbo_seq = self._next(cell)
        changes = [Change("bbo", symbol, seq)]
        if mid_px:
            cell.bbo_mid_ms = seen_ms
            self._set_mid(cell, symbol, mid_px, "bbo", seen_ms, changes)
        return changes

    def _restarts(self, cell: _Cell, time_ms: int, seen_ms: int) -> bool:
        """Whether older messages have gone on for so long that what was newer must be wrong."""
        policy = self._policy
        if cell.older_count == 0 or time_ms < cell.older_time_ms:
            cell.older_count = 0
            cell.older_first_ms = seen_ms
        cell.older_time_ms = time_ms
        cell.older_count += 1
        return (
            cell.older_count >= policy.restart_count
            and seen_ms - cell.older_first_ms >= policy.restart_ms
        )

    def _set_mid(
        self,
        cell: _Cell,
        symbol: str,
        px: float,
        source: MidSource,
        seen_ms: int,
        changes: list[Change],
    ) -> None:
        """The mid price and its age; a change only when it is another price."""
        before = cell.mid
        if before is not None and before.px == px:
            cell.mid = Mid(px, seen_ms, source, before.seq)
            return
        seq = self._next(cell)
        cell.mid = Mid(px, seen_ms, source, seq)
        changes.append(Change("mid", symbol, seq))

    def _take_mids(self, fact: Mids, seen_ms: int) -> list[Change]:
        changes: list[Change] = []
        for symbol, px in fact.mids.items():
            cell = self._cell(symbol)
            if cell is None:
                self._refuse("too_many_symbols")
            elif not 0.0 < px < math.inf:
                self._refuse("unsound")
            elif not self._agrees(cell, "all_mids", px, seen_ms):
                self._refuse("glitch")
            else:
                cell.all_mid = (px, seen_ms)
                if seen_ms - cell.bbo_mid_ms > self._policy.bbo_fallback_ms:
                    self._set_mid(cell, symbol, px, "all_mids", seen_ms, changes)
        return changes

    def _take_context(self, fact: Context, seen_ms: int) -> list[Change]:
        cell = self._cell(fact.symbol)
        if cell is None:
            return self._refuse("too_many_symbols")
        if not (0.0 < fact.mark_px < math.inf and 0.0 < fact.oracle_px < math.inf):
            return self._refuse("unsound")
        if not self._is_consistent(cell, fact, seen_ms):
            return self._refuse("glitch")
        is_same = fact == cell.context
        cell.context, cell.context_ms = fact, seen_ms
        if is_same:
            return []
        cell.context_seq = self._next(cell)
        return [Change("context", fact.symbol, cell.context_seq)]

    def _take_trade(self, fact: Trade, seen_ms: int) -> list[Change]:
        cell = self._cell(fact.symbol)
        if cell is None:
            return self._refuse("too_many_symbols")
        if fact.tid in cell.tids:
            return self._refuse("duplicate")
        if fact.time_ms < cell.trade_time_ms - self._policy.trade_late_ms and not self._restarts(
            cell, fact.time_ms, seen_ms
        ):
            return self._refuse("older")
        if not (0.0 < fact.px < math.inf and 0.0 < fact.size < math.inf):
            return self._refuse("unsound")
        if not self._agrees(cell, "trades", fact.px, seen_ms):
            return self._refuse("glitch")
        self._note_tid(cell, fact)
        cell.trades_ms = seen_ms
        if len(cell.trades) == cell.trades.maxlen:
            cell.trade_dropped_seq = cell.trades[0][0]
        seq = self._next(cell)
        cell.trades.append((seq, fact))
        return [Change("trade", fact.symbol, seq)]

    def _note_tid(self, cell: _Cell, fact: Trade) -> None:
        cell.tids[fact.tid] = None
        if len(cell.tids) > self._policy.tids_kept:
            del cell.tids[next(iter(cell.tids))]
        if fact.time_ms < cell.trade_time_ms - self._policy.trade_late_ms:
            cell.older_count = 0
            cell.trade_time_ms = fact.time_ms
        else:
            cell.trade_time_ms = max(cell.trade_time_ms, fact.time_ms)

    def _agrees(self, cell: _Cell, source: str, px: float, seen_ms: int) -> bool:
        """Whether the price is near the middle of what else is known, or has been so for long."""
        mid = cell.mid
        times = self._policy.glitch_times
        if mid is not None and mid.px < px * times and px < mid.px * times:
            # Near the price that holds: the way of nearly every message, and so the short one.
            if cell.odd_since:
                cell.odd_since.pop(source, None)
            return True
        known, is_contradicted = self._references(cell, source, seen_ms)
        if not known or _near(px, median(known), times):
            cell.odd_since.pop(source, None)
            return True
        since_ms = cell.odd_since.setdefault(source, seen_ms)
        return not is_contradicted and seen_ms - since_ms >= self._policy.persists_ms

    def _references(self, cell: _Cell, source: str, seen_ms: int) -> tuple[list[float], bool]:
        """Fresh prices of the symbol, and whether another source than this one gives any."""
        oldest_ms = seen_ms - self._policy.reference_ms
        known: list[float] = []
        others = 0
        if cell.context is not None and cell.context_ms >= oldest_ms:
            known += [cell.context.mark_px, cell.context.oracle_px]
            others += 1
        if cell.mid is not None and cell.mid.seen_ms >= oldest_ms:
            known.append(cell.mid.px)
            others += cell.mid.source != source
        if cell.all_mid is not None and cell.all_mid[1] >= oldest_ms and source != "all_mids":
            known.append(cell.all_mid[0])
            others += 1
        return known, others > 0

    def _is_consistent(self, cell: _Cell, fact: Context, seen_ms: int) -> bool:
        """Whether mark and mid of a context are near the middle of mid, mark and oracle."""
        prices = [fact.mark_px, fact.oracle_px]
        if fact.mid_px is not None:
            prices.append(fact.mid_px)
        if cell.mid is not None and cell.mid.seen_ms >= seen_ms - self._policy.reference_ms:
            prices.append(cell.mid.px)
        if cell.context is not None and len(prices) == 2:
            prices.append(cell.context.oracle_px)
        middle = median(prices)
        times = self._policy.glitch_times
        asked = [fact.mark_px, *([] if fact.mid_px is None else [fact.mid_px])]
        if all(_near(px, middle, times) for px in asked):
            cell.odd_since.pop("context", None)
            return True
        since_ms = cell.odd_since.setdefault("context", seen_ms)
        # A market that nobody trades may stand far from its oracle for ever.
        return cell.mid is None and seen_ms - since_ms >= self._policy.persists_ms


def _near(px: float, middle: float, times: float) -> bool:
    return middle < px * times and px < middle * times
