"""Sets of symbols as bits, 32 to a word: a walk over a set costs what is in it.

A word is a whole number of 8 bytes whose upper half is empty, so that nothing overflows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from kernel.jit import device
from kernel.records import Words

WORD_BITS: Final = 32
DE_BRUIJN: Final = 0x077CB531
"""Every five bits in a row of this number occur once, so that they tell where a bit stands."""
PLACES: Final = np.array([0] * WORD_BITS)
for _place in range(WORD_BITS):
    PLACES[(DE_BRUIJN << _place & 0xFFFFFFFF) >> 27] = _place


@device
def lowest_place(word: int) -> int:
    """Place of the lowest bit that is set; the word is not 0."""
    return PLACES[((word & -word) * DE_BRUIJN >> 27) & 31]


@device
def include(words: Words, s: int) -> None:
    """Put `s` into the set."""
    words[s // WORD_BITS] |= 1 << s % WORD_BITS


@device
def exclude(words: Words, s: int) -> None:
    """Take `s`, which is in the set, out of it."""
    words[s // WORD_BITS] ^= 1 << s % WORD_BITS
