"""Fetches from a served world, with a clock that costs no time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.tree import read_artifact
from core.clock import ManualClock
from core.market.bars import HOUR_MS
from core.store import candles
from pipelines.fetch_venue import run_venue
from pipelines.venue_options import VenueRequest
from pipelines.venue_reports import VenueResult
from schemas.fetch import DataReport
from tests.venue_server import NOW_MS, Coin, Request, World, served

BTC = Coin("BTC", seed=1, day_notional_usd=3e9)
ETH = Coin("ETH", seed=2, day_notional_usd=2e9)
BARS = 479
"""Whole hours that have closed in the last 20 days."""
LAST_CLOSED_MS = NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS


@dataclass
class Desk:
    """Fetches from a served world with a clock that costs no time."""

    folder: Path
    world: World
    url: str
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOW_MS))
    notes: list[str] = field(default_factory=list)

    @property
    def store(self) -> Path:
        """The store that it fetches into."""
        return self.folder / "store"

    def request(self, **asked: Any) -> VenueRequest:
        """A request for 20 days of BTC, but for what is asked otherwise."""
        plain = VenueRequest(
            store=self.store,
            root=self.folder / "root",
            venue=self.url,
            symbols="BTC",
            since="20d",
        )
        return replace(plain, **asked)

    def __call__(self, **asked: Any) -> VenueResult:
        """Fetch it."""
        return run_venue(self.request(**asked), self.clock, self.notes.append, lambda *_: None)

    def advance(self, by_ms: int) -> None:
        """Let time pass here and at the venue."""
        self.clock.advance(by_ms)
        self.world.now_ms += by_ms

    def bars(self, symbol: str = "BTC", interval: str = "1h") -> tuple[list[int], np.ndarray]:
        """Times and values of the stored bars of a symbol."""
        rows = candles.load_rows(self.store, interval).rows
        mine = rows.symbol_index == rows.symbols.index(symbol)
        return rows.ts_ms[mine].tolist(), rows.values[mine]


@contextmanager
def open_desk(folder: Path, *coins: Coin) -> Iterator[Desk]:
    """A desk before a venue with these coins, by default BTC and ETH."""
    world = World([replace(coin) for coin in coins or (BTC, ETH)])
    with served(world) as url:
        yield Desk(folder, world, url)


def report(result: VenueResult, at: int = -1) -> DataReport:
    """The data report at that place of the result's paths."""
    return read_artifact(result.paths[at], DataReport)[1]


def candle_requests(world: World) -> list[Request]:
    """The requests for candles that came, oldest first."""
    return [one["req"] for one in world.requests if one["type"] == "candleSnapshot"]
