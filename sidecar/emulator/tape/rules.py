"""What is assumed of symbols that a store knows no rules of.  Pure.

Sizes and prices tell their decimals: the finest price and the finest size that occur in the bars
are on the venue's grid.  Leverage is `LEVERAGE_MAX` without tiers, what the venue gives most of its
smaller symbols.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from core.market.bars import BarBlock, Floats
from core.market.metadata import MarginTier, SymbolMetadata
from core.market.traits import PRICE_DECIMALS_MAX, SIZE_DECIMALS_MAX

LEVERAGE_MAX: Final = 10.0
_NEAR: Final = 1e-6


def assumed(block: BarBlock, column: int) -> SymbolMetadata:
    """The rules of a symbol as its bars show them."""
    there = block.present[:, column]
    prices = np.concatenate(
        [
            each[there, column]
            for each in (block.open_px, block.high_px, block.low_px, block.close_px)
        ]
    )
    size = decimals_of(block.volume[there, column], SIZE_DECIMALS_MAX)
    room = PRICE_DECIMALS_MAX - decimals_of(prices, PRICE_DECIMALS_MAX)
    return SymbolMetadata(
        symbol=block.symbols[column],
        size_decimals=max(min(size, room), 0),
        leverage_max=LEVERAGE_MAX,
        tiers=(MarginTier(0.0, LEVERAGE_MAX),),
    )


def decimals_of(values: Floats, most: int) -> int:
    """The fewest decimals that write all of the values, up to `most`."""
    for decimals in range(most):
        scaled = values * 10.0**decimals
        if np.all(np.abs(scaled - np.rint(scaled)) <= _NEAR * np.maximum(1.0, 1e-6 * scaled)):
            return decimals
    return most
