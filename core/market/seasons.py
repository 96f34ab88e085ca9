"""How the hour of the day and the day of the week change volatility and volume.  Pure.

Recorded perpetuals move and trade most around the opening of New York and after midnight UTC, and
less on weekends.  The profiles are rounded from recorded ones; their mean over a day is 1.
"""

from __future__ import annotations

from typing import Final

from core.market.bars import DAY_MS, HOUR_MS

HOUR_SIGMA: Final = (
    *(1.13, 1.13, 1.00, 0.93, 0.89, 0.89, 0.93, 0.89, 0.95, 0.89, 0.87, 0.90),
    *(1.00, 1.21, 1.24, 1.23, 1.16, 1.12, 1.02, 0.96, 0.97, 0.91, 0.96, 0.82),
)
HOUR_VOLUME: Final = (
    *(1.08, 1.02, 0.94, 0.86, 0.82, 0.76, 0.76, 0.81, 0.83, 0.79, 0.77, 0.80),
    *(0.94, 1.20, 1.43, 1.46, 1.38, 1.21, 1.10, 1.01, 1.08, 1.04, 1.00, 0.91),
)
WEEKEND_SIGMA: Final = 0.84
WEEKEND_VOLUME: Final = 0.72
DAYS_PER_WEEK: Final = 7
SATURDAY: Final = 5
# 1970 began on a Thursday, and the week is counted from Monday.
FIRST_WEEKDAY: Final = 3


def is_weekend(ts_ms: int) -> bool:
    """Whether the instant lies on a Saturday or Sunday, UTC."""
    return (ts_ms // DAY_MS + FIRST_WEEKDAY) % DAYS_PER_WEEK >= SATURDAY


def hour_sigma(ts_ms: int) -> float:
    """Volatility of the hour at `ts_ms` over the usual one."""
    return HOUR_SIGMA[ts_ms // HOUR_MS % 24] * (WEEKEND_SIGMA if is_weekend(ts_ms) else 1.0)


def hour_volume(ts_ms: int) -> float:
    """Volume of the hour at `ts_ms` over the usual one, beside what volatility brings."""
    return HOUR_VOLUME[ts_ms // HOUR_MS % 24] * (WEEKEND_VOLUME if is_weekend(ts_ms) else 1.0)
