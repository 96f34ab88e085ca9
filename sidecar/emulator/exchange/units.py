"""Whole numbers for prices, sizes and money, so that no cent is lost, and their decimal text.

A price counts *ticks* of 10^-(6 - size decimals) USD, a size counts *lots* of 10^-(size decimals),
money counts *micros* of 10^-6 USD.  Ticks x lots are micros exactly, whatever the symbol.

Source of the price rule: Hyperliquid, "Tick and lot size": at most five significant digits and at
most 6 - size decimals of decimals; whole dollars are valid whatever their digits.
"""

from __future__ import annotations

from typing import Final

PRICE_DECIMALS: Final = 6
USD_DECIMALS: Final = 6
MICROS_PER_USD: Final = 1_000_000
SIGNIFICANT_DIGITS: Final = 5
DIGITS_MAX: Final = 20
"""A number on the wire with more digits than this is refused."""


def decimal_text(count: int, decimals: int) -> str:
    """`count` x 10^-decimals as the venue writes it: no trailing zeros, but `1.0` for a whole."""
    sign = "-" if count < 0 else ""
    digits = str(abs(count))
    if decimals == 0:
        return f"{sign}{digits}.0"
    digits = digits.rjust(decimals + 1, "0")
    fraction = digits[-decimals:].rstrip("0")
    return f"{sign}{digits[:-decimals]}.{fraction or '0'}"


def px_decimals(size_decimals: int) -> int:
    """Decimals of a tick."""
    return PRICE_DECIMALS - size_decimals


def px_text(ticks: int, size_decimals: int) -> str:
    """A price as the venue writes it."""
    return decimal_text(ticks, PRICE_DECIMALS - size_decimals)


def size_text(lots: int, size_decimals: int) -> str:
    """A size as the venue writes it, signed like `lots`."""
    return decimal_text(lots, size_decimals)


def usd_text(micros: int) -> str:
    """An amount of USD as the venue writes it."""
    return decimal_text(micros, USD_DECIMALS)


def parse_decimal(text: str, decimals: int) -> int | None:
    """The count of 10^-decimals that `text` says; None when it is no number or is finer than that.

    Plain decimals only: no exponent, no underscore, no blank.  Trailing zeros are no finer number.
    """
    sign = 1
    digits = text
    if digits[:1] == "-":
        sign, digits = -1, digits[1:]
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    joined = whole + fraction
    if not joined.isascii() or not joined.isdigit() or len(joined) > DIGITS_MAX:
        return None
    if len(fraction) > decimals or not whole:
        return None
    return sign * int(whole + fraction.ljust(decimals, "0"))


def is_valid_px(ticks: int, size_decimals: int) -> bool:
    """Does the venue take this price?"""
    if ticks <= 0:
        return False
    if ticks % 10 ** (PRICE_DECIMALS - size_decimals) == 0:
        return True
    return len(str(ticks).rstrip("0")) <= SIGNIFICANT_DIGITS


def px_step_ticks(ticks: int, size_decimals: int) -> int:
    """Distance in ticks between neighbouring valid prices at a price: the tick size in force."""
    digits = len(str(ticks))
    step = 10 ** max(0, digits - SIGNIFICANT_DIGITS)
    return int(min(step, 10 ** (PRICE_DECIMALS - size_decimals)))


def micros_of_usd(usd: float) -> int:
    """The nearest whole number of micros."""
    return round(usd * MICROS_PER_USD)


def share_micros(amount_micros: int, part: int, whole: int) -> int:
    """`amount x part / whole`, rounded half away from zero, without floating point."""
    assert whole > 0, whole
    product = amount_micros * part
    magnitude = (2 * abs(product) + whole) // (2 * whole)
    return magnitude if product >= 0 else -magnitude
