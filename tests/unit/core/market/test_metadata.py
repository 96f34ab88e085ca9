"""Margin tiers: the venue's formula, and no step at a tier's edge."""

from __future__ import annotations

import pytest

from core.market.metadata import MarginTier, deductions_usd, maintenance_usd

BTC = (MarginTier(0.0, 40.0), MarginTier(150e6, 20.0))


@pytest.mark.parametrize(
    ("notional_usd", "margin_usd"),
    [
        (0.0, 0.0),
        (1_000_000.0, 12_500.0),
        (150e6, 1_875_000.0),
        (200e6, 200e6 * 0.025 - 1_875_000.0),
    ],
)
def test_maintenance_margin_follows_the_tiers(notional_usd: float, margin_usd: float) -> None:
    assert maintenance_usd(BTC, notional_usd) == pytest.approx(margin_usd)


def test_the_deduction_leaves_no_step_at_a_tiers_edge() -> None:
    tiers = (MarginTier(0.0, 20.0), MarginTier(40e6, 10.0), MarginTier(90e6, 5.0))

    assert deductions_usd(tiers)[0] == 0.0
    for edge_usd in (40e6, 90e6):
        below, at = (maintenance_usd(tiers, usd) for usd in (edge_usd * (1 - 1e-12), edge_usd))
        assert below == pytest.approx(at, rel=1e-9)
