"""The market-data sidecar in a world, and what its stores must hold of the venue's truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.store.layout import CANDLES
from sidecar.emulator.exchange import candles
from sidecar.emulator.exchange.units import px_text, size_text
from sidecar.market import daemon
from sidecar.market.desired import Interest
from tests.simulation.world import START_MS, Process, World

MINUTE_MS = 60_000
GRACE_MS = 30_000
"""A bar that ended less than so long ago may not be stored yet."""


class SmallHub:
    """Clients of one process that want always the same, and what they were told."""

    def __init__(self) -> None:
        self.bars: list[tuple[str, str, dict[str, Any]]] = []
        self.cursors: dict[str, int] = {}
        self.changes = 0

    def changed(self, changes: Sequence[Any]) -> None:
        self.changes += len(changes)

    def bar_closed(self, symbol: str, interval: str, bar: dict[str, Any]) -> None:
        self.bars.append((symbol, interval, bar))

    def user_events(self, user: str, cursor: int) -> None:
        assert cursor > self.cursors.get(user, 0), "a cursor ran back"
        self.cursors[user] = cursor

    def interests(self) -> list[Interest]:
        return []

    def on_interest(self, callback: Callable[[], None]) -> None:
        """Nobody's interest changes."""


def settings(interest: Interest, **changes: Any) -> daemon.Settings:
    """Settings of a sidecar that wants that."""
    return daemon.Settings("hyperliquid loopback", interest, **changes)


def sidecar(wish: daemon.Settings, seen: list[Any]) -> Any:
    """The daemon for `World.add`; each life leaves (hub, service) in `seen`."""

    async def main(ports: Any) -> None:
        hub = SmallHub()
        await daemon.run(ports, wish, hub, serve=lambda service: seen.append((hub, service)))

    return main


def true_bars(world: World, symbol: str, from_ms: int, to_ms: int) -> dict[int, tuple[Any, ...]]:
    """The venue's one-minute bars that open in a span."""
    coin = world.gateway.state.coins[symbol]
    decimals = coin.size_decimals
    rows = world.gateway.tape.history(symbol, "1m", from_ms, to_ms - 1)
    rows = [*rows, *candles.bars(coin, "1m", from_ms, to_ms - 1)]
    return {
        bar.open_ms: (
            *(float(px_text(getattr(bar, f"{n}_ticks"), decimals)) for n in OHLC),
            float(size_text(bar.lots, decimals)),
        )
        for bar in rows
        if from_ms <= bar.open_ms < to_ms
    }


OHLC = ("open", "high", "low", "close")


def stored_bars(process: Process, symbol: str, from_ms: int) -> dict[int, tuple[Any, ...]]:
    """The one-minute bars in the process's store, as another process reads them."""
    disk = process.disk.copy()
    try:
        connection = disk.open("candles_1m.sqlite")
        found = connection.execute(
            f"SELECT ts_open_ms, {', '.join(CANDLES.columns)} FROM candles JOIN symbols"
            " ON id = symbol_id WHERE name = ? AND ts_open_ms >= ?",
            (symbol, from_ms),
        ).fetchall()
    finally:
        disk.remove()
    return {int(str(row[0])): row[1:] for row in found}


def bars_differ(world: World, process: Process, symbols: Sequence[str]) -> list[str]:
    """Each way in which the stored bars since the start are not the venue's."""
    end_ms = (world.net.now_ms() - GRACE_MS) // MINUTE_MS * MINUTE_MS
    out = []
    for symbol in symbols:
        true = true_bars(world, symbol, START_MS, end_ms)
        stored = stored_bars(process, symbol, START_MS)
        missing = [at for at in true if at not in stored]
        wrong = [at for at in true if at in stored and stored[at] != true[at]]
        extra = [at for at in stored if at < end_ms and at not in true]
        for what, times in (("missing", missing), ("wrong", wrong), ("extra", extra)):
            out += [f"{symbol}: {len(times)} bars {what}, first {times[0]}"] if times else []
    return out


def stored_events(process: Process) -> list[tuple[int, str, str]]:
    """(cursor, kind, key) of all events in the process's log."""
    disk = process.disk.copy()
    try:
        rows = disk.open("user_events.sqlite").execute("SELECT cursor, kind, key FROM events")
        return [(int(str(cursor)), str(kind), str(key)) for cursor, kind, key in rows]
    finally:
        disk.remove()
