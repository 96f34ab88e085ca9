"""Numbers in the venue's texts, changed without leaving their form."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

BPS_PER_ONE: Final = 10_000
TIME_KEYS: Final = frozenset(
    {"time", "timestamp", "statusTimestamp", "serverTime", "lastUpdateTime"}
)


def times(text: str, factor: float) -> str:
    """A decimal text times a factor, in plain digits."""
    changed = Decimal(text) * Decimal(str(factor))
    plain = f"{changed:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return plain if "." in plain else f"{plain}.0"


def shifted(text: str, bps: float) -> str:
    """A decimal text moved by so many basis points, by at least one unit of its last digit."""
    number = Decimal(text)
    unit = Decimal(1).scaleb(int(number.as_tuple().exponent))
    moved = number * (1 + Decimal(str(bps)) / BPS_PER_ONE)
    changed = moved.quantize(unit, rounding=ROUND_HALF_EVEN)
    if changed == number:
        changed += unit if bps > 0 else -unit
    return f"{changed:f}"


def with_times_shifted(value: Any, by_ms: int) -> bool:
    """Move every instant inside a value, in place; whether there was any."""
    found = False
    if isinstance(value, list):
        for item in value:
            found |= with_times_shifted(item, by_ms)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in TIME_KEYS and isinstance(item, int):
                value[key] = item + by_ms
                found = True
            else:
                found |= with_times_shifted(item, by_ms)
    return found


def zeroed(value: Any) -> Any:
    """The value with every list empty and every number text `0.0`: an account that never traded."""
    if isinstance(value, dict):
        return {key: zeroed(item) for key, item in value.items()}
    if isinstance(value, list):
        return []
    return "0.0" if isinstance(value, str) and _is_number(value) else value


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal()
