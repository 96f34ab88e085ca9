"""What may differ from venue to venue: margin tiers and the venue's rules."""

from __future__ import annotations

from msgspec import Struct


class Tier(Struct, frozen=True):
    """From `lower_bound_micros` of notional on, at most `leverage_max` times leverage."""

    lower_bound_micros: int
    leverage_max: int


class Rules(Struct):
    """What may differ from venue to venue; defaults are those of mainnet in the autumn of 2026."""

    min_order_micros: int = 10_000_000
    band_frac: float = 0.8
    nonces_kept: int = 100
    nonce_past_ms: int = 2 * 86_400_000
    nonce_future_ms: int = 86_400_000
    requests_initial: int = 10_000
    open_orders_initial: int = 1_000
    open_orders_max: int = 5_000
    dms_volume_micros: int = 1_000_000 * 1_000_000
    dms_ahead_ms: int = 5_000
    dms_fires_per_day: int = 10
    oracle_band_frac: float = 0.9
    """How far from the oracle price a limit may be."""
    twap_minutes_min: int = 5
    twap_minutes_max: int = 7 * 1_440
    agent_valid_ms: int = 90 * 86_400_000
    agent_valid_ms_max: int = 180 * 86_400_000
    agents_named_max: int = 3
    mode_actions_per_day: int = 50_000
    """Actions of a unified or portfolio account in one UTC day."""
    sub_account_volume_micros: int = 100_000 * 1_000_000
    sub_accounts_max: int = 10
    liquidation_whole_micros: int = 100_000 * 1_000_000
    """Positions above this are liquidated in part first."""
    limits_on: bool = True
    """Address budgets and request weights; load tests switch them off."""
