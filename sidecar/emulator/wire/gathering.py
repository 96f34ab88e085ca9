"""A book gathered to fewer digits: bids are rounded down, asks up."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange.book import Level
from sidecar.emulator.wire.universe import UnknownNameError

DIGITS_RANGE: Final = range(2, 6)
MANTISSAS: Final = (1, 2, 5)
GATHERED_FROM: Final = 1_000
"""Levels of the full book that are looked at."""


def check_grid(n_sig_figs: int | None, mantissa: int | None) -> None:
    """Refuse digits and steps that the venue does not gather by.  Raises UnknownNameError."""
    if n_sig_figs is not None and n_sig_figs not in DIGITS_RANGE:
        raise UnknownNameError(f"nSigFigs {n_sig_figs}")
    if mantissa is not None and (mantissa not in MANTISSAS or n_sig_figs != DIGITS_RANGE[-1]):
        raise UnknownNameError(f"mantissa {mantissa}")


def gathered(levels: list[Level], digits: int, mantissa: int, *, is_bid: bool) -> list[Level]:
    """Levels on the grid of `digits` significant digits in steps of `mantissa`, best first.

    Each price has its own grid, that of its own length.
    """
    sums: dict[int, Level] = {}
    for level in levels:
        step = 10 ** max(0, len(str(level.ticks)) - digits) * mantissa
        ticks = level.ticks // step * step if is_bid else -(-level.ticks // step) * step
        met = sums.get(ticks)
        sums[ticks] = (
            Level(ticks, level.lots, level.n)
            if met is None
            else Level(ticks, met.lots + level.lots, met.n + level.n)
        )
    return list(sums.values())
