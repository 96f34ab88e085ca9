"""Every recorded exchange of the requests that we make decodes, and is what its parts say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from core.clock import ManualClock
from core.market.bars import HOUR_MS, MINUTE_MS
from core.market.metadata import maintenance_usd
from core.store import contexts
from core.venue.address import parse_address
from core.venue.faults import MarginTableError, RejectedRequestError, UnknownToVenueError
from core.venue.hyperliquid import HyperliquidHttp
from core.venue.port import Span
from core.venue.weights import WeightLedger
from core.venue.wire import decode_candles, decode_funding
from core.venue.wire_meta import decode_dexs, decode_snapshot, decode_universe, tiers_of
from pipelines.fetch_venue import run_venue
from pipelines.venue_options import VenueRequest
from tests.venue_server import NOW_MS, Reply, Request, as_json, served

T = TypeVar("T")
ALL_TIME = Span(0, 1 << 52)


@dataclass(frozen=True)
class Exchange:
    """One recorded request with its reply."""

    request: dict[str, Any]
    reply: Any


@pytest.fixture(scope="module")
def exchanges(shared_dir: Path) -> dict[str, list[Exchange]]:
    """The recorded good exchanges by type of request."""
    found: dict[str, list[Exchange]] = {}
    for one in recorded(shared_dir / "data" / "api" / "rest"):
        found.setdefault(one.request["type"], []).append(one)
    return found


def recorded(folder: Path) -> Iterator[Exchange]:
    for name in ("hl_python_sdk_cassettes.json", "go_hyperliquid_cassettes.json"):
        interactions = json.loads((folder / name).read_text())["interactions"]
        bodies = {one["test"]: one["response"] for one in interactions if one.get("response")}
        for one in interactions:
            request = one["request"]
            same = one.get("response_same_as")
            reply = one.get("response", bodies.get(same) if isinstance(same, str) else None)
            if (
                isinstance(request, dict)
                and "type" in request
                and one["status"] == 200
                and reply is not None
            ):
                yield Exchange(request, reply)


def small_sample(shared_dir: Path, name: str) -> Any:
    items = json.loads((shared_dir / "data/api/rest/hl_errors_and_small.json").read_text())["items"]
    return next(one["content"] for one in items if f"/{name}.json" in one["source"])


@dataclass
class Replayer:
    """Answers each request as it was answered when it was recorded."""

    exchanges: list[Exchange]
    errors: dict[str, Any]
    now_ms: int

    def answer(self, request: Request) -> Reply:
        if request["type"] == "exchangeStatus":  # nobody recorded one
            return as_json({"specialStatuses": None, "time": self.now_ms})
        for error in self.errors.values():
            if error["request"] == request:
                return error["status"], error["body"].encode()
        for one in self.exchanges:
            if one.request == request:
                return as_json(one.reply)
        raise AssertionError(request)


@pytest.fixture
def replayed(shared_dir: Path, exchanges: dict[str, list[Exchange]]) -> Iterator[str]:
    """Address of a server that replays what was recorded."""
    every = [one for found in exchanges.values() for one in found]
    with served(Replayer(every, small_sample(shared_dir, "errors"), NOW_MS)) as url:
        yield url


async def ask(url: str, call: Callable[[HyperliquidHttp], Awaitable[T]]) -> T:
    address, clock = parse_address(url), ManualClock(NOW_MS)
    async with HyperliquidHttp(address, clock, WeightLedger()) as venue:
        return await call(venue)


def test_a_recorded_universe_is_fetched_into_a_store(replayed: str, tmp_path: Path) -> None:
    request = VenueRequest(
        store=tmp_path, root=tmp_path, venue=replayed, symbols="xyz:top:5", kind="contexts"
    )

    run_venue(request, ManualClock(NOW_MS), str, lambda *_: None)

    rows = contexts.load(tmp_path).rows
    assert len(rows) == 5
    assert all(name.startswith("xyz:") for name in rows.symbols)


def test_recorded_candles_and_funding_come_through_the_client(replayed: str) -> None:
    bars = asyncio.run(
        ask(
            replayed, lambda venue: venue.candles("kPEPE", "1h", Span(1684702007000, 1684784807001))
        )
    )

    assert len(bars.ts_ms) == 23


def test_the_recorded_errors_are_what_they_are_taken_for(replayed: str) -> None:
    with pytest.raises(UnknownToVenueError, match="does not know the dex 'nope'"):
        asyncio.run(ask(replayed, lambda venue: venue.snapshot("nope")))
    with pytest.raises(RejectedRequestError, match="422: Failed to deserialize the JSON body"):
        asyncio.run(ask(replayed, lambda venue: venue._info({"type": "bogus"})))


def test_candles(exchanges: dict[str, list[Exchange]]) -> None:
    (one,) = exchanges["candleSnapshot"]

    page = decode_candles(one.reply, "kPEPE", "1h", ALL_TIME)

    asked = one.request["req"]
    assert (len(page.ts_ms), page.bad_count, page.duplicates) == (len(one.reply), 0, 0)
    # The venue gives the bar that the span begins in too; asked for the span, it is left out.
    assert page.ts_ms[0] < asked["startTime"]
    span = Span(asked["startTime"], asked["endTime"] + 1)
    assert len(decode_candles(one.reply, "kPEPE", "1h", span).ts_ms) == len(one.reply) - 1
    first = one.reply[0]
    assert page.values[0].tolist() == [float(first[name]) for name in ("o", "h", "l", "c", "v")]


def test_funding_of_the_first_weeks_was_for_eight_hours(
    exchanges: dict[str, list[Exchange]],
) -> None:
    for one in exchanges["fundingHistory"]:
        page = decode_funding(one.reply, "BTC", ALL_TIME)
        assert (len(page.ts_ms), page.bad_count) == (len(one.reply), 0)
        assert page.values[0, 0] == float(one.reply[0]["fundingRate"]) / 8

    longest = max((one.reply for one in exchanges["fundingHistory"]), key=len)
    page = decode_funding(longest, "BTC", ALL_TIME)
    assert page.values[-1, 0] == float(longest[-1]["fundingRate"])
    assert page.ts_ms[-1] - page.ts_ms[-2] == HOUR_MS


def test_small_samples_decode(shared_dir: Path) -> None:
    bars = decode_candles(small_sample(shared_dir, "candles_eth_1m"), "ETH", "1m", ALL_TIME)
    rates = decode_funding(small_sample(shared_dir, "funding_history_eth"), "ETH", ALL_TIME)

    assert set((bars.ts_ms[1:] - bars.ts_ms[:-1]).tolist()) == {MINUTE_MS}
    for rate, premium in rates.values.tolist():
        clamped = min(max(0.0001 - premium, -0.0005), 0.0005)
        assert rate == pytest.approx((premium + clamped) / 8, abs=1e-9)


def test_universes_and_their_margin_tables(exchanges: dict[str, list[Exchange]]) -> None:
    tiered = 0
    for one in exchanges["meta"]:
        universe = decode_universe(one.reply, one.request.get("dex", ""))
        assert len(universe.assets) == len(one.reply["universe"])
        for asset in universe.assets:
            if asset.margin_table_id is None:
                with pytest.raises(MarginTableError):
                    tiers_of(asset, universe)
                continue
            tiers = tiers_of(asset, universe)
            assert tiers[0].lower_bound_usd == 0.0
            tiered += len(tiers) > 1

    assert tiered > 100


def test_tiers_of_btc_are_those_that_the_venue_prints(
    exchanges: dict[str, list[Exchange]],
) -> None:
    newest = decode_snapshot(exchanges["metaAndAssetCtxs"][1].reply, "").universe
    btc = newest.assets[0]

    tiers = tiers_of(btc, newest)

    assert [(tier.lower_bound_usd, tier.leverage_max) for tier in tiers] == [(0, 40), (150e6, 20)]
    assert maintenance_usd(tiers, 200e6) == pytest.approx(150e6 / 80 + 50e6 / 40)


def test_contexts_and_builder_dexs(exchanges: dict[str, list[Exchange]]) -> None:
    for one in exchanges["metaAndAssetCtxs"]:
        snapshot = decode_snapshot(one.reply, one.request.get("dex", ""))
        for context, asset in zip(snapshot.contexts, snapshot.universe.assets, strict=True):
            assert context.symbol == asset.symbol
            assert context.oracle_px > 0.0
            assert context.mid_px is not None or asset.is_delisted or context.premium is None
            tiers_of(asset, snapshot.universe)

    names = decode_dexs(exchanges["perpDexs"][0].reply)
    assert names[:2] == ("", "xyz")
