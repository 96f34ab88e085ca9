"""A fill: at which price the venue lets it happen, and what it costs.

Sources: Hyperliquid's pages on tick and lot size (at most five significant figures and a symbol's
decimals, integers always allowed) and on fees (perpetuals, by 14-day volume).
"""

from __future__ import annotations

import math
from typing import Final

from kernel import codes
from kernel.jit import device
from kernel.params import Params
from kernel.records import Book, Rules

BPS: Final = 1e-4
DAY_MS: Final = 86_400_000
FEE_DAYS: Final = 14
RING_DAYS: Final = FEE_DAYS + 1
"""Days of volume that are kept: those that count, and today."""

TIER_VOLUMES_USD: Final = (5e6, 25e6, 100e6, 500e6, 2e9, 7e9)
TAKER_BPS: Final = (4.5, 4.0, 3.5, 3.0, 2.8, 2.6, 2.4)
MAKER_BPS: Final = (1.5, 1.2, 0.8, 0.4, 0.0, 0.0, 0.0)

FIGURES: Final = 5
DECIMALS_MAX: Final = 12
POWERS: Final = (1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12)
UP: Final = 1.0
DOWN: Final = -1.0
"""Ways to round; floats, since numba compiles a function anew for each literal integer."""

STEP_SLACK: Final = 1e-6
"""Share of a step that counts as rounding of the number itself: 0.29 x 100 is below 29."""


@device
def steps(amount: float, scale: float, way: float) -> float:
    """`amount` as a whole number of 1/`scale` steps, UP or DOWN."""
    count = amount * scale
    if way == UP:
        return math.ceil(count - STEP_SLACK) / scale
    return math.floor(count + STEP_SLACK) / scale


@device
def valid_px(px: float, decimals_max: int, way: float) -> float:
    """The nearest price UP or DOWN that the venue takes; `px` itself if that would be 0."""
    decimals = FIGURES
    if px >= 1.0:
        whole = 1
        while whole < FIGURES and px >= POWERS[whole]:
            whole += 1
        decimals = FIGURES - whole if px < POWERS[FIGURES] else 0
    else:
        while decimals < DECIMALS_MAX and px * POWERS[decimals - FIGURES + 1] < 1.0:
            decimals += 1
    rounded = steps(px, POWERS[min(decimals, decimals_max)], way)
    return rounded if rounded > 0.0 else px


@device
def fill_px(rules: Rules, s: int, px: float, bps: tuple[int, float], params: Params) -> float:
    """Price of a fill decided at `px`, worsened by slippage; `bps` is (side bought, slippage)."""
    side, slippage_bps = bps
    worse = px * (1.0 + side * slippage_bps * BPS)
    if not params.enable_venue_rounding or rules.px_decimals[s] < 0:
        return worse
    return valid_px(worse, rules.px_decimals[s], UP if side == codes.LONG else DOWN)


@device
def lot_size(rules: Rules, s: int, size: float, way: float, params: Params) -> float:
    """The size in whole lots, where the symbol's lot is known."""
    scale = rules.size_scale[s]
    if not params.enable_venue_rounding or scale <= 0.0:
        return size
    return steps(size, scale, way)


@device
def roll_volumes(book: Book, day: int) -> None:
    """Start a day of the volume ring, and find its fee tier from the days before."""
    account = book.account[0]
    missed = min(day - account.fee_day, RING_DAYS)
    for back in range(missed):
        book.volumes_usd[(day - back) % RING_DAYS] = 0.0
    total = 0.0
    for back in range(1, RING_DAYS):
        total += book.volumes_usd[(day - back) % RING_DAYS]
    tier = 0
    while tier < 6 and total > TIER_VOLUMES_USD[tier]:
        tier += 1
    account.fee_day = day
    account.fee_tier = tier


@device
def fee_bps(book: Book, role: int, now_ms: int, params: Params) -> float:
    """Fee of a fill by its role: as declared, or by what the account traded in 14 days."""
    if params.fee_schedule == codes.FEES_FIXED:
        return params.maker_fee_bps if role == codes.MAKER else params.taker_fee_bps
    account = book.account[0]
    day = now_ms // DAY_MS
    if day > account.fee_day:
        roll_volumes(book, day)
    if role == codes.MAKER:
        return MAKER_BPS[account.fee_tier]
    return TAKER_BPS[account.fee_tier]


@device
def count_volume(book: Book, notional_usd: float, now_ms: int) -> None:
    """Add a fill to turnover and to the day's volume."""
    account = book.account[0]
    account.turnover_usd += notional_usd
    day = now_ms // DAY_MS
    if day > account.fee_day:
        roll_volumes(book, day)
    book.volumes_usd[day % RING_DAYS] += notional_usd
