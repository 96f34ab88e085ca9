"""Coins as the venue lists them: asset ids, margin tables, tiers.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from core.market.metadata import SymbolMetadata
from sidecar.emulator.exchange.state import (
    BACKSTOP,
    HOUSE,
    Account,
    Coin,
    Quote,
    Tier,
    VenueState,
)
from sidecar.emulator.exchange.units import micros_of_usd

BUILDER_DEX_BASE: Final = 100_000
DEX_STRIDE: Final = 10_000
TABLE_ID_FIRST: Final = 51
"""Up to 50 a margin table has one tier and its id is the highest leverage."""


@dataclass(frozen=True)
class Listing:
    """One coin of the universe; `dex` is empty for the venue's own."""

    metadata: SymbolMetadata
    dex: str = ""
    only_isolated: bool = False

    @property
    def name(self) -> str:
        """As clients say it; a builder's dex is part of it."""
        symbol = self.metadata.symbol
        return f"{self.dex}:{symbol}" if self.dex else symbol


@dataclass
class Universe:
    """Listings in the order of their ids within each dex, with the ids of their margin tables."""

    listings: Sequence[Listing]
    assets: list[int] = field(default_factory=list)
    tables: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Number coins and tables by their first appearance."""
        dexs = [""]
        counts: dict[str, int] = {}
        known: dict[tuple[tuple[float, float], ...], int] = {}
        for listing in self.listings:
            if listing.dex not in dexs:
                dexs.append(listing.dex)
            place = counts.get(listing.dex, 0)
            counts[listing.dex] = place + 1
            number = dexs.index(listing.dex)
            base = BUILDER_DEX_BASE + number * DEX_STRIDE if number else 0
            self.assets.append(base + place)
            tiers = tuple(
                (tier.lower_bound_usd, tier.leverage_max) for tier in listing.metadata.tiers
            )
            if len(tiers) == 1:
                self.tables.append(int(tiers[0][1]))
            else:
                self.tables.append(known.setdefault(tiers, TABLE_ID_FIRST + len(known)))


def add_coin(state: VenueState, universe: Universe, index: int, px_ticks: int) -> Coin:
    """The coin of that index joins the state, with every price at `px_ticks`."""
    listing = universe.listings[index]
    metadata = listing.metadata
    coin = Coin(
        name=listing.name,
        asset=universe.assets[index],
        dex=listing.dex,
        size_decimals=metadata.size_decimals,
        leverage_max=int(metadata.leverage_max),
        margin_table_id=universe.tables[index],
        tiers=[
            Tier(micros_of_usd(tier.lower_bound_usd), int(tier.leverage_max))
            for tier in metadata.tiers
        ],
        quote=Quote(px_ticks=px_ticks),
        oracle_ticks=px_ticks,
        mark_ticks=px_ticks,
        last_ticks=px_ticks,
        external_ticks=px_ticks,
        prev_day_ticks=px_ticks,
        only_isolated=listing.only_isolated,
        margin_mode="strictIsolated" if listing.only_isolated else "",
    )
    state.coins[coin.name] = coin
    return coin


def add_house(state: VenueState) -> None:
    """The accounts of the background market and of the venue's vault join the state."""
    state.accounts[HOUSE] = Account(HOUSE)
    state.accounts[BACKSTOP] = Account(BACKSTOP, role="vault")
