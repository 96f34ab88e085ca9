"""Which coins and dexs there are, in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sidecar.emulator.exchange.state import Coin, VenueState

MAIN_DEX: Final = ""


class UnknownNameError(Exception):
    """A coin or dex that is not here; the venue answers 500 with the body `null`."""


def dexs(state: VenueState) -> list[str]:
    """Names of the dexs by their index; the first is the venue's own, ``""``."""
    first_asset: dict[str, int] = {MAIN_DEX: -1}
    for coin in state.coins.values():
        first_asset[coin.dex] = min(first_asset.get(coin.dex, coin.asset), coin.asset)
    return sorted(first_asset, key=first_asset.__getitem__)


def coins_of(state: VenueState, dex: str | None) -> list[Coin]:
    """Coins of a dex by asset id.  Raises UnknownNameError.

    A reply's rows stand for ids by their position, so that only coins behind the last listed one
    can be left out.
    """
    name = dex or MAIN_DEX
    found = sorted(
        (coin for coin in state.coins.values() if coin.dex == name), key=lambda coin: coin.asset
    )
    if not found and name != MAIN_DEX:
        raise UnknownNameError(name)
    while found and not found[-1].is_listed:
        found.pop()
    return found


def is_live(coin: Coin) -> bool:
    """Does it trade: listed and not delisted?"""
    return coin.is_listed and not coin.is_delisted


def coin_named(state: VenueState, name: str) -> Coin:
    """The perpetual of that very name.  Raises UnknownNameError."""
    coin = state.coins.get(name)
    if coin is None or not coin.is_listed:
        raise UnknownNameError(name)
    return coin


def live_coins(state: VenueState) -> Iterator[Coin]:
    """All coins that trade, dex by dex."""
    for dex in dexs(state):
        for coin in coins_of(state, dex):
            if is_live(coin):
                yield coin
