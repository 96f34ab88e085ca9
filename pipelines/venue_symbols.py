"""Symbols of the venue: which are wanted, what it says of them, and since when they trade."""

from __future__ import annotations

import numpy as np

from core.clock import Clock
from core.errors import InputError
from core.market.bars import DAY_MS, Rows, nearest
from core.market.quality import VOLUME
from core.store import contexts, metadata
from core.store.layout import CONTEXTS
from core.store.metadata import Known, Lifetime, SymbolState
from core.store.series import IngestCounts, Origin
from core.venue.faults import MarginTableError
from core.venue.port import AssetContext, MarketData, Snapshot, Span, Universe
from core.venue.wire_meta import tiers_of
from pipelines.venue_options import VenueRequest, Wanted


async def snapshots(market: MarketData, wanted: tuple[Wanted, ...]) -> dict[str, Snapshot]:
    """The universe and contexts of each dex that is named; an unknown dex is an InputError."""
    dexs = sorted({one.dex for one in wanted})
    if any(dexs):
        known = await market.dexs()
        for dex in dexs:
            if dex not in known:
                near = nearest(dex, known, 1)
                raise InputError(
                    f"the venue has no dex {dex!r}",
                    at=f"known: {' '.join(filter(None, known))}",
                    hint=f"did you mean {near[0]}?" if near else "name one of the known dexs",
                )
    return {dex: await market.snapshot(dex) for dex in dexs}


def store_states(
    request: VenueRequest, universe: Universe, origin: Origin, clock: Clock
) -> dict[str, MarginTableError]:
    """Store what a universe says of all its symbols where that has changed.

    Gives back the symbols of which nothing was stored, because their margin table is missing.  A
    symbol that was there before and is not any more is noted as gone.
    """
    before = metadata.known(request.store).states
    states, failed = [], {}
    for asset in universe.assets:
        try:
            tiers = tiers_of(asset, universe)
        except MarginTableError as error:
            failed[asset.symbol] = error
            continue
        states.append(
            SymbolState(
                asset.symbol,
                asset.size_decimals,
                asset.leverage_max,
                tiers,
                asset.margin_mode or ("onlyIsolated" if asset.only_isolated else ""),
                asset.is_delisted,
            )
        )
    present = {asset.symbol for asset in universe.assets}
    for symbol, state in before.items():
        dex = symbol.partition(":")[0] if ":" in symbol else ""
        if dex == universe.dex and symbol not in present and state.is_there:
            states.append(
                SymbolState(
                    symbol,
                    state.size_decimals,
                    state.leverage_max,
                    state.tiers,
                    state.margin_mode,
                    state.is_delisted,
                    is_there=False,
                )
            )
    metadata.add(request.store, states, {}, origin, clock)
    return failed


def needs_lifetime(symbol: str, known: Known, *, is_delisted: bool) -> bool:
    """Is something about the symbol's life not known yet that its daily bars would tell?"""
    lifetime = known.lifetimes.get(symbol, Lifetime())
    return lifetime.listed_ms is None or (is_delisted and lifetime.delisted_ms is None)


async def find_lifetime(
    market: MarketData, symbol: str, now_ms: int, *, is_delisted: bool
) -> Lifetime:
    """When the symbol's daily bars with trades begin, and if it is delisted, when they end.

    The venue back-fills bars without trades before a listing; these do not count.
    """
    page = await market.candles(symbol, "1d", Span(0, now_ms))
    traded = page.ts_ms[page.values[:, VOLUME] > 0.0]
    if not len(traded):
        return Lifetime()
    return Lifetime(int(traded[0]), int(traded[-1]) + DAY_MS if is_delisted else None)


def store_contexts(
    request: VenueRequest,
    found: list[AssetContext],
    at_ms: int,
    origin: Origin,
    clock: Clock,
) -> IngestCounts:
    """Store the contexts of one instant, sorted by symbol."""
    ordered = sorted(found, key=lambda context: context.symbol)
    values = np.array(
        [
            [
                np.nan if getattr(context, name) is None else getattr(context, name)
                for name in CONTEXTS.columns
            ]
            for context in ordered
        ],
        np.float64,
    ).reshape(-1, len(CONTEXTS.columns))
    rows = Rows(
        tuple(context.symbol for context in ordered),
        np.arange(len(ordered)),
        np.full(len(ordered), at_ms, np.int64),
        values,
    )
    return contexts.ingest(request.store, rows, origin, clock)


def usable_contexts(markets: dict[str, Snapshot], symbols: tuple[str, ...]) -> list[AssetContext]:
    """The contexts of the symbols that are listed and have a mark and an oracle price."""
    chosen = set(symbols)
    return [
        context
        for market in markets.values()
        for asset, context in zip(market.universe.assets, market.contexts, strict=True)
        if context.symbol in chosen
        and not asset.is_delisted
        and context.mark_px > 0.0
        and context.oracle_px > 0.0
    ]
