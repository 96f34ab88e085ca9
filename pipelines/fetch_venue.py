"""Fetch from the venue: symbols, contexts, funding and bars into the store, a report about each."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from core.artifacts.hashing import canonical_json, sha256_hex
from core.artifacts.manifest import running_command
from core.clock import PacingClock
from core.errors import PerpkitError, UsageError, VenueError
from core.store import metadata
from core.store.folder import refuse_mixing, refuse_other_network
from core.store.metadata import Lifetime
from core.store.series import Origin
from core.venue.address import VenueAddress, parse_address
from core.venue.faults import ONE_REPLY_FAULTS
from core.venue.hyperliquid import HyperliquidHttp
from core.venue.port import MarketData, Snapshot
from core.venue.retry import Patience
from core.venue.weights import RESERVE, WEIGHT_PER_MINUTE, WeightLedger
from core.venue_clock import VenueClock
from pipelines.data_report import limits_of
from pipelines.venue_options import (
    ORDINARY_PER_MINUTE,
    Kind,
    VenueRequest,
    Wanted,
    chosen_symbols,
    intervals_of,
    kinds_of,
    since_ms_of,
    wanted_of,
)
from pipelines.venue_reports import Outcome, SeriesOutcome, VenueResult, report_all
from pipelines.venue_series import Series, Sink, asker, walk
from pipelines.venue_symbols import (
    find_lifetime,
    needs_lifetime,
    snapshots,
    store_contexts,
    store_states,
    usable_contexts,
)

Note = Callable[[str], None]
Progress = Callable[[int, int, str], None]
WORKERS = 4
# The venue's time trails by a quarter of a second; beyond this one of the two clocks is wrong.
SKEW_MS_MAX = 5_000
REVISED_BY_VENUE = "the venue now gives other values for closed rows"


@dataclass
class _Fetch:
    """One fetch at work: what was asked, what is known, what has gone wrong."""

    request: VenueRequest
    address: VenueAddress
    market: MarketData
    clock: PacingClock
    progress: Progress
    origin: Origin
    outcome: Outcome = field(default_factory=Outcome)
    done: int = 0
    total: int = 0

    def lifetimes(self) -> dict[str, Lifetime]:
        """What is known of when symbols were listed and delisted."""
        return {
            symbol: Lifetime(found.listed_ms, found.delisted_ms)
            for symbol, found in metadata.load(self.request.store).items()
        }

    def tick(self, note: str) -> None:
        """One more piece of work is done."""
        self.done += 1
        self.progress(self.done, self.total, note)


def run_venue(
    request: VenueRequest, clock: PacingClock, note: Note, progress: Progress
) -> VenueResult:
    """Fetch what is missing, store it page by page, and write a report for each series.

    A second fetch of the same changes nothing.  Rows that the venue now gives otherwise are revised
    on record.  A reply that makes no sense ends the work on its symbol, a dead network all of it;
    what was stored stays, is reported, and the result carries the error.
    """
    address = parse_address(request.venue)
    kinds, intervals = kinds_of(request.kind), intervals_of(request.interval)
    wanted, limits = wanted_of(request.symbols), limits_of(request.require)
    identity = [address.source, request.symbols, list(kinds), list(intervals)]
    origin = Origin(
        address.source,
        sha256_hex(canonical_json(identity)),
        revise_reason=request.revise_reason or REVISED_BY_VENUE,
    )
    refuse_mixing(request.store, origin)
    refuse_other_network(request.store, origin.source)
    since_ms_of(request.since, clock.now_ms())
    with running_command(
        request.root, clock, request.run_id, command="fetch", argv=sys.argv[1:]
    ) as running:

        async def work() -> Outcome:
            async with venue_client(request, address, clock, note) as market:
                fetch = _Fetch(request, address, market, clock, progress, origin)
                await _fetch_all(fetch, kinds, intervals, wanted)
                return fetch.outcome

        outcome = asyncio.run(work())
        return report_all(request, outcome, origin, limits, running, clock)


def venue_client(
    request: VenueRequest, address: VenueAddress, clock: PacingClock, note: Note
) -> HyperliquidHttp:
    """The venue, paced so that other programs on this address keep the rest of its allowance."""
    if request.weight_per_minute > ORDINARY_PER_MINUTE and not address.is_loopback:
        raise UsageError(
            f"--weight-per-minute {request.weight_per_minute} is above {ORDINARY_PER_MINUTE}",
            hint=f"the venue allows {WEIGHT_PER_MINUTE}, of which {RESERVE} are kept for exits and"
            " cancels",
        )
    ledger = WeightLedger(request.weight_per_minute + RESERVE, RESERVE)
    patience = Patience(total_ms=round(request.patience_s * 1000))
    return HyperliquidHttp(address, clock, ledger, patience=patience, note=note)


async def _fetch_all(
    fetch: _Fetch, kinds: Sequence[Kind], intervals: Sequence[str], wanted: tuple[Wanted, ...]
) -> None:
    """Everything that was asked for; what a dead network leaves undone is noted."""
    outcome, store = fetch.outcome, fetch.request.store
    try:
        await _take_time(fetch)
        markets = await snapshots(fetch.market, wanted)
        outcome.symbols = chosen_symbols(wanted, markets, fetch.address)
        series = [Series("funding", "1h", store)] if "funding" in kinds else []
        if "candles" in kinds:
            series += [Series("candles", interval, store) for interval in intervals]
        if "universe" in kinds:
            await _fetch_universe(fetch, markets, len(series))
        fetch.total = fetch.done + len(series) * len(outcome.symbols)
        if "contexts" in kinds:
            found = usable_contexts(markets, outcome.symbols)
            outcome.contexts = store_contexts(
                fetch.request, found, outcome.now_ms, fetch.origin, fetch.clock
            )
        for one in series:
            await _fetch_series(fetch, one, markets)
    except VenueError as error:
        outcome.dead = error


async def _take_time(fetch: _Fetch) -> None:
    """Note the venue's time, by which bars count as closed.

    When it differs from ours by more than a network explains, one of the two is wrong and nobody
    knows which: then the earlier one decides, so that no forming bar is taken for a closed one.
    """
    began_ms = fetch.clock.now_ms()
    venue_ms = await fetch.market.time_ms()
    ended_ms = fetch.clock.now_ms()
    skew_ms = venue_ms - began_ms if venue_ms < began_ms else max(0, venue_ms - ended_ms)
    # A clock that follows the venue's is the same one, however far it runs during the question.
    if abs(skew_ms) <= SKEW_MS_MAX or isinstance(fetch.clock, VenueClock):
        fetch.outcome.now_ms = venue_ms
        return
    fetch.outcome.now_ms = min(venue_ms, ended_ms)
    fetch.outcome.warnings.append(
        f"the venue's clock is {abs(skew_ms) / 1000:,.0f} s {'ahead' if skew_ms > 0 else 'behind'}"
        " of this computer's; bars count as closed by the earlier of the two, so the newest may be"
        " missing: set this computer's clock"
    )


async def _fetch_universe(fetch: _Fetch, markets: dict[str, Snapshot], series_count: int) -> None:
    """Store what the venue says of its symbols, and find out since when the wanted ones trade."""
    outcome, store = fetch.outcome, fetch.request.store
    outcome.has_universe = True
    for market in markets.values():
        failed = store_states(fetch.request, market.universe, fetch.origin, fetch.clock)
        outcome.universe_failures |= dict(failed)
    known, delisted = metadata.known(store), _delisted(markets)
    asked = [
        symbol
        for symbol in outcome.symbols
        if symbol not in outcome.universe_failures
        and needs_lifetime(symbol, known, is_delisted=symbol in delisted)
    ]
    fetch.total = len(asked) + series_count * len(outcome.symbols)

    async def find(symbol: str) -> None:
        try:
            lifetime = await find_lifetime(
                fetch.market, symbol, outcome.now_ms, is_delisted=symbol in delisted
            )
            metadata.add(store, [], {symbol: lifetime}, fetch.origin, fetch.clock)
        except ONE_REPLY_FAULTS as error:
            outcome.universe_failures[symbol] = error
        fetch.tick(f"{symbol} listing")

    await drain(asked, find)


async def _fetch_series(fetch: _Fetch, series: Series, markets: dict[str, Snapshot]) -> None:
    """Store what is missing of one series, several symbols at a time."""
    request, outcome = fetch.request, fetch.outcome
    lifetimes, delisted = fetch.lifetimes(), _delisted(markets)
    since_ms = since_ms_of(request.since, outcome.now_ms)
    with Sink(series, fetch.origin, fetch.clock, skip_bad=request.skip_bad) as sink:
        done = SeriesOutcome(series, sink.found, since_ms)
        outcome.series.append(done)

        async def one(symbol: str) -> None:
            ask = asker(fetch.market, series, symbol)
            span = series.span(since_ms, outcome.now_ms, lifetimes.get(symbol, Lifetime()))
            try:
                for part in series.missing(span, sink.asked(symbol), refetch=request.refetch):
                    await walk(ask, sink, symbol, part, is_delisted=symbol in delisted)
            except ONE_REPLY_FAULTS as error:
                done.failures[symbol] = error
            fetch.tick(f"{symbol} {series.holds} {series.interval}")

        try:
            await drain(outcome.symbols, one)
        finally:
            done.revisions = sink.revisions()


def _delisted(markets: dict[str, Snapshot]) -> set[str]:
    return {
        asset.symbol
        for market in markets.values()
        for asset in market.universe.assets
        if asset.is_delisted
    }


async def drain(items: Sequence[str], work: Callable[[str], Awaitable[None]]) -> None:
    """Do the work on every item, a few at a time; the first error ends it for all."""
    waiting = deque(items)
    failed: list[BaseException] = []

    async def worker() -> None:
        while waiting and not failed:
            try:
                await work(waiting.popleft())
            except PerpkitError as error:
                failed.append(error)

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
    if failed:
        raise failed[0]
