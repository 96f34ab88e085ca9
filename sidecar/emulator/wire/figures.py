"""Numbers as the venue writes them, beyond those of `exchange.units`."""

from __future__ import annotations

from typing import Final

from sidecar.emulator.exchange.state import Coin
from sidecar.emulator.exchange.units import decimal_text, px_decimals, px_text, size_text

RATE_DECIMALS: Final = 10
BUY: Final = "B"
SELL: Final = "A"


def rate_text(rate: float) -> str:
    """A fraction or a derived price to ten decimals, no trailing zeros, `0.0` for nothing."""
    return decimal_text(round(rate * 10**RATE_DECIMALS), RATE_DECIMALS)


def coin_px(coin: Coin, ticks: int) -> str:
    """A price of a coin."""
    return px_text(ticks, coin.size_decimals)


def coin_size(coin: Coin, lots: int) -> str:
    """A size of a coin."""
    return size_text(lots, coin.size_decimals)


def mid_text(coin: Coin, bid_ticks: int, ask_ticks: int) -> str:
    """Half way between two prices; it may need one decimal more than a price."""
    return decimal_text(5 * (bid_ticks + ask_ticks), px_decimals(coin.size_decimals) + 1)


def side_text(is_buy: bool) -> str:  # noqa: FBT001 - the one thing that it depends on
    """`B` for a buy, `A` for a sell."""
    return BUY if is_buy else SELL
