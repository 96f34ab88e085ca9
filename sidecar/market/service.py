"""What the sidecar answers to its clients' questions, as plain data, from memory or its stores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw
import msgspec

from core.errors import UsageError
from core.market.bars import DAY_MS, INTERVALS
from sidecar.market.accounts import Accounts, disk_error
from sidecar.market.board import Board
from sidecar.market.confirm import Bars, plain
from sidecar.market.store import Stores
from sidecar.market.user_log import LoggedEvent
from sidecar.market.venue_time import VenueTime

BARS_MAX: Final = 5_000
LEASE_MS: Final = 7 * DAY_MS
"""How long a consumer of user events is waited for after its last acknowledgement."""


class Service:
    """Answers at once.

    Raises UsageError for a question that makes no sense, InputError when the disk fails.
    """

    def __init__(
        self,
        board: Board,
        bars: Bars,
        stores: Stores,
        accounts: Accounts,
        time: VenueTime,
        state: Callable[[], tuple[dict[str, Any], dict[str, Any]]],
    ) -> None:
        self._board, self._bars, self._stores = board, bars, stores
        self._accounts, self._time, self._state = accounts, time, state

    def mids(self, symbols: Sequence[str], age_ms_max: int | None = None) -> dict[str, Any]:
        """`{"seq", "mids": {symbol: {px, age_ms, source}}}`; all symbols for an empty list.

        A value that is older than `age_ms_max` is left out.
        """
        now_ms, board = self._time.now_ms(), self._board
        known = board.mids() if not symbols else {name: board.mid(name) for name in symbols}
        found = {}
        for symbol, mid in known.items():
            if mid is not None and _is_young(now_ms - mid.seen_ms, age_ms_max):
                age_ms = max(0, now_ms - mid.seen_ms)
                found[symbol] = {"px": mid.px, "age_ms": age_ms, "source": mid.source}
        return {"seq": board.seq, "mids": found}

    def bbo(self, symbols: Sequence[str], age_ms_max: int | None = None) -> dict[str, Any]:
        """`{"seq", "bbo": {symbol: {bid, ask, time_ms, age_ms}}}`; a side is [px, size] or None."""
        now_ms, found = self._time.now_ms(), {}
        for symbol in symbols:
            known = self._board.bbo(symbol)
            if known is None or not _is_young(now_ms - known[1], age_ms_max):
                continue
            quote, seen_ms, _ = known
            found[symbol] = {
                "bid": quote.bid,
                "ask": quote.ask,
                "time_ms": quote.time_ms,
                "age_ms": max(0, now_ms - seen_ms),
            }
        return {"seq": self._board.seq, "bbo": found}

    def contexts(self, symbols: Sequence[str]) -> dict[str, Any]:
        """`{"seq", "contexts": {symbol: {..., age_ms}}}`."""
        now_ms, found = self._time.now_ms(), {}
        for symbol in symbols:
            known = self._board.context(symbol)
            if known is not None:
                found[symbol] = msgspec.structs.asdict(known[0]) | {
                    "age_ms": max(0, now_ms - known[1])
                }
        return {"seq": self._board.seq, "contexts": found}

    def trades(self, symbol: str, after_seq: int = 0, limit: int = 500) -> dict[str, Any]:
        """`{"seq", "complete_from_seq", "trades": [...]}`: trades after `after_seq`, oldest first.

        Whoever was last at a seq before `complete_from_seq` has missed some.
        """
        found = self._board.trades(symbol, after_seq)[-limit:] if limit > 0 else []
        return {
            "seq": self._board.seq,
            "complete_from_seq": self._board.trades_from_seq(symbol),
            "trades": [msgspec.structs.asdict(trade) | {"seq": seq} for seq, trade in found],
        }

    def candles(
        self, symbol: str, interval: str, count: int, *, forming: bool = False
    ) -> dict[str, Any]:
        """`{"bars", "forming", "ready", "reason"}`: the newest closed bars, oldest first.

        A key that nobody registered an interest in is read from the store, and is not ready.
        """
        _require_interval(interval)
        count = min(max(count, 0), BARS_MAX)
        ledger = self._bars.ledgers.get((symbol, interval))
        if ledger is None:
            bars, _ = self._stores.newest(symbol, interval, count)
            return {
                "bars": [plain(bar) for bar in bars],
                "forming": None,
                "ready": False,
                "reason": "no client has registered an interest in it",
            }
        ready, now = ledger.ready(self._time.now_ms()), ledger.forming() if forming else None
        return {
            "bars": [plain(bar) for bar in ledger.bars(count)],
            "forming": None if now is None else plain(now),
            "ready": ready.is_ready,
            "reason": ready.reason,
        }

    def funding(self, symbol: str, from_ms: int, to_ms: int) -> dict[str, Any]:
        """`{"funding": [{ts_ms, rate, premium}]}` from the store, by the hour it fell due."""
        rows = self._stores.funding_rows(symbol, from_ms, to_ms)
        return {
            "funding": [
                {"ts_ms": ts_ms, "rate": rate, "premium": premium} for ts_ms, rate, premium in rows
            ]
        }

    def ready(self, symbols: Sequence[str], interval: str) -> dict[str, Any]:
        """`{"ready", "items": [{symbol, interval, is_ready, reason, ...}]}`."""
        _require_interval(interval)
        now_ms, items = self._time.now_ms(), []
        for symbol in symbols:
            ledger = self._bars.ledgers.get((symbol, interval))
            item: dict[str, Any] = {"symbol": symbol, "interval": interval}
            if ledger is None:
                item |= {"is_ready": False, "reason": "nobody's interest, or unknown to the venue"}
            else:
                item |= msgspec.structs.asdict(ledger.ready(now_ms))
            items.append(item)
        return {"ready": all(item["is_ready"] for item in items), "items": items}

    def seq(self, symbols: Sequence[str]) -> int:
        """The largest seq of a change of these symbols; of any for an empty list."""
        if not symbols:
            return self._board.seq
        return max(self._board.symbol_seq(symbol) for symbol in symbols)

    def user_events(self, user: str, after: int, limit: int) -> list[LoggedEvent]:
        """Stored events of a user after a cursor, oldest first."""
        try:
            return self._accounts.log().read(user.lower(), after, max(limit, 0))
        except apsw.Error as error:
            raise disk_error(error) from error

    def ack(self, consumer: str, user: str, cursor: int) -> int:
        """How far the consumer is now; its lease is renewed."""
        try:
            return self._accounts.log().ack(
                consumer, user.lower(), cursor, self._time.now_ms() + LEASE_MS
            )
        except apsw.Error as error:
            raise disk_error(error) from error

    def acked(self, consumer: str, user: str) -> int:
        """How far a consumer got; 0 for one that never said."""
        try:
            return self._accounts.log().acked(consumer, user.lower())
        except apsw.Error as error:
            raise disk_error(error) from error

    def health(self) -> dict[str, Any]:
        """`{"ok", "reasons", "streams", "stores", "users", "keys", "venue"}`."""
        return self._state()[0]

    def stats(self) -> dict[str, Any]:
        """Counters since the start, by part."""
        return self._state()[1]


def _is_young(age_ms: int, age_ms_max: int | None) -> bool:
    return age_ms_max is None or age_ms <= age_ms_max


def _require_interval(interval: str) -> None:
    if not INTERVALS.get(interval):
        raise UsageError(
            f"interval {interval!r} is not one that bars are kept of",
            at="interval",
            hint=f"one of: {' '.join(name for name, length in INTERVALS.items() if length)}",
        )
