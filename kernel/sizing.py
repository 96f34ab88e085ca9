"""Size of an entry or add: margin from equity, notional from leverage, minimum and caps."""

from __future__ import annotations

from kernel import codes
from kernel.jit import device
from kernel.params import Params
from kernel.records import Candidate, Snapshot


@device
def leverage_of(confidence: int, params: Params) -> float:
    """Leverage of an entry by its confidence."""
    if confidence == codes.CONFIDENCE_HIGH:
        return params.leverage_high
    if confidence == codes.CONFIDENCE_MEDIUM:
        return params.leverage_medium
    return params.leverage_low


@device
def confidence_mult(confidence: int, params: Params) -> float:
    """Margin factor of an entry by its confidence."""
    if confidence == codes.CONFIDENCE_HIGH:
        return params.confidence_mult_high
    if confidence == codes.CONFIDENCE_MEDIUM:
        return params.confidence_mult_medium
    return params.confidence_mult_low


@device
def adx_mult(adx: float, params: Params) -> float:
    """Margin factor that grows with ADX up to 1."""
    if params.adx_sizing_full_adx <= 0.0:
        return params.adx_sizing_mult_min
    return min(max(adx / params.adx_sizing_full_adx, params.adx_sizing_mult_min), 1.0)


@device
def volatility_mult(atr_px: float, px: float, params: Params) -> float:
    """Margin factor that shrinks as ATR's share of price exceeds its baseline."""
    ratio = 1.0
    if params.vol_baseline_frac > 0.0 and px > 0.0:
        ratio = atr_px / px / params.vol_baseline_frac
    scalar = 1.0 / ratio if ratio > 0.0 else 1.0
    return min(max(scalar, params.vol_scalar_min), params.vol_scalar_max)


@device
def entry_margin_usd(
    equity_usd: float, candidate: Candidate, snap: Snapshot, params: Params
) -> float:
    """Margin of a new position before caps."""
    margin = equity_usd * params.allocation_frac
    if not params.enable_dynamic_sizing:
        return margin
    margin *= confidence_mult(candidate.confidence, params) * adx_mult(snap.adx, params)
    return margin * volatility_mult(candidate.atr_px, snap.close_px, params)
