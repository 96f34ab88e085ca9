"""The background market's ladder: a pure function of where the tape stands, made level by level.

Nothing is stored but the quote: the price, the pressure that clients' trades left, the count of
moves, and what was eaten since the last move.  A level's size hangs on its price and on a span of
some moves, so that a book that is looked at twice is mostly the same book.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from sidecar.emulator.exchange.state import Coin, Quote
from sidecar.emulator.exchange.units import MICROS_PER_USD, px_step_ticks

LEVELS_A_SIDE: Final = 32
PRESSURE_KEPT_FRAC: Final = 0.8
"""How much of an impact is left after one more move."""
IMPACT_LEFT_FRAC: Final = 0.5
"""How much of the way that a taker went stays in the price at the next move."""
PRESSURE_MAX_FRAC: Final = 0.05
MOVES_A_SPAN_BITS: Final = 4
"""Sizes are drawn anew every 16 moves."""
GAP_GROWS_EVERY: Final = 6
MASK: Final = (1 << 64) - 1

DEPTHS: Final = (
    (40, 60_000, 0),
    (20, 25_000, 0),
    (10, 8_000, 150),
    (5, 3_000, 300),
    (0, 1_500, 600),
)
"""By least highest leverage: USD at the first level, and the spread in hundredths of a basis point
(0: one step of the price grid)."""


@lru_cache(maxsize=4096)
def _salt(seed: int, name: str) -> int:
    """Where the draws of one coin begin."""
    return int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=8).digest(), "big")


def _mixed(value: int) -> int:
    """64 well mixed bits of a whole number."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


@lru_cache(maxsize=64)
def _depth(leverage_max: int) -> tuple[int, int]:
    """USD micros of the first level, and the spread in hundredths of a basis point."""
    for least, usd, spread in DEPTHS:
        if leverage_max >= least:
            return usd * MICROS_PER_USD, spread
    raise AssertionError(leverage_max)


def price(coin: Coin) -> int:
    """Where the background trades now, on the price grid: the tape's price plus the pressure."""
    quote = coin.quote
    if not quote.pressure_ticks:
        return quote.px_ticks
    ticks = max(1, quote.px_ticks + round(quote.pressure_ticks))
    return max(1, ticks - ticks % px_step_ticks(ticks, coin.size_decimals))


def touch(seed: int, coin: Coin) -> tuple[int, int]:
    """Prices of the first bid and ask; the price in force is one of the two.

    The bid is 0 where there is no valid price below the ask.
    """
    ticks = price(coin)
    step = px_step_ticks(ticks, coin.size_decimals)
    spread_share = _depth(coin.leverage_max)[1]
    spread = step * max(1, ticks * spread_share // (1_000_000 * step)) if spread_share else step
    base = ticks - ticks % step
    if _mixed(_salt(seed, coin.name) ^ coin.quote.move_count) & 1:
        return base, base + spread
    return max(0, base - spread), base


def has_any(coin: Coin) -> bool:
    """Does the background quote at all?"""
    return coin.has_background and not coin.is_halted and not coin.is_delisted


def walk(seed: int, coin: Coin, *, is_bid: bool) -> Iterator[tuple[int, int]]:
    """(ticks, lots left) of each level from the best on; levels that were eaten up are left out."""
    if not has_any(coin):
        return
    bid, ask = touch(seed, coin)
    ticks, sign = (bid, -1) if is_bid else (ask, 1)
    first_micros = _depth(coin.leverage_max)[0]
    salt = _salt(seed, coin.name) ^ ((coin.quote.move_count >> MOVES_A_SPAN_BITS) << 20)
    eaten = coin.quote.eaten
    for index in range(LEVELS_A_SIDE):
        if ticks <= 0:
            return
        bits = _mixed(salt ^ (ticks << 1))
        micros = first_micros * (512 + (bits & 1023)) * (3 + index) // 3072
        lots = max(1, micros // ticks)
        lots -= eaten.get(ticks, 0)
        if lots > 0:
            yield ticks, lots
        gap = 1 + (bits >> 40) % (1 + index // GAP_GROWS_EVERY)
        ticks += sign * gap * px_step_ticks(ticks, coin.size_decimals)


def eat(quote: Quote, ticks: int, lots: int) -> None:
    """Clients took so many lots at a price; they are missing until the next move."""
    quote.eaten[ticks] = quote.eaten.get(ticks, 0) + lots


def push(quote: Quote, from_ticks: int, to_ticks: int) -> None:
    """A taker went from one price to another; part of the way stays in the price."""
    quote.push_ticks += (to_ticks - from_ticks) * IMPACT_LEFT_FRAC


def move(coin: Coin, px_ticks: int) -> None:
    """The tape goes on: what was eaten is back, and old pressure fades."""
    quote = coin.quote
    quote.px_ticks = px_ticks
    quote.move_count += 1
    if quote.eaten:
        quote.eaten.clear()
    if quote.pressure_ticks or quote.push_ticks:
        pressure = quote.pressure_ticks * PRESSURE_KEPT_FRAC + quote.push_ticks
        bound = px_ticks * PRESSURE_MAX_FRAC
        pressure = min(max(pressure, -bound), bound)
        step = px_step_ticks(px_ticks, coin.size_decimals)
        quote.pressure_ticks = pressure if abs(pressure) >= step / 2 else 0.0
        quote.push_ticks = 0.0
