"""The spot side in shape: tokens and pairs that clients load at their start.  Nothing trades.

HYPE follows its perpetual where there is one; PURR stands still.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from sidecar.emulator.exchange.state import VenueState
from sidecar.emulator.exchange.units import decimal_text
from sidecar.emulator.wire.figures import coin_px

PURR_PX: Final = "0.15"
HYPE_PX: Final = "25.0"
HYPE_PERPETUAL: Final = "HYPE"


class Token(Struct, frozen=True):
    """A token: `supply` counts whole tokens."""

    index: int
    name: str
    size_decimals: int
    wei_decimals: int
    token_id: str
    supply: int


class Pair(Struct, frozen=True):
    """A spot pair: positions of base and quote among the tokens."""

    index: int
    name: str
    base: int
    quote: int
    is_canonical: bool


TOKENS: Final = (
    Token(0, "USDC", 8, 8, "0x6d1e7cde53ba9467b783cb7c530ce054", 1_000_000_000_000),
    Token(1, "PURR", 0, 5, "0xc1fb593aeffbeb02f85e0308e9956a90", 600_000_000),
    Token(2, "HYPE", 2, 8, "0x0d01dc56dcaaca66ad901c959b4011ec", 1_000_000_000),
)
PAIRS: Final = (
    Pair(0, "PURR/USDC", 1, 0, is_canonical=True),
    Pair(1, "@1", 2, 0, is_canonical=False),
)
NAMES: Final = {pair.name: pair for pair in PAIRS}


def meta() -> dict[str, Any]:
    """The reply to `spotMeta`."""
    return {
        "universe": [
            {
                "tokens": [pair.base, pair.quote],
                "name": pair.name,
                "index": pair.index,
                "isCanonical": pair.is_canonical,
            }
            for pair in PAIRS
        ],
        "tokens": [
            {
                "name": token.name,
                "szDecimals": token.size_decimals,
                "weiDecimals": token.wei_decimals,
                "index": token.index,
                "tokenId": token.token_id,
                "isCanonical": True,
                "evmContract": None,
                "fullName": None,
                "deployerTradingFeeShare": "0.0",
            }
            for token in TOKENS
        ],
    }


def px(state: VenueState, pair: Pair) -> str:
    """The price at which a pair stands."""
    if TOKENS[pair.base].name != HYPE_PERPETUAL:
        return PURR_PX
    perpetual = state.coins.get(HYPE_PERPETUAL)
    return coin_px(perpetual, perpetual.mark_ticks) if perpetual else HYPE_PX


def context(state: VenueState, pair: Pair) -> dict[str, Any]:
    """The pair's context: no book, so no mid price."""
    supply = decimal_text(TOKENS[pair.base].supply, 0)
    standing = px(state, pair)
    return {
        "prevDayPx": standing,
        "dayNtlVlm": "0.0",
        "markPx": standing,
        "midPx": None,
        "circulatingSupply": supply,
        "coin": pair.name,
        "totalSupply": supply,
        "dayBaseVlm": "0.0",
    }


def contexts(state: VenueState) -> list[dict[str, Any]]:
    """Contexts of all pairs."""
    return [context(state, pair) for pair in PAIRS]


def token_details(state: VenueState, token_id: str) -> dict[str, Any] | None:
    """The reply to `tokenDetails`; None for a token that is not here."""
    token = next((token for token in TOKENS if token.token_id == token_id.lower()), None)
    if token is None:
        return None
    pair = next((pair for pair in PAIRS if pair.base == token.index), None)
    standing = "1.0" if pair is None else px(state, pair)
    supply = decimal_text(token.supply, 0)
    return {
        "name": token.name,
        "maxSupply": supply,
        "totalSupply": supply,
        "circulatingSupply": supply,
        "szDecimals": token.size_decimals,
        "weiDecimals": token.wei_decimals,
        "midPx": standing,
        "markPx": standing,
        "prevDayPx": standing,
        "genesis": None,
        "deployer": None,
        "deployGas": None,
        "deployTime": None,
        "seededUsdc": "0.0",
        "nonCirculatingUserBalances": [],
        "futureEmissions": "0.0",
    }
