"""Our own client fetches from the emulator what it fetches from the venue, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from core.clock import ManualClock
from core.market.bars import HOUR_MS, MINUTE_MS
from core.store import candles, contexts, funding
from core.venue.address import parse_address
from core.venue.faults import RejectedRequestError, UnknownToVenueError
from core.venue.hyperliquid import HyperliquidHttp
from core.venue.port import Span
from core.venue.weights import WeightLedger
from core.venue.wire_meta import tiers_of
from pipelines.fetch_venue import run_venue
from pipelines.venue_options import VenueRequest
from tests.venue_box import START_MS, Box, box
from tests.venue_server import Reply, served

T = TypeVar("T")
NOW_MS = START_MS + 90_000


@dataclass
class Asked:
    """The emulator as whom a small server asks; one question at a time."""

    venue: Box
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, request: dict[str, Any]) -> Reply:
        """Status and body."""
        with self.lock:
            reply = self.venue.info(**request)
        return reply.status, reply.body


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Address of an emulator ninety seconds after noon."""
    venue = box(dex="xyz", symbols=8)
    venue.pass_ms(90_000)
    with served(Asked(venue)) as address:
        yield address


def ask(url: str, call: Callable[[HyperliquidHttp], Awaitable[T]]) -> T:
    """What our client makes of a reply."""

    async def asked() -> T:
        address, clock = parse_address(url), ManualClock(NOW_MS)
        async with HyperliquidHttp(address, clock, WeightLedger()) as venue:
            return await call(venue)

    return asyncio.run(asked())


def test_the_clock_and_the_dexs_are_read(url: str) -> None:
    assert ask(url, lambda venue: venue.time_ms()) == NOW_MS
    assert ask(url, lambda venue: venue.dexs()) == ("", "xyz")


@pytest.mark.parametrize(("dex", "count"), [("", 8), ("xyz", 2)])
def test_every_coin_has_its_context_and_its_tiers(url: str, dex: str, count: int) -> None:
    found = ask(url, lambda venue: venue.snapshot(dex))

    assert len(found.universe.assets) == len(found.contexts) == count
    for asset in found.universe.assets:
        tiers = tiers_of(asset, found.universe)
        assert tiers[0].lower_bound_usd == 0
        assert tiers[0].leverage_max == asset.leverage_max


def test_names_that_are_not_here_are_final(url: str) -> None:
    with pytest.raises(UnknownToVenueError, match="does not know the symbol 'NOPE'"):
        ask(url, lambda venue: venue.funding("NOPE", Span(0, NOW_MS)))
    with pytest.raises(UnknownToVenueError, match="does not know the dex 'nope'"):
        ask(url, lambda venue: venue.universe("nope"))
    with pytest.raises(RejectedRequestError, match="422: Failed to deserialize"):
        ask(url, lambda venue: venue.candles("BTC", "7m", Span(0, NOW_MS)))


def test_a_fetch_stores_every_bar_rate_and_context(url: str, tmp_path: Path) -> None:
    request = VenueRequest(
        store=tmp_path,
        root=tmp_path,
        venue=url,
        symbols="BTC,xyz:GOLD",
        interval="1h,1m",
        kind="universe,contexts,funding,candles",
    )

    run_venue(request, ManualClock(NOW_MS), str, lambda *_: None)

    hours, minutes = candles.load(tmp_path, "1h"), candles.load(tmp_path, "1m")
    assert hours.symbols == minutes.symbols == ("BTC", "xyz:GOLD")
    assert set(np.diff(hours.ts_open_ms)) == {HOUR_MS}
    assert set(np.diff(minutes.ts_open_ms)) == {MINUTE_MS}
    assert hours.present.all()
    # The bar that forms is not stored; the market began four midnights before this noon.
    opens = hours.ts_open_ms
    assert (opens[0], opens[-1]) == (START_MS - 108 * HOUR_MS, START_MS - HOUR_MS)
    assert minutes.ts_open_ms[-1] == START_MS
    assert len(contexts.load(tmp_path).rows) == 2
    # The client asks for an hour's payment when it can no longer be late.
    assert len(funding.load(tmp_path).rows) == 2 * 107
