"""Fees of a trade: tiers by volume, maker shares, builders."""

from __future__ import annotations

from sidecar.emulator.exchange.state import Account, Coin, VenueState


def rates_hundredths_bp(state: VenueState, account: Account, now_ms: int) -> tuple[int, int]:
    """(taker, maker) in hundredths of a basis point: 450, 150 at tier 0; below 0 is a rebate."""
    raise NotImplementedError


def fee_micros(notional_micros: int, rate_hundredths_bp: int, coin: Coin) -> int:
    """The venue's fee for a notional on a coin; below 0 is a rebate."""
    raise NotImplementedError
