"""What a made-up market is and stays: its symbols, their prices, sizes and listing.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.market.bars import Floats, Ints
from core.market.chance import raw_words, units
from core.market.metadata import MarginTier, SymbolMetadata

TRAITS_STREAM = 0
SECTOR_COUNT = 4
MARKET = 0
"""Sources of returns in order: the market, the sectors, then the symbols' own."""

# Usual volatility of one hour, as a fraction of price.  Recorded perpetuals show 0.0055 for BTC and
# 0.010 to 0.026 for four of five others.
MARKET_SIGMA_1H = 0.0055
SECTOR_SIGMA_1H = 0.0030
OWN_SIGMA_RANGE_1H = (0.0045, 0.0130)
BTC_OWN_SIGMA_1H = 0.0010
BETA_RANGE = (1.3, 2.5)

LARGEST = (("BTC", 95_000.0, 60e6), ("ETH", 3_400.0, 30e6), ("SOL", 190.0, 12e6))
"""Name, first price in USD, usual notional of an hour in USD."""
PX_RANGE = (0.5, 400.0)
NOTIONAL_RANGE_1H_USD = (0.1e6, 9e6)

SIGNIFICANT_DIGITS = 5
PRICE_DECIMALS_MAX = 6
"""A price has at most this many decimals less the size's, as the venue has it for perpetuals."""
SIZE_DECIMALS_MAX = 5

TIERS = (
    ((0.0, 40.0), (150e6, 20.0)),
    ((0.0, 25.0), (100e6, 15.0)),
    ((0.0, 20.0), (70e6, 10.0)),
    ((0.0, 10.0), (20e6, 5.0)),
    ((0.0, 10.0), (3e6, 5.0)),
    ((0.0, 5.0),),
    ((0.0, 3.0),),
)
"""Lower bound in USD and highest leverage: BTC, ETH, SOL, then from most to least traded."""


@dataclass(frozen=True)
class Traits:
    """A market's constants; arrays run over symbols in the order of `symbols`.

    `sigma_1h` runs over the sources: the market, the sectors, the symbols.  A symbol trades in the
    hours from `listed_hour` up to but not including `delisted_hour`, counted from the start.
    """

    seed: int
    start_ms: int
    edge: float
    symbols: tuple[str, ...]
    sigma_1h: Floats
    beta: Floats
    sector: Ints
    first_px: Floats
    usual_usd_1h: Floats
    size_decimals: Ints
    listed_hour: Ints
    delisted_hour: Ints

    @property
    def source_count(self) -> int:
        """The market, the sectors and every symbol."""
        return len(self.sigma_1h)

    @property
    def lot(self) -> Floats:
        """The smallest size of each symbol, in base units."""
        return 1.0 / powers_of_ten(self.size_decimals)


def symbol_names(count: int) -> tuple[str, ...]:
    """BTC, ETH and SOL, then names that no venue lists."""
    largest = tuple(name for name, _, _ in LARGEST)
    return (*largest, *(f"SYN{number:02}" for number in range(4, count + 1)))[:count]


def draw_traits(
    seed: int, count: int, start_ms: int, edge: float, presence: tuple[Ints, Ints]
) -> Traits:
    """The constants of a market; `presence` holds the hours of listing and delisting."""
    evenly = units(raw_words(seed, TRAITS_STREAM, 0, 8 * count)).reshape(8, count)
    first_px = between(PX_RANGE, evenly[0])
    # Few symbols are traded much: the fourth power puts the median at a sixteenth of the range.
    usual_usd = between(NOTIONAL_RANGE_1H_USD, (evenly[1] * evenly[1]) * (evenly[1] * evenly[1]))
    for index, (_, px, usd) in enumerate(LARGEST[:count]):
        first_px[index], usual_usd[index] = px, usd
    beta = between(BETA_RANGE, evenly[2])
    own = between(OWN_SIGMA_RANGE_1H, evenly[3])
    beta[0], own[0] = 1.0, BTC_OWN_SIGMA_1H
    sector = (evenly[4] * SECTOR_COUNT).astype(np.int64)
    sigma = np.concatenate([[MARKET_SIGMA_1H], np.full(SECTOR_COUNT, SECTOR_SIGMA_1H), own])
    return Traits(
        seed=seed,
        start_ms=start_ms,
        edge=edge,
        symbols=symbol_names(count),
        sigma_1h=sigma,
        beta=beta,
        sector=sector,
        first_px=first_px,
        usual_usd_1h=usual_usd,
        size_decimals=_size_decimals(first_px),
        listed_hour=presence[0],
        delisted_hour=presence[1],
    )


def between(bounds: tuple[float, float], evenly: Floats) -> Floats:
    """Numbers between the bounds, for numbers between 0 and 1."""
    return bounds[0] + (bounds[1] - bounds[0]) * evenly


def metadata_of(traits: Traits, hours: int) -> tuple[SymbolMetadata, ...]:
    """What a venue would say of each symbol after so many hours.

    A symbol that was there at the start counts as listed then; `delisted_ms` is None while it
    trades.
    """
    order = np.argsort(np.argsort(-traits.usual_usd_1h, kind="stable"), kind="stable")
    out = []
    for index, symbol in enumerate(traits.symbols):
        rest = 3 + int(order[index]) * (len(TIERS) - 3) // len(traits.symbols)
        tiers = tuple(MarginTier(*tier) for tier in TIERS[index if index < 3 else rest])
        ended = int(traits.delisted_hour[index])
        out.append(
            SymbolMetadata(
                symbol=symbol,
                size_decimals=int(traits.size_decimals[index]),
                leverage_max=tiers[0].leverage_max,
                tiers=tiers,
                listed_ms=traits.start_ms + int(traits.listed_hour[index]) * 3_600_000,
                delisted_ms=traits.start_ms + ended * 3_600_000 if ended <= hours else None,
            )
        )
    return tuple(out)


def _size_decimals(px: Floats) -> Ints:
    """Decimals of a size such that the smallest is worth from a tenth of a dollar to a dollar."""
    digits = np.searchsorted(powers_of_ten(np.arange(SIZE_DECIMALS_MAX)), px, side="right")
    return digits.astype(np.int64)


def round_px(px: Floats, size_decimals: int) -> Floats:
    """Prices that the venue takes: five significant digits, and no more decimals than it allows.

    Each is a whole number divided or multiplied by a power of ten, so the same everywhere, and
    never less than one tick.  Larger prices never round to smaller ones.
    """
    exponents = np.searchsorted(_TENS, px, side="right") - 1 - _TENS_ZERO
    decimals = np.minimum(SIGNIFICANT_DIGITS - 1 - exponents, PRICE_DECIMALS_MAX - size_decimals)
    up = powers_of_ten(np.maximum(decimals, 0))
    down = powers_of_ten(-np.minimum(decimals, 0))
    rounded: Floats = np.maximum(np.rint(px * up / down), 1.0) * down / up
    return rounded


# A table, since a power function need not be exact.
_TENS_ZERO = 30
_TENS = np.array([float(f"1e{exponent}") for exponent in range(-_TENS_ZERO, _TENS_ZERO + 1)])


def powers_of_ten(exponents: Ints) -> Floats:
    """10 to whole exponents from -30 to 30."""
    powers: Floats = _TENS[_TENS_ZERO + exponents]
    return powers
