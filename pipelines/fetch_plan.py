"""What a fetch from the venue would cost: requests, weight and minutes; nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from core.clock import PacingClock
from core.store import metadata
from core.store.folder import refuse_mixing, refuse_other_network
from core.store.metadata import Lifetime
from core.store.series import Origin, SeriesStore
from core.venue.address import VenueAddress, parse_address
from core.venue.port import CANDLES_KEPT, FUNDING_ROWS_MAX, Span
from core.venue.weights import info_weight
from pipelines.fetch_venue import venue_client
from pipelines.venue_options import (
    VenueRequest,
    Wanted,
    chosen_symbols,
    intervals_of,
    kinds_of,
    since_ms_of,
    wanted_of,
)
from pipelines.venue_series import Series
from pipelines.venue_symbols import needs_lifetime, snapshots

# Daily bars of a symbol as old as the venue's perpetuals, in days.
LIFE_DAYS = 1_300


@dataclass(frozen=True)
class PlanLine:
    """Requests of one kind, with the rows that they may bring and what they weigh."""

    what: str
    symbols: int
    requests: int
    rows: int
    weight: int


@dataclass(frozen=True)
class Plan:
    """All requests of a fetch, at most; a reply with fewer rows weighs less."""

    lines: tuple[PlanLine, ...]
    weight_per_minute: int

    @property
    def weight(self) -> int:
        """Weight of all requests."""
        return sum(line.weight for line in self.lines)

    @property
    def minutes(self) -> float:
        """How long the pace makes it last; the first minute's worth goes at once."""
        return max(0.0, self.weight / self.weight_per_minute - 1.0)


def plan_venue(request: VenueRequest, clock: PacingClock, note: Callable[[str], None]) -> Plan:
    """What `run_venue` would ask for.

    Symbols by name cost nothing to plan; for `all` and `top:N` the venue is asked for its universe.
    Neither the store nor the artifact tree is touched.
    """
    address = parse_address(request.venue)
    kinds, intervals = kinds_of(request.kind), intervals_of(request.interval)
    wanted = wanted_of(request.symbols)
    origin = Origin(address.source, "")
    refuse_mixing(request.store, origin)
    refuse_other_network(request.store, origin.source)
    now_ms = clock.now_ms()
    symbols = _symbols(request, address, wanted, clock, note)
    known = metadata.known(request.store)
    lines = [
        PlanLine("time", 0, 1, 1, info_weight("exchangeStatus")),
        *_universe_lines(wanted),
    ]
    if "universe" in kinds:
        asked = [name for name in symbols if needs_lifetime(name, known, is_delisted=False)]
        weight = len(asked) * info_weight("candleSnapshot", LIFE_DAYS)
        lines.append(PlanLine("listings", len(asked), len(asked), LIFE_DAYS * len(asked), weight))
    series = [Series("funding", "1h", request.store)] if "funding" in kinds else []
    if "candles" in kinds:
        series += [Series("candles", interval, request.store) for interval in intervals]
    for one in series:
        lines.append(_series_line(one, symbols, _spans(one, symbols, request, now_ms)))
    return Plan(tuple(lines), request.weight_per_minute)


def plan_rows(plan: Plan) -> list[list[str]]:
    """The plan as rows of a table: what, symbols, requests, rows at most, weight at most."""
    total = PlanLine(
        "in all",
        max(line.symbols for line in plan.lines),
        sum(line.requests for line in plan.lines),
        sum(line.rows for line in plan.lines),
        plan.weight,
    )
    return [
        [
            line.what,
            f"{line.symbols:,}" if line.symbols else "-",
            f"{line.requests:,}",
            f"{line.rows:,}",
            f"{line.weight:,}",
        ]
        for line in (*plan.lines, total)
    ]


def _symbols(
    request: VenueRequest,
    address: VenueAddress,
    wanted: tuple[Wanted, ...],
    clock: PacingClock,
    note: Callable[[str], None],
) -> tuple[str, ...]:
    if all(one.name for one in wanted):
        return tuple(sorted({one.name for one in wanted}))
    note("asking the venue for its universe, to know how many symbols that is")

    async def ask() -> tuple[str, ...]:
        async with venue_client(request, address, clock, note) as market:
            return chosen_symbols(wanted, await snapshots(market, wanted), address)

    return asyncio.run(ask())


def _universe_lines(wanted: tuple[Wanted, ...]) -> list[PlanLine]:
    dexs = {one.dex for one in wanted}
    lines = [
        PlanLine(
            "universe, contexts",
            0,
            len(dexs),
            len(dexs),
            len(dexs) * info_weight("metaAndAssetCtxs"),
        )
    ]
    if any(dexs):
        lines.append(PlanLine("dexs", 0, 1, 1, info_weight("perpDexs")))
    return lines


def _series_line(
    series: Series, symbols: tuple[str, ...], spans: dict[str, list[Span]]
) -> PlanLine:
    """The requests for the missing stretches of every symbol, each page full."""
    kind = "candleSnapshot" if series.holds == "candles" else "fundingHistory"
    page_rows = CANDLES_KEPT if series.holds == "candles" else FUNDING_ROWS_MAX
    requests = rows = weight = 0
    for span in (one for found in spans.values() for one in found):
        left = -(-span.length_ms // series.unit_ms)
        rows += left
        while left > 0:
            requests += 1
            weight += info_weight(kind, min(left, page_rows))
            left -= page_rows
    return PlanLine(f"{series.holds} {series.interval}", len(symbols), requests, rows, weight)


def _spans(
    series: Series, symbols: tuple[str, ...], request: VenueRequest, now_ms: int
) -> dict[str, list[Span]]:
    """Per symbol the stretches that the store has not been filled with yet."""
    asked = {}
    if series.path.is_file():
        with SeriesStore.open_reader(series.path, series.layout) as reader:
            asked = reader.asked()
    lifetimes = metadata.known(request.store).lifetimes
    since_ms = since_ms_of(request.since, now_ms)
    return {
        symbol: series.missing(
            series.span(since_ms, now_ms, lifetimes.get(symbol, Lifetime())),
            asked.get(symbol, []),
            refetch=request.refetch,
        )
        for symbol in symbols
    }
