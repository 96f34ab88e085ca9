"""Numbers of chance that are the same everywhere.  Pure.

Only the raw bits of PCG64 are used: their place in the stream is counted, so that any hour can be
drawn without those before it, and the rest is whole numbers, +, - and x.  Samplers with a logarithm
or an exponential in them may differ in their last bit from one C library to another, and numpy
keeps the stream of raw bits for ever but not that of its samplers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from core.market.bars import Floats

Words = npt.NDArray[np.uint64]

_HALVES: Final = np.uint64(0x0000_FFFF_0000_FFFF)
_LOW: Final = np.uint64(0xFFFF_FFFF)
_16, _32, _11 = np.uint64(16), np.uint64(32), np.uint64(11)
# Four evenly drawn 16-bit numbers have this mean and standard deviation in sum.
_SUM_MEAN: Final = 2.0 * 65_535.0
_SUM_SIGMA: Final = float(np.sqrt((65_536.0**2 - 1.0) / 3.0))


def raw_words(seed: int, stream: int, first: int, count: int) -> Words:
    """`count` words of 64 bits from place `first` of a stream of that seed."""
    bits = np.random.PCG64(np.random.SeedSequence([seed, stream]))
    bits.advance(first)
    words: Words = bits.random_raw(count)
    return words


def units(words: Words) -> Floats:
    """Numbers evenly from 0 up to but not including 1, from the upper 53 bits of each word."""
    return (words >> _11).astype(np.float64) * 2.0**-53


def signs(words: Words) -> Floats:
    """1.0 or -1.0 from the lowest bit of each word."""
    return (words & np.uint64(1)).astype(np.float64) * 2.0 - 1.0


def bells(words: Words) -> Floats:
    """Numbers of mean 0 and variance 1, in the shape of a bell, symmetric and within 3.5.

    Each is the sum of the word's four 16-bit parts.  Over an hour of minutes the sum of these is
    normal for all practical purposes: its excess kurtosis is -0.005.
    """
    pairs = (words & _HALVES) + ((words >> _16) & _HALVES)
    sums = (pairs + (pairs >> _32)) & _LOW
    numbers: Floats = (sums.astype(np.float64) - _SUM_MEAN) * (1.0 / _SUM_SIGMA)
    return numbers


def sixteenths(words: Words, part: int) -> Floats:
    """Numbers evenly from 0 up to but not including 1, from one of the four 16-bit parts."""
    cut = (words >> np.uint64(16 * part)) & np.uint64(0xFFFF)
    return cut.astype(np.float64) * 2.0**-16
